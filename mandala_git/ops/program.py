"""The straight-line program that made a value: its calls, those that made what they were given."""

from __future__ import annotations

import keyword
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from mandala_git.errors import MandalaError, UsageError
from mandala_git.ops.arguments import CAPTURED
from mandala_git.ops.calls import Call, calls_at
from mandala_git.ops.containers import CollectionRef, DictRef, ListRef, TupleRef
from mandala_git.ops.refs import Ref
from mandala_git.results.histories import histories
from mandala_git.results.store import Results

LITERALS = (int, float, complex, bool, str, bytes, type(None))
_WIDE = 60
"""Characters of a literal that stands in a call; a longer one has a line of its own."""

_MANY = 20
"""Elements of a container that are written out."""

_GLANCE = 1 << 16
"""Bytes up to which a stored value is loaded to be described."""


class Program:
    """How a value came about; printed, it is the program and where each call ran.

    Args:
        results: where its calls are recorded.
        ref: the value.
        load: loads plain arguments; None for the usual way.

    Attributes:
        ref: the value.
        calls: those that made it and what it was made of, in the order of the program.
        code: the program, a line a call. Plain arguments are literals where they are short;
            `...` stands for a value that is no literal.
    """

    def __init__(
        self, results: Results, ref: Ref, load: Callable[[bytes], Any] | None = None
    ) -> None:
        self.ref = ref
        self.calls = _made_by(results, ref)
        self._lines = _Writing(results, self.calls, load or partial(results.load, recover=False))
        self.code = "".join(f"{line}\n" for line in self._lines.all())

    def __repr__(self) -> str:
        out = []
        for line, call in self._lines.with_calls():
            if call is not None:
                out.append(f"# {ran(call)}")
            out.append(line)
        return "\n".join(out)


def ran(call: Call) -> str:
    """Say when, where and for how long a call ran, and which version."""
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(call.started))
    parts = [f"{call.op}  {when}  {call.duration:.3g} s"]
    if call.session is not None:
        commit, dirty = call.session.commit_id, call.session.dirty
        parts += [f"at {commit[:10]}{' with changes' * dirty}"] if commit else []
        parts.append(f"on {call.session.host}")
    parts.append(f"version {call.version[:12]}")
    return "  ".join(parts)


def _made_by(results: Results, ref: Ref) -> tuple[Call, ...]:
    """Return the calls that a value rests on, producers first.

    Raises:
        UsageError: no recorded call made it.
    """
    makers: dict[bytes, int | None] = {}
    given: dict[int, list[bytes]] = {}
    front = {ref.hid}
    while front:
        found = results.creators(front)
        makers.update({hid: min(found[hid])[0] if hid in found else None for hid in front})
        new = {row for hid in front if (row := makers[hid]) is not None} - given.keys()
        for record in results.calls(new):
            given[record.row.id] = [edge.hid for edge in record.inputs.values()]
        for row, inside in _inside(results, {row: given[row] for row in new}).items():
            given[row] += inside
        front = {hid for row in new for hid in given[row]} - makers.keys()
    last = makers[ref.hid]
    if last is None:
        raise UsageError(
            f"no recorded call made {ref!r}",
            hint="Ask about what an op returned; an argument that was passed has no history.",
        )
    rows = dict(zip(sorted(given), calls_at(results, given), strict=True))
    return tuple(rows[row] for row in _sorted(last, given, makers))


def _inside(results: Results, given: Mapping[int, Sequence[bytes]]) -> dict[int, list[bytes]]:
    """Return the elements of the containers that calls were given, which were built of them."""
    found: dict[int, list[bytes]] = {}
    front = given
    while front:
        built = histories(results, [hid for hids in front.values() for hid in hids])
        front = {
            row: [each for hid in hids for each in built.get(hid, ())]
            for row, hids in front.items()
            if any(hid in built for hid in hids)
        }
        for row, hids in front.items():
            found.setdefault(row, []).extend(hids)
    return found


def _sorted(
    last: int, given: Mapping[int, Sequence[bytes]], makers: Mapping[bytes, int | None]
) -> list[int]:
    """Return the calls below one so that producers come first."""
    done: dict[int, None] = {}
    todo = [last]
    while todo:
        row = todo[-1]
        below = [maker for hid in given[row] if (maker := makers[hid]) is not None]
        waiting = [maker for maker in below if maker not in done]
        if row in done or not waiting:
            done.setdefault(row)
            todo.pop()
        else:
            todo += reversed(waiting)
    return list(done)


