"""Deleting, dropping and renaming in a repository: what the next process finds."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from interpreters import finish, start

pytestmark = pytest.mark.sweep

if TYPE_CHECKING:
    from conftest import Project

OPS = """
from mandala_git import op

def helper(n):
    return n + 1

@op
def first(n):
    return [helper(n)] * 30

@op
def second(xs, k=2):
    return sum(xs) * k
"""

BOTH = "import p\nwith storage:\n    for n in (1, 2): out(p.second(p.first(n)))\n"
DELETE = """
import p
with storage.delete() as deletion:
    p.first(1)
out(list(deletion.calls.values()))
"""


def test_deleted_calls_run_again_in_the_next_process(project: Project) -> None:
    project.write(p=OPS)
    assert project.program(BOTH).executed == 4
    assert project.program(DELETE, oracle=False).values == ["[1, 1]"]
    assert project.program(BOTH).executed == 2
    assert project.program(BOTH).executed == 0


def test_only_what_belongs_is_deleted(project: Project) -> None:
    """Calls of another commit stay, and are there again when it is."""
    project.write(p=OPS)
    old = project.commit()
    assert project.program(BOTH).executed == 4
    project.edit("p", "n + 1", "n + 10")
    project.breaking("helper")
    project.commit()
    assert project.program(BOTH).executed == 4
    assert project.program(DELETE, oracle=False).values == ["[1, 1]"]
    project.checkout(old)
    assert project.program(BOTH).executed == 0
    project.checkout("-")
    assert project.program(BOTH).executed == 2


def test_all_that_would_answer_is_deleted(project: Project) -> None:
    """Of two calls that belong by a verdict, the other one would be found instead."""
    project.write(p=OPS)
    project.commit()
    assert project.program(BOTH).executed == 4
    project.edit("p", "n + 1", "1 + n")
    assert project.program(BOTH).executed == 2  # nobody has said what the edit means
    project.compatible("helper")
    assert project.program(BOTH).executed == 0
    assert project.program(DELETE, oracle=False).values == ["[2, 1]"]
    assert project.program(BOTH).executed == 2


def test_calls_from_before_a_parameter_are_deleted_too(project: Project) -> None:
    project.write(p=OPS)
    project.commit()
    assert project.program(BOTH).executed == 4
    project.edit("p", "def second(xs, k=2):", "def second(xs, k=2, j=0):")
    project.compatible("second")
    delete = """
import p
with storage.delete() as deletion: p.second(p.first(2))
out(sorted(deletion.calls.values()))
"""
    assert project.program(delete, oracle=False).values == ["[1, 1]"]
    assert project.program(BOTH).executed == 2


def test_another_process_goes_on_while_calls_are_deleted(project: Project) -> None:
    project.write(p=OPS)
    assert project.program(BOTH).executed == 4
    other = start(
        project.root,
        f"import sys, p\nfrom mandala_git import Storage\nstorage = Storage()\nout = print\n{BOTH}"
        f"print(flush=True)\nsys.stdin.readline()\n{BOTH}print(storage.executed)",
    )
    assert other.stdout is not None
    assert [other.stdout.readline() for _ in range(3)][2] == "\n"
    assert project.program(DELETE, oracle=False).values == ["[1, 1]"]
    assert finish(other)[-1] == "2"
    assert project.program(BOTH).executed == 0


def test_a_version_is_dropped(project: Project) -> None:
    project.write(p=OPS)
    project.commit()
    assert project.program(BOTH).executed == 4
    project.edit("p", "n + 1", "n + 10")
    project.breaking("helper")
    project.commit()
    assert project.program(BOTH).executed == 4
    drop = """
import p
frame = storage.versions("first")
out(list(zip(frame["calls"], frame["belongs"])))
out(repr(storage.drop_version(frame["version"][0])).partition(",")[0])
out(len(storage.versions()), storage.verify().calls)
"""
    drop = drop.replace(
        "out(len(storage.versions()), storage", "out(len(storage.versions()))\nout(storage"
    )
    run = project.program(drop, oracle=False)
    # `second` ran the same code on other lists: its version is one.
    assert run.values == ["[(2, 'no'), (2, 'yes')]", "'deleted 4 calls'", "2", "{}"]
    assert project.program(BOTH).executed == 0
    project.checkout("HEAD~1")
    assert project.program(BOTH).executed == 4


TWO = """
from mandala_git import op

@op
def {0}(n):
    return [n] * 30

@op
def {1}(n):
    return [-n] * 30
"""
CALLS = "import p\nwith storage: out([p.one(1)[0], p.two(1)[0]])\n"


def test_names_that_were_exchanged(project: Project) -> None:
    """Which nothing but somebody's word can tell from two edits."""
    project.write(p=TWO.format("one", "two"))
    project.commit()
    assert project.program(CALLS).values == ["[1, -1]"]
    project.write(p=TWO.format("two", "one"))
    project.breaking("one", "two")
    swap = """
import p
for old, new in (("one", "aside"), ("two", "one"), ("aside", "two")):
    out(storage.rename_func(old, new))
"""
    assert project.program(swap, oracle=False).values == ["1", "1", "1"]
    run = project.program(CALLS)
    assert (run.values, run.executed) == (["[-1, 1]"], 0)


def test_a_name_whose_op_is_still_there_is_refused(project: Project) -> None:
    project.write(p=TWO.format("one", "two"))
    project.commit()
    assert project.program(CALLS).executed == 2
    refused = """
import p
from mandala_git.errors import UsageError
try:
    storage.rename_func(p.one, "three")
except UsageError as error:
    out(str(error))
"""
    (said,) = project.program(refused, oracle=False).values
    assert "p.py::one is still there and finds its recorded calls" in said
    assert project.program(CALLS).executed == 0
    # Another body under the old name, the old body under a new one: nothing asks.
    three = TWO.format("three", "_").partition("@op\ndef _")[0].partition("import op")[2]
    project.write(p=TWO.format("one", "two").replace("[n]", "[n + 1]") + three)
    project.runs("p.three(1)")
    assert (
        "1 call is recorded under p.py::three already"
        in project.program(refused, oracle=False).values[0]
    )
    project.program("import p\nout(storage.drop_calls(p.three))", oracle=False)
    rename = "import p\nout(storage.rename_func('one', 'three'))\n"
    assert project.program(rename, oracle=False).values == ["1"]
    run = project.program("import p\nwith storage: out(p.three(1)[0])\n")
    assert run.executed == 0
    assert project.program(CALLS).executed == 1
    assert project.program(CALLS).executed == 0
    project.checkout("--", "p.py")
    assert project.program(CALLS).executed == 0


def test_a_rename_and_an_edit_in_one_commit(project: Project) -> None:
    project.write(p=TWO.format("one", "two"))
    project.commit()
    assert project.program(CALLS).executed == 2
    project.write(p=TWO.format("uno", "two").replace("[n]", "[0 + n]"))
    calls = CALLS.replace("p.one", "p.uno")
    classify = ["classify", "p.py::uno", "--was", "p.py::one", "--compatible"]
    command = "import sys; from mandala_git.cli.main import main; sys.exit(main(sys.argv[1:]))"
    process = start(project.root, command, *classify)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert project.program(calls).executed == 0
    # Found by that alone; the tables have it under one name after this.
    rename = "import p\nout(storage.rename_func('one', 'uno'))\n"
    assert project.program(rename, oracle=False).values == ["1"]
    assert project.program(calls).executed == 0
    assert len(project.table("uno")) == 1
    subprocess.run(["git", "checkout", "-q", "--", "p.py"], cwd=project.root, check=True)
    assert project.program(CALLS).executed == 0
