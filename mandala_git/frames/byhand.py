"""Frames that are changed by hand: nodes and elements are dropped, renamed, merged, moved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Self

import numpy as np

from mandala_git.errors import UsageError
from mandala_git.frames import edits
from mandala_git.frames.changing import Changing
from mandala_git.frames.edits import known
from mandala_git.ops.calls import Wanted
from mandala_git.results.columns import Ints


class ByHand(Changing):
    """A frame that can be changed node by node; `inplace=True` as everywhere."""

    # -- by hand -------------------------------------------------------------------------

    def drop(
        self, nodes: str | Iterable[str], inplace: bool = False, with_dependents: bool = False
    ) -> Self:
        """Drop nodes and their edges.

        Args:
            nodes: their names.
            inplace: change this frame.
            with_dependents: drop what they lead to as well.
        """
        names = known(self._state, nodes)
        state = edits.without(self._state, names, with_dependents=with_dependents)
        return self._put(state, inplace)

    def drop_node(self, node: str, inplace: bool = False, with_dependents: bool = False) -> Self:
        """Drop a node and its edges; see `drop`."""
        return self.drop([node], inplace, with_dependents)

    def drop_var(self, vname: str, inplace: bool = False, with_dependents: bool = False) -> Self:
        """Drop a variable and its edges; see `drop`."""
        return self.drop(known(self._state, vname, "variable"), inplace, with_dependents)

    def drop_func(self, fname: str, inplace: bool = False, with_dependents: bool = False) -> Self:
        """Drop a function node and its edges; see `drop`."""
        return self.drop(known(self._state, fname, "function"), inplace, with_dependents)

    def drop_call(self, fname: str, hid: Wanted, inplace: bool = False) -> Self:
        """Drop a call from a function node."""
        return self._without(known(self._state, fname, "function")[0], hid, inplace)

    def drop_ref(self, vname: str, hid: Wanted, inplace: bool = False) -> Self:
        """Drop a ref from a variable."""
        return self._without(known(self._state, vname, "variable")[0], hid, inplace)

    def _without(self, node: str, hid: Wanted, inplace: bool) -> Self:
        left = np.setdiff1d(self._state.elements(node), self._one(node, hid))
        return self._put(edits.with_elements(self._state, {node: left}), inplace)

    def _one(self, node: str, hid: Wanted) -> Ints:
        found = self._numbers(node, [hid])
        if not len(found):
            raise UsageError(f"{hid!r} is not in {node!r}", hint=f"See what is: cf.sets[{node!r}]")
        return found

    def rename(
        self,
        vars: Mapping[str, str] | None = None,
        funcs: Mapping[str, str] | None = None,
        inplace: bool = False,
    ) -> Self:
        """Rename variables and function nodes: {name: new name}.

        Raises:
            UsageError: there is no such node, or two would have one name.
        """
        known(self._state, vars or (), "variable")
        known(self._state, funcs or (), "function")
        names = {**(vars or {}), **(funcs or {})}
        return self._put(edits.renamed(self._state, names), inplace)

    def rename_var(self, vname: str, new_vname: str, inplace: bool = False) -> Self:
        """Rename a variable; see `rename`."""
        return self.rename(vars={vname: new_vname}, inplace=inplace)

    def merge(
        self, vars: Iterable[str], new_name: str | None = None, inplace: bool = False
    ) -> Self:
        """Make one variable of several: the first, or one with a new name."""
        names = known(self._state, vars, "variable")
        state = edits.merged(self._state, names, names[0])
        if new_name is not None:
            state = edits.renamed(state, {names[0]: new_name})
        return self._put(state, inplace)

    def merge_into(self, node_to_merge: str, merge_into: str, inplace: bool = False) -> Self:
        """Give all that a node has, edges too, to another one, and drop it."""
        names = known(self._state, [node_to_merge, merge_into])
        return self._put(edits.merged(self._state, names, merge_into), inplace)

    def merge_vars(self, inplace: bool = False) -> Self:
        """Make one variable of those that hold the same refs.

        Values that no call made count only where one variable has all of the other's.
        """
        state = self._state
        for group in edits.overlapping(state):
            state = edits.merged(state, group, group[0])
        return self._put(state, inplace)

    def split(self, vname: str, inplace: bool = False) -> Self:
        """Make a variable one for each way in which its refs are joined to function nodes."""
        known(self._state, vname, "variable")
        return self._put(edits.split(self._state, vname), inplace)

    def move_ref(
        self, source_vname: str, target_vname: str, hid: Wanted, inplace: bool = False
    ) -> Self:
        """Move a ref from one variable to another."""
        known(self._state, [source_vname, target_vname], "variable")
        one, vars = self._one(source_vname, hid), self._state.vars
        changed = {source_vname: np.setdiff1d(vars[source_vname], one)}
        changed[target_vname] = np.union1d(changed.get(target_vname, vars[target_vname]), one)
        return self._put(edits.with_elements(self._state, changed), inplace)

    def cleanup(self, inplace: bool = False) -> Self:
        """Drop nodes that have no elements, and edges that join none."""
        return self._put(edits.tidied(self._state), inplace)

    def simplify(self, inplace: bool = False) -> Self:
        """Clean up, and make one variable of those that hold the same refs."""
        return self._put(self.cleanup().merge_vars()._state, inplace)
