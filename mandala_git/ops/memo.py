"""The memo: finds recorded calls, makes new ones, and records them.

A call is looked up three times, each time more thoroughly: in the table of this process by its
arguments' identity (a hit costs microseconds: one dictionary and the guard); in the results by
the contents of its inputs; and if nothing that belongs here is found, it runs.
"""

from __future__ import annotations

import os
import time
from typing import Any, NamedTuple

from mandala_git.errors import MandalaWarning
from mandala_git.ops.arguments import Bound
from mandala_git.ops.context import Block, Context
from mandala_git.ops.making import EXACT, Input, Made, input_of, make
from mandala_git.ops.op import Op
from mandala_git.ops.refs import CONSTANT, Ref
from mandala_git.ops.versioning import CallVersion, Versioning
from mandala_git.results.calls import MISSING, Candidate, Edge, NewCall
from mandala_git.results.ids import ID_SIZE, Found, call_hid, cid, lookup_key, output_hid
from mandala_git.results.store import Results
from mandala_git.versions.seen import Guard

_MANY = 200_000
"""Entries of the table in memory; beyond, it starts over."""


class _Entry(NamedTuple):
    """A call of this process by its arguments.

    Attributes:
        guard: must hold.
        outputs: (hid, cid) in order.
        vid: version, for links of outer calls (hex).
        key: of the op.
    """

    guard: Guard
    outputs: tuple[tuple[bytes, bytes], ...]
    vid: str
    key: str


