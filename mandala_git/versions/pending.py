"""Pending: which open questions are worth asking, because no chain of answers leads around them.

Recorded calls may be many edits old. What was asked once about v1 -> v2 is not asked again as
v1 -> v3: that is the question v2 -> v3, or it has been answered on the way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from mandala_git.versions.review import Question
from mandala_git.versions.verdicts import Edge, Ledger, Verdict
from mandala_git.versions.worlds import Worlds

_Node = tuple[str, str]
_Links = dict[_Node, set[_Node]]


@dataclass(frozen=True, slots=True)
class Pending:
    """The questions of a review, sorted out.

    Attributes:
        asked: open, and an answer would tell something.
        behind: open, but answers that were given, or the answer to one that is asked, lead
            from the old text to the new one.
        decided: answered; the calls stop there all the same.
    """

    asked: tuple[Question, ...]
    behind: tuple[Question, ...]
    decided: tuple[Question, ...]


def sort_out(
    questions: Iterable[Question], ledger: Ledger, before: Worlds | None = None
) -> Pending:
    """Sort out the questions of a review.

    Args:
        questions: dearest first.
        ledger: what was answered.
        before: the world that the work started from, when only calls that belong to it are
            in question. An edit is then asked about as it was made there, whatever older
            text with the same meaning the calls ran.
    """
    asked: dict[Edge, Question] = {}
    decided: list[Question] = []
    for question in questions:
        moved = question
        if question.open and before is not None:
            moved = _started_from(question, before, ledger)
        if not moved.open:
            decided.append(moved)
        elif moved.edge in asked:
            asked[moved.edge] = _together(asked[moved.edge], moved)
        else:
            asked[moved.edge] = moved
    behind: list[Question] = []
    roads = _Roads(ledger)
    # The newest text of a key is asked about, so the others are looked at first.
    for question in sorted(asked.values(), key=lambda q: (_is_of(q, before), q.seconds, q.edge)):
        others = [q for q in asked.values() if q.edge != question.edge]
        if roads.lead_around(question.edge, others):
            behind.append(asked.pop(question.edge))
            heir = roads.heir(question.edge, others)
            if heir is not None:
                asked[heir.edge] = _together(asked[heir.edge], question)
    return Pending(tuple(asked.values()), tuple(behind), tuple(decided))


def _is_of(question: Question, before: Worlds | None) -> bool:
    there = before.definition(question.edge.key_old) if before is not None else None
    return there is not None and there.text_id == question.edge.text_old


def _started_from(question: Question, before: Worlds, ledger: Ledger) -> Question:
    """Return the question as an edit of the world before, if it was another text there."""
    edge = question.edge
    there = before.definition(edge.key_old) or before.definition(edge.key_new)
    if there is None or there.text_id in (edge.text_old, edge.text_new):
        return question
    moved = Edge(there.key, there.text_id, edge.key_new, edge.text_new)
    return replace(question, edge=moved, old=there, verdict=ledger.verdict(moved))


def _together(one: Question, other: Question) -> Question:
    """Add what hangs on another question about the same edit."""
    if set(one.versions) & set(other.versions):
        return one
    return replace(
        one,
        ops=tuple(sorted({*one.ops, *other.ops})),
        calls=one.calls + other.calls,
        seconds=one.seconds + other.seconds,
        versions=(*one.versions, *other.versions),
    )


class _Roads:
    """Where answers lead from one text to another."""

    def __init__(self, ledger: Ledger) -> None:
        self._same: _Links = defaultdict(set)  # compatible, both ways
        self._any: _Links = defaultdict(set)  # every answer, both ways
        self._onward: _Links = defaultdict(set)  # compatible both ways, breaking forward
        for edge, verdict in ledger.verdicts().items():
            old, new = _ends(edge)
            self._any[old].add(new)
            self._any[new].add(old)
            self._onward[old].add(new)
            if verdict is Verdict.COMPATIBLE:
                self._onward[new].add(old)
                self._same[old].add(new)
                self._same[new].add(old)

    def lead_around(self, edge: Edge, others: Iterable[Question]) -> bool:
        """Tell whether answers, or answers and other open questions, lead from old to new."""
        old, new = _ends(edge)
        if new in _reached(old, self._any, {}):
            return True
        open_links: _Links = defaultdict(set)
        for other in others:
            start, end = _ends(other.edge)
            open_links[start].add(end)
        return new in _reached(old, self._onward, open_links)

    def heir(self, edge: Edge, others: Iterable[Question]) -> Question | None:
        """Return the open question whose answer decides this one as well."""
        old, new = _ends(edge)
        same = _reached(old, self._same, {})
        for other in others:
            start, end = _ends(other.edge)
            if end == new and start in same:
                return other
        return None


def _ends(edge: Edge) -> tuple[_Node, _Node]:
    return (edge.key_old, edge.text_old), (edge.key_new, edge.text_new)


def _reached(start: _Node, links: _Links, more: _Links) -> set[_Node]:
    seen = {start}
    todo = [start]
    while todo:
        node = todo.pop()
        for other in (*links.get(node, ()), *more.get(node, ())):
            if other not in seen:
                seen.add(other)
                todo.append(other)
    return seen
