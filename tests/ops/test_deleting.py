"""`with storage.delete():` the calls made in it go, with all that was computed from them."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from seeing import SEEN, see

from mandala_git import NewArgDefault, Storage, noop, op, superop
from mandala_git.errors import CallError, MissingCall, ResultsError, Unwritable, UsageError
from mandala_git.ops.refs import Ref


@op
def start(n):
    see("start", n)
    return n * 10


@op
def follow(x, k=1):
    see("follow", x)
    return [x] * 30 * k


@op
def end(xs):
    see("end")
    return len(xs)


@op(output_names=["low", "high"])
def both(n):
    see("both", n)
    return n - 1, n + 1


@op
def nothing(n):
    return None


@op
async def later(n):
    await asyncio.sleep(0)
    see("later", n)
    return n


@superop
def whole(n):
    return end(follow(start(n)))


def pipeline(n: int) -> Any:
    return end(follow(start(n)))


def ran(storage: Storage, call: Any, *args: Any) -> int:
    """How many calls run when a call is made."""
    with storage:
        before = storage.executed
        call(*args)
        return storage.executed - before


def test_calls_of_the_block_and_what_follows_are_deleted(storage: Storage) -> None:
    with storage:
        for n in range(3):
            pipeline(n)
    SEEN.clear()
    with storage.delete() as deletion:
        assert storage.mode == "delete"
        first = start(1)
        assert isinstance(first, Ref)
        assert first == 10
        assert not deletion.done
        assert "nothing yet" in repr(deletion)
        assert not SEEN
    assert deletion.done
    assert deletion.total == 3
    assert {key.rpartition("::")[2]: n for key, n in deletion.calls.items()} == {
        "start": 1,
        "follow": 1,
        "end": 1,
    }
    assert repr(deletion).startswith("deleted 3 calls, ")
    assert repr(deletion).endswith("s of computing: start 1, follow 1, end 1")
    assert [ran(storage, pipeline, n) for n in range(3)] == [0, 3, 0]


def test_calls_are_found_through_one_another_and_their_values_decide(storage: Storage) -> None:
    with storage:
        for n in range(4):
            low, high = both(n)
            if high > 2:
                end(follow(low))
    with storage.delete() as deletion:
        for n in range(4):
            low, high = both(n)
            if high > 2:
                assert end(follow(low)) == 30
    assert deletion.total == 4 + 2 + 2
    with storage.delete(dry_run=True) as deletion:
        pass
    assert repr(deletion) == "would delete 0 calls, 0 s of computing"


def test_a_dry_run_deletes_nothing(storage: Storage) -> None:
    ran(storage, pipeline, 1)
    with storage.delete(dry_run=True) as deletion:
        start(1)
    assert deletion.total == 3
    assert repr(deletion).startswith("would delete 3 calls")
    assert ran(storage, pipeline, 1) == 0


def test_a_call_that_is_not_recorded_deletes_nothing(storage: Storage) -> None:
    ran(storage, pipeline, 1)
    with (
        pytest.raises(MissingCall, match=r"Call to start is not recorded, so .* nothing to delete"),
        storage.delete() as deletion,
    ):
        start(1)
        start(2)
    assert not deletion.done
    assert ran(storage, pipeline, 1) == 0
    with storage.delete() as deletion:
        for n in (1, 2):
            try:
                start(n)
            except MissingCall as error:
                assert "catch mandala_git.errors.MissingCall" in error.hint
    assert deletion.total == 3
    assert ran(storage, pipeline, 1) == 3


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_exception_deletes_nothing(storage: Storage, error: type[BaseException]) -> None:
    ran(storage, pipeline, 1)
    with pytest.raises(error), storage.delete():
        start(1)
        raise error
    assert ran(storage, pipeline, 1) == 0
    assert storage._blocks == 0


def test_a_block_is_no_function_that_deletes(storage: Storage) -> None:
    with storage:
        ref = start(1)
    with pytest.raises(UsageError, match="is a block") as caught:
        storage.delete(ref)
    assert "storage.drop_calls(ref)" in caught.value.hint
    assert "with storage.delete(): f(x)" in repr(storage.delete())
    assert ran(storage, start, 1) == 0


def test_what_cannot_be_written_deletes_nothing(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran(storage, pipeline, 1)

    def fail(*args: object) -> None:
        raise Unwritable("no room")

    monkeypatch.setattr("mandala_git.results.deleting._keep_small_values", fail)
    with pytest.raises(ResultsError, match="no room"), storage.delete() as deletion:
        start(1)
    assert not deletion.done
    assert ran(storage, pipeline, 1) == 0
    assert storage._blocks == 0


def test_blocks_inside_blocks(storage: Storage) -> None:
    for n in range(6):
        ran(storage, pipeline, n)
    with storage:
        with storage.delete() as outer:
            start(0)
            with storage.delete() as inner:
                start(1)
            assert inner.total == 3
            with pytest.raises(ValueError), storage.delete():
                start(2)
                raise ValueError
            with storage:
                assert storage.mode == "run"
                pipeline(3)
                pipeline(7)
            with noop():
                assert start(8) == 80
            assert storage.mode == "delete"
            start(4)
        assert storage.mode == "run"
        pipeline(0)
    assert outer.total == 6
    assert [ran(storage, pipeline, n) for n in range(8)] == [0, 3, 0, 0, 3, 0, 3, 0]
    block = storage.delete()
    for n in (0, 1):
        with block as deletion:
            start(n)
        assert deletion.total == 3


def test_a_superop_is_deleted_as_a_whole_and_its_calls_stay(storage: Storage) -> None:
    ran(storage, whole, 1)
    SEEN.clear()
    with storage.delete() as deletion:
        assert whole(1) == 30
    assert deletion.total == 1
    assert not SEEN
    assert ran(storage, whole, 1) == 1
    with storage.delete() as deletion:
        start(1)
    assert deletion.total == 3
    assert ran(storage, whole, 1) == 0
    assert ran(storage, pipeline, 1) == 3


def test_all_calls_that_would_answer_are_deleted(storage: Storage) -> None:
    """Those of other histories, too: else the next best would be found instead."""
    with storage:
        follow(start(1))
        follow(10)
        end(follow(10))
    with storage.delete() as deletion:
        follow(10)
    assert (deletion.total, deletion.aliases) == (2, 1)
    assert ran(storage, follow, 10) == 1


def test_calls_without_outputs_and_with_special_arguments(storage: Storage) -> None:
    @op
    def special(x, y=NewArgDefault(0)):  # noqa: B008
        return x + y

    with storage:
        nothing(1)
        special(1)
        special(1, 2)
    with storage.delete() as deletion:
        assert nothing(1).value is None
        assert special(1, y=0) == 1
    assert deletion.total == 2
    assert ran(storage, special, 1, 2) == 0
    assert ran(storage, special, 1) == 1


def test_a_block_belongs_to_its_thread(storage: Storage) -> None:
    for n in range(2):
        ran(storage, pipeline, n)
    answers: list[Any] = []

    def work() -> None:
        answers.append(start(1))  # in no block: the plain function
        with storage:
            answers.append(pipeline(1) == 30)

    with storage.delete() as deletion:
        start(0)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert answers == [10, True]
    assert deletion.total == 3
    assert [ran(storage, pipeline, n) for n in range(2)] == [3, 0]


def test_async_calls_and_tasks_that_outlive_the_block(storage: Storage) -> None:
    async def main() -> None:
        with storage:
            await asyncio.gather(*(later(n) for n in range(4)))
        late = asyncio.Event()

        async def straggler() -> None:
            await late.wait()
            await later(3)

        SEEN.clear()
        with storage.delete() as deletion:
            assert await later(0) == 0
            assert await asyncio.gather(later(1), later(2)) == [1, 2]
            task = asyncio.create_task(straggler())
        assert deletion.total == 3
        late.set()
        with pytest.raises(CallError, match=r"storage\.delete\(\):` that has ended"):
            await task
        with storage:
            await asyncio.gather(*(later(n) for n in range(4)))

    asyncio.run(main())
    assert len(SEEN) == 3


def test_nothing_runs_to_make_a_lost_value(storage: Storage, tmp_path: Path) -> None:
    with storage:
        ref = follow(1, 2000)
        assert len(ref.value) == 60000
    (file,) = storage.results.value_files().folder.glob("*/*")
    file.unlink()
    SEEN.clear()
    with storage.delete() as deletion:
        again = follow(1, 2000)
        with pytest.raises(ResultsError, match="is missing"):
            _ = again.value
    assert deletion.total == 1
    assert not SEEN
    storage.results.close()  # its files lie in a temporary folder
