"""The row of a call: small values in it, ids that follow from others, marks that many share."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mandala_git.errors import ResultsError, ValueLost
from mandala_git.results import atoms, ids, packing, store
from mandala_git.results.calls import MISSING, CallRecord, NewCall
from mandala_git.results.store import Results
from tests.results.conftest import OP, VID, make_call

NewCalls = Callable[..., NewCall]

ATOMS = (
    st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.binary()
    | st.booleans()
    | st.none()
    | st.complex_numbers()
    | st.binary(max_size=40).map(bytearray)
    | st.sampled_from([..., NotImplemented, 2**63, -(2**63), 2**63 - 1, -0.0, math.nan, 1j])
)


# small values -----------------------------------------------------------------------------


@given(ATOMS)
def test_a_small_value_comes_back_and_keeps_its_id(value: Any) -> None:
    packed = packing.small(value)
    if packed is None:
        assert len(atoms.ATOMS[type(value)](value)) > packing.SMALL
        return
    assert packing.content_of(packed) == ids.cid(value)
    found = packing.value_of(packed)
    assert type(found) is type(value)
    assert ids.cid(found) == ids.cid(value)
    assert packing.holds_value(packed)
    assert packing.split(packed * 3) == [(packed, None)] * 3


class Number(int):
    """Is no int to whoever asks for its type."""


@pytest.mark.parametrize("value", [[1], (), {}, Number(1), "x" * 100, 2**300, object(), MISSING])
def test_what_is_not_small(value: Any) -> None:
    assert packing.small(value) is None


@pytest.mark.parametrize("data", [b"", b"?", b"s9:abc", b"bx", b"s3abc"])
def test_no_encoding(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"no value|invalid"):
        atoms.read(data)


def test_a_value_under_another_id_is_not_taken_for_its_own(results: Results) -> None:
    call = make_call(results, 1, 2)
    other = b"an id of a class"
    label, hid, _, value = call.outputs[0]
    results.record(call._replace(outputs=[(label, hid, other, value)]))
    results.flush()
    (found,) = results.candidates([call.op], call.key)
    assert found.outputs[0].cid == other
    assert results.load(other) == 2
    with pytest.raises(ValueLost):
        results.load(ids.cid(2))


# every kind of call -----------------------------------------------------------------------


def some_call(
    results: Results,
    inputs: dict[str, Any],
    outputs: dict[str, Any],
    *,
    op: str = OP,
    vid: bytes = VID,
    histories: dict[str, bytes] | None = None,
    **more: Any,
) -> NewCall:
    contents = {name: ids.cid(value) for name, value in inputs.items()}
    hids = {name: ids.value_hid(content) for name, content in contents.items()}
    hids |= histories or {}
    key = ids.lookup_key(contents.items())
    hid = ids.call_hid(op, hids.items(), vid, key)
    call = NewCall(
        results.op_id(op),
        results.version_id(vid, op, b"payload"),
        key,
        hid,
        [(name, hids[name], contents[name], value) for name, value in inputs.items()],
        [(n, ids.output_hid(hid, n), ids.cid(value), value) for n, value in outputs.items()],
        1000.0,
        0.0,
    )
    return call._replace(**more)


def all_kinds(results: Results) -> list[NewCall]:
    """Calls of every kind; some share keys, contents or histories."""
    made = ids.output_hid(b"h" * 16, "output_0")
    calls = [
        some_call(results, {}, {"output_0": 1}),
        some_call(results, {}, {}, op="a.py::nothing"),
        some_call(results, {}, {"output_0": 1}, op="a.py::g"),
        some_call(results, {"x": b""}, {"output_0": ""}),
        some_call(results, {"x": bytearray()}, {"output_0": ()}),
        some_call(results, {"x": 1}, {"output_0": 2}),
        some_call(results, {"x": 1}, {"output_0": 3}, vid=b"w" * 32),
        some_call(results, {"x": 1.0}, {"output_0": True}),
        some_call(results, {"x": True}, {"output_0": 1}),
        some_call(results, {"x": None, "y": None}, {"output_0": None}),
        some_call(results, {"x": 5}, {"output_0": 5}),
        some_call(results, {"x": [5]}, {"output_0": [5]}),
        some_call(results, {"x": "é\ud800" * 10}, {"output_0": "é" * 20_000}),
        some_call(results, {"x": 7}, {f"output_{n}": (n if n % 2 else [n]) for n in range(300)}),
        some_call(results, {f"x_{n}": n for n in range(300)}, {"output_0": 0}),
        some_call(results, {"x": 2}, {"output_0": 3}, histories={"x": made}),
        some_call(results, {"x": [2]}, {"output_0": [3]}, histories={"x": made[::-1]}),
        some_call(results, {"x": 8}, {"output_0": 9}, hid=b"random history id"[:16]),
        some_call(results, {"x": 8}, {"output_0": 10}, key=b"rounded lookup"[:14] + b"!!"),
        some_call(results, {"x": lambda: 1}, {"output_0": 2}),
        some_call(results, {"x": 2**64}, {"output_0": -(2**63)}),
    ]
    label, _, content, value = calls[5].outputs[0]
    calls.append(
        calls[5]._replace(
            hid=b"its outputs have",
            outputs=[(label, b"histories of own", content, value)],
        )
    )
    return calls


@pytest.fixture(params=["marks", "no marks", "one mark in two"])
def marks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let marks say what they say usually, nothing, or little: all else must be compared."""
    if request.param == "marks":
        return
    length = 0 if request.param == "no marks" else 1
    for name in ("mark_of_call", "mark_of_input", "mark_of_content"):
        monkeypatch.setattr(
            packing, name, lambda hash: bytes([hash[0] % 2])[:length] + b"\0" * (4 - length)
        )


