"""The database file: made, refused when newer, and clear about what is wrong with it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mandala_git.errors import NewerSchema, ResultsError, Unwritable
from mandala_git.results import connection, database, readonly
from mandala_git.results.calls import NewCall
from mandala_git.results.filesystems import network_type
from mandala_git.results.store import Results

ROOT = Path(__file__).resolve().parents[2]


def pragma(path: Path, name: str) -> object:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]
    finally:
        connection.close()


def test_a_new_database(tmp_path: Path) -> None:
    Results(tmp_path / "deep" / "folder").close()
    path = tmp_path / "deep" / "folder" / "results.db"
    assert pragma(path, "user_version") == database.SCHEMA
    assert pragma(path, "application_id") == database.APPLICATION_ID
    assert pragma(path, "journal_mode") == "wal"
    assert pragma(path, "integrity_check") == "ok"


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    Results(tmp_path).close()
    path = tmp_path / "results.db"
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {database.SCHEMA + 1}")
    connection.close()
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(NewerSchema) as caught:
        Results(tmp_path)
    assert str(path) in caught.value.message
    assert "pip install --upgrade" in caught.value.hint
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_a_newer_schema_still_in_the_wal_is_refused(tmp_path: Path) -> None:
    Results(tmp_path).close()
    writer = sqlite3.connect(tmp_path / "results.db")
    writer.execute(f"PRAGMA user_version = {database.SCHEMA + 1}")
    try:
        with pytest.raises(NewerSchema):
            Results(tmp_path)
    finally:
        writer.close()


def test_a_failed_migration_leaves_the_old_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Results(tmp_path).close()

    def broken(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE half (id)")
        connection.execute("no SQL")

    monkeypatch.setattr(database, "MIGRATIONS", (*database.MIGRATIONS, broken))
    monkeypatch.setattr(database, "SCHEMA", database.SCHEMA + 1)
    with pytest.raises(ResultsError, match="syntax error"):
        Results(tmp_path)
    monkeypatch.undo()
    with Results(tmp_path) as results:
        assert results.ops() == []
    assert pragma(tmp_path / "results.db", "user_version") == database.SCHEMA


def test_many_processes_make_it_at_once(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from mandala_git.results.store import Results\n"
        "r = Results(Path(sys.argv[1])); print(r.op_id('a.py::f'))"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "m")], cwd=ROOT, stdout=subprocess.PIPE
        )
        for _ in range(6)
    ]
    for process in running:
        assert process.communicate(timeout=60)[0].strip() == b"1"
        assert process.returncode == 0


def test_a_locked_database_is_waited_for_a_while(
    tmp_path: Path, new_call: Callable[..., NewCall]
) -> None:
    results = Results(tmp_path, busy_seconds=0.2)
    call = new_call(results, 1, 2, duration=1.0)
    results.record(new_call(results, 0, 0, duration=1.0))
    other = sqlite3.connect(tmp_path / "results.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    with pytest.raises(ResultsError, match=r"locked by another process \(waited 0.2 s\)"):
        results.record(call)
    assert 0.1 < time.monotonic() - started < 5
    other.execute("COMMIT")
    other.close()
    assert len(results.candidates([call.op], call.key)) == 1  # it waited in memory
    results.close()


def test_a_full_disk_loses_nothing(tmp_path: Path, new_call: Callable[..., NewCall]) -> None:
    results = Results(tmp_path)
    first = new_call(results, 0, 0, duration=1.0)
    results.record(first)
    assert results._database is not None
    pages = results._database.execute("PRAGMA page_count").fetchone()[0]
    results._database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(ResultsError, match="no room left"):
        for x in range(1, 50):
            results.record(new_call(results, x, "x" * 5000, duration=1.0))
    results._database.execute("PRAGMA max_page_count = 1000000")
    assert len(results.calls_of([1])) == x + 1
    results.close()


def test_not_a_database(tmp_path: Path) -> None:
    (tmp_path / "results.db").write_bytes(b"no database at all, but long enough to be one" * 50)
    with pytest.raises(ResultsError, match="damaged") as caught:
        Results(tmp_path)
    assert f"mv {tmp_path}/results.db* {tmp_path}/damaged" in caught.value.hint


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultsError, match="cannot use the results folder") as caught:
        Results(tmp_path / "file" / "mandala")
    assert "mandala.resultsDir" in caught.value.hint


READ_ONLY = """
import os, sys
from pathlib import Path
from mandala_git.errors import ResultsError
from mandala_git.results import codecs, ids
from mandala_git.results.store import Results
from tests.results.conftest import make_call
codecs.encode([1] * 9000)  # what it imports may be out of reach afterwards
if os.getuid() == 0:
    os.setuid(65534)
