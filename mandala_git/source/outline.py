"""What to show of a changed definition: its own lines, old and new, where the meaning differs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from mandala_git.source.aligned import Alignment, align
from mandala_git.source.definitions import Definition
from mandala_git.source.highlight import Span, steps
from mandala_git.source.pieces import Piece, Source

Place = Callable[[int], tuple[int, int]]
"""Tells (cell, number in it) of a line of a file."""

CONTEXT = 2
"""Lines shown around a difference."""


class Mark(StrEnum):
    """What a line is in a hunk."""

    CONTEXT = " "
    REMOVED = "-"
    ADDED = "+"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a hunk.

    Attributes:
        mark: context, removed or added.
        old, new: line numbers in the old and the new file, 1-based; 0 where it is not.
        text: as in the file, without the line end.
        spans: columns that differ, as (first, one past the last); none means all or nothing.
        note: words about the line, such as `moved out of "if a:"`.
        cells: in notebooks, the cells that the line is in, old and new; the numbers are those
            in the cell then.
    """

    mark: Mark
    old: int
    new: int
    text: str
    spans: tuple[Span, ...] = ()
    note: str = ""
    cells: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Hunk:
    """A run of lines around differences."""

    lines: tuple[Line, ...]


def outline(
    old: tuple[Definition, Source] | None,
    new: tuple[Definition, Source] | None,
    *,
    redirected: Mapping[str, str] | None = None,
    context: int = CONTEXT,
) -> tuple[Hunk, ...]:
    """Select the lines that tell how a definition changed.

    Args:
        old, new: the definition and the file that it stands in; None when it is not there.
        redirected: what names mean now that meant something else before, in words; the
            lines that read them are shown with it.
        context: equal lines around a difference.

    Returns:
        hunks in order of the file; never empty when both versions are given, even when all
        their lines are equal.
    """
    hunks = _outline(old, new, redirected or {}, context)
    places = [side[1].place if side is not None else None for side in (old, new)]
    return tuple(Hunk(tuple(_counted(line, *places) for line in hunk.lines)) for hunk in hunks)


def _counted(line: Line, old: Place | None, new: Place | None) -> Line:
    """Count a line of a notebook in its cell."""
    before = old(line.old) if old is not None and line.old else (0, line.old)
    after = new(line.new) if new is not None and line.new else (0, line.new)
    if not before[0] and not after[0]:
        return line
    return replace(line, old=before[1], new=after[1], cells=(before[0], after[0]))


def _outline(
    old: tuple[Definition, Source] | None,
    new: tuple[Definition, Source] | None,
    redirected: Mapping[str, str],
    context: int,
) -> Sequence[Hunk]:
    if old is None or new is None:
        side = new or old
        if side is None:
            return ()
        mark = Mark.REMOVED if new is None else Mark.ADDED
        rows = [_row(mark, n, side[1].lines) for n in side[1].piece(side[0]).shown]
        return (Hunk(tuple(rows)),) if rows else ()
    before, after = old[1].piece(old[0]), new[1].piece(new[0])
    found = align(before, after) if before.complete and after.complete else Alignment()
    if redirected:
        _say_redirected(found, after, redirected)
    if not found:
        outer = old[1].around(old[0]), new[1].around(new[0])
        around = align(*outer)
        if around:
            before, after, found = *outer, around
    if not found:
        found = _by_docstring(before, after) or _by_text(before, after)
    if not found:
        first = after.shown[0] if after.shown else 0
        return (Hunk((_row(Mark.CONTEXT, first, after.lines),)),) if first else ()
    return _hunks(_rows(found, before, after), context)


def _say_redirected(found: Alignment, after: Piece, redirected: Mapping[str, str]) -> None:
    """Point at the statements whose text is equal and whose names lead elsewhere."""
    for top in after.statements:
        for statement in top.walk():
            words = [redirected[name] for name in sorted(statement.names & redirected.keys())]
            if words:
                found.new_notes.setdefault(statement.first, ", ".join(words))


def _by_docstring(before: Piece, after: Piece) -> Alignment | None:
    """The docstrings, when they are all that differs (something reads them)."""
    old, new = (
        {n for note in piece.docstrings for n in range(note.first, note.last + 1)}
        for piece in (before, after)
    )
    found = _by_text(before, after)
    found.removed = {n: spans for n, spans in found.removed.items() if n in old}
    found.added = {n: spans for n, spans in found.added.items() if n in new}
    return found or None


def _by_text(before: Piece, after: Piece) -> Alignment:
    """Every line that differs as text: for a file that this Python cannot parse."""
    found = Alignment()
    old, new = before.shown, after.shown
    texts_old = [before.lines[n - 1].rstrip() for n in old]
    texts_new = [after.lines[n - 1].rstrip() for n in new]
    for tag, i, i_end, j, j_end in steps(texts_old, texts_new):
        if tag == "equal":
            found.anchors.extend(zip(old[i:i_end], new[j:j_end], strict=True))
        else:
            found.removed.update(dict.fromkeys(old[i:i_end], ()))
            found.added.update(dict.fromkeys(new[j:j_end], ()))
    return found


def _rows(found: Alignment, before: Piece, after: Piece) -> list[Line]:
    """All lines of both versions in one column: removed ones before those that replace them."""
    rows: list[Line] = []
    old_lines, new_lines = before.shown, after.shown
    in_old, in_new = set(old_lines), set(new_lines)
    anchors = [(a, b) for a, b in found.anchors if a in in_old and b in in_new]
    i = j = 0
    for old_at, new_at in [*anchors, (1 << 60, 1 << 60)]:
        while i < len(old_lines) and old_lines[i] < old_at:
            number = old_lines[i]
            if number in found.removed:
                spans, note = found.removed[number], found.old_notes.get(number, "")
                rows.append(Line(Mark.REMOVED, number, 0, before.lines[number - 1], spans, note))
            i += 1
        while j < len(new_lines) and new_lines[j] < new_at:
            number = new_lines[j]
            text, note = after.lines[number - 1], found.new_notes.get(number, "")
            if number in found.added:
                rows.append(Line(Mark.ADDED, 0, number, text, found.added[number], note))
            else:
                rows.append(Line(Mark.CONTEXT, 0, number, text, (), note))
            j += 1
        if i < len(old_lines) and j < len(new_lines):
            note = found.new_notes.get(new_at, "")
            rows.append(Line(Mark.CONTEXT, old_at, new_at, after.lines[new_at - 1], (), note))
            i, j = i + 1, j + 1
    return rows


def _hunks(rows: Sequence[Line], context: int) -> tuple[Hunk, ...]:
    wanted: set[int] = set()
    for at, row in enumerate(rows):
        if row.mark is not Mark.CONTEXT or row.note:
            wanted.update(range(at - context, at + context + 1))
    hunks: list[Hunk] = []
    run: list[Line] = []
    for at, row in enumerate(rows):
        if at in wanted:
            run.append(row)
        elif run:
            hunks.append(Hunk(_trim(run)))
            run = []
    if run:
        hunks.append(Hunk(_trim(run)))
    return tuple(hunks)


def _trim(run: Sequence[Line]) -> tuple[Line, ...]:
    """Leave out blank context at both ends."""
    kept = [at for at, row in enumerate(run) if row.mark is not Mark.CONTEXT or row.text.strip()]
    return tuple(run[kept[0] : kept[-1] + 1])


def _row(mark: Mark, number: int, lines: Sequence[str]) -> Line:
    old, new = (0, number) if mark is Mark.ADDED else (number, 0)
    if mark is Mark.CONTEXT:
        old = new = number
    return Line(mark, old, new, lines[number - 1])
