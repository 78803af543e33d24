"""`git mandala world`: which recorded calls belong to a state of the code."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from mandala_git.cli.desk import Desk
from mandala_git.cli.verbs import describe
from mandala_git.versions.agreement import Belongs
from mandala_git.versions.belonging import Belonging
from mandala_git.views.console import Output
from mandala_git.views.tables import as_rows
from mandala_git.views.text import Row, Style, plural, row, visible

if TYPE_CHECKING:
    from mandala_git.cli.verbs import Subparsers

FORMAT = 1
"""Number of the JSON layout. Fields may be added under one number, never changed."""


def add_parser(subparsers: Subparsers) -> None:
    """Add the arguments of `git mandala world`."""
    parser = describe(
        subparsers,
        "world",
        text="""
            Show which recorded calls belong to the code of a commit, or of the work tree as it
            is now: op by op how many belong, how many are unknown (a value decides that the
            source alone does not tell), and how many do not.
        """,
        example="""
            git mandala world
            git mandala world HEAD~1 --json
        """,
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("rev", metavar="REV", nargs="?", help="a commit; else the work tree")


def run(args: argparse.Namespace) -> int:
    """Print the world."""
    out = Output()
    with Desk() as desk:
        worlds = desk.at(args.rev) if args.rev else desk.work
        snapshot = worlds.seen_by("").snapshot
        broken = [p for p in sorted(snapshot.paths) if (f := snapshot.facts(p)) and f.complaints]
        shares = Belonging.to(worlds, desk.results).shares() if desk.results is not None else []
        found: dict[str, Any] = {
            "format": FORMAT,
            "rev": args.rev,
            "commit": desk.repo.resolve(args.rev) if args.rev else desk.repo.head(),
            "files": len(snapshot.paths),
            "unreadable": broken,
            "definitions": sum(not d.empty for d in snapshot.definitions()),
            "ops": [
                {
                    "op": share.op,
                    "belong": share.calls[Belongs.YES],
                    "unknown": share.calls[Belongs.UNKNOWN],
                    "other": share.calls[Belongs.NO],
                    "seconds": share.seconds[Belongs.YES],
                }
                for share in shares
            ],
        }
        if args.json:
            out.text(json.dumps(found, indent=2) + "\n")
        else:
            out.show(_screen(found, desk, out.width))
        out.say(*(f"mandala: {note}" for note in desk.notes))
    return 0


def _screen(found: dict[str, Any], desk: Desk, width: int) -> list[Row]:
    commit = found["commit"]
    if found["rev"]:
        name = f"{found['rev']} ({commit[:10]})"
    else:
        name = f"the work tree, on {commit[:10]}" if commit else "the work tree, before any commit"
    files, definitions = plural(found["files"], "file"), plural(found["definitions"], "definition")
    rows = [row((visible(name), Style.HEAD), f": {definitions} in {files}")]
    if found["unreadable"]:
        paths = visible(", ".join(found["unreadable"]))
        rows.append(row(("cannot be read: ", Style.BAD), paths))
    if found["ops"]:
        columns = {"op": "recorded calls of", "seconds": "computing of these"}
        names = ["op", "belong", "seconds", "unknown", "other"]
        kept = [n for n in names if n != "unknown" or any(o[n] for o in found["ops"])]
        table = [{columns.get(n, n): op[n] for n in kept} for op in found["ops"]]
        rows.append(())
        rows += as_rows(table, width=width, times=("computing of these",))
    elif desk.results_error is None:
        rows.append(row("no recorded calls yet: run your program"))
    return rows
