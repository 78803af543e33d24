"""Calls as values: what is handed in to be recorded, and what is read back.

Named tuples, because lookups are counted in microseconds and every process pays for the
making of each class at its start.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

from mandala_git.records import NamedTuple


class Missing(Enum):
    """The one value that stands for a value that is not at hand."""

    MISSING = "MISSING"


MISSING = Missing.MISSING


class NewCall(NamedTuple):
    """A finished call, to be recorded.

    Attributes:
        op: row of its op.
        version: row of the version that ran.
        key: lookup key of its input contents, 16 bytes.
        hid: history id, 16 bytes; it takes least room if it begins as the key does.
        inputs: (argument, history id, content id, value or MISSING).
        outputs: (output, history id, content id, value or MISSING).
        started: seconds since 1970.
        duration: seconds.
        session: row of the session, None where there is none.
        alias_of: row of the call whose outputs these are, None for a call that ran.
    """

    op: int
    version: int
    key: bytes
    hid: bytes
    inputs: Sequence[tuple[str, bytes, bytes, Any]]
    outputs: Sequence[tuple[str, bytes, bytes, Any]]
    started: float
    duration: float
    session: int | None = None
    alias_of: int | None = None


class CallRow(NamedTuple):
    """A recorded call, as a lookup finds it."""

    id: int
    hid: bytes
    op: int
    version: int
    started: float
    duration: float
    session: int | None
    alias_of: int | None


class Edge(NamedTuple):
    """A labelled ref of a call.

    Attributes:
        label: name of the argument or output.
        place: which of the arguments or outputs of its call it is, in the order that the call
            was recorded with.
        hid: history id.
        cid: content id.
    """

    label: str
    place: int
    hid: bytes
    cid: bytes


class Candidate(NamedTuple):
    """A recorded call that a lookup found.

    Attributes:
        id: its row.
        hid: history id, 16 bytes.
        version: row of the version that ran.
        alias_of: row of the call whose outputs these are, None for a call that ran.
        outputs: its output refs, in the order that it was recorded with.
        inline: for each of them, whether its value lies in the call itself.
    """

    id: int
    hid: bytes
    version: int
    alias_of: int | None
    outputs: list[Edge]
    inline: list[bool]


class CallRecord(NamedTuple):
    """A recorded call with all its edges, as tables show it."""

    row: CallRow
    inputs: dict[str, Edge]
    outputs: dict[str, Edge]


class Version(NamedTuple):
    """A recorded version: `vid` and `payload` mean something to the room above only."""

    id: int
    vid: bytes
    op: int
    payload: bytes
    created: float


class Session(NamedTuple):
    """Where and under which state of the repository calls ran.

    Attributes:
        commit_id: HEAD, None outside a repository or before the first commit.
        dirty: the work tree differed from it.
        host: name of the machine.
        pid: process id.
        script: what was run.
        started: seconds since 1970.
    """

    commit_id: str | None
    dirty: bool
    host: str
    pid: int
    script: str
    started: float
