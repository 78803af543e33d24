"""Storage: calls are dropped, garbage collected, room given back, damage listed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mandala_git import Storage, op
from mandala_git.errors import UsageError
from mandala_git.results.verifying import Damage


@op
def start(n):
    return n * 10


@op
def follow(x):
    return [x] * 30


@op
def end(xs):
    return len(xs)


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    monkeypatch.chdir(tmp_path)  # in memory
    with Storage() as storage:
        yield storage
    storage.results.close()


def pipeline(n: int) -> tuple[Any, Any, Any]:
    first = start(n)
    second = follow(first)
    return first, second, end(second)


def test_a_dropped_call_runs_again_and_its_dependents_are_found(storage: Storage) -> None:
    first, second, third = pipeline(1)
    assert storage.executed == 3
    assert storage.drop_calls(first) == 1
    pipeline(1)
    assert storage.executed == 4
    assert storage.drop_calls(second.hid.hex(), delete_dependents=True) == 2
    again = pipeline(1)
    assert storage.executed == 6
    assert [ref.value for ref in again] == [10, [10] * 30, 30]
    assert [ref.hid for ref in again] == [first.hid, second.hid, third.hid]


def test_calls_of_an_op_and_several_refs(storage: Storage) -> None:
    made = [pipeline(n) for n in range(3)]
    assert storage.drop_calls(end) == 3
    assert storage.drop_calls(end) == 0
    assert storage.drop_calls([made[0][0], (made[1][1], made[2][1])]) == 3
    for n in range(3):
        pipeline(n)
    assert storage.executed == 9 + 6


def test_what_means_no_call(storage: Storage) -> None:
    first, *_ = pipeline(1)
    for what in ("ab" * 16, "no hex", b"bytes"[0], [first, "cd" * 16]):
        with pytest.raises(UsageError, match=r"means no calls|no recorded call made") as caught:
            storage.drop_calls(what)
        assert "Give a Ref" in caught.value.hint
    storage.drop_calls(first)
    with pytest.raises(UsageError, match="no recorded call made"):
        storage.drop_calls(first)


def test_a_value_is_usable_after_its_call_is_gone(storage: Storage) -> None:
    first, second, _ = pipeline(1)
    storage.drop_calls([first, second])
    assert storage.gc(dry_run=True) == storage.gc()
    assert end(second).value == 30
    assert storage.executed == 3


def test_garbage_room_and_damage(storage: Storage) -> None:
    made = [pipeline(n) for n in range(50)]
    assert storage.gc(dry_run=True)[:2] == (0, 0)
    kept = storage.gc(dry_run=True).kept
    assert [key.rpartition("::")[2] for key in kept] == ["follow"]
    assert storage.verify().checked == 200
    assert storage.drop_calls([second for _, second, _ in made], delete_dependents=True) == 100
    assert storage.gc(dry_run=True).values == 50
    assert storage.gc().values == 50
    assert storage.gc() == (0, 0, {})
    before, after = storage.vacuum()
    assert after <= before
    assert storage.verify() == ({}, {}, {}, {}, 50)
    assert storage.table(start).shape[0] == 50


def test_a_verification_prints_what_can_be_read_and_copied() -> None:
    content = bytes(range(16))
    damage = Damage({7: "a.py::f"}, {}, {content: "it\nmay"}, {content: "f, output x"}, 9)
    assert repr(damage).splitlines() == [
        "damaged call 7: of a.py::f",
        f"unproved value {content.hex()}: f, output x: it may",
        "9 calls and values checked, 1 damaged, 1 unproved",
    ]
    assert repr(Damage({}, {}, {}, {}, 1)) == "1 call or value checked, 0 damaged, 0 unproved"
