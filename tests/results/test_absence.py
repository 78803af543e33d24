"""What is said to be absent is not recorded, whoever records it, and however."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mandala_git.results import absence
from mandala_git.results.calls import NewCall
from mandala_git.results.ids import cid, lookup_key
from mandala_git.results.names import rename_argument
from mandala_git.results.store import Results

NewCalls = Callable[..., NewCall]


def found(results: Results, call: NewCall) -> bool:
    return bool(results.candidates([call.op], call.key))


def asked(results: Results, make: NewCalls, times: int = 40) -> None:
    """Look for calls that nobody has made, until the database is not asked any more."""
    for number in range(times):
        assert not found(results, make(results, -1 - number, 0))


@pytest.fixture
def unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writes are as those of other processes: nobody here is told."""
    monkeypatch.setattr(absence, "wrote", lambda: None)


def queries(results: Results) -> list[str]:
    said: list[str] = []
    with results.looking() as database:
        database.set_trace_callback(said.append)
    return said


def test_new_keys_are_not_asked_for(results: Results, new_call: NewCalls) -> None:
    asked(results, new_call)
    calls = [new_call(results, number, number) for number in range(100)]
    said = queries(results)
    assert not any(found(results, call) for call in calls)
    assert not [text for text in said if "marks" in text]


@pytest.mark.parametrize("flushed", [True, False])
def test_what_is_recorded_is_found(results: Results, new_call: NewCalls, flushed: bool) -> None:
    asked(results, new_call)
    calls = [new_call(results, number, number) for number in range(200)]
    for call in calls[::2]:
        results.record(call)
    if flushed:
        results.flush()
    assert [found(results, call) for call in calls] == [True, False] * 100


def test_what_waits_while_keys_are_read_is_found(results: Results, new_call: NewCalls) -> None:
    call = new_call(results, 1, 2)
    results.record(call)
    asked(results, new_call)
    assert found(results, call)


def test_keys_recorded_before_are_read(tmp_path: Path, new_call: NewCalls) -> None:
    with Results(tmp_path) as before:
        calls = [new_call(before, number, number) for number in range(300)]
        for call in calls[::3]:
            before.record(call)
    with Results(tmp_path) as results:
        asked(results, new_call)
        assert [found(results, call) for call in calls] == [True, False, False] * 100


def test_another_store_of_this_process_records(tmp_path: Path, new_call: NewCalls) -> None:
    with Results(tmp_path) as one, Results(tmp_path) as other:
        asked(one, new_call)
        for number in range(20):
            call = new_call(other, number, number)
            other.record(call)
            other.flush()
            assert found(one, call)
            asked(one, new_call, 3)


@pytest.mark.usefixtures("unseen")
def test_another_process_records(tmp_path: Path, new_call: NewCalls) -> None:
    with Results(tmp_path) as one, Results(tmp_path) as other:
        for number in range(20):
            asked(one, new_call)
            call = new_call(other, number, number)
            other.record(call)
            other.flush()
            if number % 2:
                one.generation()  # a block begins
            else:
                time.sleep(absence.FRESH + 0.01)
            assert found(one, call)


@pytest.mark.usefixtures("unseen")
@pytest.mark.parametrize("late", [True, False])
def test_two_that_miss_each_others_call_record_it_once(
    tmp_path: Path, new_call: NewCalls, late: bool
) -> None:
    with Results(tmp_path) as one, Results(tmp_path) as other:
        asked(one, new_call)
        asked(other, new_call)
        calls = [new_call(one, number, number) for number in range(10)]
        for call in calls:
            one.record(call)
        for call in calls:
            other.record(call)
        one.flush()
        if late:  # what it knows now is of another time than its calls that wait
            other.generation()
            asked(other, new_call)
        other.flush()
        assert len(one.calls_of([calls[0].op])) == len(calls)


@pytest.mark.usefixtures("unseen")
def test_a_renamed_argument_is_found(results: Results, new_call: NewCalls) -> None:
    call = new_call(results, 1, 2)
    results.record(call)
    asked(results, new_call)
    key = lookup_key([("y", cid(1))])
    assert not results.candidates([call.op], key)
    rename_argument(results, [call.op], "x", "y")
    assert results.candidates([call.op], key)


def test_calls_of_another_op_with_the_same_inputs(results: Results, new_call: NewCalls) -> None:
    others = [new_call(results, number, number, op="a.py::g") for number in range(50)]
    for call in others:
        results.record(call)
    results.flush()
    asked(results, new_call)
    said = queries(results)
    assert not any(found(results, new_call(results, number, 0)) for number in range(50))
    assert not [text for text in said if "FROM marks" in text]
    assert all(found(results, call) for call in others)


