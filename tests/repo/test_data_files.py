"""Data files: on disk and in git the same pattern means the same files, and ids are git's."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mandala_git.repo import data_files
from mandala_git.repo.data_files import UNREADABLE, DiskFiles, agrees, matcher, normal
from mandala_git.repo.repository import Repository
from mandala_git.repo.snapshots import commit_tree, index_tree

NAMES = (
    "a.csv", "data/a.csv", "data/b.csv", "data/x/c.csv", "data/x/y/d.txt", ".h/a.csv",
    "data/.hid", "data2/a.csv", "a[1].csv", "b-1.csv", "z^.csv", "data/__pycache__/a.pyc",
)  # fmt: skip


@pytest.fixture(scope="module")
def top(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("files")
    for name in NAMES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


@given(
    st.lists(
        st.text(st.sampled_from("ab1*?[]!^-.cxydt"), min_size=1, max_size=5)
        | st.sampled_from(["data", "data2", "*", "**", "x", "*.csv", "a.csv", ".h", "[!a]*"]),
        min_size=1,
        max_size=4,
    )
)
def test_disk_and_git_understand_a_pattern_alike(top: Path, names: list[str]) -> None:
    pattern = normal("", "/".join(names))
    try:
        matches = matcher(pattern).fullmatch
    except data_files.re.error:
        return  # refused where it is declared
    if not data_files.is_inside(pattern):
        return
    found = [path for path, _ in DiskFiles(top, "sha1").listing(pattern)]
    assert found == sorted(n for n in NAMES if matches(n) and data_files._is_data(pattern, n))


@pytest.mark.parametrize("kind", ["sha1", "sha256"])
def test_ids_are_those_of_git(git_repo: Callable[..., Any], kind: str) -> None:
    repo = git_repo("ids", f"--object-format={kind}")
    for name, text in (("a.txt", "a\r\nb\n"), ("empty", ""), ("sub/ü b.txt", "x" * 3_000_000)):
        repo.write(name, text)
    repo.git("config", "core.autocrlf", "false")
    repo.commit()
    commit = commit_tree(found := Repository.discover(repo.root), found.head() or "")
    disk = DiskFiles(repo.root, found.object_format)
    for pattern in ("a.txt", "empty", "sub", "**", "*.txt", "none"):
        for tree in (commit, index_tree(found)):
            assert tree.data is not None
            assert tree.data.listing(pattern) == disk.listing(pattern)
    assert [path for path, _ in disk.listing("**")] == ["a.txt", "empty", "sub/ü b.txt"]


def test_git_does_not_tell_of_links_and_of_what_is_outside(git_repo: Callable[..., Any]) -> None:
    repo = git_repo()
    repo.write("a.txt", "a")
    (repo.root / "link.txt").symlink_to("a.txt")
    repo.commit()
    found = Repository.discover(repo.root)
    data = commit_tree(found, found.head() or "").data
    assert data is not None
    assert data.listing("link.txt") is data.listing("*.txt") is None
    assert data.listing("../x") is data.listing("/x") is None
    assert data.listing("b.txt") == ()


def test_what_cannot_be_read_agrees_with_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("a")

    def refuse(*args: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(data_files, "open", refuse, raising=False)
    disk = DiskFiles(tmp_path, "sha1")
    ((path, blob),) = disk.listing("a.txt")
    assert (path, blob) == ("a.txt", f"{UNREADABLE} cannot be read: Permission denied")
    assert agrees({path: blob}, disk.listing("a.txt"), complete=True) is False
    monkeypatch.undo()
    assert not disk.listing("a.txt")[0][1].startswith(UNREADABLE)


def test_a_file_that_grows_while_it_is_read_agrees_with_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("a")
    real = os.fstat

    def growing(number: int) -> os.stat_result:
        seen = real(number)
        path.write_text(path.read_text() + "a")
        return seen

    disk = DiskFiles(tmp_path, "sha1")
    monkeypatch.setattr(data_files.os, "fstat", growing)
    first, second = disk.listing("a.txt"), disk.listing("a.txt")
    assert first[0][1].startswith(UNREADABLE) and first != second
    monkeypatch.undo()
    assert disk.listing("a.txt") == disk.listing("a.txt")


def test_a_settled_file_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    path.write_text("a")
    read: list[str] = []
    real = data_files._hash
    monkeypatch.setattr(
        data_files, "_hash", lambda name, kind: read.append(name) or real(name, kind)
    )
    disk = DiskFiles(tmp_path, "sha1")
    now = data_files.time.time_ns
    first = [disk.listing("a.txt") for _ in range(3)]
    assert len(read) == 3  # it is young: the same times prove nothing
    monkeypatch.setattr(data_files.time, "time_ns", lambda: now() + 3_000_000_000)
    assert [disk.listing("a.txt") for _ in range(3)] == first
    assert len(read) == 4
    path.write_text("b")
    assert disk.listing("a.txt") != first[0]


def test_agreement() -> None:
    then = {"a": "1", "b": "2"}
    assert agrees(then, (("a", "1"), ("b", "2")), complete=True) is True
    assert agrees(then, (("a", "1"), ("b", "3")), complete=False) is False
    assert agrees(then, (("a", "1"), ("c", "3")), complete=False) is False
    assert agrees(then, (("a", "1"),), complete=True) is False
    assert agrees(then, (("a", "1"),), complete=False) is None
    assert agrees(then, None, complete=False) is None
    assert agrees({}, (), complete=False) is True
