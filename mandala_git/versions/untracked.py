"""Untracked: the globals that do not count, because nothing that matters depends on them.

An op names those that do not count for its own calls, a project those that never count. Only
values can be left out, never code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Set
from typing import TYPE_CHECKING

from mandala_git.config import MARKED
from mandala_git.source.definitions import MODULE, Definition, Kind, split_key
from mandala_git.source.snapshot import Snapshot

if TYPE_CHECKING:
    from typing import Protocol

    class World(Protocol):
        """What is asked of a process (`process.ProcessWorld`)."""

        @property
        def snapshot(self) -> Snapshot:
            """The code."""

        @property
        def untracked(self) -> Untracked:
            """Which globals do not count where."""

        def closure(self, key: str) -> dict[str, Definition]:
            """Return the static closure of a definition."""


def dotted(key: str) -> str:
    """Return `src.pkg.mod.NAME` for `src/pkg/mod.py::NAME`."""
    path, name = split_key(key)
    module = re.sub(r"(/__init__)?\.py$", "", path).strip("/").replace("/", ".")
    return f"{module}.{name.partition('#')[0]}"


def named(key: str, names: Iterable[str]) -> str:
    """Return the first of these names that means a key, as `pkg.mod.NAME` or `NAME`; "" for none."""
    full = f".{dotted(key)}"
    return next((name for name in names if full.endswith(f".{name}")), "")


class Untracked:
    """Which globals do not count where.

    Args:
        world: the process.
        names: of the project.
        declared: names that ops declare, by key of the op.
        marked: keys of the functions and classes under `@track`.

    Attributes:
        names: of the project.
        declared: names that ops declare, by key of the op.
    """

    def __init__(
        self,
        world: World,
        names: frozenset[str],
        declared: Mapping[str, frozenset[str]],
        marked: Set[str] = frozenset(),
    ) -> None:
        self.names = names
        self._world = world
        self.declared = declared
        self._marked = marked
        self._ops: dict[str, frozenset[str]] = {}
        self._keys: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self.names or self.declared)

    @property
    def only_marked(self) -> bool:
        """Whether code counts only where it is an op or marked."""
        return MARKED in self.names

    def is_marked(self, key: str) -> bool:
        """Tell whether a definition is an op, or marked itself or with its class."""
        definition = self._world.snapshot.definition(key)
        if definition is None:
            return False
        path, names = definition.path, definition.qualname.split(".")
        above = (f"{path}::{'.'.join(names[:end])}" for end in range(1, len(names) + 1))
        return definition.op or any(each.partition("#")[0] in self._marked for each in above)

    def _marked_below(self, op: str) -> dict[str, Definition]:
        closure = self._world.closure(op)
        todo = [key for key in closure if key == op or self.is_marked(key)]
        found: dict[str, Definition] = {}
        while todo:
            key = todo.pop()
            if key in found or key not in closure:
                continue
            found[key] = closure[key]
            out = self.by_op(op) | self.by_op(key)
            for target in self._world.snapshot.references(closure[key]):
                there = closure.get(target)
                value = there is not None and there.kind in (Kind.GLOBAL, Kind.IMPORT)
                if value and target not in out and not self.by_project(target):
                    todo.append(target)
        return found

    def by_project(self, key: str, definition: Definition | None = None) -> str:
        """Return the name under which the project leaves a global out; "" when it counts.

        Args:
            key: of the global.
            definition: what it is, where that is known.
        """
        if not self.names:
            return ""
        if key not in self._keys:
            definition = definition or self._world.snapshot.definition(key)
            value = definition is not None and definition.kind is Kind.GLOBAL
            self._keys[key] = named(key, sorted(self.names)) if value else ""
        return self._keys[key]

    def by_op(self, op: str) -> frozenset[str]:
        """Return the keys of the globals that do not count for an op itself."""
        names = self.declared.get(op)
        if not names:
            return frozenset()
        if op not in self._ops:
            self._ops[op] = frozenset(key for name in names for key in self._meant(op, name))
        return self._ops[op]

    def unknown(self, op: str) -> list[str]:
        """Return the names that an op declares and that nothing it reads has."""
        return sorted(n for n in self.declared.get(op, ()) if not self._meant(op, n))

    def _meant(self, op: str, name: str) -> list[str]:
        values = [k for k, d in self._world.closure(op).items() if d.kind is Kind.GLOBAL]
        if "." in name:
            return [key for key in values if named(key, (name,))]
        snapshot, path = self._world.snapshot, split_key(op)[0]
        here = {f"{path}::{name}"}
        for definition in snapshot.named(path, name):
            here.add(definition.key)
            if definition.kind is Kind.IMPORT:
                for number in range(len(definition.holes)):
                    here.update(end.key for end in snapshot.resolve(definition, number))
        return [key for key in values if key in here]

    def counting(self, op: str) -> dict[str, Definition]:
        """Return the static closure of an op without what does not count on any way to it."""
        if not self:
            return self._world.closure(op)
        if self.only_marked:
            return self._marked_below(op)
        snapshot = self._world.snapshot
        found: dict[str, Definition] = {}
        seen: set[tuple[str, frozenset[str]]] = set()
        todo = [(op, self.by_op(op))]
        while todo:
            key, out = todo.pop()
            definition = snapshot.definition(key)
            if definition is None or (key, out) in seen:
                continue
            seen.add((key, out))
            found[key] = definition
            for target in snapshot.references(definition):
                if target not in out and not self.by_project(target):
                    todo.append((target, out | self.by_op(target)))
        return found


_CODE = (Kind.FUNCTION, Kind.CLASS)


def left_to_marked(
    op: str,
    counting: Set[str],
    world: World,
    ends: Callable[[str], Iterable[tuple[str, set[str]]]],
) -> tuple[set[str], set[str]]:
    """Choose what counts where code counts only if it is an op or marked.

    Args:
        op: key of the op.
        counting: all that would count.
        world: the process.
        ends: yields the slots of a definition, and the keys to which each leads.

    Returns:
        What is kept, and of that what no kept name leads to.
    """
    is_marked = world.untracked.is_marked

    def is_out(key: str) -> bool:
        definition = world.snapshot.definition(key)
        kind = definition.kind if definition is not None else Kind.MODULE
        return kind is Kind.MODULE or (kind in _CODE and not is_marked(key))

    kept: set[str] = set()
    roots: set[str] = set()
    for root in (op, *sorted(filter(is_marked, counting))):
        if root in kept:
            continue
        kept.add(root)
        roots.update((root,) if root != op else ())
        todo = [root]
        while todo:
            for name, keys in ends(todo.pop()):
                if name != MODULE and not all(map(is_out, keys)):
                    todo += keys - kept
                    kept |= keys
    return kept, roots
