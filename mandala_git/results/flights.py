"""Calls that are being computed: one at a time for each key, across threads and processes.

Each is an empty file, held by a lock that the system lets go of when its holder dies. So there
is no clock to trust, nothing to clean up after a crash, and what is left behind is used again.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from mandala_git.errors import UsageError

try:
    import fcntl
except ImportError:  # no POSIX system
    fcntl = None  # type: ignore[assignment]

SOON, LATER = 0.001, 0.1
"""Seconds between two looks at a lock that somebody else has: at first, and after a while."""


_mine: ContextVar[frozenset[bytes]] = ContextVar("mandala_git_flights", default=frozenset())


class Flights:
    """The calls that are being computed in a store.

    Args:
        folder: where the files live; made when needed. None: within this process only.
        seconds: how long to wait for somebody else at most; None: as long as they live.

    Raises:
        UsageError: the system has no such locks.
    """

    def __init__(self, folder: Path | None, seconds: float | None = None) -> None:
        if fcntl is None:
            raise UsageError(
                "this system has no locks that end with their holder",
                hint="Leave single_flight out.",
            )
        self.folder = folder
        self.seconds = seconds
        self._here: weakref.WeakValueDictionary[bytes, threading.Lock] = (
            weakref.WeakValueDictionary()
        )
        self._held: set[int] = set()
        _watch(self)

    @contextmanager
    def alone(self, key: bytes) -> Iterator[bool]:
        """Be the only one with a key, once nobody else is.

        Args:
            key: of the call.

        Yields:
            Whether nobody else computes it; False when the longest wait is over, or where no
            lock can be made.
        """
        mine = _mine.get()
        if key in mine:  # a call inside itself; who waits for oneself waits forever
            yield True
            return
        token = _mine.set(mine | {key})
        try:
            if self.folder is None:
                with self._alone_here(key) as got:
                    yield got
            else:
                with self._alone_anywhere(self.folder / key.hex()) as got:
                    yield got
        finally:
            _mine.reset(token)

    @contextmanager
    def _alone_here(self, key: bytes) -> Iterator[bool]:
        lock = self._here.setdefault(key, threading.Lock())
        got = lock.acquire(timeout=-1 if self.seconds is None else self.seconds)
        try:
            yield got
        finally:
            if got:
                lock.release()

    @contextmanager
    def _alone_anywhere(self, place: Path) -> Iterator[bool]:
        file = self._take(place)
        try:
            yield file is not None
        finally:
            if file is not None:
                self._give_back(place, file)

    def _take(self, place: Path) -> int | None:
        ends = None if self.seconds is None else time.monotonic() + self.seconds
        pause = SOON
        while True:
            try:
                file = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            except FileNotFoundError:
                with suppress(OSError):
                    place.parent.mkdir(parents=True, exist_ok=True)
                    continue
                return None
            except OSError:
                return None
            self._held.add(file)
            try:
                if self._is_ours(place, file):
                    return file
                self._close(file)
                if ends is not None and time.monotonic() >= ends:
                    return None
                time.sleep(pause)
            except BaseException:
                self._close(file)
                raise
            pause = min(2 * pause, LATER)

    def _is_ours(self, place: Path, file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever had it before may have removed it: then others lock another file.
            there, here = os.stat(place), os.fstat(file)
        except OSError:
            return False
        return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)

    def _give_back(self, place: Path, file: int) -> None:
        try:
            with suppress(OSError):
                os.unlink(place)
            # Unlocked, not only closed: a child that was forked meanwhile has it open too.
            with suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_UN)
        finally:
            self._close(file)

    def _close(self, file: int) -> None:
        if file in self._held:
            self._held.discard(file)
            os.close(file)

    def renew_after_fork(self) -> None:
        """In a forked child: what the parent computes is the parent's."""
        self._here.clear()
        for file in list(self._held):
            self._close(file)


def _watch(flights: Flights) -> None:
    known = weakref.ref(flights)

    def in_child() -> None:
        found = known()
        if found is not None:
            found.renew_after_fork()

    os.register_at_fork(after_in_child=in_child)
