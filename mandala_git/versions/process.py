"""The world of this process: the code that is loaded, read through all verdicts.

Everything that was looked at for a judgement is remembered, so that a hit can check in
microseconds that it still holds; what does not hold any more ends the epoch, and everything is
looked at anew.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from mandala_git.errors import UnhashableValue
from mandala_git.results.ids import Found, cid
from mandala_git.source.definitions import Definition, FileFacts, Kind
from mandala_git.source.snapshot import Snapshot
from mandala_git.versions.agreement import Belongs, Undetermined
from mandala_git.versions.history import History
from mandala_git.versions.indexed import IndexedTree
from mandala_git.versions.loaded import (
    MISSING,
    Loaded,
    Lookup,
    Seen,
    SeenFile,
    SeenFunction,
    stat_of,
)
from mandala_git.versions.meanings import Node
from mandala_git.versions.worlds import SnapshotWorld

FROZEN = frozenset({int, float, complex, bool, str, bytes, type(None), range, type(...)})
"""Types whose instances cannot change and hold nothing that can."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The value of a global as it was read.

    Attributes:
        cid: content id, hex; None when it has none.
        plain: no class or function of the project is in it.
        same: what tells the object from others; None when it cannot change in place.
        names: keys of project functions and classes in it.
    """

    cid: str | None
    plain: bool
    same: object | None
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SeenValue:
    """A global that may change in place: its content is compared."""

    get: Lookup
    name: str
    found: Any
    cid: str | None

    def holds(self) -> bool:
        """Whether the name leads to equal content."""
        found = self.get(self.name, MISSING)
        if self.cid is None:
            return found is self.found
        return found is not MISSING and content(found) == self.cid


Check = Seen | SeenFunction | SeenValue | SeenFile


class Guard:
    """All that a judgement looked at."""

    __slots__ = ("_names", "_others")

    def __init__(self, checks: Iterable[Check]) -> None:
        names: dict[tuple[int, str], tuple[Lookup, str, Any]] = {}
        others: dict[object, Check] = {}
        for check in checks:
            if isinstance(check, Seen):
                owner = getattr(check.get, "__self__", None)
                names[id(owner), check.name] = (check.get, check.name, check.found)
            elif isinstance(check, SeenFunction):
                others["function", id(check.function)] = check
            elif isinstance(check, SeenFile):
                others["file", check.path] = check
            else:
                others["value", id(getattr(check.get, "__self__", None)), check.name] = check
        self._names = tuple(names.values())
        self._others = tuple(others.values())

    def __len__(self) -> int:
        return len(self._names) + len(self._others)

    def holds(self) -> bool:
        """Whether all of it is as it was."""
        for get, name, found in self._names:
            if get(name, MISSING) is not found:
                return False
        for check in self._others:  # noqa: SIM110 - a generator costs more than the loop
            if not check.holds():
                return False
        return True


class ProcessWorld(SnapshotWorld):
    """What is loaded now, with the work tree for what is not.

    Args:
        loaded: modules of this process.
        tree: lists the work tree; called once an epoch.
        history: texts, recorded versions and verdicts.
    """

    def __init__(self, loaded: Loaded, tree: Callable[[], IndexedTree], history: History) -> None:
        self.loaded = loaded
        self.epoch = 0
        self.process = f"{os.getpid()}-{time.time_ns()}-{os.urandom(8).hex()}"
        self._list = tree
        self._tree: IndexedTree | None = None
        self._begin(history)

    def _begin(self, history: History) -> None:
        """Forget all that was looked at."""
        self._checks: dict[str, list[Check]] = {}
        self._readings: dict[str, Reading] = {}
        self._guards: dict[tuple[str, str], Guard] = {}
        self._closures: dict[str, dict[str, Definition]] = {}
        if self._tree is None:
            self._tree = self._list()
        modules = self.loaded.modules()
        snapshot = Snapshot(
            {*self._tree.tree.entries, *modules},
            self._facts,
            methods=self._methods,
            script=self.loaded.script,
            identity=lambda: f"{self.process} {self.epoch}",
            check=self._check,
        )
        super().__init__(snapshot, history)

    def renew(self) -> None:
        """Begin a new epoch: something that was looked at has changed."""
        self.epoch += 1
        self._tree = None
        self._begin(self.history)

    # -- the snapshot's sources ----------------------------------------------------------

    def _facts(self, path: str) -> FileFacts | None:
        if path in self.loaded.modules() or path in self.loaded.pinned:
            facts = self.loaded.facts(path)
            if facts is not None:
                return facts
        assert self._tree is not None
        return self._tree.facts(path)

    def _methods(self, name: str) -> list[str]:
        assert self._tree is not None
        keys = dict.fromkeys(self._tree.methods(name))
        for path, pinned in self.loaded.pinned.items():
            if self._tree.tree.entries.get(path) != pinned.blob:
                facts = self.loaded.facts(path)
                for definition in facts.definitions if facts else ():
                    if definition.parent is not None and definition.name == name:
                        keys[definition.key] = None
        return list(keys)

    def _check(self, definition: Definition) -> Definition:
        checked, seen = self.loaded.check(definition)
        checks: list[Check] = list(seen)
        if definition.path not in self.loaded.modules():
            filename = self.loaded.absolute(definition.path)
            checks.append(SeenFile(filename, stat_of(filename)))
        if definition.kind is Kind.CLASS:
            checked = self._check_class(checked, checks)
        elif definition.kind is Kind.GLOBAL:
            checked = self._check_global(checked, checks)
        self._checks[definition.key] = checks
        return checked

    def _check_global(self, definition: Definition, checks: list[Check]) -> Definition:
        place = self.loaded.place(definition)
        found = MISSING if place is None else place[0](place[1], MISSING)
        if place is None or found is MISSING:
            return definition
        reading = self._readings[definition.key] = self._read(found)
        if reading.same is not None:
            checks[:] = [c for c in checks if not isinstance(c, Seen) or c.name != place[1]]
            checks.append(SeenValue(place[0], place[1], found, reading.cid))
        if definition.literal is not None and not definition.mutable:
            if reading.cid == self.history.literal(definition.literal):
                return definition
            # It was rebound: identity tells agreement to look at the value, not the source.
            from dataclasses import replace

            return replace(definition, mutable=True)
        return definition

    def _check_class(self, definition: Definition, checks: list[Check]) -> Definition:
        """Compare the attributes of a loaded class with what its source gave them."""
        found = self.loaded.find(definition)
        if not isinstance(found, type):
            return definition
        namespace = vars(found)
        told: list[tuple[str, str | None]] = []
        names: dict[str, None] = {}
        plain = True
        for attribute, source in definition.values.items():
            value = namespace.get(attribute, MISSING)
            checks.append(Seen(namespace.get, attribute, value))
            if value is MISSING:
                continue
            reading = self._read(value)
            if reading.same is not None:
                checks[-1] = SeenValue(namespace.get, attribute, value, reading.cid)
            if source is None or reading.cid != self._attribute(found, source):
                told.append((attribute, reading.cid))
                plain = plain and reading.plain
                names.update(dict.fromkeys(reading.names))
        if told:
            self._readings[definition.key] = Reading(
                cid(repr(told)).hex(), False, None, tuple(names)
            )
        return definition

    def _attribute(self, owner: type, source: str) -> str | None:
        import enum

        # An enumeration turns its literals into members, which its source determines too.
        return None if issubclass(owner, enum.Enum) else self.history.literal(source)

    def _read(self, found: Any) -> Reading:
        """Return what is to be known of a value: its content, and whether it can change."""
        kind = type(found)
        if kind in FROZEN:
            return Reading(cid(found).hex(), True, None)
        met = Found()
        try:
            told = cid(found, found=met).hex()
        except UnhashableValue:
            return Reading(None, False, id(found))
        keys = self.loaded.keys_of(met.names)
        same = None if kind in (tuple, frozenset) and _frozen(found) else id(found)
        return Reading(told, not keys and not met.fallbacks, same, keys)

    # -- what agreement and recording ask ------------------------------------------------

    def value(self, node: Node) -> str | Undetermined | None:
        """Return the content id (hex) of a global's value, or of a class's own attributes."""
        if node.key:
            reading = self.reading(node.key)
            return None if reading is None else reading.cid
        return super().value(node)

    def same(self, node: Node) -> object | None:
        """Return what tells a changeable object from others."""
        reading = self.reading(node.key) if node.key else None
        return None if reading is None else reading.same

    def reading(self, key: str) -> Reading | None:
        """Return the value of a global as it was read in this epoch, None when not loaded."""
        self.snapshot.definition(key)
        return self._readings.get(key)

    def closure(self, key: str) -> dict[str, Definition]:
        """Return the static closure of a definition of this world."""
        if key not in self._closures:
            definition = self.snapshot.definition(key)
            self._closures[key] = self.snapshot.closure([definition]) if definition else {}
        return self._closures[key]

    def checks(self, keys: Iterable[str]) -> Guard:
        """Return a guard of all that was looked at for these definitions."""
        return Guard(check for key in keys for check in self._checks.get(key, ()))

    def changeable(self, key: str) -> list[str]:
        """Return the globals in the static closure of an op whose values may change in place."""
        return [
            each
            for each, definition in self.closure(key).items()
            if definition.kind is Kind.GLOBAL
            and (reading := self.reading(each)) is not None
            and reading.same is not None
        ]

    def read_now(self, key: str) -> Reading | None:
        """Return the value of a global as it is at this moment."""
        definition = self.snapshot.definition(key)
        found = MISSING if definition is None else self.loaded.find(definition)
        return None if found is MISSING else self._read(found)

    def admit(self, version: str, op: str) -> Guard | None:
        """Return a guard if a recorded version belongs to this world now, else None.

        Args:
            version: id of the version, hex.
            op: key of the op here.
        """
        outcome = self.judge(version, op)
        if outcome is None or outcome.belongs is not Belongs.YES:
            return None
        keys = outcome.keys if outcome.keys is not None else self.closure(op).keys()
        return self.checks(keys)


def content(found: Any) -> str | None:
    """Return the content id (hex) of a value, None when it has none."""
    try:
        return cid(found).hex()
    except UnhashableValue:
        return None


def _frozen(value: Any) -> bool:
    """Whether a tuple or frozenset holds only what cannot change."""
    todo = [value]
    while todo:
        for each in todo.pop():
            if type(each) in (tuple, frozenset):
                todo.append(each)
            elif type(each) not in FROZEN:
                return False
    return True