@pytest.fixture
def kinds(marks: None, tmp_path: Path) -> Iterator[tuple[Results, list[NewCall]]]:
    with Results(tmp_path) as results:
        calls = all_kinds(results)
        for call in calls[::2]:
            results.record(call)
        results.flush()
        for call in [*calls[1::2], *calls[::3]]:
            results.record(call)
    with Results(tmp_path) as results:
        yield results, calls


def check_record(record: CallRecord, call: NewCall) -> None:
    row = record.row
    assert (row.hid, row.op, row.version) == (call.hid, call.op, call.version)
    assert (row.session, row.alias_of, row.started) == (None, call.alias_of, 1000.0)
    for edges, given_edges in ((record.inputs, call.inputs), (record.outputs, call.outputs)):
        found = [(edge.label, edge.hid, edge.cid) for edge in edges.values()]
        assert found == [edge[:3] for edge in given_edges]
        assert [edge.place for edge in edges.values()] == list(range(len(edges)))


def test_every_kind_of_call_is_read_as_it_was_recorded(
    kinds: tuple[Results, list[NewCall]],
) -> None:
    results, calls = kinds
    ordered = [*calls[::2], *calls[1::2]]
    records = results.calls_of(range(10))
    assert [record.row.hid for record in records] == [call.hid for call in ordered]
    for record, call in zip(records, ordered, strict=True):
        check_record(record, call)
        assert results.calls([record.row.id]) == [record]
        assert results.call(call.hid) == record.row
        assert results.inputs(record.row.id) == list(record.inputs.values())
        assert results.outputs(record.row.id) == list(record.outputs.values())
        for _, _, content, value in (*call.inputs, *call.outputs):
            if callable(value):
                assert not results.has_value(content)
                continue
            assert results.has_value(content)
            loaded = results.load(content)
            assert (type(loaded), ids.cid(loaded)) == (type(value), content)
            assert (results.size(content) or 0) > 0
    counts: dict[int, int] = {}
    for call in calls:
        counts[call.version] = counts.get(call.version, 0) + 1
    assert {version: n for version, (n, _) in results.stats().items()} == counts


def test_every_kind_of_call_is_found_by_its_key(kinds: tuple[Results, list[NewCall]]) -> None:
    results, calls = kinds
    order = [*calls[::2], *calls[1::2]]
    for call in calls:
        found = results.candidates([call.op], call.key)
        same = [other for other in order if (other.op, other.key) == (call.op, call.key)]
        assert [each.hid for each in found] == [other.hid for other in same]
        for each, other in zip(found, same, strict=True):
            assert each.version == other.version
            assert [tuple(e)[::2] for e in each.outputs] == [(e[0], e[1]) for e in other.outputs]
            assert [e.cid for e in each.outputs] == [e[2] for e in other.outputs]
            assert results.complete(each)
        assert results.candidates([call.op + 9], call.key) == []
    for key in (ids.lookup_key([("x", ids.cid(99))]), calls[0].key[:15] + b"?", b"\0" * 16):
        assert results.candidates(range(10), key) == []


