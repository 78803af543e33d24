"""Modes of blocks: noop, no new calls, telling of calls, and blocks inside blocks."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from seeing import SEEN, see

from mandala_git import Ref, Storage, ValuePointer, noop, op, superop
from mandala_git.errors import MissingCall, UsageError


@op
def inc(x: Any) -> Any:
    see("inc")
    return x + 1


@op
def twice(x: Any) -> Any:
    return inc(inc(x))


@op
async def later(x: Any) -> Any:
    see("later")
    await asyncio.sleep(0)
    return x + (x if isinstance(x, str) else 1)


@superop
def both(x: Any) -> Any:
    see("both", type(x))
    return inc(x)


MESSAGE = r"^Call to inc does not exist and new calls are not allowed\."


# -- noop ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["the storage", "by itself"])
def test_noop_runs_plainly(storage: Storage, way: str) -> None:
    with storage:
        ref = inc(1)
        assert storage.mode == "run"
        with storage(mode="noop") if way == "the storage" else noop() as given:
            assert storage.mode == "noop"
            assert given is (storage if way == "the storage" else None)
            assert inc(1) == 2
            assert inc([ref][0]) == 3
            assert inc(ValuePointer("p", 5)) == 6
            assert twice(ref) == 4
            assert both(ref) == 3
            assert asyncio.run(later(ref)) == 3
            assert not isinstance(inc(1), Ref)
        assert isinstance(inc(1), Ref)
        assert storage.mode == "run"
    assert storage.executed == 1
    assert ("both", int) in SEEN


def test_noop_without_a_block(storage: Storage) -> None:
    assert storage.mode == "noop"
    with noop():
        assert inc(1) == 2
        with storage:  # a block inside records as ever
            assert isinstance(inc(1), Ref)
        assert inc(1) == 2
    assert storage.executed == 1


def test_a_mode_that_is_none(storage: Storage) -> None:
    with pytest.raises(UsageError, match="mode='fast' is not known"):
        storage(mode="fast")  # type: ignore[arg-type]


# -- new calls -----------------------------------------------------------------------------------


def test_no_new_calls_in_a_block(storage: Storage) -> None:
    with storage:
        inc(1)
    with storage(allow_new_calls=False):
        assert storage.unwrap(inc(1)) == 2
        with pytest.raises(MissingCall, match=MESSAGE):
            inc(2)
        with pytest.raises(RuntimeError, match=MESSAGE):
            inc(inc(1))
        with storage(allow_new_calls=True):
            inc(2)
        inc(2)
    with storage:
        inc(3)
    assert len(SEEN) == 3


def test_no_new_calls_from_now_on(storage: Storage) -> None:
    storage.allow_new_calls(False)
    with storage:
        with pytest.raises(MissingCall, match=MESSAGE):
            inc(1)
        with pytest.raises(MissingCall, match="Call to twice does not exist"):
            twice(1)
        with pytest.raises(MissingCall, match="Call to later does not exist"):
            asyncio.run(later(1))
        with noop():
            assert inc(1) == 2
        with storage(allow_new_calls=True):
            twice(1)
            asyncio.run(later(1))
        assert storage.unwrap(twice(1)) == 3
        assert storage.unwrap(asyncio.run(later(1))) == 2
        assert storage.unwrap(inc(2)) == 3  # of those inside
    storage.allow_new_calls(True)
    with storage:
        inc(5)
    assert inc(9) == 10


def test_a_call_inside_is_new_too(storage: Storage) -> None:
    with storage:
        twice(1)
    storage.allow_new_calls(False)
    with storage:
        assert storage.unwrap(twice(1)) == 3
        with pytest.raises(MissingCall, match="Call to both"):
            both(1)


# -- telling -------------------------------------------------------------------------------------


def test_calls_are_told_of(storage: Storage, capsys: pytest.CaptureFixture[str]) -> None:
    with storage(debug_calls=True):
        assert storage.mode == "run"
        twice(1)
        twice(x=1)
        asyncio.run(later("a" * 100))
    lines = capsys.readouterr().err.splitlines()
    told = [(line.split()[0], line.partition(" s  ")[2].partition("hid=")[0]) for line in lines]
    assert told[:4] == [
        ("ran", "  inc(1) -> 2"),
        ("ran", "  inc(2) -> 3"),
        ("ran", "twice(1) -> AtomRef(3, "),
        ("found", "twice(x=1) -> AtomRef("),
    ]
    assert told[4][0] == "ran"
    assert told[4][1].startswith("later('aaaaaaaaaaaa...aaaaaaaaaaaaa') -> AtomRef(")


@op
def broken(x: Any) -> Any:
    raise KeyError(x)


def test_blocks_beside_do_not_tell(storage: Storage, capsys: pytest.CaptureFixture[str]) -> None:
    with storage(debug_calls=True):
        with pytest.raises(KeyError):
            broken(1)
        with storage:
            inc(1)
    inc(1)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [said.err.strip()]
    assert said.err.startswith("failed")
    assert "broken(1) raises KeyError" in said.err


# -- blocks in blocks ----------------------------------------------------------------------------


def test_two_storages(storage: Storage) -> None:
    other = Storage()
    with storage:
        first = inc(1)
        with other:
            inner = inc(first)
            assert inc(1) == 2
        assert (storage.mode, other.mode) == ("run", "noop")
        assert storage.unwrap(inc(inner)) == 4
        assert storage.unwrap(inc(1)) == 2
    assert (storage.executed, other.executed, storage.found) == (2, 2, 1)


def test_threads_have_blocks_of_their_own(storage: Storage) -> None:
    found: list[Any] = []

    def work(n: int) -> None:
        found.append(inc(n))
        with storage(allow_new_calls=n % 2 == 0):
            try:
                found.append(inc(n))
            except MissingCall:
                found.append("missing")

    with storage(allow_new_calls=False):
        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(storage.unwrap(each) for each in found if each != "missing") == [1, 1, 2, 3, 3, 4]
    assert found.count("missing") == 2
