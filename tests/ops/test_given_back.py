"""Calls inside an op give what finding them again would give: values that nobody else holds."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from seeing import SEEN, see

from mandala_git import Storage, op
from mandala_git.imports import MList, Transient


class Box:
    def __init__(self) -> None:
        self.held: list[int] = []


@op
def same(x: Any) -> Any:
    return x


@op
async def same_later(x: Any) -> Any:
    return x


@op
def same_elements(x: MList[list[int]]) -> MList[list[int]]:
    return x


@op
def first(x: Any) -> Any:
    return x[0]


@op
def twice(x: int) -> Any:
    both = [x]
    return both, both


@op
def passing(x: int) -> Any:
    return Transient([x])


@op
def through_all(n: int) -> Any:
    xs = [1]
    same(xs).append(n)
    return xs


@op
def through_a_part(n: int) -> Any:
    xs = [[1]]
    first(xs).append(n)
    return xs


@op
def through_elements(n: int) -> Any:
    xs = [[1]]
    ys = same_elements(xs)
    ys[0].append(n)
    ys.append([n])
    return xs, ys


@op
def through_an_attribute(n: int) -> Any:
    box = Box()
    same(box).held.append(n)
    return box.held


@op
def through_two_outputs(n: int) -> Any:
    one, other = twice(1)
    one.append(n)
    return other


@op
def before(n: int) -> Any:
    xs = [1]
    ys = same(xs)
    xs.append(n)
    return ys


@op
def unstored(n: int) -> Any:
    return [*passing(1), n]


@op
async def later(n: int) -> Any:
    xs = [1]
    (await same_later(xs)).append(n)
    return xs


@pytest.mark.parametrize(
    ("around", "expected"),
    [
        (through_all, [1]),
        (through_a_part, [[1]]),
        (through_elements, ([[1]], [[1, 7], [7]])),
        (through_an_attribute, []),
        (through_two_outputs, [1]),
        (before, [1]),
        (unstored, [1, 7]),
    ],
    ids=lambda each: each.name if hasattr(each, "name") else "",
)
def test_whether_they_ran_or_were_found(storage: Storage, around: Any, expected: Any) -> None:
    with storage:
        new = storage.unwrap(around(7))
    with storage(recompute_transient=True):
        storage.drop_calls(around)
        assert new == expected
        assert storage.unwrap(around(7)) == new


class Stuck:
    """Can be stored, but not loaded."""

    def __init__(self, held: int) -> None:
        self.held = held

    def __setstate__(self, state: object) -> None:
        raise ValueError("it cannot come back")

    def __getstate__(self) -> object:
        return {"held": self.held}


@op
def stuck(n: int) -> Any:
    see("stuck", n)
    return Stuck(n)


@op
def around_stuck(n: int) -> int:
    held: int = stuck(n).held
    return held


def test_what_cannot_be_loaded_is_given_as_it_is(storage: Storage) -> None:
    with storage:
        assert around_stuck(3).value == 3
    assert SEEN == [("stuck", 3)]


@op
def wide(n: int) -> list[int]:
    return [n] * 100


@op
def around_wide(n: int, kind: int) -> int:
    return len(wide(n)) + kind


def test_what_another_storage_deleted_meanwhile_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    here, other = Storage("calls.db"), Storage("calls.db")
    with here:
        assert around_wide(1, 0).value == 100
        here.results.flush()
        other.drop_calls(wide)
        other.gc()
        assert around_wide(1, 1).value == 101


def test_also_where_they_are_awaited(storage: Storage) -> None:
    async def program() -> list[Any]:
        with storage:
            return [storage.unwrap(await later(n)) for n in (7, 8)]

    assert asyncio.run(program()) == [[1], [1]]
