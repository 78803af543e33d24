"""Run the command line and hooks as processes of their own, as the shell and git do."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from mandala_git.cli.main import main

HOUSE = Path(__file__).parent.parent.parent


class Ended(NamedTuple):
    """How a process ended."""

    code: int
    out: str
    err: str


def run_python(code: str, *args: str, cwd: Path, env: dict[str, str] | None = None) -> Ended:
    """Run a line of Python that finds this package, whatever folder it starts in."""
    path = os.pathsep.join(filter(None, [str(HOUSE), os.environ.get("PYTHONPATH", "")]))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *args],
        cwd=cwd,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": path, **(env or {})},
    )
    return Ended(done.returncode, os.fsdecode(done.stdout), os.fsdecode(done.stderr))


@pytest.fixture
def mandala(tmp_path: Path) -> Callable[..., Ended]:
    """`mandala("version", "--json", cwd=folder)` runs `git mandala version --json` there."""

    def run(*args: str, cwd: Path = tmp_path, env: dict[str, str] | None = None) -> Ended:
        entry = "from mandala_git.cli.main import entry; entry()"
        return run_python(entry, *args, cwd=cwd, env=env)

    return run


@pytest.fixture
def hook() -> Callable[..., Ended]:
    """`hook("pre-commit", cwd=folder)` runs our hook; `before` is Python that breaks it first."""

    def run(name: str, *, cwd: Path, before: str = "", env: dict[str, str] | None = None) -> Ended:
        code = f"{before}\nfrom mandala_git.cli.hook import entry; entry({name!r})"
        return run_python(code, cwd=cwd, env=env)

    return run


PREP = '''"""Preparation."""

N_CLASS = 10


class Model:
    """What training gives."""

    def __init__(self, weights):
        self.weights = weights

    def __repr__(self):
        return f"Model({self.weights})"


def scale_data(rows):
    """Scale rows to 0..1."""
    top = max(max(row) for row in rows)
    return [[x / top for x in row] for row in rows]


def unused(x):
    return x + 1
'''

PIPELINE = """from lab.prep import N_CLASS, Model, scale_data
from mandala_git.imports import Storage, op


@op
def load_data():
    return [[float(i * j % 7) for j in range(4)] for i in range(20)]


@op
def train_model(data, rate, scale=True):
    if scale:
        data = scale_data(data)
    return Model([sum(column) * rate for column in zip(*data)])


@op
def get_acc(model):
    return round(sum(model.weights) / N_CLASS, 6)


if __name__ == "__main__":
    with Storage() as storage:
        data = load_data()
        for rate in (0.1, 0.2):
            for scale in (True, False):
                acc = get_acc(train_model(data, rate, scale))
    print(storage.executed, storage.found)
"""

SECONDS = {"load_data": 2.0, "train_model": 90.0, "get_acc": 0.004}
"""How long the recorded calls took, as the tests would have it."""


class Lab:
    """A repository with a pipeline that has run once: 9 calls of 3 ops.

    Attributes:
        repo: the repository.
        root: its work tree.
    """

    def __init__(self, repo: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.repo = repo
        self.root: Path = repo.root
        self._capsys = capsys
        monkeypatch.chdir(self.root)
        # Values of the project are of its classes, which this process loads.
        monkeypatch.setattr(sys, "path", [*sys.path])
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        for name in [n for n in sys.modules if n.partition(".")[0] == "lab"]:
            monkeypatch.delitem(sys.modules, name)

    def __call__(self, *words: str) -> Ended:
        """Run a verb in this process."""
        self._capsys.readouterr()
        code = main(words)
        out, err = self._capsys.readouterr()
        return Ended(code, out, err)

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace something in a file."""
        text = (self.root / path).read_text("utf-8")
        assert old in text
        (self.root / path).write_text(text.replace(old, new), "utf-8")

    def scale(self) -> None:
        """Change the helper that half of the calls of train_model ran."""
        self.edit("lab/prep.py", "x / top for", "x / top + 1 for")

    def n_class(self) -> None:
        """Change the constant that all calls of get_acc read."""
        self.edit("lab/prep.py", "N_CLASS = 10", "N_CLASS = 11")

    def program(self) -> tuple[int, int]:
        """Run the pipeline; return how many calls ran and how many were found."""
        executed, found = run_pipeline(self.root).split()
        return int(executed), int(found)


def run_pipeline(root: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-B", "pipeline.py"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(HOUSE)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def pipeline_that_ran(tmp_path_factory: pytest.TempPathFactory, quiet_git: None) -> Path:
    """A repository to copy: copying is faster than running the pipeline for each test."""
    root = tmp_path_factory.mktemp("template")
    (root / "lab").mkdir()
    (root / "lab" / "prep.py").write_text(PREP, "utf-8")
    (root / "pipeline.py").write_text(PIPELINE, "utf-8")

    def git(*args: str) -> None:
        subprocess.run(["git", *args], cwd=root, check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    git("config", "gc.auto", "0")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    assert run_python("from mandala_git.cli.main import entry; entry()", "init", cwd=root).code == 0
    assert run_pipeline(root) == "9 0\n"
    database = sqlite3.connect(root / ".git" / "mandala" / "results.db")
    for name, seconds in SECONDS.items():
        runs = "(SELECT r.id FROM runs r JOIN ops o ON o.id = r.op WHERE o.key = ?)"
        key = f"pipeline.py::{name}"
        database.execute(
            "UPDATE calls SET duration = ? * 1000000, started = (1700000000 + id) * 1000 "
            f"WHERE run IN {runs}",
            (seconds, key),
        )
        database.execute(f"UPDATE runs SET seconds = calls * ? WHERE id IN {runs}", (seconds, key))
    database.commit()
    database.close()
    return root


@pytest.fixture
def lab(
    pipeline_that_ran: Path, git_repo: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> Lab:
    """A repository with a pipeline that has run once."""
    repo = git_repo("lab")
    shutil.rmtree(repo.root)
    shutil.copytree(pipeline_that_ran, repo.root, symlinks=True)
    return Lab(repo, capsys, monkeypatch)


GOLDEN = Path(__file__).parent / "golden"
WRITE = os.environ.get("MANDALA_GOLDEN") == "write"


def golden(name: str, text: str) -> None:
    """Compare with a golden file; `MANDALA_GOLDEN=write` writes it instead."""
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "2023-11-14 22:13", text)
    text = re.sub(r"^[0-9a-f]{10}  ", "0123456789  ", text, flags=re.MULTILINE)
    file = GOLDEN / name
    if WRITE:
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


@pytest.fixture
def compare_golden() -> Callable[[str, str], None]:
    """`compare_golden("name.txt", text)` compares what people read with a golden file."""
    return golden


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of scripts on the path, made as pip makes them: `#!python` becomes a real path."""
    scripts = tmp_path / "bin"
    scripts.mkdir()
    entry = "import sys; from mandala_git.cli.main import entry; sys.exit(entry())"
    sources = {"git-mandala": f"#!python\n{entry}\n"}
    for launcher in (HOUSE / "hooks").iterdir():
        sources[launcher.name] = launcher.read_text("utf-8")
    for name, source in sources.items():
        assert source.startswith("#!python\n")
        (scripts / name).write_text(source.replace("#!python", f"#!{sys.executable}", 1))
        (scripts / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{scripts}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(HOUSE))
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PRE_COMMIT_COLOR", "never")
    return scripts
