"""Two worlds side by side: which calls appear, vanish and stay, and which results differ."""

from __future__ import annotations

from collections.abc import Iterable

from mandala_git.ops.special import TRANSIENT
from mandala_git.ops.tables import Judge, Row, result_rows
from mandala_git.records import NamedTuple
from mandala_git.results.calls import Edge
from mandala_git.results.ids import value_hid
from mandala_git.results.store import Results


class OpChange(NamedTuple):
    """What becomes of the calls of an op.

    Attributes:
        op: its key.
        appear: how many calls belong to the second world alone.
        vanish: how many belong to the first alone.
        stay: how many belong to both.
    """

    op: str
    appear: int
    vanish: int
    stay: int


class Difference(NamedTuple):
    """An output that is another one in each world, for the same plain values.

    Attributes:
        op: key of the op.
        settings: the plain values that it rests on, by name.
        label: of the output.
        before, after: what it is in each world.
    """

    op: str
    settings: dict[str, Edge]
    label: str
    before: Edge
    after: Edge


def compare(
    results: Results, before: Judge, after: Judge, ops: Iterable[tuple[int, str]]
) -> tuple[list[OpChange], list[Difference]]:
    """Compare two worlds.

    Results are of the same experiment if they rest on the same plain values, whatever code made
    what lies between; where several of one world do, none of them is compared.

    Args:
        results: where calls are recorded.
        before, after: tell what belongs to each world.
        ops: (row, key) of the ops to look at.
    """
    changes: list[OpChange] = []
    differences: list[Difference] = []
    for number, key in sorted(ops, key=lambda each: each[1]):
        old, new = (result_rows(results, {number: key}, key, judge) for judge in (before, after))
        ids = [{row.call.id for row in rows} for rows in (old, new)]
        if not any(ids):
            continue
        changes.append(
            OpChange(key, len(ids[1] - ids[0]), len(ids[0] - ids[1]), len(ids[0] & ids[1]))
        )
        then, now = _experiments(old), _experiments(new)
        for experiment in then.keys() & now.keys():
            differences += _differences(key, then[experiment], now[experiment])
    differences.sort(key=lambda each: (each.op, [(n, e.cid) for n, e in each.settings.items()]))
    return changes, differences


def _settings(row: Row) -> dict[str, Edge]:
    plain = {label: edge for label, edge in row.inputs.items() if edge.hid == value_hid(edge.cid)}
    return {**row.settings, **plain}


def _experiments(rows: Iterable[Row]) -> dict[tuple[tuple[str, bytes], ...], Row]:
    """Return the rows by what they rest on, but for those that share that with another."""
    found: dict[tuple[tuple[str, bytes], ...], list[Row]] = {}
    for row in rows:
        key = tuple(sorted((label, edge.cid) for label, edge in _settings(row).items()))
        found.setdefault(key, []).append(row)
    return {key: several[0] for key, several in found.items() if len(several) == 1}


def _differences(key: str, old: Row, new: Row) -> list[Difference]:
    return [
        Difference(key, _settings(new), label, edge, new.outputs[label])
        for label, edge in old.outputs.items()
        if not label.startswith(TRANSIENT)
        and label in new.outputs
        and new.outputs[label].cid != edge.cid
    ]
