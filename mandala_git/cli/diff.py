"""`git mandala diff`: what changed between two states of the code, definition by definition."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mandala_git.cli.desk import Desk
from mandala_git.cli.verbs import describe
from mandala_git.errors import UsageError
from mandala_git.repo.snapshots import shown
from mandala_git.source.changes import Change
from mandala_git.versions.comparison import Comparison
from mandala_git.versions.pending import sort_out
from mandala_git.versions.worlds import Worlds
from mandala_git.views.changes import claim_command, concise, full
from mandala_git.views.changes_data import as_github, as_json
from mandala_git.views.console import Output
from mandala_git.views.questions import consequences, moved_rows

if TYPE_CHECKING:
    from mandala_git.cli.verbs import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Add the arguments of `git mandala diff`."""
    parser = describe(
        subparsers,
        "diff",
        text="""
            Show what changed, definition by definition: the lines that differ in meaning, why
            they count, which ops depend on them and what their recorded calls cost.
            Formatting, comments and docstrings are counted only, unless --cosmetic is given.

            Without REV the work tree is compared with HEAD, with --staged the index with HEAD;
            with one REV (`A..B` is two) the work tree or the index with REV, with two REV the
            second with the first. `A...B` is B compared with where it left A. PATH is a file or
            folder; what stands behind `--` is always one.
        """,
        example="""
            git mandala diff
            git mandala diff --staged src/train.py
            git mandala diff main...topic --format concise
            git mandala diff HEAD~1 -- src
        """,
    )
    parser.add_argument("--staged", action="store_true", help="the index, not the work tree")
    parser.add_argument(
        "--cosmetic", action="store_true", help="show what was only reformatted, too"
    )
    parser.add_argument(
        "--format",
        choices=("full", "concise", "github"),
        default="full",
        help="for reading (full), a line each (concise), or annotations of GitHub Actions",
    )
    parser.add_argument(
        "--json", action="store_true", help='{"format": 1, "changes": [...], "unreadable": [...]}'
    )
    parser.add_argument(
        "--exit-code",
        action="store_true",
        help="exit 1 when a definition is not what it was, or a file cannot be read",
    )
    parser.add_argument(
        "what", metavar="REV|PATH", nargs="*", help="up to two revisions, then paths"
    )
    parser.behind = "paths"


def run(args: argparse.Namespace) -> int:
    """Print the changes."""
    out = Output()
    with Desk() as desk:
        revs, paths = _sides(desk, args.what, args.paths)
        if args.staged and len(revs) > 1:
            raise UsageError(
                "--staged compares the index with one revision",
                hint=f"git mandala diff --staged {revs[0]}",
            )
        before, after = _worlds(desk, revs, staged=args.staged)
        comparison = Comparison(before, after)
        inside = _filter(desk, paths, before, after)
        changes = [c for c in comparison.changes if _is_inside(c, inside)]
        unreadable = [
            shown(complaint) for path, complaint in comparison.unreadable if _is_one(path, inside)
        ]
        out.say(*(f"mandala: {complaint}" for complaint in unreadable))
        review, ledger = desk.review(after, before), desk.history.ledger
        pending = sort_out(review.questions(), ledger, before)
        asked = (*pending.decided, *pending.asked)
        costs = consequences(asked, changes, ledger, review.gone())
        hint = _cosmetic_hint(args)
        if args.json:
            out.text(
                as_json(changes, hunks=comparison.hunks, consequences=costs, unreadable=unreadable)
            )
        elif args.format == "github":
            out.text(as_github(changes, consequences=costs, cosmetic=args.cosmetic))
        else:
            with out.paged():
                if args.format == "concise":
                    rows = concise(changes, consequences=costs, cosmetic=args.cosmetic, hint=hint)
                else:
                    rows = full(
                        changes,
                        hunks=comparison.hunks,
                        consequences=costs,
                        cosmetic=args.cosmetic,
                        hint=hint,
                        claim=_claim(revs, staged=args.staged),
                    )
                files = [m for m in review.moved() if _is_one(m.path, inside)]
                out.show([*rows, *moved_rows(files)])
        out.say(*(f"mandala: {note}" for note in desk.notes))
    loud = bool(unreadable) or any(not change.kind.quiet for change in changes)
    return int(args.exit_code and loud)


