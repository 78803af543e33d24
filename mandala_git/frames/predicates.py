"""Conditions on the rows of a frame: `cf["acc"] > 0.9`, and what `&`, `|`, `~` make of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from mandala_git.errors import UsageError
from mandala_git.frames.state import State
from mandala_git.frames.tables import Codes, all_cells
from mandala_git.frames.web import distinct
from mandala_git.ops.refs import unwrap
from mandala_git.results.columns import Ints, Mask

Rows = Callable[[pd.DataFrame, Codes], Mask]


class Predicate:
    """A condition on rows: what it says of a table of cells."""

    __slots__ = ("rows", "text")

    def __init__(self, rows: Rows, text: str) -> None:
        self.rows = rows
        self.text = text

    def __and__(self, other: Predicate) -> Predicate:
        return Predicate(
            lambda cells, codes: self.rows(cells, codes) & other.rows(cells, codes),
            f"({self.text}) & ({other.text})",
        )

    def __or__(self, other: Predicate) -> Predicate:
        return Predicate(
            lambda cells, codes: self.rows(cells, codes) | other.rows(cells, codes),
            f"({self.text}) | ({other.text})",
        )

    def __invert__(self) -> Predicate:
        return Predicate(lambda cells, codes: ~self.rows(cells, codes), f"~({self.text})")

    def __bool__(self) -> bool:
        raise UsageError(
            f"{self.text} is said of each row, and neither true nor false of all",
            hint="Use & | ~ instead of and, or, not; select by it: cf[...]",
        )

    def __repr__(self) -> str:
        return f"<rows where {self.text}>"


def holding(elements: dict[str, Ints], text: str) -> Predicate:
    """Return the condition that a row has some of these elements in each of their columns."""

    def rows(cells: pd.DataFrame, codes: Codes) -> Mask:
        met = np.ones(len(cells), bool)
        for name, numbers in elements.items():
            if name not in cells:
                raise UsageError(
                    f"there is no {name!r} in this frame", hint="Select by nodes that it has."
                )
            column = cells[name].to_numpy()
            wanted = set(numbers.tolist())
            several = [
                -2 - place
                for place, group in enumerate(codes.several(name))
                if not wanted.isdisjoint(group)
            ]
            met &= np.isin(column, np.concatenate((numbers, np.array(several, np.int64))))
        return met

    return Predicate(rows, text)


def compared(
    state: State, operation: Callable[[Any, Any], Any], other: Any, sign: str
) -> Predicate:
    """Return the condition that the values of the one variable of a frame compare so.

    Raises:
        UsageError: there are several variables, or a value cannot be compared.
    """
    if len(state.vars) != 1:
        raise UsageError(
            f"a frame with {len(state.vars)} variables cannot be compared",
            hint='Name one: cf["x"] > 0',
        )
    ((name, numbers),) = state.vars.items()
    other = unwrap(other)
    met = []
    for number, value in zip(numbers.tolist(), state.web.values(numbers.tolist()), strict=True):
        try:
            if bool(operation(value, other)):
                met.append(number)
        except (TypeError, ValueError) as error:
            raise UsageError(
                f"a value of {name!r} cannot be compared: {error}",
                hint="Write the condition for a table: cf.df(...)",
            ) from error
    return holding({name: np.array(met, np.int64)}, f"{name} {sign} {other!r:.60}")


def kept(state: State, choose: Rows) -> State:
    """Return the part of a frame that is in those rows of its table that a condition keeps."""
    codes = Codes()
    cells = all_cells(state, codes, "outer")
    cells = cells[choose(cells, codes)]
    return state.only(
        {name: _elements(cells[name].to_numpy(), codes, name) for name in state.nodes}
    )


def _elements(cells: Ints, codes: Codes, name: str) -> Ints:
    found = distinct(cells)
    several = codes.several(name)
    more = [number for code in found[found < -1].tolist() for number in several[-2 - code]]
    return distinct(np.concatenate((found[found >= 0], np.array(more, np.int64))))