def test_the_graph_is_read_from_both_ends(kinds: tuple[Results, list[NewCall]]) -> None:
    results, calls = kinds
    rows = {record.row.hid: record.row.id for record in results.calls_of(range(10))}
    for name, ask in (("inputs", results.consumers), ("outputs", results.creators)):
        expected: dict[bytes, list[tuple[int, str]]] = {}
        for call in calls:
            for label, hid, _, _ in getattr(call, name):
                expected.setdefault(hid, []).append((rows[call.hid], label))
        for edges in expected.values():
            edges.sort()
        unknown = [b"?" * 16, b"\0" * 16, *(hid[:12] + b"none" for hid in expected)]
        assert ask([*expected, *unknown]) == expected
        for hid, edges in list(expected.items())[:40]:
            assert ask([hid]) == {hid: edges}
    for call in calls:
        for _, _, content, _ in call.outputs[:5]:
            made = [rows[c.hid] for c in calls if content in [e[2] for e in c.outputs]]
            assert results.makers(content) == sorted(made)
    assert results.makers(b"?" * 16) == []
    assert results.makers(ids.cid(8)) == []  # given, never returned


def test_aliases_of_every_kind(kinds: tuple[Results, list[NewCall]]) -> None:
    results, calls = kinds
    rows = {record.row.hid: record.row for record in results.calls_of(range(10))}
    before = results.stats()
    aliases = []
    for number, call in enumerate(calls):
        hid = call.hid[:4] + b"alias%7d" % number
        aliases.append(
            call._replace(
                hid=hid,
                inputs=[(n, h[::-1], c, MISSING) for n, h, c, _ in call.inputs],
                outputs=[(n, ids.output_hid(hid, n), c, MISSING) for n, _, c, _ in call.outputs],
                alias_of=rows[call.hid].id,
            )
        )
        results.record(aliases[-1])
    records = results.calls_of(range(10))[len(calls) :]
    for record, alias in zip(records, aliases, strict=True):
        check_record(record, alias)
        for edge in record.outputs.values():
            assert results.has_value(edge.cid)
    assert results.stats() == before


# damage -----------------------------------------------------------------------------------


def rows_of(results: Results, query: str, *values: object) -> list[tuple[Any, ...]]:
    with results.changing() as database:
        return database.execute(query, values).fetchall()


