"""Where two values differ, as messages say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mandala_git.results.differences import close, difference
from mandala_git.results.ids import cid


@dataclass
class Model:
    weights: Any
    name: str = "m"


class Slotted:
    __slots__ = ("weights",)

    def __init__(self, weights: Any) -> None:
        self.weights = weights


GRID = np.zeros((2, 3))
OTHER = GRID.copy()
OTHER[1, 2] = 0.5


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        (1, 2, ("x", 1, 2)),
        (1, 1.0, ("x", 1, 1.0)),
        ([1, [2, 3]], [1, [2, 4]], ("x[1][1]", 3, 4)),
        ({"a": (1, 2)}, {"a": (1, 3)}, ("x['a'][1]", 2, 3)),
        ([1], [1, 2], ("x", [1], [1, 2])),
        (Model([1]), Model([2]), ("x.weights[0]", 1, 2)),
        (Model([1], "a"), Model([1], "b"), ("x.name", "a", "b")),
        (Slotted({"k": 1}), Slotted({"k": 2}), ("x.weights['k']", 1, 2)),
        ({1, 2}, {1, 3}, ("x", {1, 2}, {1, 3})),
        (Model(GRID), Model(OTHER), ("x.weights[1, 2]", 0.0, 0.5)),
        (np.array(["a", "b"]), np.array(["a", "c"]), ("x[1]", "b", "c")),
    ],
)
def test_the_way_to_a_difference(one: Any, other: Any, found: tuple[Any, ...]) -> None:
    assert difference(one, other, "x") == found


def test_what_has_no_part_to_name() -> None:
    assert difference(GRID, GRID.astype("f4"), "x")[0] == "x"
    assert difference(np.array([0.0]), np.array([-0.0]), "x")[0] == "x"
    assert difference(pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [2]}), "x")[0] == "x"
    same = [1, {"a": GRID}]
    assert difference(same, same, "x")[0] == "x"


def test_values_that_lead_back_to_themselves() -> None:
    one: list[Any] = [1]
    one.append(one)
    other: list[Any] = [2]
    other.append(other)
    assert difference(one, other, "x") == ("x[0]", 1, 2)
    assert not close(one, other, 1e-9) and close(one, one, 1e-9)


VALUES = st.recursive(
    st.integers(0, 3) | st.sampled_from(["a", "b"]) | st.floats(0, 1),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=8,
)


@given(VALUES, VALUES)
def test_what_it_leads_to_differs(one: Any, other: Any) -> None:
    if cid(one) == cid(other):
        return
    path, was, now = difference(one, other, "x")
    assert cid(was) != cid(now)
    assert not close(one, other, 0.0)
    if " key " not in path:
        assert eval(path, {"x": one}) == was and eval(path, {"x": other}) == now
