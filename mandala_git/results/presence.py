"""Who has a store open, so that what a crash left behind is looked at once, by the first to come.

Each process holds a shared lock on `results.lock` (of `calls.db`: `calls.lock`) while it has the
database open. Whoever gets it alone and finds a journal beside the database knows that nobody
closed it properly. SQLite then replays that journal, and cannot know whether it belongs to this
file: after somebody has put another `results.db` in its place, pages of two databases would be
mixed. So the whole is checked, once, before anything is read from it or written back.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote as url_quote

from mandala_git.errors import ResultsError

try:
    import fcntl
except ImportError:  # no POSIX system: nothing is noticed there
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"
JOURNALS = ("-wal", "-shm", "-journal")


def join(path: Path, busy_seconds: float) -> int | None:
    """Note that this process has a database open; check it first if a crash left a journal.

    Args:
        path: the database.
        busy_seconds: how long to wait for somebody who is checking it.

    Returns:
        What to hand to `leave`; None where there is no such lock.

    Raises:
        ResultsError: the database with its journal is damaged; both are as they were.
    """
    if fcntl is None:
        return None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path.with_suffix(LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError:
        return None  # where nothing can be written, nothing can be mixed up either
    try:
        if _locked(lock, fcntl.LOCK_EX) and _left_behind(path):
            _check(path)
        deadline = time.monotonic() + busy_seconds
        while not _locked(lock, fcntl.LOCK_SH) and time.monotonic() < deadline:
            time.sleep(0.005)
    except BaseException:
        os.close(lock)
        raise
    return lock


def leave(lock: int | None) -> None:
    """Take back what `join` noted."""
    if lock is not None:
        with suppress(OSError):
            os.close(lock)


def _locked(lock: int, kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _left_behind(path: Path) -> bool:
    return any(os.path.exists(f"{path}{suffix}") for suffix in JOURNALS)


def _check(path: Path) -> None:
    """Look at every page, without writing any back."""
    try:
        # A connection that may only read leaves the journal where it is.
        uri = f"file:{url_quote(str(path))}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=0)) as connection:
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        # Anything else is said by who opens it next.
        found = str(error) if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE else "ok"
    if found != "ok":
        raise damaged(path, "it does not fit the journal that a crash left beside it")


_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def damaged(path: Path | None, why: object) -> ResultsError:
    """Return the error that says what to do with a damaged database."""
    if path is None:
        return ResultsError(f"the results in memory are damaged: {why}")
    return unreadable(path, f"{path} is damaged: {why}", "damaged")


def unreadable(path: Path | None, why: str, name: str = "before") -> ResultsError:
    """Return an error whose hint moves a database away that nobody can use.

    Args:
        path: the database.
        why: what is the matter with it.
        name: of the folder beside it that it is moved to.
    """
    if path is None:
        return ResultsError(why)
    from shlex import quote

    aside = quote(str(path.with_name(name)))
    return ResultsError(
        why,
        hint=f"Move it and its journals away: mkdir -p {aside} && "
        f"mv {quote(str(path))}* {aside}\n"
        "  Results are then recorded anew; verdicts live in git and are safe.",
    )
