"""Collections that are deleted, collected, verified, damaged, and written by an older version."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from seeing import SEEN, see

from mandala_git.errors import Unwritable, ValueLost
from mandala_git.imports import ListRef, MDict, MList, Storage, op, superop, unwrap
from mandala_git.results import database
from mandala_git.results.histories import histories
from mandala_git.results.readonly import open_to_read

pytestmark = pytest.mark.filterwarnings("ignore::mandala_git.errors.MandalaWarning")


@op
def words(n: int) -> MList[str]:
    see("words", n)
    return [f"a word that is too long to lie in its list, number {k}" for k in range(n)]


@op
def numbers(n: int) -> MList[int]:
    see("numbers", n)
    return list(range(n))


@op
def grouped(n: int) -> MDict[str, MList[str]]:
    see("grouped", n)
    return {
        f"k{k}": [f"some word of group {k}, number {j}, long enough" for j in range(k)]
        for k in range(n)
    }


@op
def joined(items: MList[Any]) -> str:
    see("joined", len(items))
    return "+".join(str(each) for each in items)


@op
def upper(word: str) -> str:
    see("upper", word)
    return word.upper()


@superop
def passed(items: MList[Any]) -> Any:
    return [upper(each) for each in items], joined(items)


def ran(what: str) -> int:
    return sum(each[0] == what for each in SEEN)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    """A storage in a file."""
    monkeypatch.chdir(tmp_path)
    SEEN.clear()
    storage = Storage(db_path=tmp_path / "r.db")
    yield storage
    storage.results.close()


def names(storage: Storage) -> list[str]:
    """The ops of the calls that are left."""
    rows = [row for row, _ in storage.results.ops()]
    keys = dict(storage.results.ops())
    return sorted(keys[each.row.op].rpartition("::")[2] for each in storage.results.calls_of(rows))


def test_calls_that_were_given_a_part_are_dependents(kept: Storage) -> None:
    with kept:
        some, others = words(3), grouped(3)
        joined([some[1], "x"])
        joined([[others["k2"][0]]])
        upper(some[2])
        passed(some[:2])
        joined(["x", "y"])
        joined(numbers(2))
    before = names(kept)
    assert kept.drop_calls(words, delete_dependents=True) == 7
    assert names(kept) == ["grouped", "joined", "joined", "joined", "numbers"]
    assert len(before) == 12
    assert kept.drop_calls(others["k2"][1], delete_dependents=True) == 2
    assert names(kept) == ["joined", "joined", "numbers"]
    kept.gc()
    with kept:
        assert unwrap(joined(words(3)[:1])) == unwrap(words(1)[0])
        assert ran("words") == 3


def test_what_is_in_a_live_container_is_live(kept: Storage) -> None:
    with kept:
        some, deep = words(20), grouped(4)
        joined([*some[:5], [deep["k3"], 1]])
    kept.drop_calls([words, grouped])
    garbage = kept.gc(dry_run=True)
    assert kept.gc() == garbage
    assert garbage.values == 16 + 7  # two lists and more than a half of their elements
    (call,) = kept.get_consumers([some[0]])
    assert unwrap(call.inputs["items"])[:2] == unwrap([some[0], some[1]])
    assert unwrap(call.inputs["items"])[5][0][2] == "some word of group 3, number 2, long enough"
    kept.drop_calls(joined)
    kept.gc()
    with kept.results.looking() as rows:
        assert rows.execute("SELECT count(*) FROM vals").fetchone() == (0,)
        assert rows.execute("SELECT count(*) FROM containers").fetchone() == (0,)


def test_small_elements_of_calls_that_are_gone(kept: Storage) -> None:
    with kept:
        one = numbers(3)
        passed_on = one[1]
        both = joined([upper("a"), passed_on])
        joined(both)
    kept.drop_calls([numbers, upper])
    kept.gc()
    again = kept.load_ref(both.hid)
    assert again.value == "A+1"
    (call,) = kept.get_consumers([passed_on])
    assert unwrap(call.inputs["items"]) == ["A", 1]
    assert kept.results.load(passed_on.cid) == 1


def damage(storage: Storage, value: Any) -> None:
    """Have what is stored of a value say nothing, as a flipped bit does."""
    storage.results.flush()
    other = sqlite3.connect(str(storage.results.path))
    changed = other.execute(
        "UPDATE vals SET data = zeroblob(length(data)) WHERE cid = ?", (value,)
    ).rowcount
    assert changed == 1
    other.commit()
    other.close()


@pytest.mark.parametrize("what", ["element", "container", "inner", "all"])
def test_a_lost_element_is_made_by_the_call_of_its_container(kept: Storage, what: str) -> None:
    with kept:
        some, deep = words(3), grouped(3)
        whole = unwrap(deep)
        lost = {
            "element": [some[1].cid],
            "container": [some.cid, deep.cid],
            "inner": [deep["k2"].cid],
            "all": [some.cid, *(each.cid for each in some), deep["k2"].cid, deep["k2"][0].cid],
        }[what]
    for content in lost:
        damage(kept, content)
    assert set(kept.verify().values) == set(lost)
    again = Storage(db_path=kept.results.path)
    with again:
        assert unwrap(words(3)) == [
            *map("a word that is too long to lie in its list, number {}".format, range(3))
        ]
        assert unwrap(words(3)[1]).endswith("number 1") and len(grouped(3)) == 3
        assert unwrap(grouped(3)["k2"][0]) == "some word of group 2, number 0, long enough"
        assert unwrap(grouped(3)) == whole
    assert not again.verify().values
    assert ran("words") <= 2 and ran("grouped") <= 2
    again.results.close()


def test_a_lost_element_of_a_list_that_was_given(kept: Storage) -> None:
    with kept:
        first = joined([words(2)[1], "x"])
        joined(first)
        result = first.cid
        damage(kept, words(2)[1].cid)
        damage(kept, result)
    again = Storage(db_path=kept.results.path)
    assert (
        unwrap(again.load_ref(first.hid))
        == "a word that is too long to lie in its list, number 1+x"
    )
    assert ran("words") == 2 and ran("joined") == 3
    again.results.close()


def test_an_element_that_nobody_can_make(kept: Storage) -> None:
    with kept:
        joined([*words(1), "a text that only the program had, and that is long enough"])
        (call,) = kept.get_consumers(words(1)[:1])
        own = call.inputs["items"][1]
        damage(kept, own.cid)
    again = Storage(db_path=kept.results.path)
    trees = again.get_call(call.hid).inputs["items"]
    assert type(trees) is ListRef and unwrap(trees[0])
    with pytest.raises(ValueLost):
        unwrap(trees)
    again.results.close()


def test_a_damaged_history_is_said_and_recorded_anew(kept: Storage) -> None:
    with kept:
        joined(words(2)[:1])
    other = sqlite3.connect(str(kept.results.path))
    assert other.execute("UPDATE containers SET elements = zeroblob(24)").rowcount == 1
    other.commit()
    other.close()
    assert [*kept.verify().values.values()] == [
        "the history of a container: its checksum does not match"
    ]
    kept.drop_calls(joined)
    with kept:
        joined(words(2)[:1])
    assert not kept.verify().values
    assert [call.op for call in kept.get_consumers([words_of(kept)[0]])] == ["joined"]


def words_of(storage: Storage) -> Any:
    with storage:
        return words(2)


def statements(storage: Storage, do: Any) -> int:
    """Count the statements of SQL that something takes, many rows of one counted once."""
    run: list[str] = []
    connection = storage.results._database
    assert connection is not None
    connection.set_trace_callback(run.append)
    do()
    connection.set_trace_callback(None)
    return sum(1 for at, each in enumerate(run) if not at or each[:40] != run[at - 1][:40])


def test_statements_do_not_grow_with_a_list(kept: Storage) -> None:
    def work(n: int) -> None:
        with kept:
            some = words(n)
            joined(some)
            joined([*some[1:], "x"])
            unwrap(words(n))

    work(2)
    # Some transactions more or less, as they happen to be written together.
    assert statements(kept, lambda: work(5000)) < 100


@pytest.mark.parametrize("write", [True, False])
def test_a_database_of_the_schema_before(tmp_path: Path, write: bool, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    SEEN.clear()
    path = tmp_path / "r.db"
    with monkeypatch.context() as then:
        then.setattr(database, "MIGRATIONS", database.MIGRATIONS[:1])
        then.setattr(database, "SCHEMA", database.FIRST)
        old = sqlite3.connect(path)
        old.close()
        opened = database.open_database(path)
        assert opened.execute("PRAGMA user_version").fetchone() == (2,)
        tables = {row[0] for row in opened.execute("SELECT name FROM sqlite_schema")}
        assert "containers" not in tables and "calls" in tables
        opened.close()
    if write:
        storage = Storage(db_path=path)
        with storage:
            joined(words(2))
        assert not storage.verify().values
        storage.results.close()
        return
    connection, _ = open_to_read(path, Unwritable("it may only be read", hint="..."))
    assert connection.execute("SELECT count(*) FROM containers").fetchone() == (0,)
    connection.close()


def test_a_read_of_elements_set_wise(kept: Storage) -> None:
    with kept:
        some = words(3)
        joined(some[1:])
        joined([some[0], ["x", some[1]]])
    given = [call.inputs["items"] for call in kept.get_consumers([some[1]])]
    found = histories(kept.results, [each.hid for each in given] + [some.hid])
    assert found[given[0].hid] == [some[1].hid, some[2].hid]
    assert found.keys() == {each.hid for each in given}
    made = kept.results.creators([each.hid for each in some])
    assert {len(calls) for calls in made.values()} == {1} and len(made) == 3


def test_the_program_of_a_value_goes_through_containers(kept: Storage) -> None:
    with kept:
        some, deep = words(3), grouped(3)
        last = joined([upper(some[1]), some[2], deep["k2"][0], 5, [deep["k1"]]])
        whole = joined(some)
    program = kept.provenance(last)
    assert [call.op for call in program.calls] == ["words", "upper", "grouped", "joined"]
    assert program.code == (
        "a0 = words(n=3)\n"
        "a1 = upper(word=a0[1])\n"
        "a2 = grouped(n=3)\n"
        "a3 = joined(items=[a1, a0[2], a2['k2'][0], 5, [a2['k1']]])\n"
    ), program.code
    assert kept.provenance(whole).code == "items = words(n=3)\na0 = joined(items=items)\n"
