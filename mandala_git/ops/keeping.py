"""Keeping calls: what results record of a call that ran, or was found under another history."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from mandala_git.errors import ResultsError, UnstorableValue
from mandala_git.ops.given import Input, unvalued
from mandala_git.ops.making import Made
from mandala_git.ops.op import Op
from mandala_git.ops.refs import Ref
from mandala_git.ops.special import TRANSIENT, Transient
from mandala_git.ops.trouble import Trouble
from mandala_git.ops.versioning import CallVersion, Versioning
from mandala_git.results.atoms import CONSTANT
from mandala_git.results.calls import MISSING, Candidate, Edge, NewCall
from mandala_git.results.ids import ID_SIZE, call_hid, cid, output_hid, value_hid
from mandala_git.results.store import Results
from mandala_git.results.structures import Structure

_new_call = partial(tuple.__new__, NewCall)  # as quickly as can be

Outputs = list[tuple[str, bytes, bytes, Any]]
"""(label, history id, content id, value or MISSING) of each output."""


class Keeper:
    """Records calls.

    Args:
        results: where.
        versioning: whose calls.
        trouble: gets to know what the disk refuses.

    Attributes:
        session: row of where calls run; None: to be looked up.
        transient: outputs met in this process that are not stored, by content id; True where
            that is no hash of the value.
    """

    def __init__(self, results: Results, versioning: Versioning, trouble: Trouble) -> None:
        self.results = results
        self.versioning = versioning
        self.trouble = trouble
        self.session: int | None = None
        self.transient: dict[bytes, bool] = {}

    def keep(
        self,
        op: Op[..., Any],
        key: bytes,
        made: Made,
        parts: Sequence[Any],
        version: CallVersion,
        candidates: list[Candidate],
    ) -> tuple[tuple[bytes, bytes], ...] | None:
        """Record a call that ran.

        Args:
            op: the op.
            key: under which the call is found.
            made: the call.
            parts: its outputs.
            version: which version ran.
            candidates: the calls that were looked at before it ran.

        Returns:
            (history id, content id) of each output, None when it cannot be recorded.

        Raises:
            UnstorableValue: an output cannot be stored.
            UnhashableValue: an output has no content id.
        """
        name, inputs = self.versioning.key(op), made.inputs
        contents: dict[str, bytes] = {}
        for number, part in enumerate(parts):
            exact = type(part) in CONSTANT
            contents[op.label(number)] = cid(part) if exact else content_of(op, number, parts)
        if made.changed:
            key = hid = os.urandom(ID_SIZE)  # nobody finds it
        else:
            hid = call_hid(name, [(label, ref) for label, ref, _, _ in inputs], version.vid, key)
            if candidates and any(
                c.hid == hid and _differ(c.outputs, contents) for c in candidates
            ):
                # The values of that call are lost, and these are other ones: another history.
                hid = os.urandom(ID_SIZE)
        outputs: Outputs = []
        marks: Outputs = []
        for (label, content), value in zip(contents.items(), parts, strict=True):
            ref = output_hid(hid, label)
            if type(value) is Transient:
                marks.append(_mark(hid, label, value.unhashable))
                content = content or value_hid(ref)
                self.transient[content] = value.unhashable
                outputs.append((label, ref, content, MISSING))
            elif isinstance(value, Ref):
                # Of a call inside: what that gave is stored, or is not meant to be.
                if content in self.transient:
                    marks.append(_mark(hid, label, self.transient[content]))
                known = _known(value) if content not in self.transient else MISSING
                outputs.append((label, ref, content, known))
            else:
                outputs.append((label, ref, content, value))
        if op.unstored or self.transient:
            inputs = [self._storable(op, i) for i in inputs]
        try:
            self.results.record(
                _new_call(
                    (
                        self.versioning.ops(op)[0],
                        version.row,
                        key,
                        hid,
                        inputs,
                        outputs + marks if marks else outputs,
                        made.started,
                        made.duration,
                        self.session_row(),
                        None,
                    )
                )
            )
        except UnstorableValue as error:
            raise UnstorableValue(f"{op.name}: {error.message}", hint=error.hint) from error
        except ResultsError as error:
            if not self.results.waits(hid):
                self.trouble.unkept(error)
                return None
            self.trouble.waiting(error)
        return tuple([(hid, content) for _, hid, content, _ in outputs])

    def _storable(self, op: Op[..., Any], given: Input) -> Input:
        """Return an input without what of it is not stored."""
        if self._unstored(op, given):
            return unvalued(given)
        if type(given.value) is Structure and self.transient:
            return given._replace(value=given.value.without(self.transient))
        return given

    def _unstored(self, op: Op[..., Any], given: Input) -> bool:
        """Tell whether the value of an input is not stored."""
        return (
            given.cid in self.transient
            or given.name in op.unstored
            or given.name.partition(".")[0] in op.unstored
        )

    def alias(
        self,
        op: Op[..., Any],
        key: bytes,
        hid: bytes,
        inputs: list[Input],
        outputs: Outputs,
        version: CallVersion,
        found: Candidate,
    ) -> None:
        """Record that a call was found under other input histories."""
        marks = [
            _mark(hid, edge.label.removeprefix(TRANSIENT), edge.cid == _UNHASHABLE)
            for edge in found.outputs
            if edge.label.startswith(TRANSIENT)
        ]
        try:
            self.results.record(
                NewCall(
                    self.versioning.ops(op)[0],
                    version.row,
                    key,
                    hid,
                    [unvalued(i) for i in inputs],
                    outputs + marks,
                    time.time(),
                    0.0,
                    self.session_row(),
                    found.alias_of or found.id,
                )
            )
        except ResultsError as error:
            if self.results.refusal is None:  # else nothing is missed: it was found
                self.trouble.waiting(error)

    def complete(self, candidate: Candidate) -> bool:
        """Say whether all outputs of a call are stored that are meant to be."""
        if self.results.complete(candidate):
            return True
        marks = {
            edge.label.removeprefix(TRANSIENT): edge.cid == _UNHASHABLE
            for edge in candidate.outputs
            if edge.label.startswith(TRANSIENT)
        }
        for edge in candidate.outputs:
            if edge.label in marks:
                self.transient[edge.cid] = marks[edge.label]
            elif not self.results.has_value(edge.cid):
                return False
        return bool(marks)

    def session_row(self) -> int:
        """Return the row of where calls run now."""
        if self.session is None:
            self.session = self.results.session_id(self.versioning.session())
        return self.session


def _known(ref: Ref) -> Any:
    """Return what is at hand of a Ref's value."""
    if type(ref) is Ref:
        return ref.load() if ref.in_memory else MISSING
    structure = ref.at_hand  # type: ignore[attr-defined]
    return structure or MISSING


