"""How changes look to programs: stable JSON, and annotations of GitHub Actions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from mandala_git.source.changes import Change
from mandala_git.source.definitions import Definition
from mandala_git.source.outline import Line
from mandala_git.views.changes import Consequence, HunksOf, guess_words, quiet_words
from mandala_git.views.text import duration, plural

FORMAT = 1
"""Number of the JSON layout. Fields may be added under one number, never changed.

In notebooks a side has a `cell`, a line of a hunk `cells` (old and new), and lines are counted in
their cells.
"""


def as_json(
    changes: Iterable[Change],
    *,
    hunks: HunksOf | None = None,
    consequences: Mapping[str, Consequence] | None = None,
    unreadable: Iterable[str] = (),
) -> str:
    """Write changes, cosmetic ones too, as `{"format": 1, "changes": [...], "unreadable": [...]}`.

    Args:
        changes: of `compare`, in its order.
        hunks: the lines of a change; None to leave `hunks` empty.
        consequences: by key of the change; `consequence` is null without one.
        unreadable: what could not be compared, in words.
    """
    costs = consequences or {}
    entries = [_entry(change, hunks, costs.get(change.key)) for change in changes]
    found = {"format": FORMAT, "changes": entries, "unreadable": list(unreadable)}
    return json.dumps(found, indent=2) + "\n"


def as_github(
    changes: Iterable[Change],
    *,
    consequences: Mapping[str, Consequence] | None = None,
    cosmetic: bool = False,
) -> str:
    """Write changes as workflow commands that annotate a pull request.

    Args:
        changes: of `compare`, in its order.
        consequences: by key of the change.
        cosmetic: annotate what was only reformatted, too; else it is counted.
    """
    costs = consequences or {}
    everything = list(changes)
    lines: list[str] = []
    for change in everything:
        cost = costs.get(change.key)
        if (change.kind.quiet and not cosmetic) or (change.told and cost is None):
            continue
        definition = change.definition
        words = [*change.reasons, *filter(None, [guess_words(change)])]
        if cost is not None:
            used = f"used by {', '.join(cost.ops)}: " if cost.ops else ""
            words.append(
                f"{used}{plural(cost.calls, 'recorded call')}, "
                f"{duration(cost.seconds)} of computing"
            )
        title = f"{definition.qualname} {change.kind}"
        line = max(definition.line, 1)
        if definition.cell[0]:  # the lines of a notebook as a file are nobody's lines
            title, line = f"cell {definition.cell[0]}: {title}", 1
        lines.append(
            f"::notice file={_property(definition.path)},line={line},"
            f"title={_property(title)}::{_message('; '.join(words) or title)}\n"
        )
    quiet = "" if cosmetic else quiet_words(everything)
    if quiet:
        lines.append(f"::notice title=mandala::{_message(quiet)}\n")
    return "".join(lines)


def _entry(change: Change, hunks: HunksOf | None, cost: Consequence | None) -> dict[str, Any]:
    return {
        "kind": str(change.kind),
        "key": change.key,
        "old": _side(change.old),
        "new": _side(change.new),
        "reasons": list(change.reasons),
        "suggestion": change.suggestion,
        "why": change.why,
        "told": change.told,
        "guess": None
        if change.guess is None
        else {"key": change.guess.other.key, "score": round(change.guess.score, 3)},
        "consequence": None
        if cost is None
        else {
            "ops": list(cost.ops),
            "calls": cost.calls,
            "seconds": cost.seconds,
            "verdict": cost.verdict,
        },
        "hunks": []
        if hunks is None
        else [[_line(line) for line in hunk.lines] for hunk in hunks(change)],
    }


def _line(line: Line) -> dict[str, Any]:
    found: dict[str, Any] = {
        "mark": str(line.mark),
        "old": line.old or None,
        "new": line.new or None,
        "text": line.text,
        "spans": [list(span) for span in line.spans],
        "note": line.note,
    }
    if any(line.cells):
        found["cells"] = [cell or None for cell in line.cells]
    return found


def _side(definition: Definition | None) -> dict[str, Any] | None:
    if definition is None:
        return None
    found = {
        "key": definition.key,
        "path": definition.path,
        "qualname": definition.qualname,
        "kind": str(definition.kind),
        "line": definition.line,
        "end_line": definition.lines[1] - definition.cell[1],
        "digest": definition.digest,
        "text": definition.text_id,
    }
    if definition.cell[0]:
        found["cell"] = definition.cell[0]
    return found


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
