"""How the changes of single commits look: a line each, and their sum."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, fields
from typing import Any

from mandala_git.source.changes import Change
from mandala_git.versions.tally import Counts, Tally
from mandala_git.views.text import Row, Style, plural, row, visible

FORMAT = 1
"""Number of the JSON layout. Fields may be added under one number, never changed."""

COLUMNS = tuple(field.name for field in fields(Counts))

_STYLES = {
    "real": Style.CHANGED,
    "layout": Style.COST,
    "moved": Style.MOVED,
    "unreadable": Style.BAD,
}
_ID = 10


def head_row() -> Row:
    """The names of the columns."""
    return row((f"{'commit':{_ID}}  {'  '.join(COLUMNS)}  subject", Style.DIM))


def commit_row(tally: Tally, width: int | None = None) -> Row:
    """One commit in a line.

    Args:
        width: columns to fill; a longer subject is cut. None for no limit.
    """
    step = tally.step
    parts = [(f"{step.commit[:_ID]:{_ID}}", Style.CHANGED), *_numbers(tally.counts)]
    subject = visible(step.subject)
    if step.cut:
        subject = f"(the history of this clone ends here) {subject}"
    room = max((width or 0) - sum(len(text) for text, _ in parts) - 2, 20)
    if width is not None and len(subject) > room:
        subject = subject[: room - 3] + "..."
    return row(*parts, "  ", subject)


def sum_row(count: int, total: Counts) -> Row:
    """All commits together."""
    name = plural(count, "commit")
    return row((f"{name:{_ID}}", Style.HEAD), *_numbers(total))


def _numbers(counts: Counts) -> list[tuple[str, Style]]:
    found = []
    for name, number in asdict(counts).items():
        style = _STYLES.get(name, Style.PLAIN) if number else Style.DIM
        found.append((f"  {number or '.':>{len(name)}}", style))
    return found


def as_json(tallies: Iterable[Tally]) -> str:
    """Write commits as one JSON object, `{"format": 1, "commits": [...], "sum": {...}}`."""
    entries: list[dict[str, Any]] = []
    total = Counts()
    for tally in tallies:
        total += tally.counts
        entries.append(
            {
                "commit": tally.step.commit,
                "parent": tally.step.parent or None,
                "subject": tally.step.subject,
                "cut": tally.step.cut,
                **asdict(tally.counts),
                "complaints": list(tally.complaints),
                "changes": [_entry(change) for change in tally.changes],
            }
        )
    found = {"format": FORMAT, "commits": entries, "sum": asdict(total)}
    return json.dumps(found, indent=2) + "\n"


def _entry(change: Change) -> dict[str, Any]:
    return {
        "kind": str(change.kind),
        "layout": change.layout,
        "key": change.key,
        "was": change.old.key if change.old is not None else None,
        "reasons": list(change.reasons),
        "told": change.told,
    }
