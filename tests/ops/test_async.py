"""Coroutine functions as ops: awaited, gathered, cancelled, each in its own context."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from seeing import SEEN, see

from mandala_git import Ref, Storage, Transient, op
from mandala_git.ops.context import CONTEXT
from mandala_git.ops.op import AsyncOp


@pytest.fixture(params=[False, True], ids=["each alone", "one flight"])
def storage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Storage]:
    monkeypatch.chdir(tmp_path)
    SEEN.clear()
    yield Storage(single_flight=request.param)


@op
async def slow(x: Any, k: Any = 1) -> Any:
    see("begins", x)
    await asyncio.sleep(0.001)
    see("ends", x)
    return x * 10 + k


@op
def double(x: Any) -> Any:
    see("double", x)
    return 2 * x


@op(output_names=["total", "count"])
async def together(n: Any) -> Any:
    parts = await asyncio.gather(*(slow(k) for k in range(n)))
    assert all(type(part) is int for part in parts)
    return sum(map(double, parts)), n


@op
async def fails(x: Any) -> Any:
    see("fails")
    await asyncio.sleep(0)
    raise ValueError(x)


def test_an_async_op_is_a_coroutine_function() -> None:
    assert isinstance(slow, AsyncOp)
    if hasattr(inspect, "markcoroutinefunction"):
        assert inspect.iscoroutinefunction(slow)
    assert asyncio.run(slow(2)) == 21
    assert asyncio.run(together(3)) == (2 * (1 + 11 + 21), 3)


def test_calls_are_recorded_and_found(storage: Storage) -> None:
    async def main() -> None:
        first = await slow(1)
        assert isinstance(first, Ref)
        assert first == 11
        assert await slow(x=1, k=1) == first
        assert await slow(first) == 111  # a Ref is loaded
        assert await slow(11) == 111

    with storage:
        asyncio.run(main())
        asyncio.run(main())
    assert [x for what, x in SEEN if what == "begins"] == [1, 11]
    assert storage.executed == 2


def test_gathered_calls_run_at_once_and_each_is_recorded(storage: Storage) -> None:
    async def main() -> list[Any]:
        return list(await asyncio.gather(*(slow(k) for k in range(5))))

    with storage:
        assert storage.unwrap(asyncio.run(main())) == [1, 11, 21, 31, 41]
        assert [what for what, _ in SEEN[:5]] == ["begins"] * 5
        before = storage.executed
        assert storage.unwrap(asyncio.run(main())) == [1, 11, 21, 31, 41]
    assert (before, storage.executed) == (5, 5)


def test_the_same_call_at_once(storage: Storage) -> None:
    async def main() -> list[Any]:
        return list(await asyncio.gather(*(slow(7) for _ in range(4))))

    with storage:
        assert storage.unwrap(asyncio.run(main())) == [71] * 4
        once = storage._settings["single_flight"] is True
        assert len([x for what, x in SEEN if what == "begins"]) == (1 if once else 4)
        assert storage.unwrap(asyncio.run(slow(7))) == 71
        assert len(storage.table(slow)) == 1


def test_ops_inside_async_ops_give_plain_values(storage: Storage) -> None:
    with storage:
        total, count = asyncio.run(together(3))
        assert storage.unwrap((total, count)) == (2 * (1 + 11 + 21), 3)
        SEEN.clear()
        asyncio.run(together(3))
        assert SEEN == []
        asyncio.run(together(4))  # all but one of its parts are known
    assert [x for what, x in SEEN if what == "begins"] == [3]
    assert [x for what, x in SEEN if what == "double"] == [31]


def test_who_fails_fails_alone(storage: Storage) -> None:
    async def main() -> list[Any]:
        return list(await asyncio.gather(fails(1), slow(1), return_exceptions=True))

    with storage:
        error, value = asyncio.run(main())
        assert isinstance(error, ValueError)
        assert value == 11
        asyncio.run(main())
    assert SEEN.count(("fails",)) == 2
    assert storage.executed == 1


def test_who_is_cancelled_is_not_recorded(storage: Storage) -> None:
    async def main() -> Any:
        task = asyncio.create_task(slow(1))
        other = asyncio.create_task(slow(1))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await other

    with storage:
        assert asyncio.run(main()) == 11
        assert asyncio.run(slow(1)) == 11
    assert storage.executed == 1


def test_a_block_is_of_its_task(storage: Storage, tmp_path: Path) -> None:
    other = Storage()

    async def in_block() -> Any:
        with other:
            await asyncio.sleep(0.001)
            return await slow(5)

    async def outside() -> Any:
        await asyncio.sleep(0.0005)
        return await slow(5)

    async def main() -> Any:
        return await asyncio.gather(in_block(), outside())

    assert asyncio.run(main()) == [51, 51]
    assert (other.executed, storage.executed) == (1, 0)
    with storage:
        values = asyncio.run(main())
    assert storage.unwrap(values) == [51, 51]
    assert (other.executed, other.found, storage.executed) == (1, 1, 1)
    assert CONTEXT.get() is None


class Pause:
    """Something to wait for without an event loop."""

    def __await__(self) -> Any:
        yield "paused"


@op
async def pausing(x: Any) -> Any:
    await Pause()
    return x


@pytest.mark.parametrize("begun", [False, True])
def test_a_coroutine_that_nobody_finishes(storage: Storage, begun: bool) -> None:
    with storage:
        coroutine: Any = pausing(9)
        if not storage._settings["single_flight"] and begun:
            assert coroutine.send(None) == "paused"
        coroutine.close()
        context = CONTEXT.get()
        assert context is not None
        assert context.running is None
        assert slow.run_plainly((1,), {}).close() is None  # type: ignore[attr-defined]
    assert storage.executed == 0
    assert CONTEXT.get() is None


class Client:
    """Async methods."""

    def __init__(self, base: int) -> None:
        self.base = base

    @op
    async def get(self, x: int) -> int:
        see("get")
        await asyncio.sleep(0)
        return self.base + x


def test_async_methods(storage: Storage) -> None:
    async def main() -> Any:
        return await asyncio.gather(Client(1).get(2), Client(2).get(2))

    with storage:
        for _ in range(2):
            assert storage.unwrap(asyncio.run(main())) == [3, 4]
    assert SEEN == [("get",), ("get",)]


@op
async def vast(n: Any) -> Any:
    return Transient([await slow(k) for k in range(n)])


def test_what_is_not_stored_is_made_again(storage: Storage) -> None:
    async def main() -> Any:
        return (await vast(2)).value

    with storage:
        asyncio.run(vast(2))
    with storage(recompute_transient=True):
        assert asyncio.run(main()) == [1, 11]  # in a loop that runs
        assert storage.unwrap(asyncio.run(vast(2))) == [1, 11]
    assert [x for what, x in SEEN if what == "begins"] == [0, 1]
