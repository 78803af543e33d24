"""`git mandala world`: which recorded calls belong to a state of the code."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from mandala_git.cli.desk import Desk
from mandala_git.cli.loading import Loader
from mandala_git.cli.verbs import describe
from mandala_git.errors import UsageError
from mandala_git.ops.tables import SCALARS, Judge
from mandala_git.ops.two_worlds import compare
from mandala_git.results.calls import Edge
from mandala_git.versions.agreement import Belongs
from mandala_git.versions.belonging import Belonging
from mandala_git.views.console import Output
from mandala_git.views.tables import as_rows, short
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

            With --compare A B: which calls appear, vanish and stay from A to B, and the results
            of the same experiment (the same plain values, whatever code lies between) that
            differ. Without B, A is compared with the work tree.
        """,
        example="""
            git mandala world
            git mandala world HEAD~1 --json
            git mandala world --compare main topic
        """,
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument(
        "--compare", metavar=("A", "B"), nargs="+", help="two commits; or one and the work tree"
    )
    parser.add_argument("rev", metavar="REV", nargs="?", help="a commit; else the work tree")


def run(args: argparse.Namespace) -> int:
    """Print the world."""
    out = Output()
    if args.compare is not None:
        return _compare(out, args)
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


def _compare(out: Output, args: argparse.Namespace) -> int:
    """Print two worlds side by side."""
    if len(args.compare) > 2 or args.rev is not None:
        raise UsageError("--compare takes one or two commits", hint="git mandala help world")
    with Desk() as desk:
        if desk.results_error is not None:
            raise desk.results_error
        results = desk.results
        if results is None:
            raise UsageError("no calls are recorded here", hint="run a program that uses @op")
        names = [*args.compare, *["the work tree"] * (len(args.compare) == 1)]
        sides = [desk.at(args.compare[0])]
        sides.append(desk.at(args.compare[1]) if len(args.compare) == 2 else desk.work)
        before, after = (_judge(Belonging.to(each, results)) for each in sides)
        changes, differences = compare(results, before, after, results.ops())
        loader = Loader(results, desk.repo.root)

        def shown(edge: Edge) -> object:
            value = loader.load(edge.cid)
            if value is loader:
                return f"<ref {edge.hid.hex()[:8]}>"
            return value if isinstance(value, SCALARS) else short(value)

        table = [
            {
                "op": each.op.rpartition("::")[2],
                **{name: shown(edge) for name, edge in each.settings.items()},
                "output": each.label,
                names[0]: shown(each.before),
                names[1]: shown(each.after),
            }
            for each in differences
        ]
        if args.json:
            found = {
                "format": FORMAT,
                "worlds": names,
                "ops": [dict(zip(each._fields, each, strict=True)) for each in changes],
                "differences": table,
            }
            out.text(json.dumps(found, indent=2, default=repr) + "\n")
            return 0
        columns = ("op", "appear", "vanish", "stay")
        rows = [dict(zip(columns, each, strict=True)) for each in changes]
        with out.paged():
            out.show([row((visible(f"from {names[0]} to {names[1]}"), Style.HEAD)), ()])
            out.show(as_rows(rows, width=out.width))
            if table:
                count = plural(len(table), "result")
                out.show([(), row((f"{count} of the same experiment differ", Style.HEAD)), ()])
                order = dict.fromkeys(name for line in table for name in line)
                last = ("output", *names)
                kept = [*(name for name in order if name not in last), *last]
                out.show(as_rows(table, kept, width=out.width))
        out.say(*(f"mandala: {note}" for note in desk.notes))
    return 0


def _judge(belonging: Belonging) -> Judge:
    return lambda call, op: belonging.of(call.version, op)


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