class Memo(Block):
    """Answers calls of ops in a block.

    Args:
        results: where calls are recorded.
        versioning: which versions count.
    """

    def __init__(self, results: Results, versioning: Versioning) -> None:
        self.results = results
        self.versioning = versioning
        self.executed = 0
        self.found = 0
        self._table: dict[object, _Entry] = {}
        self._said: set[tuple[Op[..., Any], str]] = set()
        self._session: int | None = None
        self._generation: tuple[int, int] | None = None

    def enter(self) -> None:
        """Begin a block: others may have recorded calls or given verdicts."""
        generation = self.results.generation()[0], self.versioning.enter()
        if generation != self._generation:
            self._table.clear()
        self._generation = generation
        self._session = None

    def leave(self) -> None:
        """End a block: what waits is written."""
        self.results.flush()
        self.versioning.leave()

    # -- a call --------------------------------------------------------------------------

    def call(
        self, op: Op[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], context: Context
    ) -> Any:
        """Find the recorded call of an op or make it.

        Returns:
            Refs at the top of a block; plain values inside another op.
        """
        bound = op.bind(args, kwargs)
        token = _token(op, bound)
        entry = self._table.get(token) if token is not None else None
        if entry is not None:
            if entry.guard.holds():
                self.found += 1
                return self._answer(entry, context)
            self.versioning.renew()
            self._table.clear()
        return self._call(op, bound, token, context)

    def _answer(self, entry: _Entry, context: Context) -> Any:
        if context.running is not None:
            self._link(entry, context)
        results = self.results
        if len(entry.outputs) == 1:
            hid, content = entry.outputs[0]
            ref = Ref(hid, content, results)
            return ref if context.running is None else ref.load()
        refs = [Ref(hid, content, results) for hid, content in entry.outputs]
        return tuple(refs) if context.running is None else tuple(ref.load() for ref in refs)

    def _link(self, entry: _Entry, context: Context) -> None:
        tracker = self.versioning.tracker
        if tracker is not None:
            tracker.link(entry.key.partition(".<locals>")[0], entry.vid, context.running)

    def _call(
        self,
        op: Op[..., Any],
        bound: Bound,
        token: object | None,
        context: Context,
    ) -> Any:
        met = Found()
        inputs = [input_of(op, name, value, met) for name, value in bound]
        if token is None:
            token = (op, "hids", *((each.name, each.hid) for each in inputs))
            entry = self._table.get(token)
            if entry is not None and entry.guard.holds():
                self.found += 1
                return self._answer(entry, context)
        key = lookup_key([(i.name, i.cid) for i in inputs])
        rows = self.versioning.ops(op)
        candidates = self.results.candidates(rows, key)
        choice = self._choose(op, candidates) if candidates else None
        if choice is None and op.plan.defaults:
            choice = self._earlier(op, rows, inputs)
        if choice is not None:
            self.found += 1
            entry = self._hit(op, key, inputs, candidates, *choice)
            self._remember(token, entry)
            return self._answer(entry, context)
        return self._miss(op, key, inputs, bound, met, token, context)

    def _choose(
        self, op: Op[..., Any], candidates: list[Candidate]
    ) -> tuple[Candidate, CallVersion] | None:
        """Return the preferred call that belongs here: of equal texts, then the most recent."""
        found: tuple[Candidate, CallVersion] | None = None
        for candidate in reversed(candidates):
            version = self.versioning.admit(op, candidate.row.version)
            if version is None or (found is not None and not version.exact):
                continue
            if self.results.complete(candidate):
                found = candidate, version
                if version.exact:
                    break
        return found

    def _earlier(
        self, op: Op[..., Any], rows: list[int], inputs: list[Input]
    ) -> tuple[Candidate, CallVersion] | None:
        """Return a call from before parameters were added, if their defaults are passed now.

        Whether the old code means the same is for its version to say: a verdict must have
        called the added parameter compatible.
        """
        defaults = op.plan.defaults
        for added in self.versioning.added(op):
            given = {i.name: i.cid for i in inputs if i.name in added}
            if all(name in given and cid(defaults[name]) == given[name] for name in added):
                key = lookup_key([(i.name, i.cid) for i in inputs if i.name not in added])
                choice = self._choose(op, self.results.candidates(rows, key))
                if choice is not None:
                    return choice
        return None

    def _hit(
        self,
        op: Op[..., Any],
        key: bytes,
        inputs: list[Input],
        candidates: list[Candidate],
        chosen: Candidate,
        version: CallVersion,
    ) -> _Entry:
        """Return the entry of a recorded call, under these inputs' history ids."""
        name = self.versioning.key(op)
        hid = call_hid(name, [(i.name, i.hid) for i in inputs], version.vid)
        row, edges = chosen.row, _ordered(op, chosen.outputs)
        if row.hid != hid:
            outputs = [
                (edge.label, output_hid(hid, edge.label), edge.cid, MISSING) for edge in edges
            ]
            if all(other.row.hid != hid for other in candidates):
                self.results.record(
                    NewCall(
                        self.versioning.ops(op)[0],
                        version.row,
                        key,
                        hid,
                        [i._replace(value=MISSING) for i in inputs],
                        outputs,
                        time.time(),
                        0.0,
                        self._session_row(),
                        row.alias_of or row.id,
                    )
                )
            made = tuple((h, c) for _, h, c, _ in outputs)
        else:
            made = tuple((edge.hid, edge.cid) for edge in edges)
        return _Entry(version.guard, made, version.vid.hex(), name)

    def _miss(
        self,
        op: Op[..., Any],
        key: bytes,
        inputs: list[Input],
        bound: Bound,
        met: Found,
        token: object,
        context: Context,
    ) -> Any:
        """Run a call and record it."""
        made = make(op, bound, inputs, met, self.versioning, context)
        self.executed += 1
        entry, parts = self._record(op, key, inputs, made)
        if made.why:
            self._say(op, made.why)
        if made.reusable:
            self._remember(token, entry)
        if context.running is not None:
            self._link(entry, context)
            return made.returned
        refs = tuple(
            [
                # What can change may be held by somebody else: a Ref has its recorded form.
                Ref(hid, content, self.results, part if type(part) in CONSTANT else MISSING)
                for (hid, content), part in zip(entry.outputs, parts, strict=True)
            ]
        )
        return refs[0] if len(refs) == 1 else refs

    def _say(self, op: Op[..., Any], why: str) -> None:
        """Tell the user, once, why calls of an op are not found again."""
        if (op, why) not in self._said:
            self._said.add((op, why))
            import warnings

            warnings.warn(
                f"calls of {op.name} are recorded, but not found again: {why}",
                MandalaWarning,
                stacklevel=6,
            )

    def _record(
        self, op: Op[..., Any], key: bytes, inputs: list[Input], made: Made
    ) -> tuple[_Entry, tuple[Any, ...]]:
        """Record a call that ran; return its entry and its outputs."""
        name, version = self.versioning.key(op), made.version
        if made.changed:
            key = hid = os.urandom(ID_SIZE)  # nobody finds it
        else:
            hid = call_hid(name, [(i.name, i.hid) for i in inputs], version.vid)
        parts = op.split(made.returned)
        outputs = []
        for number, value in enumerate(parts):
            label = op.label(number, len(parts))
            content = cid(value, path=f"{label} of {op.name}")
            outputs.append((label, output_hid(hid, label), content, value))
        self.results.record(
            NewCall(
                self.versioning.ops(op)[0],
                version.row,
                key,
                hid,
                inputs,
                outputs,
                made.started,
                made.duration,
                self._session_row(),
            )
        )
        ids = tuple([(hid, content) for _, hid, content, _ in outputs])
        return _Entry(version.guard, ids, version.vid.hex(), name), parts

    def _remember(
        self,
        token: object,
        entry: _Entry,
    ) -> None:
        if len(self._table) >= _MANY:
            self._table.clear()
        self._table[token] = entry

    def _session_row(self) -> int:
        if self._session is None:
            self._session = self.results.session_id(self.versioning.session())
        return self._session


def _token(op: Op[..., Any], bound: Bound) -> object | None:
    """Return what tells a call from others in this process, None if that takes a closer look."""
    parts: list[object] = [op]
    if op.plan.names is None:  # else there are always the same
        parts.append(tuple([name for name, _ in bound]))
    for _, value in bound:
        kind = type(value)
        if kind in EXACT:
            parts.append((kind, value))
        elif kind is Ref and not value.changeable:
            parts.append(value.hid)
        elif kind is float:
            parts.append((kind, value.hex()))
        else:
            return None
    return tuple(parts)


def _ordered(op: Op[..., Any], edges: list[Edge]) -> list[Edge]:
    """Order outputs as the op returned them."""
    if len(edges) == 1:
        return edges
    names = op.output_names or ()
    place = {name: number for number, name in enumerate(names)}

    def number(edge: Edge) -> int:
        if edge.label in place:
            return place[edge.label]
        tail = edge.label.rpartition("_")[2]
        return int(tail) if tail.isdigit() else edge.ref

    return sorted(edges, key=number)
