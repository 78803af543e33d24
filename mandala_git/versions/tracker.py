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
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import CodeType, FrameType
from typing import Any, TypeVar, cast

QUIET = 2_000
"""Events without a new code object after which Python 3.12 is told to leave out what is known."""

ENOUGH = 100_000
"""Events without a new code object after which Python 3.11 looks no longer: each costs as much as a
small function, and nothing can be left out there."""

T = TypeVar("T")
IsProject = Callable[[str], bool]
Hook = Callable[[FrameType, str, Any], object]


class OpenCall:
    """A call that is running.

    Attributes:
        parent: the call in whose context it runs, if any.
        codes: project code that ran, in order of first sight.
        links: (op key, version id) of nested calls, in order.
        observed: False when something may have run unseen; then nothing may be left out.
        above: the frames that wait for it: when a coroutine goes on, so do those that await it.
    """

    __slots__ = ("above", "codes", "links", "observed", "parent", "processes")

    def __init__(self, parent: OpenCall | None = None) -> None:
        self.parent = parent
        # By identity: equal copies in two files have equal code objects.
        self.codes: dict[int, CodeType] = {}
        self.links: dict[tuple[str, str], None] = {}
        self.observed = True
        self.above: frozenset[FrameType] = frozenset()
        self.processes = _processes()

    def absorb(self, call: OpenCall) -> None:
        """Take over what ran in a nested call that ended without a version to link to."""
        self.codes |= call.codes
        self.links |= call.links
        self.observed &= call.observed


