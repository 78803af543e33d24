"""What remembers calls of `successor`: the floors, the peers, and this package."""

from __future__ import annotations

import importlib
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from benchmarks.roles import Role
from benchmarks.trivial import successor


class Contender(Protocol):
    """A memory of calls, kept in a folder."""

    role: Role

    def __init__(self, folder: Path) -> None:
        """Open the memory."""

    def call(self, number: Any) -> Any:
        """Return `successor(number)`, computed or remembered."""

    def value(self, found: Any) -> int:
        """Return the number that a call returned."""

    def settle(self) -> None:
        """Make everything durable that was called so far."""

    def close(self) -> None:
        """Make everything durable; it is not called any more."""


class Plain:
    """Calls return the number itself."""

    def value(self, found: int) -> int:
        return found

    def settle(self) -> None:
        """Every call is on disk already."""


class PickledDict(Plain):
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

    def settle(self) -> None:
        self.file.write_bytes(pickle.dumps(self.known))

    close = settle


class SqlitePoint(Plain):
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

    def settle(self) -> None:
        self.database.commit()

    def close(self) -> None:
        self.database.commit()
        self.database.close()


class Diskcache(Plain):
    """`diskcache.Cache.memoize`."""

    role = Role.PEER

    def __init__(self, folder: Path) -> None:
        from diskcache import Cache

        self.cache = Cache(str(folder))
        self.call: Callable[[int], int] = self.cache.memoize()(successor)

    def close(self) -> None:
        self.cache.close()


class Joblib(Plain):
    """`joblib.Memory.cache`."""

    role = Role.PEER

    def __init__(self, folder: Path) -> None:
        from joblib import Memory

        self.call: Callable[[int], int] = Memory(folder, verbose=0).cache(successor)

    def close(self) -> None:
        """Nothing is open."""


WORK = """\
from mandala_git import op


@op
def successor(number):
    return number + 1
"""


class Mandala:
    """An op in a git repository of its own, called in one block."""

    role = Role.OURS

    def __init__(self, folder: Path) -> None:
        from mandala_git import Storage

        successor = load(folder, "remembered", WORK).successor
        self.storage = Storage(folder)
        self.storage.__enter__()
        self.call: Callable[[Any], Any] = successor

    def value(self, found: Any) -> int:
        number = self.storage.unwrap(found)
        assert isinstance(number, int)
        return number

    def settle(self) -> None:
        self.storage.results.flush()

    def close(self) -> None:
        self.storage.__exit__(None, None, None)


def load(folder: Path, name: str, source: str) -> ModuleType:
    """Import a module of a git repository; make both when they are not there."""
    if not (folder / ".git").exists():
        import subprocess

        subprocess.run(["git", "init", "-q", str(folder)], check=True)
    file = folder / f"{name}.py"
    if not file.exists():
        file.write_text(source)
    # Each benchmark has its own module of this name, and finder caches are older than it.
    sys.modules.pop(name, None)
    importlib.invalidate_caches()
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(folder))


CONTENDERS: dict[str, type[Contender]] = {
    "dict with pickled keys": PickledDict,
    "SQLite point lookup": SqlitePoint,
    "diskcache": Diskcache,
    "joblib.Memory": Joblib,
    "mandala_git": Mandala,
}
"""Each contender by the name that tables show; the first is the floor of all ratios."""
