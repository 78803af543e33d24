"""The tracker: which project code really runs while a call is open.

An event belongs to every open call that has no nested call open in its own context, whatever
the thread or task in which it happens. Python 3.12 and later report through `sys.monitoring`,
where code outside the project is switched off for good and costs nothing; Python 3.11 through
`sys.setprofile`, one thread at a time.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

IsProject = Callable[[str], bool]


class OpenCall:
    """A call that is running.

    Attributes:
        codes: project code that ran, in order of first sight.
        links: (op key, version id) of nested calls, in order.
        observed: False when something may have run unseen; then nothing may be left out.
    """

    __slots__ = ("children", "codes", "links", "observed", "parent", "processes")

    def __init__(self, parent: OpenCall | None) -> None:
        self.parent = parent
        self.children = 0
        # By identity: equal copies in two files have equal code objects.
        self.codes: dict[int, CodeType] = {}
        self.links: dict[tuple[str, str], None] = {}
        self.observed = True
        self.processes = _processes()


class Tracker:
    """Observe project code of the whole process while calls are open.

    Args:
        is_project: whether a file name of a code object is project code.
    """

    def __init__(self, is_project: IsProject) -> None:
        self._is_project = is_project
        self._files: dict[str, bool] = {}
        self._lock = threading.RLock()
        self._open: list[OpenCall] = []
        self._leaves: tuple[OpenCall, ...] = ()
        self._observer: _Monitoring | _Profile
        if sys.version_info >= (3, 12):
            self._observer = _Monitoring(self._saw)
        else:
            self._observer = _Profile(self._saw)

    @property
    def obstacle(self) -> str:
        """Why nothing can be observed now ("" when it can)."""
        return self._observer.obstacle

    def open(self, parent: OpenCall | None) -> OpenCall:
        """Start to observe a call.

        Args:
            parent: the call in whose context it runs, if any.
        """
        call = OpenCall(parent)
        with self._lock:
            self._open.append(call)
            if parent is not None:
                parent.children += 1
            self._settle()
            if len(self._open) == 1:
                self._observer.start()  # last: on Python 3.11 all that follows costs an event
        if not self._observer.complete():
            call.observed = False
        return call

    def close(self, call: OpenCall) -> None:
        """Stop to observe a call."""
        complete = self._observer.complete()
        with self._lock:
            self._open.remove(call)
            if not self._open:
                self._observer.stop()
            if call.parent is not None:
                call.parent.children -= 1
            self._settle()
        if not complete or _processes() != call.processes or _workers():
            call.observed = False

    def pause(self) -> None:
        """Give the interpreter's hook back when nothing is open (at the end of a block)."""
        with self._lock:
            if not self._open:
                self._observer.release()

    def link(self, op: str, version: str, parent: OpenCall | None) -> None:
        """Note a nested call for the call in whose context it was made, else for all leaves."""
        targets = (parent,) if parent is not None else self._leaves
        for call in targets:
            call.links[op, version] = None

    def _settle(self) -> None:
        self._leaves = tuple(call for call in self._open if not call.children)

    def _saw(self, code: CodeType) -> bool:
        """Note a code object that starts or goes on; return whether its file is project code."""
        project = self._files.get(code.co_filename)
        if project is None:
            project = self._files[code.co_filename] = self._is_project(code.co_filename)
        if project:
            for call in self._leaves:
                call.codes[id(code)] = code
        return project


_forks = 0


def _count_fork() -> None:
    global _forks
    _forks += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_count_fork)


def _processes() -> tuple[int, str]:
    """Return how many processes this one has begun: what runs in them is not seen here."""
    process = sys.modules.get("multiprocessing.process")
    return _forks, repr(getattr(process, "_process_counter", ""))


def _workers() -> bool:
    """Whether processes that began before may still be working for this one."""
    process = sys.modules.get("multiprocessing.process")
    return bool(getattr(process, "_children", ()))


