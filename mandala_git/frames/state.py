"""What a frame is made of: variables, function nodes and labelled edges. Nothing here changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from mandala_git.frames.web import NONE, Web
from mandala_git.records import NamedTuple
from mandala_git.results.columns import Ints, Mask

Edge = tuple[str, str, str]
"""(source, target, label): of a variable and a function node, in the direction of the data."""


class Func(NamedTuple):
    """A function node.

    Attributes:
        op: key of its op.
        calls: numbers of its calls, sorted.
    """

    op: str
    calls: Ints


@dataclass(frozen=True)
class State:
    """A frame at one time.

    Attributes:
        web: the numbers of refs and calls.
        vars: the refs of each variable, sorted.
        funcs: the function nodes.
        edges: in the order of their making.
    """

    web: Web
    vars: Mapping[str, Ints] = field(default_factory=dict)
    funcs: Mapping[str, Func] = field(default_factory=dict)
    edges: tuple[Edge, ...] = ()
    _links: dict[Edge, tuple[Ints, Ints]] = field(default_factory=dict, repr=False, compare=False)

    def elements(self, node: str) -> Ints:
        """Return the refs of a variable, or the calls of a function node."""
        return self.vars[node] if node in self.vars else self.funcs[node].calls

    @property
    def nodes(self) -> list[str]:
        """All names, those of variables first."""
        return [*self.vars, *self.funcs]

    def joined(self, edge: Edge) -> tuple[Ints, Ints]:
        """Return the pairs that an edge joins: elements of its source, and of its target."""
        found = self._links.get(edge)
        if found is None:
            source, target, label = edge
            out = source in self.funcs
            func, var = (source, target) if out else (target, source)
            web = self.web
            edges = web.edges_of(self.funcs[func].calls)
            if label in web.labels:
                place = web.labels.index(label)
                edges = edges[(web.label[edges] == place) & (web.is_output[edges] == out)]
            else:
                edges = NONE
            edges = edges[within(web.ref[edges], self.vars[var], web.size)]
            calls, refs = web.call[edges], web.ref[edges]
            found = self._links[edge] = (calls, refs) if out else (refs, calls)
        return found

    def ins(self, node: str) -> list[Edge]:
        """Return the edges into a node."""
        return [edge for edge in self.edges if edge[1] == node]

    def outs(self, node: str) -> list[Edge]:
        """Return the edges out of a node."""
        return [edge for edge in self.edges if edge[0] == node]

    def only(self, elements: Mapping[str, Ints]) -> State:
        """Return the part of this frame with some nodes, and some of their elements.

        Edges stay between nodes that stay.
        """
        return State(
            self.web,
            {name: elements[name] for name in self.vars if name in elements},
            {
                name: Func(func.op, elements[name])
                for name, func in self.funcs.items()
                if name in elements
            },
            tuple(e for e in self.edges if e[0] in elements and e[1] in elements),
        )

    def whole(self) -> dict[str, Ints]:
        """Return all elements by node."""
        return {node: self.elements(node) for node in self.nodes}


def within(numbers: Ints, members: Ints, size: int) -> Mask:
    """Say of each number whether it is one of the members, all below a size."""
    if len(members) * 16 < len(numbers) or len(numbers) * 16 < size:
        if not len(members):
            return np.zeros(len(numbers), bool)
        place = np.searchsorted(members, numbers).clip(max=len(members) - 1)
        found: Mask = members[place] == numbers
        return found
    mask = np.zeros(size, bool)
    mask[members] = True
    return mask[numbers]


def base_of(label: str) -> str:
    """Return how variables are called that an argument or output makes."""
    return "var" if label.startswith("output_") and label[7:].isdecimal() else label


def fresh(base: str, taken: Iterable[str]) -> str:
    """Return a name that is not taken: the base, or the base with a number."""
    known = taken if isinstance(taken, set | dict) else set(taken)
    if base != "var" and base not in known:
        return base
    number = 0
    while f"{base}_{number}" in known:
        number += 1
    return f"{base}_{number}"


def func_name(key: str) -> str:
    """Return how function nodes of an op are called."""
    return key.rpartition("::")[2].rpartition(".")[2].partition(" ")[0] or key
