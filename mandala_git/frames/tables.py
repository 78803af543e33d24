"""Frames as tables: a row for each end of a computation, with all that led there."""

from __future__ import annotations

from collections.abc import Collection as AnyCollection
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from mandala_git.frames.elements import CallCollection, Collection, RefCollection, ValueCollection
from mandala_git.frames.order import reachable, sorted_nodes
from mandala_git.frames.reach import between, history, sinks_in
from mandala_git.frames.state import State
from mandala_git.frames.web import Web
from mandala_git.results.columns import Ints, uncollected

Values = Literal["objs", "refs"]
Join = Literal["outer", "inner", "left", "right"]

_MISSING = -1


class Codes:
    """Cells as numbers: an element is its own number, several are counted from -2 downwards."""

    def __init__(self) -> None:
        self._codes: dict[str, dict[tuple[int, ...], int]] = {}

    def column(self, node: str, rows: Ints, elements: Ints, count: int) -> Ints:
        """Return the cells of a column.

        Args:
            node: of the elements.
            rows: of each element, sorted.
            elements: of the node.
            count: how many rows there are.
        """
        sizes = np.bincount(rows, minlength=count)
        cells = np.full(count, _MISSING, np.int64)
        first = np.cumsum(sizes) - sizes
        single = sizes == 1
        cells[single] = elements[first[single]]
        known = self._codes.setdefault(node, {})
        for row in np.flatnonzero(sizes > 1).tolist():
            several = tuple(elements[first[row] : first[row] + sizes[row]].tolist())
            cells[row] = known.setdefault(several, -2 - len(known))
        return cells

    def several(self, node: str) -> list[tuple[int, ...]]:
        """Return what stands for -2, -3, ... in a column."""
        return list(self._codes.get(node, ()))


def history_cells(state: State, node: str, elements: Ints, codes: Codes) -> pd.DataFrame:
    """Return a table of all that some elements came from, a row each, in cells as numbers."""
    found = history(state, node, elements)
    return pd.DataFrame(
        {
            name: codes.column(name, *found[name], len(elements))
            for name in sorted_nodes(state.nodes, state.edges)
            if name in found
        }
    )


def all_cells(state: State, codes: Codes, how: Join) -> pd.DataFrame:
    """Return the histories of all ends of a frame as one table, joined on what they share."""
    ends = sinks_in(state)
    covered: dict[str, list[Ints]] = {}
    tables = []
    order = sorted_nodes(state.nodes, state.edges)
    for node in order:
        if len(ends[node]):
            tables.append(history_cells(state, node, ends[node], codes))
            _cover(covered, tables[-1], codes)
    # On a loop of the elements themselves there is no end.
    for node in reversed(order):
        left = np.setdiff1d(state.elements(node), np.concatenate(covered.get(node, [ends[node]])))
        if len(left):
            tables.append(history_cells(state, node, left, codes))
            _cover(covered, tables[-1], codes)
    return joined(tables, order, how)


def _cover(covered: dict[str, list[Ints]], table: pd.DataFrame, codes: Codes) -> None:
    for name in table.columns:
        cells = table[name].to_numpy()
        several = [number for group in codes.several(name) for number in group]
        covered.setdefault(name, []).append(np.concatenate((cells, np.array(several, np.int64))))


def joined(tables: Sequence[pd.DataFrame], order: Sequence[str], how: Join) -> pd.DataFrame:
    """Join tables one after the other on the columns that they share.

    Where they share none, or nothing is known in those columns, nothing relates rows: each stays
    a row of its own.
    """
    if not tables:
        return pd.DataFrame({name: np.zeros(0, np.int64) for name in order})
    whole = tables[0]
    for table in tables[1:]:
        shared = [name for name in whole.columns if name in table.columns]
        apart = []
        sides = []
        for side in (whole, table):
            known = (side[shared] != _MISSING).any(axis=1) if shared else None
            bare = side if known is None else side[~known]
            sides.append(side.iloc[:0] if known is None else side[known])
            apart.append(bare)
        parts = [sides[0].merge(sides[1], how=how, on=shared)] if shared else []
        parts += [
            a for a, keep in zip(apart, ("left", "right"), strict=True) if how in ("outer", keep)
        ]
        parts = [part for part in parts if len(part)] or [parts[0] if parts else whole.iloc[:0]]
        whole = pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]
        whole = whole.reset_index(drop=True)
    for name in order:
        if name not in whole:
            whole[name] = _MISSING
    return whole[list(order)].fillna(_MISSING).astype(np.int64)