def test_a_large_op_is_not_read_for_a_few_lookups(tmp_path: Path, new_call: NewCalls) -> None:
    with Results(tmp_path) as results:
        for number in range(2_000):
            results.record(new_call(results, number, number))
        results.flush()
        said = queries(results)
        asked(results, new_call, 10)
        assert not [text for text in said if "BETWEEN" in text]
        asked(results, new_call, 200)
        assert [text for text in said if "BETWEEN" in text]


def test_a_damaged_call_is_written_anew(tmp_path: Path, new_call: NewCalls) -> None:
    with Results(tmp_path) as results:
        call = new_call(results, 1, 2)
        results.record(call)
    with sqlite3.connect(tmp_path / "results.db") as database:
        database.execute("UPDATE calls SET key = zeroblob(12)")
    database.close()
    with Results(tmp_path) as results:
        asked(results, new_call)
        assert not found(results, call)
        results.record(call)
        results.flush()
        assert found(results, call)
        assert len(results.calls_of([call.op])) == 1


@pytest.mark.usefixtures("unseen")
@pytest.mark.parametrize("seed", range(6))
def test_any_order_of_things(tmp_path: Path, new_call: NewCalls, seed: int) -> None:
    """Whatever two processes do, only what the other one wrote just now may be missed."""
    rng = random.Random(seed)
    with Results(tmp_path) as one, Results(tmp_path) as other:
        names = ["a.py::f", "a.py::g"]
        there: dict[tuple[str, int], Results] = {}
        sure: set[tuple[str, int]] = set()
        for _ in range(400):
            who, name, number = rng.choice([one, other]), rng.choice(names), rng.randrange(60)
            call = new_call(who, number, number, op=name)
            match rng.randrange(6):
                case 0:
                    who.record(call)
                    there.setdefault((name, number), who)
                case 1:
                    who.flush()
                case 2:
                    one.flush()
                    other.flush()
                    one.generation()
                    other.generation()
                    sure = set(there)
                case _:
                    here = found(who, call)
                    assert here <= ((name, number) in there)
                    if (name, number) in sure or there.get((name, number)) is who:
                        assert here, (name, number)
        one.flush()
        other.flush()
        for name in names:
            calls = one.calls_of([one.op_id(name)])
            assert len(calls) == len({row.row.hid for row in calls})


@pytest.mark.usefixtures("unseen")
def test_many_lookups_share_a_transaction_for_a_moment(tmp_path: Path, new_call: NewCalls) -> None:
    with Results(tmp_path) as other, Results(tmp_path) as one:
        calls = [new_call(other, number, number) for number in range(20)]
        for call in calls[:10]:
            other.record(call)
        other.flush()
        database = one._database
        assert database is not None
        for call in calls[:10]:
            assert found(one, call)
        assert database.in_transaction
        other.record(calls[10])
        other.flush()
        time.sleep(absence.FRESH)
        assert found(one, calls[10])  # others' writes are seen as before
        for call in calls[:10]:
            assert found(one, call)
        other.record(calls[11])
        other.flush()
        one.generation()  # a block begins
        assert found(one, calls[11])
        for call in calls[:10]:
            assert found(one, call)
        other.record(calls[12])
        other.flush()
        one.record(calls[12])
        one.record(calls[13])
        assert found(one, calls[13])
        assert not database.in_transaction
        assert len(one.calls_of([calls[0].op])) == 14


def test_nobody_reads_for_long(tmp_path: Path, new_call: NewCalls) -> None:
    """Who has looked many calls up and does something else keeps no log from being cut."""
    with Results(tmp_path) as results:
        for number in range(10):
            results.record(new_call(results, number, number))
        results.flush()
        for number in range(10):
            assert found(results, new_call(results, number, number))
        assert results._database is not None
        for _ in range(200):
            if not results._database.in_transaction:
                break
            time.sleep(0.01)
        assert not results._database.in_transaction
        for number in range(10):
            assert found(results, new_call(results, number, number))
        results.flush()
        assert not results._database.in_transaction


def test_what_this_process_writes_is_seen_at_once(tmp_path: Path, new_call: NewCalls) -> None:
    with Results(tmp_path) as one, Results(tmp_path) as other:
        calls = [new_call(one, number, number) for number in range(60)]
        for number, call in enumerate(calls):
            writer, reader = (one, other) if number % 2 else (other, one)
            writer.record(call)
            writer.flush()
            assert all(found(reader, each) for each in calls[: number + 1])


def test_an_interrupted_beginning_is_no_end(results: Results, new_call: NewCalls) -> None:
    for number in range(10):
        results.record(new_call(results, number, number))
    results.flush()
    for left_behind in ("BEGIN", "ROLLBACK"):
        for number in range(10):
            assert found(results, new_call(results, number, number))
        database = results._database
        assert database is not None and database.in_transaction
        if left_behind == "ROLLBACK":
            database.execute("ROLLBACK")  # it was interrupted before it was noted
        for number in range(10):
            assert found(results, new_call(results, number, number))
        results.record(new_call(results, left_behind, 1))
        results.flush()
        assert not database.in_transaction
