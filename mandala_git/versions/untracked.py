"""Untracked: the globals that do not count, because nothing that matters depends on them.

An op names those that do not count for its own calls, a project those that never count. Only
values can be left out, never code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from mandala_git.source.definitions import Definition, Kind, split_key
from mandala_git.source.snapshot import Snapshot

if TYPE_CHECKING:
    from typing import Protocol

    class World(Protocol):
        """What is asked of a process (`process.ProcessWorld`)."""

        @property
        def snapshot(self) -> Snapshot:
            """The code."""

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

    Attributes:
        names: of the project.
        declared: names that ops declare, by key of the op.
    """

    def __init__(
        self, world: World, names: frozenset[str], declared: Mapping[str, frozenset[str]]
    ) -> None:
        self.names = names
        self._world = world
        self.declared = declared
        self._ops: dict[str, frozenset[str]] = {}
        self._keys: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self.names or self.declared)

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
