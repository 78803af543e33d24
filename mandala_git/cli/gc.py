"""`git mandala gc`: values that no call has are removed, and room is given back to the disk."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from mandala_git.cli.desk import Desk
from mandala_git.cli.verbs import describe
from mandala_git.errors import ResultsError
from mandala_git.results.collecting import Collection, Garbage, vacuum
from mandala_git.views.console import Output
from mandala_git.views.progress import working
from mandala_git.views.tables import as_rows
from mandala_git.views.text import plural, size

if TYPE_CHECKING:
    from mandala_git.cli.verbs import Subparsers

FORMAT = 1
"""Number of the JSON layout. Fields may be added under one number, never changed."""


def add_parser(subparsers: Subparsers) -> None:
    """Add the arguments of `git mandala gc`."""
    parser = describe(
        subparsers,
        "gc",
        text="""
            Remove the stored values that no recorded call was given or returned, and give unused
            room in the database back to the disk. Prints the bytes of the values that stay, op by
            op; `git mandala drop --list` shows them version by version, and `git mandala drop`
            deletes calls.
        """,
        example="""
            git mandala gc --dry-run
            git mandala gc
        """,
    )
    parser.add_argument(
        "-n", "--dry-run", action="store_true", help="only say what it would remove"
    )
    parser.add_argument(
        "--json", action="store_true", help='{"format": 1, "values", "size", "kept", "database"}'
    )


def run(args: argparse.Namespace) -> int:
    """Collect."""
    out = Output()
    with Desk() as desk:
        results = desk.require_results()
        collection = Collection(results, working)
        garbage = collection.would() if args.dry_run else collection.collect()
        database: tuple[int, int] | None = None
        if not args.dry_run:
            try:
                database = vacuum(results)
            except ResultsError as error:  # somebody computes meanwhile
                out.say(f"mandala: the database keeps its size: {error.message}")
        if args.json:
            found = {
                "format": FORMAT,
                "values": garbage.values,
                "size": garbage.size,
                "kept": garbage.kept,
                "database": database,
            }
            out.text(json.dumps(found, indent=2) + "\n")
        else:
            _tell(out, garbage, database, dry_run=args.dry_run)
    return 0


def _tell(
    out: Output, garbage: Garbage, database: tuple[int, int] | None, *, dry_run: bool
) -> None:
    verb = "would remove" if dry_run else "removed"
    out.say(f"{verb} {plural(garbage.values, 'value')}, {size(garbage.size)}")
    if database is not None and database[1] < database[0]:
        out.say(f"the database takes {size(database[1])}, and took {size(database[0])}")
    kept = sorted(garbage.kept.items(), key=lambda each: -each[1])
    out.show(as_rows([{"values of": op, "size": size(bytes_)} for op, bytes_ in kept]))
