"""Two versions of a definition laid side by side: which lines differ, which moved.

Statements are matched by their digests (longest common runs, difflib's Ratcliff and
Obershelp), header by header and suite by suite; a statement that is left over on both sides
moved. Only what is left after that is different.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mandala_git.source.highlight import Span, spans_of, steps, tokens_of
from mandala_git.source.pieces import Piece, Statement, Suite

_LIKE = 0.4  # statements less alike than this are one removed and one added
_MANY = 60  # a longer run of different statements is not paired one by one: it is quadratic


@dataclass(frozen=True, slots=True)
class _Header:
    """What a statement stands under: partners share the number, suites tell body from else."""

    number: int
    label: str
    suite: str = ""


_Path = tuple[_Header, ...]


@dataclass(slots=True)
class Alignment:
    """What differs between two versions, by line.

    Attributes:
        removed, added: differing lines of the old and of the new file, each with its spans.
        anchors: (old line, new line) of equal lines, both increasing.
        old_notes, new_notes: words to show at a line, such as `moved out of "if a:"`.
        old_statements, new_statements: the innermost statements that differ.
        deleted: how many of the old ones were replaced by nothing.
        clauses: how many `except`, `case` and other clauses differ themselves.
    """

    removed: dict[int, tuple[Span, ...]] = field(default_factory=dict)
    added: dict[int, tuple[Span, ...]] = field(default_factory=dict)
    anchors: list[tuple[int, int]] = field(default_factory=list)
    old_notes: dict[int, str] = field(default_factory=dict)
    new_notes: dict[int, str] = field(default_factory=dict)
    old_statements: list[Statement] = field(default_factory=list)
    new_statements: list[Statement] = field(default_factory=list)
    deleted: int = 0
    clauses: int = 0

    def __bool__(self) -> bool:
        """There is something to show."""
        return bool(self.removed or self.added or self.new_notes)


def align(old: Piece, new: Piece) -> Alignment:
    """Lay two versions of a definition side by side.

    Args:
        old, new: the versions; nothing is found in one that is not complete.

    Returns:
        the lines that differ. Nothing when the versions differ in formatting only, or in what
        their names mean.
    """
    return _Aligner(old, new).run()


@dataclass(frozen=True, slots=True)
class _Left:
    """A statement without a partner, and the headers it stands under."""

    statement: Statement
    above: _Path


class _Aligner:
    def __init__(self, old: Piece, new: Piece) -> None:
        self.old, self.new = old, new
        self.found = Alignment()
        self.pairs = 0
        self.gone: list[_Left] = []
        self.come: list[_Left] = []

    def run(self) -> Alignment:
        self._suites(self.old.statements, self.new.statements, (), ())
        self._moves()
        found = self.found
        anchors: list[tuple[int, int]] = []
        for old, new in found.anchors:
            after = not anchors or (old > anchors[-1][0] and new > anchors[-1][1])
            if after and old not in found.removed and new not in found.added:
                anchors.append((old, new))
        found.anchors = anchors
        return found

    def _suites(
        self,
        old: Sequence[Statement],
        new: Sequence[Statement],
        above_old: _Path,
        above_new: _Path,
    ) -> None:
        opcodes = steps([s.digest for s in old], [s.digest for s in new])
        for tag, i, i_end, j, j_end in opcodes:
            if tag == "equal":
                for before, after in zip(old[i:i_end], new[j:j_end], strict=True):
                    self._anchor(before.first, before.last, after.first, after.last)
                continue
            pairs = _pairs(old[i:i_end], new[j:j_end])
            at_i, at_j = i, j
            for a, b in [*pairs, (i_end - i, j_end - j)]:
                self._drop(old[at_i : i + a], above_old)
                self._add(new[at_j : j + b], above_new)
                if i + a < i_end:
                    self._pair(old[i + a], new[j + b], above_old, above_new)
                at_i, at_j = i + a + 1, j + b + 1

    def _pair(
        self,
        old: Statement,
        new: Statement,
        above_old: _Path,
        above_new: _Path,
    ) -> None:
        if old.head == new.head and old.suites and new.suites:
            self._anchor(old.first, old.head_last, new.first, new.head_last)
        else:
            self.found.old_statements.append(old)
            self.found.new_statements.append(new)
            self._lines(old.first, old.head_last, new.first, new.head_last)
        opcodes = steps([s.digest for s in old.suites], [s.digest for s in new.suites])
        self.pairs += 1
        inside_old = (*above_old, _Header(self.pairs, old.label))
        inside_new = (*above_new, _Header(self.pairs, new.label))
        for tag, i, i_end, j, j_end in opcodes:
            both = min(i_end - i, j_end - j)
            for before, after in zip(
                old.suites[i : i + both], new.suites[j : j + both], strict=True
            ):
                self.found.clauses += tag != "equal"
                if before.line and after.line:
                    if tag == "equal":
                        self._anchor(before.line, before.line, after.line, after.line)
                    else:
                        self._lines(before.line, before.line, after.line, after.line)
                self._suites(
                    before.statements,
                    after.statements,
                    _under(inside_old, before),
                    _under(inside_new, after),
                )
            for gone in old.suites[i + both : i_end]:
                if gone.line:
                    self.found.removed.setdefault(gone.line, ())
                self._drop(gone.statements, _under(inside_old, gone))
            for come in new.suites[j + both : j_end]:
                if come.line:
                    self.found.added.setdefault(come.line, ())
                self._add(come.statements, _under(inside_new, come))

    def _drop(self, statements: Iterable[Statement], above: _Path) -> None:
        for statement in statements:
            self.gone.append(_Left(statement, above))
            for line in range(statement.first, statement.last + 1):
                self.found.removed.setdefault(line, ())

    def _add(self, statements: Iterable[Statement], above: _Path) -> None:
        for statement in statements:
            self.come.append(_Left(statement, above))
            for line in range(statement.first, statement.last + 1):
                self.found.added.setdefault(line, ())

    def _anchor(self, old_first: int, old_last: int, new_first: int, new_last: int) -> None:
        span = min(old_last - old_first, new_last - new_first)
        same = old_last - old_first == new_last - new_first
        for step in range(span + 1 if same else 1):
            self.found.anchors.append((old_first + step, new_first + step))

    def _lines(self, old_first: int, old_last: int, new_first: int, new_last: int) -> None:
        """Compare the lines of two statements, token by token."""
        old = [(n, tokens_of(line)) for n, line in _numbered(self.old, old_first, old_last)]
        new = [(n, tokens_of(line)) for n, line in _numbered(self.new, new_first, new_last)]
        old_keys = [tuple(t for t, _ in tokens) for _, tokens in old]
        new_keys = [tuple(t for t, _ in tokens) for _, tokens in new]
        if old_keys == new_keys:
            # The difference is inside a string that spans lines, where blanks count.
            old_keys = [(self.old.lines[n - 1],) for n, _ in old]
            new_keys = [(self.new.lines[n - 1],) for n, _ in new]
        for tag, i, i_end, j, j_end in steps(old_keys, new_keys):
            if tag == "equal":
                for before, after in zip(old[i:i_end], new[j:j_end], strict=True):
                    self.found.anchors.append((before[0], after[0]))
                continue
            old_spans, new_spans = spans_of(old[i:i_end], new[j:j_end])
            self.found.removed.update(old_spans)
            self.found.added.update(new_spans)

    def _moves(self) -> None:
        """Say of what is left on both sides where it moved from."""
        homeless: dict[str, list[_Left]] = {}
        for left in _inside(self.gone):
            homeless.setdefault(left.statement.digest, []).append(left)
        moved: set[int] = set()
        for left in _inside(self.come):
            origins = homeless.get(left.statement.digest)
            if id(left.statement) in moved or not origins:
                continue
            origin = origins.pop(0)
            moved.update(id(s) for s in left.statement.walk())
            words = _moved(origin.above, left.above)
            self.found.new_notes[left.statement.first] = words
            self.found.old_notes.setdefault(origin.statement.first, "moved")
        old_moved = set(self.found.old_notes)
        deleted = [s.statement for s in self.gone if s.statement.first not in old_moved]
        self.found.old_statements += deleted
        self.found.deleted = len(deleted)
        self.found.new_statements += [
            s.statement for s in self.come if id(s.statement) not in moved
        ]


def _under(above: _Path, suite: Suite) -> _Path:
    header = above[-1]
    return (*above[:-1], _Header(header.number, suite.label or header.label, suite.digest))


def _inside(lefts: Iterable[_Left]) -> list[_Left]:
    """All statements in some, larger ones first in each, each with its headers."""
    found: list[_Left] = []
    for left in lefts:
        found.append(left)
        for suite in left.statement.suites:
            above = _under((*left.above, _Header(-id(left), left.statement.label)), suite)
            found.extend(_inside(_Left(s, above) for s in suite.statements))
    return found


def _moved(old: _Path, new: _Path) -> str:
    """Words for a move from under some headers to under others."""
    common = 0
    while common < min(len(old), len(new)) and (
        (old[common].number, old[common].suite) == (new[common].number, new[common].suite)
    ):
        common += 1
    if len(old) > common and len(new) > common:
        return f'moved from "{old[common].label}" to "{new[common].label}"'
    if len(old) > common:
        return f'moved out of "{old[common].label}"'
    if len(new) > common:
        return f'moved into "{new[common].label}"'
    return "moved"


def _pairs(old: Sequence[Statement], new: Sequence[Statement]) -> list[tuple[int, int]]:
    """Pair statements of two runs that look like versions of one another, in order.

    The heaviest pairing without crossings, by dynamic programming over the two runs.
    """
    m, n = len(old), len(new)
    if not m or not n or m > _MANY or n > _MANY:
        return []
    words_old = [_words(s) for s in old]
    words_new = [_words(s) for s in new]
    best = [[0.0] * (n + 1) for _ in range(m + 1)]
    score = [[0.0] * n for _ in range(m)]
    for i in reversed(range(m)):
        for j in reversed(range(n)):
            likeness = _likeness(old[i], new[j], words_old[i], words_new[j])
            score[i][j] = likeness if likeness >= _LIKE else -1.0
            best[i][j] = max(best[i + 1][j], best[i][j + 1], best[i + 1][j + 1] + score[i][j])
    pairs: list[tuple[int, int]] = []
    i = j = 0
    while i < m and j < n:
        if score[i][j] > 0 and best[i][j] == best[i + 1][j + 1] + score[i][j]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return pairs


def _words(statement: Statement) -> Counter[str]:
    words = Counter(re.findall(r"\w+|[^\w\s]", statement.label))
    for inside in statement.walk():
        if inside is not statement:
            words[inside.digest] += 3
    return words


def _likeness(
    old: Statement, new: Statement, old_words: Counter[str], new_words: Counter[str]
) -> float:
    """How much two statements share, 0 to 1 (Dice); a header in common counts at least half."""
    if old.kind.removeprefix("Async") != new.kind.removeprefix("Async") or old.kind == "member":
        return 0.0
    total = old_words.total() + new_words.total()
    dice = 2 * (old_words & new_words).total() / total if total else 0.0
    if old.suites and old.head == new.head:
        return 0.5 + dice / 2
    return dice


def _numbered(piece: Piece, first: int, last: int) -> list[tuple[int, str]]:
    return [(n, piece.lines[n - 1]) for n in range(first, last + 1)]
