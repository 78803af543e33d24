"""Which recorded versions count here and now, and what version a call gets: what the memo asks.

Here are the questions, and the answers of a storage in memory, outside any repository. Those of
a repository's code are in `versioned.py`, those of one of its commits in `past.py`.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from mandala_git.errors import MandalaError
from mandala_git.ops.op import Op
from mandala_git.records import NamedTuple
from mandala_git.results.calls import Session
from mandala_git.results.store import Results
from mandala_git.source.codes import code_hash
from mandala_git.versions.agreement import Belongs
from mandala_git.versions.readings import Reading
from mandala_git.versions.seen import Guard
from mandala_git.versions.tracker import OpenCall, Tracker

if TYPE_CHECKING:
    from mandala_git.ops.tables import Judge


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


class Versioning(ABC):
    """What the memo asks; what is answered here holds where code never changes.

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

    def added(self, op: Op[..., Any]) -> Iterable[frozenset[str]]:
        """Return the sets of parameters with defaults that earlier versions did not have."""
        return ()

    @abstractmethod
    def admit(self, op: Op[..., Any], row: int) -> CallVersion | None:
        """Return the version of a recorded call if it belongs here and now."""

    @abstractmethod
    def judge(self) -> Judge:
        """Return who tells which recorded calls belong here and now, for tables."""

    def renew(self) -> None:  # noqa: B027 - most look at nothing
        """Look at everything anew: a guard did not hold."""

    def before(self, op: Op[..., Any]) -> Mapping[str, Reading | None]:
        """Read the globals that may change while the op runs.

        Raises:
            MissingCall: no calls are made here.
        """
        return {}

    @abstractmethod
    def record(
        self,
        op: Op[..., Any],
        call: OpenCall,
        arguments: Collection[tuple[str, str]],
        before: Mapping[str, Reading | None],
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


class Unversioned(Versioning):
    """Every op is versioned by its own code alone; results live as long as the process."""

    def __init__(self, results: Results) -> None:
        super().__init__(results)
        self._versions: dict[tuple[str, bytes], CallVersion] = {}

    def key(self, op: Op[..., Any]) -> str:
        """Return the module and name of an op."""
        return f"{op.own.__module__}::{op.name}"

    def _version(self, op: Op[..., Any]) -> CallVersion:
        key, code = self.key(op), code_hash(op.own.__code__)
        found = self._versions.get((key, code))
        if found is None:
            import hashlib

            vid = hashlib.sha256(key.encode("utf-8", "surrogatepass") + b"\0" + code).digest()
            row = self.results.version_id(vid, key, b"")
            found = self._versions[key, code] = CallVersion(row, vid, Guard(()))
        return found

    def admit(self, op: Op[..., Any], row: int) -> CallVersion | None:
        """Return the version of a call made with the same code object."""
        version = self._version(op)
        return version if version.row == row else None

    def judge(self) -> Judge:
        """Return somebody to whom all calls belong."""
        return lambda row, here: Belongs.YES

    def record(
        self,
        op: Op[..., Any],
        call: OpenCall,
        arguments: Collection[tuple[str, str]],
        before: Mapping[str, Reading | None],
    ) -> CallVersion:
        """Return the version of the op's present code."""
        return self._version(op)

    def session(self) -> Session:
        """Return where calls run now."""
        return session_here(None, dirty=False)


def session_here(commit: str | None, *, dirty: bool) -> Session:
    """Return the session of this process now."""
    import platform

    script = getattr(sys.modules.get("__main__"), "__file__", None) or ""
    return Session(commit, dirty, platform.node(), os.getpid(), script, time.time())
