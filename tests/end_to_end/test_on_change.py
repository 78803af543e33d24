"""What a program does when code has changed and nobody has said what that means."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pexpect
import pytest
from interpreters import HOUSE

pytestmark = pytest.mark.sweep

LIB = """
from mandala_git import op

def helper(x):
    return x + 1

@op
def f(x):
    return helper(x)
"""
GO = """
import sys
from mandala_git import Storage
from lib import f, helper

storage = Storage(on_change=(sys.argv[1:] or [None])[0])
with storage:
    print(f(1).value, f(2).value, storage.executed)
"""


@pytest.fixture
def here(git_repo: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    repo = git_repo("work")
    monkeypatch.chdir(repo.root)
    monkeypatch.setenv("PYTHONPATH", str(HOUSE))
    # A .pyc is told from its source by seconds and size.
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    repo.write("lib.py", LIB)
    repo.write("go.py", GO)
    repo.commit("one")
    time.sleep(0.012)
    assert run() == ("2 3 2", "")
    return repo.root  # type: ignore[no-any-return]


def edit(here: Path, old: str, new: str) -> None:
    file = here / "lib.py"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    time.sleep(0.012)


def run(*words: str, answers: str = "", code: int = 0) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-W", "error", "go.py", *words],
        input=answers,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done.stdout.rstrip("\n").rpartition("\n")[2], done.stderr.strip()


def test_calls_run_again_and_one_line_says_so(here: Path) -> None:
    edit(here, "x + 1", "1 + x")
    for policy in ((), ("recompute",)):
        out, said = run(*policy)
        assert out == ("2 3 0" if policy else "2 3 2")
        if not policy:
            assert said == (
                "mandala: lib.py:4 helper has changed: 2 calls of f run again; "
                'to keep them: storage.classify("lib.py::helper", "compatible")'
            )
    edit(here, "1 + x", "x + 1  # as it was")
    assert run() == ("2 3 0", "")


def test_what_is_decided_is_not_told(here: Path) -> None:
    edit(here, "x + 1", "x + 2")
    assert "run again" in run()[1]
    assert run() == ("3 4 0", "")
    edit(here, "x + 2", "x + 3")
    (here / "say.py").write_text(
        GO.replace("print(f(1).value, f(2).value, storage.executed)", "f(1)")
        + 'print(storage.classify(helper, "breaking"))\n'
        + "with storage:\n    f(2)\nprint(storage.executed)\n"
    )
    done = subprocess.run([sys.executable, "say.py"], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "2"


def test_reused_as_if_it_were_compatible(here: Path) -> None:
    edit(here, "x + 1", "x + 2")
    assert run("reuse") == ("2 3 0", "")
    assert run("recompute")[0] == "3 4 2"
    assert run("reuse")[0] == "3 4 0"  # the loaded code's own come first
    edit(here, "return helper(x)", "return helper(x) * 10")
    edit(here, "x + 2", "x + 7")
    assert run("reuse")[0] in ("2 3 0", "3 4 0")
    done = subprocess.run(
        ["git", "for-each-ref", "refs/mandala"], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""  # nothing was said to anybody


def test_what_was_called_breaking_is_never_reused(here: Path) -> None:
    edit(here, "x + 1", "x + 2")
    assert run("ask", answers="b\n")[0].endswith("3 4 2")
    assert run("reuse")[0] == "3 4 0"
    edit(here, "x + 2", "x + 1")
    assert run("reuse")[0] == "2 3 0"


def test_an_error(here: Path) -> None:
    edit(here, "x + 1", "x + 2")
    for _ in range(2):
        _, said = run("raise", code=1)
        assert "CodeChanged: f would run again: lib.py:4 helper has changed: 2 calls of f" in said
        assert 'storage.classify("lib.py::helper", "breaking")   or "compatible"' in said
    _, said = run("rise", code=1)
    assert "on_change='rise' is not known" in said


@pytest.mark.parametrize(("answer", "expected"), [("c", "2 3 0"), ("b", "3 4 2"), ("s", "3 4 2")])
def test_asked(here: Path, answer: str, expected: str) -> None:
    edit(here, "x + 1", "x + 2")
    out, said = run("ask", answers=f"d\n{answer}\n")
    assert out.endswith(expected) and said == ""
    if answer != "s":
        assert run("ask")[0].endswith(expected[:-1] + "0")  # kept, and not asked again


def test_who_is_asked_may_stop(here: Path) -> None:
    edit(here, "x + 1", "x + 2")
    _, said = run("ask", answers="q\n", code=1)
    assert "CodeChanged" in said
    assert run("recompute")[0] == "3 4 2"


def test_nobody_is_there(here: Path) -> None:
    edit(here, "x + 1", "x + 2")
    out, said = run("ask")
    assert out.endswith("3 4 2") and "run again" in said


LATER = """
import sys
from pathlib import Path
from mandala_git import Storage
from lib import f

storage = Storage(on_change="ask")
with storage:
    lib = Path("lib.py")
    lib.write_text("\\n# more\\n# lines\\n" + lib.read_text().replace("x + 2", "x + 3"))
    print(f(1).value)
"""

CELLS = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for cell in (
    "from mandala_git import Storage, op\\nstorage = Storage(on_change='ask')",
    "def helper(x):\\n    return x + 1",
    "@op\\ndef g(x):\\n    return helper(x)",
    "with storage: g(1)",
    "def helper(x):\\n    return x + 2",
    "with storage: print(g(1).value)",
):
    shell.run_cell(cell, store_history=True).raise_error()
"""


@pytest.mark.parametrize("program", [LATER, CELLS])
def test_what_is_shown_is_what_is_loaded(here: Path, program: str) -> None:
    """Not what a file says in that place, which was edited since or never held it."""
    edit(here, "x + 1", "x + 2")
    done = subprocess.run(
        [sys.executable, "-c", program], input="b\n", capture_output=True, text=True, check=True
    )
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert "-     return x + 1" in lines and "+     return x + 2" in lines, done.stdout
    assert "x + 3" not in done.stdout and lines[-1].endswith("3")


def test_at_a_prompt_it_is_asked(here: Path) -> None:
    edit(here, "x + 1", "1 + x")
    child = pexpect.spawn(
        sys.executable,
        ["-i", "-c", "from mandala_git import Storage; from lib import f"],
        env={**os.environ, "TERM": "dumb", "PYTHON_BASIC_REPL": "1"},
        encoding="utf-8",
        timeout=60,
    )
    child.expect(">>> ")
    child.sendline("storage = Storage()")
    child.expect(">>> ")
    child.sendline("with storage: f(1)\n")
    child.expect("breaking or compatible")
    child.sendline("c")
    child.expect(">>> ")
    child.sendline("print('ran', storage.executed)")
    child.expect("ran 0")
    child.sendline("exit()")
    child.expect(pexpect.EOF)
    child.close()
    assert run("raise") == ("2 3 0", "")


def test_outside_of_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(HOUSE))
    # A .pyc is told from its source by seconds and size.
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / "lib.py").write_text(LIB)
    (tmp_path / "go.py").write_text(GO.replace("Storage(", 'Storage("calls.db", '))
    time.sleep(0.012)
    assert run()[0] == "2 3 2"
    edit(tmp_path, "x + 1", "1 + x")
    assert run("ask", answers="c\n")[0].endswith("2 3 0")
    assert run("raise") == ("2 3 0", "")
    edit(tmp_path, "1 + x", "2 + x")
    assert run("ask", answers="b\n")[0].endswith("3 4 2")
