"""Stored texts as people read them: the source in a text, and its lines against another's."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from difflib import SequenceMatcher

from mandala_git.source.outline import CONTEXT, Hunk, Line, Mark


def source_of(text: bytes) -> list[str]:
    """Return the source lines in a stored text (`texts.py`), without what surrounds them."""
    parts = text.decode("utf-8", "surrogatepass").split("\n", 3)
    return textwrap.dedent(parts[3]).strip("\n").split("\n") if len(parts) == 4 else []


def line_hunks(
    old: Sequence[str], new: Sequence[str], first: int, *, context: int = CONTEXT
) -> tuple[Hunk, ...]:
    """Compare lines as they are, where the file that the old ones stood in is not at hand.

    Args:
        old: lines before, without line ends; they have no numbers.
        new: lines now.
        first: number of the first of them in its file, 1-based.
        context: equal lines around a difference.
    """
    hunks: list[Hunk] = []
    matcher = SequenceMatcher(None, old, textwrap.dedent("\n".join(new)).split("\n"), False)
    for group in matcher.get_grouped_opcodes(context):
        lines: list[Line] = []
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                lines += [Line(Mark.CONTEXT, 0, first + j, new[j]) for j in range(j1, j2)]
                continue
            lines += [Line(Mark.REMOVED, 0, 0, old[i]) for i in range(i1, i2)]
            lines += [Line(Mark.ADDED, 0, first + j, new[j]) for j in range(j1, j2)]
        hunks.append(Hunk(tuple(lines)))
    return tuple(hunks)
