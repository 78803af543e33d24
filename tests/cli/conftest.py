"""Run the command line and hooks as processes of their own, as the shell and git do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

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
