"""Upkeep of a store: calls are deleted, values that no call has are removed, all is verified."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from mandala_git.errors import UsageError
from mandala_git.records import NamedTuple
from mandala_git.results import codecs, packing, reading, runs
from mandala_git.results.ids import lookup_key
from mandala_git.results.reading import Opened
from mandala_git.results.runs import Runs
from mandala_git.results.store import Results
from mandala_git.results.values import sealed, unsealed

YOUNG = 3600.0
"""Seconds for which a file that no row names may be one that another process is about to name."""


class Garbage(NamedTuple):
    """What a collection removed or would remove, and what it leaves.

    Attributes:
        values: how many values no call has.
        size: how many bytes they take.
        kept: {key of an op: bytes of the values that its calls made, or were given first}. Small
            values, which lie in their calls, are in no count.
    """

    values: int
    size: int
    kept: dict[str, int]


class Damage(NamedTuple):
    """What is damaged in a store.

    Attributes:
        calls: rows of calls; each is recorded anew when it runs again.
        values: {content id: what is wrong}; each is made again when it is needed.
        checked: how many calls and values were looked at.
    """

    calls: list[int]
    values: dict[bytes, str]
    checked: int


class Upkeep:
    """Looks after a store that is open.

    Args:
        results: the store.
    """

    def __init__(self, results: Results) -> None:
        self._results = results

    # Deleting -------------------------------------------------------------------------------

    def delete(self, calls: Iterable[int], *, dependents: bool = False) -> int:
        """Delete calls, and with each all aliases of it: they are the same call to a lookup.

        Args:
            calls: their rows.
            dependents: delete the calls as well that took what these made, and so on. Otherwise
                those keep what they were given.

        Returns:
            How many were deleted, aliases included.

        Raises:
            ResultsError: the database cannot be written; nothing was deleted.
        """
        results = self._results
        codec = results._codec_row(codecs.PICKLE)
        with results.lock:
            results.flush()
            return self._delete(set(calls), codec, dependents=dependents)

    def _delete(self, calls: set[int], codec: int, *, dependents: bool) -> int:
        with self._results._transaction() as database:
            gone = self._chosen(database, calls, dependents=dependents)
            for call in gone.values():
                row = call.row()
                database.executemany(
                    "DELETE FROM marks WHERE mark = ? AND call = ?",
                    [(mark, call.id) for mark in call.marks(call.key)],
                )
                database.execute("DELETE FROM calls WHERE id = ?", (call.id,))
                if row.alias_of is None:
                    database.execute(
                        """UPDATE runs SET calls = calls - 1, seconds = max(0, seconds - ?)
                           WHERE id = ?""",
                        (row.duration, call.number),
                    )
            self._keep_small_values(database, gone.values(), codec)
        return len(gone)

    def _chosen(
        self, database: sqlite3.Connection, rows: set[int], *, dependents: bool
    ) -> dict[int, Opened]:
        """Return the calls to delete, by row."""
        aliases: dict[int, list[int]] = {}
        origin: dict[int, int] = {}
        for row, other in database.execute(
            "SELECT id, alias_of FROM calls WHERE alias_of IS NOT NULL"
        ):
            aliases.setdefault(other, []).append(row)
            origin[row] = other
        found: dict[int, Opened] = {}
        todo = rows
        while todo:
            first = {origin.get(row, row) for row in todo}
            todo = first | {alias for row in first for alias in aliases.get(row, ())}
            new = {}
            for row in todo - found.keys():
                call = reading.by_number(database, self._runs, row)
                if call is not None:
                    new[row] = call
            found |= new
            if not dependents:
                break
            hids = {edge.hid for call in new.values() for edge in call.outputs()}
            todo = {
                row
                for edges in self._consumers(database, hids).values()
                for row, _ in edges
                if row not in found
            }
        return found

    def _keep_small_values(
        self, database: sqlite3.Connection, gone: Iterable[Opened], codec: int
    ) -> None:
        """Let values that lay in deleted calls, and that others know by id alone, be stored."""
        hids: dict[bytes, bytes] = {}
        values: dict[bytes, bytes] = {}
        for call in gone:
            edges = [*call.inputs(), *call.outputs()]
            for edge, (packed, _) in zip(edges, call.parts, strict=True):
                if packing.holds_value(packed):
                    hids[edge.hid] = edge.cid
                    values[edge.cid] = packed
        needed = {hids[hid] for hid in self._consumers(database, hids)}
        for content in needed:
            if reading.small_value(database, self._runs, content) is None:
                data = codecs.atom_data(packing.value_of(values[content]))
                assert data is not None
                database.execute(
                    """INSERT INTO vals (cid, codec, size, data) VALUES (?, ?, NULL, ?)
                       ON CONFLICT (cid) DO NOTHING""",
                    (content, codec, sealed(content, data)),
                )

    def _consumers(
        self, database: sqlite3.Connection, hids: Iterable[bytes]
    ) -> dict[bytes, list[tuple[int, str]]]:
        return reading.touching(database, self._runs, hids, packing.mark_of_input, Opened.inputs)

    # Renaming -------------------------------------------------------------------------------

    def rename_argument(self, ops: Iterable[int], old: str, new: str) -> int:
        """Let an argument of recorded calls have another name, under which they are then found.

        Their history ids stay, so that nothing computed from them has to change.

        Args:
            ops: rows of the ops.
            old: the name.
            new: the other name.

        Returns:
            How many calls have it now.

        Raises:
            UsageError: some call has an argument of the new name already; nothing was renamed.
            ResultsError: the database cannot be written; nothing was renamed.
        """
        results = self._results
        with results.lock:
            results.flush()
            with results._transaction() as database:
                found: list[tuple[int, int, int]] = []
                for op in ops:
                    found += database.execute(
                        "SELECT id, first, last FROM runs WHERE op = ?", (op,)
                    ).fetchall()
                return sum([self._rename(database, row, old, new) for row in found])

    def _rename(
        self, database: sqlite3.Connection, row: tuple[int, int, int], old: str, new: str
    ) -> int:
        number, first, last = row
        run = self._runs.get(database, number)
        if run is None or old not in run.inputs or old == new:
            return 0
        if new in run.inputs:
            raise UsageError(
                f"recorded calls have an argument {new} beside {old} already",
                hint="Choose a name that none of them has.",
            )
        names = tuple(new if name == old else name for name in run.inputs)
        other, proof = runs.number_of(
            database, run.op, run.version, run.session, (names, run.outputs)
        )
        rows = database.execute(
            f"SELECT {reading.COLUMNS} FROM calls c WHERE c.id BETWEEN ? AND ? AND c.run = ?",
            (first, last, number),
        ).fetchall()
        found: list[tuple[object, ...]] = []
        stale: list[tuple[bytes, int]] = []
        marks: list[tuple[bytes, int]] = []
        ran, seconds = 0, 0.0
        for each in rows:
            call = reading.opened(database, self._runs, each)
            if call is None:
                continue
            contents = [edge.cid for edge in call.inputs()]
            short, stored, key = each[6], each[7], call.key
            # Calls that nobody finds, or by rounded numbers only, keep the key that they have.
            if key == lookup_key(zip(run.inputs, contents, strict=True)):
                stale.append((packing.mark_of_call(key), call.id))
                key = lookup_key(zip(names, contents, strict=True))
                short = packing.short_key(call.hid, key)
                marks += [(mark, call.id) for mark in call.marks(key)]
            edges = packing.unsealed(stored, call.hid, each[6], each[4], run.proof)
            assert edges is not None
            sealed_ = packing.sealed(edges, call.hid, short, each[4], proof)
            found.append((other, short, sealed_, call.id))
            if each[4] is None:
                ran += 1
                seconds += each[3] / 1e6
        if found:
            database.executemany("UPDATE calls SET run = ?, key = ?, edges = ? WHERE id = ?", found)
            database.executemany("DELETE FROM marks WHERE mark = ? AND call = ?", stale)
            database.executemany("INSERT OR IGNORE INTO marks VALUES (?, ?)", marks)
            runs.add(database, other, runs.Sum(first, last, ran, seconds))
            database.execute(
                "UPDATE runs SET calls = calls - ?, seconds = max(0, seconds - ?) WHERE id = ?",
                (ran, seconds, number),
            )
        return len(found)

    # Collecting -----------------------------------------------------------------------------

    def collect(self, *, dry_run: bool = False) -> Garbage:
        """Remove the values that no call has.

        A value that another process is about to refer to may be among them; like any lost one it
        is then made again.

        Args:
            dry_run: only say what would be removed.

        Raises:
            ResultsError: the database cannot be written; nothing was removed.
        """
        results = self._results
        with results._using() as database:
            owners, last = self._owners(database, 0, {})
            if dry_run:
                return self._garbage(database, owners)[0]
        with results.lock:
            results.flush()
            with results._transaction() as database:
                # Calls that were recorded meanwhile; nobody can add one now.
                owners, _ = self._owners(database, last, owners)
                garbage, rows = self._garbage(database, owners)
                database.executemany("DELETE FROM vals WHERE cid = ?", [(row[0],) for row in rows])
            for content, codec in rows:
                if codec is not None:
                    with suppress(OSError):  # it is found unnamed by the next collection
                        results._value_files().remove(content, codec)
            for file in self._unnamed():
                with suppress(OSError):
                    file.unlink()
        return garbage

    def _owners(
        self, database: sqlite3.Connection, after: int, owners: dict[bytes, int]
    ) -> tuple[dict[bytes, int], int]:
        """Return {content id: op} of the values beside their calls, and the last call."""
        last = after
        for row, call in self._calls(database, after):
            last = row
            if call is not None:
                for packed, _ in call.parts:
                    if not packing.holds_value(packed):
                        owners.setdefault(packing.content_of(packed), call.run.op)
        return owners, last

    def _garbage(
        self, database: sqlite3.Connection, owners: dict[bytes, int]
    ) -> tuple[Garbage, list[tuple[bytes, str | None]]]:
        keys = dict(self._results.ops())
        kept: dict[str, int] = {}
        rows: list[tuple[bytes, str | None]] = []
        size = 0
        for content, codec, in_file, bytes_ in database.execute(
            "SELECT cid, codec, data IS NULL, ifnull(length(data), size) FROM vals"
        ).fetchall():
            owner = owners.get(content)
            if owner is not None:
                key = keys[owner]
                kept[key] = kept.get(key, 0) + bytes_
            else:
                size += bytes_
                rows.append((content, self._results._codec(codec) if in_file else None))
        files = self._unnamed()
        size += sum(file.stat().st_size for file in files)
        return Garbage(len(rows) + len(files), size, kept), rows

    def _unnamed(self) -> list[Path]:
        """Return the files of values that no row names, and that nobody is writing."""
        results = self._results
        if results.folder is None or results.in_memory:
            return []
        folder = results.folder / "values"
        with results._using(flushed=False) as database:
            named = {
                results._value_files().path(content, results._codec(codec))
                for content, codec in database.execute(
                    "SELECT cid, codec FROM vals WHERE data IS NULL"
                ).fetchall()
            }
        old = time.time() - YOUNG
        return [
            file for file in folder.glob("*/*") if file not in named and file.stat().st_mtime < old
        ]

    def vacuum(self) -> tuple[int, int]:
        """Give the room of what was deleted back to the disk.

        Returns:
            Bytes of the database before and after.

        Raises:
            ResultsError: another process uses the database, or the disk has no room for a copy.
        """
        results = self._results
        results.flush()
        results._have_patience()
        with results._using() as database:
            before = _size(database)
            database.execute("VACUUM")
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            return before, _size(database)

    # Verifying ------------------------------------------------------------------------------

    def verify(self) -> Damage:
        """Look at every call and every value, and compare it with its checksum.

        The checksum of a value covers its content id and its bytes, that of a call what it was
        given and returned, its version and the names of its arguments.
        """
        results = self._results
        calls: list[int] = []
        values: dict[bytes, str] = {}
        checked = 0
        with results._using() as database:
            for row, call in self._calls(database, 0):
                checked += 1
                if call is None:
                    calls.append(row)
            contents = database.execute("SELECT cid, codec, data IS NULL FROM vals").fetchall()
        for content, codec, in_file in contents:
            checked += 1
            wrong = self._wrong(content, codec, in_file=bool(in_file))
            if wrong:
                values[content] = wrong
        return Damage(calls, values, checked)

    def _wrong(self, content: bytes, codec: int, *, in_file: bool) -> str:
        results = self._results
        with results._using(flushed=False) as database:
            if in_file:
                return results._value_files().wrong(content, results._codec(codec))
            row = database.execute("SELECT data FROM vals WHERE cid = ?", (content,)).fetchone()
        if row is None or row[0] is None:  # removed, or moved, meanwhile
            return ""
        return "" if unsealed(content, row[0]) is not None else "its checksum does not match"

    def _calls(
        self, database: sqlite3.Connection, after: int
    ) -> Iterator[tuple[int, Opened | None]]:
        """Yield each call after a row; None for one that is damaged."""
        rows = database.execute(
            f"SELECT {reading.COLUMNS} FROM calls c WHERE c.id > ? ORDER BY c.id", (after,)
        )
        for row in rows:
            yield row[0], reading.opened(database, self._runs, row)

    @property
    def _runs(self) -> Runs:
        return self._results._runs


def _size(database: sqlite3.Connection) -> int:
    pages = database.execute("PRAGMA page_count").fetchone()[0]
    return int(pages * database.execute("PRAGMA page_size").fetchone()[0])