made, empty = map(Path, sys.argv[1:])

results = Results(made)
(candidate,) = results.candidates([1], ids.lookup_key([("x", ids.cid(1))]))
assert results.load(candidate.outputs[0].cid) == [2] * 9000
for work in (
    lambda: results.op_id("a.py::new"),
    lambda: results.record(make_call(results, 3, 4, duration=1.0)),
    lambda: results.record(make_call(results, 3, [4] * 9000)),
):
    try:
        work()
    except ResultsError as error:
        print(type(error).__name__, "|", error.hint)
results.close()

results = Results(empty)
results.record(make_call(results, 3, [4] * 9000, duration=1.0))
assert len(results.calls_of([1])) == 1
print(*results.notes)
"""


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="needs POSIX users")
def test_a_read_only_folder(tmp_path: Path, new_call: Callable[..., NewCall]) -> None:
    made = tmp_path / "made"
    with Results(made) as results:
        results.record(new_call(results, 1, [2] * 9000, duration=1.0))
    empty = tmp_path / "empty"
    empty.mkdir()
    for place in (tmp_path, *tmp_path.parents):  # reachable for the other user
        if place.stat().st_uid == os.getuid() and str(place) != "/":
            place.chmod(place.stat().st_mode | 0o055)
        if place.name.startswith("pytest-of"):
            break
    before = sorted(made.rglob("*"))
    made.chmod(0o555)
    (made / "results.db").chmod(0o444)
    empty.chmod(0o555)
    try:
        done = subprocess.run(
            [sys.executable, "-c", READ_ONLY, str(made), str(empty)],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
    finally:
        made.chmod(0o755)
        empty.chmod(0o755)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 4, done.stdout
    assert all(line.startswith("Unwritable | Make") for line in lines[:3])
    assert all("git config mandala.resultsDir" in line for line in lines[:3])
    assert "results are kept in memory only" in lines[3]
    assert sorted(made.rglob("*")) == before
    assert list(empty.iterdir()) == []


def test_what_is_read_without_locks_is_read_anew_when_somebody_writes(
    tmp_path: Path, new_call: Callable[..., NewCall], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Results(tmp_path) as results:
        results.record(new_call(results, 1, 2, duration=1.0))

    def refuse(path: Path | None, **options: object) -> sqlite3.Connection:
        if path is None:
            return opened(None)
        raise Unwritable("no room")

    def connect(address: str, **options: object) -> sqlite3.Connection:
        if "immutable" not in address:
            raise sqlite3.OperationalError("unable to open database file")
        return sqlite3_connect(address, **options)

    opened, sqlite3_connect = database.open_database, sqlite3.connect
    monkeypatch.setattr(connection, "open_database", refuse)
    monkeypatch.setattr(readonly.sqlite3, "connect", connect)
    reader = Results(tmp_path)
    monkeypatch.undo()
    assert reader.refusal is not None
    assert len(reader.calls_of([1])) == 1
    with Results(tmp_path) as writer:
        writer.record(new_call(writer, 2, 3, duration=1.0))
        assert len(reader.calls_of([1])) == 2  # through locks now: the disk has room again
    assert reader.refusal is None
    reader.close()


def test_network_file_systems(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    inside = tmp_path / "my data" / "repo"
    inside.mkdir(parents=True)
    escaped = str(tmp_path / "my data").replace(" ", "\\040")
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nserver:/x {escaped} nfs4 rw 0 0\n")
    assert network_type(inside, mounts) == "nfs4"
    assert network_type(tmp_path, mounts) == ""
    mounts.write_text(f"server:/x {escaped} nfs4 rw 0 0\n/dev/sdb {escaped} ext4 rw 0 0\n")
    assert network_type(inside, mounts) == ""
    assert network_type(inside, tmp_path / "none") == ""


def test_a_network_file_system_gets_a_rollback_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Results(tmp_path).close()
    monkeypatch.setattr(database, "network_type", lambda folder: "nfs4")
    with Results(tmp_path) as results:
        assert len(results.notes) == 1
        assert "nfs4" in results.notes[0]
    assert pragma(tmp_path / "results.db", "journal_mode") == "delete"
