"""Every error that a user can meet, and the exit code that it becomes.

MandalaError                 something the user can act on: what, where, the next command
├── UsageError               the command or call is malformed            exit 2
├── NotARepository           no git work tree here                       exit 128
│   └── UnreadableRepository there is one, and git refuses to read it
├── StoreError               refs/mandala/store cannot be read or moved
│   └── StoreConflict        somebody else moved it and kept doing so
├── ResultsError             results.db or a value file
│   ├── NewerSchema          written by a newer version of this package
│   ├── Unwritable           they can only be read here and now
│   ├── UnstorableValue      a value that no codec can store
│   ├── UnhashableValue      a value without a content id
│   └── ValueLost            a stored value that is missing or damaged: compute it again
├── SourceError              a file that cannot be read as Python
├── VersionError             an op whose code cannot be versioned
└── CallError                a call that cannot be made in this block
    ├── CodeChanged          code has changed, and nobody has said what that means
    └── MissingCall          a new call where new calls are not allowed (a RuntimeError too)
"""

from __future__ import annotations


class MandalaError(Exception):
    """Something went wrong that the user can act on.

    Args:
        message: what happened, and to what.
        hint: the next command or edit that helps; shown on a line of its own.
        code: the exit code of `git mandala` when this error ends it.
    """

    default_code = 1

    def __init__(self, message: str, *, hint: str = "", code: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = self.default_code if code is None else code

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class MandalaWarning(UserWarning):
    """Something works, but not as well as somebody may expect."""


class UsageError(MandalaError):
    """The command or call is malformed."""

    default_code = 2


class NotARepository(MandalaError):
    """There is no git work tree here, or git refuses to read it."""

    default_code = 128


class UnreadableRepository(NotARepository):
    """There is a repository here, and git refuses to read it: not trusted, or damaged."""


class StoreError(MandalaError):
    """The shared store in git cannot be read or moved."""


class StoreConflict(StoreError):
    """The store's ref kept moving under us."""


class ResultsError(MandalaError):
    """The local results cannot be read or written."""


class NewerSchema(ResultsError):
    """A file was written by a newer version of this package; it is left untouched."""


class Unwritable(ResultsError):
    """The results can only be read here and now: rights, a read-only or full disk."""


class UnstorableValue(ResultsError):
    """No codec can store this value."""


class UnhashableValue(ResultsError):
    """No content id can be given to this value."""


class ValueLost(ResultsError):
    """A stored value is missing or damaged; its call has to run again."""


class SourceError(MandalaError):
    """A file cannot be read as Python."""

    def __init__(self, message: str, *, path: str = "", line: int = 0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.path = path
        self.line = line


class VersionError(MandalaError):
    """The code of an op cannot be versioned."""


class CallError(MandalaError):
    """A call cannot be made in this block."""


class CodeChanged(CallError):
    """Code of recorded calls has changed, and a storage was told to stop then."""


class MissingCall(CallError, RuntimeError):
    """A call is not recorded and new calls are not allowed here."""
