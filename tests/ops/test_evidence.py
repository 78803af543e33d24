"""What counts as the same when recorded calls run again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mandala_git import Storage, op
from mandala_git.errors import UsageError
from mandala_git.results.differences import close


@dataclass
class Model:
    weights: Any
    bias: Any = None


NUMBERS = st.floats(1e-6, 1e9) | st.floats(-1e9, -1e-6) | st.just(0.0)


@given(NUMBERS)
def test_what_is_close(number: float) -> None:
    near, far = number * (1 + 1e-9), number * 1.01 + (1 if number == 0 else 0)
    assert close(number, near, 1e-6) and close(near, number, 1e-6)
    assert not close(number, far, 1e-6)
    assert close([number, {"a": (number,)}], [near, {"a": (near,)}], 1e-6)
    assert not close([number, {"a": (number,)}], [near, {"a": (far,)}], 1e-6)
    assert close(np.array([number, np.nan]), np.array([near, np.nan]), 1e-6)
    assert not close(np.array([number]), np.array([far]), 1e-6)
    assert close(pd.DataFrame({"x": [number]}), pd.DataFrame({"x": [near]}), 1e-6)
    assert not close(pd.DataFrame({"x": [number]}), pd.DataFrame({"x": [far]}), 1e-6)
    assert close(pd.Series([number]), pd.Series([near]), 1e-6)
    assert close(Model([number], np.array([number])), Model([near], np.array([near])), 1e-6)
    assert not close(Model([number], np.array([number])), Model([near], np.array([far])), 1e-6)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, True),
        (1, 2),
        ("a", "b"),
        ([1.0], (1.0,)),
        ([1.0], [1.0, 1.0]),
        ({"a": 1.0, "b": 1.0}, {"b": 1.0, "a": 1.0}),
        (np.float32([1]), np.float64([1])),
        (np.zeros((2, 1)), np.zeros(2)),
        (pd.DataFrame({"x": [1]}), pd.DataFrame({"y": [1]})),
        (float("nan"), 1.0),
        (np.array(["a"]), np.array(["b"])),
        (Model([1.0]), Model([1.0, 1.0])),
        (Model([1.0], "a"), Model([1.0], "b")),
        ({1.0}, {1.0001}),
    ],
)
def test_what_is_not(one: Any, other: Any) -> None:
    assert not close(one, other, 1e-3)
    assert close(one, one, 1e-3) and close(other, other, 1e-3)


@op
def same(x: int) -> int:
    return x


def test_nothing_is_open(storage: Storage) -> None:
    with storage:
        same(1)
    with pytest.raises(UsageError, match="nothing is open about 'same'"):
        storage.evidence(same)
