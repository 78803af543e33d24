"""Calls are recorded once, found by their inputs, and read back set-wise."""

from __future__ import annotations

import gc
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mandala_git.errors import ResultsError, UnstorableValue, ValueLost
from mandala_git.results import codecs, ids, lifetime, store
from mandala_git.results.calls import MISSING, NewCall, Session
from mandala_git.results.store import Results

NewCalls = Callable[..., NewCall]


def waiting(results: Results) -> int:
    return len(results._buffer)


def test_a_call_is_found_by_its_inputs(results: Results, new_call: NewCalls) -> None:
    call = new_call(results, 1, 2)
    results.record(call)
    (row,) = results.candidates([call.op], call.key)
    assert (row.hid, row.version, row.alias_of) == (call.hid, call.version, None)
    assert results.calls([row.id])[0].row.started == 1000.0
    (x,) = results.inputs(row.id)
    (y,) = results.outputs(row.id)
    assert (x.label, x.hid, x.cid) == call.inputs[0][:3]
    assert (y.label, y.hid, y.cid) == call.outputs[0][:3]
    assert results.load(x.cid) == 1
    assert results.load(y.cid) == 2
    assert results.candidates([call.op + 1], call.key) == []
    assert results.candidates([call.op], ids.lookup_key([("x", ids.cid(3))])) == []
    assert results.call(call.hid) == results.calls([row.id])[0].row


@pytest.mark.parametrize("folder", [True, False])
def test_large_values_go_to_files(tmp_path: Path, new_call: NewCalls, folder: bool) -> None:
    with Results(tmp_path if folder else None) as results:
        array, text = np.arange(100_000.0), "x" * 100_000
        call = new_call(results, array, text)
        results.record(call)
        array[:] = 0  # what was recorded is what was there at that time
        assert results.load(call.inputs[0][2]).sum() == np.arange(100_000.0).sum()
        assert results.load(call.outputs[0][2]) == text
        assert len(list((tmp_path / "values").rglob("*.*"))) == (2 if folder else 0)


def test_it_is_all_there_in_another_process(tmp_path: Path, new_call: NewCalls) -> None:
    with Results(tmp_path) as results:
        calls = [new_call(results, x, x * x) for x in range(100)]
        for call in calls:
            results.record(call)
    with Results(tmp_path) as results:
        for x, call in enumerate(calls):
            (row,) = results.candidates([call.op], call.key)
            assert results.load(results.outputs(row.id)[0].cid) == x * x


