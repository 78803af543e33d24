"""`git mandala history`: what the commits of a branch changed, counted by what it means."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mandala_git.cli.desk import INDEX, Desk
from mandala_git.cli.verbs import describe
from mandala_git.errors import UsageError
from mandala_git.repo.steps import steps
from mandala_git.source.index import Index
from mandala_git.versions.tally import Counts, Tally, tally
from mandala_git.views.console import Output
from mandala_git.views.history import as_json, commit_row, head_row, sum_row

if TYPE_CHECKING:
    from mandala_git.cli.verbs import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Add the arguments of `git mandala history`."""
    parser = describe(
        subparsers,
        "history",
        text="""
            Show for each of the last commits how many definitions it changed, compared with its
            first parent, in any repository; `git mandala init` is not needed, and nothing is
            written where there is none. Merges are one step. The columns:

              real        changed in meaning, added or removed
              layout      only the order of imports inside a block, or blanks in a docstring that
                          something may read: formatters do it, and Python can see it
              moved       moved or renamed, and the same
              names       only names of local variables, or spellings of imports
              cosmetic    only formatting, comments, docstrings
              unreadable  files (not definitions) of which nothing is known

            `git mandala diff COMMIT~1 COMMIT` shows the changes of one. With --json: {"format",
            "commits", "sum"}; each commit lists its changes.
        """,
        example="""
            git mandala history
            git mandala history -n 100 v1.0..main
            git mandala history -n 1 --exit-code   # did the formatter change anything?
        """,
    )
    parser.add_argument(
        "-n", dest="most", metavar="N", type=_count, default=20, help="so many commits; 20"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument(
        "--exit-code",
        action="store_true",
        help="exit 1 when a definition is not what it was, or a file cannot be read",
    )
    parser.add_argument("rev", metavar="REV", nargs="?", default="HEAD", help="or A..B; else HEAD")


def run(args: argparse.Namespace) -> int:
    """Print the commits."""
    out = Output()
    total, loud = Counts(), False
    with Desk() as desk:
        tip, exclude = _ends(desk, args.rev)
        with _index(desk) as index:

            def count() -> Iterator[Tally]:
                nonlocal total, loud
                for step in steps(desk.repo, tip, exclude=exclude, most=args.most):
                    found = tally(step, index, desk.rules, brief=not args.json)
                    total += found.counts
                    loud = loud or any(not change.kind.quiet for change in found.changes)
                    yield found

            if args.json:
                out.text(as_json(count()))
            else:
                _print(out, count())
        out.say(*(f"mandala: {note}" for note in desk.notes))
    return int(args.exit_code and (loud or total.unreadable > 0))


def _print(out: Output, tallies: Iterator[Tally]) -> None:
    total, number = Counts(), 0
    with out.paged():
        out.show([head_row()])
        for found in tallies:
            number += 1
            total += found.counts
            out.show([commit_row(found, out.width if out.watched else None)])
        out.show([sum_row(number, total)])


def _ends(desk: Desk, rev: str) -> tuple[str, list[str]]:
    """Return the newest commit, and those that bound the range.

    Raises:
        UsageError: there is no such commit.
    """
    start, dots, end = rev.partition("..")
    if not dots:
        return desk.repo.resolve(rev), []
    if end.startswith("."):
        raise UsageError(
            f"{rev!r} is no line of commits", hint=f"git mandala history {start}..{end[1:]}"
        )
    return desk.repo.resolve(end or "HEAD"), [desk.repo.resolve(start or "HEAD")]


def _count(word: str) -> int:
    number = int(word)
    if number < 0:
        raise ValueError
    return number


@contextlib.contextmanager
def _index(desk: Desk) -> Iterator[Index]:
    """The index of the repository; where nothing is set up, one that is gone afterwards."""
    if desk.store.exists():
        yield desk.index
        return
    import tempfile

    with tempfile.TemporaryDirectory(prefix="mandala-") as folder:
        index = Index(Path(folder) / INDEX, rules=desk.rules)
        try:
            yield index
        finally:
            index.close()
