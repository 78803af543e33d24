"""What makes other frames of a frame: it is grown, cut, united, and selected from."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal, Self

import numpy as np

from mandala_git.errors import UsageError
from mandala_git.frames import algebra, predicates, reach
from mandala_git.frames.edits import known
from mandala_git.frames.growing import Direction, Growth, grown
from mandala_git.frames.predicates import Predicate
from mandala_git.frames.reach import How
from mandala_git.frames.shape import Shape
from mandala_git.frames.state import State
from mandala_git.frames.web import Applied, distinct
from mandala_git.ops.calls import Wanted, history_id
from mandala_git.ops.refs import Ref, unwrap
from mandala_git.results.columns import Ints, Mask


class Changing(Shape):
    """A frame of which others are made. `inplace=True` changes it and returns None, as in pandas."""

    # -- growing -------------------------------------------------------------------------

    def expand_back(
        self,
        varnames: str | Iterable[str] | None = None,
        recursive: bool = False,
        skip_existing: bool = False,
        inplace: bool = False,
        verbose: bool = False,
        reuse_existing: bool = True,
    ) -> Self:
        """Add the calls that made the refs of variables, and what these were given.

        Args:
            varnames: of which variables; None: of all.
            recursive: go on with what was added, to the very beginning.
            skip_existing: leave out calls that are in a function node already.
            inplace: change this frame.
            verbose: print the graph afterwards.
            reuse_existing: calls join a function node of their op; otherwise there is a node for
                each way in which calls are joined to variables.

        Raises:
            UsageError: there is no such variable.
        """
        return self._grown(
            ("back",), varnames, recursive, skip_existing, inplace, verbose, reuse_existing
        )

    def expand_forward(
        self,
        varnames: str | Iterable[str] | None = None,
        recursive: bool = False,
        skip_existing: bool = False,
        inplace: bool = False,
        verbose: bool = False,
        reuse_existing: bool = True,
    ) -> Self:
        """Add the calls that were given the refs of variables, and what these returned.

        What else these calls were given is added, too. See `expand_back`.
        """
        return self._grown(
            ("forward",), varnames, recursive, skip_existing, inplace, verbose, reuse_existing
        )

    def expand_all(
        self,
        inplace: bool = False,
        skip_existing: bool = False,
        verbose: bool = False,
        reuse_existing: bool = True,
    ) -> Self:
        """Add all that made the refs, was made of them, and so on, until nothing is new."""
        return self._grown(
            ("back", "forward"), None, True, skip_existing, inplace, verbose, reuse_existing
        )

    expand = expand_all

    def complete_func(self, fname: str, inplace: bool = False) -> Self:
        """Give each argument and output of a function's calls a variable."""
        known(self._state, fname, "function")
        growth = Growth(self._state, skip_existing=False, reuse_existing=True)
        growth.complete(fname)
        return self._put(growth.state(), inplace)

    def _grown(
        self,
        directions: tuple[Direction, ...],
        varnames: str | Iterable[str] | None,
        recursive: bool,
        skip_existing: bool,
        inplace: bool,
        verbose: bool,
        reuse_existing: bool,
    ) -> Self:
        names = None if varnames is None else known(self._state, varnames, "variable")
        state = grown(
            self._state,
            directions,
            names,
            recursive=recursive,
            skip_existing=skip_existing,
            reuse_existing=reuse_existing,
        )
        if verbose:
            sys.stdout.write(f"{self._put(state)!r}\n")
        return self._put(state, inplace)

    # -- streams -------------------------------------------------------------------------

    def upstream(self, *nodes: str, how: How = "strong") -> Self:
        """Return the part of this frame that leads to some nodes.

        Args:
            nodes: their names.
            how: "strong": a call counts only if all that it returned in this frame leads there;
                "weak": if something does.
        """
        names = known(self._state, nodes)
        return self._put(reach.stream(self._state, names, back=True, how=how))

    def downstream(self, *nodes: str, how: How = "strong") -> Self:
        """Return the part of this frame to which some nodes lead.

        Args:
            nodes: their names.
            how: "strong": a call counts only if all that it was given in this frame comes from
                there; "weak": if something does.
        """
        names = known(self._state, nodes)
        return self._put(reach.stream(self._state, names, back=False, how=how))

    def midstream(self, *nodes: str, how: How = "strong") -> Self:
        """Return the part of this frame on paths between some nodes; see `downstream`."""
        return self._put(reach.between(self._state, known(self._state, nodes), how=how))

    def get_reachable_nodes(self, nodes: Iterable[str], direction: Direction) -> set[str]:
        """Return the nodes to which some lead ("forward"), or from which they come ("back")."""
        from mandala_git.frames.order import reachable

        names = known(self._state, nodes)
        back = direction == "back"
        return set(reachable(self._state.nodes, self._state.edges, names, back=back))

    def get_reachable_elts(
        self,
        initial_state: Mapping[str, Iterable[Wanted]],
        direction: Direction,
        how: How = "strong",
        pad: bool = True,
    ) -> dict[str, set[str]]:
        """Return the elements (hex) to which some elements lead, these included.

        Args:
            initial_state: Refs, calls or history ids, by node.
            direction: "forward" or "back".
            how: see `downstream`.
            pad: list nodes of which nothing is reached, too.
        """
        start = {
            name: self._numbers(name, initial_state[name])
            for name in known(self._state, initial_state)
        }
        found = reach.reached(self._state, start, back=direction == "back", how=how)
        return self._hexed({name: els for name, els in found.items() if pad or len(els)})

    def drop_unreachable(
        self, direction: Direction, how: How = "strong", inplace: bool = False
    ) -> Self:
        """Drop what does not lead to the sinks ("back"), or does not come from the sources."""
        back = direction == "back"
        start = {name: self._state.vars[name] for name in (self.sinks if back else self.sources)}
        found = reach.reached(self._state, start, back=back, how=how)
        return self._put(self._state.only(found), inplace)

    # -- sets ----------------------------------------------------------------------------

    def __or__(self, other: Self) -> Self:
        return self._put(algebra.union(self._state, other._state))

    def __and__(self, other: Self) -> Self:
        return self._put(algebra.intersection(self._state, other._state))

    def __sub__(self, other: Self) -> Self:
        return self._put(algebra.difference(self._state, other._state))

    @staticmethod
    def union(*cfs: Changing) -> Changing:
        """Return all nodes, elements and edges of some frames, matched by name."""
        first, *others = cfs
        for each in others:
            first = first | each
        return first.copy()

    @staticmethod
    def intersection(*cfs: Changing) -> Changing:
        """Return what some frames have in common, matched by name."""
        first, *others = cfs
        for each in others:
            first = first & each
        return first.copy()

    # -- selection -----------------------------------------------------------------------

    def __getitem__(self, what: Any) -> Self:
        """Return a part of this frame.

        Args:
            what: a name, or several: these nodes and the edges between them. A predicate such as
                `cf["acc"] > 0.9`, or a frame such as `cf["n"].isin([5, 10])`: what is in those
                rows of `df()` where it holds. A column of truth values, one for each row of
                `df()`: what is in those rows.

        Raises:
            UsageError: there are no such nodes, or that selects nothing.
        """
        if isinstance(what, str):
            return self.select_nodes([what])
        if isinstance(what, Changing):
            if not what._state.vars and not what._state.funcs:
                raise UsageError(
                    "the frame that selects has no nodes",
                    hint="Frames of different variables have nothing in common: select twice, or "
                    'combine conditions: (cf["a"] > 1) & (cf["b"] == 2)',
                )
            what = predicates.holding(what._moved_to(self._state), "in the other frame")
        if isinstance(what, Predicate):
            return self._put(predicates.kept(self._state, what.rows))
        if getattr(what, "dtype", None) in (bool, "boolean"):
            mask = np.asarray(what, bool)
            return self._put(predicates.kept(self._state, lambda cells, _: _fitting(mask, cells)))
        return self.select_nodes(what)

    def _moved_to(self, state: State) -> dict[str, Ints]:
        _, own = algebra.matched(state, self._state)
        if own.web is not state.web and own.web.columns is not state.web.columns:
            own = algebra.moved(own, state.web)
        return own.whole()

    def select_nodes(self, nodes: Iterable[str]) -> Self:
        """Return some nodes, and the edges between them."""
        names = known(self._state, nodes)
        return self._put(self._state.only({name: self._state.elements(name) for name in names}))

    def select_subsets(self, elts: Mapping[str, Iterable[Wanted]]) -> Self:
        """Return some nodes with some of their elements, and the edges between them.

        Args:
            elts: Refs, calls or history ids, by node.
        """
        names = known(self._state, elts)
        return self._put(
            self._state.only({name: self._numbers(name, elts[name]) for name in names})
        )

    def _compared(self, operation: Callable[[Any, Any], Any], other: Any, sign: str) -> Predicate:
        return predicates.compared(self._state, operation, other, sign)

    def __lt__(self, other: Any) -> Predicate:
        return self._compared(operator.lt, other, "<")

    def __le__(self, other: Any) -> Predicate:
        return self._compared(operator.le, other, "<=")

    def __gt__(self, other: Any) -> Predicate:
        return self._compared(operator.gt, other, ">")

    def __ge__(self, other: Any) -> Predicate:
        return self._compared(operator.ge, other, ">=")

    def __eq__(self, other: object) -> Any:
        """Compare two frames, or the values of a variable: `cf[cf["n"] == 10]`."""
        if isinstance(other, Changing):
            return self._same_as(other)
        return self._compared(operator.eq, other, "==")

    def __ne__(self, other: object) -> Any:
        if isinstance(other, Changing):
            return not self._same_as(other)
        return self._compared(operator.ne, other, "!=")

    __hash__ = object.__hash__

    def _same_as(self, other: Changing) -> bool:
        return (
            self.sets == other.sets
            and self.ops() == other.ops()
            and set(self.edges()) == set(other.edges())
        )

    def isin(
        self,
        values: Iterable[Any],
        by: Literal["val", "hid", "cid"] = "val",
        node_class: Literal["var", "func"] = "var",
    ) -> Self:
        """Return the elements that are among some, with the calls, or refs, beside them.

        Args:
            values: what they may be.
            by: their value, history id or content id (hex, or as they are).
            node_class: "var": refs; "func": calls, by history id.

        Raises:
            UsageError: there is no such way to tell.
        """
        if by not in ("val", "hid", "cid") or (node_class, by) in (
            ("func", "val"),
            ("func", "cid"),
        ):
            raise UsageError(
                f"isin(by={by!r}, node_class={node_class!r}) is not known",
                hint='Use "val", "hid" or "cid" for variables, "hid" for functions.',
            )
        state = self._state
        nodes = state.vars if node_class == "var" else state.funcs
        chosen = {name: self._among(name, list(values), by) for name in nodes}
        beside: dict[str, list[Ints]] = {
            name: [np.zeros(0, np.int64)] for name in state.nodes if name not in nodes
        }
        for edge in state.edges:
            near = 0 if edge[0] in chosen else 1
            pairs = state.joined(edge)
            ends = reach.led(pairs if near == 0 else pairs[::-1], chosen[edge[near]])[1]
            beside[edge[1 - near]].append(ends)
        others = {name: distinct(np.concatenate(found)) for name, found in beside.items()}
        return self._put(state.only({**chosen, **others}))

    def _among(self, name: str, values: list[Any], by: str) -> Ints:
        if by == "hid":
            return self._numbers(name, values)
        web, own = self._state.web, self._state.vars[name]
        if by == "cid":
            ids = {history_id(each) for each in values}
            met = [web.content(number) in ids for number in own.tolist()]
        else:
            wanted = [unwrap(each) for each in values]
            met = [_is_one_of(value, wanted) for value in web.values(own.tolist())]
        found: Ints = own[np.array(met, bool)]
        return found

    def apply(self, f: Callable[[Any], Any], to: Literal["refs", "vals"] = "vals") -> Self:
        """Return a frame that shows other values: each is what a function makes of it.

        What is joined stays joined.

        Args:
            f: gets each value, or each Ref, and returns another value.
            to: "vals" or "refs".
        """
        if to not in ("refs", "vals"):
            raise UsageError(f"to={to!r} is not known", hint='Use "refs" or "vals".')
        web = Applied(self._state.web, f, refs=to == "refs")
        return self._put(replace(self._state, web=web))


def _fitting(mask: Mask, cells: Any) -> Mask:
    if len(mask) != len(cells):
        raise UsageError(
            f"{len(mask)} truth values for {len(cells)} rows",
            hint="Make them of a column of the same frame: df = cf.df(); cf[df['acc'] > 0.9]",
        )
    return mask


def _is_one_of(value: Any, wanted: list[Any]) -> bool:
    for each in wanted:
        if isinstance(value, Ref):
            return False
        try:
            if type(value) is type(each) and bool(np.all(value == each)):
                return True
            if isinstance(value, int | float) and isinstance(each, int | float) and value == each:
                return True
        except (TypeError, ValueError):
            continue
    return False
