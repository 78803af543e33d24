"""Changing a frame by hand: its nodes are dropped, renamed, merged and split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from mandala_git.errors import UsageError
from mandala_git.frames.order import reachable
from mandala_git.frames.state import Edge, Func, State, fresh, within
from mandala_git.frames.web import distinct
from mandala_git.results.columns import Ints


def known(state: State, names: Iterable[str], kind: str = "node") -> list[str]:
    """Return names after a look whether they are there.

    Args:
        state: the frame.
        names: the names.
        kind: "node", "variable" or "function".

    Raises:
        UsageError: one is no name of such a node.
    """
    there = {"node": state.nodes, "variable": state.vars, "function": state.funcs}[kind]
    wanted = [names] if isinstance(names, str) else list(names)
    for name in wanted:
        if name not in there:
            raise UsageError(
                f"there is no {kind} {name!r} in this frame",
                hint=f"There are: {', '.join(there)}." if there else "It is empty.",
            )
    return wanted


def without(state: State, names: Iterable[str], *, with_dependents: bool = False) -> State:
    """Return a frame without some nodes and their edges."""
    gone = set(names)
    if with_dependents:
        gone.update(reachable(state.nodes, state.edges, gone))
    return state.only({node: state.elements(node) for node in state.nodes if node not in gone})


def with_elements(state: State, changed: Mapping[str, Ints]) -> State:
    """Return a frame whose nodes have other elements."""
    return state.only({**state.whole(), **changed})


def renamed(state: State, names: Mapping[str, str]) -> State:
    """Return a frame with other names of nodes.

    Raises:
        UsageError: two nodes would have one name.
    """
    new = [names.get(node, node) for node in state.nodes]
    for name in set(new):
        if new.count(name) > 1:
            raise UsageError(
                f"two nodes would be called {name!r}",
                hint="Choose another name, or make one of two variables: cf.merge_into(node, into)",
            )
    return State(
        state.web,
        {names.get(name, name): refs for name, refs in state.vars.items()},
        {names.get(name, name): func for name, func in state.funcs.items()},
        tuple((names.get(s, s), names.get(t, t), label) for s, t, label in state.edges),
    )


def merged(state: State, names: Sequence[str], into: str) -> State:
    """Return a frame in which one variable, or function node, has all that several had.

    Raises:
        UsageError: they are not of one kind, or of several ops.
    """
    every = [into, *(name for name in names if name != into)]
    if len({name in state.vars for name in every}) > 1:
        raise UsageError(
            f"{', '.join(every)} are not all variables, nor all functions",
            hint="Merge variables with variables, calls of an op with calls of that op.",
        )
    if len({state.funcs[name].op for name in every if name in state.funcs}) > 1:
        raise UsageError(
            f"{', '.join(every)} are calls of several ops",
            hint="Only nodes of one op can become one.",
        )
    gone = set(every) - {into}

    def name(node: str) -> str:
        return into if node in gone else node

    elements = distinct(np.concatenate([state.elements(each) for each in every]))
    return State(
        state.web,
        {v: elements if v == into else refs for v, refs in state.vars.items() if v not in gone},
        {
            f: Func(func.op, elements) if f == into else func
            for f, func in state.funcs.items()
            if f not in gone
        },
        tuple(dict.fromkeys((name(s), name(t), label) for s, t, label in state.edges)),
    )


def overlapping(state: State) -> list[list[str]]:
    """Return groups of variables that hold the same refs.

    A value that no call made may be equal to another one by chance: it counts only where one
    variable has all of the other's.
    """
    groups: dict[str, list[str]] = {}
    for name, refs in state.vars.items():
        found = [name]
        for key, group in list(groups.items()):
            if any(_same(state, refs, state.vars[other]) for other in group):
                found = groups.pop(key) + found
        groups[found[0]] = found
    return [group for group in groups.values() if len(group) > 1]


def _same(state: State, one: Ints, other: Ints) -> bool:
    common = np.intersect1d(one, other)
    whole = 0 < len(common) in (len(one), len(other))
    return whole or bool(state.web.is_made(common).any())


def split(state: State, name: str) -> State:
    """Return a frame in which a variable is one for each way in which its refs are joined.

    Refs that the same edges lead to and from stay together; the first of them keep the name.
    """
    refs = state.vars[name]
    edges = [edge for edge in state.edges if name in edge[:2]]
    met = np.zeros((len(refs), len(edges)), bool)
    for place, edge in enumerate(edges):
        met[:, place] = within(refs, np.unique(state.joined(edge)[edge[1] == name]), state.web.size)
    ways, first, of = np.unique(met, axis=0, return_index=True, return_inverse=True)
    variables: dict[str, Ints] = {}
    own: list[Edge] = []
    taken = set(state.nodes)
    for way in np.argsort(first).tolist():
        part = name if not variables else fresh(name, taken)
        taken.add(part)
        variables[part] = refs[of.reshape(-1) == way]
        for edge, there in zip(edges, ways[way], strict=True):
            if there:
                source, target, label = edge
                own.append((part, target, label) if source == name else (source, part, label))
    every: dict[str, Ints] = {}
    for each, numbers in state.vars.items():
        every.update((variables or {name: refs}) if each == name else {each: numbers})
    rest = [edge for edge in state.edges if edge not in edges]
    return State(state.web, every, state.funcs, tuple(dict.fromkeys((*rest, *own))))


def tidied(state: State) -> State:
    """Return a frame without nodes that have no elements, and edges that join none."""
    part = state.only({node: els for node, els in state.whole().items() if len(els)})
    edges = tuple(edge for edge in part.edges if len(part.joined(edge)[0]))
    return State(part.web, part.vars, part.funcs, edges)