class _Writing:
    """Writes calls down as a program.

    Args:
        results: where they are recorded.
        calls: in order.
        load: loads values.
    """

    def __init__(
        self, results: Results, calls: Sequence[Call], load: Callable[[bytes], Any]
    ) -> None:
        self._results = results
        self._calls = calls
        self._load = load
        self._names: dict[bytes, str] = {}
        self._taken: set[str] = {call.op.rpartition(".")[2] for call in calls}
        self._literals: dict[bytes, str] = {}
        self._labels: dict[bytes, dict[str, None]] = {}
        self._made = {each.hid for call in calls for each in call.outputs.values()}
        self._elements: dict[bytes, tuple[Ref, str]] = {}
        for call in calls:
            for each in call.outputs.values():
                self._look_into(each)
        for call in calls:
            for label, each in call.inputs.items():
                self._labels.setdefault(each.hid, {}).setdefault(label)
        self._lines = list(self._written())

    def all(self) -> Iterator[str]:
        """Yield the lines."""
        for line, _ in self._lines:
            yield line

    def with_calls(self) -> Iterator[tuple[str, Call | None]]:
        """Yield the lines, each with the call that it is."""
        yield from self._lines

    def _written(self) -> Iterator[tuple[str, Call | None]]:
        for call in self._calls:
            arguments: list[tuple[str, str]] = []
            for label, each in call.inputs.items():
                lines: list[str] = []
                arguments.append((label, self._expression(label, each, lines)))
                for line in lines:
                    yield line, None
            targets = [self._name(label, each) for label, each in call.outputs.items()]
            made = f"{', '.join(targets)} = " if targets else ""
            yield f"{made}{call.op}({_passed(arguments)})", call

    def _look_into(self, ref: Ref) -> None:
        """Note where elements of a container that a call returned are found."""
        if not isinstance(ref, ListRef | TupleRef | DictRef):
            return
        structure = ref.at_hand_or_stored()
        for place in range(0 if structure is None else len(structure)):
            key = place if structure is None or structure.keys is None else structure.keys[place]
            element = ref.element(place)
            self._elements[element.hid] = ref, repr(key)
            self._look_into(element)

    def _expression(self, label: str, ref: Ref, lines: list[str]) -> str:
        """Return what stands for an argument; `lines` gets what has to stand before it."""
        if ref.hid in self._names:
            return self._names[ref.hid]
        if ref.hid in self._elements:
            container, key = self._elements[ref.hid]
            return f"{self._expression(label, container, lines)}[{key}]"
        if isinstance(ref, CollectionRef) and histories(self._results, [ref.hid]):
            return self._display(label, ref, lines)
        if ref.hid not in self._literals:
            line = self._constant(label, ref)
            if line:
                lines.append(line)
        return self._literals[ref.hid]

    def _display(self, label: str, ref: CollectionRef, lines: list[str]) -> str:
        """Return the display of a container that was built: `[a4, a5]`."""
        structure = ref.structure
        count = min(len(structure), _MANY)
        parts = [self._expression(label, ref.element(at), lines) for at in range(count)]
        if structure.keys is not None:
            parts = [f"{key!r}: {each}" for key, each in zip(structure.keys, parts, strict=False)]
        if count < len(structure):
            parts.append("...")
        inside = ", ".join(parts)
        if structure.kind is tuple:
            return f"({inside},)" if len(parts) == 1 else f"({inside})"
        return f"[{inside}]" if structure.kind is list else f"{{{inside}}}"

    def _constant(self, label: str, ref: Ref) -> str:
        """Take a plain argument as a literal; return its line where it needs one."""
        text = self._literal(ref)
        if text is not None and len(text) <= _WIDE:
            self._literals[ref.hid] = text
            return ""
        name = self._literals[ref.hid] = self._free(label)
        if text is not None:
            return f"{name} = {text}"
        return f"{name} = ...  # {self._described(ref)}, content {ref.cid.hex()[:12]}"

    def _literal(self, ref: Ref) -> str | None:
        if ref.in_memory and type(ref.load()) in LITERALS:  # a small element of a container
            return repr(ref.load())
        size = self._results.size(ref.cid)
        if size is None or size > _GLANCE:
            return None
        try:
            value = self._load(ref.cid)
        except MandalaError:
            return None
        if type(value) in LITERALS:
            return repr(value)
        plain = type(value) in (list, tuple) and all(type(each) in LITERALS for each in value)
        return repr(value) if plain and len(value) <= 20 else None

    def _described(self, ref: Ref) -> str:
        size = self._results.size(ref.cid)
        if size is None:
            return "a value that is not stored"
        if size > _GLANCE:
            return f"{size / 1e6:.3g} MB"
        try:
            value = self._load(ref.cid)
        except MandalaError:
            return "a value that cannot be read here"
        shape = getattr(value, "shape", None)
        return type(value).__qualname__ + (f" {shape}" if isinstance(shape, tuple) else "")

    def _name(self, label: str, ref: Ref) -> str:
        """Return the variable of an output, a new one if it has none yet."""
        if ref.hid not in self._names:
            given = list(self._labels.get(ref.hid, ()))
            if label.startswith("output_"):
                label = given[0] if len(given) == 1 else "a0"
            self._names[ref.hid] = self._free(label)
        return self._names[ref.hid]

    def _free(self, label: str) -> str:
        stem = label.removeprefix(CAPTURED).rpartition(".")[2] if "." in label else label
        if not stem.isidentifier() or keyword.iskeyword(stem) or label.partition(".")[2].isdigit():
            stem = label.partition(".")[0]
        stem = stem if stem.isidentifier() and not keyword.iskeyword(stem) else "a0"
        base, number = (stem[:-1], 0) if stem == "a0" else (f"{stem}_", 1)
        name = stem
        while name in self._taken:
            number += 1
            name = f"{base}{number}"
        self._taken.add(name)
        return name


def _passed(arguments: Sequence[tuple[str, str]]) -> str:
    """Write the arguments of a call: by name, but for those before the last of `*args`."""
    last = max(
        (at for at, (label, _) in enumerate(arguments) if label.partition(".")[2].isdigit()),
        default=-1,
    )
    parts = []
    for at, (label, text) in enumerate(arguments):
        if label.startswith(CAPTURED):
            continue  # it is no argument: the function was made with it
        parts.append(text if at <= last else f"{label.rpartition('.')[2] or label}={text}")
    return ", ".join(parts)
