"""`git mandala results`: the recorded calls of an op that belong to a state of the code."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from mandala_git.cli.desk import Desk
from mandala_git.cli.loading import Loader
from mandala_git.cli.verbs import describe
from mandala_git.errors import UsageError
from mandala_git.ops.tables import SCALARS, Lineage, Row, columns, edge_of, find_ops, result_rows
from mandala_git.results.calls import CallRow, Edge
from mandala_git.results.store import Results
from mandala_git.source.snapshot import is_gone
from mandala_git.versions.agreement import Belongs
from mandala_git.versions.belonging import Belonging
from mandala_git.views.console import Output
from mandala_git.views.tables import as_csv, as_json, as_rows, short
from mandala_git.views.text import plural

if TYPE_CHECKING:
    from mandala_git.cli.verbs import Subparsers

GLANCE = 16 << 20
"""Bytes up to which a stored value is loaded to be described in a cell."""

_BELONGS = {Belongs.YES: "yes", Belongs.UNKNOWN: "unknown", Belongs.NO: "no"}

Show = Callable[[Edge], object]


def add_parser(subparsers: Subparsers) -> None:
    """Add the arguments of `git mandala results`."""
    parser = describe(
        subparsers,
        "results",
        text="""
            Print the recorded calls of an op that belong to the work tree as it is now, or to a
            commit: the settings of the calls that its inputs came from, inputs, outputs, how
            long it took and at which commit it ran (`+`: with changes not committed). A call
            is left out when its inputs were made by calls that do not belong. Nothing is
            computed.

            OP is the name of an op, or its key. With --json and --csv scalars are written as
            they are, other values by their history id. A column `unknown` marks calls that
            belong unless a value which the source does not tell has changed.
        """,
        example="""
            git mandala results get_acc
            git mandala results get_acc --rev HEAD~1 --csv
            git mandala results src/train.py::fit --json
        """,
    )
    parser.add_argument("--rev", metavar="REV", help="the code of this commit")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help='{"format": 1, "columns", "rows"}')
    form.add_argument("--csv", action="store_true", help="comma-separated values")
    parser.add_argument(
        "--all", action="store_true", help="every recorded call, with a column `belongs`"
    )
    parser.add_argument("op", metavar="OP", help="name or key of an op")


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    out = Output()
    with Desk() as desk:
        results = desk.require_results()
        worlds = desk.at(args.rev) if args.rev else desk.work
        belonging = Belonging.to(worlds, results)
        ops = _ops(results, belonging, desk.key(args.op))
        found: list[tuple[Row, Belongs]] = []
        for number, key in ops.items():
            found += _all(results, number, key, belonging) if args.all else [
                (row, Belongs.YES if row.sure else Belongs.UNKNOWN)
                for row in result_rows(
                    results, {number: key}, key, lambda call, op: belonging.of(call.version, op)
                )
            ]  # fmt: skip
        names = columns(row for row, _ in found)
        full = args.json or args.csv
        show = Exact(results, desk.repo.root) if full else Glance(results, desk.repo.root)
        table, extra = _table(found, names, show, full=full, every=args.all)
        if full:
            render = as_json if args.json else as_csv
            out.text(render(table, [*names, *extra]))
        elif found:
            with out.paged():
                width = out.width if out.terminal else None
                out.show(as_rows(table, [*names, *extra], width=width, times=extra[:1]))
        if not found:
            where = args.rev or "the work tree"
            recorded = sum(len(results.calls_of([number])) for number in ops)
            out.say(
                f"none of the {plural(recorded, 'recorded call')} belongs to {where}",
                f"  git mandala results {args.op} --all   shows them; git mandala status   says why",
            )
        out.say(*(f"mandala: {note}" for note in desk.notes))
    return 0


def _ops(results: Results, belonging: Belonging, name: str) -> dict[int, str]:
    """Return {row: key} of the ops that a name means, in the world or when they ran."""
    try:
        return find_ops(results, name)
    except UsageError:
        # An op that moved or got another name: what is recorded is under the old one.
        heirs = [
            key
            for key in belonging.heirs()
            if name in (key, key.rpartition("::")[2], key.rpartition(".")[2])
        ]
        gone = {row: key for row, key in results.ops() if is_gone(belonging.snapshot, key)}
        if not heirs or not gone:
            raise
        return gone


def _all(
    results: Results, number: int, key: str, belonging: Belonging
) -> list[tuple[Row, Belongs]]:
    """Return every call of an op."""

    def judge(call: CallRow, op: str) -> Belongs:
        return belonging.of(call.version, op)

    records = results.calls_of([number])
    lineage = Lineage(results, records, judge)
    numbers = {record.row.session for record in records if record.row.session is not None}
    sessions = results.sessions(numbers)
    found: list[tuple[Row, Belongs]] = []
    for record in records:
        call = record.row
        answers = (judge(call, key), lineage.of_inputs(record))
        belongs = min(answers, key=lambda answer: answer.value)
        session = sessions.get(call.session) if call.session is not None else None
        settings = lineage.settings(record)
        row = Row(settings, record.inputs, record.outputs, call, session, belongs is Belongs.YES)
        found.append((row, belongs))
    return found


def _table(
    found: list[tuple[Row, Belongs]], names: list[str], show: Show, *, full: bool, every: bool
) -> tuple[list[dict[str, object]], list[str]]:
    """Return the rows of the table, and the names of the columns behind the values."""
    duration, commit, started, unknown, belongs = (
        f"call.{name}" if name in names else name
        for name in ("duration", "commit", "started", "unknown", "belongs")
    )
    extra = [duration, commit] + [started] * full
    if every:
        extra.append(belongs)
    elif any(answer is Belongs.UNKNOWN for _, answer in found):
        extra.append(unknown)
    table: list[dict[str, object]] = []
    for row, answer in found:
        line: dict[str, object] = {}
        for name in names:
            edge = edge_of(row, name)
            if edge is not None:
                line[name] = show(edge)
        line[duration] = row.call.duration
        run_at = row.session.commit_id if row.session is not None else None
        dirty = row.session is not None and row.session.dirty
        if run_at is not None:
            line[commit] = run_at if full else f"{run_at[:10]}{'+' * dirty}"
        line[started] = row.call.started
        line[unknown] = answer is Belongs.UNKNOWN
        line[belongs] = _BELONGS[answer]
        table.append({name: line[name] for name in (*names, *extra) if name in line})
    return table, extra


class Exact(Loader):
    """Scalars as they are, others by their history id."""

    def __call__(self, edge: Edge) -> object:
        size = self._results.size(edge.cid)
        if size is None or size > GLANCE:
            return edge.hid.hex()
        value = self.load(edge.cid)
        return value if _is_scalar(value) else edge.hid.hex()


class Glance(Loader):
    """A few characters of each value."""

    def __call__(self, edge: Edge) -> object:
        size = self._results.size(edge.cid)
        if size is not None and size <= GLANCE:
            value = self.load(edge.cid)
            if _is_scalar(value):
                return value
            if value is not self:
                return _Cell(short(value))
        return _Cell(f"<ref {edge.hid.hex()[:8]}>")


class _Cell:
    """Text that stands in a cell as it is."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _is_scalar(value: object) -> bool:
    if type(value).__module__ == "numpy":
        return getattr(value, "shape", None) == ()
    return isinstance(value, SCALARS)