def _worlds(desk: Desk, revs: list[str], *, staged: bool) -> tuple[Worlds | None, Worlds]:
    before = desk.at(revs[0]) if revs else desk.head
    if len(revs) > 1:
        return before, desk.at(revs[1])
    return before, desk.staged if staged else desk.work


def _claim(revs: list[str], *, staged: bool) -> Callable[[str, str], str] | None:
    """Return what writes the command about a guess; none about the past, which is not decided."""
    if len(revs) > 1:
        return None
    return partial(claim_command, rev=revs[0] if revs else "", staged=staged)


def _cosmetic_hint(args: argparse.Namespace) -> str:
    words = [*(["--staged"] if args.staged else []), "--cosmetic", *args.what]
    behind = ["--", *args.paths] if args.paths is not None else []
    return shlex.join(["git", "mandala", "diff", *words, *behind])


def _sides(desk: Desk, words: list[str], behind: list[str] | None) -> tuple[list[str], list[str]]:
    """Tell revisions from paths, as git does: a word that could be both is refused.

    Args:
        words: revisions, then paths.
        behind: what stood behind `--`: paths, and the words before are none. None without it.
    """
    revs: list[str] = []
    paths = list(words)
    while paths and len(revs) < 2:
        ends = _revisions(desk, paths[0])
        if not ends or len(revs) + len(ends) > 2:
            break
        word = paths.pop(0)
        if behind is None and Path(word).exists():
            raise UsageError(
                f"{word!r} is a revision and a file",
                hint=f"the file: git mandala diff -- {word}; "
                f"the revision: git mandala diff {word} --",
            )
        revs += ends
    if behind is not None and paths:
        raise UsageError(f"{paths[0]!r} is no revision", hint="git mandala help diff")
    return revs, [*paths, *(behind or [])]


def _revisions(desk: Desk, word: str) -> list[str]:
    """Return the one or two commits that a word names; none when it must be a path."""
    start, dots, end = word.partition("..")
    symmetric = end.startswith(".") and not end.startswith(("..", "./"))
    ends = [start or "HEAD", end.removeprefix("." if symmetric else "") or "HEAD"]
    if not dots or word == "..":
        ends = [word]
    if not all(_is_commit(desk, each) for each in ends):
        return []
    if dots and symmetric:
        answer = desk.repo.ask(["merge-base", *map(desk.resolve, ends)])
        if answer.code:
            raise UsageError(
                f"{ends[0]} and {ends[1]} have no common commit",
                hint=f"git mandala diff {ends[0]}..{ends[1]}",
            )
        ends[0] = answer.out.decode().split()[0]
    return ends


def _is_commit(desk: Desk, word: str) -> bool:
    try:
        desk.resolve(word)
    except UsageError:
        return False
    return True


def _filter(desk: Desk, paths: list[str], before: Worlds | None, after: Worlds) -> list[str]:
    """Return paths relative to the repository.

    Raises:
        UsageError: one names neither a revision nor a file of either side.
    """
    files = {*after.tree.tree.entries, *(before.tree.tree.entries if before is not None else ())}
    found: list[str] = []
    for path in paths:
        inside = desk.repo.relative(Path(path))
        if inside is None or not any(_below(file, inside) for file in files):
            there = inside is not None and Path(path).exists()
            raise UsageError(
                f"{path!r} has no Python file of this project"
                if there
                else f"{path!r} is neither a revision nor a Python file of either side",
                hint="git mandala help diff",
            )
        found.append(inside)
    return found


def _is_inside(change: Change, inside: list[str]) -> bool:
    sides = [side.path for side in (change.old, change.new) if side is not None]
    return any(_is_one(path, inside) for path in sides)


def _is_one(path: str, inside: list[str]) -> bool:
    return not inside or any(_below(path, place) for place in inside)


def _below(path: str, place: str) -> bool:
    return place == "." or path == place or path.startswith(place + "/")
