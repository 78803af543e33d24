"""Recording: what really ran becomes the version of a call.

Observation narrows the static closure, and only so far: a name that an executed definition
does nothing with but call is left out when it leads to a plain function that did not run.
Everything else that executed code refers to counts with its static closure.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import CodeType

from mandala_git.config import MARKED
from mandala_git.repo.data_files import UNREADABLE, Listing, normal
from mandala_git.source.codes import walk
from mandala_git.source.definitions import MODULE, Definition, Kind
from mandala_git.source.snapshot import End
from mandala_git.versions.data import folder_of, noted
from mandala_git.versions.dynamic import only_attributes
from mandala_git.versions.meanings import EVERYTHING
from mandala_git.versions.process import ProcessWorld
from mandala_git.versions.readings import Reading
from mandala_git.versions.recorded import (
    LeafEnd,
    LinkEnd,
    NodeEnd,
    Recorded,
    RecordedEnd,
    RecordedNode,
    Value,
    slot_name,
)
from mandala_git.versions.tracker import OpenCall
from mandala_git.versions.untracked import left_to_marked


@dataclass(slots=True)
class Ran:
    """What ran during a call, as definitions.

    Attributes:
        keys: project definitions whose code ran, and that are proved.
        volatile: code ran that no text tells: nothing may be reused on its account.
        observed: False when something may have run unseen.
        links: versions of nested calls by key of their op.
        arguments: keys of project functions and classes inside the arguments.
        before: values of globals, and states of classes and functions, when the call started,
            by key; None for a state that is as the source says.
        hidden: names in nested code that was made but not seen to run, by key of what it is
            nested in: it may have run where nobody looked.
        files: what the files held on which ops depend, when the call started, by key of the op
            and pattern.
    """

    keys: frozenset[str]
    volatile: bool
    observed: bool
    links: Mapping[str, tuple[str, ...]]
    arguments: tuple[str, ...]
    before: Mapping[str, Reading | None]
    hidden: Mapping[str, frozenset[str]]
    files: Mapping[str, Mapping[str, Listing]]

    @classmethod
    def of(
        cls,
        call: OpenCall,
        world: ProcessWorld,
        arguments: Iterable[str],
        before: Mapping[str, Reading | None],
        files: Mapping[str, Mapping[str, Listing]],
    ) -> Ran:
        """Tell what a closed call ran."""
        keys, volatile = owners(call.codes.values(), world)
        links: dict[str, list[str]] = {}
        for op, version in call.links:
            links.setdefault(op, []).append(version)
        return cls(
            keys,
            volatile,
            call.observed,
            {op: tuple(sorted(versions)) for op, versions in links.items()},
            tuple(arguments),
            before,
            _hidden(call.codes, world),
            files,
        )


def owners(codes: Iterable[CodeType], world: ProcessWorld) -> tuple[frozenset[str], bool]:
    """Return the keys of the definitions that code objects belong to, and whether some have none."""
    keys = set()
    volatile = False
    for code in codes:
        found = world.loaded.owner(code)
        if found is None:
            volatile = True
        else:
            keys.add(found[0])
            volatile = volatile or not found[1]
    return frozenset(keys), volatile


def _hidden(codes: Mapping[int, CodeType], world: ProcessWorld) -> dict[str, frozenset[str]]:
    hidden: dict[str, frozenset[str]] = {}
    for code in codes.values():
        for inner in code.co_consts:
            if not isinstance(inner, CodeType) or id(inner) in codes:
                continue
            found = world.loaded.owner(code)
            if found is not None:
                names = frozenset(name for each in walk(inner) for name in each.co_names)
                hidden[found[0]] = hidden.get(found[0], frozenset()) | names
    return hidden


@dataclass(frozen=True, slots=True)
class _Slot:
    """A slot of a definition as it will be recorded.

    Attributes:
        name: of the slot.
        ends: where it leads; None when it was provably not used.
        whole: a plain function behind it counts with its static closure even if it ran.
    """

    name: str
    ends: tuple[End | LinkEnd, ...] | None
    whole: bool = True


@dataclass(slots=True)
class Recorder:
    """Write the version of one call down.

    Args:
        world: the process.
        op: definition of the op.
        ran: what ran.
    """

    world: ProcessWorld
    op: Definition
    ran: Ran
    _static: set[str] = field(default_factory=set)
    _observed: set[str] = field(default_factory=set)
    _roots: set[str] = field(default_factory=set)
    _keys: dict[str, int] = field(default_factory=dict)
    _missing: str = ""
    _left_out: set[str] = field(default_factory=set)
    _kept: set[str] | None = None
    why: str = ""

    def record(self) -> Recorded:
        """Return the version, without a context; `why` says what makes it volatile."""
        self._spread()
        if self.world.untracked.only_marked:
            self._leave_to_marked()
        # The op first, the rest by key: the order must not depend on what ran first.
        rest = (self._observed | self._static) - {self.op.key}
        self._keys = {key: number for number, key in enumerate([self.op.key, *sorted(rest)])}
        nodes = tuple(self._node(key) for key in self._keys)
        named = {
            end.version
            for node in nodes
            for ends in node.slots.values()
            for end in ends or ()
            if isinstance(end, LinkEnd)
        }
        links = tuple(
            (op, version)
            for op, versions in sorted(self.ran.links.items())
            for version in versions
            if version not in named
        )
        self.why = self._why()
        return Recorded(
            self.op.key,
            self.world.snapshot.script or "",
            nodes,
            tuple(sorted(self._keys[key] for key in self._roots)),
            links,
            os.urandom(16).hex() if self.why else "",
            untracked=tuple(sorted(self._left_out)),
            packages=tuple(sorted(self.world.packages.items())),
        )

    def _why(self) -> str:
        """Return why no later call may be answered with this one, "" when one may."""
        for key in self._keys:
            if note := self._definition(key).note:
                return f"{key}: {note}"
            if trouble := self._trouble(key):
                return trouble
        if self._missing:
            return f"{self._missing} is not where it was loaded from"
        unknown = self.ran.volatile and not self.world.untracked.only_marked
        return "code ran that no file of the project tells" if unknown else ""

    def _trouble(self, key: str) -> str:
        """Say why nobody can tell what the files of an op held while it ran; "" when one can."""
        now = self.world.listings(key)
        known = self.ran.files.get(key)
        if known is None:
            # Nothing led to the op before it ran: if it was no call of its own, nobody looked.
            return (
                f"{key} ran before its files were looked at" if now and key in self.ran.keys else ""
            )
        for pattern, listing in known.items():
            for path, blob in listing:
                if blob.startswith(UNREADABLE):
                    return path + blob.removeprefix(UNREADABLE)
            if now.get(pattern, listing) != listing:
                return f"{pattern} changed while it ran"
        return ""

    def _files(self, key: str) -> Mapping[str, Listing]:
        found = self.ran.files.get(key)
        return self.world.listings(key) if found is None else found

    @property
    def files(self) -> dict[str, Listing]:
        """What the files held that the version rests on, by pattern of the project."""
        return {
            normal(folder_of(key), pattern): listing
            for key in self._keys
            for pattern, listing in self._files(key).items()
        }

    def _definition(self, key: str) -> Definition:
        found = self.world.snapshot.definition(key)
        assert found is not None, key
        return found

    # -- what counts ---------------------------------------------------------------------

    def _spread(self) -> None:
        """Find out what counts, and how.

        A definition counts as observed (names that were not used are left out) or as static
        (nothing is left out); static wins. What no name leads to is a root, found by key.
        """
        self._reach(self.op.key, static=not self.ran.observed)
        for key in self.ran.arguments:
            # An instance counts through its class, a function that is passed counts whole.
            definition = self.world.snapshot.definition(key)
            instance = definition is not None and definition.kind is Kind.CLASS
            self._root(key, static=not (instance and self.ran.observed))
        for key in sorted(self.ran.keys):
            if key not in self._observed and key not in self._static:
                definition = self.world.snapshot.definition(key)
                function = definition is not None and definition.kind is Kind.FUNCTION
                self._root(key, static=not (function and self.ran.observed))

        for key in sorted(self._observed):
            # A method that no name led to came with an instance: its class counts.
            definition = self._definition(key)
            if definition.parent is not None:
                parent = f"{definition.path}::{definition.parent}"
                if parent not in self._observed and parent not in self._static:
                    self._root(parent, static=False)
        everything = self._observed | self._static
        if any(self._names_things(key) for key in sorted(everything)):
            for key in self.world.reachable_by_name():
                known = key in self._observed or key in self._static
                if not known and not self._is_left_out(self.op.key, key):
                    self._root(key, static=False)

    def _leave_to_marked(self) -> None:
        """Leave out all code that is neither an op nor marked, and what only that reads."""

        def ends(key: str) -> Iterator[tuple[str, set[str]]]:
            for slot in self._slots(self._definition(key), static=key in self._static):
                yield slot.name, {e.key for e in slot.ends or () if isinstance(e, End)} - {""}

        everything = self._observed | self._static
        kept, roots = left_to_marked(self.op.key, everything, self.world, ends)
        self._roots = (self._roots & kept) | roots
        self._observed &= kept
        self._static &= kept
        self._left_out.add(MARKED)
        self._kept = kept

    def _names_things(self, key: str) -> bool:
        """Whether a definition can reach values by their names."""
        definition = self._definition(key)
        return definition.dynamic and (key in self._static or not only_attributes(definition))

    def _root(self, key: str, *, static: bool) -> None:
        if self.world.snapshot.definition(key) is None:
            self._missing = key
        else:
            self._roots.add(key)
            self._reach(key, static=static)

    def _reach(self, start: str, *, static: bool) -> None:
        todo = [(start, static)]
        while todo:
            key, static = todo.pop()
            if key in self._static or (not static and key in self._observed):
                continue
            definition = self._definition(key)
            if static or definition.kind not in (Kind.FUNCTION, Kind.CLASS):
                static = True
                self._observed.discard(key)
                self._static.add(key)
            else:
                self._observed.add(key)
            for slot in self._slots(definition, static=static):
                for end in slot.ends or ():
                    if isinstance(end, End) and end.key:
                        todo.append((end.key, static or self._counts_whole(slot, end)))
            if definition.kind in (Kind.GLOBAL, Kind.CLASS, Kind.FUNCTION):
                reading = self._reading(key)
                for name in reading.names if reading is not None else ():
                    if self.world.snapshot.definition(name) is None:
                        self._missing = name
                    else:
                        self._roots.add(name)
                        todo.append((name, True))

    def _counts_whole(self, slot: _Slot, end: End) -> bool:
        """Whether what an observed definition leads to counts with its static closure."""
        target = self._definition(end.key)
        if slot.whole:
            return True
        if target.kind is Kind.CLASS:
            return False
        return not (_simple(target, end) and end.key in self.ran.keys)

    def _slots(self, definition: Definition, *, static: bool) -> list[_Slot]:
        snapshot = self.world.snapshot
        slots: list[_Slot] = []
        for number, hole in enumerate(definition.holes):
            name = slot_name(definition, number)
            ends = tuple(self._present(snapshot.resolve(definition, number)))
            if ends and all(self._is_left_out(definition.key, end.key) for end in ends):
                slots.append(_Slot(name, None))
            elif static or not hole.called or hole.name in self.ran.hidden.get(definition.key, ()):
                slots.append(_Slot(name, ends))
            else:
                slots.append(_Slot(name, self._narrow(ends), whole=False))
        if definition.kind is not Kind.MODULE:
            module = snapshot.left_over(definition.path)
            if definition.path == snapshot.script:
                slots.append(_Slot(MODULE, None))
            else:
                slots.append(_Slot(MODULE, () if module is None else (End(module.key),)))
        for member in definition.members:
            key = f"{definition.path}::{member}"
            name = "::" + member.rpartition(".")[2]
            there = (End(key),) if snapshot.definition(key) is not None else ()
            used = static or key in self.ran.keys
            slots.append(_Slot(name, there if used else None, whole=static))
        for attribute in definition.attrs:
            methods = tuple(End(key) for key in snapshot.methods(attribute)) if static else None
            slots.append(_Slot(f".{attribute}", methods))
        if definition.dynamic:
            leaf = End("", ("everything", snapshot.identity()))
            used = static or not only_attributes(definition)
            slots.append(_Slot(EVERYTHING, (leaf,) if used else None))
        return slots

    def _is_left_out(self, reader: str, key: str) -> bool:
        """Tell whether a global does not count for who reads it."""
        untracked = self.world.untracked
        if not untracked or not key:
            return False
        if key in untracked.by_op(self.op.key) or key in untracked.by_op(reader):
            return True
        name = untracked.by_project(key)
        self._left_out.update((name,) if name else ())
        return bool(name)

    def _present(self, ends: Iterable[End]) -> Iterable[End]:
        for end in ends:
            if end.key and self.world.snapshot.definition(end.key) is None:
                yield End("", ("absent", end.key), end.rest)
            else:
                yield end

    def _narrow(self, ends: tuple[End, ...]) -> tuple[End | LinkEnd, ...] | None:
        """Leave a name out that leads to plain functions of which none ran."""
        targets = [self._definition(end.key) if end.key else None for end in ends]
        simple = all(
            target is not None and _simple(target, end)
            for target, end in zip(targets, ends, strict=True)
        )
        if not simple:
            return ends
        if len(ends) == 1 and targets[0] is not None and targets[0].op:
            links = tuple(LinkEnd(version) for version in self.ran.links.get(ends[0].key, ()))
            if links:
                return (*ends, *links) if ends[0].key in self.ran.keys else links
        return ends if any(end.key in self.ran.keys for end in ends) else None

    # -- writing it down -----------------------------------------------------------------

    def _node(self, key: str) -> RecordedNode:
        definition = self._definition(key)
        slots = {
            slot.name: self._ends(slot)
            for slot in self._slots(definition, static=key in self._static)
        }
        files = noted(key, self._files(key))
        return RecordedNode(key, definition.text_id, slots, self._value(definition), files)

    def _ends(self, slot: _Slot) -> tuple[RecordedEnd, ...] | None:
        if slot.ends is None:
            return None
        if self._kept is not None:
            gone = any(isinstance(e, End) and e.key and e.key not in self._kept for e in slot.ends)
            if gone or slot.name in (MODULE, EVERYTHING):
                return None
        return tuple(self._end(end) for end in slot.ends)

    def _end(self, end: End | LinkEnd) -> RecordedEnd:
        if isinstance(end, LinkEnd):
            return end
        return NodeEnd(self._keys[end.key], end.rest) if end.key else LeafEnd(end.leaf, end.rest)

    def _reading(self, key: str) -> Reading | None:
        before = self.ran.before
        return before[key] if key in before else self.world.reading(key)

    def _value(self, definition: Definition) -> Value | None:
        if definition.kind not in (Kind.GLOBAL, Kind.CLASS, Kind.FUNCTION):
            return None
        reading = self._reading(definition.key)
        if reading is None:
            return None
        same = None
        if reading.same is not None:
            same = min([definition.key, *self.world.holders(reading.same)])
        return Value(reading.cid, reading.plain, same)


def _simple(target: Definition, end: End) -> bool:
    """Whether a name leads to a function that runs when it is called, and only then."""
    # Code that no file tells may have run unseen.
    known = target.plain and not target.note
    return target.kind is Kind.FUNCTION and known and not end.rest
