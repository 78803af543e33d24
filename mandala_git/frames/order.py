"""Nodes of a graph in order: sources first, loops as one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from mandala_git.frames.state import Edge


def neighbors(
    nodes: Sequence[str], edges: Iterable[Edge], *, back: bool = False
) -> dict[str, list[str]]:
    """Return the nodes that each node leads to, or comes from, each once."""
    found: dict[str, dict[str, None]] = {node: {} for node in nodes}
    for source, target, _ in edges:
        if back:
            source, target = target, source
        found[source][target] = None
    return {node: list(others) for node, others in found.items()}


def components(nodes: Sequence[str], edges: Iterable[Edge]) -> list[list[str]]:
    """Return the strongly connected components, sources first; else in the order given.

    Tarjan 1972 without recursion, then Kahn 1962 on what he found.
    """
    leads = neighbors(nodes, edges)
    part = _tarjan(nodes, leads)
    members: dict[int, list[str]] = {}
    for node in nodes:
        members.setdefault(part[node], []).append(node)
    waits = dict.fromkeys(members, 0)
    after: dict[int, dict[int, None]] = {number: {} for number in members}
    for node, others in leads.items():
        for other in others:
            if part[other] != part[node] and part[other] not in after[part[node]]:
                after[part[node]][part[other]] = None
                waits[part[other]] += 1
    ready = deque(number for number in members if not waits[number])
    found = []
    while ready:
        number = ready.popleft()
        found.append(members[number])
        for later in after[number]:
            waits[later] -= 1
            if not waits[later]:
                ready.append(later)
    return found


def _tarjan(nodes: Sequence[str], leads: Mapping[str, Sequence[str]]) -> dict[str, int]:
    met: dict[str, int] = {}
    low: dict[str, int] = {}
    part: dict[str, int] = {}
    path: list[str] = []
    for start in nodes:
        if start in met:
            continue
        todo: list[tuple[str, int]] = [(start, 0)]
        while todo:
            node, place = todo.pop()
            if not place:
                met[node] = low[node] = len(met)
                path.append(node)
            others = leads[node]
            if place:
                low[node] = min(low[node], low[others[place - 1]])
            while place < len(others) and others[place] in met:
                if others[place] not in part:
                    low[node] = min(low[node], met[others[place]])
                place += 1
            if place < len(others):
                todo += [(node, place + 1), (others[place], 0)]
            elif low[node] == met[node]:
                while True:
                    last = path.pop()
                    part[last] = met[node]
                    if last == node:
                        break
    return part


def sorted_nodes(nodes: Sequence[str], edges: Iterable[Edge]) -> list[str]:
    """Return nodes in topological order; those on a loop stand together."""
    return [node for part in components(nodes, edges) for node in part]


def reachable(
    nodes: Sequence[str], edges: Iterable[Edge], start: Iterable[str], *, back: bool = False
) -> list[str]:
    """Return the nodes to which paths lead from some nodes, these included."""
    leads = neighbors(nodes, edges, back=back)
    found = dict.fromkeys(start)
    todo = list(found)
    while todo:
        for other in leads[todo.pop()]:
            if other not in found:
                found[other] = None
                todo.append(other)
    return [node for node in nodes if node in found]
