"""What real projects hold by accident: names and sources that are no text, code that is no file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HOUSE = Path(__file__).parent.parent.parent

OP = """
from mandala_git import Storage, op
{more}
@op
def f(x):
    return g(x)

with Storage() as storage:
    print(f(3).value, storage.executed)
"""


def run(script: Path) -> str:
    """Run a program in the folder that it stands in; return what it prints."""
    done = subprocess.run(
        [sys.executable, script.name],
        cwd=script.parent,
        env={**os.environ, "PYTHONPATH": str(HOUSE)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, os.fsdecode(done.stderr)
    return done.stdout.decode().strip()


@pytest.mark.parametrize("folder", ["d\udcff", "ü b"])
def test_names_that_are_not_utf_8(git_repo: Callable[..., Any], folder: str) -> None:
    repo = git_repo("repo\udcfe")
    repo.write(f"{folder}/helper.py", "def g(x): return x + 1\n")
    script = repo.write(f"{folder}/n\udcfd.py", OP.format(more="from helper import g"))
    repo.commit()
    assert run(script) == "4 1"
    assert run(script) == "4 0"
    repo.write(
        f"{folder}/helper.py",
        "def g(x): return x + 2  # of another size: Python tells bytecode by it\n",
    )
    assert run(script) == "5 1"
    repo.git("checkout", "-q", "--", ".")
    assert run(script) == "4 0"
