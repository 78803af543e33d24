"""What stores of results do when the process forks or ends, and while calls wait."""

from __future__ import annotations

import atexit
import os
import sqlite3
import sys
import threading
import time
import warnings
import weakref
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from mandala_git.errors import MandalaWarning, ResultsError

if TYPE_CHECKING:
    from typing import Protocol

    class Store(Protocol):
        """The side of `Results` that this module needs."""

        lock: threading.RLock

        @property
        def waiting(self) -> int: ...

        def flush(self) -> None: ...

        def close(self) -> None: ...

        def renew_after_fork(self) -> None: ...


_live: weakref.WeakSet[Store] = weakref.WeakSet()
_held: list[Store] = []
_inherited: list[sqlite3.Connection] = []
_exit_pid = 0


def watch(store: Store) -> None:
    """Have a store flushed at exit and kept apart from its parent's after a fork."""
    _live.add(store)


def open_stores() -> list[Store]:
    """Return the stores of this process."""
    return list(_live)


def abandon(connection: sqlite3.Connection) -> None:
    """Keep a connection that a fork brought along from ever being closed.

    Closing it here would drop the parent's locks on some systems and could write through a
    state that is no longer true.
    """
    _inherited.append(connection)


def flush_at_exit_of_this_process() -> None:
    """Make sure that what waits is flushed when a child of multiprocessing ends.

    Such a child leaves through `os._exit`, so atexit does not run there.
    """
    global _exit_pid
    pid = os.getpid()
    if _exit_pid == pid:
        return
    _exit_pid = pid
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.Finalize(None, _flush_all, exitpriority=0)


def _flush_all() -> None:
    with ExitStack() as stack:  # all of them, even when one of them fails
        for store in list(_live):
            stack.callback(_last, store, store.flush)


def _close_all() -> None:
    with ExitStack() as stack:
        for store in list(_live):
            stack.callback(_last, store, store.close)


def _last(store: Store, work: Callable[[], None]) -> None:
    """Write what waits, or say how much is lost: nobody will try again."""
    waiting = store.waiting
    try:
        work()
    except ResultsError as error:
        text = f"{waiting} finished calls could not be recorded: {error}"
        warnings.warn(text, MandalaWarning, stacklevel=2)


def _before_fork() -> None:
    # With every lock in hand no thread is inside SQLite, and no buffer is half changed.
    for store in list(_live):
        store.lock.acquire()
        _held.append(store)


def _after_in_parent() -> None:
    while _held:
        _held.pop().lock.release()


def _after_in_child() -> None:
    while _held:
        _held.pop().renew_after_fork()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_in_parent,
        after_in_child=_after_in_child,
    )


class FlushThread(threading.Thread):
    """The thread of a timer; whoever watches the threads of a program need not mind it."""


class Timer:
    """A thread that flushes a store when its calls have waited long enough.

    It is started by the first call that waits, and ends when nothing came for a while, so
    that a store which nobody holds any longer is not kept alive.
    """

    IDLE = 1.0

    def __init__(self, store: Store, seconds: float) -> None:
        self._store = store
        self._seconds = seconds
        self._due = threading.Event()
        self._ended = False
        self._thread = FlushThread(target=self._run, name="mandala-flush", daemon=True)
        self._thread.start()

    def __bool__(self) -> bool:
        return not self._ended

    def start(self) -> None:
        """Say that something waits from now on; the caller holds the store's lock."""
        self._due.set()

    def _run(self) -> None:
        while True:
            if not self._due.wait(self.IDLE):
                with self._store.lock:  # nobody can call start() between the two
                    if not self._due.is_set():
                        self._ended = True
                        return
            self._due.clear()
            time.sleep(self._seconds)
            try:
                self._store.flush()
            except ResultsError:
                # Nothing is lost: the calls still wait, and the next flush in the user's own
                # thread (a record, a read, close) meets the same error and raises it there.
                continue
