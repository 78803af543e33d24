"""git mandala table: recorded calls as a table of variables, joined by what led to what."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mandala_git.cli.desk import Desk
from mandala_git.cli.graph import frame_of
from mandala_git.cli.results import Exact, Glance
from mandala_git.cli.verbs import describe
from mandala_git.errors import UsageError
from mandala_git.results.calls import Edge
from mandala_git.versions.belonging import Belonging
from mandala_git.views.console import Output
from mandala_git.views.tables import as_csv, as_json, as_markdown, as_rows

if TYPE_CHECKING:
    from mandala_git.cli.verbs import Subparsers
    from mandala_git.frames.state import State

Show = Callable[[Edge], object]
Line = dict[str, object]


def add_parser(subparsers: Subparsers) -> None:
    """Add the arguments of `git mandala table`."""
    parser = describe(
        subparsers,
        "table",
        text="""
            Print recorded calls as a table of variables: a row for each end of a computation, with
            what led there. `git mandala graph` shows the names. Only calls that belong to the work
            tree as it is now, or to a commit, are there. Nothing is computed.

            In --where and --sort-by scalars count as they are, other values as their history ids
            (hex); so they are written with --json and --csv. Several values in a cell are a list.
        """,
        example="""
            git mandala table n_class rate acc --from get_acc
            git mandala table rate acc --where 'acc > 0.9 and rate == 0.1' --sort-by acc
            git mandala table acc --rev HEAD~1 --csv
        """,
    )
    parser.add_argument("--from", metavar="OP", dest="op", help="what calls of this op came from")
    parser.add_argument("--rev", metavar="REV", help="the code of this commit")
    parser.add_argument("--where", metavar="EXPR", help="only rows for which this holds")
    parser.add_argument("--sort-by", metavar="VAR", help="sort rows by this variable")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help='{"format": 1, "columns", "rows"}')
    form.add_argument("--csv", action="store_true", help="comma-separated values")
    form.add_argument("--md", action="store_true", help="a table in Markdown")
    parser.add_argument("vars", metavar="VAR", nargs="*", help="names of variables; all by default")


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    out = Output()
    with Desk() as desk:
        results = desk.require_results()
        worlds = desk.at(args.rev) if args.rev else desk.work

        from mandala_git.frames.web import web_in

        web = web_in(results, Belonging.to(worlds, results))
        state = frame_of(web, [desk.key(args.op)] if args.op else [])
        names, cells, several = _cells(state, args.vars)
        exact = _lines(state, names, cells, several, Exact(results, desk.repo.root))
        order = _chosen(exact, names, args.where, args.sort_by)
        full = args.json or args.csv
        if full:
            lines = [exact[at] for at in order]
            out.text((as_json if args.json else as_csv)(lines, names))
        else:
            glance = Glance(results, desk.repo.root)
            chosen = [cells[at] for at in order]
            lines = _lines(state, names, chosen, several, glance)
            if args.md:
                out.text(as_markdown(lines, names))
            else:
                with out.paged():
                    out.show(as_rows(lines, names, width=out.width if out.terminal else None))
        if not cells:
            out.say(
                f"no recorded call belongs to {args.rev or 'the work tree'}",
                "  git mandala status   says why",
            )
        out.say(*(f"mandala: {note}" for note in desk.notes))
    return 0


def _cells(
    state: State, wanted: Sequence[str]
) -> tuple[list[str], list[list[int]], dict[str, list[tuple[int, ...]]]]:
    """Return the columns of a table, its rows as numbers, and what stands for -2, -3, ...

    Raises:
        UsageError: there is no such variable.
    """
    from mandala_git.frames.edits import known
    from mandala_git.frames.tables import Codes, cells_of

    codes = Codes()
    _, found = cells_of(state, known(state, wanted, "variable"), codes)
    columns = [str(name) for name in found if name in state.vars]
    rows = found[columns].to_numpy().tolist()
    return columns, rows, {name: codes.several(name) for name in columns}


def _lines(
    state: State,
    names: Sequence[str],
    rows: Sequence[Sequence[int]],
    several: dict[str, list[tuple[int, ...]]],
    show: Show,
) -> list[Line]:
    """Return rows with what is shown of each value."""
    columns = state.web.columns
    known: dict[int, object] = {}

    def shown(number: int) -> object:
        if number not in known:
            known[number] = show(columns.edge(number))
        return known[number]

    return [
        {
            name: shown(cell) if cell >= 0 else [shown(each) for each in several[name][-2 - cell]]
            for name, cell in zip(names, row, strict=True)
            if cell != -1
        }
        for row in rows
    ]


def _chosen(
    lines: Sequence[Line], names: Sequence[str], where: str | None, sort_by: str | None
) -> list[int]:
    """Return the places of the rows for which a condition holds, in order.

    Raises:
        UsageError: the condition cannot be evaluated, or there is nothing to sort by.
    """
    order = list(range(len(lines)))
    if where is None and sort_by is None:
        return order
    if sort_by is not None and sort_by not in names:
        raise UsageError(
            f"there is no column {sort_by!r} to sort by", hint=f"There are: {', '.join(names)}."
        )
    import pandas

    frame: Any = pandas.DataFrame(
        {name: pandas.Series([line.get(name) for line in lines]) for name in names}
    )
    if where is not None:
        try:
            met = frame.eval(where)
        except Exception as error:
            raise UsageError(
                f"cannot evaluate --where {where!r}: {error}",
                hint=f"Columns: {', '.join(names)}.",
            ) from error
        holds = [not pandas.isna(each) and bool(each) for each in pandas.Series(met)]
        if len(holds) != len(order):
            raise UsageError(
                f"--where {where!r} says nothing of single rows",
                hint="Compare variables: acc > 0.9",
            )
        order = [at for at in order if holds[at]]
    if sort_by is not None:
        try:
            sorted_ = frame[sort_by].sort_values(kind="stable").index.tolist()
        except TypeError as error:
            raise UsageError(
                f"values of {sort_by!r} have no order: {error}", hint="Sort by another variable."
            ) from error
        kept = set(order)
        order = [at for at in sorted_ if at in kept]
    return order
