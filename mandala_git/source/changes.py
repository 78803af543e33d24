"""The changes between two snapshots, definition by definition, each with its reasons."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from mandala_git.source.definitions import Definition, FileFacts, Kind
from mandala_git.source.guesses import Guess, guess
from mandala_git.source.moves import Moves
from mandala_git.source.outline import CONTEXT, Hunk, outline
from mandala_git.source.pieces import Sources
from mandala_git.source.reasons import LAYOUT, explain, may_be_layout, redirected
from mandala_git.source.renaming import renamed

_OTHER_ORDER = "its order among the definitions of that name"
_REPEAT = re.compile(r"#\d+")

_NO_EFFECT = "without effect on Python 3"
_PAST = frozenset(
    {"nested_scopes", "generators", "division", "absolute_import", "with_statement"}
    | {"print_function", "unicode_literals", "generator_stop"}
)
_MOST = 3  # names that changed are told one by one up to this number


class ChangeKind(StrEnum):
    """What happened to a definition; in the order of importance."""

    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"
    MOVED = "moved"  # to another file, under its name or a new one
    RENAMED = "renamed"
    NAMES = "names"  # only names differ: of locals, or how an import is spelled
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
        guess: of what came or went, what it perhaps was or became; only shown.
    """

    kind: ChangeKind
    old: Definition | None
    new: Definition | None
    reasons: tuple[str, ...] = ()
    suggestion: str | None = None
    why: str = ""
    told: bool = False
    guess: Guess | None = None

    @property
    def definition(self) -> Definition:
        """The definition as it is now, or as it was when it is gone."""
        found = self.new or self.old
        if found is None:
            raise ValueError("a change has at least one side")
        return found

    @property
    def layout(self) -> bool:
        """All that differs is what formatters do and Python can see: import order, docstrings."""
        return bool(self.reasons) and LAYOUT.issuperset(self.reasons)

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
    brief: bool = False,
) -> tuple[Change, ...]:
    """Compare two snapshots.

    Args:
        old, new: facts of the files that differ (more do no harm).
        before, after: their text, for exact reasons and for judging which equal definitions
            are the same one moved; without it only an equal name proves a move.
        brief: look for reasons only where all that differs may be layout, for who only counts.

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
                change = _changed(was, now, before, after, brief)
                if change:
                    changes.append(change)
    moves = Moves(left_old, left_new, before, after)
    for was, now in moves.pairs:
        changes.append(_moved(was, now))
    changes += [
        Change(ChangeKind.COSMETIC, None, d, (_NO_EFFECT,))
        if _is_idle(d, news[d.path])
        else Change(ChangeKind.ADDED, None, d)
        for d in moves.new
    ]
    changes += [
        Change(ChangeKind.COSMETIC, d, None, (_NO_EFFECT,))
        if _is_idle(d, olds[d.path])
        else Change(ChangeKind.REMOVED, d, None)
        for d in moves.old
    ]
    return tuple(sorted(_told(changes), key=_order))


def with_guesses(changes: Iterable[Change], before: Sources, after: Sources) -> tuple[Change, ...]:
    """Say of definitions that came or went what they perhaps were or became.

    Args:
        changes: of `compare`.
        before, after: the text of the files of both sides.
    """
    everything = list(changes)
    gone = [c.old for c in everything if c.kind is ChangeKind.REMOVED and c.old is not None]
    come = [c.new for c in everything if c.kind is ChangeKind.ADDED and c.new is not None]
    found: dict[tuple[ChangeKind, str], Guess] = {}
    for was, now, score in guess(gone, come, before, after):
        found[ChangeKind.REMOVED, was.key] = Guess(now, score)
        found[ChangeKind.ADDED, now.key] = Guess(was, score)
    return tuple(replace(c, guess=found.get((c.kind, c.key))) for c in everything)


def hunks(
    change: Change, before: Sources, after: Sources, *, context: int = CONTEXT
) -> tuple[Hunk, ...]:
    """Select the source lines that tell a change; see `outline`.

    Args:
        change: of `compare`; with a guess, the lines tell what became of the other side.
        before, after: the text of the files of both sides.
        context: equal lines around a difference.
    """
    other = change.guess.other if change.guess is not None else None
    old, new = change.old or other, change.new or other
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
    """Pair the definitions of one file by name; repeated names by digest as far as their order is
    the same, then by order."""
    groups: dict[str, tuple[list[Definition], list[Definition]]] = defaultdict(lambda: ([], []))
    for side, definitions in enumerate((old, new)):
        for definition in definitions:
            if definition.lines[0]:  # not a `<module>` without statements
                groups[_REPEAT.sub("", definition.qualname)][side].append(definition)
    for olds, news in groups.values():
        if len(olds) > 1 or len(news) > 1:
            line = 0
            for was in list(olds):
                later = (d for d in news if d.lines[0] > line and d.digest == was.digest)
                same = next(later, None)
                if same is not None:
                    line = same.lines[0]
                    olds.remove(was)
                    news.remove(same)
                    if same.qualname == was.qualname:  # else only its number is another
                        yield was, same
        both = min(len(olds), len(news))
        yield from zip(olds[:both], news[:both], strict=True)
        yield from ((was, None) for was in olds[both:])
        yield from ((None, now) for now in news[both:])


def _changed(
    old: Definition, new: Definition, before: Sources | None, after: Sources | None, brief: bool
) -> Change | None:
    if old.text_id == new.text_id and old.digest == new.digest:
        return None
    if old.digest == new.digest and old.kind is new.kind:
        if old.qualname != new.qualname:
            return Change(ChangeKind.CHANGED, old, new, (_OTHER_ORDER,))
        if old.exact != new.exact:
            words = "names only" if brief else _names(old, new, before, after)
            return Change(ChangeKind.NAMES, old, new, (words,))
        return Change(ChangeKind.COSMETIC, old, new)
    if brief and not may_be_layout(old, new):
        return Change(ChangeKind.CHANGED, old, new)
    found = explain(
        old,
        new,
        before[old.path] if before else None,
        after[new.path] if after else None,
    )
    return Change(ChangeKind.CHANGED, old, new, found.words, found.suggestion, found.why)


def _names(old: Definition, new: Definition, before: Sources | None, after: Sources | None) -> str:
    if before is None or after is None:
        return "names only"
    pieces = before[old.path].piece(old), after[new.path].piece(new)
    pairs = [f"{was} -> {now}" for was, now in renamed(old, new, *pieces)]
    more = f" and {len(pairs) - _MOST} more" if len(pairs) > _MOST else ""
    return "names only" + (": " if pairs else "") + ", ".join(pairs[:_MOST]) + more


def _moved(old: Definition, new: Definition) -> Change:
    if old.path == new.path:
        return Change(ChangeKind.RENAMED, old, new, (f"was {old.qualname}",))
    return Change(ChangeKind.MOVED, old, new, (f"was {old.key}",))


def _is_idle(definition: Definition, facts: FileFacts) -> bool:
    """Whether it is an import from `__future__` that no Python 3 heeds, and nobody reads."""
    if definition.kind is not Kind.IMPORT or len(definition.holes) != 1:
        return False
    name, binding = definition.qualname, definition.holes[0].binding
    if binding[:3] != ("from", 0, "__future__") or binding[3] not in _PAST:
        return False
    return not any(
        h.name == name for d in facts.definitions if d is not definition for h in d.holes
    )


def _told(changes: Iterable[Change]) -> Iterator[Change]:
    """Mark the imports that another change of their file already speaks of."""
    changes = list(changes)
    used: dict[str, set[str]] = defaultdict(set)
    for change in changes:
        sides = [d for d in (change.old, change.new) if d is not None and d.kind is not Kind.IMPORT]
        names = [{hole.name for hole in side.holes} for side in sides]
        if change.kind is ChangeKind.NAMES and len(sides) == 2:
            # Of the imports it speaks of those only that it uses under another name now.
            names = [names[0] - names[1], names[1] - names[0]]
        elif change.kind.quiet:
            continue
        for side, mentioned in zip(sides, names, strict=True):
            used[side.path] |= mentioned
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
