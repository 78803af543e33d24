"""Superops: bodies of calls, which see Refs and are found as a whole."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from seeing import SEEN, see

from mandala_git import Ignore, Ref, Storage, Transient, ValuePointer, op, superop, unwrap
from mandala_git.errors import MandalaWarning


@op
def inc(x: Any) -> Any:
    see("inc", x)
    return x + 1


@op
def total(xs: Any) -> Any:
    see("total", xs)
    return sum(xs)


@superop
def many(x: Any, n: Any) -> Any:
    see("many", type(x))
    found = []
    for _ in range(unwrap(n)):
        x = inc(x)
        found.append(x)
    return total(found)


def ran(what: str) -> list[Any]:
    return [rest for kind, *rest in SEEN if kind == what]


def test_its_body_sees_refs_and_it_is_found_as_a_whole(storage: Storage) -> None:
    with storage:
        first = many(1, 3)
        assert isinstance(first, Ref)
        assert storage.unwrap(first) == 2 + 3 + 4
        assert ran("many") == [[Ref]]
        before = storage.executed
        again = many(1, n=3)
        assert (again, again.hid) == (first, first.hid)
        assert storage.executed == before == 5
    assert len(storage.table(many)) == 1


def test_outside_a_block_it_is_the_plain_function() -> None:
    SEEN.clear()
    assert many(1, 3) == 9
    assert ran("many") == [[int]]


def test_a_larger_call_reuses_inner_ones(storage: Storage) -> None:
    with storage:
        many(1, 3)
        SEEN.clear()
        assert storage.unwrap(many(1, 5)) == 2 + 3 + 4 + 5 + 6
    assert ran("inc") == [[4], [5]]
    assert len(ran("many")) == 1


@superop
def even(n: Any) -> Any:
    see("even")
    return inc(0) if n == 0 else odd(total([n, -1]))


@superop
def odd(n: Any) -> Any:
    see("odd")
    return inc(-1) if n == 0 else even(total([n, -1]))


def test_mutual_recursion(storage: Storage) -> None:
    with storage:
        assert storage.unwrap([even(4), odd(4), even(7)]) == [1, 0, 0]
        SEEN.clear()
        assert storage.unwrap([even(4), even(2), odd(3), odd(1), even(6)]) == [1, 1, 1, 1, 1]
    # Of all these, only even(6) is new, and odd(5) in it; even(4) in that is not.
    assert (ran("even"), ran("odd")) == ([[]], [[]])


@op
def outer(n: Any) -> Any:
    found = even(n)
    see("outer", type(found))
    return found + 10


def test_inside_an_op_it_gives_plain_values(storage: Storage) -> None:
    with storage:
        assert storage.unwrap(outer(2)) == 11
        even(4)
        assert storage.unwrap(outer(4)) == 11
    assert ran("outer") == [[int], [int]]


@superop(output_names=["same", "list", "plain"])
def shapes(x: Any) -> Any:
    y = inc(x)
    return x, [y, {"k": y}], 5


@superop(nout=0)
def none(x: Any) -> None:
    inc(x)


def test_outputs(storage: Storage) -> None:
    with storage:
        one = inc(0)
        for _ in range(2):
            same, both, plain = shapes(one)
            assert storage.unwrap((same, both, plain)) == (1, [2, {"k": 2}], 5)
            assert same.hid != one.hid  # it is what the superop gave
            assert none(one) is None
    assert storage.executed == 4


@superop
def careless(xs: Any) -> Any:
    xs.value.append(1)
    return total(xs)


def test_what_it_changes_is_seen(storage: Storage) -> None:
    with storage:
        for number in (1, 2):
            if number == 1:
                with pytest.warns(MandalaWarning, match="changes its argument xs"):
                    assert storage.unwrap(careless([5])) == 6
            else:
                assert storage.unwrap(careless([5])) == 6
    assert storage.executed == 3  # total([5, 1]) is the same


@superop(ignore_args=["log"])
def special(x: Any, pointer: Any, log: Any) -> Any:
    see("special", log, type(pointer))
    return inc(x)


def test_special_arguments(storage: Storage) -> None:
    with storage:
        special(1, ValuePointer("p", 5), "a")
        special(1, ValuePointer("p", 6), "b")
        special(1, ValuePointer("q", 6), Ignore("c"))
    assert [log for log, _ in ran("special")] == ["a", "c"]


@op
def huge(n: Any) -> Any:
    see("huge")
    return Transient([n])


@superop
def passes(n: Any) -> Any:
    see("passes")
    return huge(n)


def test_what_is_not_stored_inside_is_not_stored_outside(storage: Storage) -> None:
    with storage:
        assert storage.unwrap(passes(3)) == [3]
    with storage:
        found = passes(3)
        assert not found.in_memory
    assert len(SEEN) == 2
    assert not storage.results.has_value(found.cid)
    with storage(recompute_transient=True):
        assert storage.unwrap(found) == [3]


@superop
async def gathered(n: Any) -> Any:
    see("gathered")
    return total(list(await asyncio.gather(*(wait(k) for k in range(unwrap(n))))))


@op
async def wait(k: Any) -> Any:
    see("wait", k)
    await asyncio.sleep(0)
    return k


def test_async_superops(storage: Storage) -> None:
    with storage:
        for n in (2, 3, 3):
            assert storage.unwrap(asyncio.run(gathered(n))) == sum(range(n))
    assert ran("wait") == [[0], [1], [2]]
    assert len(ran("gathered")) == 2


@superop
def failing(x: Any) -> Any:
    inc(x)
    raise ValueError("no")


def test_what_ran_before_it_failed_is_kept(storage: Storage) -> None:
    with storage:
        for _ in range(2):
            with pytest.raises(ValueError, match="no"):
                failing(1)
    assert ran("inc") == [[1]]
