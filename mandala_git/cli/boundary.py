"""The boundary between this program and the shell: errors become messages and exit codes."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Callable, Sequence

from mandala_git.errors import MandalaError
from mandala_git.records import NamedTuple
from mandala_git.views.console import Output

BUG = 3
INTERRUPTED = 130
CLOSED_PIPE = 141  # what a shell reports for a program that SIGPIPE ended


_HINTS = {
    errno.ENOSPC: "make room: df -h",
    errno.EDQUOT: "make room: your quota is used up",
    errno.EROFS: "write elsewhere: git config mandala.resultsDir FOLDER",
    errno.EACCES: "change the rights: ls -l",
    errno.EPERM: "change the rights: ls -l",
}
"""What the system refuses is no bug of ours; this helps."""


class Outcome(NamedTuple):
    """How a piece of work ended: its exit code, and whether it failed to give one itself."""

    code: int
    failed: bool


def guarded(work: Callable[[], int], argv: Sequence[str]) -> Outcome:
    """Do the work; whatever it raises becomes a message on stderr and an exit code.

    Args:
        work: returns its exit code.
        argv: the command line, for the report of a bug.

    Returns:
        The code of the work, of its MandalaError, or one of the constants above. A user who
        interrupts has decided something: that is no failure.
    """
    _prepare_streams()
    try:
        return _told(work, argv)
    except BrokenPipeError:
        # What is still buffered goes nowhere; otherwise Python complains about it at its end.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                os.dup2(nowhere, stream.fileno())
        return Outcome(CLOSED_PIPE, failed=True)


def _told(work: Callable[[], int], argv: Sequence[str]) -> Outcome:
    try:
        code = work()
        sys.stdout.flush()  # a reader that has left is noticed here, not when Python ends
    except MandalaError as error:
        Output().error(error)
        return Outcome(error.code, failed=True)
    except KeyboardInterrupt:
        Output().say("mandala: interrupted")
        return Outcome(INTERRUPTED, failed=False)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the one place where a bug becomes a report
        if isinstance(error, OSError) and error.errno in _HINTS:
            where = f"{os.fsdecode(error.filename)}: " if error.filename else ""
            known = MandalaError(f"{where}{error.strerror}", hint=_HINTS[error.errno])
            Output().error(known)
            return Outcome(known.code, failed=True)
        from mandala_git.cli.crash import explain

        Output().say(f"mandala: {explain(error, argv)}")
        return Outcome(BUG, failed=True)
    return Outcome(code, failed=False)


def _prepare_streams() -> None:
    # Closed by whoever started us (`>&-`), they are None.
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - open until the end
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    # A path that is not UTF-8, or a terminal that is not, must not end a listing.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
