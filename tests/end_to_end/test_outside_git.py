"""A storage outside of any repository: a file beside the code, or memory."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import pytest
from interpreters import HOUSE

from mandala_git import Storage
from mandala_git.errors import MandalaError, UsageError

pytestmark = pytest.mark.sweep

HELPER = "def helper(x):\n    return x + 1\n"
PROGRAM = """
from helping import helper
from mandala_git import Storage, op

@op
def f(x):
    return helper(x)

storage = Storage(db_path="calls.db", deps_path="__main__")
with storage:
    print(f(1).value, storage.executed)
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(HOUSE))
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)  # of the run that this is in
    # A .pyc is told from its source by seconds and size.
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    write(tmp_path / "helping.py", HELPER)
    write(tmp_path / "script.py", PROGRAM)
    return tmp_path


def write(file: Path, text: str) -> None:
    file.write_text(text)
    time.sleep(0.012)  # a process that starts at once takes such a file for edited later


def run(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_results_follow_the_meaning_of_the_code(here: Path) -> None:
    assert run("script.py") == "2 1"
    assert run("script.py") == "2 0"
    write(here / "helping.py", "# said better\n" + HELPER)
    assert run("script.py") == "2 0"
    write(here / "helping.py", HELPER.replace("1", "2"))
    assert run("script.py") == "3 1"
    write(here / "helping.py", HELPER)
    assert run("script.py") == "2 0"
    assert run(str(here / "script.py")) == "2 0"


def test_the_database_is_the_file_that_was_named(here: Path) -> None:
    assert run("script.py") == "2 1"
    assert (here / "calls.db").is_file()
    os.remove(here / "calls.db")
    assert run("script.py") == "2 1"
    assert run("script.py") == "2 0"
    assert "calls.db" in repr(Storage("calls.db"))
    assert {each.name for each in here.iterdir() if each.suffix != ".pyc"} - {"__pycache__"} <= {
        "calls.db",
        "calls.db-files",
        "calls.lock",
        "calls.db-shm",
        "calls.db-wal",
        "helping.py",
        "script.py",
    }


def test_large_values_lie_beside_it(here: Path) -> None:
    write(
        here / "script.py",
        PROGRAM.replace("return helper(x)", "return bytes(1_000_000) + bytes([helper(x)])").replace(
            "f(1).value", "len(f(1).value)"
        ),
    )
    assert run("script.py") == "1000001 1"
    assert run("script.py") == "1000001 0"
    assert sum(file.stat().st_size for file in (here / "calls.db-files").rglob("values/*/*")) > 1e6


def test_a_database_of_its_own_in_a_repository(here: Path) -> None:
    subprocess.run(["git", "init", "-q", "."], check=True)
    assert run("script.py") == "2 1"
    assert run("script.py") == "2 0"
    assert not (here / ".git" / "mandala" / "results.db").exists()
    write(here / "script.py", PROGRAM.replace('db_path="calls.db", ', ""))
    assert run("script.py") == "2 1"  # the repository's own
    assert (here / ".git" / "mandala" / "results.db").exists()


def test_in_memory(here: Path) -> None:
    for place in ("", '":memory:"', 'db_path=":memory:"'):
        write(
            here / "script.py",
            PROGRAM.replace('db_path="calls.db", deps_path="__main__"', place)
            + "    f(1)\n    print(storage.executed)\n",
        )
        for _ in range(2):
            assert run("script.py") == "2 1\n1"
    assert not list(here.glob("calls*"))


def test_a_helper_that_is_made_anew_counts(here: Path) -> None:
    write(
        here / "script.py",
        PROGRAM.replace('db_path="calls.db", deps_path="__main__"', "")
        + "def helper(x):\n    return 7\n\nwith storage:\n    print(f(1).value)\n",
    )
    done = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "1", "7"]


def test_code_in_folders_counts_and_environments_do_not(here: Path) -> None:
    (here / "pkg").mkdir()
    write(here / "pkg" / "__init__.py", "")
    write(here / "pkg" / "deep.py", "class A:\n    def go(self, x):\n        return x\n")
    write(
        here / "script.py",
        PROGRAM.replace("from helping import helper", "from pkg.deep import A").replace(
            "helper(x)", "A().go(x)"
        ),
    )
    assert run("script.py") == "1 1"
    (here / "env").mkdir()
    write(here / "env" / "pyvenv.cfg", "")
    write(here / "env" / "other.py", "class B:\n    def go(self, x):\n        return 3\n")
    assert run("script.py") == "1 0"
    write(here / "pkg" / "deep.py", "class A:\n    def go(self, x):\n        return -x\n")
    assert run("script.py") == "-1 1"


def test_a_folder_that_is_no_project(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program in a folder with everything in it works, and its loaded code counts."""
    from mandala_git.repo import project

    monkeypatch.setattr(project, "LIMIT", 3)
    (here / "sub").mkdir()
    for number in range(5):
        write(here / "sub" / f"m{number}.py", "")
    found = project.Folder(here)
    assert sorted(found.code_files()) == ["helping.py", "script.py"]
    assert sorted(found.code_files()) == ["helping.py", "script.py"]


def test_the_folder_of_the_code_may_be_said(here: Path) -> None:
    assert f"the code in {here}" in repr(Storage(deps_path=here))
    with pytest.raises(UsageError, match="is no folder"):
        Storage(deps_path="nowhere")
    with pytest.raises(UsageError, match="is no folder"):
        Storage(deps_path=5)  # type: ignore[arg-type]
    assert f"the code in {here}" in repr(Storage()), "pytest, which runs this, is no project"


def test_other_processes_open_the_same(here: Path) -> None:
    storage = Storage("calls.db", compression="xz")
    again = pickle.loads(pickle.dumps(storage))
    assert repr(again) == repr(storage)
    assert again.results.path == storage.results.path == here / "calls.db"


def test_there_is_no_past(here: Path) -> None:
    with pytest.raises(MandalaError, match="no past"):
        Storage("calls.db").at("HEAD")


TESTS = """
import pytest
from mandala_git import Storage, op

def helper(x):
    assert x, "a helper whose assert pytest rewrites"
    return x + 1

@op
def top(x):
    assert x
    return helper(x)

def test_it(capsys):
    @op
    def inner(x):
        return helper(x)

    storage = Storage("calls.db")
    with storage:
        assert top(1).value + inner(1).value == 4
    with capsys.disabled():
        print(f"executed {storage.executed}")
"""


def test_ops_in_test_files_are_found_again(here: Path) -> None:
    """What pytest makes of a test file is proved to be made of it."""
    command = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_them.py")
    write(here / "test_them.py", TESTS)
    assert "executed 2" in run(*command)
    assert "executed 0" in run(*command)
    write(here / "test_them.py", TESTS.replace("x + 1", "1 + x * 1"))
    assert "executed 2" in run(*command)
    write(here / "test_them.py", TESTS.replace("assert x\n", "assert x, 'more'\n"))
    assert "executed 1" in run(*command)
