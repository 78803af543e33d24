"""What the disk does to a store: nothing half is read, nothing finished is lost, and it is said."""

from __future__ import annotations

import errno
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from interrupts import interrupted_at

from mandala_git.errors import MandalaWarning, ResultsError, Unwritable, ValueLost
from mandala_git.results import codecs, connection, ids, lifetime, presence, store, values
from mandala_git.results.absence import Absence
from mandala_git.results.calls import NewCall
from mandala_git.results.store import Results

NewCalls = Callable[..., NewCall]
ROOT = Path(__file__).resolve().parents[2]
LARGE = list(range(9000))


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 4
    path.write_bytes(data)


def inline_row(folder: Path, content: bytes) -> bytes:
    connection = sqlite3.connect(folder / "results.db")
    (data,) = connection.execute("SELECT data FROM vals WHERE cid = ?", (content,)).fetchone()
    connection.close()
    return bytes(data)


def set_inline(folder: Path, content: bytes, data: bytes) -> None:
    connection = sqlite3.connect(folder / "results.db")
    with connection:
        connection.execute("UPDATE vals SET data = ? WHERE cid = ?", (data, content))
    connection.close()


# damaged values ---------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["a text " * 6, b"bytes" * 9, 2**300, [1, "x"], {"a": (1, 2)}])
def test_any_flipped_bit_of_a_small_value_is_noticed(
    tmp_path: Path, new_call: NewCalls, value: Any
) -> None:
    content = ids.cid(value)
    with Results(tmp_path) as results:
        results.record(new_call(results, "x", value))
        results.flush()
        assert results._database is not None
        whole = inline_row(tmp_path, content)
        damaged = [b"", whole[:-1], whole[1:], whole + b"."]
        for place in range(len(whole) * 8):
            data = bytearray(whole)
            data[place // 8] ^= 1 << place % 8
            damaged.append(bytes(data))
        noticed = 0
        for data in damaged:
            results._database.execute("UPDATE vals SET data = ? WHERE cid = ?", (data, content))
            try:
                loaded = results.load(content)
            except ValueLost:
                noticed += 1
                continue
            # Bits that pickle does not look at, as those of a frame's length, change nothing.
            assert type(loaded) is type(value)
            assert ids.cid(loaded) == content
        assert noticed > len(damaged) // 2


def test_a_damaged_small_value_is_stored_anew_with_its_call(
    tmp_path: Path, new_call: NewCalls
) -> None:
    for value in (2**300, [7, 8]):
        content = ids.cid(value)
        with Results(tmp_path) as results:
            results.record(new_call(results, value, value))
        set_inline(tmp_path, content, inline_row(tmp_path, content)[::-1])
        with Results(tmp_path) as results:
            call = new_call(results, value, value)
            with pytest.raises(ValueLost, match="damaged"):
                results.load(content)
            found = results.candidates([call.op], call.key)
            assert not any(map(results.complete, found))
            results.record(call)
            assert results.load(content) == value
        with Results(tmp_path) as results:
            assert results.load(content) == value


def test_a_restored_value_is_there_again(tmp_path: Path, new_call: NewCalls) -> None:
    for value in ([7, 8], LARGE):
        content = ids.cid(value)
        with Results(tmp_path) as results:
            results.record(new_call(results, 1, value))
        if value is LARGE:
            flip(next((tmp_path / "values").glob("*/*.*")), 500)
        else:
            set_inline(tmp_path, content, b"")
        with Results(tmp_path) as results:
            with pytest.raises(ValueLost):
                results.load(content)
            results.restore(content, value)
            assert results.load(content) == value


def test_a_file_of_another_value_is_damaged(tmp_path: Path, new_call: NewCalls) -> None:
    with Results(tmp_path) as results:
        results.record(new_call(results, 1, LARGE))
        results.record(new_call(results, 2, LARGE[1:]))
    one, other = (tmp_path / "values").glob("*/*.*")
    shutil.copy(one, other)
    with Results(tmp_path) as results:
        found = []
        for value in (LARGE, LARGE[1:]):
            try:
                found.append(results.load(ids.cid(value)) == value)
            except ValueLost:
                found.append(False)
        assert sorted(found) == [False, True]


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES])
def test_a_file_that_cannot_be_read_is_lost_and_stays(
    tmp_path: Path, new_call: NewCalls, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    with Results(tmp_path) as results:
        results.record(new_call(results, 1, LARGE))
    (path,) = (tmp_path / "values").glob("*/*.*")

    def fail(path: Path, content: bytes) -> bool:
        raise OSError(number, os.strerror(number), str(path))

    with Results(tmp_path) as results:
        monkeypatch.setattr(values, "_is_whole", fail)
        with pytest.raises(ValueLost, match=os.strerror(number)):
            results.load(ids.cid(LARGE))
        monkeypatch.undo()
        assert path.exists()
        assert results.load(ids.cid(LARGE)) == LARGE


@pytest.mark.parametrize("fails", [False, True])
def test_a_file_is_whole_while_somebody_writes_the_same_value(tmp_path: Path, fails: bool) -> None:
    """Another process may have recorded it, and be reading it."""
    content, files = b"c" * 16, values.ValueFiles(tmp_path)
    files.write(content, codecs.Encoded("text", b"x" * 100))

    def slowly(file: Any) -> None:
        file.write(b"x" * 50)
        assert files.wrong(content, "text") == ""
        if fails:
            raise OSError(errno.ENOSPC, "no room")
        file.write(b"x" * 50)

    try:
        files.write(content, codecs.Encoded("text", None, slowly))
        assert not fails
    except ResultsError:
        assert fails
    assert files.wrong(content, "text") == ""
    assert len(list(tmp_path.glob("*/*"))) == 1


# a disk that refuses ----------------------------------------------------------------------


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
@pytest.mark.parametrize("moment", ["write", "replace", "mkdir"])
def test_a_large_value_that_cannot_be_written_leaves_nothing_half(
    tmp_path: Path,
    new_call: NewCalls,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    moment: str,
) -> None:
    def fail(*args: object, **options: object) -> None:
        raise OSError(number, os.strerror(number))

    with Results(tmp_path) as results:
        call = new_call(results, 1, LARGE, duration=1.0)
        with monkeypatch.context() as patch:
            if moment == "write":
                patch.setattr(values._Sealing, "seal", fail)
            elif moment == "replace":
                patch.setattr(os, "replace", fail)
            else:
                patch.setattr(Path, "mkdir", fail)
            with pytest.raises(ResultsError, match=os.strerror(number)):
                results.record(call)
        assert not results.waits(call.hid)
        assert results.calls_of([call.op]) == []
        assert not [path for path in (tmp_path / "values").rglob("*") if path.is_file()]
        results.record(call)
        assert results.load(ids.cid(LARGE)) == LARGE


class Refusing:
    """A connection that refuses to commit while `name` is set."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.name = ""
        self.tried = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, query: str, *parameters: Any) -> sqlite3.Cursor:
        if self.name and query == "COMMIT":
            self.tried += 1
            error = sqlite3.OperationalError("refused")
            error.sqlite_errorname = self.name
            raise error
        return self._connection.execute(query, *parameters)


@pytest.fixture
def refusing(
    tmp_path: Path, new_call: NewCalls, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Results, Refusing]]:
    monkeypatch.setattr(store, "PATIENCE", 60.0)
    results = Results(tmp_path)
    for x, value in ((-1, -1), (-2, [-2])):  # from here on all names are known
        results.record(new_call(results, x, value))
    results.flush()
    connection: Any = Refusing(results._database)  # type: ignore[arg-type]
    results._database = connection
    yield results, connection
    connection.name = ""
    results.close()


@pytest.mark.parametrize("name", ["SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC"])
def test_what_cannot_be_written_waits_and_can_be_read(
    refusing: tuple[Results, Refusing], new_call: NewCalls, tmp_path: Path, name: str
) -> None:
    results, disk = refusing
    call = new_call(results, 1, [1, 2], duration=1.0)
    disk.name = name
    with pytest.raises(Unwritable, match=r"results\.db"):
        results.record(call)
    assert results.waits(call.hid)
    assert results.waiting == 1
    assert results.load(ids.cid([1, 2])) == [1, 2]
    assert results.load(ids.cid(1)) == 1
    with Results(tmp_path) as other:
        assert len(other.calls_of([call.op])) == 2
    disk.name = ""
    results.flush()
    with Results(tmp_path) as other:
        assert len(other.calls_of([call.op])) == 3


def test_only_so_much_waits(
    refusing: tuple[Results, Refusing], new_call: NewCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "CROWD", 10)
    results, disk = refusing
    calls = [new_call(results, x, -x) for x in range(30)]
    disk.name = "SQLITE_FULL"
    for number, call in enumerate(calls):
        if number < 9:
            results.record(call)
        else:
            with pytest.raises(Unwritable):
                results.record(call)
    assert [results.waits(call.hid) for call in calls] == [True] * 10 + [False] * 20
    disk.name = ""
    results.record(calls[-1])
    results.flush()
    assert len(results.calls_of([1])) == 13


def test_a_lock_that_stays_is_not_waited_for_at_each_call(
    tmp_path: Path, new_call: NewCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Results(tmp_path, busy_seconds=0.1) as results:
        results.record(new_call(results, -1, -1, duration=1.0))
        calls = [new_call(results, x, -x, duration=1.0) for x in range(200)]
        other = sqlite3.connect(tmp_path / "results.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr(connection, "PAUSE", 1e6)
        tried = 0
        write = results._buffer.write

        def counted(connection: sqlite3.Connection, absence: Absence) -> None:
            nonlocal tried
            tried += 1
            write(connection, absence)

        monkeypatch.setattr(results._buffer, "write", counted)
        for call in calls:
            with pytest.raises(ResultsError, match="locked by another process"):
                results.record(call)
        assert tried == 1
        assert results.waiting == 200
        other.execute("COMMIT")
        other.close()
        results.flush()
        assert len(results.calls_of([1])) == 201


def test_a_removed_folder_is_noticed_and_not_made_again(tmp_path: Path, new_call: NewCalls) -> None:
    folder = tmp_path / "mandala"
    results = Results(folder)
    results.record(new_call(results, 1, 2, duration=1.0))
    call, another = (new_call(results, x, LARGE, duration=1.0) for x in (2, 3))
    shutil.rmtree(folder)
    for _ in range(2):
        with pytest.raises(Unwritable, match="removed or replaced"):
            results.record(call)
        with pytest.raises(Unwritable, match="removed or replaced"):
            results.record(another)
    assert len(results.candidates([1], new_call(results, 1, 2).key)) == 1  # what it knows, it knows
    with pytest.raises(Unwritable):
        results.close()
    assert not (folder / "results.db").exists()


def test_a_replaced_database_gets_nothing_of_the_old_one(
    tmp_path: Path, new_call: NewCalls
) -> None:
    results = Results(tmp_path / "a")
    results.record(new_call(results, 1, 2, duration=1.0))
    with Results(tmp_path / "b") as other:
        other.op_id("z.py::z")
    shutil.move(tmp_path / "b" / "results.db", tmp_path / "a" / "results.db")
    with pytest.raises(Unwritable, match="removed or replaced"):
        results.record(new_call(results, 2, 3, duration=1.0))
    with pytest.raises(Unwritable):
        results.close()


def test_what_is_lost_at_exit_is_said(tmp_path: Path) -> None:
    program = """
import sqlite3, sys
from pathlib import Path
from mandala_git.errors import ResultsError
from mandala_git.results.store import Results
from tests.results.conftest import make_call
results = Results(Path(sys.argv[1]), busy_seconds=0.1)
results.record(make_call(results, -1, -1, duration=1.0))
calls = [make_call(results, x, x) for x in range(3)]
other = sqlite3.connect(Path(sys.argv[1]) / "results.db", isolation_level=None)
other.execute("BEGIN IMMEDIATE")
for call in calls:
    results.record(call)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert "MandalaWarning: 3 finished calls could not be recorded" in done.stderr
    assert "locked by another process" in done.stderr
    assert "Traceback" not in done.stderr


def test_one_store_that_cannot_be_closed_does_not_keep_the_others_open(
    tmp_path: Path, new_call: NewCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PATIENCE", 60.0)
    broken, good = Results(tmp_path / "a"), Results(tmp_path / "b")
    for results in (broken, good):
        results.record(new_call(results, 1, 2))
    monkeypatch.setattr(lifetime, "_live", weakref.WeakSet([broken, good]))
    shutil.rmtree(tmp_path / "a")
    with pytest.warns(MandalaWarning, match="1 finished calls could not be recorded"):
        lifetime._close_all()
    with Results(tmp_path / "b") as results:
        assert len(results.calls_of([1])) == 1


# what a crash leaves behind ---------------------------------------------------------------


def crashed(new_call: NewCalls, folder: Path, first: int, last: int, mark: str) -> None:
    """Leave a store as a process that was killed leaves it: some calls closed, some in the WAL."""
    with Results(folder) as results:
        for x in range(first):
            results.record(new_call(results, x, f"{mark}{x}"))
    results = Results(folder)
    for x in range(first, last):
        results.record(new_call(results, x, f"{mark}{x}"))
    results.flush()
    copy = folder.with_name(folder.name + "-copy")
    shutil.copytree(folder, copy)
    results.close()
    shutil.rmtree(folder)
    copy.rename(folder)
    assert (folder / "results.db-wal").stat().st_size


def answers(folder: Path, count: int) -> list[str]:
    with Results(folder) as results:
        found = []
        for x in range(count):
            key = ids.lookup_key([("x", ids.cid(x))])
            found += [results.load(each.outputs[0].cid) for each in results.candidates([1], key)]
        return found


def test_after_a_crash_the_journal_is_used(tmp_path: Path, new_call: NewCalls) -> None:
    crashed(new_call, tmp_path / "a", 200, 250, "a")
    assert answers(tmp_path / "a", 250) == [f"a{x}" for x in range(250)]
    assert not (tmp_path / "a" / "results.db-wal").exists()


def test_a_journal_of_another_database_is_not_mixed_in(tmp_path: Path, new_call: NewCalls) -> None:
    chance, refused = random.Random(0), 0
    for number in range(8):
        one, other = tmp_path / f"a{number}", tmp_path / f"b{number}"
        sizes = [chance.randrange(100, 1500) for _ in range(2)]
        crashed(new_call, one, sizes[0], sizes[0] + 10, "a")
        crashed(new_call, other, sizes[1], sizes[1] + chance.randrange(1, 200), "b")
        answers(one, 1)  # closes it properly
        before = (one / "results.db").read_bytes()
        for name in ("results.db-wal", "results.db-shm"):
            shutil.copy(other / name, one / name)
        journal = (one / "results.db-wal").read_bytes()
        try:
            found = answers(one, 2000)
        except ResultsError as error:
            refused += 1
            assert "damaged" in error.message
            assert f"mv {one}/results.db*" in error.hint
            # Nothing was written: without the journal it is what it was.
            assert (one / "results.db-wal").read_bytes() == journal
            assert (one / "results.db").read_bytes() == before
            for name in ("results.db-wal", "results.db-shm"):
                (one / name).unlink()
            found = answers(one, 2000)
        # Never a value of neither, and never some of each.
        assert found
        assert found in [
            [f"{name}{x}" for x in range(2000) if f"{name}{x}" in found] for name in "ab"
        ]
    assert refused


def test_a_lost_journal_costs_at_most_what_was_in_it(tmp_path: Path, new_call: NewCalls) -> None:
    crashed(new_call, tmp_path / "a", 100, 150, "a")
    (tmp_path / "a" / "results.db-wal").unlink()
    assert answers(tmp_path / "a", 150) == [f"a{x}" for x in range(100)]


@pytest.mark.parametrize("seed", range(12))
def test_random_damage_is_an_error_or_harmless(
    tmp_path: Path, new_call: NewCalls, seed: int
) -> None:
    """Bytes of a closed database change: it answers, or with an error that says so."""
    with Results(tmp_path) as results:
        for x in range(500):
            results.record(new_call(results, x, f"value {x}"))
    path, chance = tmp_path / "results.db", random.Random(seed)
    data = bytearray(path.read_bytes())
    if seed % 3 == 0:
        del data[chance.randrange(len(data)) :]
    else:
        place = chance.randrange(len(data) - 5000)
        size = 5000 if seed % 3 == 1 else 1
        data[place : place + size] = chance.randbytes(size)
    path.write_bytes(data)
    try:
        results = Results(tmp_path)
    except ResultsError:
        return
    for x in range(500):
        key = ids.lookup_key([("x", ids.cid(x))])
        try:
            for found in results.candidates([1], key):
                loaded = results.load(found.outputs[0].cid)
                assert isinstance(loaded, str)
        except ResultsError:
            continue
    results.close()


def test_the_first_after_a_crash_checks_and_the_others_wait(
    tmp_path: Path, new_call: NewCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashed(new_call, tmp_path / "a", 10, 20, "a")
    path, checks = tmp_path / "a" / "results.db", []
    check = presence._check

    def slow(path: Path) -> None:
        checks.append(path)
        time.sleep(0.2)
        check(path)

    monkeypatch.setattr(presence, "_check", slow)
    opened: list[Results] = []
    threads = [
        threading.Thread(target=lambda: opened.append(Results(path.parent))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 4
    for results in opened:
        assert len(results.calls_of([1])) == 20
    assert checks == [path]
    with Results(path.parent):  # somebody is there: what lies beside the database is alive
        assert checks == [path]
    for results in opened:
        results.close()
    assert not (tmp_path / "a" / "results.db-wal").exists()


# interrupts -------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # just where it was closed
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_at_any_line_of_recording_harms_nothing(
    tmp_path: Path, new_call: NewCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PATIENCE", 60.0)
    results = Results(tmp_path)
    results.record(new_call(results, "warm", [0]))
    results.record(new_call(results, "large", LARGE))
    number = 0
    while True:
        # One that waits, and one that is written with it.
        short = new_call(results, ("short", number), [number])
        long = new_call(results, ("long", number), [*LARGE, number], duration=1.0)

        def work(short: NewCall = short, long: NewCall = long) -> None:
            results.record(short)
            results.record(long)

        if not interrupted_at(number, work):
            break
        if number % 3 == 0:  # and once more, while what was interrupted is written
            interrupted_at(number % 50, results.flush)
        results.record(new_call(results, ("next", number), number, duration=1.0))
        assert not results.waiting
        number += 1
    assert number > 100
    results.close()
    with Results(tmp_path) as results:
        found: dict[str, set[int]] = {"short": set(), "long": set(), "next": set()}
        for record in results.calls_of([1]):
            x = results.load(record.inputs["x"].cid)
            y = results.load(record.outputs["output_0"].cid)
            if x[0] in found:
                found[x[0]].add(x[1])
                assert y == {"short": [x[1]], "long": [*LARGE, x[1]], "next": x[1]}[x[0]]
        # What was recorded before and after an interrupt is there; the last ones had none.
        assert found["next"] == set(range(number))
        assert number in found["short"] & found["long"]
        assert not list(tmp_path.rglob("*.tmp"))
