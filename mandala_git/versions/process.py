"""The world of this process: the code that is loaded, read through all verdicts.

Everything that was looked at for a judgement is remembered, so that a hit can check in
microseconds that it still holds; what does not hold any more ends the epoch, and everything is
looked at anew.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from types import FunctionType
from typing import TYPE_CHECKING

from mandala_git.repo.data_files import DiskFiles, Listing, normal
from mandala_git.source.definitions import Definition, FileFacts, Kind, split_key
from mandala_git.source.snapshot import Snapshot
from mandala_git.versions.agreement import Belongs, Outcome
from mandala_git.versions.data import folder_of
from mandala_git.versions.history import History
from mandala_git.versions.indexed import IndexedTree
from mandala_git.versions.loaded import Loaded
from mandala_git.versions.meanings import Node, identity
from mandala_git.versions.proofs import OWN_NAMES, check, misled, outlived, raw
from mandala_git.versions.readings import Reading, State, added, is_name, read
from mandala_git.versions.seen import (
    MISSING,
    Check,
    Guard,
    Seen,
    SeenFile,
    SeenFiles,
    SeenSize,
    SeenValue,
    cells_of,
    defaults_of,
    functions_of,
    stat_of,
)
from mandala_git.versions.untracked import Untracked
from mandala_git.versions.verdicts import Edge
from mandala_git.versions.ways import Undetermined
from mandala_git.versions.worlds import SnapshotWorld

if TYPE_CHECKING:
    from typing import Protocol

    class Declarations(Protocol):
        """What loaded ops declare (`ops.declared`)."""

        def files(self) -> Mapping[str, AbstractSet[str]]:
            """Return patterns by key of the op."""

        def untracked(self) -> Mapping[str, frozenset[str]]:
            """Return the names of globals that do not count, by key of the op."""

        def marked(self) -> AbstractSet[str]:
            """Return the keys of the functions and classes under `@track`."""


class _Paths(AbstractSet[str]):
    """The files of a process; the work tree is listed when somebody asks for what is not loaded.

    Args:
        loaded: paths of the loaded modules.
        others: lists the work tree.
    """

    def __init__(self, loaded: AbstractSet[str], others: Callable[[], Mapping[str, str]]) -> None:
        self._loaded = loaded
        self._others = others

    def __contains__(self, path: object) -> bool:
        return path in self._loaded or path in self._others()

    def __iter__(self) -> Iterator[str]:
        return iter({*self._others(), *self._loaded})

    def __len__(self) -> int:
        return sum(1 for _ in self)


class ProcessWorld(SnapshotWorld):
    """What is loaded now, with the work tree for what is not.

    Args:
        loaded: modules of this process.
        tree: lists the work tree; called once an epoch at most.
        history: texts, recorded versions and verdicts.
        data: the files that ops may depend on, as they are at any time.
        declarations: tells what loaded ops declare.
    """

    data: DiskFiles

    def __init__(
        self,
        loaded: Loaded,
        tree: Callable[[], IndexedTree],
        history: History,
        data: DiskFiles,
        declarations: Declarations,
    ) -> None:
        self.loaded = loaded
        self._data = data
        self._declarations = declarations
        self.epoch = 0
        self.process = f"{os.getpid()}-{time.time_ns()}-{os.urandom(8).hex()}"
        self._list = tree
        self._tree: IndexedTree | None = None
        self._begin(history)

    def _begin(self, history: History) -> None:
        """Forget all that was looked at."""
        self._checks: dict[str, list[Check]] = {}
        self._readings: dict[str, Reading] = {}
        self.unhashable: set[str] = set()  # keys of what holds values without a content id
        self._guards: dict[tuple[str, str], Guard] = {}
        self._closures: dict[str, dict[str, Definition]] = {}
        self._untracked: Untracked | None = None
        self._modules = frozenset(self.loaded.modules())
        self._state = self.loaded.state
        snapshot = Snapshot(
            _Paths({*self._modules, *self.loaded.unknown}, lambda: self.tree.tree.entries),
            self._facts,
            methods=self._methods,
            script=self.loaded.script,
            identity=self._identity,
            check=self._check,
            modules=self.loaded.module_path,
        )
        super().__init__(snapshot, history, self._data)
        self._listings: dict[str, Listing] = {}

    @property
    def untracked(self) -> Untracked:
        """Which globals do not count where."""
        declared = self._declarations.untracked()
        if self._untracked is None or self._untracked.declared is not declared:
            marked = self._declarations.marked()
            self._untracked = Untracked(self, self.left_out, declared, marked)
        return self._untracked

    def renew(self) -> None:
        """Begin a new epoch: something that was looked at has changed."""
        self.epoch += 1
        self._tree = None
        self.loaded.recount()
        self._begin(self.history)

    @property
    def tree(self) -> IndexedTree:
        """The work tree as it was when this epoch first needed it."""
        if self._tree is None:
            self._tree = self._list()
        return self._tree

    # -- the snapshot's sources ----------------------------------------------------------

    def _facts(self, path: str) -> FileFacts | None:
        if path in self.loaded.unknown:
            return self.loaded.unknown[path]
        if path in self.loaded.modules() or path in self.loaded.pinned:
            facts = self.loaded.facts(path)
            if facts is not None:
                return facts
        return self.tree.facts(path)

    def _methods(self, name: str) -> list[str]:
        keys = dict.fromkeys(self.tree.methods(name))
        for path, pinned in self.loaded.pinned.items():
            if self.tree.tree.entries.get(path) != pinned.blob:
                facts = self.loaded.facts(path)
                for definition in facts.definitions if facts else ():
                    if definition.parent is not None and definition.name == name:
                        keys[definition.key] = None
        return list(keys)

    def _identity(self) -> str:
        """Name all the code that is loaded or can still be: what dynamic code may reach."""
        pinned = {path: pinned.blob for path, pinned in self.loaded.pinned.items()}
        return self.tree.identity(pinned)

    def reachable_by_name(self) -> list[str]:
        """Return the keys of all values and classes of loaded modules, for dynamic code."""
        return [
            definition.key
            for path in sorted(self.loaded.modules())
            if (facts := self.snapshot.facts(path)) is not None
            for definition in facts.definitions
            if definition.kind in (Kind.GLOBAL, Kind.CLASS) and definition.parent is None
        ]

    def _check(self, definition: Definition) -> Definition:
        checked, seen = check(self.loaded, definition)
        checks: list[Check] = list(seen)
        if definition.path not in self.loaded.modules():
            filename = self.loaded.absolute(definition.path)
            checks.append(SeenFile(filename, stat_of(filename), definition.path, self.loaded))
        if definition.kind is Kind.CLASS:
            self._check_state(checked, self._class_state(checked, checks))
        elif definition.kind is Kind.GLOBAL:
            checked = self._check_global(checked, checks)
        elif definition.kind is Kind.FUNCTION and not checked.note:
            self._check_state(checked, self._function_state(checked, checks))
            if definition.key in self._readings and not identity(checked):
                # It was given other defaults: its identity tells agreement to look at them.
                checked = checked._replace(mutable=True)
        problem = ""
        if definition.kind in (Kind.FUNCTION, Kind.CLASS) and not checked.note:
            problem = misled(self.loaded, self.snapshot, checked, checks)
        if definition.key in self.unhashable:
            problem = problem or outlived(self.loaded, self.snapshot, checked)
        if problem:
            checked = raw(checked, problem)
        self._checks[definition.key] = checks
        return checked

    def _check_global(self, definition: Definition, checks: list[Check]) -> Definition:
        place = self.loaded.place(definition)
        found = MISSING if place is None else place[0](place[1], MISSING)
        if place is None or found is MISSING or is_name(found):
            return definition
        if self.untracked.by_project(definition.key, definition):
            return definition
        reading = self._readings[definition.key] = read(self.loaded, found)
        if reading.cid is None:
            self.unhashable.add(definition.key)
        if reading.same is not None:
            checks[:] = [c for c in checks if not isinstance(c, Seen) or c.name != place[1]]
            checks.append(SeenValue(place[0], place[1], found, reading.cid))
        if definition.literal is not None and not definition.mutable:
            if reading.cid == self.history.literal(definition.literal):
                return definition
            # It was rebound: identity tells agreement to look at the value, not the source.
            return definition._replace(mutable=True)
        return definition

    def _check_state(self, definition: Definition, reading: Reading | None) -> None:
        if reading is not None:
            self._readings[definition.key] = reading

    def _class_state(self, definition: Definition, checks: list[Check]) -> Reading | None:
        """Compare the attributes of a loaded class with what its source gave them."""
        found = self.loaded.find(definition)
        if not isinstance(found, type):
            return None
        namespace = vars(found)
        state = State(self.loaded, self.unhashable, definition.key, checks)
        checks.append(SeenSize(found, len(namespace)))
        later = dict.fromkeys(added(found, definition))
        for attribute in (*definition.values, *later):
            value = namespace.get(attribute, MISSING)
            checks.append(Seen(namespace.get, attribute, value))
            if value is not MISSING:
                source = definition.values.get(attribute)
                expected = None if source is None else self._attribute(found, source)
                state.add(attribute, value, namespace.get, expected)
        return state.reading()

    def _function_state(self, definition: Definition, checks: list[Check]) -> Reading | None:
        """Compare defaults with the source; look at what decorators captured."""
        state = State(self.loaded, self.unhashable, definition.key, checks)
        own = definition.qualname.partition("#")[0]
        module = self.loaded.modules().get(definition.path)
        for hole in definition.holes:
            if hole.name in OWN_NAMES and module is not None and hole.name in vars(module):
                state.add(hole.name, vars(module)[hole.name], vars(module).get, None)
        found = self.loaded.find(definition)
        if self.loaded.cells is not None and self.loaded.name(type(found)) is not None:
            state.add("<object>", found, None, None)  # what a class of the project made of it
        for function in functions_of(found):
            sources = definition.values if function.__qualname__ == own else {}
            for name, value in defaults_of(function):
                source = sources.get(name)
                expected = None if source is None else self.history.literal(source)
                state.add(name, value, {name: value}.get, expected)
            for name, cell in zip(function.__code__.co_freevars, cells_of(function), strict=True):
                own_code = isinstance(cell, FunctionType) and (
                    self.loaded.owner(cell.__code__) == (definition.key, True)
                )
                # What a decorator wraps is the definition itself.
                if name != "__class__" and cell is not MISSING and not own_code:
                    state.add(f"<{name}>", cell, None, None)
            attributes = vars(function)
            checks.append(SeenSize(function, len(attributes)))
            for name, value in attributes.items():
                if not name.startswith("__"):
                    checks.append(Seen(attributes.get, name, value))
                    state.add(name, value, attributes.get, None, label=f".{name}")
        return state.reading()

    def _attribute(self, owner: type, source: str) -> str | None:
        import enum

        # An enumeration turns its literals into members, which its source determines too.
        return None if issubclass(owner, enum.Enum) else self.history.literal(source)

    # -- what agreement and recording ask ------------------------------------------------

    def value(self, node: Node) -> str | Undetermined | None:
        """Return the content id (hex) of a global's value, or of a class's own attributes."""
        if node.key:
            reading = self.reading(node.key)
            if reading is not None:
                return reading.cid
            if node.kind is not Kind.GLOBAL or self._is_loaded(node.key):
                return None
            # Nobody has loaded it: what it would be is for its source to say.
        return super().value(node)

    def _is_loaded(self, key: str) -> bool:
        return split_key(key)[0] in self._modules

    def same(self, node: Node) -> object | None:
        """Return what tells a changeable object from others."""
        reading = self.reading(node.key) if node.key else None
        return None if reading is None else reading.same

    def reading(self, key: str) -> Reading | None:
        """Return the value of a global as it was read in this epoch, None when not loaded."""
        self.snapshot.definition(key)
        return self._readings.get(key)

    def holders(self, same: object) -> list[str]:
        """Return the keys under which a changeable object is known, as far as anybody asked."""
        return [key for key, reading in self._readings.items() if reading.same == same]

    def closure(self, key: str) -> dict[str, Definition]:
        """Return the static closure of a definition of this world."""
        if key not in self._closures:
            definition = self.snapshot.definition(key)
            self._closures[key] = self.snapshot.closure([definition]) if definition else {}
        return self._closures[key]

    def checks(self, op: str, keys: Iterable[str], files: Mapping[str, Listing]) -> Guard:
        """Return a guard of all that was looked at for these definitions.

        Args:
            op: key of the op.
            keys: of the definitions.
            files: what was found in the files of patterns.
        """
        checks = self._counting(op, keys)
        return Guard([*checks, *(SeenFiles(self._data, *found) for found in files.items())])

    def _counting(self, op: str, keys: Iterable[str]) -> list[Check]:
        """Return what was looked at for these definitions, and counts for an op."""
        checks = [check for key in keys for check in self._checks.get(key, ())]
        if not self.untracked:
            return checks
        out = self._bound_untracked(op)
        return [c for c in checks if not isinstance(c, Seen | SeenValue) or _at(c) not in out]

    def _bound_untracked(self, op: str) -> set[tuple[int, str]]:
        """Return where the globals are bound that do not count for an op."""
        counting = self.untracked.counting(op)
        return {
            (id(getattr(place[0], "__self__", None)), place[1])
            for key, definition in self.closure(op).items()
            if key not in counting
            if definition.kind is Kind.GLOBAL
            if (place := self.loaded.place(definition)) is not None
        }

    def judge(
        self, version: str, op: str | None = None, *, assume: frozenset[Edge] = frozenset()
    ) -> Outcome | None:
        """Decide whether a recorded version belongs here; see `SnapshotWorld.judge`."""
        self.declaring = self._declarations.files()
        outcome = super().judge(version, op, assume=assume)
        if outcome is not None:
            self._listings.update(outcome.files)
        return outcome

    def files_moved(self) -> bool:
        """Tell whether a file has changed that something was judged by in this epoch."""
        listing = self._data.listing
        return any(listing(pattern) != found for pattern, found in self._listings.items())

    def files_below(self, op: str) -> dict[str, dict[str, Listing]]:
        """Return what the ops in the static closure of one declare to depend on, as it is now."""
        declaring = self._declarations.files()
        if not declaring:
            return {}
        closure = self.closure(op)
        return {key: self.listings(key) for key in sorted(declaring) if key in closure}

    def listings(self, key: str) -> dict[str, Listing]:
        """Return what an op declares to depend on, by pattern, as it is now."""
        folder = folder_of(key)
        declared = self._declarations.files().get(key, ())
        return {pattern: self._data.listing(normal(folder, pattern)) for pattern in declared}

    def changeable(self, some: Mapping[str, Definition]) -> list[str]:
        """Return which of some definitions code could change itself: values, class attributes."""
        return [
            each
            for each, definition in some.items()
            if (
                definition.kind is Kind.GLOBAL
                and (reading := self.reading(each)) is not None
                and reading.same is not None
            )
            or (definition.kind is Kind.CLASS and self.loaded.place(definition) is not None)
            or any(isinstance(check, SeenValue) for check in self._checks.get(each, ()))
        ]

    def fixed(self, some: Mapping[str, Definition]) -> list[tuple[str, Check, Reading]]:
        """Return the other values among some definitions: they can only be rebound."""
        found: list[tuple[str, Check, Reading]] = []
        for each, definition in some.items():
            reading = self.reading(each) if definition.kind is Kind.GLOBAL else None
            place = self.loaded.place(definition) if reading is not None else None
            if reading is not None and reading.same is None and place is not None:
                get, name = place
                found.append((each, Seen(get, name, get(name, MISSING)), reading))
        return found

    def bindings(self, op: str) -> Guard:
        """Return a guard of what names lead an op to; not of what values hold."""
        checks = self._counting(op, self.untracked.counting(op))
        return Guard(c for c in checks if not isinstance(c, SeenValue | SeenFile))

    @property
    def paths(self) -> frozenset[str]:
        """Paths of the modules that are loaded in this epoch."""
        return self._modules

    def moved(self, before: Mapping[str, Reading | None]) -> list[str]:
        """Return the keys of the values that are not any more what they were."""
        return [
            key
            for key, reading in before.items()
            if ((now := self.read_now(key)) and now.cid) != (reading and reading.cid)
        ]

    def outgrown(self) -> bool:
        """Whether modules were loaded, or cells were run, since this epoch began."""
        self.loaded.refresh(thoroughly=True)
        return self.behind or self.loaded.modules().keys() != self._modules

    @property
    def behind(self) -> bool:
        """Whether cells have been read that make another module than in this epoch."""
        return self.loaded.state != self._state

    def read_now(self, key: str) -> Reading | None:
        """Return the value of a global, or the state of a class, as it is at this moment."""
        definition = self.snapshot.definition(key)
        if definition is None:
            return None
        if definition.kind is Kind.CLASS:
            return self._class_state(definition, [])
        if definition.kind is Kind.FUNCTION:
            return self._function_state(definition, [])
        found = self.loaded.find(definition)
        return None if found is MISSING else read(self.loaded, found)

    def admit(self, version: str, op: str, *, lenient: bool = False) -> Guard | None:
        """Return a guard if a recorded version belongs to this world now, else None.

        It watches what nested calls rest on, too.

        Args:
            version: id of the version, hex.
            op: key of the op here.
            lenient: whether edits about which nothing was said count as compatible.
        """
        outcome = self.judge(version, op)
        assumed: frozenset[Edge] = frozenset()
        while lenient and outcome is not None and outcome.belongs is Belongs.NO:
            edges = {s.edge for s in outcome.stops if s.text_new and s.text_old != s.text_new}
            verdicts = self.history.ledger.verdicts()
            if not edges or edges <= assumed or any(edge in verdicts for edge in edges):
                return None
            assumed |= edges
            outcome = self.judge(version, op, assume=assumed)
        if outcome is None or outcome.belongs is not Belongs.YES:
            return None
        keys = outcome.keys if outcome.keys is not None else self.closure(op).keys()
        return self.checks(op, keys, outcome.files)


def _at(check: Seen | SeenValue) -> tuple[int, str]:
    """Return where a name is bound."""
    return id(getattr(check.get, "__self__", None)), check.name
