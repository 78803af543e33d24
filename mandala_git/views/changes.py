"""How changes look to a person: one line a definition, its lines, what it costs."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from mandala_git.source.changes import Change, ChangeKind
from mandala_git.source.definitions import Kind
from mandala_git.source.outline import Hunk, Line, Mark
from mandala_git.views.text import Row, Span, Style, duration, plural, row, visible

SIGNS = {
    ChangeKind.CHANGED: ("~", Style.CHANGED),
    ChangeKind.ADDED: ("+", Style.ADDED),
    ChangeKind.REMOVED: ("-", Style.REMOVED),
    ChangeKind.MOVED: (">", Style.MOVED),
    ChangeKind.RENAMED: (">", Style.MOVED),
    ChangeKind.NAMES: ("=", Style.DIM),
    ChangeKind.COSMETIC: ("=", Style.DIM),
}

_FOLD = 3  # from so many definitions that moved together on, one line tells it


@dataclass(frozen=True, slots=True)
class Consequence:
    """What a change puts at stake.

    Attributes:
        ops: names of the ops that depend on it.
        calls: recorded calls that used it.
        seconds: recorded computing time of these calls.
        verdict: `breaking`, `compatible`, or None while it is not decided.
    """

    ops: tuple[str, ...]
    calls: int
    seconds: float
    verdict: str | None = None


HunksOf = Callable[[Change], Sequence[Hunk]]


def full(
    changes: Iterable[Change],
    *,
    hunks: HunksOf | None = None,
    consequences: Mapping[str, Consequence] | None = None,
    cosmetic: bool = False,
    hint: str = "git mandala diff --cosmetic",
    claim: Callable[[str, str], str] | None = None,
) -> list[Row]:
    """Render changes for reading: a line each, then the lines that differ and the cost.

    Args:
        changes: of `compare`, in its order.
        hunks: the lines of a change; None to leave them out.
        consequences: by key of the change.
        cosmetic: list what was only reformatted, too; else it is counted.
        hint: the command that shows what is only counted.
        claim: (key, old key) -> the command that keeps results of what a definition perhaps
            was; None where no command can.

    Returns:
        lines; none when nothing changed.
    """
    costs = consequences or {}
    everything = list(changes)
    rows: list[Row] = []
    shown, folded, together = _select(everything, costs, cosmetic)
    for change in shown:
        body: list[Row] = []
        if hunks is not None and _has_lines(change):
            body += _hunk_rows(hunks(change))
        cost = costs.get(change.key)
        body += _cost_rows(cost)
        body += _suggestion_rows(change, cost)
        if claim is not None:
            body += _guess_rows(change, costs, claim)
        if rows and (body or _spacious(rows)):
            rows.append(())
        rows.append(_head(change, folded.get(change.key, 0)))
        rows += body
    quiet = _quiet_rows(everything, cosmetic, hint)
    if rows and quiet and _spacious(rows):
        rows.append(())
    return rows + _moves_rows(together) + quiet


def concise(
    changes: Iterable[Change],
    *,
    consequences: Mapping[str, Consequence] | None = None,
    cosmetic: bool = False,
    hint: str = "git mandala diff --cosmetic",
) -> list[Row]:
    """Render changes as `path:line: what name: reasons`, a line each; arguments as `full`."""
    costs = consequences or {}
    everything = list(changes)
    rows: list[Row] = []
    shown, folded, together = _select(everything, costs, cosmetic)
    for change in shown:
        _, style = SIGNS[change.kind]
        definition = change.definition
        place = f"{visible(definition.place)}: "
        words = _words(change, folded.get(change.key, 0))
        cost = costs.get(change.key)
        rows.append(
            row(
                place,
                (str(change.kind), style),
                " " + visible(_name(change)),
                f": {words}" if words else "",
                (f" [{_cost(cost)}]" if cost else "", Style.COST),
            )
        )
    return rows + _moves_rows(together) + _quiet_rows(everything, cosmetic, hint)


def _has_lines(change: Change) -> bool:
    guessed = change.kind is ChangeKind.ADDED and change.guess is not None
    return change.kind is ChangeKind.CHANGED or change.kind.quiet or guessed


def _select(
    changes: Sequence[Change], costs: Mapping[str, Consequence], cosmetic: bool
) -> tuple[list[Change], dict[str, int], dict[tuple[str, str], int]]:
    """Choose what gets a line of its own.

    Returns:
        the changes; for the key of a class the number of members that came, went or moved with
        it; for two files the number of definitions that moved together.
    """
    classes = {
        (c.kind, c.key): c
        for c in changes
        if c.definition.kind is Kind.CLASS
        and c.kind in (ChangeKind.ADDED, ChangeKind.REMOVED, ChangeKind.MOVED, ChangeKind.RENAMED)
    }
    together = Counter(_files(c) for c in changes if c.kind is ChangeKind.MOVED)
    shown: list[Change] = []
    folded: Counter[str] = Counter()
    moved: Counter[tuple[str, str]] = Counter()
    for change in changes:
        if change.key not in costs:
            if change.told or (change.kind.quiet and not cosmetic):
                continue
            if change.kind is ChangeKind.MOVED and together[_files(change)] >= _FOLD:
                moved[_files(change)] += 1
                continue
            parent = f"{change.definition.path}::{change.definition.parent}"
            if (change.kind, parent) in classes and change.guess is None:
                folded[parent] += 1
                continue
        shown.append(change)
    return shown, dict(folded), dict(moved)


def _files(change: Change) -> tuple[str, str]:
    return (change.old.path if change.old else "", change.new.path if change.new else "")


def _moves_rows(together: Mapping[tuple[str, str], int]) -> list[Row]:
    sign, style = SIGNS[ChangeKind.MOVED]
    return [
        row((f"{sign} ", style), visible(f"{plural(n, 'definition')} moved from {old} to {new}"))
        for (old, new), n in together.items()
    ]


def _spacious(rows: Sequence[Row]) -> bool:
    """The last change took more than its line."""
    return bool(rows) and bool(rows[-1]) and rows[-1][0].text.startswith(" ")


def _head(change: Change, members: int) -> Row:
    sign, style = SIGNS[change.kind]
    definition = change.definition
    words = _words(change, members)
    return row(
        (f"{sign} ", style),
        (f"{visible(definition.place)} ", Style.DIM),
        (visible(_name(change)), Style.HEAD),
        f"   {words}" if words else "",
    )


def _name(change: Change) -> str:
    definition = change.definition
    prefix = {Kind.CLASS: "class ", Kind.IMPORT: "import "}.get(definition.kind, "")
    return prefix + definition.qualname


def _words(change: Change, members: int) -> str:
    words = [*change.reasons]
    if change.kind is ChangeKind.COSMETIC and not words:
        words.append("only reformatted")
    if change.guess is not None:
        words.append(guess_words(change))
    if members:
        words.append(f"with {plural(members, 'member')}")
    return visible(", ".join(words))


def guess_words(change: Change) -> str:
    """Say what a definition that came or went perhaps was or became; "" without a guess."""
    if change.guess is None:
        return ""
    this, other = change.definition, change.guess.other
    name = other.qualname if this.path == other.path else other.key
    moved = "moved" if this.qualname == other.qualname else "renamed"
    if change.new is None:
        return f"perhaps {moved}: now {name}"
    return f"perhaps {name}, {moved} and changed ({change.guess.score:.0%} alike)"


def _guess_rows(
    change: Change, costs: Mapping[str, Consequence], claim: Callable[[str, str], str]
) -> list[Row]:
    """Say what to do where recorded calls need what a definition perhaps was."""
    if change.new is None or change.guess is None:
        return []
    was = change.guess.other.key
    lost = costs.get(was)
    if lost is None or not lost.calls or change.key in costs:
        return []
    command = claim(change.key, was)
    return [
        row((visible(f"  {was} is {_cost(lost)}"), Style.COST)),
        row((visible(f"  if results stay: {command}"), Style.DIM)),
    ]


def claim_command(key: str, was: str, *, rev: str = "", staged: bool = False) -> str:
    """Write the command that says: this is what that was, and its results stay.

    Args:
        key: of the definition as it is now.
        was: key of what it was.
        rev: the commit that has it; "" for HEAD.
        staged: the definition is that of the index.
    """
    words = ["git", "mandala", "classify", *(["--staged"] if staged else []), key]
    return shlex.join([*words, "--was", f"{rev}:{was}" if rev else was, "--compatible"])


def _hunk_rows(hunks: Sequence[Hunk]) -> list[Row]:
    rows: list[Row] = []
    numbers = [n for hunk in hunks for line in hunk.lines for n in _numbers(line)]
    width = max(4, max(map(len, numbers), default=0))
    for hunk in hunks:
        if rows:
            rows.append(row((" " * (2 * width - 1) + "...", Style.DIM)))
        rows += [_line_row(line, width) for line in hunk.lines]
    return rows


def _numbers(line: Line) -> tuple[str, str]:
    """Number a line on both sides: `8`, in a notebook `3:8` for cell 3."""
    found = []
    for number, cell in zip((line.old, line.new), line.cells, strict=True):
        found.append("" if not number else f"{cell}:{number}" if cell else f"{number}")
    return found[0], found[1]


def _line_row(line: Line, width: int) -> Row:
    style, strong = {
        Mark.CONTEXT: (Style.PLAIN, Style.PLAIN),
        Mark.REMOVED: (Style.REMOVED, Style.REMOVED_TOKEN),
        Mark.ADDED: (Style.ADDED, Style.ADDED_TOKEN),
    }[line.mark]
    old, new = _numbers(line)
    numbers = f"{old:>{width}} {new:>{width}} "
    parts: list[Span] = [Span(numbers, Style.DIM), Span(f"{line.mark} ", style)]
    at = 0
    for first, last in line.spans:
        parts.append(Span(visible(line.text[at:first]), style))
        parts.append(Span(visible(line.text[first:last]), strong))
        at = last
    parts.append(Span(visible(line.text[at:].rstrip("\f")), style))
    if line.note:
        parts.append(Span(f"   <- {visible(line.note)}", Style.NOTE))
    return row(*parts)


def _cost_rows(cost: Consequence | None) -> list[Row]:
    if cost is None:
        return []
    verdict: list[Span] = []
    if cost.verdict:
        style = Style.BAD if cost.verdict == "breaking" else Style.GOOD
        if not cost.calls:
            # Nothing stops there: what was recorded goes on, or nothing ever was.
            return [row(("  marked ", Style.COST), (cost.verdict, style))]
        verdict = [Span(", marked ", Style.COST), Span(cost.verdict, style)]
    return [row(("  " + _cost(cost), Style.COST), *verdict)]


def _cost(cost: Consequence) -> str:
    if cost.verdict and not cost.calls:
        return f"marked {cost.verdict}"
    used = f"used by {', '.join(cost.ops)}: " if cost.ops else ""
    if not cost.calls:
        return f"{used}no recorded call"
    return visible(
        f"{used}{plural(cost.calls, 'recorded call')}, {duration(cost.seconds)} of computing"
    )


def _suggestion_rows(change: Change, cost: Consequence | None) -> list[Row]:
    if change.suggestion is None or cost is None or cost.verdict or not cost.calls:
        return []  # nothing is asked
    return [row((f"  probably {change.suggestion}: {change.why}", Style.DIM))]


def quiet_words(changes: Iterable[Change]) -> str:
    """Count what differs and means the same; "" when nothing does."""
    counts = Counter(change.kind for change in changes)
    reformatted, names = counts[ChangeKind.COSMETIC], counts[ChangeKind.NAMES]
    words = [f"{plural(reformatted, 'definition')} only reformatted"] if reformatted else []
    words += [f"{plural(names, 'definition')} with only names changed"] if names else []
    return ", ".join(words)


def _quiet_rows(changes: Sequence[Change], cosmetic: bool, hint: str) -> list[Row]:
    words = quiet_words(changes)
    if cosmetic or not words:
        return []
    them = "it" if sum(change.kind.quiet for change in changes) == 1 else "them"
    return [row((f"{words} ({hint} to see {them})", Style.DIM))]