_UNHASHABLE = cid(True)
"""What a mark holds where the content id of the output is none of its value."""


def _mark(call: bytes, label: str, unhashable: bool) -> tuple[str, bytes, bytes, Any]:
    """Return the output that says that another one is not stored."""
    mark = TRANSIENT + label
    return mark, output_hid(call, mark), cid(unhashable), unhashable


def content_of(op: Op[..., Any], number: int, parts: Sequence[Any]) -> bytes:
    """Return the content id of an output; b"" where it is said to have none."""
    value = parts[number]
    if type(value) is Structure:
        return value.cid
    if isinstance(value, Ref):
        if type(value) is not Ref or not value.changeable:
            return value.cid
        value = value.load()
    if type(value) is Transient:
        if value.unhashable:
            return b""
        value = value.value
    path = f"{op.name}: result" if len(parts) == 1 else f"{op.name}: result[{number}]"
    return cid(value, path=path)


def _differ(edges: list[Edge], contents: dict[str, bytes]) -> bool:
    """Tell whether a recorded call has other outputs."""
    known = {edge.label: edge.cid for edge in edges if not edge.label.startswith(TRANSIENT)}
    return known.keys() != contents.keys() or any(
        content and known[label] != content for label, content in contents.items()
    )


def differ(some: list[Edge], others: list[Edge]) -> bool:
    """Tell whether two calls have other outputs."""
    return _differ(some, {edge.label: edge.cid for edge in ordered(None, others)})


def ordered(op: Op[..., Any] | None, edges: list[Edge]) -> list[Edge]:
    """Return the outputs of a call as the op returned them, without marks."""
    if len(edges) == 1:
        return edges
    edges = [edge for edge in edges if not edge.label.startswith(TRANSIENT)]
    names = (op and op.output_names) or ()
    place = {name: number for number, name in enumerate(names)}

    def number(edge: Edge) -> int:
        if edge.label in place:
            return place[edge.label]
        tail = edge.label.rpartition("_")[2]
        return int(tail) if tail.isdigit() else edge.place

    return sorted(edges, key=number)
