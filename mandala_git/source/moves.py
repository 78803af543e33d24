"""Which definitions that are gone and which that are new are the same ones, moved or renamed."""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable, Sequence

from mandala_git.source.definitions import Definition, Kind
from mandala_git.source.pieces import Sources

_FEW_STATEMENTS, _FEW_NODES = 3, 10  # SEMANTICS 6: smaller bodies are alike by accident


class Moves:
    """Pairs of a definition that is gone and one that is new, exact and unique by digest.

    A body of few statements is like others by accident, so that it moves only under its own
    name; methods move with their class.

    Attributes:
        pairs: what moved.
        old, new: what is left.
    """

    def __init__(
        self,
        old: Sequence[Definition],
        new: Sequence[Definition],
        before: Sources | None,
        after: Sources | None,
    ) -> None:
        self.pairs: list[tuple[Definition, Definition]] = []
        self.old, self.new = list(old), list(new)
        self._sources = {id(d): side for side, ds in ((before, old), (after, new)) for d in ds}
        self._large: dict[int, bool] = {}
        self._both = {d.digest for d in old} & {d.digest for d in new}
        self._by(lambda d: (d.kind, d.digest, d.name) if _alone(d) else None)
        self._by(lambda d: (d.kind, d.digest) if _alone(d) and self._telling(d) else None)
        known = -1
        while known != len(self.pairs):  # a class that moved takes its classes along
            known = len(self.pairs)
            homes = {was.key: now.key for was, now in self.pairs if was.kind is Kind.CLASS}
            self._by(
                lambda d, homes=homes: _within(d, homes.get(_home(d), "")),  # type: ignore[misc]
                lambda d: _within(d, _home(d)),
            )
        self._by(lambda d: (d.kind, d.digest) if d.parent and self._telling(d) else None)

    def _by(
        self,
        key: Callable[[Definition], Hashable],
        new_key: Callable[[Definition], Hashable] | None = None,
    ) -> None:
        """Pair what has the same key and is alone with it on both sides."""
        if not self.old or not self.new:
            return
        groups: dict[Hashable, tuple[list[Definition], list[Definition]]] = {}
        for side, definitions, read in ((0, self.old, key), (1, self.new, new_key or key)):
            for definition in definitions:
                found = read(definition)
                if found is not None:
                    groups.setdefault(found, ([], []))[side].append(definition)
        pairs = [(o[0], n[0]) for o, n in groups.values() if len(o) == 1 and len(n) == 1]
        self.pairs += pairs
        gone = {id(was) for was, _ in pairs}
        come = {id(now) for _, now in pairs}
        self.old = [d for d in self.old if id(d) not in gone]
        self.new = [d for d in self.new if id(d) not in come]

    def _telling(self, definition: Definition) -> bool:
        """There is an equal digest, and it is large enough that this is no accident."""
        if definition.digest not in self._both:
            return False
        found = self._large.get(id(definition))
        if found is None:
            sources = self._sources[id(definition)]
            found = sources is not None and is_telling(definition, sources)
            self._large[id(definition)] = found
        return found


def is_telling(definition: Definition, sources: Sources) -> bool:
    """Tell whether a definition is large enough that a likeness is no accident."""
    nodes = sources[definition.path].nodes(definition)
    inside = [inner for node in nodes for inner in ast.walk(node)]
    header = definition.kind in (Kind.FUNCTION, Kind.CLASS)
    statements = sum(isinstance(n, ast.stmt) for n in inside) - header
    meaningful = [n for n in inside if not isinstance(n, ast.expr_context)]
    return statements >= _FEW_STATEMENTS or len(meaningful) >= 2 * _FEW_NODES


def _alone(definition: Definition) -> bool:
    """Neither inside a class nor an import."""
    return definition.parent is None and definition.kind is not Kind.IMPORT


def _home(definition: Definition) -> str:
    return f"{definition.path}::{definition.parent}" if definition.parent else ""


def _within(definition: Definition, home: str) -> Hashable:
    return (home, definition.kind, definition.digest, definition.name) if home else None
