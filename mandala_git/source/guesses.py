"""Guesses: which definitions that are gone and which that are new are perhaps the same, changed.

A guess is something to look at. It proves nothing, and no verdict is ever read into it.
"""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mandala_git.source.definitions import Definition, Kind
from mandala_git.source.moves import is_telling
from mandala_git.source.pieces import Sources
from mandala_git.source.shapes import SUITES, head_shape, is_note, shape

_ALIKE = 0.6  # definitions that share less of their statements are two
_SAME_FILE = 0.5  # files that share less of their lines are two, as for git
_COMMON = 50  # a statement in more definitions than this does not make two worth comparing

_KINDS = (Kind.FUNCTION, Kind.CLASS, Kind.GLOBAL)


@dataclass(frozen=True, slots=True)
class Guess:
    """What a definition perhaps was, or became.

    Attributes:
        other: the definition of the other side.
        score: how much of their statements both share, 0 to 1 (Dice's coefficient).
    """

    other: Definition
    score: float


def guess(
    old: Sequence[Definition], new: Sequence[Definition], before: Sources, after: Sources
) -> list[tuple[Definition, Definition, float]]:
    """Pair definitions that are probably one, renamed or moved, and changed.

    First the same name in a file that was renamed, then what shares most of its statements,
    best first, as far as it is large enough to tell.

    Args:
        old, new: what is gone and what is new.
        before, after: the text of the files of both sides.

    Returns:
        (old, new, score), each definition once.
    """
    if not old or not new:
        return []
    sides = _Side(old, before), _Side(new, after)
    found: list[tuple[Definition, Definition, float]] = []
    taken: set[str] = set()
    ranked = [
        *sorted(_renamed_files(*sides), key=_rank),
        *sorted(_alike(*sides), key=_rank),
    ]
    for was, now, score in ranked:
        ends = {"-" + was.key, "+" + now.key}
        if not ends & taken:
            taken |= ends
            found.append((was, now, score))
    return found


class _Side:
    """One side: its definitions, and what they are made of.

    Args:
        definitions: those without a partner.
        sources: their files.
    """

    def __init__(self, definitions: Sequence[Definition], sources: Sources) -> None:
        self.sources = sources
        self.definitions = [d for d in definitions if d.kind in _KINDS]
        self._statements: dict[str, Counter[str]] = {}
        self._lines: dict[str, Counter[str]] = {}

    def statements(self, definition: Definition) -> Counter[str]:
        """Digests of all statements in a definition, headers of compound ones by themselves."""
        if definition.key not in self._statements:
            nodes = self.sources[definition.path].nodes(definition)
            try:
                found = Counter(d for n in nodes for d in _digests(n))
            except RecursionError:  # a guess less
                found = Counter()
            self._statements[definition.key] = found
        return self._statements[definition.key]

    def lines(self, path: str) -> Counter[str]:
        """The lines of a file, without blanks around them."""
        if path not in self._lines:
            lines = (line.strip() for line in self.sources[path].lines)
            self._lines[path] = Counter(line for line in lines if line)
        return self._lines[path]


def _renamed_files(old: _Side, new: _Side) -> Iterator[tuple[Definition, Definition, float]]:
    """The same name in two files that have much in common."""
    named: dict[tuple[Kind, str], list[Definition]] = defaultdict(list)
    for now in new.definitions:
        named[now.kind, now.qualname].append(now)
    for was in old.definitions:
        for now in named[was.kind, was.qualname]:
            if was.path != now.path:
                likeness = _dice(old.lines(was.path), new.lines(now.path))
                if likeness >= _SAME_FILE:
                    yield was, now, _dice(old.statements(was), new.statements(now))


def _alike(old: _Side, new: _Side) -> Iterator[tuple[Definition, Definition, float]]:
    """Definitions that share most of their statements."""
    holding: dict[str, list[Definition]] = defaultdict(list)
    for now in new.definitions:
        for digest in new.statements(now):
            holding[digest].append(now)
    for was in old.definitions:
        statements = old.statements(was)
        candidates = {
            now.key: now
            for digest in statements
            if len(holding.get(digest, ())) <= _COMMON
            for now in holding.get(digest, ())
            if now.kind is was.kind
        }
        for now in candidates.values():
            score = _dice(statements, new.statements(now))
            if score >= _ALIKE and is_telling(was, old.sources) and is_telling(now, new.sources):
                yield was, now, score


def _rank(pair: tuple[Definition, Definition, float]) -> tuple[float, bool, bool, str, str]:
    was, now, score = pair
    return -score, was.name != now.name, was.path != now.path, was.key, now.key


def _digests(top: ast.stmt) -> Iterator[str]:
    compound = any(getattr(top, name, None) for name in SUITES)
    inside: list[ast.stmt] = [] if compound else [top]
    inside += [n for n in ast.walk(top) if isinstance(n, ast.stmt) and n is not top]
    for node in inside:
        if not is_note(node) and not isinstance(node, ast.Pass):
            has_suites = any(getattr(node, name, None) for name in SUITES)
            if isinstance(node, ast.AnnAssign) and node.value is not None:
                # Reading a function for the screen drops annotations of its locals in place.
                node = ast.Assign([node.target], node.value)
            yield head_shape(node) if has_suites else shape(node)
    for mark in getattr(top, "decorator_list", ()):
        yield shape(mark)


def _dice(one: Counter[str], other: Counter[str]) -> float:
    total = one.total() + other.total()
    return 2 * (one & other).total() / total if total else 0.0