def related(state: State, nodes: Sequence[str]) -> State:
    """Return the part of a frame that relates some nodes.

    That is what lies on the paths between them; else what they both came from; else what they led
    to, with all that this came from.
    """
    part = between(state, nodes, how="strong")
    if len(nodes) < 2 or _hangs_together(part, nodes):
        return part
    every, edges = state.nodes, state.edges
    behind = reachable(every, edges, nodes, back=True)
    around = reachable(every, edges, reachable(every, edges, nodes), back=True)
    for names in (behind, around):
        part = state.only({node: state.elements(node) for node in names})
        if _hangs_together(part, nodes):
            return part
    return state.only({node: state.elements(node) for node in behind})


def cells_of(
    state: State, nodes: Sequence[str], codes: Codes, how: Join = "outer"
) -> tuple[State, pd.DataFrame]:
    """Return rows for some nodes, each once, and the part of the frame that they are made of."""
    if not nodes:
        return state, all_cells(state, codes, how)
    part = related(state, nodes)
    cells = all_cells(part, codes, how)
    cells = cells[[name for name in cells.columns if name in nodes]]
    cells = cells[(cells != _MISSING).any(axis=1)]
    if len(part.nodes) > len(nodes):  # rows may differ in what is not shown
        cells = cells.drop_duplicates()
    return part, cells.reset_index(drop=True)


def _hangs_together(state: State, nodes: Sequence[str]) -> bool:
    both = [*state.edges, *((target, source, label) for source, target, label in state.edges)]
    return set(nodes) <= set(reachable(state.nodes, both, nodes[:1]))


def table(
    state: State,
    nodes: Sequence[str],
    *,
    values: Values,
    include_calls: bool,
    lazy: AnyCollection[str],
    how: Join,
) -> pd.DataFrame:
    """Return a frame as a table; see `ComputationFrame.df`."""
    codes = Codes()
    part, cells = cells_of(state, nodes, codes, how)
    if not include_calls:
        cells = cells[[name for name in cells.columns if name in part.vars]]
    return filled(part, cells, codes, values=values, lazy=lazy)


def filled(
    state: State, cells: pd.DataFrame, codes: Codes, *, values: Values, lazy: AnyCollection[str]
) -> pd.DataFrame:
    """Return a table of numbers with what these stand for."""
    columns = {}
    with uncollected():
        for name in cells.columns:
            if name in state.funcs:
                what = "calls"
            else:
                what = "values" if values == "objs" and name not in lazy else "refs"
            columns[name] = _series(state.web, cells[name].to_numpy(), codes.several(name), what)
    return pd.DataFrame(columns, index=cells.index)


_SEVERAL: dict[str, type[Collection]] = {
    "calls": CallCollection,
    "refs": RefCollection,
    "values": ValueCollection,
}


def _series(web: Web, cells: Ints, several: Sequence[tuple[int, ...]], what: str) -> pd.Series[Any]:
    numbers, places = _ranked(cells)
    groups = [several[-2 - code] for code in numbers[numbers < _MISSING].tolist()]
    plain = numbers[numbers > _MISSING].tolist()
    wanted = [*plain, *dict.fromkeys(number for group in groups for number in group)]
    if what == "calls":
        objects: list[Any] = web.calls(wanted)
    else:
        objects = web.refs(wanted) if what == "refs" else web.values(wanted)
    kind = _SEVERAL[what]
    inner = wanted[len(plain) :]
    by_number = dict(zip(inner, objects[len(plain) :], strict=True))
    found = [kind([by_number[number] for number in group]) for group in groups]
    del objects[len(plain) :]
    missing = bool((numbers == _MISSING).any())
    kinds = {*map(type, found), *map(type, objects)}
    shown = [*found, *([None] * missing), *objects]
    whole = np.fromiter(shown, object, len(shown))[places]
    return as_series(whole, kinds, missing=missing)


def _ranked(cells: Ints) -> tuple[Ints, Ints]:
    """Return the numbers in a column, sorted, and of each cell the place of its number there."""
    if not len(cells):
        return cells, cells
    low = int(cells.min())
    there = np.zeros(int(cells.max()) - low + 1, bool)
    there[cells - low] = True
    ranks: Ints = np.cumsum(there) - 1
    return np.flatnonzero(there) + low, ranks[cells - low]


def as_series(
    values: np.ndarray[Any, Any], kinds: AnyCollection[type], *, missing: bool
) -> pd.Series[Any]:
    """Return objects as a column whose type is theirs: whole numbers stay whole beside holes."""
    series = pd.Series(values, dtype=object)
    if len(kinds) != 1:
        return series
    (only,) = kinds
    if not missing:
        return series if issubclass(only, Collection) else series.infer_objects()
    if only is int and all(each is None or -(1 << 63) <= each < 1 << 63 for each in values):
        return series.astype("Int64")
    if only is bool:
        return series.astype("boolean")
    return series.astype(float) if only is float else series
