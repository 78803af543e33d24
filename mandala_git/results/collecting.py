"""Collecting: values that no call has are removed, and room is given back to the disk."""

from __future__ import annotations

import sqlite3
import time
from contextlib import suppress
from pathlib import Path

from mandala_git.records import NamedTuple
from mandala_git.results import histories, references
from mandala_git.results.store import Results
from mandala_git.results.watching import Watch, unwatched

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


class Collection:
    """One collection of the values that no call has.

    A value that another process is about to refer to may be among them; like any lost one it is
    then made again.

    Args:
        results: the store.
        watch: is told of each call that is looked at.
    """

    def __init__(self, results: Results, watch: Watch = unwatched) -> None:
        self._results = results
        self._watch = watch
        self._owners: dict[bytes, tuple[int, int]] = {}  # content id -> (op, version)
        self._last = 0

    def would(self) -> Garbage:
        """Say what would be removed."""
        with self._results.looking() as database:
            self._look(database)
            return self._garbage(database)[0]

    def collect(self) -> Garbage:
        """Remove them.

        Raises:
            ResultsError: the database cannot be written; nothing was removed.
        """
        results = self._results
        with results.looking() as database:
            self._look(database)
        with results.lock:
            with results.changing() as database:
                # Calls that were recorded meanwhile; nobody can add one now.
                self._look(database)
                garbage, rows = self._garbage(database)
                database.executemany("DELETE FROM vals WHERE cid = ?", [(row[0],) for row in rows])
                unused = [(hid,) for hid in histories.idle(database, results.runs)]
                database.executemany("DELETE FROM containers WHERE hid = ?", unused)
            for content, codec in rows:
                if codec is not None:
                    with suppress(OSError):  # it is found unnamed by the next collection
                        results.value_files().remove(content, codec)
            for file in self._unnamed(results):
                with suppress(OSError):
                    file.unlink()
        return garbage

    def sizes(self) -> dict[int, int]:
        """Return {row of a version: bytes of the values that its calls made, or were given first}."""
        found: dict[int, int] = {}
        with self._results.looking() as database:
            self._look(database)
            owners = self._all_owners()
            for content, size in database.execute(
                "SELECT cid, ifnull(length(data), size) FROM vals"
            ):
                owner = owners.get(content)
                if owner is not None:
                    found[owner[1]] = found.get(owner[1], 0) + size
        return found

    def _look(self, database: sqlite3.Connection) -> None:
        """Note whose the values beside their calls are."""
        (new,) = database.execute(
            "SELECT count(*) FROM calls WHERE id > ?", (self._last,)
        ).fetchone()
        with self._watch("looking at calls", new) as advance:
            for row, call in references.every_call(database, self._results.runs, self._last):
                self._last = row
                advance(1)
                if call is not None:
                    for content in references.contents(call):
                        self._owners.setdefault(content, call.run[:2])

    def _all_owners(self) -> dict[bytes, tuple[int, int]]:
        """Return whose the values are, those in containers too."""
        return {**references.inside(self._results, self._owners), **self._owners}

    def _garbage(
        self, database: sqlite3.Connection
    ) -> tuple[Garbage, list[tuple[bytes, str | None]]]:
        keys = dict(self._results.ops())
        owners = self._all_owners()
        kept: dict[str, int] = {}
        rows: list[tuple[bytes, str | None]] = []
        size = 0
        for content, codec, in_file, bytes_ in database.execute(
            "SELECT cid, codec, data IS NULL, ifnull(length(data), size) FROM vals"
        ).fetchall():
            owner = owners.get(content)
            if owner is not None:
                key = keys[owner[0]]
                kept[key] = kept.get(key, 0) + bytes_
            else:
                size += bytes_
                rows.append((content, self._results.codec(codec) if in_file else None))
        files = self._unnamed(self._results)
        size += sum(file.stat().st_size for file in files)
        return Garbage(len(rows) + len(files), size, kept), rows

    @staticmethod
    def _unnamed(results: Results) -> list[Path]:
        """Return the files of values that no row names, and that nobody is writing."""
        if results.folder is None or results.in_memory:
            return []
        folder = results.value_files().folder
        with results.looking() as database:
            named = {
                results.value_files().path(content, results.codec(codec))
                for content, codec in database.execute(
                    "SELECT cid, codec FROM vals WHERE data IS NULL"
                ).fetchall()
            }
        old = time.time() - YOUNG
        return [
            file for file in folder.glob("*/*") if file not in named and file.stat().st_mtime < old
        ]


def vacuum(results: Results) -> tuple[int, int]:
    """Give the room of what was deleted back to the disk.

    Returns:
        Bytes of the database before and after.

    Raises:
        ResultsError: another process uses the database, or the disk has no room for a copy.
    """
    results.flush(patient=True)
    with results.looking() as database:
        before = _size(database)
        database.execute("VACUUM")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return before, _size(database)


def _size(database: sqlite3.Connection) -> int:
    pages = database.execute("PRAGMA page_count").fetchone()[0]
    return int(pages * database.execute("PRAGMA page_size").fetchone()[0])
