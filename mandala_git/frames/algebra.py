"""Frames as sets: united, intersected, subtracted; nodes are matched by name."""

from __future__ import annotations

import numpy as np

from mandala_git.errors import UsageError
from mandala_git.frames.state import Func, State
from mandala_git.frames.web import NONE, Web
from mandala_git.results.columns import Ints


def union(one: State, other: State) -> State:
    """Return all nodes, elements and edges of two frames.

    Raises:
        UsageError: a name means a variable in one, a function node in the other, or another op.
    """
    one, other = matched(one, other)
    variables = dict(one.vars)
    for name, refs in other.vars.items():
        variables[name] = np.union1d(variables.get(name, NONE), refs)
    funcs = dict(one.funcs)
    for name, func in other.funcs.items():
        calls = funcs[name].calls if name in funcs else NONE
        funcs[name] = Func(func.op, np.union1d(calls, func.calls))
    return State(one.web, variables, funcs, tuple(dict.fromkeys((*one.edges, *other.edges))))


def intersection(one: State, other: State) -> State:
    """Return the nodes, elements and edges that two frames have in common.

    Raises:
        UsageError: as `union`.
    """
    one, other = matched(one, other)
    edges = set(other.edges)
    common = {
        name: np.intersect1d(one.elements(name), other.elements(name))
        for name in one.nodes
        if name in other.vars or name in other.funcs
    }
    part = one.only(common)
    return State(part.web, part.vars, part.funcs, tuple(e for e in part.edges if e in edges))


def difference(one: State, other: State) -> State:
    """Return a frame without the elements of another one.

    A node that loses all of them goes, too, unless an edge of it is in the first frame alone: so
    what is left and what both have in common are the first frame again.

    Raises:
        UsageError: as `union`.
    """
    one, other = matched(one, other)
    own = {name for edge in one.edges if edge not in set(other.edges) for name in edge[:2]}
    left: dict[str, Ints] = {}
    for name in one.nodes:
        elements = one.elements(name)
        if name in other.vars or name in other.funcs:
            elements = np.setdiff1d(elements, other.elements(name))
            if not len(elements) and name not in own:
                continue
        left[name] = elements
    return one.only(left)


def matched(one: State, other: State) -> tuple[State, State]:
    """Return two frames with elements that have the same numbers.

    Raises:
        UsageError: a name does not mean the same in both.
    """
    for name in one.nodes:
        kinds = name in one.vars, name in other.vars
        if name in other.nodes and kinds[0] != kinds[1]:
            raise UsageError(
                f"{name!r} is a variable in one frame and a function in the other",
                hint=f"Rename one of them: cf.rename(vars={{{name!r}: ...}})",
            )
        if name in one.funcs and name in other.funcs and one.funcs[name].op != other.funcs[name].op:
            raise UsageError(
                f"{name!r} is {one.funcs[name].op} in one frame, {other.funcs[name].op} in the other",
                hint=f"Rename one of them: cf.rename(funcs={{{name!r}: ...}})",
            )
    if one.web is other.web:
        return one, other
    if len(one.web.columns) >= len(other.web.columns):
        return one, moved(other, one.web)
    return moved(one, other.web), other


def moved(state: State, web: Web) -> State:
    """Return a frame with the numbers of another web; calls that are not recorded there go."""
    old = state.web

    def refs(numbers: Ints) -> Ints:
        hids = [old.hid(number) for number in numbers.tolist()]
        found = web.numbers(hids)
        for place, number in enumerate(found):
            if number < 0:
                found[place] = web.number_of(old.refs([int(numbers[place])])[0])
        return np.unique(np.array(found, np.int64))

    def calls(numbers: Ints) -> Ints:
        found = web.call_numbers(
            [old.columns.hids[number].tobytes() for number in numbers.tolist()]
        )
        return np.unique(np.array([number for number in found if number >= 0], np.int64))

    if old.columns is web.columns and not old.strangers:
        return State(web, state.vars, state.funcs, state.edges)
    return State(
        web,
        {name: refs(numbers) for name, numbers in state.vars.items()},
        {name: Func(func.op, calls(func.calls)) for name, func in state.funcs.items()},
        state.edges,
    )
