"""A frame in words: a line a function node, counts, and what is where."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mandala_git.frames.order import sorted_nodes
from mandala_git.frames.reach import sinks_in, sources_in
from mandala_git.frames.state import State
from mandala_git.frames.web import distinct
from mandala_git.results.columns import Ints


def unique(elements: Mapping[str, Ints]) -> int:
    """Return how many different elements some nodes have."""
    return len(distinct(np.concatenate(list(elements.values())))) if elements else 0


def calls_by_name(state: State) -> dict[str, Ints]:
    """Return the calls of the function nodes."""
    return {name: func.calls for name, func in state.funcs.items()}


def described(state: State) -> str:
    """Return what a frame holds, and its graph."""
    graph = "\n".join(f"    {line}" for line in graph_lines(state))
    return (
        "ComputationFrame with:\n"
        f"    {len(state.vars)} variable(s) ({unique(state.vars)} unique refs)\n"
        f"    {len(state.funcs)} operation(s) ({unique(calls_by_name(state))} unique calls)\n"
        f"Computational graph:\n{graph}"
    ).rstrip("\n")


def graph_lines(state: State) -> list[str]:
    """Return the graph as a program: isolated variables first, then a line a function node."""
    joined = {name for edge in state.edges for name in edge[:2]}
    alone = ", ".join(name for name in state.vars if name not in joined)
    order = sorted_nodes(state.nodes, state.edges)
    lines = [func_line(state, name) for name in order if name in state.funcs]
    return [alone, *lines] if alone else lines


def func_line(state: State, name: str) -> str:
    """Return a function node as an assignment: `(a | b)@label = f(x=x)`."""
    places = state.web.order(state.funcs[name].op)
    left, right = labelled(state, name, out=True), labelled(state, name, out=False)

    def parts(groups: dict[str, list[str]]) -> list[tuple[str, str]]:
        return [
            (label, names[0] if len(names) == 1 else f"({' | '.join(sorted(names))})")
            for label, names in sorted(groups.items(), key=lambda g: places.get(g[0], len(places)))
        ]

    made = ", ".join(f"{names}@{label}" for label, names in parts(left))
    given = ", ".join(f"{label}={names}" for label, names in parts(right))
    return f"{made} = {name}({given})" if made else f"{name}({given})"


def labelled(state: State, func: str, *, out: bool) -> dict[str, list[str]]:
    """Return the variables of a function node, by the label that leads there."""
    found: dict[str, list[str]] = {}
    for source, target, label in state.edges:
        if func == (source if out else target):
            found.setdefault(label, []).append(target if out else source)
    return found


def counts(state: State) -> dict[str, tuple[int, int, int]]:
    """Return how many elements a node has, and how many that come from or lead to nothing."""
    begins, ends = sources_in(state), sinks_in(state)
    return {
        node: (len(state.elements(node)), len(begins[node]), len(ends[node]))
        for node in state.nodes
    }


def node_text(state: State, node: str) -> str:
    """Return what is to say of a node: how many elements, and what they are joined to."""
    total, begins, ends = counts(state)[node]
    if node in state.vars:
        lines = [f"variable {node}: {total} values ({begins} sources, {ends} sinks)"]
        verbs = {True: "made by", False: "given to"}
    else:
        op = state.funcs[node].op
        lines = [f"function {node}: {total} calls of {op}", f"    {func_line(state, node)}"]
        verbs = {True: "takes", False: "makes"}
    for edge in (*state.ins(node), *state.outs(node)):
        into = edge[1] == node
        other = edge[0] if into else edge[1]
        joined = len(np.unique(state.joined(edge)[into]))
        lines.append(f"    {verbs[into]} {other} as {edge[2]}: {joined} of {total}")
    return "\n".join(lines)
