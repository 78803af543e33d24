"""The memo: finds recorded calls, makes new ones, and records them.

A call is looked up three times, each time more thoroughly: in the table of this process by its
arguments' identity (a hit costs microseconds: one dictionary and the guard); in the results by
the contents of its inputs; and if nothing that belongs here is found, it runs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from mandala_git.errors import MandalaWarning, UnhashableValue
from mandala_git.ops.context import CONTEXT, Block, Context
from mandala_git.ops.op import Op
from mandala_git.ops.refs import CONSTANT, Ref, unwrap
from mandala_git.ops.versioning import CallVersion, Versioning
from mandala_git.results.calls import MISSING, Candidate, Edge, NewCall
from mandala_git.results.ids import (
    ID_SIZE,
    Found,
    call_hid,
    cid,
    lookup_key,
    output_hid,
    value_hid,
)
from mandala_git.results.store import Results
from mandala_git.versions.seen import Guard
from mandala_git.versions.tracker import OpenCall

_EXACT = frozenset({int, bool, str, bytes, type(None)})
"""Types whose equal instances no function can tell apart (a float has two zeros)."""

_MANY = 200_000
"""Entries of the table in memory; beyond, it starts over."""


class _Input(NamedTuple):
    name: str
    hid: bytes
    cid: bytes
    value: Any


@dataclass(slots=True)
class _Entry:
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
        self._generation: object = None

    def enter(self) -> None:
        """Begin a block: others may have recorded calls or given verdicts."""
        generation = self.results.generation()[0]
        if self.versioning.enter() or generation != self._generation:
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
        bound = op.plan.bind(op.name, args, kwargs)
        if op.func.__closure__:
            bound += _captured(op.func)
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
        bound: tuple[tuple[str, Any], ...],
        token: object | None,
        context: Context,
    ) -> Any:
        met = Found()
        inputs = [self._input(op, name, value, met) for name, value in bound]
        if token is None:
            token = (op, "hids", *((each.name, each.hid) for each in inputs))
            entry = self._table.get(token)
            if entry is not None and entry.guard.holds():
                self.found += 1
                return self._answer(entry, context)
        key = lookup_key((i.name, i.cid) for i in inputs)
        names = self.versioning.ops(op)
        candidates = self.results.candidates(names, key)
        choice = self._choose(op, candidates) or self._earlier(op, inputs)
        if choice is not None:
            self.found += 1
            entry = self._hit(op, key, inputs, candidates, *choice)
            self._remember(token, entry)
            return self._answer(entry, context)
        return self._miss(op, key, inputs, bound, met, token, context)

    def _input(self, op: Op[..., Any], name: str, value: Any, met: Found) -> _Input:
        if isinstance(value, Ref):
            if value.changeable:
                content = cid(value.load(), found=met, path=f"argument {name!r} of {op.name}")
                if content != value.cid:  # changed in place since: it has no history now
                    return _Input(name, value_hid(content), content, value.load())
            return _Input(name, value.hid, value.cid, value.load() if value.in_memory else MISSING)
        if type(value) in _EXACT:
            content = cid(value)
        else:
            value = unwrap(value)
            content = cid(value, found=met, path=f"argument {name!r} of {op.name}")
        return _Input(name, value_hid(content), content, value)

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
        self, op: Op[..., Any], inputs: list[_Input]
    ) -> tuple[Candidate, CallVersion] | None:
        """Return a call from before parameters were added, if their defaults are passed now.

        Whether the old code means the same is for its version to say: a verdict must have
        called the added parameter compatible.
        """
        defaults = op.plan.defaults
        if not defaults:
            return None
        for added in self.versioning.added(op):
            given = {i.name: i.cid for i in inputs if i.name in added}
            if all(name in given and cid(defaults[name]) == given[name] for name in added):
                key = lookup_key((i.name, i.cid) for i in inputs if i.name not in added)
                rows = self.results.candidates(self.versioning.ops(op), key)
                choice = self._choose(op, rows)
                if choice is not None:
                    return choice
        return None

    def _hit(
        self,
        op: Op[..., Any],
        key: bytes,
        inputs: list[_Input],
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
                        [(i.name, i.hid, i.cid, MISSING) for i in inputs],
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
        inputs: list[_Input],
        bound: tuple[tuple[str, Any], ...],
        met: Found,
        token: object,
        context: Context,
    ) -> Any:
        """Run a call and record it."""
        self._before(op)
        values = [
            value.load() if isinstance(value, Ref) else given.value
            for given, (_, value) in zip(inputs, bound, strict=True)
        ]
        lent = self._lent(op, inputs, bound, values, met)
        before = self.versioning.before(op)
        args, kwargs = self._passed(op, bound, values)
        tracker = self.versioning.tracker
        parent = context.running
        call = OpenCall(parent)
        reset = CONTEXT.set(Context(context.block, call))
        started, clock = time.time(), time.perf_counter()
        try:
            # Between open and close nothing but the op's function: see Tracker.
            if tracker is not None:
                tracker.open(call)
            try:
                returned = op.func(*args, **kwargs)
            finally:
                if tracker is not None:
                    tracker.close(call)
        except BaseException:
            _expose(bound)
            raise
        finally:
            duration = time.perf_counter() - clock
            CONTEXT.reset(reset)
        self.executed += 1
        version = self.versioning.record(op, call, met.names, before)
        changed = [place for place, content in lent if not _is(values[place], content)]
        why = version.why
        if changed:
            # To find the result would not change them again.
            why = f"it changes its argument {', '.join(inputs[place].name for place in changed)}"
            for place in changed:
                inputs[place] = inputs[place]._replace(value=MISSING)
        parts = op.split(returned)
        entry = self._record(
            op, None if changed else key, inputs, parts, version, started, duration
        )
        if why:
            self._say(op, why)
        if changed or not version.reusable:
            _expose(bound)  # it may have kept what it was given, to change it later
        else:
            self._remember(token, entry)
        if parent is not None:
            self._link(entry, context)
            return returned
        refs = tuple(
            # What can change may be held by somebody else too: such a value is its recorded form.
            Ref(hid, content, self.results, value if type(value) in CONSTANT else MISSING)
            for (hid, content), value in zip(entry.outputs, parts, strict=True)
        )
        return refs[0] if len(refs) == 1 else refs

    def _before(self, op: Op[..., Any]) -> None:
        """Say whether a new call may be made here (`Past` refuses)."""

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

    @staticmethod
    def _lent(
        op: Op[..., Any],
        inputs: list[_Input],
        bound: tuple[tuple[str, Any], ...],
        values: list[Any],
        met: Found,
    ) -> list[tuple[int, bytes]]:
        """Return (place, content id) of the arguments that the op's function could change.

        Finds the classes inside arguments that came as Refs, too: their ids hide them.
        """
        lent = []
        for place, value in enumerate(values):
            kind = type(value)
            if kind in CONSTANT:
                continue
            given = inputs[place]
            content = given.cid
            if isinstance(bound[place][1], Ref) and not (
                kind.__module__ == "numpy"
                and not getattr(getattr(value, "dtype", None), "hasobject", True)
            ):
                content = cid(value, found=met, path=f"argument {given.name!r} of {op.name}")
            lent.append((place, content))
        return lent

    @staticmethod
    def _passed(
        op: Op[..., Any], bound: tuple[tuple[str, Any], ...], values: list[Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """Return the positional and the keyword arguments for the op's function."""
        names = op.plan.names
        if names is not None:
            return values[: len(names)], {}  # what follows are captured values
        given = {name: value for (name, _), value in zip(bound, values, strict=True)}
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for name, parameter in op.plan.signature.parameters.items():
            if parameter.kind is parameter.VAR_POSITIONAL:
                count = sum(each.startswith(f"{name}.") for each in given)
                args += (given[f"{name}.{i}"] for i in range(count))
            elif parameter.kind is parameter.VAR_KEYWORD:
                start = f"{name}."
                kwargs |= {
                    k.removeprefix(start): v for k, v in given.items() if k.startswith(start)
                }
            elif parameter.kind is parameter.KEYWORD_ONLY:
                kwargs[name] = given[name]
            else:
                args.append(given[name])
        return args, kwargs

    def _record(
        self,
        op: Op[..., Any],
        key: bytes | None,
        inputs: list[_Input],
        parts: tuple[Any, ...],
        version: CallVersion,
        started: float,
        duration: float,
    ) -> _Entry:
        """Record a call that ran; without a key it is one that nobody finds."""
        name = self.versioning.key(op)
        if key is None:
            key = hid = os.urandom(ID_SIZE)
        else:
            hid = call_hid(name, [(i.name, i.hid) for i in inputs], version.vid)
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
                started,
                duration,
                self._session_row(),
            )
        )
        made = tuple((h, c) for _, h, c, _ in outputs)
        return _Entry(version.guard, made, version.vid.hex(), name)

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


