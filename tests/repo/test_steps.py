"""The steps of history: what each commit changed, along first parents."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from mandala_git.repo.repository import Repository
from mandala_git.repo.steps import Step, steps


@pytest.fixture(params=["sha1", "sha256"])
def scratch(git_repo: Callable[..., Any], request: pytest.FixtureRequest) -> Any:
    return git_repo("repo", f"--object-format={request.param}")


def seen(scratch: Any, **options: Any) -> list[Step]:
    repo = Repository.discover(scratch.root)
    return list(steps(repo, repo.resolve("HEAD"), **{"most": 99, **options}))


def paths(scratch: Any, **options: Any) -> list[tuple[str, list[str], list[str]]]:
    return [
        (s.subject, sorted(s.before.entries), sorted(s.after.entries))
        for s in seen(scratch, **options)
    ]


def test_each_commit_and_its_first_parent(scratch: Any) -> None:
    scratch.write("a.py", "a = 1\n")
    scratch.write("b.py", "b = 1\n")
    first = scratch.commit("one")
    scratch.write("a.py", "a = 2\n")
    scratch.write("notes.txt", "nothing\n")
    second = scratch.commit("two: ünicode")
    scratch.write("notes.txt", "more\n")
    scratch.commit("no code")
    scratch.git("mv", "b.py", "c.py")
    scratch.write("d.ipynb", "{}")
    scratch.commit("moved")
    assert paths(scratch) == [
        ("moved", ["b.py"], ["c.py", "d.ipynb"]),
        ("no code", [], []),
        ("two: ünicode", ["a.py"], ["a.py"]),
        ("one", [], ["a.py", "b.py"]),
    ]
    *_, two, one = seen(scratch)
    assert (two.commit, two.parent, one.commit, one.parent) == (second, first, first, "")
    assert two.before.read(["a.py"]) == {"a.py": b"a = 1\n"}
    assert two.after.read(["a.py"]) == {"a.py": b"a = 2\n"}
    assert [s.subject for s in seen(scratch, most=2)] == ["moved", "no code"]
    assert [s.subject for s in seen(scratch, exclude=[second])] == ["moved", "no code"]
    assert seen(scratch, most=0) == []


def test_a_merge_is_one_step(scratch: Any) -> None:
    scratch.write("a.py", "a = 1\n")
    scratch.commit("one")
    scratch.git("switch", "-q", "-c", "topic")
    scratch.write("b.py", "b = 1\n")
    scratch.commit("aside")
    scratch.write("b.py", "b = 2\n")
    scratch.commit("aside again")
    scratch.git("switch", "-q", "main")
    scratch.write("c.py", "c = 1\n")
    scratch.commit("two")
    scratch.git("merge", "-q", "-m", "merged", "topic")
    assert paths(scratch) == [
        ("merged", [], ["b.py"]),
        ("two", [], ["c.py"]),
        ("one", [], ["a.py"]),
    ]


def test_what_is_no_project_code_is_left_out(scratch: Any) -> None:
    scratch.write("env/pyvenv.cfg", "")
    scratch.write("env/lib/x.py", "x = 1\n")
    scratch.write("a.py", "a = 1\n")
    os.symlink("a.py", scratch.root / "link.py")
    scratch.commit("one")
    scratch.write("env/lib/x.py", "x = 2\n")
    scratch.commit("inside")
    scratch.git("rm", "-q", "env/pyvenv.cfg")
    scratch.commit("no environment any more")
    scratch.write("env/lib/x.py", "x = 3\n")
    scratch.commit("code now")
    assert paths(scratch) == [
        ("code now", ["env/lib/x.py"], ["env/lib/x.py"]),
        ("no environment any more", [], []),
        ("inside", [], []),
        ("one", [], ["a.py"]),
    ]


def test_a_shallow_clone_knows_where_it_ends(scratch: Any, git_repo: Callable[..., Any]) -> None:
    for number in range(3):
        scratch.write("a.py", f"a = {number}\n")
        scratch.commit(f"commit {number}")
    clone = type(scratch)(scratch.root.parent / "clone")
    scratch.git("clone", "-q", "--depth", "2", scratch.root.as_uri(), str(clone.root))
    found = seen(clone)
    assert [(s.subject, s.cut, sorted(s.before.entries)) for s in found] == [
        ("commit 2", False, ["a.py"]),
        ("commit 1", True, []),
    ]


def test_names_that_are_no_text(scratch: Any) -> None:
    name = os.fsdecode(b"\xff\n:.py")
    try:
        scratch.write(name, "a = 1\n")
    except OSError:
        pytest.skip("this file system refuses the name")
    scratch.git("-c", "i18n.commitEncoding=latin-1", "add", ".")
    message = scratch.root / "message"
    message.write_bytes("gr\xfc\xdfe\n".encode("latin-1"))
    scratch.git("-c", "i18n.commitEncoding=latin-1", "commit", "-q", "-F", str(message))
    scratch.git("config", "log.showSignature", "true")
    assert paths(scratch) == [("gr\xfc\xdfe", [], [name])]
