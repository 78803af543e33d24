"""The changes between two snapshots, definition by definition, each with its reasons."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from mandala_git.source.definitions import Definition, FileFacts, Kind
from mandala_git.source.outline import CONTEXT, Hunk, outline
from mandala_git.source.pieces import Sources
from mandala_git.source.reasons import explain, redirected

_REPEAT = re.compile(r"#\d+")
_FEW_STATEMENTS, _FEW_NODES = 3, 10  # SEMANTICS 6: smaller bodies are alike by accident


class ChangeKind(StrEnum):
    """What happened to a definition; in the order of importance."""

    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"
    MOVED = "moved"  # to another file, under its name or a new one
    RENAMED = "renamed"
    NAMES = "names"  # only names of locals differ
    COSMETIC = "cosmetic"  # only formatting, comments, docstrings differ

    @property
    def quiet(self) -> bool:
        """Nothing that runs differs."""
        return self in (ChangeKind.NAMES, ChangeKind.COSMETIC)


@dataclass(frozen=True, slots=True)
class Change:
    """One definition that is not what it was.

    Attributes:
        kind: what happened.
        old, new: the definition before and after; None when it was or is not there.
        reasons: in words, most specific first.
        suggestion: `compatible`, `breaking`, or None when nothing is known.
        why: the justification of the suggestion.
        told: an import that another change of its file already speaks of.
    """

    kind: ChangeKind
    old: Definition | None
    new: Definition | None
    reasons: tuple[str, ...] = ()
    suggestion: str | None = None
    why: str = ""
    told: bool = False

    @property
    def definition(self) -> Definition:
        """The definition as it is now, or as it was when it is gone."""
        found = self.new or self.old
        if found is None:
            raise ValueError("a change has at least one side")
        return found

    @property
    def key(self) -> str:
        """Key of the definition as it is now, or as it was when it is gone."""
        return self.definition.key


def compare(
    old: Iterable[FileFacts],
    new: Iterable[FileFacts],
    *,
    before: Sources | None = None,
    after: Sources | None = None,
) -> tuple[Change, ...]:
    """Compare two snapshots.

    Args:
        old, new: facts of the files that differ (more do no harm).
        before, after: their text, for exact reasons and for judging which equal definitions
            are the same one moved; without it only an equal name proves a move.

    Returns:
        changes, most important first, then by file and line. A file that cannot be read on
        one side is left out: nothing is known about its definitions.
    """
    olds, news = {f.path: f for f in old}, {f.path: f for f in new}
    unreadable = {f.path for f in (*olds.values(), *news.values()) if f.error}
    left_old: list[Definition] = []
    left_new: list[Definition] = []
    changes: list[Change] = []
    for path in sorted((olds.keys() | news.keys()) - unreadable):
        pairs = _pair_file(
            olds[path].definitions if path in olds else (),
            news[path].definitions if path in news else (),
        )
        for was, now in pairs:
            if was is None and now is not None:
                left_new.append(now)
            elif now is None and was is not None:
                left_old.append(was)
            elif was is not None and now is not None:
                change = _changed(was, now, before, after)
                if change:
                    changes.append(change)
    moves = _Moves(left_old, left_new, before, after)
    for was, now in moves.pairs:
        changes.append(_moved(was, now))
    changes += [Change(ChangeKind.ADDED, None, d) for d in moves.new]
    changes += [Change(ChangeKind.REMOVED, d, None) for d in moves.old]
    return tuple(sorted(_told(changes), key=_order))


def hunks(
    change: Change, before: Sources, after: Sources, *, context: int = CONTEXT
) -> tuple[Hunk, ...]:
    """Select the source lines that tell a change; see `outline`.

    Args:
        change: of `compare`.
        before, after: the text of the files of both sides.
        context: equal lines around a difference.
    """
    old, new = change.old, change.new
    elsewhere = redirected(old, new) if old and new else {}
    words: dict[str, str] = {}
    for chain, text in elsewhere.items():
        words.setdefault(chain.partition(".")[0], f"{chain} {text}")
    return outline(
        (old, before[old.path]) if old else None,
        (new, after[new.path]) if new else None,
        redirected=words,
        context=context,
    )


def _pair_file(
    old: Sequence[Definition], new: Sequence[Definition]
) -> Iterator[tuple[Definition | None, Definition | None]]:
    """Pair the definitions of one file by name; repeated names by digest, then by order."""
    groups: dict[str, tuple[list[Definition], list[Definition]]] = defaultdict(lambda: ([], []))
    for side, definitions in enumerate((old, new)):
        for definition in definitions:
            if definition.lines[0]:  # not a `<module>` without statements
                groups[_REPEAT.sub("", definition.qualname)][side].append(definition)
    for olds, news in groups.values():
        if len(olds) > 1 or len(news) > 1:
            for was in list(olds):
                same = next((d for d in news if d.digest == was.digest), None)
                if same is not None:
                    olds.remove(was)
                    news.remove(same)
                    yield was, same
        both = min(len(olds), len(news))
        yield from zip(olds[:both], news[:both], strict=True)
        yield from ((was, None) for was in olds[both:])
        yield from ((None, now) for now in news[both:])


def _changed(
    old: Definition, new: Definition, before: Sources | None, after: Sources | None
) -> Change | None:
    if old.text_id == new.text_id and old.digest == new.digest:
        return None
    if old.digest == new.digest and old.kind is new.kind:
        if old.qualname != new.qualname:
            return None  # only its number among definitions of one name
        if old.exact != new.exact:
            return Change(ChangeKind.NAMES, old, new, ("names only",))
        return Change(ChangeKind.COSMETIC, old, new)
    found = explain(
        old,
        new,
        before[old.path] if before else None,
        after[new.path] if after else None,
    )
    return Change(ChangeKind.CHANGED, old, new, found.words, found.suggestion, found.why)


def _moved(old: Definition, new: Definition) -> Change:
    if old.path == new.path:
        return Change(ChangeKind.RENAMED, old, new, (f"was {old.qualname}",))
    return Change(ChangeKind.MOVED, old, new, (f"was {old.key}",))


class _Moves:
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
        self._before, self._after = before, after
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
        """Large enough that an equal digest is no accident."""
        sources = self._before if definition in self.old else self._after
        if sources is None:
            return False
        nodes = sources[definition.path].piece(definition).nodes
        inside = [inner for node in nodes for inner in ast.walk(node)]
        statements = sum(isinstance(n, ast.stmt) for n in inside) - _has_header(definition)
        meaningful = [n for n in inside if not isinstance(n, ast.expr_context)]
        return statements >= _FEW_STATEMENTS or len(meaningful) >= 2 * _FEW_NODES


def _has_header(definition: Definition) -> bool:
    return definition.kind in (Kind.FUNCTION, Kind.CLASS)


def _alone(definition: Definition) -> bool:
    """Neither inside a class nor an import."""
    return definition.parent is None and definition.kind is not Kind.IMPORT


def _home(definition: Definition) -> str:
    return f"{definition.path}::{definition.parent}" if definition.parent else ""


def _within(definition: Definition, home: str) -> Hashable:
    return (home, definition.kind, definition.digest, definition.name) if home else None


def _told(changes: Iterable[Change]) -> Iterator[Change]:
    """Mark the imports that another change of their file already speaks of."""
    changes = list(changes)
    used: dict[str, set[str]] = defaultdict(set)
    for change in changes:
        for side in (change.old, change.new):
            if side is not None and side.kind is not Kind.IMPORT and not change.kind.quiet:
                used[side.path].update(hole.name for hole in side.holes)
    for change in changes:
        definition = change.definition
        imported = definition.kind is Kind.IMPORT and definition.name in used[definition.path]
        yield replace(change, told=True) if imported else change


def _order(change: Change) -> tuple[int, bool, str, bool, int, str]:
    definition = change.definition
    return (
        list(ChangeKind).index(change.kind),
        definition.kind is Kind.IMPORT,
        definition.path,
        definition.kind is Kind.MODULE,
        definition.lines[0],
        definition.qualname,
    )
