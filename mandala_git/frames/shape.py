"""What a frame says of itself: its names, its graph, and the elements of its nodes."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from mandala_git.errors import UsageError
from mandala_git.frames import words
from mandala_git.frames.edits import known
from mandala_git.frames.elements import LazyCall
from mandala_git.frames.order import components, sorted_nodes
from mandala_git.frames.picture import versions_in
from mandala_git.frames.reach import led, sinks_in, sources_in
from mandala_git.frames.state import Edge, State
from mandala_git.frames.web import distinct
from mandala_git.ops.calls import Call, Wanted, history_id
from mandala_git.ops.refs import Ref
from mandala_git.results.columns import Ints

if TYPE_CHECKING:
    from pandas import DataFrame


class Shape:
    """A frame to be looked at.

    Args:
        storage: where its calls are recorded.
        state: what it is made of.

    Attributes:
        storage: where its calls are recorded.
    """

    def __init__(self, storage: Any, state: State) -> None:
        self.storage = storage
        self._state = state

    def _put(self, state: State, inplace: bool = False) -> Self:
        """Return a frame with a state, or take it in place: then None is returned, as pandas do."""
        if inplace:
            self._state = state
            return None  # type: ignore[return-value]
        return type(self)(self.storage, state)

    def copy(self) -> Self:
        """Return a copy; it shares all that is large."""
        return self._put(self._state)

    __copy__ = copy

    def __deepcopy__(self, memo: object) -> Self:
        return self.copy()

    # -- names ---------------------------------------------------------------------------

    @property
    def vnames(self) -> set[str]:
        """Names of the variables."""
        return set(self._state.vars)

    @property
    def fnames(self) -> set[str]:
        """Names of the function nodes."""
        return set(self._state.funcs)

    @property
    def nodes(self) -> set[str]:
        """Names of all nodes."""
        return set(self._state.nodes)

    @property
    def vs(self) -> dict[str, set[str]]:
        """The history ids (hex) of the refs of each variable."""
        return {name: self._ids(name) for name in self._state.vars}

    @property
    def fs(self) -> dict[str, set[str]]:
        """The history ids (hex) of the calls of each function node."""
        return {name: self._ids(name) for name in self._state.funcs}

    @property
    def sets(self) -> dict[str, set[str]]:
        """The history ids (hex) of the elements of each node."""
        return {**self.vs, **self.fs}

    @property
    def refs(self) -> dict[str, Ref]:
        """All Refs, by history id (hex)."""
        return {ref.hid.hex(): ref for refs in self.refs_by_var().values() for ref in refs}

    @property
    def calls(self) -> dict[str, Call]:
        """All calls, by history id (hex)."""
        return {call.hid.hex(): call for calls in self.calls_by_func().values() for call in calls}

    @property
    def values(self) -> dict[str, list[Any]]:
        """The values of each variable, oldest first."""
        return {name: self._values(name) for name in self._state.vars}

    def ops(self) -> dict[str, str]:
        """Return the key of the op of each function node."""
        return {name: func.op for name, func in self._state.funcs.items()}

    def refs_by_var(self) -> dict[str, list[Ref]]:
        """Return the Refs of each variable, oldest first."""
        return {
            name: self._state.web.refs(refs.tolist()) for name, refs in self._state.vars.items()
        }

    def calls_by_func(self) -> dict[str, list[LazyCall]]:
        """Return the calls of each function node, oldest first."""
        web = self._state.web
        return {name: web.calls(func.calls.tolist()) for name, func in self._state.funcs.items()}

    def get(self, hids: Wanted | Iterable[Wanted]) -> Self:
        """Return the part of this frame with some elements, wherever they are in it.

        Args:
            hids: Refs, calls or their history ids.
        """
        wanted = [hids] if isinstance(hids, str | bytes | Ref | Call) else list(hids)
        ids = {history_id(each) for each in wanted}
        web = self._state.web
        refs = np.array([n for n in web.numbers(list(ids)) if n >= 0], np.int64)
        calls = np.array([n for n in web.call_numbers(list(ids)) if n >= 0], np.int64)
        parts = {
            name: np.intersect1d(elements, refs if name in self._state.vars else calls)
            for name, elements in self._state.whole().items()
        }
        return self._put(self._state.only({k: els for k, els in parts.items() if len(els)}))

    def get_var_values(self, vname: str) -> list[Any]:
        """Return the values of a variable, oldest first."""
        known(self._state, vname, "variable")
        return self._values(vname)

    def get_func_table(self, fname: str) -> DataFrame:
        """Return the calls of a function node as a table of what they were given and returned."""
        import pandas

        known(self._state, fname, "function")
        state = self._state
        web, calls = state.web, state.funcs[fname].calls
        edges = web.edges_of(calls)
        rows = np.searchsorted(calls, web.call[edges])
        data = {}
        for label in distinct(web.label[edges]).tolist():
            mine = edges[web.label[edges] == label]
            column = np.empty(len(calls), object)
            column[rows[web.label[edges] == label]] = np.fromiter(
                web.values(web.ref[mine].tolist()), object, len(mine)
            )
            data[web.labels[label]] = pandas.Series(column, dtype=object).infer_objects()
        order = web.order(state.funcs[fname].op)
        return pandas.DataFrame({name: data[name] for name in order if name in data})

    def _values(self, name: str) -> list[Any]:
        return self._state.web.values(self._state.vars[name].tolist())

    def _ids(self, name: str) -> set[str]:
        web, elements = self._state.web, self._state.elements(name).tolist()
        if name in self._state.vars:
            return {web.hid(number).hex() for number in elements}
        return {web.columns.hids[number].tobytes().hex() for number in elements}

    def _hexed(self, elements: Mapping[str, Ints]) -> dict[str, set[str]]:
        part = self._put(self._state.only(elements))
        return {name: part._ids(name) for name in elements}

    # -- graph ---------------------------------------------------------------------------

    def edges(self) -> list[Edge]:
        """Return the edges: (source, target, label)."""
        return list(self._state.edges)

    def in_edges(self, node: str) -> list[Edge]:
        """Return the edges into a node."""
        known(self._state, node)
        return self._state.ins(node)

    def out_edges(self, node: str) -> list[Edge]:
        """Return the edges out of a node."""
        known(self._state, node)
        return self._state.outs(node)

    def in_neighbors(self, node: str) -> set[str]:
        """Return the nodes from which edges lead to a node."""
        return {source for source, _, _ in self.in_edges(node)}

    def out_neighbors(self, node: str) -> set[str]:
        """Return the nodes to which edges lead from a node."""
        return {target for _, target, _ in self.out_edges(node)}

    @property
    def sources(self) -> set[str]:
        """The variables into which no edge leads."""
        return self.vnames - {target for _, target, _ in self._state.edges}

    @property
    def sinks(self) -> set[str]:
        """The variables out of which no edge leads."""
        return self.vnames - {source for source, _, _ in self._state.edges}

    def topsort_modulo_sccs(self) -> list[str]:
        """Return the nodes so that data flows onwards; those on a loop stand together."""
        return sorted_nodes(self._state.nodes, self._state.edges)

    def sort_nodes(self, nodes: Iterable[str]) -> list[str]:
        """Return some nodes in that order."""
        wanted = set(known(self._state, nodes))
        return [node for node in self.topsort_modulo_sccs() if node in wanted]

    def get_all_edges_on_paths_between(self, start: str, end: str) -> set[Edge]:
        """Return the edges on any path from a node to another."""
        from mandala_git.frames.order import reachable

        known(self._state, [start, end])
        nodes, edges = self._state.nodes, self._state.edges
        ahead = set(reachable(nodes, edges, [start]))
        behind = set(reachable(nodes, edges, [end], back=True))
        return {edge for edge in edges if edge[0] in ahead and edge[1] in behind}

    # -- elements ------------------------------------------------------------------------

    def get_source_elts(self) -> dict[str, set[str]]:
        """Return of each node the history ids (hex) of the elements to which no edge leads."""
        return self._hexed(sources_in(self._state))

    def get_sink_elts(self) -> dict[str, set[str]]:
        """Return of each node the history ids (hex) of the elements from which no edge leads."""
        return self._hexed(sinks_in(self._state))

    def get_adj_elts_edge(
        self, edge: Edge, hids: Iterable[Wanted], direction: str = "back"
    ) -> set[str]:
        """Return the elements (hex) at the other end of an edge.

        Args:
            edge: (source, target, label).
            hids: elements of its target, or going "forward" of its source.
            direction: "back" or "forward".

        Raises:
            UsageError: there is no such edge or direction.
        """
        if edge not in self._state.edges:
            raise UsageError(f"there is no edge {edge!r} in this frame", hint="See cf.edges().")
        back = _is_back(direction)
        near, far = (edge[1], edge[0]) if back else (edge[0], edge[1])
        pairs = self._state.joined(edge)
        ends = led(pairs[::-1] if back else pairs, self._numbers(near, hids))[1]
        return self._hexed({far: distinct(ends)})[far]

    def get_adj_elts(
        self, node: str, hids: Iterable[Wanted], direction: str = "back"
    ) -> dict[str, set[str]]:
        """Return the elements (hex) that edges join to some of a node, by their node."""
        wanted = list(hids)
        found: dict[str, set[str]] = {}
        back = _is_back(direction)
        for edge in self.in_edges(node) if back else self.out_edges(node):
            other = edge[0] if back else edge[1]
            found.setdefault(other, set()).update(self.get_adj_elts_edge(edge, wanted, direction))
        return found

    def get_creators(self, of: str | Iterable[Wanted]) -> list[LazyCall]:
        """Return the calls in this frame that made the refs of a variable, or some refs."""
        return self._joined_calls(of, back=True)

    def get_consumers(self, of: str | Iterable[Wanted]) -> list[LazyCall]:
        """Return the calls in this frame that were given the refs of a variable, or some refs."""
        return self._joined_calls(of, back=False)

    def _joined_calls(self, of: str | Iterable[Wanted], *, back: bool) -> list[LazyCall]:
        state = self._state
        if isinstance(of, str) and of in state.vars:
            wanted = {of: state.vars[of]}
        else:
            some = [of] if isinstance(of, str | bytes | Ref) else list(of)
            numbers = np.array(state.web.numbers([history_id(each) for each in some]), np.int64)
            wanted = {name: np.intersect1d(refs, numbers) for name, refs in state.vars.items()}
        found = [np.zeros(0, np.int64)]
        for edge in state.edges:
            var = edge[1] if back else edge[0]
            if var in wanted and var in state.vars:
                pairs = state.joined(edge)
                found.append(led(pairs[::-1] if back else pairs, wanted[var])[1])
        return state.web.calls(distinct(np.concatenate(found)).tolist())

    def _numbers(self, node: str, hids: Iterable[Wanted]) -> Ints:
        web, ids = self._state.web, [history_id(each) for each in hids]
        found = web.numbers(ids) if node in self._state.vars else web.call_numbers(ids)
        return np.intersect1d(np.array(found, np.int64), self._state.elements(node))

    # -- words ---------------------------------------------------------------------------

    def __repr__(self) -> str:
        return words.described(self._state)

    def get_graph_desc(self) -> str:
        """Return the graph as a program, a line a function node."""
        return "\n".join(words.graph_lines(self._state))

    def print_graph(self) -> None:
        """Print the graph as a program, a line a function node."""
        sys.stdout.write(f"{self.get_graph_desc()}\n")

    def info(self, *nodes: str) -> None:
        """Print what is to say of some nodes, or of the whole frame."""
        if not nodes:
            sys.stdout.write(f"{self!r}\n")
        for node in known(self._state, nodes):
            sys.stdout.write(f"{words.node_text(self._state, node)}\n")

    def var_info(self, vname: str) -> None:
        """Print what is to say of a variable."""
        self.info(*known(self._state, vname, "variable"))

    def func_info(self, fname: str) -> None:
        """Print what is to say of a function node."""
        self.info(*known(self._state, fname, "function"))

    def get_var_stats(self) -> DataFrame:
        """Return a row a variable: refs, those that nothing made, and that nothing was given."""
        import pandas

        found = words.counts(self._state)
        rows = [(name, *found[name]) for name in self._state.vars]
        return pandas.DataFrame(rows, columns=["variable", "refs", "sources", "sinks"])

    def get_func_stats(self) -> DataFrame:
        """Return a row a function node: its op, calls, and versions of it that they ran."""
        import pandas

        rows = []
        for name, func in self._state.funcs.items():
            versions = versions_in(self._state, name)
            rows.append((name, func.op, len(func.calls), len(versions)))
        return pandas.DataFrame(rows, columns=["function", "op", "calls", "versions"])

    @property
    def is_acyclic(self) -> bool:
        """Whether no data flows back to where it came from."""
        return all(len(p) == 1 for p in components(self._state.nodes, self._state.edges))

    def _ipython_key_completions_(self) -> list[str]:
        return self._state.nodes


def _is_back(direction: str) -> bool:
    if direction not in ("back", "forward"):
        raise UsageError(f"direction={direction!r} is not known", hint='Use "back" or "forward".')
    return direction == "back"
