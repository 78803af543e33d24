"""ComputationFrame: a table that is a graph, of variables and the functions that join them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from mandala_git.errors import UsageError
from mandala_git.frames import words
from mandala_git.frames.byhand import ByHand
from mandala_git.frames.edits import known
from mandala_git.frames.elements import Collection
from mandala_git.frames.growing import whole
from mandala_git.frames.picture import picture
from mandala_git.frames.state import Edge, Func, State, base_of, fresh, func_name
from mandala_git.frames.tables import (
    Codes,
    Join,
    Values,
    all_cells,
    as_series,
    filled,
    history_cells,
    joined,
    table,
)
from mandala_git.frames.web import Applied, Web, distinct, web_of
from mandala_git.ops.calls import Call, history_id
from mandala_git.ops.op import Op
from mandala_git.ops.refs import Ref, unwrap
from mandala_git.ops.versioning import Versioning
from mandala_git.results.columns import Ints

if TYPE_CHECKING:
    from pandas import DataFrame
DRAWING = "mandala_git.views.pictures"
"""Who draws, which is above: reached by who asks for a picture."""

HEAD = 5
"""Rows that a notebook shows."""


class ComputationFrame(ByHand):
    """Recorded calls as a graph of variables and functions, and as tables of that graph.

    Variables are sets of refs, function nodes are sets of calls; an edge says as what refs of a
    variable were given to calls of a function, or returned by them. Frames are made by
    `storage.cf(...)`, and of one another; what one is made of never changes, so that copies cost
    nothing.
    """

    # -- making --------------------------------------------------------------------------

    @classmethod
    def of(
        cls,
        storage: Any,
        versioning: Versioning,
        source: Any,
        *,
        versions: Literal["all"] | None = None,
    ) -> ComputationFrame:
        """Return the frame of an op, of Refs, or of variables; see `Storage.cf`.

        Args:
            storage: whose calls.
            versioning: judges which of them belong.
            source: an op, a Ref, Refs, {name: Ref or Refs}, history ids, or another frame; None:
                all calls.
            versions: "all": calls that do not belong to the code as it is count, too.

        Raises:
            UsageError: no frame can be made of that.
        """
        if isinstance(source, ComputationFrame):
            return source.copy()
        if versions not in (None, "all"):
            raise UsageError(
                f"versions={versions!r} is not known",
                hint='Use "all", or leave it out for those that belong to the code as it is.',
            )
        versioning.enter()
        web = web_of(versioning, all_versions=versions == "all")
        if source is None:
            return cls(storage, whole(web))
        if isinstance(source, Op):
            key = web.home_of(versioning.key(source), dict(versioning.results.ops()))
            return cls(storage, _of_op(web, source, key))
        if isinstance(source, Mapping):
            variables = {name: _numbers(web, refs) for name, refs in source.items()}
            for name in variables:
                if not isinstance(name, str):
                    raise UsageError(f"{name!r} is no name", hint='Name variables: {"x": refs}')
            return cls(storage, State(web, variables))
        if isinstance(source, Call):
            raise UsageError(
                f"a frame cannot begin with {source!r}", hint="Begin with its outputs: call.outputs"
            )
        return cls(storage, State(web, {"v": _numbers(web, source)}))

    @classmethod
    def from_op(cls, storage: Any, f: Op[..., Any]) -> ComputationFrame:
        """Return the frame of the calls of an op."""
        found: ComputationFrame = storage.cf(f)
        return found

    @classmethod
    def from_refs(cls, storage: Any, refs: Iterable[Ref]) -> ComputationFrame:
        """Return the frame of one variable, `v`."""
        found: ComputationFrame = storage.cf(list(refs))
        return found

    @classmethod
    def from_vars(cls, storage: Any, vars: Mapping[str, Any]) -> ComputationFrame:
        """Return the frame of some variables: {name: Ref or Refs}."""
        found: ComputationFrame = storage.cf(dict(vars))
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        web, state = self._state.web, self._state
        if isinstance(web, Applied):
            raise UsageError(
                "a frame that shows other values cannot be sent", hint="Send it, then apply."
            )
        known = web.columns.refs
        variables = {
            name: [web.hid(n) if n < known else web.refs([n])[0] for n in refs.tolist()]
            for name, refs in state.vars.items()
        }
        funcs = {
            name: (func.op, [web.columns.hids[n].tobytes() for n in func.calls.tolist()])
            for name, func in state.funcs.items()
        }
        return _sent, (self.storage, variables, funcs, state.edges)

    # -- tables --------------------------------------------------------------------------

    def df(
        self,
        *nodes: str,
        values: Values = "objs",
        include_calls: bool = True,
        lazy_vars: Iterable[str] | None = None,
        join_how: Join = "outer",
        verbose: bool = False,
    ) -> DataFrame:
        """Return a table: a row for each end of a computation, with all that led there.

        What several elements of a node led to a row stands as a collection in one cell, oldest
        first. Rows for different ends are joined where they share their history; what nothing
        relates stays apart.

        Args:
            nodes: names of variables and functions to show; none: all. With some, rows say what
                lies on the paths between them.
            values: "objs": values; "refs": Refs, which load nothing.
            include_calls: whether functions are shown.
            lazy_vars: variables that are shown as Refs all the same.
            join_how: as in pandas: "outer", "inner", "left" or "right".
            verbose: print what the table is made of.

        Returns:
            Columns in the order of the data. Whole numbers stay whole beside empty cells (Int64).

        Raises:
            UsageError: there is no such node, or no such way.
        """
        names = known(self._state, nodes)
        lazy = known(self._state, lazy_vars or (), "variable")
        if values not in ("objs", "refs"):
            raise UsageError(f"values={values!r} is not known", hint='Use "objs" or "refs".')
        if join_how not in ("outer", "inner", "left", "right"):
            raise UsageError(
                f"join_how={join_how!r} is not known",
                hint='Use "outer", "inner", "left" or "right".',
            )
        if verbose:
            lines = "\n".join(f"    {line}" for line in words.graph_lines(self._state))
            sys.stdout.write(f"Extracting tuples from the computation graph:\n{lines}\n")
        return table(
            self._state, names, values=values, include_calls=include_calls, lazy=lazy, how=join_how
        )

    def eval(self, *nodes: str, values: Values = "objs", verbose: bool = True) -> DataFrame:
        """Return the same table as `df`, and say what it is made of."""
        return self.df(*nodes, values=values, verbose=verbose)

    def eval_df(
        self, df: DataFrame, skip_cols: Iterable[str] | None = None, skip_calls: bool = False
    ) -> DataFrame:
        """Return a table of Refs with their values.

        Args:
            df: as `df(values="refs")` returns it.
            skip_cols: columns that stay as they are.
            skip_calls: leave out columns of calls.
        """
        found = df.copy()
        skipped = set(skip_cols or ())
        for name in df.columns:
            if name in self._state.funcs and skip_calls:
                found = found.drop(columns=name)
            elif name in self._state.vars and name not in skipped:
                cells = [_unwrapped(cell) for cell in df[name]]
                missing = [cell is None or cell is df for cell in cells]
                kinds = {type(c) for c, gone in zip(cells, missing, strict=True) if not gone}
                column = as_series(
                    np.fromiter(cells, object, len(cells)), kinds, missing=any(missing)
                )
                found[name] = column.set_axis(df.index)
        return found

    def get_direct_history(
        self, vname: str, hids: Iterable[Any], include_calls: bool = True
    ) -> DataFrame:
        """Return what calls in this frame were given that made some refs, a row a ref."""
        before = self.in_neighbors(known(self._state, vname, "variable")[0])
        nodes = {vname, *before}.union(*(self.in_neighbors(func) for func in before))
        part = self.select_nodes(sorted(nodes))
        edges = tuple(e for e in part._state.edges if vname == e[1] or e[1] in before)
        part = part._put(State(part._state.web, part._state.vars, part._state.funcs, edges))
        return part.get_total_history(vname, hids, include_calls)

    def get_total_history(
        self, node: str, hids: Iterable[Any], include_calls: bool = True
    ) -> DataFrame:
        """Return all that some elements of a node came from, as Refs, a row an element."""
        known(self._state, node)
        return self._history(node, self._numbers(node, hids), include_calls)

    def get_history_df(self, vname: str, include_calls: bool = True) -> DataFrame:
        """Return all that the refs of a variable came from, as Refs, a row a ref."""
        known(self._state, vname, "variable")
        return self._history(vname, self._state.vars[vname], include_calls)

    def get_joint_history_df(
        self, varnames: Iterable[str], how: Join = "outer", include_calls: bool = True
    ) -> DataFrame:
        """Return the histories of several variables as one table, joined on what they share."""
        names = self.sort_nodes(known(self._state, varnames, "variable"))
        codes = Codes()
        tables = [history_cells(self._state, name, self._state.vars[name], codes) for name in names]
        there = {name for each in tables for name in each.columns}
        order = [name for name in self.topsort_modulo_sccs() if name in there]
        return self._shown(joined(tables, order, how), codes, include_calls)

    def _history(self, node: str, elements: Ints, include_calls: bool) -> DataFrame:
        codes = Codes()
        return self._shown(history_cells(self._state, node, elements, codes), codes, include_calls)

    def _shown(self, cells: DataFrame, codes: Codes, include_calls: bool) -> DataFrame:
        names = [name for name in cells if include_calls or name in self._state.vars]
        return filled(self._state, cells[names], codes, values="refs", lazy=())

    def query(self, expr: str) -> ComputationFrame:
        """Return what is in those rows of `df()` for which an expression holds.

        Args:
            expr: as `DataFrame.query` takes it: `acc > 0.9 and n_estimators == 10`.

        Raises:
            UsageError: it cannot be evaluated on this table.
        """
        codes = Codes()
        cells = all_cells(self._state, codes, "outer")
        shown = filled(self._state, cells, codes, values="objs", lazy=())
        try:
            met = pd.Series(shown.eval(expr))
        except Exception as error:
            raise UsageError(
                f"cannot evaluate {expr!r} on this frame: {error}",
                hint=f"Columns: {', '.join(map(str, shown.columns))}.",
            ) from error
        holds = np.array([not pd.isna(each) and bool(each) for each in met], bool)
        if len(holds) != len(cells):
            raise UsageError(
                f"{expr!r} says nothing of single rows", hint="Compare variables: acc > 0.9"
            )
        return self[holds]

    # -- pictures ------------------------------------------------------------------------

    def draw(
        self,
        show_how: Literal["inline", "browser", "none"] = "inline",
        path: str | Path | None = None,
        verbose: bool = False,
        print_dot: bool = False,
        orientation: Literal["TB", "LR"] = "TB",
    ) -> Any:
        """Draw the graph: variables blue, functions red, with counts.

        Args:
            show_how: "inline" (in a notebook), "browser", or "none".
            path: write it there, as its suffix says: svg, html, dot; png and pdf take graphviz.
            verbose: tell how many refs come from and lead to nothing, and pass along each edge.
            print_dot: print it in graphviz' language.
            orientation: "TB" (downwards) or "LR" (to the right).

        Returns:
            The picture where it was neither shown nor written; it shows itself in notebooks.

        Raises:
            UsageError: it cannot be drawn so.
        """
        drawing = self._drawing(verbose, orientation)
        if print_dot:
            sys.stdout.write(drawing.dot)
        if path is not None:
            drawing.save(path)
            return None
        return import_module(DRAWING).shown(drawing, show_how)

    def _drawing(self, verbose: bool = False, orientation: str = "TB") -> Any:
        found = picture(self._state, verbose=verbose)
        return import_module(DRAWING).Drawing(found, orientation)

    def _repr_html_(self) -> str:
        """Show the graph beside the first rows of the table."""
        head = all_cells(self._state, codes := Codes(), "outer").head(HEAD)
        shown = filled(self._state, head, codes, values="objs", lazy=())
        with pd.option_context("display.max_colwidth", 40):
            return str(import_module(DRAWING).beside(self._drawing(), shown.to_html()))

    # -- deleting ------------------------------------------------------------------------

    def delete_calls(self) -> int:
        """Delete all calls in this frame from the storage, with what was computed from them.

        Returns:
            How many calls were deleted.
        """
        calls = np.unique(
            np.concatenate([np.zeros(0, np.int64), *words.calls_by_name(self._state).values()])
        )
        some = self._state.web.calls(calls.tolist())
        return self._deleted([call.hid.hex() for call in some if not call.is_built])

    def delete_calls_from_df(self, df: DataFrame) -> int:
        """Delete the calls in a table from the storage, with what was computed from them.

        Args:
            df: rows of what `df()` returned.
        """
        found: dict[str, None] = {}
        for name in df.columns:
            for cell in df[name] if name in self._state.funcs else ():
                for call in cell if isinstance(cell, Collection) else [cell]:
                    if isinstance(call, Call) and not getattr(call, "is_built", False):
                        found[call.hid.hex()] = None
        return self._deleted(list(found))

    def _deleted(self, hids: list[str]) -> int:
        if not hids:
            return 0
        if not hasattr(self.storage, "drop_calls"):
            raise UsageError(
                "calls cannot be deleted from a storage as a commit sees it",
                hint="Delete them from the storage itself: storage.drop_calls(...)",
            )
        deleted: int = self.storage.drop_calls(hids, delete_dependents=True)
        return deleted


def _sent(
    storage: Any,
    variables: dict[str, list[Any]],
    funcs: dict[str, tuple[str, list[bytes]]],
    edges: tuple[Edge, ...],
) -> ComputationFrame:
    """Return a frame that came from another process."""
    web = web_of(storage.versioning)
    calls = {name: web.call_numbers(hids) for name, (_, hids) in funcs.items()}
    state = State(
        web,
        {name: _numbers(web, refs) for name, refs in variables.items()},
        {
            name: Func(op, np.unique(np.array([n for n in calls[name] if n >= 0], np.int64)))
            for name, (op, _) in funcs.items()
        },
        edges,
    )
    return ComputationFrame(storage, state)


def _of_op(web: Web, op: Op[..., Any], key: str) -> State:
    """Return the frame of an op: its calls, what they were given and what they returned."""
    calls = web.calls_of(key)
    func = func_name(key)
    order = list(web.order(key))
    edges = web.edges_of(calls)
    variables: dict[str, Ints] = {}
    own: list[Edge] = []
    if not len(calls):
        names = op.plan.names or tuple(op.plan.signature.parameters)
        outputs = op.output_names or ("output_0",)
        labels = [(name, False) for name in names] + [(name, True) for name in outputs]
        found: dict[str, Any] = {}
    else:
        found = {}
        for label in distinct(web.label[edges]).tolist():
            mine = edges[web.label[edges] == label]
            found[web.labels[label]] = (distinct(web.ref[mine]), bool(web.is_output[mine[0]]))
        labels = [(name, found[name][1]) for name in order if name in found]
    for label, out in labels:
        name = fresh(base_of(label), {*variables, func})
        variables[name] = found[label][0] if label in found else np.zeros(0, np.int64)
        own.append((func, name, label) if out else (name, func, label))
    return State(web, variables, {func: Func(key, calls)}, tuple(own))


def _numbers(web: Web, source: Any) -> Ints:
    """Return the numbers of Refs, or of history ids.

    Raises:
        UsageError: something is neither, or no recorded ref.
    """
    many = [source] if isinstance(source, Ref | str | bytes) else source
    if not isinstance(many, Iterable):
        raise UsageError(
            f"no frame can be made of {source!r:.80}",
            hint='Give an op, Refs, {"name": Refs}, history ids or another frame.',
        )
    found = []
    for each in many:
        if isinstance(each, Ref):
            found.append(web.number_of(each))
            continue
        (number,) = web.numbers([_checked(each)])
        if number < 0:
            raise UsageError(
                f"no recorded call made or was given {each!r}",
                hint="A Ref tells its history id: ref.hid.",
            )
        found.append(number)
    return np.unique(np.array(found, np.int64))


def _checked(each: Any) -> bytes:
    hid = history_id(each)
    if len(hid) != 16:
        raise UsageError(f"{each!r} is no history id", hint="It has 32 hex digits: ref.hid.hex()")
    return hid


def _unwrapped(cell: Any) -> Any:
    if isinstance(cell, Collection):
        from mandala_git.frames.elements import ValueCollection

        return ValueCollection([unwrap(each) for each in cell])
    return unwrap(cell)
