"""Rounded ids: equal to so many significant digits, in numbers, arrays, frames and containers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mandala_git.results.ids import cid, rounded_cid
from mandala_git.results.rounding import rounded, rounded_array


@dataclass
class Fit:
    score: float
    name: str = "fit"


NEAR: list[tuple[Any, Any]] = [
    (0.1 + 0.2, 0.3), (1.0, 1.0 + 1e-12), (-0.0, 0.0), (math.nan, -math.nan), (1e300, 1.0000001e300),
    (1e-300, 1e-300), (9.9999999, 10.0), (10.0000001, 9.9999999), (1 + 1e-12j, 1 + 1e-12j),
    ([0.1 + 0.2, "x"], [0.3, "x"]), ({"a": (0.1 + 0.2,)}, {"a": (0.3,)}), (Fit(0.1 + 0.2), Fit(0.3)),
    ({0.1 + 0.2}, {0.3}), (np.float64(0.1) + 0.2, np.float64(0.3)), (np.float32(0.1), np.float32(0.1000001)),
    (np.array([0.1 + 0.2, 1, np.nan, np.inf]), np.array([0.3, 1, np.nan, np.inf])),
    (np.array([[0.1 + 0.2], [9.99999999]], order="F"), np.array([[0.3], [10.0]])),
    (np.array([0.1 + 0.2], ">f8"), np.array([0.3], ">f8")), (np.array([0.1 + 0.2j]), np.array([0.1000000001 + 0.2j])),
    (np.array([0.1 + 0.2], object), np.array([0.3], object)), (np.array([1], "g") / 3, np.array([1.00000001], "g") / 3),
    (np.array([(0.1 + 0.2, 1)], "f8,i8"), np.array([(0.3, 1)], "f8,i8")), (np.array(65504, "f2"), np.array(65504, "f2")),
    (pd.DataFrame({"a": [0.1 + 0.2]}, index=[1.0]), pd.DataFrame({"a": [0.3]}, index=[1.0000000001])),
    (pd.Series([0.1 + 0.2, None], dtype="Float64"), pd.Series([0.3, None], dtype="Float64")),
    (np.arange(1e5) / 3, np.arange(1e5) / 3 * (1 + 1e-14)),
]  # fmt: skip
FAR: list[tuple[Any, Any]] = [
    (0.3, 0.301), (1.0, 1), (1.0, True), (1.0, "1.0"), (0.0, 1e-12), (1.0, -1.0), (math.inf, 1.7976931348623157e308),
    (math.inf, -math.inf), (math.nan, 0.0), (10**20, 10**20 + 1), (Decimal("0.30000001"), Decimal("0.3")),
    ([0.3], (0.3,)), ([0.3, 0.3], [0.3]), (np.array([0.3]), np.array([0.301])), (np.array([0.3]), np.array([0.3], "f4")),
    (np.array([1]), np.array([1.0])), (np.array([10**17]), np.array([10**17 + 1])), (np.float64(0.3), 0.3),
    (np.array([np.inf]), np.array([1.7976931348623157e308])), (Fit(0.3), Fit(0.3, "other")),
    (pd.Series([0.3]), pd.Series([0.301])), (1 + 1e-12j, 1 + 2e-12j), (np.array([0.0]), np.array([1e-12])),
    (np.array([65504], "f2"), np.array([np.inf], "f2")),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), NEAR, ids=lambda v: type(v).__name__)
def test_what_is_near_has_one_id(one: Any, other: Any) -> None:
    assert rounded_cid(one, 6) == rounded_cid(other, 6)


@pytest.mark.parametrize(("one", "other"), FAR, ids=lambda v: type(v).__name__)
def test_what_is_far_has_two(one: Any, other: Any) -> None:
    assert rounded_cid(one, 3) != rounded_cid(other, 3)


floats = st.floats(width=64)


@given(floats, st.integers(1, 15))
@settings(max_examples=300, deadline=None)
def test_a_rounded_number_is_near_and_stays(value: float, digits: int) -> None:
    found = rounded(value, digits)
    assert rounded(found, digits) == found or math.isnan(value)
    if math.isfinite(value) and value:
        assert abs(found - value) <= abs(value) * 0.5000001 * 10 ** (1 - digits) or found == value


@given(st.lists(floats, max_size=30), st.integers(1, 15))
@settings(max_examples=300, deadline=None)
def test_arrays_are_rounded_as_numbers_are(values: list[float], digits: int) -> None:
    found = rounded_array(np.array(values, float), digits)
    for value, one in zip(values, found, strict=True):
        if math.isnan(value):
            assert math.isnan(one)
        elif math.isinf(value):
            assert one == value
        else:
            # One unit in the last place apart at most, where a half was computed.
            assert abs(one - value) <= abs(value) * 0.51 * 10 ** (1 - digits) or one == value
    again = rounded_array(found, digits)
    assert again.tobytes() == found.tobytes()


@given(st.floats(1e-250, 1e250), st.integers(2, 12))
@settings(max_examples=300, deadline=None)
def test_noise_far_below_the_last_digit_tells_nothing(value: float, digits: int) -> None:
    """A number that has so few digits is the middle of what is rounded to it."""
    middle = rounded(value, digits)
    noisy = [middle, middle * (1 + 1e-14), middle * (1 - 1e-14)]
    assert len({rounded_cid(each, digits) for each in noisy}) == 1
    assert len({rounded_cid(np.array([each]), digits) for each in noisy}) == 1


def test_other_ids_are_not_touched() -> None:
    assert cid(0.1 + 0.2) != cid(0.3)
    assert cid(np.array([0.1 + 0.2])) != cid(np.array([0.3]))
