"""Tables: the recorded calls of an op that belong to a world, a row each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mandala_git.errors import UsageError, ValueLost
from mandala_git.ops.op import Op
from mandala_git.ops.refs import Ref
from mandala_git.ops.special import TRANSIENT
from mandala_git.results.calls import CallRecord, CallRow, Edge, Session
from mandala_git.results.histories import histories
from mandala_git.results.store import Results
from mandala_git.versions.agreement import Belongs

if TYPE_CHECKING:
    from pandas import DataFrame

    from mandala_git.ops.versioning import Versioning

Judge = Callable[[CallRow, str], Belongs]
"""(recorded call, key of its op in the world) -> whether it belongs."""

SCALARS = (int, float, complex, bool, str, bytes, type(None))


@dataclass(frozen=True, slots=True)
class Row:
    """One call.

    Attributes:
        settings: plain inputs of the calls that this one's inputs came from, by name.
        inputs: by argument.
        outputs: by output.
        call: when, how long, history id.
        session: where it ran.
        sure: False when a value that the source does not determine decides.
    """

    settings: dict[str, Edge]
    inputs: dict[str, Edge]
    outputs: dict[str, Edge]
    call: CallRow
    session: Session | None
    sure: bool


def op_table(versioning: Versioning, op: Op[..., Any] | str) -> DataFrame:
    """Return the recorded calls of an op that belong to a world; see `data_frame`.

    Args:
        versioning: judges in that world.
        op: the op, or its name or key.

    Raises:
        UsageError: there is no such op, or several.
    """
    results, judge = versioning.results, versioning.judge()
    rows: list[Row] = []
    for row, key in find_ops(results, versioning.key(op) if isinstance(op, Op) else op).items():
        rows += result_rows(results, {row: key}, key, judge)
    return data_frame(results, rows)


def find_ops(results: Results, name: str) -> dict[int, str]:
    """Return {row: key} of the ops that a name, a qualified name or a key means.

    Raises:
        UsageError: there is none, or the name means ops in different places.
    """
    ops = dict(results.ops())
    found = {
        row: key
        for row, key in ops.items()
        if name in (key, key.rpartition("::")[2], key.rpartition("::")[2].rpartition(".")[2])
    }
    if not found:
        known = ", ".join(sorted({key.rpartition("::")[2] for key in ops.values()}))
        raise UsageError(
            f"no calls of an op {name!r} are recorded",
            hint=f"Recorded ops: {known}." if known else "Run a program that uses @op first.",
        )
    return found


def result_rows(results: Results, ops: dict[int, str], here: str, judge: Judge) -> list[Row]:
    """Return the calls of some ops that belong, the preferred one for each set of inputs.

    A call whose inputs were made by calls of which none belongs is left out: its code is that
    of the world, what it was given is not.

    Args:
        results: where they are recorded.
        ops: {row: key} of the op and its earlier places.
        here: key of the op in the world.
        judge: whether a call belongs.
    """
    belonging: list[tuple[CallRecord, Belongs]] = []
    for record in results.calls_of(ops):
        belongs = judge(record.row, here)
        if belongs is not Belongs.NO:
            belonging.append((record, belongs))
    lineage = Lineage(results, [record for record, _ in belonging], judge)
    chosen: dict[object, tuple[CallRecord, bool]] = {}
    for record, own in belonging:
        belongs = min(own, lineage.of_inputs(record), key=lambda answer: answer.value)
        if belongs is Belongs.NO:
            continue
        inputs = tuple(sorted((label, edge.cid) for label, edge in record.inputs.items()))
        sure = belongs is Belongs.YES
        before = chosen.get(inputs)
        alias = record.row.alias_of is not None
        if before is None or (sure >= before[1] and not alias):
            chosen[inputs] = (record, sure)
    numbers = {r.row.session for r, _ in chosen.values() if r.row.session is not None}
    sessions = results.sessions(numbers)
    return [
        Row(
            lineage.settings(record),
            record.inputs,
            record.outputs,
            record.row,
            sessions.get(record.row.session) if record.row.session is not None else None,
            sure,
        )
        for record, sure in chosen.values()
    ]


class Lineage:
    """The calls that some calls' inputs came from, and theirs, and so on.

    Args:
        results: where they are recorded.
        records: the calls to start from.
        judge: whether a call belongs.
    """

    def __init__(self, results: Results, records: Sequence[CallRecord], judge: Judge) -> None:
        self._above: dict[bytes, set[int]] = {}
        self._calls: dict[int, CallRecord] = {}
        self._answers: dict[bytes, Belongs] = {}
        self._keys = dict(results.ops())
        self._judge = judge
        # A container that was built of Refs came about as its elements did.
        self._elements: dict[bytes, list[bytes]] = {}
        front = {e.hid for record in records for e in record.inputs.values()}
        while front:
            new_ones = front
            while new_ones:
                built = histories(results, new_ones)
                self._elements |= built
                new_ones = {hid for hids in built.values() for hid in hids} - self._above.keys()
                new_ones -= front
                front |= new_ones
            made = results.creators(front)
            for hid in front:
                self._above[hid] = {call for call, _ in made.get(hid, ())}
            new = {call for hid in front for call in self._above[hid]} - self._calls.keys()
            if new:
                self._calls |= {record.row.id: record for record in results.calls(new)}
            below = {e.hid for call in new for e in self._calls[call].inputs.values()}
            front = below - self._above.keys()

    def of_inputs(self, record: CallRecord) -> Belongs:
        """Tell whether what a call was given belongs: the least that can be said of an input."""
        answers = [self._of(edge.hid) for edge in record.inputs.values()]
        return min(answers, key=lambda answer: answer.value, default=Belongs.YES)

    def _of(self, start: bytes) -> Belongs:
        """Tell whether some call that made a value belongs, and what that was given."""
        todo = [start]
        while todo:
            hid = todo[-1]
            makers = [self._calls[call] for call in self._above.get(hid, ())]
            waiting = [
                edge.hid
                for maker in makers
                for edge in maker.inputs.values()
                if edge.hid not in self._answers
            ]
            waiting += [h for h in self._elements.get(hid, ()) if h not in self._answers]
            if hid in self._answers or not waiting:
                self._answers.setdefault(hid, self._best(hid, makers))
                todo.pop()
            else:
                # A history id is made of those above it, so that this comes to an end.
                todo += waiting
        return self._answers[start]

    def _best(self, hid: bytes, makers: Sequence[CallRecord]) -> Belongs:
        if hid in self._elements:
            answers = [self._answers[each] for each in self._elements[hid]]
            return min(answers, key=lambda answer: answer.value, default=Belongs.YES)
        found = Belongs.NO if makers else Belongs.YES  # a value that no call made is given
        for maker in makers:
            answers = [self._answers[edge.hid] for edge in maker.inputs.values()]
            answers.append(self._judge(maker.row, self._keys[maker.row.op]))
            least = min(answers, key=lambda answer: answer.value)
            found = max(found, least, key=lambda answer: answer.value)
        return found

    def settings(self, record: CallRecord) -> dict[str, Edge]:
        """Return the plain values that a call's inputs came from, by the names they had."""
        values: dict[str, dict[bytes, Edge]] = {}
        seen: set[int] = set()
        todo = [edge.hid for edge in record.inputs.values()]
        while todo:
            hid = todo.pop()
            todo += self._elements.get(hid, ())
            for call in self._above.get(hid, ()):
                if call in seen:
                    continue
                seen.add(call)
                for label, edge in self._calls[call].inputs.items():
                    if self._above.get(edge.hid) or edge.hid in self._elements:
                        todo.append(edge.hid)
                    else:
                        values.setdefault(label, {})[edge.cid] = edge
        return {
            label: next(iter(edges.values()))
            for label, edges in sorted(values.items())
            if len(edges) == 1 and label not in record.inputs
        }