def _token(op: Op[..., Any], bound: tuple[tuple[str, Any], ...]) -> object | None:
    """Return what tells a call from others in this process, None if that takes a closer look."""
    parts: list[object] = [op]
    if op.plan.names is None:  # else there are always the same
        parts.append(tuple([name for name, _ in bound]))
    for _, value in bound:
        kind = type(value)
        if kind in _EXACT:
            parts.append((kind, value))
        elif kind is Ref and not value.changeable:
            parts.append(value.hid)
        elif kind is float:
            parts.append((kind, value.hex()))
        else:
            return None
    return tuple(parts)


def _is(value: Any, content: bytes) -> bool:
    """Whether a value still has a content id."""
    try:
        return cid(value) == content
    except UnhashableValue:
        return False


def _expose(bound: tuple[tuple[str, Any], ...]) -> None:
    """Have the Refs among arguments looked at again before they are inputs."""
    for _, value in bound:
        if isinstance(value, Ref):
            value.expose()


def _captured(function: Callable[..., Any]) -> tuple[tuple[str, Any], ...]:
    """Return the values that a closure captured, as inputs."""
    names = function.__code__.co_freevars
    cells = []
    for name, cell in zip(names, function.__closure__ or (), strict=True):
        try:
            value = cell.cell_contents
        except ValueError:
            continue  # not assigned yet
        if value is function or (isinstance(value, Op) and value.func is function):
            continue  # it calls itself
        cells.append((f"<closure>.{name}", value))
    return tuple(cells)


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
