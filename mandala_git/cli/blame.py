"""`git mandala blame`: which commits made an op mean what it means."""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING, Any

from mandala_git.cli.desk import Desk
from mandala_git.cli.verbs import describe
from mandala_git.errors import UsageError
from mandala_git.repo.steps import steps
from mandala_git.source.definitions import Definition, Kind
from mandala_git.source.snapshot import Snapshot
from mandala_git.versions.blame import Blamed, blame
from mandala_git.views.console import Output
from mandala_git.views.text import Row, Style, row, visible

if TYPE_CHECKING:
    from mandala_git.cli.verbs import Subparsers

FORMAT = 1
"""Number of the JSON layout. Fields may be added under one number, never changed."""

_ALL = 1 << 30
"""Commits to look at: all of them."""


def add_parser(subparsers: Subparsers) -> None:
    """Add the arguments of `git mandala blame`."""
    parser = describe(
        subparsers,
        "blame",
        text="""
            Show for a function and for everything of the project that it uses the commit that
            last changed what it means, newest first. Formatting, comments, renamed locals, moves
            and edits that were called compatible are looked through. Merges are one step, along
            first parents.
        """,
        example="""
            git mandala blame train_model
            git mandala blame src/train.py::fit v1.0
        """,
    )
    parser.add_argument("--json", action="store_true", help='{"format": 1, "definitions": [...]}')
    parser.add_argument("op", metavar="NAME", help="name or key of a function or class")
    parser.add_argument("rev", metavar="REV", nargs="?", default="HEAD", help="as of; else HEAD")


def run(args: argparse.Namespace) -> int:
    """Print the definitions."""
    out = Output()
    with Desk() as desk:
        tip = desk.resolve(args.rev)
        snapshot = desk.at(args.rev).seen_by("").snapshot
        found = _meant(snapshot, desk.key(args.op), args.rev)
        used = {
            key: each
            for key, each in snapshot.closure([found]).items()
            if each.qualname != "<module>" or key == found.key
        }
        walk = steps(desk.repo, tip, most=_ALL)
        listed = blame(used.values(), walk, desk.index, desk.history.ledger, desk.rules)
        if args.json:
            entries = [_entry(each) for each in listed]
            out.text(json.dumps({"format": FORMAT, "definitions": entries}, indent=2) + "\n")
        else:
            with out.paged():
                for each in listed:
                    out.show([_row(each)])
        out.say(*(f"mandala: {note}" for note in desk.notes))
    return 0


def _meant(snapshot: Snapshot, word: str, rev: str) -> Definition:
    """Return the definition that a name or key means.

    Raises:
        UsageError: there is none, or there are several.
    """
    exact = snapshot.definition(word) if "::" in word else None
    found = [exact] if exact is not None else [
        each
        for each in snapshot.definitions()
        if word in (each.qualname, each.qualname.rpartition(".")[2])
    ]  # fmt: skip
    # Whoever imports a function has a definition of its name, too; it is hardly meant.
    found = [each for each in found if each.kind is not Kind.IMPORT] or found
    if len(found) == 1:
        return found[0]
    keys = sorted(each.key for each in found)
    raise UsageError(
        f"{word!r} means {len(found)} definitions of {rev}" if found else f"no {word!r} in {rev}",
        hint="\n".join(f"git mandala blame {key}" for key in keys[:10])
        or "name a function or class, or write its key: file.py::name",
    )


def _row(blamed: Blamed) -> Row:
    step = blamed.step
    if step is None:
        return row((f"{'?':10}", Style.DIM), "  ", (visible(blamed.key), Style.HEAD),
                   ("  before this clone's history", Style.DIM))  # fmt: skip
    date = time.strftime("%Y-%m-%d %H:%M", time.localtime(step.time))
    moved = f" (was {blamed.was})" if blamed.was not in ("", blamed.key) else ""
    return row(
        (f"{step.commit[:10]}", Style.CHANGED),
        f"  {date}  ",
        (visible(blamed.key + moved), Style.HEAD),
        f"  {visible(', '.join(blamed.reasons))}",
        (f"  {visible(step.author)}: {visible(step.subject)}", Style.DIM),
    )


def _entry(blamed: Blamed) -> dict[str, Any]:
    step = blamed.step
    return {
        "key": blamed.key,
        "was": blamed.was or None,
        "commit": step.commit if step else None,
        "author": step.author if step else None,
        "time": step.time if step else None,
        "subject": step.subject if step else None,
        "reasons": list(blamed.reasons),
    }
