"""Recorded calls as objects, and what they say of a Ref: which call made it, which ones took it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mandala_git.errors import UsageError
from mandala_git.ops.entries import refs_at
from mandala_git.ops.refs import Ref
from mandala_git.ops.special import TRANSIENT
from mandala_git.results.calls import CallRecord, CallRow, Edge, Session
from mandala_git.results.histories import content_of_element
from mandala_git.results.ids import call_hid, lookup_key
from mandala_git.results.store import Results


class Call:
    """A recorded call of an op.

    Attributes:
        op: name of the op.
        key: of the op, as it was when the call was made: `file.py::name`.
        hid: history id, 16 bytes.
        cid: content id, 16 bytes: equal for calls of one op and version with inputs of equal
            contents.
        inputs: {argument: Ref}.
        outputs: {output: Ref}.
        version: id of the version that ran, in hex.
        started: seconds since 1970.
        duration: seconds.
        session: the commit, host, process and script that ran it; None where that is unknown.
        repeats: whether it did not run: a call with inputs of the same contents had run before,
            and that is when, how long and where this says.
    """

    def __init__(
        self,
        results: Results,
        record: CallRecord,
        ran: CallRow,
        key: str,
        session: Session | None,
    ) -> None:
        row = record.row
        version = results.version(row.version)
        vid = b"" if version is None else version.vid
        self.op = key.rpartition("::")[2]
        self.key = key
        self.hid = row.hid
        contents = [(label, edge.cid) for label, edge in record.inputs.items()]
        self.cid = call_hid(key, contents, vid, lookup_key(contents))
        self.inputs = _refs(results, record.inputs)
        self.outputs = _refs(results, record.outputs)
        self.version = vid.hex()
        self.started = ran.started
        self.duration = ran.duration
        self.repeats = ran is not row
        self.session = session

    def __repr__(self) -> str:
        return f"Call({self.op}, hid={self.hid.hex()[:3]}...)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Call) and self.hid == other.hid

    def __hash__(self) -> int:
        return hash(self.hid)


Wanted = str | bytes | Ref | Call
"""What names a ref or a call: itself, or its history id, in hex or as it is."""


def _refs(results: Results, edges: dict[str, Edge]) -> dict[str, Ref]:
    shown = [edge for label, edge in edges.items() if not label.startswith(TRANSIENT)]
    return dict(zip([edge.label for edge in shown], refs_at(results, shown), strict=True))


def calls_at(results: Results, rows: Iterable[int]) -> list[Call]:
    """Return calls by row, oldest first."""
    records = results.calls(rows)
    keys = dict(results.ops())
    first = {r.row.alias_of for r in records if r.row.alias_of is not None}
    origins = {record.row.id: record.row for record in results.calls(first)}
    ran = [origins.get(r.row.alias_of or 0, r.row) for r in records]
    sessions = results.sessions({row.session for row in ran if row.session is not None})
    return [
        Call(
            results,
            record,
            row,
            keys[record.row.op],
            None if row.session is None else sessions.get(row.session),
        )
        for record, row in zip(records, ran, strict=True)
    ]


def calls_by_id(results: Results, hids: Iterable[Wanted]) -> list[Call]:
    """Return calls by history id, in the order asked.

    Raises:
        UsageError: there is none with such an id.
    """
    wanted = [history_id(hid) for hid in hids]
    rows: dict[bytes, int] = {}
    for hid in wanted:
        row = results.call(hid)
        if row is None:
            raise UsageError(
                f"no recorded call has the history id {hid.hex()}",
                hint="See those that made a Ref: storage.get_ref_creator(ref).",
            )
        rows[hid] = row.id
    found = {call.hid: call for call in calls_at(results, rows.values())}
    return [found[hid] for hid in wanted]


def creators(results: Results, hids: Iterable[Wanted]) -> list[Call]:
    """Return the calls that made some refs, each once, oldest first."""
    return _joined(results, results.creators, hids)


def consumers(results: Results, hids: Iterable[Wanted]) -> list[Call]:
    """Return the calls that were given some refs, each once, oldest first."""
    return _joined(results, results.consumers, hids)


def _joined(results: Results, reading: Any, hids: Iterable[Wanted]) -> list[Call]:
    found: dict[bytes, list[tuple[int, str]]] = reading([history_id(each) for each in hids])
    return calls_at(results, {call for calls in found.values() for call, _ in calls})


def ref_by_id(results: Results, wanted: Wanted, *, in_memory: bool) -> Ref:
    """Return the Ref of a history id.

    Args:
        results: where it is recorded.
        wanted: its history id.
        in_memory: whether its value is loaded, too.

    Raises:
        UsageError: no recorded call was given or returned it.
        ValueLost: its value is to be loaded, and is not stored.
    """
    hid = history_id(wanted)
    content = _content(results, hid)
    if content is None:
        raise UsageError(
            f"no recorded call made or was given {hid.hex()}",
            hint="A Ref tells its history id: ref.hid.",
        )
    (ref,) = refs_at(results, [Edge("", 0, hid, content)])
    if in_memory:
        _ = ref.value
    return ref


def _content(results: Results, hid: bytes) -> bytes | None:
    for found, edges in (
        (results.creators([hid]), results.outputs),
        (results.consumers([hid]), results.inputs),
    ):
        for call, label in found.get(hid, ()):
            for edge in edges(call):
                if edge.label == label and edge.hid == hid:
                    return edge.cid
    return content_of_element(results, hid)


def history_id(wanted: Wanted) -> bytes:
    """Return a history id as bytes.

    Raises:
        UsageError: it is none.
    """
    if isinstance(wanted, Ref | Call):
        return wanted.hid
    if isinstance(wanted, bytes):
        return wanted
    try:
        return bytes.fromhex(wanted)
    except (TypeError, ValueError):
        raise UsageError(
            f"{wanted!r} is no history id", hint="Give a Ref, or ref.hid, or that in hex."
        ) from None