class Tracker:
    """Observe project code of the whole process while calls are open.

    Args:
        is_project: whether a file name of a code object is project code.
    """

    def __init__(self, is_project: IsProject) -> None:
        self._is_project = is_project
        self._files: dict[str, bool] = {}
        self._lock = threading.RLock()
        self._open: dict[OpenCall, None] = {}
        self._leaves: tuple[OpenCall, ...] = ()
        self.quiet = 0  # events since something was seen for the first time
        self._observer: _Monitoring | _Profile
        if sys.version_info >= (3, 12):
            self._observer = _Monitoring(self)
        else:
            self._observer = _Profile(self)

    @property
    def obstacle(self) -> str:
        """Why nothing can be observed now ("" when it can)."""
        return self._observer.obstacle

    def run(
        self,
        call: OpenCall,
        function: Callable[..., T],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> T:
        """Run a function as a call that is observed; return what it returns."""
        observer = self._observer
        try:
            # With the hook of Python 3.11 set, each call and return costs an event, those of C
            # functions too: so nothing else happens until it is taken away.
            if self._begin(call):
                sys.setprofile(observer.hook)
            return function(*args, **kwargs)
        finally:
            self._end(call, _unhook(observer.hook))

    async def run_async(
        self,
        call: OpenCall,
        function: Callable[..., Awaitable[T]],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> T:
        """Run a coroutine function as a call that is observed; return what it returns.

        While it waits, other tasks run: what they run is noted for this call, too.
        """
        observer = self._observer
        call.above = _frames(sys._getframe())
        try:
            if self._begin(call):
                sys.setprofile(observer.hook)
            return await function(*args, **kwargs)
        finally:
            self._end(call, _unhook(observer.hook))
            call.above = frozenset()

    def _begin(self, call: OpenCall) -> bool:
        """Note that a call begins; return whether its thread has to set the hook."""
        observer = self._observer
        with self._lock:
            alone = not self._open
            self._open[call] = None
            self.quiet = 0
            if alone:
                self._leaves = (call,)
            else:
                self._settle()
            observer.renew()  # after that: what is left out is known to other calls
            hooked = observer.begin()
            call.observed = observer.complete
            return hooked

    def _end(self, call: OpenCall, present: object) -> None:
        """Note that a call ended, in a thread with a hook."""
        observer = self._observer
        with self._lock:
            if call in self._open:
                del self._open[call]
            observer.end(present, last=not self._open)
            complete = observer.complete
            if not self._open:
                self._leaves = ()
            else:
                self._settle()
                observer.renew()
                if present is not None and present is observer.hook:
                    sys.setprofile(present)
        if not complete or _processes() != call.processes or _workers():
            call.observed = False

    def pause(self) -> None:
        """Give the interpreter's hook back: no block is open any more, hence no call."""
        with self._lock:
            if self._open:  # what an interrupt between two lines of `run` left
                self._open.clear()
                self._settle()
                hook = self._observer.hook
                if hook is not None and sys.getprofile() is hook:
                    sys.setprofile(None)
                self._observer.end(hook, last=True)
            self._observer.release()

    def link(self, op: str, version: str, parent: OpenCall | None) -> None:
        """Note a nested call for the call in whose context it was made, else for all leaves."""
        targets = (parent,) if parent is not None else self._leaves
        for call in targets:
            call.links[op, version] = None

    def _settle(self) -> None:
        if len(self._open) < 2:
            self._leaves = tuple(self._open)
            return
        parents = {call.parent for call in self._open}
        self._leaves = tuple([call for call in self._open if call not in parents])

    def saw(self, code: CodeType, frame: FrameType | None = None) -> bool:
        """Note a code object that starts or goes on; return whether its file is project code.

        Args:
            code: the code object.
            frame: the one in which it goes on, or starts.
        """
        project = self._files.get(code.co_filename)
        if project is None:
            project = self._files[code.co_filename] = self._is_project(code.co_filename)
        self.quiet += 1
        if project:
            for call in self._leaves:
                if id(code) not in call.codes and frame not in call.above:
                    call.codes[id(code)] = code
                    self.quiet = 0
        return project

    def all_saw(self, code: CodeType) -> bool:
        """Tell whether a code object has been noted for every call that events belong to now."""
        return all(id(code) in call.codes for call in self._leaves)


def _frames(frame: FrameType | None) -> frozenset[FrameType]:
    """Return a frame and all that wait for it."""
    found = []
    while frame is not None:
        found.append(frame)
        frame = frame.f_back
    return frozenset(found)


def _unhook(hook: Hook | None) -> Hook | None:
    """Take the hook away while it would only see what is done here; return what there was."""
    if hook is None:
        return None
    present: Any = sys.getprofile()
    if present is hook:
        sys.setprofile(None)
    return cast("Hook | None", present)


_forks = 0


def _count_fork() -> None:
    global _forks
    _forks += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_count_fork)


def _processes() -> tuple[int, str]:
    """Return how many processes this one has begun: what runs in them is not seen here."""
    process = sys.modules.get("multiprocessing.process")
    return _forks, "" if process is None else repr(getattr(process, "_process_counter", ""))


def _workers() -> bool:
    """Whether processes that began before may still be working for this one."""
    process = sys.modules.get("multiprocessing.process")
    return bool(getattr(process, "_children", ()))


class _Monitoring:
    """PEP 669; events stay on between calls, since switching costs more than a short callback.

    Code that all open calls have seen is left out once nothing new was seen for a while; all of it
    is seen again when another call begins or goes on.

    Args:
        tracker: is told what runs.
    """

    TOOL = "mandala_git"
    hook: Hook | None = None

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._id: int | None = None
        self._left_out = False
        self.obstacle = ""

    @property
    def complete(self) -> bool:
        """Whether everything was seen up to now."""
        return self._id is not None

    def begin(self) -> bool:
        """Observe a call that begins; no thread has to set a hook."""
        if self._id is None:
            self._take()
        return False

    def _take(self) -> None:
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
        tracker, disable = self._tracker, monitoring.DISABLE

        def started(code: CodeType, offset: int) -> object:
            return noted(code, None)

        def resumed(code: CodeType, offset: int) -> object:
            return noted(code, sys._getframe(1))

        def noted(code: CodeType, frame: FrameType | None) -> object:
            if not tracker.saw(code, frame):
                return disable
            if tracker.quiet <= QUIET:
                return None
            # A call that begins in another thread either comes before the next line but one, and
            # is asked there, or sees what the next line says, and renews.
            self._left_out = True
            return disable if tracker.all_saw(code) else None

        def thrown(code: CodeType, offset: int, exception: BaseException) -> object:
            tracker.saw(code)  # this event cannot be disabled for one place
            return None

        monitoring.register_callback(id, events.PY_START, started)
        monitoring.register_callback(id, events.PY_RESUME, resumed)
        monitoring.register_callback(id, events.PY_THROW, thrown)
        monitoring.set_events(id, events.PY_START | events.PY_RESUME | events.PY_THROW)
        # Places that an earlier block disabled are outside code, which stays uninteresting;
        # but another tool of this id may have left marks.
        monitoring.restart_events()

    def renew(self) -> None:
        """See everything again: events belong to other calls from now on."""
        if self._left_out and self._id is not None:
            self._left_out = False
            monitoring: Any = sys.monitoring  # type: ignore[attr-defined, unused-ignore]
            monitoring.restart_events()

    def end(self, present: object, *, last: bool) -> None:
        """Note that a call ended."""

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


_HARMLESS = frozenset({"mandala-flush", "IOPub"})
_KERNEL = frozenset(
    {"ipykernel.heartbeat", "ipykernel.control", "ipykernel.shellchannel", "IPython.core.history"}
)


def _is_harmless(thread: threading.Thread) -> bool:
    """Tell the threads that write results and that serve a Jupyter kernel: none runs the project."""
    return (
        thread.name in _HARMLESS
        or type(thread).__module__ in _KERNEL
        or thread.name.endswith("(_watch_pipe_fd)")
    )


class _Profile:
    """`sys.setprofile`: this thread, and threads that start while a call is open.

    Args:
        tracker: is told what runs.

    Attributes:
        hook: for `sys.setprofile`.
        complete: whether everything was seen since the first of the open calls began.
        obstacle: why nothing can be observed.
    """

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self.hook: Hook = self._event  # the one object that `sys.getprofile` gives back
        self._on = False
        self._threads: set[int] = set()
        self._known: list[threading.Thread] = []
        self._harmless = True
        self.complete = True
        self.obstacle = ""

    def _event(self, frame: FrameType, event: str, arg: object) -> None:
        tracker = self._tracker
        if not self._on:  # a thread that has outlived the call in which it was hooked
            sys.setprofile(None)
        elif event == "call":
            tracker.saw(frame.f_code, frame)
        else:
            tracker.quiet += 1
            if tracker.quiet > ENOUGH:
                self.complete = False  # from here on the static closure counts
                sys.setprofile(None)

    def renew(self) -> None:
        """Nothing is left out here."""

    def begin(self) -> bool:
        """Observe a call that begins in this thread; return whether it has to set the hook."""
        here, present = threading.get_ident(), sys.getprofile()
        if not self._on:
            self._on = True
            threads = threading.enumerate()
            if self._threads != {here} or threads != self._known:
                others = [thread for thread in threads if thread.ident != here]
                self._known, self._harmless = threads, all(map(_is_harmless, others))
                self._threads = {here}
            self.complete = self._harmless
            threading.setprofile(self._first_event)
        elif here not in self._threads:
            # A second thread makes a call of its own: from here on it is observed too, but what
            # it ran before was not, and the other calls cannot know.
            self.complete = False
            self._threads.add(here)
        else:
            if present is not self.hook:
                self.complete = False  # somebody took it away
            return False
        free = present is None or present is self.hook
        self.complete = self.complete and free
        self.obstacle = "" if free else "a profiler uses sys.setprofile"
        return free

    def _first_event(self, frame: FrameType, event: str, arg: object) -> None:
        """The first event of a thread that started while a call was open."""
        self._threads.add(threading.get_ident())
        sys.setprofile(self.hook)
        self._event(frame, event, arg)

    def end(self, present: object, *, last: bool) -> None:
        """Note that a call ended, in a thread with this hook."""
        if present is not self.hook:
            self.complete = False
        if last:
            self._on = False
            threading.setprofile(None)  # type: ignore[arg-type, unused-ignore]

    def release(self) -> None:
        """Nothing is kept between calls."""
