"""A small layered layout (Sugiyama 1981): layers by longest path, order by barycentre.

For pictures of a few dozen boxes where no graphviz is installed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

Node = str | tuple[int, int]
"""A box, or the bend number of an arrow (arrow, layer)."""

_SWEEPS = 8


@dataclass(slots=True)
class Layout:
    """Where things are, along a layer and across the layers.

    Attributes:
        along: the middle of each box along its layer.
        across: the middle of each box across the layers.
        bends: of each arrow, the points between its ends, from source to target.
        size: of the whole, along and across.
    """

    along: dict[str, float] = field(default_factory=dict)
    across: dict[str, float] = field(default_factory=dict)
    bends: list[list[tuple[float, float]]] = field(default_factory=list)
    size: tuple[float, float] = (0.0, 0.0)


def laid_out(
    order: Sequence[str],
    arrows: Sequence[tuple[str, str]],
    sizes: Mapping[str, tuple[float, float]],
    *,
    gap: float = 24.0,
    between: float = 56.0,
) -> Layout:
    """Place boxes in layers.

    Args:
        order: the boxes, in the order in which arrows mostly lead.
        arrows: from and to; those against the order are turned for the layout.
        sizes: of each box, along its layer and across.
        gap: between boxes of a layer.
        between: between layers.
    """
    if not order:
        return Layout()
    place = {name: number for number, name in enumerate(order)}
    forward = [(a, b) if place[a] <= place[b] else (b, a) for a, b in arrows]
    layer = _layers(order, forward)
    rows: list[list[Node]] = [[] for _ in range(max(layer.values()) + 1)]
    for name in order:
        rows[layer[name]].append(name)
    chains: list[list[Node]] = []
    for number, (a, b) in enumerate(forward):
        bends: list[Node] = [(number, at) for at in range(layer[a] + 1, layer[b])]
        for bend, at in zip(bends, range(layer[a] + 1, layer[b]), strict=True):
            rows[at].append(bend)
        chains.append([a, *bends, b])
    beside = _neighbors(chains)
    _order(rows, beside)
    width = {node: sizes[node][0] if isinstance(node, str) else gap for row in rows for node in row}
    along = _straightened(rows, beside, width, gap)
    result = Layout()
    top, middles = 0.0, []
    for row in rows:
        height = max([sizes[node][1] for node in row if isinstance(node, str)], default=0.0)
        middles.append(top + height / 2)
        top += height + between
    for name in order:
        result.along[name], result.across[name] = along[name], middles[layer[name]]
    for (a, _), turned, chain in zip(arrows, forward, chains, strict=True):
        points = [
            (along[node], middles[node[1]]) for node in chain[1:-1] if not isinstance(node, str)
        ]
        result.bends.append(points if turned[0] == a else points[::-1])
    right = max(along[node] + width[node] / 2 for row in rows for node in row)
    result.size = right, top - between
    return result


def _layers(order: Sequence[str], arrows: Sequence[tuple[str, str]]) -> dict[str, int]:
    layer = dict.fromkeys(order, 0)
    place = {name: number for number, name in enumerate(order)}
    after: dict[str, list[str]] = {name: [] for name in order}
    before: dict[str, int] = dict.fromkeys(order, 0)
    for a, b in arrows:
        if a != b:
            after[a].append(b)
            before[b] += 1
    for name in order:  # arrows lead onwards in it
        for other in after[name]:
            layer[other] = max(layer[other], layer[name] + 1)
    for name in sorted(order, key=place.__getitem__, reverse=True):
        if after[name] and not before[name]:  # what begins stands beside where it is needed
            layer[name] = min(layer[other] for other in after[name]) - 1
    return layer


def _neighbors(chains: Sequence[Sequence[Node]]) -> dict[Node, tuple[list[Node], list[Node]]]:
    found: dict[Node, tuple[list[Node], list[Node]]] = {}
    for chain in chains:
        for one, other in pairwise(chain):
            found.setdefault(one, ([], []))[1].append(other)
            found.setdefault(other, ([], []))[0].append(one)
    return found


def _order(rows: list[list[Node]], beside: Mapping[Node, tuple[list[Node], list[Node]]]) -> None:
    """Order each layer by where the neighbours of its nodes are, downwards and upwards in turn."""
    for sweep in range(_SWEEPS):
        side = sweep % 2
        at = {node: number for row in rows for number, node in enumerate(row)}
        for row in rows if side == 0 else reversed(rows):
            wanted = {}
            for node in row:
                others = beside.get(node, ([], []))[side]
                wanted[node] = sum(at[o] for o in others) / len(others) if others else at[node]
            row.sort(key=wanted.__getitem__)
            at.update({node: number for number, node in enumerate(row)})


def _straightened(
    rows: Sequence[Sequence[Node]],
    beside: Mapping[Node, tuple[list[Node], list[Node]]],
    width: Mapping[Node, float],
    gap: float,
) -> dict[Node, float]:
    """Return where nodes are along their layers: near their neighbours, and apart."""
    along: dict[Node, float] = {}
    for row in rows:
        _pack(row, {}, along, width, gap)
    for sweep in range(2 * _SWEEPS):
        for row in rows if sweep % 2 == 0 else list(reversed(rows)):
            wanted = {}
            for node in row:
                others = [o for part in beside.get(node, ([], [])) for o in part]
                wanted[node] = (
                    sum(along[o] for o in others) / len(others) if others else along[node]
                )
            _pack(row, wanted, along, width, gap)
    left = min(along[node] - width[node] / 2 for row in rows for node in row)
    return {node: x - left for node, x in along.items()}


def _pack(
    row: Sequence[Node],
    wanted: Mapping[Node, float],
    along: dict[Node, float],
    width: Mapping[Node, float],
    gap: float,
) -> None:
    """Place the nodes of a layer in their order, as near to what they want as they fit."""
    low: list[float] = []
    edge = float("-inf") if wanted else 0.0
    for node in row:
        start = max(edge, wanted.get(node, edge + width[node] / 2) - width[node] / 2)
        low.append(start + width[node] / 2)
        edge = start + width[node] + gap
    if wanted:
        # The mean of both: packed from the left, and from the right.
        edge = float("inf")
        for number in range(len(row) - 1, -1, -1):
            node = row[number]
            end = min(edge, wanted[node] + width[node] / 2)
            low[number] = (low[number] + end - width[node] / 2) / 2
            edge = end - width[node] - gap
    along.update(zip(row, low, strict=True))
