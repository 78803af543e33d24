"""What formatters do to real sources: `git mandala history` finds nothing real in their commits."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from mandala_git.cli.main import main

pytestmark = pytest.mark.sweep

HOUSE = Path(__file__).parent.parent.parent
UGLY = Path(__file__).parent / "formatters" / "ugly.txt"

RUFF = ("ruff", "--isolated", "--quiet")
FORMAT = (*RUFF, "format", "--no-cache")
FIX = (*RUFF, "check", "--no-cache", "--fix-only", "--unsafe-fixes", "--select")
TABS = ("format.quote-style='single'", "format.indent-style='tab'", "format.line-ending='cr-lf'")

STEPS: dict[str, Sequence[str]] = {
    "black, narrow": ("black", "-q", "-W", "1", "-l", "50", "-S"),
    "black, wide": ("black", "-q", "-W", "1", "-l", "120", "-C"),
    "ruff": (*FORMAT, "--line-length", "90"),
    "quotes, tabs, line ends": (*FORMAT, *(f"--config={option}" for option in TABS)),
    "trailing commas and the like": (*FIX, "COM812,E703,F541,ISC001,Q000,UP025,UP034"),
    "pass, return, object": (*FIX, "PIE790,PLR1711,RET501,UP004,UP039,UP009"),
    "if and not": (*FIX, "E713,E714,PLR5501,SIM117"),
    "imports": (*FIX, "I"),
    "imports, one a line": (*FIX, "I", "--config=lint.isort.force-single-line=true"),
}


def run(command: Sequence[str], root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", *command, "."],  # -P: files here may be named like modules
        cwd=root,
        env={**os.environ, "BLACK_CACHE_DIR": str(root.parent / "black")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


@pytest.fixture
def formatted(
    git_repo: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> Callable[..., dict[str, dict[str, Any]]]:
    """Commit some files, then what each formatter makes of them; return what history says."""

    def make(files: dict[str, bytes], names: Iterable[str] = STEPS) -> dict[str, dict[str, Any]]:
        repo = git_repo()
        for path, data in files.items():
            repo.write(path, data)
        repo.commit("first")
        for name in names:
            run(STEPS[name], repo.root)
            assert repo.git("status", "--porcelain"), f"{name} did nothing"
            repo.commit(name)
        monkeypatch.chdir(repo.root)
        capsys.readouterr()
        assert main(["history", "--json", "-n", "99"]) == 0
        found = json.loads(capsys.readouterr().out)["commits"]
        return {commit.pop("subject"): commit for commit in found if commit["subject"] != "first"}

    return make


def real(commit: dict[str, Any]) -> list[tuple[str, list[str]]]:
    loud = ("changed", "added", "removed", "moved", "renamed")
    return [(c["key"], c["reasons"]) for c in commit["changes"] if c["kind"] in loud]


def test_an_ugly_module(formatted: Any) -> None:
    found = formatted({"ugly.py": UGLY.read_bytes()})
    for name, commit in found.items():
        assert real(commit) == [], name
        if "imports" not in name:  # each is a definition, and that is as it was
            assert commit["cosmetic"] > 0, name
        assert commit["unreadable"] == commit["names"] == 0


def test_sources_of_this_project(formatted: Any) -> None:
    sources = sorted((HOUSE / "mandala_git" / "source").glob("*.py"))[:12]
    sources += [HOUSE / "mandala_git" / "config.py", HOUSE / "tests" / "test_house.py"]
    names = [name for name in STEPS if name not in ("pass, return, object", "if and not")]
    found = formatted({file.name: file.read_bytes() for file in sources}, names)
    for name, commit in found.items():
        assert commit["real"] == commit["moved"] == commit["names"] == 0, (name, real(commit))
    assert found["black, narrow"]["cosmetic"] > 50


def test_what_formatters_do_and_python_sees(formatted: Any) -> None:
    lines = [
        "def show(f):",
        '    """',
        "    Print it.   ",
        '    """',
        "    print(f.__doc__)",
        "def late():",
        "    import sys, os",
        "    return os, sys",
        "",
    ]
    found = formatted({"m.py": "\n".join(lines).encode()}, ["ruff", "imports"])
    assert (found["ruff"]["real"], found["ruff"]["layout"]) == (0, 1)
    assert real(found["ruff"]) == [
        ("m.py::show", ["layout of a docstring only (read by __doc__, so it counts)"])
    ]
    assert (found["imports"]["real"], found["imports"]["layout"]) == (0, 1)
    assert real(found["imports"]) == [("m.py::late", ["order of imports"])]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_standard_library(formatted: Any) -> None:
    folder = Path(sysconfig.get_path("stdlib"))
    files = [file for file in sorted(folder.glob("*/*.py")) if "site-packages" not in str(file)]
    files = [file for file in files if 500 < file.stat().st_size < 40_000]
    chosen = random.Random(3).sample(files, 100)
    found = formatted({str(file.relative_to(folder)): file.read_bytes() for file in chosen})
    for name, commit in found.items():
        wrong = [
            change
            for change in commit["changes"]
            if change["kind"] not in ("cosmetic", "names") and not change["layout"]
        ]
        # `import *` may bring any name, so that its place counts.
        assert [c for c in wrong if "star import" not in str(c["reasons"])] == [], name
    assert sum(commit["cosmetic"] for commit in found.values()) > 1000
