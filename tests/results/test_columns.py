"""Calls in columns: they say what each call says when it is read by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mandala_git.results import ids
from mandala_git.results.calls import MISSING, NewCall
from mandala_git.results.columns import Columns, all_columns
from mandala_git.results.store import Results

VALUES = st.one_of(
    st.integers(-3, 3),
    st.integers(-(1 << 70), 1 << 70),
    st.sampled_from([127, 128, -128, -129, 255, 256, 32767, -32768, (1 << 63) - 1, -(1 << 63)]),
    st.floats(),
    st.booleans(),
    st.none(),
    st.text(max_size=40),
    st.binary(max_size=40),
    st.complex_numbers(allow_nan=False),
    st.lists(st.integers(), max_size=2),
)

CALLS = st.lists(
    st.tuples(st.integers(0, 2), st.lists(VALUES, max_size=3), st.lists(VALUES, max_size=3)),
    min_size=1,
    max_size=10,
)


def check(results: Results, columns: Columns) -> None:
    """Compare with calls that are read one by one."""
    ops = [row for row, _ in results.ops()]
    records = results.calls_of(ops)
    assert columns.rows.tolist() == [record.row.id for record in records]
    seen: dict[bytes, int] = {}
    for number, record in enumerate(records):
        assert columns.hids[number].tobytes() == record.row.hid
        run = columns.runs[columns.run[number]]
        assert (run.op, run.version) == (record.row.op, record.row.version)
        edges = [*record.inputs.values(), *record.outputs.values()]
        first, last = columns.first[number : number + 2]
        assert last - first == len(edges)
        for place, edge in zip(range(first, last), edges, strict=True):
            ref = int(columns.ref[place])
            assert columns.labels[columns.label[place]] == edge.label
            assert bool(columns.is_output[place]) == (edge.label in record.outputs)
            assert columns.ref_hids[ref].tobytes() == edge.hid
            assert columns.content(ref) == edge.cid
            assert seen.setdefault(edge.hid, ref) == ref
            assert columns.edge(ref)[2:] == (edge.hid, edge.cid)
    assert list(seen.values()) == list(range(columns.refs)), "the oldest has the least number"
    known = list(seen)
    assert columns.find([*known, b"x" * 16]).tolist() == [*seen.values(), -1]
    values, large = columns.small_values(np.arange(columns.refs))
    for hid, ref in seen.items():
        content = columns.content(ref)
        if large[ref]:
            assert (hid, content) in columns.large()
        else:
            value = results.load(content)
            assert type(values[ref]) is type(value) and ids.cid(values[ref]) == content


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(calls=CALLS, data=st.data())
def test_columns_say_what_calls_say(calls: list[Any], data: st.DataObject) -> None:
    with Results(None) as results:
        made: list[tuple[bytes, bytes, Any]] = []
        for number, (op, inputs, outputs) in enumerate(calls):
            key = f"a.py::f{op}"
            version = results.version_id(b"%032d" % op, key, b"payload")
            given_ = []
            for place, value in enumerate(inputs):
                content = ids.cid(value)
                one = (ids.value_hid(content), content, value)
                if made and data.draw(st.booleans()):
                    one = data.draw(st.sampled_from(made))
                given_.append((f"x{place}", *one))
            lookup = ids.lookup_key([(name, content) for name, _, content, _ in given_])
            begin = lookup if data.draw(st.booleans()) else b""
            hid = ids.call_hid(key, [*((e[0], e[1]) for e in given_), (str(number), b"")],
                               b"%032d" % op, begin)  # fmt: skip
            returned = []
            for place, value in enumerate(outputs):
                one = (ids.output_hid(hid, f"y{place}"), ids.cid(value), value)
                if made and data.draw(st.integers(0, 3)) == 0:
                    one = data.draw(st.sampled_from(made))  # it was returned as it was given
                returned.append((f"y{place}", *one))
            alias = number if number and data.draw(st.integers(0, 4)) == 0 else None
            results.record(
                NewCall(
                    results.op_id(key),
                    version,
                    lookup,
                    hid,
                    given_,
                    returned,
                    1.0,
                    0.0,
                    None,
                    alias,
                )
            )
            made += [one[1:] for one in (*given_, *returned)]
        columns, _ = all_columns(results)
        check(results, columns)


def test_what_is_damaged_says_nothing(results: Results, new_call: Callable[..., NewCall]) -> None:
    for number in range(6):
        results.record(new_call(results, number, number * 2))
    results.flush()
    with results.changing() as database:
        database.execute("UPDATE calls SET edges = zeroblob(length(edges)) WHERE id = 2")
        database.execute("UPDATE calls SET hid = 'text' WHERE id = 3")
        database.execute("UPDATE calls SET key = x'00' WHERE id = 4")
        database.execute("UPDATE calls SET alias_of = 1 WHERE id = 5")
    columns, _ = all_columns(results)
    assert columns.rows.tolist() == [1, 6]
    check(results, columns)


def test_a_store_without_calls(results: Results) -> None:
    columns, _ = all_columns(results)
    assert (len(columns), columns.refs, columns.find([b"x" * 16]).tolist()) == (0, 0, [-1])
    assert columns.find([]).tolist() == [] and columns.large() == []


def test_calls_that_wait_are_there_and_writes_are_noticed(
    results: Results, new_call: Callable[..., NewCall]
) -> None:
    results.record(new_call(results, 1, MISSING))
    columns, moment = all_columns(results)
    assert len(columns) == 1
    assert all_columns(results)[1] == moment
    results.record(new_call(results, 2, [3]))
    columns, later = all_columns(results)
    assert len(columns) == 2 and later != moment


def test_ids_that_end_alike_are_told_apart(
    results: Results, new_call: Callable[..., NewCall]
) -> None:
    call = new_call(results, 1, 2)
    tail = b"z" * 8
    inputs = [(f"x{n}", bytes([n]) * 8 + tail, ids.cid(n), n) for n in (3, 1, 2)]
    results.record(call._replace(inputs=inputs))
    columns, _ = all_columns(results)
    assert columns.refs == 4
    assert columns.find([edge[1] for edge in inputs]).tolist() == [0, 1, 2]
    assert columns.find([b"y" * 8 + tail]).tolist() == [-1]
