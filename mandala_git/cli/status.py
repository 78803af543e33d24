"""`git mandala status`: what is recorded, what of it holds for the code now, what is open."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from mandala_git.cli.desk import Desk
from mandala_git.cli.verbs import describe
from mandala_git.versions.agreement import Belongs
from mandala_git.versions.belonging import Belonging
from mandala_git.versions.comparison import Comparison
from mandala_git.versions.pending import sort_out
from mandala_git.versions.review import Gone
from mandala_git.versions.verdicts import Edge, Event
from mandala_git.views.console import Output
from mandala_git.views.questions import Asked, as_entry, question_rows, short_op
from mandala_git.views.tables import as_rows
from mandala_git.views.text import Row, Style, duration, plural, row, visible

if TYPE_CHECKING:
    from mandala_git.cli.verbs import Subparsers

FORMAT = 1
"""Number of the JSON layout. Fields may be added under one number, never changed."""


def add_parser(subparsers: Subparsers) -> None:
    """Add the arguments of `git mandala status`."""
    parser = describe(
        subparsers,
        "status",
        text="""
            Show how many verdicts there are, how many recorded calls of each op belong to the
            code of the work tree as it is now, and which edits nobody has decided yet: calls
            that ran the old code are not reused until then.

            With --json: {"format", "store", "verdicts", "conflicts", "ops", "pending", "gone"};
            `pending` has one object for each open edit.
        """,
        example="""
            git mandala status
            git mandala status --json
        """,
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument(
        "--exit-code", action="store_true", help="exit 1 when something is to decide"
    )


def run(args: argparse.Namespace) -> int:
    """Print the status."""
    out = Output()
    with Desk() as desk:
        review = desk.review(desk.work)
        ledger = desk.history.ledger
        pending = sort_out(review.questions(), ledger)
        comparison = Comparison(desk.head, desk.work)
        asked = [(q, comparison.change_of(q.old, q.new)) for q in pending.asked]
        waiting = {version for question in pending.asked for version in question.versions}
        found = {
            "format": FORMAT,
            "store": desk.store.exists(),
            "verdicts": len(ledger.verdicts()),
            "conflicts": [_conflict(*entry) for entry in sorted(ledger.conflicts().items())],
            "ops": _ops(desk, waiting),
            "pending": [as_entry(*each) for each in asked],
            "gone": [_gone(each) for each in review.gone()],
        }
        if args.json:
            out.text(json.dumps(found, indent=2) + "\n")
        else:
            out.show(_screen(found, asked, desk, out.width))
        out.say(*(f"mandala: {note}" for note in desk.notes))
    return int(args.exit_code and bool(asked or found["conflicts"]))


def _ops(desk: Desk, waiting: set[str]) -> list[dict[str, Any]]:
    if desk.results is None:
        return []
    stats = {
        version.vid.hex(): calls
        for row_, (calls, _) in desk.results.stats().items()
        if (version := desk.results.version(row_)) is not None
    }
    found = []
    for share in Belonging.to(desk.work, desk.results).shares():
        pending = sum(stats.get(v, 0) for v in share.versions[Belongs.NO] if v in waiting)
        found.append(
            {
                "op": share.op,
                "belong": share.calls[Belongs.YES],
                "unknown": share.calls[Belongs.UNKNOWN],
                "pending": pending,
                "other": share.calls[Belongs.NO] - pending,
                "seconds": sum(share.seconds.values()),
            }
        )
    return found


def _conflict(edge: Edge, events: list[Event]) -> dict[str, Any]:
    return {
        "key_old": edge.key_old,
        "text_old": edge.text_old,
        "key_new": edge.key_new,
        "text_new": edge.text_new,
        "events": [
            {"id": e.id, "verdict": str(e.verdict), "author": e.author, "time": e.time}
            for e in events
        ],
    }


def _gone(gone: Gone) -> dict[str, Any]:
    return {
        "key": gone.key,
        "ops": list(gone.ops),
        "calls": gone.calls,
        "seconds": gone.seconds,
    }


def _screen(found: dict[str, Any], asked: list[Asked], desk: Desk, width: int) -> list[Row]:
    rows: list[Row] = []
    if not found["store"]:
        rows.append(row(("no store yet", Style.HEAD), ": git mandala init"))
    else:
        rows.append(row("store: ", plural(found["verdicts"], "verdict"), " in refs/mandala/store"))
    for conflict in found["conflicts"]:
        said = ", ".join(f"{e['verdict']} by {e['author']}" for e in conflict["events"])
        rows.append(row(("conflict: ", Style.BAD), visible(f"{conflict['key_new']}: {said}")))
        key = visible(conflict["key_new"])
        rows.append(row(f"  settle it: git mandala classify {key} --breaking|--compatible"))
    if found["ops"]:
        names = ("belong", "pending", "unknown", "other")
        table = [
            {"recorded calls of": o["op"], **{n: o[n] for n in names}, "computing": o["seconds"]}
            for o in found["ops"]
        ]
        kept = [n for n in names if n == "belong" or any(o[n] for o in found["ops"])]
        columns = ["recorded calls of", *kept, "computing"]
        rows += [(), *as_rows(table, columns, width=width, times=("computing",))]
    elif desk.results_error is None:
        rows.append(row("no recorded calls yet: run your program"))
    for gone in found["gone"]:
        ops = ", ".join(map(short_op, gone["ops"]))
        cost = f"{plural(gone['calls'], 'call')} of {ops}, {duration(gone['seconds'])}"
        rows.append(row(("gone: ", Style.REMOVED), visible(f"{gone['key']}   {cost}")))
    if asked:
        rows += [(), row((_count(len(asked)), Style.HEAD)), *question_rows(asked)]
        rows += decide_rows([q.edge.key_new for q, _ in asked])
    elif found["ops"]:
        rows += [(), row("nothing is pending")]
    return rows


def _count(count: int) -> str:
    return f"{plural(count, 'changed definition')} without a verdict"


def decide_rows(keys: list[str], more: str = "") -> list[Row]:
    """Say how to decide questions, in the words of the shell."""
    key = visible(keys[0]) if len(keys) == 1 else "KEY..."
    return [
        row(f"  git mandala classify {more}{key} --breaking     results change: compute again"),
        row(f"  git mandala classify {more}{key} --compatible   results stay: keep them"),
    ]
