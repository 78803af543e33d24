"""`git mandala fsck`: every recorded call and stored value is verified."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from mandala_git.cli.desk import Desk
from mandala_git.cli.loading import project
from mandala_git.cli.verbs import describe
from mandala_git.ops.storage import Storage
from mandala_git.views.console import Output
from mandala_git.views.text import visible

if TYPE_CHECKING:
    from mandala_git.cli.verbs import Subparsers

FORMAT = 1
"""Number of the JSON layout. Fields may be added under one number, never changed."""


def add_parser(subparsers: Subparsers) -> None:
    """Add the arguments of `git mandala fsck`."""
    parser = describe(
        subparsers,
        "fsck",
        text="""
            Compare every recorded call and every stored value with its checksum; load each value,
            one at a time, and hash it anew. Nothing is changed, and nothing has to be: what is
            damaged is not believed, and made again when it is needed.

            `damaged` is what is not as it was written. `unproved` is whole, and not known to be
            what its id says: its class cannot be imported here, or has changed since.

            Exits with 1 if something is damaged.
        """,
        example="""
            git mandala fsck
            git mandala fsck --json
        """,
    )
    parser.add_argument(
        "--json", action="store_true", help='{"format": 1, "checked", "damaged", "unproved"}'
    )


def run(args: argparse.Namespace) -> int:
    """Verify."""
    out = Output()
    with Desk() as desk:
        desk.require_results()
        root = desk.repo.root
    with project(root):
        storage = Storage(root)
        try:
            damage = storage.verify()
        finally:
            storage.results.close()
    if args.json:
        found = {
            "format": FORMAT,
            "checked": damage.checked,
            "damaged": damage.damaged,
            "unproved": damage.doubted,
        }
        out.text(json.dumps(found, indent=2) + "\n")
    else:
        *lines, total = repr(damage).splitlines()
        for line in lines:
            out.text(visible(line) + "\n")
        out.say(total)
    return 1 if damage.damaged else 0
