"""Which tokens of two runs of lines differ."""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Hashable, Sequence
from difflib import SequenceMatcher

Span = tuple[int, int]
"""First and one past the last column of differing characters in a line."""

_ALIKE = 0.4  # lines that share less are not compared token by token
_MUCH = 1000  # longer sequences are compared with difflib's shortcut: without it it is quadratic
_TOO_MUCH = 4000  # tokens in one run of differing lines

_TOKEN = re.compile(
    r"""(?P<space>\s+|\\\r?\n|\#[^\r\n]*)
    |(?P<string>(?i:[rbuft]{0,2})(?:\"\"\"(?:\\.|[^\\])*?\"\"\"|'''(?:\\.|[^\\])*?'''
        |"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
    |(?P<number>(?:\d|\.\d)(?:[\w.]|(?<=[eE])[+-](?=\d))*)
    |(?P<name>\w+)
    |(?P<other>\*\*=?|//=?|>>=?|<<=?|->|:=|[-+*/%@&|^=!<>]=|\.\.\.|.)""",
    re.VERBOSE | re.DOTALL,
)


def steps(old: Sequence[Hashable], new: Sequence[Hashable]) -> list[tuple[str, int, int, int, int]]:
    """Find how one sequence becomes another (difflib: Ratcliff and Obershelp's algorithm).

    Returns:
        (`equal`, `replace`, `delete` or `insert`, old start, old end, new start, new end), in
        order, as `SequenceMatcher.get_opcodes`.
    """
    short = min(len(old), len(new))
    head = next((at for at in range(short) if old[at] != new[at]), short)
    left = short - head
    tail = next((at for at in range(left) if old[-1 - at] != new[-1 - at]), left)
    a, b = old[head : len(old) - tail], new[head : len(new) - tail]
    found = [("equal", 0, head, 0, head)] if head else []
    matcher = SequenceMatcher(None, a, b, autojunk=max(len(a), len(b)) > _MUCH)
    for tag, i, i_end, j, j_end in matcher.get_opcodes():
        found.append((tag, i + head, i_end + head, j + head, j_end + head))
    if tail:
        found.append(("equal", len(old) - tail, len(old), len(new) - tail, len(new)))
    return found


def tokens_of(line: str) -> list[tuple[str, Span]]:
    """The tokens of a line with their columns; spelling that means nothing is evened out."""
    found: list[tuple[str, Span]] = []
    for match in _TOKEN.finditer(line):
        kind, text = match.lastgroup, match.group()
        if kind == "space":
            continue
        if kind in ("string", "number") and "\\" not in text:
            # An f-string, or half of something, stays as it is written.
            with contextlib.suppress(ValueError, SyntaxError):
                text = repr(ast.literal_eval(text))
        found.append((text, match.span()))
    return found


def spans_of(
    old: Sequence[tuple[int, list[tuple[str, Span]]]],
    new: Sequence[tuple[int, list[tuple[str, Span]]]],
) -> tuple[dict[int, tuple[Span, ...]], dict[int, tuple[Span, ...]]]:
    """Columns of the tokens that differ, for each line of two runs of lines."""
    flat_old = [(line, *token) for line, tokens in old for token in tokens]
    flat_new = [(line, *token) for line, tokens in new for token in tokens]
    old_spans: dict[int, tuple[Span, ...]] = {line: () for line, tokens in old if tokens}
    new_spans: dict[int, tuple[Span, ...]] = {line: () for line, tokens in new if tokens}
    if not flat_old or not flat_new or len(flat_old) + len(flat_new) > _TOO_MUCH:
        return old_spans, new_spans  # nothing to tell it from, or nothing a reader would see
    opcodes = steps([t for _, t, _ in flat_old], [t for _, t, _ in flat_new])
    equal = sum(i_end - i for tag, i, i_end, _, _ in opcodes if tag == "equal")
    if 2 * equal < _ALIKE * (len(flat_old) + len(flat_new)):
        return old_spans, new_spans  # all but new: nothing stands out
    for tag, i, i_end, j, j_end in opcodes:
        if tag != "equal":
            _mark(old_spans, flat_old[i:i_end])
            _mark(new_spans, flat_new[j:j_end])
    return old_spans, new_spans


def _mark(spans: dict[int, tuple[Span, ...]], tokens: Sequence[tuple[int, str, Span]]) -> None:
    for line in {line: None for line, _, _ in tokens}:
        columns = [span for at, _, span in tokens if at == line]
        spans[line] = (*spans[line], (columns[0][0], columns[-1][1]))
