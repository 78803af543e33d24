"""`git mandala drop`: the calls of versions are listed, and deleted with what follows from them."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from mandala_git.cli.desk import Desk
from mandala_git.cli.verbs import describe
from mandala_git.errors import UsageError
from mandala_git.ops.deleting import Deletion
from mandala_git.ops.tables import find_ops
from mandala_git.ops.upkeep import SHORT, Stock, stock, version_meant
from mandala_git.results.deleting import of_versions
from mandala_git.versions.belonging import Belonging
from mandala_git.views.console import Output
from mandala_git.views.progress import working
from mandala_git.views.tables import as_json, as_rows
from mandala_git.views.text import duration, plural, size, visible

if TYPE_CHECKING:
    from mandala_git.cli.verbs import Subparsers


_COLUMNS = ("op", "version", "calls", "computing", "values", "last", "commit", "belongs")


def add_parser(subparsers: Subparsers) -> None:
    """Add the arguments of `git mandala drop`."""
    parser = describe(
        subparsers,
        "drop",
        text="""
            Delete all recorded calls that a version of an op ran, and all that was computed from
            their results. They run again when they are needed. VERSION is the first digits of its
            id, as --list shows them: one line for each state of the code that an op has calls of,
            how many, how long they ran, the bytes of their values, when and at which commit the
            last of them ran, and whether they belong to the work tree as it is. Values stay until
            `git mandala gc`.
        """,
        example="""
            git mandala drop --list
            git mandala drop --list train_model
            git mandala drop --dry-run 3f2a99b01c44
            git mandala drop 3f2a99b01c44 81d0
        """,
    )
    parser.add_argument(
        "-n", "--dry-run", action="store_true", help="only say what it would delete"
    )
    parser.add_argument(
        "-l", "--list", action="store_true", help="list versions, all or those of each OP"
    )
    parser.add_argument("--json", action="store_true", help="list as JSON")
    parser.add_argument(
        "words", metavar="VERSION|OP", nargs="*", help="first digits of the id; with --list an op"
    )


def run(args: argparse.Namespace) -> int:
    """List or delete."""
    out = Output()
    with Desk() as desk:
        results = desk.require_results()
        if args.list or args.json:
            belonging = Belonging.to(desk.work, results)
            ops: dict[int, str] = {}
            for word in args.words:
                ops |= find_ops(results, desk.key(word))
            if not args.words:
                ops = dict(results.ops())
            _list(out, stock(results, belonging.of, ops, working), full=args.json)
            return 0
        if not args.words:
            raise UsageError(
                "drop: no VERSION is given", hint="git mandala drop --list   shows them all"
            )
        versions = [version_meant(results, word).id for word in args.words]
        deletion = Deletion(args.dry_run)
        deletion.delete(results, of_versions(results, versions), working)
        verb = "would delete" if args.dry_run else "deleted"
        calls = plural(deletion.total, "call")
        out.say(f"{verb} {calls}, {duration(deletion.seconds)} of computing:")
        for key, count in deletion.calls.items():
            out.say(f"  {visible(key)}  {count}")
        if not args.dry_run:
            out.say("`git mandala gc` removes the values that no call has now")
    return 0


def _list(out: Output, found: list[Stock], *, full: bool) -> None:
    if full:
        out.text(as_json([dict(zip(Stock._fields, each, strict=True)) for each in found]))
        return
    table: list[dict[str, object]] = []
    for each in found:
        line: dict[str, object] = {
            "op": each.op,
            "version": each.version[:SHORT],
            "calls": each.calls,
            "computing": each.seconds,
            "values": size(each.size),
        }
        if each.last is not None:
            line["last"] = time.strftime("%Y-%m-%d %H:%M", time.localtime(each.last))
        if each.commit is not None:
            line["commit"] = each.commit[:10]
        table.append({**line, "belongs": each.belongs})
    if not table:
        out.say("no calls are recorded")
    with out.paged():
        out.show(
            as_rows(
                table, _COLUMNS, width=out.width if out.terminal else None, times=("computing",)
            )
        )
