"""Which recorded versions count here and now, and what version a call gets: what the memo asks.

Here are the questions. The answers of the code that is loaded are in `versioned.py`, those of a
commit in `past.py`.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any

from mandala_git.errors import MandalaError
from mandala_git.ops.op import Op
from mandala_git.records import NamedTuple
from mandala_git.repo.data_files import Listing
from mandala_git.results.calls import Session
from mandala_git.results.store import Results
from mandala_git.versions.readings import Reading
from mandala_git.versions.seen import Guard
from mandala_git.versions.tracker import OpenCall, Tracker

if TYPE_CHECKING:
    from mandala_git.ops.tables import Judge
    from mandala_git.versions.agreement import Belongs
    from mandala_git.versions.belonging import Belonging


class CallVersion(NamedTuple):
    """The version of a call as results know it.

    Attributes:
        row: in the results.
        vid: id, 32 bytes.
        guard: holds while the version belongs to this process.
        reusable: False when it belongs to no later call.
        exact: every text it ran is still the same.
        why: what to tell the user of a version that belongs to no later call.
    """

    row: int
    vid: bytes
    guard: Guard
    reusable: bool = True
    exact: bool = True
    why: str = ""


class Before(NamedTuple):
    """What was looked at before a call ran.

    Attributes:
        readings: globals that may change while it runs, by key.
        files: what the files hold on which ops depend, by key of the op and pattern.
        loaded: paths of the modules that were loaded.
    """

    readings: Mapping[str, Reading | None] = MappingProxyType({})
    files: Mapping[str, Mapping[str, Listing]] = MappingProxyType({})
    loaded: frozenset[str] = frozenset()


NOTHING = Before()


class Versioning(ABC):
    """What the memo asks.

    `with versioning:` around questions keeps other threads out, and sees to it that nothing is
    believed which an interrupt left half done.

    Args:
        results: where calls are recorded.

    Attributes:
        tracker: observes what runs; None where that does not matter.
        doubtful: whether a question was interrupted.
    """

    tracker: Tracker | None = None

    def __init__(self, results: Results) -> None:
        self.results = results
        self.doubtful = False
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._lock.acquire()
        if self.doubtful:
            try:
                self.begin_anew()
                self.doubtful = False
            except BaseException:
                self._lock.release()
                raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None and not issubclass(kind, MandalaError):
            self.doubtful = True
        self._lock.release()

    def begin_anew(self) -> None:  # noqa: B027 - most look at nothing
        """Forget all that was looked at."""

    def name(self, obj: Any) -> str | None:
        """Return the project key of a function or class, None for other people's."""
        return None

    def enter(self) -> int:
        """Begin a block; return what changes when judgements made before are void."""
        return 0

    def leave(self) -> None:  # noqa: B027 - most have nothing to do
        """End the outermost block."""

    @abstractmethod
    def key(self, op: Op[..., Any]) -> str:
        """Return the key of an op."""

    def ops(self, op: Op[..., Any]) -> list[int]:
        """Return the rows of the ops whose calls may be calls of this one, its own first."""
        return [self.results.op_id(self.key(op))]

    def finds(self, row: int, key: str) -> bool:
        """Tell whether there is an op of a name here that finds its recorded calls."""
        return False

    def renamed(self, old: str, row: int, key: str) -> None:
        """Look at ops anew: one of them was renamed.

        Args:
            old: key of the op.
            row: of the op that has its calls now.
            key: of the same.
        """
        with self:
            self.renew()

    def added(self, op: Op[..., Any]) -> Iterable[frozenset[str]]:
        """Return the sets of parameters with defaults that earlier versions did not have."""
        return ()

    @abstractmethod
    def admit(self, op: Op[..., Any], row: int) -> CallVersion | None:
        """Return the version of a recorded call if it belongs here and now."""

    @abstractmethod
    def shares(self) -> Belonging:
        """Return who tells which versions belong here and now."""

    def belonging(self) -> Callable[[int, str], Belongs]:
        """Return who tells of (row of a version, key of its op) whether it belongs here and now."""
        return self.shares().of

    def judge(self) -> Judge:
        """Return who tells which recorded calls belong here and now, for tables."""
        belongs = self.belonging()
        return lambda row, here: belongs(row.version, here)

    def renew(self) -> None:  # noqa: B027 - most look at nothing
        """Look at everything anew: a guard did not hold."""

    def before(self, op: Op[..., Any], arguments: Collection[tuple[str, str]]) -> Before:
        """Look at what may change while the op runs.

        Args:
            op: the op.
            arguments: (module, qualname) of functions and classes inside the arguments.

        Raises:
            MissingCall: no calls are made here.
        """
        return NOTHING

    @abstractmethod
    def record(
        self,
        op: Op[..., Any],
        call: OpenCall,
        arguments: Collection[tuple[str, str]],
        before: Before,
    ) -> CallVersion:
        """Return the version of a call that just ran.

        Args:
            op: the op.
            call: what was observed.
            arguments: (module, qualname) of functions and classes inside the arguments.
            before: what was read before it ran.
        """

    @abstractmethod
    def session(self) -> Session:
        """Return where calls run now."""


def session_here(commit: str | None, *, dirty: bool) -> Session:
    """Return the session of this process now."""
    import platform

    script = getattr(sys.modules.get("__main__"), "__file__", None) or ""
    return Session(commit, dirty, platform.node(), os.getpid(), script, time.time())