def test_any_flipped_bit_of_a_call_is_noticed(tmp_path: Path, new_call: NewCalls) -> None:
    made = ids.output_hid(b"h" * 16, "output_0")
    with Results(tmp_path) as results:
        call = some_call(results, {"x": 12345, "y": "text"}, {"output_0": 2.5},
                         histories={"y": made})  # fmt: skip
        results.record(call)
        results.record(new_call(results, 1, 1))
    columns = ("run", "alias_of", "hid", "key", "edges")
    with Results(tmp_path) as results:
        (whole,) = rows_of(results, f"SELECT {', '.join(columns)} FROM calls WHERE id = 1")
    damaged: list[tuple[str, object]] = [("run", 2), ("run", 99), ("alias_of", 2), ("alias_of", 7)]
    for name, value in zip(columns[2:], whole[2:], strict=True):
        damaged += [(name, b""), (name, value[:-1]), (name, value + b"."), (name, None), (name, 7)]
        for place in range(len(value) * 8):
            data = bytearray(value)
            data[place // 8] ^= 1 << place % 8
            damaged.append((name, bytes(data)))
    for name, harm in damaged:
        with Results(tmp_path) as results:
            if harm is None:
                continue  # SQLite does not take it
            rows_of(results, f"UPDATE calls SET {name} = ? WHERE id = 1", harm)
            assert results.candidates([call.op], call.key) == []
            assert [record.row.id for record in results.calls_of([call.op])] == [2]
            assert results.calls([1, 2])[0].row.id == 2
            assert results.creators([call.outputs[0][1]]) == {}
            assert results.consumers([made]) == {}
            assert results.makers(ids.cid(2.5)) == []
            assert results.inputs(1) == results.outputs(1) == []
            for value in (12345, "text", 2.5):
                assert not results.has_value(ids.cid(value))
            rows_of(
                results, f"UPDATE calls SET {name} = ? WHERE id = 1", whole[columns.index(name)]
            )
            assert len(results.candidates([call.op], call.key)) == 1


@pytest.mark.parametrize("column", ["run", "alias_of", "hid", "key", "edges"])
def test_a_damaged_call_is_recorded_anew(tmp_path: Path, new_call: NewCalls, column: str) -> None:
    harm = 2 if column in ("run", "alias_of") else b"?" * 16
    with Results(tmp_path) as results:
        call = new_call(results, 7, 8)
        for each in (call, new_call(results, 1, 1)):
            results.record(each)
    with Results(tmp_path) as results:
        rows_of(results, f"UPDATE calls SET {column} = ? WHERE id = 1", harm)
    with Results(tmp_path) as results:
        with pytest.raises(ValueLost):
            results.load(ids.cid(8))
        results.record(call)
    with Results(tmp_path) as results:
        (found,) = results.candidates([call.op], call.key)
        assert results.load(found.outputs[0].cid) == 8
        (made,) = [each for each in results.calls_of([call.op]) if each.row.hid == call.hid]
        check_record(made, call)


def test_a_call_under_a_run_that_is_gone_is_none(tmp_path: Path, new_call: NewCalls) -> None:
    with Results(tmp_path) as results:
        call = new_call(results, 7, 8)
        results.record(call)
        results.flush()
        for names in ("", "[1", "[[]]", "7", '[["x"],[]]'):
            rows_of(results, "UPDATE runs SET names = ?", names)
            results._runs = type(results._runs)()
            assert results.candidates([call.op], call.key) == []
            assert results.calls_of([call.op]) == []


@pytest.mark.parametrize("value", [5, "text", [5]])
def test_a_value_that_was_not_at_hand_is_stored_later(
    tmp_path: Path, new_call: NewCalls, value: Any
) -> None:
    with Results(tmp_path) as results:
        call = new_call(results, value, MISSING)
        bare = call._replace(
            inputs=[(*edge[:3], MISSING) for edge in call.inputs],
            outputs=[(*edge[:2], ids.cid(value), MISSING) for edge in call.outputs],
        )
        whole = call._replace(outputs=[(*edge[:3], value) for edge in bare.outputs])
        other = call._replace(outputs=[(*edge[:2], ids.cid(6), 6) for edge in bare.outputs])
        results.record(bare)
        results.flush()
        assert not results.has_value(ids.cid(value))
        for again in (other, bare, whole, bare, other):  # the first one wins with its outputs
            results.record(again)
            results.flush()
    with Results(tmp_path) as results:
        assert results.load(ids.cid(value)) == value
        (record,) = results.calls_of([call.op])
        check_record(record, whole)
        assert results.complete(results.candidates([call.op], call.key)[0])
        assert results.stats() == {call.version: (1, 0.0)}


# sums -------------------------------------------------------------------------------------


def test_sums_are_those_of_the_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "PATIENCE", 60.0)
    with Results(tmp_path) as one, Results(tmp_path) as other:
        for number in range(60):
            for results in (one, other):
                session = number // 20 or None
                call = some_call(results, {"x": number}, {"output_0": 1}, session=session)
                results.record(call._replace(duration=number * 1e-6))
            if number % 7 == 0:
                one.flush()
            if number % 11 == 0:
                other.flush()
        one.flush()
        other.flush()
        (record, *_) = records = one.calls_of([1])
        assert len(records) == 60
        expected = pytest.approx(sum(range(60)) * 1e-6)
        assert one.stats() == other.stats([1]) == {record.row.version: (60, expected)}
        assert {r.row.session for r in records} == {None, 1, 2}
        for _, first, last, count in rows_of(one, "SELECT id, first, last, calls FROM runs"):
            assert rows_of(one, "SELECT count(*) FROM calls WHERE id BETWEEN ? AND ?", first, last)
            assert count == 20
        assert one.stats([2]) == {}


def test_numbers_of_calls_are_used_once(tmp_path: Path, new_call: NewCalls) -> None:
    with Results(tmp_path) as results:
        results.record(new_call(results, 1, 1))
        results.flush()
        rows_of(results, "DELETE FROM calls")
        results.record(new_call(results, 2, 2))
        assert [record.row.id for record in results.calls_of([1])] == [2]


# the file ---------------------------------------------------------------------------------


def test_a_call_with_an_int_takes_little_room(tmp_path: Path) -> None:
    count = 20_000
    with Results(tmp_path) as results:
        for number in range(count):
            results.record(some_call(results, {"x": number}, {"output_0": 7 * number}))
    assert (tmp_path / "results.db").stat().st_size / count < 120


def test_a_database_from_before_the_first_release_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE refs (id INTEGER PRIMARY KEY)")
    connection.execute("PRAGMA user_version = 1")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(ResultsError, match="before the first release") as caught:
        Results(tmp_path)
    assert f"mv {path}* {tmp_path}/before" in caught.value.hint
    assert path.read_bytes() == before
