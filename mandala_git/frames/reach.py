"""What elements of a frame lead to: histories, and what lies upstream, downstream and between."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np

from mandala_git.frames.order import components, reachable
from mandala_git.frames.state import Edge, State, within
from mandala_git.frames.web import NONE, distinct, ranges
from mandala_git.results.columns import Ints

How = Literal["strong", "weak"]
Pairs = tuple[Ints, Ints]


def sources_in(state: State) -> dict[str, Ints]:
    """Return of each node the elements to which no edge leads."""
    return {node: _unmet(state, node, state.ins(node), 1) for node in state.nodes}


def sinks_in(state: State) -> dict[str, Ints]:
    """Return of each node the elements from which no edge leads."""
    return {node: _unmet(state, node, state.outs(node), 0) for node in state.nodes}


def _unmet(state: State, node: str, edges: Iterable[Edge], side: int) -> Ints:
    own = state.elements(node)
    left = np.ones(len(own), bool)
    for edge in edges:
        left[np.searchsorted(own, state.joined(edge)[side])] = False
    return own[left]


def led(pairs: Pairs, elements: Ints) -> tuple[Ints, Ints]:
    """Return where pairs (from, to) lead from some elements: places among these, and ends."""
    begins, ends = pairs
    order = np.argsort(begins, kind="stable")
    begins = begins[order]
    low = np.searchsorted(begins, elements, "left")
    high = np.searchsorted(begins, elements, "right")
    return np.repeat(np.arange(len(elements)), high - low), ends[order][ranges(low, high)]


def history(state: State, node: str, elements: Ints) -> dict[str, Pairs]:
    """Return all that some elements of a node came from.

    Args:
        state: the frame.
        node: the node.
        elements: of it; each is a row.

    Returns:
        {node: (rows, elements)}, sorted by row, then element; the elements themselves, too.
    """
    # Pairs are one number, so that each counts once.
    size = _size(state)
    waiting: dict[str, list[Ints]] = {node: [np.arange(len(elements)) * size + elements]}
    found: dict[str, Pairs] = {}
    for part in reversed(components(state.nodes, state.edges)):
        if len(part) > 1:
            _close(state, part, waiting, size)
        for name in part:
            if name not in waiting:
                continue
            keys = distinct(np.concatenate(waiting[name]))
            rows, own = found[name] = keys // size, keys % size
            for edge in state.ins(name):
                if edge[0] in part:
                    continue
                sources, targets = state.joined(edge)
                places, ends = led((targets, sources), own)
                waiting.setdefault(edge[0], []).append(rows[places] * size + ends)
    return found


def _close(state: State, part: list[str], waiting: dict[str, list[Ints]], size: int) -> None:
    """Follow the edges of a loop back to where they come from, row by row."""
    numbers = {name: number for number, name in enumerate(part)}
    seeds: dict[int, list[int]] = {}
    for name in part:
        for keys in waiting.get(name, ()):
            for row, own in zip((keys // size).tolist(), (keys % size).tolist(), strict=True):
                seeds.setdefault(row, []).append(numbers[name] * size + own)
    if not seeds:
        return
    leads: dict[int, list[int]] = {}
    for edge in state.edges:
        if edge[0] in numbers and edge[1] in numbers:
            sources, targets = state.joined(edge)
            begins = (targets + numbers[edge[1]] * size).tolist()
            ends = (sources + numbers[edge[0]] * size).tolist()
            for begin, end in zip(begins, ends, strict=True):
                leads.setdefault(begin, []).append(end)
    found: list[list[int]] = [[] for _ in part]
    for row, todo in seeds.items():
        met = set(todo)
        while todo:
            for end in leads.get(todo.pop(), ()):
                if end not in met:
                    met.add(end)
                    todo.append(end)
        for key in met:
            number, own = divmod(key, size)
            found[number].append(row * size + own)
    for name, keys_of in zip(part, found, strict=True):
        if keys_of:
            waiting[name] = [np.array(keys_of, np.int64)]


def reached(
    state: State, start: Mapping[str, Ints], *, back: bool, how: How = "weak"
) -> dict[str, Ints]:
    """Return the elements to which some elements lead, these included.

    Args:
        state: the frame.
        start: the elements, by node.
        back: against the direction of the data.
        how: "strong": a call is reached when all that it was given (going back: all that it
            returned) in this frame is; "weak": when some of it is.
    """
    found = dict.fromkeys(state.nodes, NONE) | dict(start)
    parts = components(state.nodes, state.edges)
    for part in reversed(parts) if back else parts:
        if len(part) > 1:
            _flood(state, part, found, back=back, how=how)
        else:
            (node,) = part
            found[node] = np.union1d(found[node], _entered(state, node, found, back, how))
    return found


def _ends(state: State, edge: Edge, *, back: bool) -> tuple[str, Ints, Ints]:
    """Return the node where we come from along an edge, elements of it, and where they lead."""
    sources, targets = state.joined(edge)
    return (edge[1], targets, sources) if back else (edge[0], sources, targets)


def _size(state: State) -> int:
    return max(state.web.size, len(state.web.op)) + 1


def _entered(state: State, node: str, found: Mapping[str, Ints], back: bool, how: How) -> Ints:
    """Return the elements of a node that edges lead to from what was found."""
    some: list[Ints] = []
    needs: dict[str, list[tuple[Ints, Ints]]] = {}
    for edge in state.outs(node) if back else state.ins(node):
        other, begins, ends = _ends(state, edge, back=back)
        met = ends[within(begins, found[other], _size(state))]
        some.append(met)
        needs.setdefault(edge[2], []).append((ends, met))
    entered = distinct(np.concatenate(some)) if some else NONE
    if how == "strong" and node in state.funcs:
        for pairs in needs.values():
            asked = distinct(np.concatenate([ends for ends, _ in pairs]))
            met = distinct(np.concatenate([met for _, met in pairs]))
            entered = np.setdiff1d(entered, np.setdiff1d(asked, met))
    return entered


def _flood(state: State, part: list[str], found: dict[str, Ints], *, back: bool, how: How) -> None:
    """Find what is reached in a loop, element by element."""
    size = _size(state)
    numbers = {name: number for number, name in enumerate(part)}
    leads: dict[int, list[tuple[int, str]]] = {}
    needs: dict[int, set[str]] = {}
    met: list[tuple[int, str]] = []
    for edge in state.edges:
        other, begins, ends = _ends(state, edge, back=back)
        node, label = (edge[0] if back else edge[1]), edge[2]
        if node not in numbers:
            continue
        keys = (ends + numbers[node] * size).tolist()
        if how == "strong" and node in state.funcs:
            for key in keys:
                needs.setdefault(key, set()).add(label)
        if other in numbers:
            for begin, key in zip((begins + numbers[other] * size).tolist(), keys, strict=True):
                leads.setdefault(begin, []).append((key, label))
        else:
            inside = within(begins, found[other], size).tolist()
            met += [(key, label) for key, is_met in zip(keys, inside, strict=True) if is_met]
    known = {own + numbers[node] * size for node in part for own in found[node].tolist()}
    todo = list(known)
    while True:
        for key, label in met:
            needed = needs.get(key, set())
            needed.discard(label)
            if not needed and key not in known:
                known.add(key)
                todo.append(key)
        if not todo:
            break
        met = leads.get(todo.pop(), [])
    every = np.array(sorted(known), np.int64)
    for node, number in numbers.items():
        low, high = np.searchsorted(every, [number * size, (number + 1) * size])
        found[node] = every[low:high] - number * size


def stream(state: State, nodes: Iterable[str], *, back: bool, how: How) -> State:
    """Return the part of a frame that some nodes lead to, or that leads to them."""
    names = list(nodes)
    part = state.only(
        {
            node: state.elements(node)
            for node in reachable(state.nodes, state.edges, names, back=back)
        }
    )
    start = {name: part.elements(name) for name in names}
    return part.only(reached(part, start, back=back, how=how))


def between(state: State, nodes: Iterable[str], *, how: How) -> State:
    """Return the part of a frame on paths between some nodes.

    Its elements are those to which elements of these nodes lead that came from nothing in it. Of
    one node it is that node.
    """
    names = list(dict.fromkeys(nodes))
    if len(names) == 1:
        return state.only({names[0]: state.elements(names[0])})
    ahead = set(reachable(state.nodes, state.edges, names))
    behind = set(reachable(state.nodes, state.edges, names, back=True))
    part = state.only({n: state.elements(n) for n in state.nodes if n in ahead and n in behind})
    begins = sources_in(part)
    # All elements of a node on a loop may come from others of it.
    start = {name: begins[name] if len(begins[name]) else part.elements(name) for name in names}
    return part.only(reached(part, start, back=False, how=how))