class _Monitoring:
    """PEP 669; events stay on between calls, since switching costs more than a short callback."""

    TOOL = "mandala_git"

    def __init__(self, saw: Callable[[CodeType], bool]) -> None:
        self._saw = saw
        self._id: int | None = None
        self.obstacle = ""

    def start(self) -> None:
        if self._id is not None:
            return
        monitoring: Any = sys.monitoring  # type: ignore[attr-defined, unused-ignore]
        for id in (4, 3, monitoring.OPTIMIZER_ID, monitoring.PROFILER_ID):
            if monitoring.get_tool(id) is None:
                monitoring.use_tool_id(id, self.TOOL)
                break
        else:
            self.obstacle = "every tool id of sys.monitoring is taken"
            return
        self._id = id
        self.obstacle = ""
        events = monitoring.events
        saw, disable = self._saw, monitoring.DISABLE

        def started(code: CodeType, offset: int) -> object:
            return None if saw(code) else disable

        def thrown(code: CodeType, offset: int, exception: BaseException) -> object:
            saw(code)  # this event cannot be disabled for one place
            return None

        monitoring.register_callback(id, events.PY_START, started)
        monitoring.register_callback(id, events.PY_RESUME, started)
        monitoring.register_callback(id, events.PY_THROW, thrown)
        monitoring.set_events(id, events.PY_START | events.PY_RESUME | events.PY_THROW)
        # Places that an earlier block disabled are outside code, which stays uninteresting;
        # but another tool of this id may have left marks.
        monitoring.restart_events()

    def complete(self) -> bool:
        return self._id is not None

    def stop(self) -> None:
        pass

    def release(self) -> None:
        if self._id is None:
            return
        monitoring: Any = sys.monitoring  # type: ignore[attr-defined, unused-ignore]
        monitoring.set_events(self._id, 0)
        for event in (
            monitoring.events.PY_START,
            monitoring.events.PY_RESUME,
            monitoring.events.PY_THROW,
        ):
            monitoring.register_callback(self._id, event, None)
        monitoring.free_tool_id(self._id)
        self._id = None


class _Profile:
    """`sys.setprofile`: this thread, and threads that start while a call is open."""

    def __init__(self, saw: Callable[[CodeType], bool]) -> None:
        self._saw = saw
        self._on = False
        self._threads: set[int] = set()
        self._complete = True
        self.obstacle = ""

    def _event(self, frame: FrameType, event: str, arg: object) -> None:
        if event == "call":
            self._saw(frame.f_code)

    def start(self) -> None:
        self._on = True
        # The thread in which results wait to be written runs nothing of the project.
        self._complete = all(
            thread is threading.current_thread() or thread.name == "mandala-flush"
            for thread in threading.enumerate()
        )
        self._threads = {threading.get_ident()}
        threading.setprofile(self._first_event)
        self._take()

    def _first_event(self, frame: FrameType, event: str, arg: object) -> None:
        """The first event of a thread that started while a call was open."""
        self._threads.add(threading.get_ident())
        sys.setprofile(self._event)
        self._event(frame, event, arg)

    def _take(self) -> None:
        present = sys.getprofile()
        if present is None or present in (self._event, self._first_event):
            sys.setprofile(self._event)
            self.obstacle = ""
        else:
            self.obstacle = "a profiler is using sys.setprofile"
            self._complete = False

    def complete(self) -> bool:
        if self._on and threading.get_ident() not in self._threads:
            # A second thread makes a call of its own: from here on it is observed too, but what
            # it ran before was not, and the other calls cannot know.
            self._threads.add(threading.get_ident())
            self._take()
            self._complete = False
        if self._on and sys.getprofile() not in (self._event, self._first_event):
            self._complete = False
        return self._complete

    def stop(self) -> None:
        threading.setprofile(None)  # type: ignore[arg-type, unused-ignore]
        if sys.getprofile() in (self._event, self._first_event):
            sys.setprofile(None)
        self._on = False

    def release(self) -> None:
        pass