def test_short_calls_wait_and_long_ones_do_not(
    tmp_path: Path, new_call: NewCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PATIENCE", 60.0)
    with Results(tmp_path) as results, Results(tmp_path) as other:
        short, long = new_call(results, 1, 2), new_call(results, 2, 3, duration=0.0011)
        results.record(short)
        assert waiting(results) == 1
        assert other.candidates([short.op], short.key) == []
        results.record(long)
        assert waiting(results) == 0
        assert len(other.candidates([long.op], long.key)) == 1
        assert len(other.candidates([short.op], short.key)) == 1
        results.record(new_call(results, 3, 4))
        results.close()
        assert other.stats() == {long.version: (3, pytest.approx(0.0011))}


def test_a_short_call_does_not_wait_long(tmp_path: Path, new_call: NewCalls) -> None:
    with Results(tmp_path) as results, Results(tmp_path) as other:
        call = new_call(results, 1, 2)
        for number in range(3):
            results.record(new_call(results, number, 2))
            deadline = time.monotonic() + 10
            while len(other.calls_of([call.op])) <= number:
                assert time.monotonic() < deadline
                time.sleep(0.01)


def test_a_crowd_does_not_wait(
    results: Results, new_call: NewCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PATIENCE", 60.0)
    monkeypatch.setattr(store, "CROWD", 10)
    for x in range(25):
        results.record(new_call(results, x, x))
    assert waiting(results) == 5
    monkeypatch.setattr(store, "WEIGHT", 1000)
    results.record(new_call(results, "x" * 2000, 0))
    assert waiting(results) == 0


def test_the_same_call_twice_is_one(tmp_path: Path, new_call: NewCalls) -> None:
    with Results(tmp_path) as one, Results(tmp_path) as other:
        one.record(new_call(one, 1, "first"))
        one.record(new_call(one, 1, "first"))
        other.record(new_call(other, 1, "second"))  # not deterministic: the first one wins
        one.flush()
        other.flush()
        (record,) = other.calls_of([1])
        assert other.load(record.outputs["output_0"].cid) == "first"


def test_batches_that_refer_to_each_other(results: Results, new_call: NewCalls) -> None:
    batches = ([1, 2], [2, 3, 5], [0, 2, 4, 5], [6, 7, 8], [8, 0, 9])
    for batch in batches:
        for x in batch:
            results.record(new_call(results, x, x + 1))
        results.flush()
    found = results.calls_of([1])
    assert [results.load(call.inputs["x"].cid) for call in found] == [1, 2, 3, 5, 0, 4, 6, 7, 8, 9]
    for call in found:
        x = results.load(call.inputs["x"].cid)
        assert results.load(call.outputs["output_0"].cid) == x + 1
        assert call.inputs["x"].hid == ids.value_hid(ids.cid(x))
        assert call.outputs["output_0"].hid == ids.output_hid(call.row.hid, "output_0")


def test_the_newest_call_is_the_one_recorded_last(results: Results, new_call: NewCalls) -> None:
    """Whatever clocks say."""
    call = new_call(results, 1, 2)
    hids = [call.hid, *(call.hid[:4] + bytes([n]) * 12 for n in range(3))]
    for hid, started in zip(hids, (3e9, 5.0, 1e9, 0.0), strict=True):
        outputs = [("o", ids.output_hid(hid, "o"), *call.outputs[0][2:])]
        results.record(call._replace(hid=hid, started=started, outputs=outputs))
        results.flush()
    assert [each.hid for each in results.candidates([call.op], call.key)] == hids
    assert [record.row.hid for record in results.calls_of([call.op])] == hids


def test_a_value_that_waits_is_read_without_writing(results: Results, new_call: NewCalls) -> None:
    call = new_call(results, 1, list(range(10)))
    results.record(call)
    assert results.load(call.outputs[0][2]) == list(range(10))
    assert results.load(call.outputs[0][2]) is not results.load(call.outputs[0][2])
    assert waiting(results) == 1


def test_aliases_share_outputs_and_do_not_count(results: Results, new_call: NewCalls) -> None:
    call = new_call(results, 1, 2, duration=2.0)
    results.record(call)
    (row,) = results.candidates([call.op], call.key)
    hid = ids.call_hid("a.py::f", [("x", b"h" * 16)], b"v" * 32)
    results.record(
        NewCall(
            call.op, call.version, call.key, hid,
            [("x", b"h" * 16, ids.cid(1), MISSING)],
            [("output_0", ids.output_hid(hid, "output_0"), ids.cid(2), MISSING)],
            1001.0, 0.0, alias_of=row.id,
        )
    )  # fmt: skip
    first, second = results.candidates([call.op], call.key)
    assert (first.alias_of, second.alias_of) == (None, row.id)
    assert results.load(second.outputs[0].cid) == 2
    assert results.stats() == {call.version: (1, 2.0)}
    assert results.stats([call.op]) == {call.version: (1, 2.0)}
    assert results.stats([99]) == {}


def test_graph_reads(results: Results, new_call: NewCalls) -> None:
    one, two = new_call(results, 1, 2), new_call(results, 2, 3)
    made = one.outputs[0]
    hid = ids.call_hid("a.py::f", [("x", made[1])], b"v" * 32)
    chained = NewCall(
        two.op, two.version, two.key, hid, [("x", made[1], made[2], MISSING)],
        [("output_0", ids.output_hid(hid, "output_0"), ids.cid(3), 3)], 1.0, 0.0,
    )  # fmt: skip
    results.record(one)
    results.record(chained)
    first, second = results.calls_of([one.op])
    assert results.creators([made[1], b"?" * 16]) == {made[1]: [(first.row.id, "output_0")]}
    assert results.consumers([made[1]]) == {made[1]: [(second.row.id, "x")]}
    assert second.inputs["x"][2:] == first.outputs["output_0"][2:]
    assert [record.row.id for record in results.calls([second.row.id, first.row.id])] == [
        first.row.id,
        second.row.id,
    ]


def test_more_ids_than_sqlite_takes_parameters(results: Results, new_call: NewCalls) -> None:
    for x in range(2000):
        results.record(new_call(results, x, -x))
    records = results.calls_of([1])
    assert len(records) == 2000
    assert len(results.calls(record.row.id for record in records)) == 2000
    assert len(results.creators(record.outputs["output_0"].hid for record in records)) == 2000


def test_versions_texts_contexts_sessions(results: Results) -> None:
    version = results.version_id(b"v" * 32, "a.py::f", b"payload", {b"t" * 32: b"body"})
    assert results.version_id(b"v" * 32, "a.py::f", b"payload", {b"t" * 32: b"body"}) == version
    other = results.version_id(b"w" * 32, "a.py::f", b"more", {b"u" * 32: b"other"})
    assert results.ops() == [(1, "a.py::f")]
    assert [(v.id, v.vid, v.payload) for v in results.versions_of(1)] == [
        (version, b"v" * 32, b"payload"),
        (other, b"w" * 32, b"more"),
    ]
    found = results.version(version)
    assert found is not None
    assert results.version_by_vid(b"v" * 32) == found
    assert results.version(99) is None
    assert results.outbox_texts() == {b"t" * 32: b"body", b"u" * 32: b"other"}
    results.mark_drained([b"t" * 32])
    assert results.outbox_texts() == {b"u" * 32: b"other"}
    assert results.outbox_texts([b"t" * 32, b"?" * 32]) == {b"t" * 32: b"body"}
    results.put_context(b"c" * 32, b"t" * 32)
    results.put_context(b"c" * 32, b"t" * 32)
    assert results.context(b"c" * 32) == b"t" * 32
    assert results.context(b"d" * 32) is None
    session = Session("abc", True, "host", 1, "run.py", 5.0)
    row = results.session_id(session)
    assert results.sessions([row]) == {row: session}


def test_generation_tells_of_writes(tmp_path: Path, new_call: NewCalls) -> None:
    with Results(tmp_path) as one, Results(tmp_path) as other:
        calls = [new_call(one, x, x, duration=1.0) for x in range(2)]
        before = other.generation()
        assert other.generation() == before
        one.record(calls[0])
        after = other.generation()
        assert after[0] != before[0]
        other.record(calls[1])
        assert other.generation()[1] != after[1]
        assert other.generation()[0] == after[0]


# values that are not there --------------------------------------------------------------------


def test_an_output_that_cannot_be_stored_fails_its_call_alone(
    results: Results, new_call: NewCalls
) -> None:
    good = new_call(results, 1, 2)
    results.record(good)
    bad = new_call(results, 2, 3)
    broken = NewCall(
        bad.op, bad.version, bad.key, bad.hid, bad.inputs,
        [("output_0", bad.outputs[0][1], bad.outputs[0][2], {"hook": threading.Lock()})], 0.0, 1.0,
    )  # fmt: skip
    with pytest.raises(UnstorableValue, match=r"result\['hook'\]"):
        results.record(broken)
    assert len(results.calls_of([1])) == 1


def test_an_input_that_cannot_be_stored_is_known_by_its_id(
    results: Results, new_call: NewCalls
) -> None:
    call = new_call(results, lambda: 1, 2)
    results.record(call)
    (record,) = results.calls_of([1])
    assert not results.has_value(record.inputs["x"].cid)
    with pytest.raises(ValueLost, match="not stored"):
        results.load(record.inputs["x"].cid)
    assert results.load(record.outputs["output_0"].cid) == 2


def test_a_value_known_by_id_is_stored_later(results: Results, new_call: NewCalls) -> None:
    call = new_call(results, [1], 2)
    bare = NewCall(
        call.op, call.version, call.key, call.hid, [(*call.inputs[0][:3], MISSING)], call.outputs, 0.0, 0.0
    )  # fmt: skip
    results.record(bare)
    assert not results.has_value(ids.cid([1]))
    results.record(call)
    assert results.has_value(ids.cid([1]))
    results.flush()
    assert results.has_value(ids.cid([1]))
    assert results.load(ids.cid([1])) == [1]


@pytest.mark.parametrize("harm", ["remove", "flip"])
def test_a_lost_value_is_stored_again_with_its_call(
    tmp_path: Path, new_call: NewCalls, harm: str
) -> None:
    value = list(range(50_000))
    content = ids.cid(value)
    with Results(tmp_path) as results:
        results.record(new_call(results, 1, value))
    (path,) = (tmp_path / "values").glob("*/*.*")
    if harm == "remove":
        path.unlink()
    else:
        data = bytearray(path.read_bytes())
        data[500] ^= 4
        path.write_bytes(data)
    with Results(tmp_path) as results:
        with pytest.raises(ValueLost):
            results.load(content)
        assert not results.has_value(content)
        results.record(new_call(results, 1, value))
        assert results.load(content) == value
        assert len(results.calls_of([1])) == 1


def test_stored_values_are_not_written_again(
    results: Results, new_call: NewCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = np.arange(100_000.0)
    results.record(new_call(results, array, 1, duration=1.0))
    monkeypatch.setattr(codecs, "encode", lambda *a: pytest.fail("encoded again"))
    call = new_call(results, array, 1)
    results.record(NewCall(call.op, call.version, call.key, call.hid, call.inputs, [], 0.0, 0.0))


# threads --------------------------------------------------------------------------------------


def test_many_threads_share_one_store(results: Results, new_call: NewCalls) -> None:
    wrong: list[Any] = []

    def work(number: int) -> None:
        try:
            for x in range(100):
                call = new_call(results, (number, x % 50), x % 50)
                results.record(call)
                (row,) = results.candidates([call.op], call.key)
                assert results.load(results.outputs(row.id)[0].cid) == x % 50
        except BaseException as error:  # noqa: BLE001 - shown below
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(results.calls_of([1])) == 400


def test_a_closed_store_says_so(tmp_path: Path, new_call: NewCalls) -> None:
    results = Results(tmp_path)
    results.close()
    results.close()
    with pytest.raises(ResultsError, match="closed"):
        results.ops()
    results.flush()


def test_nothing_is_recorded_into_a_closed_store(tmp_path: Path, new_call: NewCalls) -> None:
    results = Results(tmp_path)
    calls = [new_call(results, x, 2) for x in range(2)]
    results.record(calls[0])
    results.close()
    with pytest.raises(ResultsError, match="closed"):
        results.record(calls[1])


def test_close_says_what_could_not_be_written(tmp_path: Path, new_call: NewCalls) -> None:
    results = Results(tmp_path, busy_seconds=0.1)
    call = new_call(results, 1, 2)
    results.record(new_call(results, 0, 2, duration=1.0))
    other = sqlite3.connect(tmp_path / "results.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(ResultsError, match="locked"):
        results.record(call)
        results.close()
    other.close()
    results.close()


def test_a_value_removed_by_others_meanwhile_is_no_half_call(
    results: Results, new_call: NewCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PATIENCE", 60.0)
    results.record(new_call(results, [1], 2, duration=1.0))
    results.record(new_call(results, [1], [1], op="a.py::g"))
    with Results(results.folder) as other:
        assert other._database is not None
        other._database.execute("DELETE FROM vals WHERE cid = ?", (ids.cid([1]),))
    results.flush()
    (record,) = results.calls_of([2])
    assert set(record.inputs) == {"x"}
    assert set(record.outputs) == {"output_0"}
    with pytest.raises(ValueLost):
        results.load(record.outputs["output_0"].cid)


def test_a_dropped_store_keeps_no_file_open(tmp_path: Path, new_call: NewCalls) -> None:
    results = Results(tmp_path)
    results.record(new_call(results, 1, 2, duration=1.0))
    del results
    gc.collect()  # a ResourceWarning would be an error here
    with Results(tmp_path) as results:
        assert len(results.calls_of([1])) == 1


def test_stores_that_are_both_in_use_are_both_closed_at_exit(
    tmp_path: Path, new_call: NewCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PATIENCE", 60.0)
    with Results(tmp_path / "a") as one, Results(tmp_path / "b") as other:
        one.record(new_call(one, 1, 2))
        other.record(new_call(other, 1, 2))
        lifetime._flush_all()
        assert waiting(one) == waiting(other) == 0


def test_names_of_files_that_are_not_utf_8(tmp_path: Path) -> None:
    with Results(tmp_path) as results:
        plain, odd = results.op_id("a.py::f"), results.op_id("\udcff.py::f")
        assert odd != plain
        assert results.op_id("\udcff.py::f") == odd
        assert results.ops() == [(plain, "a.py::f"), (odd, "\udcff.py::f")]
        row = results.session_id(Session(None, False, "host", 1, "/home/\udcff.py", 1.0))
        assert results.sessions([row])[row].script == "/home/\\udcff.py"
    assert ids.call_hid("\udcff.py::f", [], b"v") != ids.call_hid("\udcfe.py::f", [], b"v")
