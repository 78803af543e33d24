"""How open questions look: which edit, who depends on it, what is at stake, what is likely."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from mandala_git.source.changes import Change
from mandala_git.versions.review import Gone, Moved, Question
from mandala_git.versions.verdicts import Edge, Ledger, Verdict
from mandala_git.views.changes import Consequence
from mandala_git.views.text import Row, Style, duration, plural, row, visible

VERDICT_STYLES = {
    Verdict.BREAKING: Style.BAD,
    Verdict.COMPATIBLE: Style.GOOD,
    Verdict.RETRACTED: Style.DIM,
}

LIMIT = 20
"""Questions that are listed one by one."""

Asked = tuple[Question, Change]
"""A question, and its edit as it is shown."""


def short_op(key: str) -> str:
    """Return the name of an op without its file."""
    return key.rpartition("::")[2]


def stake(question: Question) -> str:
    """Say what hangs on a question: `4 calls of train_model, 82 ms`."""
    if not question.calls:
        return "no recorded call"
    ops = ", ".join(map(short_op, question.ops))
    return visible(f"{plural(question.calls, 'call')} of {ops}, {duration(question.seconds)}")


def consequences(
    questions: Iterable[Question],
    changes: Iterable[Change] = (),
    ledger: Ledger | None = None,
    gone: Iterable[Gone] = (),
) -> dict[str, Consequence]:
    """Return what each edit puts at stake, by the key of the definition as it is now.

    Args:
        questions: at which calls stop.
        changes: of which those that the ledger has a verdict for are marked with it.
        ledger: the verdicts.
        gone: definitions that are no more, although calls need them.
    """
    found = {
        each.key: Consequence(tuple(map(short_op, each.ops)), each.calls, each.seconds)
        for each in gone
    }
    for change in changes:
        if ledger is None:
            continue
        other = change.guess.other if change.guess is not None else None
        old, new = change.old or other, change.new or other
        if old is None or new is None:
            continue
        verdict = ledger.verdict(Edge(old.key, old.text_id, new.key, new.text_id))
        if verdict is not None:
            found[change.key] = Consequence((), 0, 0.0, str(verdict))
    for q in questions:
        verdict = q.verdict
        ops = tuple(map(short_op, q.ops))
        found[q.edge.key_new] = Consequence(
            ops, q.calls, q.seconds, str(verdict) if verdict is not None else None
        )
    return found


def question_rows(asked: Sequence[Asked], *, limit: int = LIMIT) -> list[Row]:
    """List questions, a line each in aligned columns, with what is probable below."""
    shown = asked[:limit]
    cells = [
        (
            visible(change.definition.place),
            visible(change.definition.qualname),
            visible(", ".join(change.reasons[:2])),
            stake(question),
        )
        for question, change in shown
    ]
    widths = [max((len(cell[at]) for cell in cells), default=0) for at in range(3)]
    rows: list[Row] = []
    for (place, name, reasons, cost), (_, change) in zip(cells, shown, strict=True):
        rows.append(
            row(
                (f"  {place:{widths[0]}}  ", Style.DIM),
                (f"{name:{widths[1]}}", Style.HEAD),
                f"  {reasons:{widths[2]}}  ",
                (cost, Style.COST),
            )
        )
        if change.suggestion:
            words = visible(f"    probably {change.suggestion}: {change.why}")
            rows.append(row((words, Style.DIM)))
    if len(asked) > limit:
        rows.append(row((f"  ... and {len(asked) - limit} more", Style.DIM)))
    return rows


def moved_rows(moved: Iterable[Moved]) -> list[Row]:
    """List files that calls depend on and that hold something else, a line each."""
    rows = []
    for each in moved:
        ops = ", ".join(map(short_op, each.ops))
        cost = f"{plural(each.calls, 'call')} of {ops}, {duration(each.seconds)}"
        rows.append(row(("~ ", Style.COST), visible(f"{each.path} holds something else   {cost}")))
    return rows


def as_entry(question: Question, change: Change) -> dict[str, Any]:
    """Return a question as JSON can hold it."""
    edge = question.edge
    found = {
        "key_old": edge.key_old,
        "text_old": edge.text_old,
        "key_new": edge.key_new,
        "text_new": edge.text_new,
        "path": question.new.path,
        "line": question.new.line,
        "qualname": question.new.qualname,
        "digest_old": question.old.digest,
        "digest_new": question.new.digest,
        "reasons": list(change.reasons),
        "ops": list(question.ops),
        "calls": question.calls,
        "seconds": question.seconds,
        "suggestion": change.suggestion,
        "why": change.why,
    }
    if question.new.cell[0]:
        found["cell"] = question.new.cell[0]
    return found
