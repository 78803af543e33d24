"""`git mandala log`: who decided what about which edit, newest first."""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING, Any

from mandala_git.cli.desk import Desk
from mandala_git.cli.verbs import describe
from mandala_git.errors import UsageError
from mandala_git.versions.review import is_named
from mandala_git.versions.verdicts import Event, Ledger
from mandala_git.views.console import Output
from mandala_git.views.questions import VERDICT_STYLES
from mandala_git.views.text import Row, Style, row, visible

if TYPE_CHECKING:
    from mandala_git.cli.verbs import Subparsers

FORMAT = 1
"""Number of the JSON layout. Fields may be added under one number, never changed."""


def add_parser(subparsers: Subparsers) -> None:
    """Add the arguments of `git mandala log`."""
    parser = describe(
        subparsers,
        "log",
        text="""
            List the verdicts of this repository, newest first: what was said about which
            definition, by whom and when. Verdicts that a later one replaced and those that
            disagree with another one are marked.

            KEY is a key, a qualified name, or a file.
        """,
        example="""
            git mandala log
            git mandala log src/train.py::fit
            git mandala log --json
        """,
    )
    parser.add_argument("--json", action="store_true", help='{"format": 1, "events": [...]}')
    parser.add_argument("key", metavar="KEY", nargs="?", help="only verdicts about this")


def run(args: argparse.Namespace) -> int:
    """Print the events."""
    out = Output()
    with Desk() as desk:
        desk.require_store()
        ledger = desk.history.ledger
        events = _events(ledger, desk.key(args.key) if args.key else None)
        if args.json:
            entries = [_entry(event, ledger) for event in events]
            out.text(json.dumps({"format": FORMAT, "events": entries}, indent=2) + "\n")
        elif events:
            with out.paged():
                out.show(line for event in events for line in _rows(event, ledger))
        else:
            out.say("no verdicts yet")
        out.say(*(f"mandala: {note}" for note in desk.notes))
    return 0


def _events(ledger: Ledger, key: str | None) -> list[Event]:
    found = [e for e in ledger.events.values() if key is None or is_named(e.edge, key)]
    if key is not None and not found:
        known = sorted({e.edge.key_new for e in ledger.events.values()})
        raise UsageError(
            f"no verdict is about {key!r}",
            hint="there are some about: " + ", ".join(known[:10]) if known else "git mandala log",
        )
    # What supersedes comes above what it supersedes, also when two clocks disagree.
    depth = _depths(ledger)
    return sorted(found, key=lambda e: (-e.time, -depth[e.id], e.edge.key_new, e.id))


def _depths(ledger: Ledger) -> dict[str, int]:
    """How many events each one stands upon, at most."""
    depths: dict[str, int] = {}
    for start in ledger.events:
        todo = [start]
        while todo:
            id = todo[-1]
            below = [b for b in ledger.events[id].supersedes if b in ledger.events]
            missing = [b for b in below if b not in depths]
            if id in depths or not missing:
                depths.setdefault(id, 1 + max((depths[b] for b in below), default=-1))
                todo.pop()
            else:
                todo += missing
    return depths


def _marks(event: Event, ledger: Ledger) -> tuple[bool, bool]:
    """Return (replaced by a later one, in conflict with another one)."""
    standing = ledger.standing().get(event.edge, [])
    stands = event.id in {e.id for e in standing}
    return not stands, stands and len({e.verdict for e in standing}) > 1


def _entry(event: Event, ledger: Ledger) -> dict[str, Any]:
    superseded, conflict = _marks(event, ledger)
    return {
        "id": event.id,
        "verdict": str(event.verdict),
        "key_old": event.edge.key_old,
        "text_old": event.edge.text_old,
        "key_new": event.edge.key_new,
        "text_new": event.edge.text_new,
        "author": event.author,
        "time": event.time,
        "note": event.note,
        "scheme": event.scheme,
        "supersedes": list(event.supersedes),
        "superseded": superseded,
        "conflict": conflict,
    }


def _rows(event: Event, ledger: Ledger) -> list[Row]:
    superseded, conflict = _marks(event, ledger)
    edge = event.edge
    key = edge.key_new if edge.key_old == edge.key_new else f"{edge.key_old} -> {edge.key_new}"
    date = time.strftime("%Y-%m-%d %H:%M", time.localtime(event.time))
    marks = " (replaced)" * superseded + " (conflict)" * conflict
    found = [
        row(
            (event.id[:10], Style.DIM),
            "  ",
            (f"{event.verdict:10}", Style.DIM if superseded else VERDICT_STYLES[event.verdict]),
            "  ",
            (visible(key), Style.HEAD),
            (marks, Style.BAD if conflict else Style.DIM),
            (visible(f"   {event.author}, {date}"), Style.DIM),
        )
    ]
    if event.note:
        found += [row(" " * 12, visible(line)) for line in event.note.splitlines()]
    return found
