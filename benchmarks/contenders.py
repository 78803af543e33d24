"""What remembers calls of `successor`: the floors and the peers."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from benchmarks.roles import Role


def successor(number: int) -> int:
    """The trivial function whose calls are remembered."""
    return number + 1


class Contender(Protocol):
    """A memory of calls, kept in a folder."""

    role: Role

    def __init__(self, folder: Path) -> None:
        """Open the memory."""

    def call(self, number: int) -> int:
        """Return `successor(number)`, computed or remembered."""

    def close(self) -> None:
        """Make everything durable."""


class PickledDict:
    """A dict with pickled keys and values, pickled as a whole at the end."""

    role = Role.FLOOR

    def __init__(self, folder: Path) -> None:
        self.file = folder / "all.pickle"
        self.known: dict[bytes, bytes] = {}
        if self.file.exists():
            self.known = pickle.loads(self.file.read_bytes())

    def call(self, number: int) -> int:
        key = pickle.dumps(("successor", number))
        found = self.known.get(key)
        if found is None:
            value = successor(number)
            self.known[key] = pickle.dumps(value)
            return value
        value = pickle.loads(found)
        assert isinstance(value, int)
        return value

    def close(self) -> None:
        self.file.write_bytes(pickle.dumps(self.known))


class SqlitePoint:
    """A point lookup in SQLite by a pickled key, one transaction for all new calls."""

    role = Role.FLOOR

    def __init__(self, folder: Path) -> None:
        import sqlite3

        self.database = sqlite3.connect(folder / "all.db")
        self.database.execute("PRAGMA journal_mode = WAL")
        self.database.execute("PRAGMA synchronous = NORMAL")
        self.database.execute(
            "CREATE TABLE IF NOT EXISTS calls (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID"
        )

    def call(self, number: int) -> int:
        key = pickle.dumps(("successor", number))
        found = self.database.execute("SELECT value FROM calls WHERE key = ?", (key,)).fetchone()
        if found is None:
            value = successor(number)
            self.database.execute("INSERT INTO calls VALUES (?, ?)", (key, pickle.dumps(value)))
            return value
        value = pickle.loads(found[0])
        assert isinstance(value, int)
        return value

    def close(self) -> None:
        self.database.commit()
        self.database.close()


class Diskcache:
    """`diskcache.Cache.memoize`."""

    role = Role.PEER

    def __init__(self, folder: Path) -> None:
        from diskcache import Cache

        self.cache = Cache(str(folder))
        self.call: Callable[[int], int] = self.cache.memoize()(successor)

    def close(self) -> None:
        self.cache.close()


class Joblib:
    """`joblib.Memory.cache`."""

    role = Role.PEER

    def __init__(self, folder: Path) -> None:
        from joblib import Memory

        self.call: Callable[[int], int] = Memory(folder, verbose=0).cache(successor)

    def close(self) -> None:
        """Every call is on disk already."""


CONTENDERS: dict[str, type[Contender]] = {
    "dict with pickled keys": PickledDict,
    "SQLite point lookup": SqlitePoint,
    "diskcache": Diskcache,
    "joblib.Memory": Joblib,
}
"""Each contender by the name that tables show; the first is the floor of all ratios."""
