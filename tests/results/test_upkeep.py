"""Calls are deleted with what follows from them, garbage is collected, damage is listed."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mandala_git.errors import ResultsError, Unwritable, UsageError, ValueLost
from mandala_git.results import deleting, ids, packing, reading
from mandala_git.results.calls import MISSING, NewCall
from mandala_git.results.collecting import Collection, vacuum
from mandala_git.results.deleting import delete
from mandala_git.results.names import rename_argument, rename_op
from mandala_git.results.store import Results
from mandala_git.results.verifying import verify
from tests.results.conftest import OP, VID, make_call

NewCalls = Callable[..., NewCall]
LARGE = list(range(9000))


def rows_of(results: Results, query: str, *values: object) -> list[tuple[Any, ...]]:
    assert results._database is not None
    return results._database.execute(query, values).fetchall()


def taking(results: Results, made: NewCall, y: Any, *, loaded: bool = False) -> NewCall:
    """A call `g(x) -> y` of what another call returned."""
    label, hid, content, value = made.outputs[0]
    key = ids.lookup_key([("x", content)])
    call = make_call(results, 0, y, op="a.py::g")
    own = ids.call_hid("a.py::g", [("x", hid)], VID, key)
    return call._replace(
        key=key,
        hid=own,
        inputs=[("x", hid, content, value if loaded else MISSING)],
        outputs=[(label, ids.output_hid(own, label), *call.outputs[0][2:])],
    )


def alias(results: Results, call: NewCall, number: int) -> NewCall:
    """The same call of an input with another history."""
    (row,) = [r for r in results.candidates([call.op], call.key) if r.alias_of is None]
    hid = call.hid[:4] + b"alias%7d" % number
    return call._replace(
        hid=hid,
        inputs=[(name, b"%16d" % number, content, MISSING) for name, _, content, _ in call.inputs],
        outputs=[
            (name, ids.output_hid(hid, name), content, MISSING)
            for name, _, content, _ in call.outputs
        ],
        alias_of=row.id,
    )


def check(results: Results) -> None:
    """Sums and marks are those of the calls that are there."""
    sums: dict[int, int] = {}
    marks = set()
    for row in rows_of(results, f"SELECT {reading.COLUMNS} FROM calls c"):
        call = reading.opened(results._database, results._runs, row)  # type: ignore[arg-type]
        assert call is not None
        marks |= {(mark, call.id) for mark in call.marks(call.key)}
        if call.row().alias_of is None:
            sums[row[1]] = sums.get(row[1], 0) + 1
    assert dict(rows_of(results, "SELECT id, calls FROM runs WHERE calls > 0")) == sums
    assert set(rows_of(results, "SELECT mark, call FROM marks")) <= marks


def test_a_deleted_call_is_gone_and_can_be_made_again(results: Results, new_call: NewCalls) -> None:
    calls = [new_call(results, x, -x, duration=1.0) for x in range(10)]
    for call in calls:
        results.record(call)
    (row,) = results.candidates([1], calls[3].key)
    assert delete(results, [row.id, 99]).total == 1
    assert results.candidates([1], calls[3].key) == []
    assert results.call(calls[3].hid) is None
    assert results.creators([calls[3].outputs[0][1]]) == {}
    assert len(results.calls_of([1])) == 9
    assert results.stats() == {calls[0].version: (9, pytest.approx(9.0))}
    check(results)
    with pytest.raises(ValueLost):
        results._small.clear()
        results.load(ids.cid(-3))
    results.record(calls[3])
    assert results.load(ids.cid(-3)) == -3
    assert [r.row.id for r in results.calls_of([1])] == [1, 2, 3, 5, 6, 7, 8, 9, 10, 11]
    check(results)


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("dependents", [True, False])
@pytest.mark.parametrize("value", [7, [7], LARGE])
def test_with_and_without_dependents(
    tmp_path: Path,
    new_call: NewCalls,
    monkeypatch: pytest.MonkeyPatch,
    marked: bool,
    dependents: bool,
    value: Any,
) -> None:
    if not marked:
        for name in ("mark_of_call", "mark_of_input", "mark_of_content"):
            monkeypatch.setattr(packing, name, lambda hash: b"\0" * 4)
    with Results(tmp_path) as results:
        first = new_call(results, 1, value)
        results.record(first)
        second = taking(results, first, 8)
        results.record(second)
        third = taking(results, second, 9, loaded=True)._replace(duration=1.0)
        results.record(third)
        apart = new_call(results, 2, value)
        results.record(apart)
        again = alias(results, first, 1)
        results.record(again)
        of_alias = taking(results, again, 8)
        results.record(of_alias)
        results.flush()
        (row, _) = results.candidates([1], first.key)
        deleted = delete(results, [row.id], dependents=dependents).total
        assert deleted == (5 if dependents else 2)
        left = {r.row.hid for r in results.calls_of([1, 2])}
        assert left == ({apart.hid} if dependents else
                        {apart.hid, second.hid, third.hid, of_alias.hid})  # fmt: skip
        check(results)
    with Results(tmp_path) as results:
        for record in results.calls_of([1, 2]):
            for edge in (*record.inputs.values(), *record.outputs.values()):
                assert ids.cid(results.load(edge.cid)) == edge.cid
        Collection(results).collect()
    with Results(tmp_path) as results:
        for record in results.calls_of([1, 2]):
            for edge in (*record.inputs.values(), *record.outputs.values()):
                assert ids.cid(results.load(edge.cid)) == edge.cid


@pytest.mark.parametrize("value", [7, "small", [7]])
def test_what_a_call_is_given_outlives_the_call_that_made_it(
    tmp_path: Path, new_call: NewCalls, value: Any
) -> None:
    with Results(tmp_path) as results:
        first = new_call(results, 1, value)
        second = taking(results, first, 8)
        results.record(first)
        results.record(second)
        results.flush()
        assert delete(results, [1]).total == 1
    with Results(tmp_path) as results:
        assert results.load(ids.cid(value)) == value
        assert delete(results, [2]).total == 1
        assert Collection(results).collect().values == 1
    with Results(tmp_path) as results:
        assert not results.has_value(ids.cid(value))


def test_an_alias_is_deleted_with_its_call(results: Results, new_call: NewCalls) -> None:
    call = new_call(results, 1, 2)
    results.record(call)
    for number in range(5):
        results.record(alias(results, call, number))
    results.flush()
    assert delete(results, [4]).total == 6
    assert results.candidates([1], call.key) == []
    check(results)


def test_nothing_is_deleted_when_it_cannot_be_written(
    results: Results, new_call: NewCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    results.record(new_call(results, 1, 2))
    results.flush()

    def fail(*args: object) -> None:
        raise Unwritable("no room")

    monkeypatch.setattr(deleting, "_keep_small_values", fail)
    with pytest.raises(ResultsError, match="no room"):
        delete(results, [1])
    assert len(results.calls_of([1])) == 1
    check(results)


# names ------------------------------------------------------------------------------------


@pytest.mark.parametrize("marked", [True, False])
def test_a_renamed_argument(
    tmp_path: Path, new_call: NewCalls, monkeypatch: pytest.MonkeyPatch, marked: bool
) -> None:
    if not marked:
        monkeypatch.setattr(packing, "mark_of_call", lambda hash: b"\0" * 4)
    with Results(tmp_path) as results:
        calls = [new_call(results, x, [x], duration=1.0) for x in range(5)]
        calls.append(new_call(results, 9, 9)._replace(key=b"of rounded float"))
        for call in [*calls, new_call(results, 1, 1, op="b.py::g")]:
            results.record(call)
        results.record(alias(results, calls[2], 1))
        results.flush()
        stats = results.stats()
        assert rename_argument(results, [1], "no", "y") == 0
        assert rename_argument(results, [1], "x", "x") == 0
        assert rename_argument(results, [1], "x", "y") == 7
        check(results)
    with Results(tmp_path) as results:
        assert results.stats() == stats
        for x, call in enumerate(calls[:5]):
            assert results.candidates([1], call.key) == []
            key = ids.lookup_key([("y", ids.cid(x))])
            found = results.candidates([1], key)
            assert [each.hid for each in found][:1] == [call.hid]
            assert len(found) == (2 if x == 2 else 1)
            assert [each.label for each in results.inputs(found[0].id)] == ["y"]
            assert results.load(found[0].outputs[0].cid) == [x]
            assert list(results.creators([call.outputs[0][1]])) == [call.outputs[0][1]]
            assert list(results.consumers([call.inputs[0][1]]).values()) == [
                [(found[0].id, "y"), *([(7, "x")] if x == 1 else [])]
            ]
            results.record(call._replace(key=key))  # it is known
        assert [each.hid for each in results.candidates([1], calls[5].key)] == [calls[5].hid]
        assert len(results.candidates([2], ids.lookup_key([("x", ids.cid(1))]))) == 1
        assert len(results.calls_of([1])) == 7
        assert verify(results).calls == {}
        assert delete(results, [3]).total == 2
        assert results.candidates([1], ids.lookup_key([("y", ids.cid(2))])) == []
        check(results)
        assert rename_argument(results, [1], "y", "x") == 5
        assert len(results.candidates([1], calls[3].key)) == 1
        check(results)


def test_a_name_that_is_taken(results: Results, new_call: NewCalls) -> None:
    call = new_call(results, 1, 2)
    one = ("y", *call.inputs[0][1:])
    results.record(new_call(results, 0, 0))
    results.record(call._replace(inputs=[*call.inputs, one]))
    results.flush()
    with pytest.raises(UsageError, match="y beside x already"):
        rename_argument(results, [1], "x", "y")
    assert {name for record in results.calls_of([1]) for name in record.inputs} == {"x", "y"}
    assert len(results.candidates([1], new_call(results, 0, 0).key)) == 1
    check(results)


def test_a_renamed_op(tmp_path: Path, new_call: NewCalls) -> None:
    with Results(tmp_path) as results, Results(tmp_path) as other:
        calls = [new_call(results, x, [x], duration=1.0) for x in range(5)]
        for call in calls:
            results.record(call)
        results.record(alias(results, calls[2], 1))
        assert len(other.candidates([1], calls[2].key)) == 2
        assert rename_op(results, 1, OP) == 0
        assert rename_op(results, 1, "b.py::g") == 5
        new = results.op_id("b.py::g")
        for store in (results, other):
            assert store.candidates([1], calls[2].key) == [] or store is other
            assert [r.row.op for r in results.calls_of([new])] == [new] * 6
            assert results.stats([new]) == {calls[0].version: (5, pytest.approx(5.0))}
            assert [version.op for version in results.versions_of(new)] == [new]
            assert results.versions_of(1) == []
        # Who remembers the old name goes on recording under it, and loses nothing.
        other.record(new_call(other, 9, 9, duration=1.0))
        assert [r.row.op for r in results.calls_of([1])] == [1]
        assert verify(results) == ({}, {}, {}, {}, 7 + 5)
        check(results)
    with Results(tmp_path) as results:
        assert [c.hid for c in results.candidates([new], calls[3].key)] == [calls[3].hid]


def test_a_name_of_an_op_that_is_taken(results: Results, new_call: NewCalls) -> None:
    results.record(new_call(results, 1, 2))
    results.record(new_call(results, 1, 3, op="b.py::g"))
    with pytest.raises(UsageError, match=r"1 call is recorded under b\.py::g already"):
        rename_op(results, 1, "b.py::g")
    with pytest.raises(UsageError):
        rename_op(results, 1, "b.py::g")
    assert len(results.calls_of([1])) == 1
    delete(results, [2])
    assert rename_op(results, 1, "b.py::g") == 1
    check(results)


# garbage ----------------------------------------------------------------------------------


def test_garbage_is_what_no_call_has(tmp_path: Path, new_call: NewCalls) -> None:
    with Results(tmp_path) as results:
        for x in range(6):
            results.record(new_call(results, x, [x] * (20 if x % 2 else 9000)))
        results.record(new_call(results, "other", LARGE, op="b.py::g"))
        results.flush()
        nothing = Collection(results).collect()
        assert (nothing.values, nothing.size) == (0, 0)
        assert set(nothing.kept) == {OP, "b.py::g"}
        delete(results, [1, 2])
        would = Collection(results).would()
        assert would.values == 2
        assert would.size > 9000
        assert would.kept[OP] < nothing.kept[OP]
        assert would.kept["b.py::g"] == nothing.kept["b.py::g"]
        assert results.has_value(ids.cid([0] * 9000))
        files = len(list((tmp_path / "values").glob("*/*")))
        assert Collection(results).collect() == would
        assert len(list((tmp_path / "values").glob("*/*"))) == files - 1
        assert not results.has_value(ids.cid([0] * 9000))
        assert not results.has_value(ids.cid([1] * 20))
        assert Collection(results).collect()[:2] == (0, 0)
        for x in range(2, 6):
            assert results.load(ids.cid([x] * (20 if x % 2 else 9000)))


def test_files_that_nobody_names(tmp_path: Path, new_call: NewCalls) -> None:
    with Results(tmp_path) as results:
        results.record(new_call(results, 1, LARGE))
        results.flush()
        (file,) = (tmp_path / "values").glob("*/*")
        old, young = (file.parent / f"{name}.tmp" for name in ("old", "young"))
        for each in (old, young):
            each.write_bytes(b"x" * 100)
        os.utime(old, (time.time() - 7200,) * 2)
        os.utime(file, (time.time() - 7200,) * 2)
        assert Collection(results).would()[:2] == (1, 100)
        assert old.exists()
        assert Collection(results).collect()[:2] == (1, 100)
        assert sorted(file.parent.iterdir()) == sorted([file, young])


def test_a_call_that_is_recorded_meanwhile_keeps_its_value(
    tmp_path: Path, new_call: NewCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Results(tmp_path) as results, Results(tmp_path) as other:
        results.record(new_call(results, 1, [5]))
        results.flush()
        delete(results, [1])
        collection = Collection(results)
        look = collection._look

        def slow(*args: Any) -> None:
            look(*args)
            if not other.calls_of([1]):
                other.record(new_call(other, 2, [5], duration=1.0))

        monkeypatch.setattr(collection, "_look", slow)
        assert collection.collect().values == 0
        assert other.load(ids.cid([5])) == [5]


@pytest.mark.parametrize("folder", [True, False])
def test_vacuum_gives_room_back(tmp_path: Path, new_call: NewCalls, folder: bool) -> None:
    with Results(tmp_path if folder else None) as results:
        for x in range(3000):
            results.record(new_call(results, x, -x))
        results.flush()
        delete(results, range(1, 2900))
        before, after = vacuum(results)
        assert after < before / 3
        assert len(results.calls_of([1])) == 101
        check(results)
        results.record(new_call(results, 0, 0))
        assert results.calls_of([1])[-1].row.id == 3001


# damage -----------------------------------------------------------------------------------


def test_damage_is_listed(tmp_path: Path, new_call: NewCalls) -> None:
    with Results(tmp_path) as results:
        for x in range(20):
            results.record(new_call(results, x, [x] * (9000 if x % 2 else 20)))
        results.flush()
        assert verify(results) == ({}, {}, {}, {}, 40)
        rows_of(results, "UPDATE calls SET edges = x'00' WHERE id = 7")
        rows_of(results, "UPDATE vals SET data = substr(data, 2) WHERE cid = ?", ids.cid([4] * 20))
        files = {file.name.partition(".")[0]: file for file in (tmp_path / "values").glob("*/*")}
        flipped, gone = (files[ids.cid([x] * 9000).hex()] for x in (1, 3))
        data = bytearray(flipped.read_bytes())
        data[random.Random(0).randrange(len(data))] ^= 1
        flipped.write_bytes(data)
        gone.unlink()
        found = verify(results)
        assert found.calls == {7: OP}
        assert set(found.where.values()) == {f"{OP}, output output_0"}
        assert found.where.keys() == found.values.keys()
        assert found.checked == 40
        assert {content: why[:12] for content, why in found.values.items()} == {
            ids.cid([4] * 20): "its checksum",
            ids.cid([1] * 9000): "its checksum",
            ids.cid([3] * 9000): "No such file",
        }
        for content in found.values:
            with pytest.raises(ValueLost):
                results.load(content)


class Odd:
    """Its instances hash to what a test says."""

    stands_for = 1

    def __init__(self, size: int) -> None:
        self.size = "x" * size

    def __mandala_hash__(self) -> object:
        if self.stands_for is None:
            raise KeyError("nothing")
        return self.stands_for


@pytest.mark.parametrize("size", [10, 100_000])
def test_each_value_is_hashed_anew(
    tmp_path: Path, new_call: NewCalls, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """Whole bytes are not enough: they must be the value that the id says."""
    good, plain, odd = ids.cid([0] * size), ids.cid([1] * size), ids.cid(Odd(size))
    with Results(tmp_path) as results:
        for x, y in enumerate(([0] * size, [1] * size, Odd(size))):
            results.record(new_call(results, x, y))
        results.flush()
        assert verify(results) == ({}, {}, {}, {}, 6)
        # Another value in its place, sealed as well.
        row = results._row(plain, [2] * size, "value")
        rows_of(results, "UPDATE vals SET data = ? WHERE cid = ?", row[3], plain)
        monkeypatch.setattr(Odd, "stands_for", 2)
        found = verify(results)
        assert found.values == {plain: "it is another value than its id says"}
        assert found.unproved == {
            odd: f"it has another id here: {__name__}.Odd may have changed since"
        }
        assert found.where == {
            plain: f"{OP}, output output_0",
            odd: f"{OP}, output output_0",
        }
        monkeypatch.setattr(Odd, "stands_for", None)
        assert "cannot be taken apart (KeyError" in verify(results).unproved[odd]
        monkeypatch.delattr(f"{__name__}.Odd")
        (why,) = verify(results).unproved.values()
        assert "Odd" in why
        assert results.load(good) == [0] * size


def test_a_small_value_that_is_not_what_its_bytes_say(results: Results, new_call: NewCalls) -> None:
    call = new_call(results, 1, 2)
    results.record(call)
    results.flush()
    # An int in the bytes of another size: its checksum is right, and nothing else would notice.
    (key, proof) = (
        rows_of(results, "SELECT key FROM calls")[0][0],
        results.runs.get(
            results._database,
            1,  # type: ignore[arg-type]
        ),
    )
    assert proof is not None
    edges = packing.small(1) + b"\x42\x02\x00"  # type: ignore[operator]
    stored = packing.sealed(edges, call.hid, key, None, proof.proof)
    rows_of(results, "UPDATE calls SET edges = ?", stored)
    assert verify(results).calls == {}
    edges = packing.small(1) + b"\x05wrong"  # type: ignore[operator]
    stored = packing.sealed(edges, call.hid, key, None, proof.proof)
    rows_of(results, "UPDATE calls SET edges = ?", stored)
    assert verify(results).calls == {1: OP}


@pytest.mark.parametrize("number", range(4))
def test_a_call_that_is_not_found_any_more(
    results: Results, new_call: NewCalls, number: int
) -> None:
    """By its key, its history id, what it was given or what it returned."""
    call = new_call(results, 1, [2])
    call = call._replace(hid=b"other" + call.hid[5:])
    call = call._replace(outputs=[("o", ids.output_hid(call.hid, "o"), *call.outputs[0][2:])])
    for each in (new_call(results, 3, 4), call):
        results.record(each)
    results.flush()
    assert verify(results).calls == {}
    marks = sorted(rows_of(results, "SELECT mark FROM marks WHERE call = 2"))
    assert len(marks) == 4
    rows_of(results, "DELETE FROM marks WHERE mark = ? AND call = 2", *marks[number])
    assert verify(results).calls == {2: OP}


def test_verifying_holds_one_value_at_a_time(tmp_path: Path, new_call: NewCalls) -> None:
    import tracemalloc

    with Results(tmp_path, mapped=False) as results:
        for x in range(12):
            results.record(new_call(results, x, f"{x}" * 4_000_000))
        results.flush()
        results._small.clear()
        tracemalloc.start()
        try:
            assert verify(results).checked == 24
            assert tracemalloc.get_traced_memory()[1] < 4 * 4_000_000
        finally:
            tracemalloc.stop()


def test_what_is_watched_adds_up(results: Results, new_call: NewCalls) -> None:
    told: list[list[Any]] = []

    @contextmanager
    def watch(what: str, total: int) -> Iterator[Callable[[int], None]]:
        told.append([what, total, 0])

        def advance(count: int) -> None:
            told[-1][2] += count

        yield advance

    for x in range(7):
        results.record(new_call(results, x, [x] * 30))
    verify(results, watch=watch)
    delete(results, [1, 2], watch=watch)
    Collection(results, watch).collect()
    assert told == [
        ["verifying", 14, 14],
        ["deleting calls", 2, 2],
        ["looking at calls", 5, 5],
        ["looking at calls", 0, 0],
    ]