def columns(rows: Iterable[Row]) -> list[str]:
    """Return the columns of a table: settings, inputs, outputs."""
    names: dict[str, None] = {}
    rows = list(rows)
    for part in ("settings", "inputs", "outputs"):
        for row in rows:
            names.update(dict.fromkeys(getattr(row, part)))
    return [name for name in names if not name.startswith(TRANSIENT)]


def edge_of(row: Row, column: str) -> Edge | None:
    """Return what is in a column of a row."""
    return row.outputs.get(column) or row.inputs.get(column) or row.settings.get(column)


def data_frame(results: Results, rows: Sequence[Row]) -> DataFrame:
    """Return rows as a table with values, and duration (s), commit and start of each call.

    A value that is not stored is shown as a Ref without it. A column `unknown` is there if the
    world does not determine whether some row belongs.
    """
    import pandas

    names = columns(rows)
    data: dict[str, list[Any]] = {
        name: [
            None if (edge := edge_of(row, name)) is None else _value(results, edge) for row in rows
        ]
        for name in names
    }
    data["duration"] = [row.call.duration for row in rows]
    data["commit"] = [row.session.commit_id if row.session else None for row in rows]
    data["started"] = [row.call.started for row in rows]
    if not all(row.sure for row in rows):
        data["unknown"] = [not row.sure for row in rows]
    series = {name: pandas.Series(values).infer_objects() for name, values in data.items()}
    frame = pandas.DataFrame(series)
    frame["started"] = pandas.to_datetime(frame["started"], unit="s", utc=True)
    return frame


def _value(results: Results, edge: Edge) -> Any:
    try:
        return results.load(edge.cid)
    except ValueLost:
        return Ref(edge.hid, edge.cid, results)
