"""The three kinds of store behave alike; names are the law."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mandala_git.errors import StoreError
from mandala_git.repo.git_store import GitStore
from mandala_git.repo.repository import Repository
from mandala_git.repo.store import (
    FolderStore,
    MemoryStore,
    context_name,
    is_content,
    is_name,
    sha256,
    text_name,
    verdict_name,
)

EDGE = sha256(b"edge")


def some(count, kind="x"):
    return {text_name(data): data for data in (b"%s %d" % (kind.encode(), n) for n in range(count))}


@pytest.fixture(params=["git", "git-sha256", "folder", "memory"])
def store(request, git_repo, tmp_path):
    if request.param == "git":
        return GitStore(Repository.discover(git_repo().root))
    if request.param == "git-sha256":
        return GitStore(Repository.discover(git_repo("r", "--object-format=sha256").root))
    return FolderStore(tmp_path / "store") if request.param == "folder" else MemoryStore()


def test_before_it_is_made(store):
    assert not store.exists()
    assert store.tip() is None
    assert store.names() == []
    assert store.read(some(1)) == store.read_all() == store.added_since(None) == {}
    with pytest.raises(StoreError, match="git mandala init"):
        store.add(some(1), message="m")


def test_init_is_idempotent(store):
    assert store.init() is True
    tip = store.tip()
    assert store.init() is False
    assert store.exists()
    assert store.tip() == tip is not None
    assert store.names() == []


def test_what_is_added_can_be_read(store):
    store.init()
    files = {
        text_name(b"text\n"): b"text\n",
        context_name(b""): b"",
        verdict_name(EDGE, b"{\0}"): b"{\0}",
        verdict_name(EDGE, b"\xff\n\n"): b"\xff\n\n",
    }
    before = store.tip()
    tip = store.add(files, message="two\nlines, ü and \udcff")
    assert tip == store.tip() != before
    assert store.names() == sorted(files)
    assert store.read_all() == store.added_since(None) == files
    assert store.names("v/") == store.names(f"v/{EDGE[:2]}/{EDGE}/")
    assert len(store.names("v/")) == 2
    assert store.read_all("c") == {context_name(b""): b""}
    assert store.names("x") == []
    assert store.read([text_name(b"text\n"), text_name(b"other"), "FORMAT", "../x"]) == {
        text_name(b"text\n"): b"text\n"
    }


def test_nothing_new_moves_nothing(store):
    store.init()
    assert store.add({}, message="m") is None
    tip = store.add(some(2), message="m")
    assert store.add(some(2), message="m") is None
    assert store.tip() == tip
    assert store.add(some(3), message="m") != tip
    assert store.read_all() == some(3)


def test_added_since(store):
    store.init()
    first = store.add(some(2), message="m")
    second = store.add(some(2, "y"), message="m")
    assert store.added_since(second) == {}
    assert store.added_since(first).items() >= some(2, "y").items()
    assert store.added_since("0" * 40) == store.added_since("what?") == store.read_all()


def test_a_wrong_name_is_refused(store):
    store.init()
    good = text_name(b"x")
    for name, data in {
        good: b"y",
        verdict_name(EDGE, b"x"): b"y",
        good[:-1]: b"x",
        good.upper(): b"x",
        "t/00" + good[4:]: b"x",
        f"v/{EDGE[:2]}/{EDGE}": b"x",
        "FORMAT": b"1",
        good + "\n": b"x",
        "../" + good: b"x",
        "": b"",
    }.items():
        with pytest.raises(StoreError, match="name"):
            store.add({**some(1), name: data}, message="m")
    assert store.names() == []


@given(st.binary())
def test_names_of_bytes(data):
    for name in (text_name(data), context_name(data), verdict_name(EDGE, data)):
        assert is_name(name)
        assert is_content(name, data)
        assert not is_content(name, data + b"x")


@given(st.lists(st.lists(st.binary(max_size=3), max_size=4), max_size=4))
def test_the_order_of_adding_does_not_matter(batches):
    one, two = MemoryStore(), MemoryStore()
    for store, order in ((one, batches), (two, batches[::-1] + batches)):
        store.init()
        for batch in order:
            store.add({text_name(data): data for data in batch}, message="m")
    assert one.read_all() == two.read_all()
    assert one.tip() == two.tip()


def test_a_torn_file_in_a_folder_is_as_if_absent(tmp_path):
    store = FolderStore(tmp_path)
    store.init()
    files = some(2)
    store.add(files, message="m")
    torn = min(files)
    (tmp_path / torn).write_bytes(b"")
    (tmp_path / torn).with_name(".new-abc").write_bytes(b"half")
    assert torn not in store.read(files)
    store.add(files, message="m")
    assert store.read_all() == files


def test_a_folder_of_a_newer_format_is_read_only(tmp_path):
    store = FolderStore(tmp_path)
    store.init()
    store.add(some(1), message="m")
    (tmp_path / "FORMAT").write_bytes(b"2\n")
    assert store.read_all() == some(1)
    with pytest.raises(StoreError, match=r"'2'(.|\n)*upgrade"):
        store.add(some(2), message="m")


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        FolderStore(tmp_path / "file" / "store").init()
