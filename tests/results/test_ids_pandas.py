"""Content ids of pandas objects: dtypes, indexes and names count, block layout does not."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mandala_git.results.ids import Found, cid


def series() -> list[Any]:
    stamps = pd.to_datetime(["2020-01-01", "2021-01-01"])
    return [
        pd.Series([1, 2]), pd.Series([1, 2], dtype="int32"), pd.Series([1.0, 2.0]),
        pd.Series([1, 2], dtype="Int64"), pd.Series([1, None], dtype="Int64"),
        pd.Series([1, 2], dtype="Float64"), pd.Series([True, False]),
        pd.Series([True, None], dtype="boolean"), pd.Series(["1", "2"]),
        pd.Series(["1", "2"], dtype=object), pd.Series(["1", "2"], dtype="string"),
        pd.Series(["1", None], dtype="string"), pd.Series([b"1", b"2"]), pd.Series([1, 2], dtype=object),
        pd.Series(["1", "2"], dtype="category"), pd.Series(pd.Categorical(["1", "2"], ["2", "1"])),
        pd.Series(pd.Categorical(["1", "2"], ordered=True)),
        pd.Series(pd.Categorical(["1", "2"], ["1", "2", "3"])),
        pd.Series(stamps), pd.Series(stamps.as_unit("s")), pd.Series(stamps.as_unit("ns")),
        pd.Series(stamps).dt.tz_localize("UTC"), pd.Series(stamps).dt.tz_localize("+01:00"),
        pd.Series(stamps) - pd.Timestamp("2020-01-01"), pd.Series(pd.period_range("2020", periods=2, freq="M")),
        pd.Series(pd.period_range("2020", periods=2, freq="Y")),
        pd.Series(pd.interval_range(0, 2)), pd.Series(pd.interval_range(0, 2, closed="both")),
        pd.Series(pd.arrays.SparseArray([0, 1])), pd.Series([1, 2], name="a"), pd.Series([1, 2], name=0),
        pd.Series([1, 2], index=["a", "b"]), pd.Series([1, 2], index=[0, 1]), pd.Series([1, 2], index=[0.0, 1.0]),
        pd.Series([1, 2], index=pd.Index([0, 1], name="i")), pd.Series([1, 2], index=stamps),
        pd.Series([1, 2], index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])),
        pd.Series([1, 2], index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["x", "y"])),
        pd.Series([], dtype=float), pd.Series([], dtype=int), pd.Series([-0.0]), pd.Series([0.0]),
        pd.Series([np.nan]), pd.Series([None], dtype=object), pd.Series([pd.NA], dtype=object),
        pd.Series([pd.NaT], dtype=object), pd.Series([np.nan], dtype=object), pd.Series([[1], {2: 3}]),
    ]  # fmt: skip


def others() -> list[Any]:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    noted = frame.copy()
    noted.attrs["source"] = "here"
    return [
        frame, noted, frame[["b", "a"]], frame.rename(columns={"a": "c"}), frame.set_index("a"), frame.T,
        frame.astype({"a": "int32"}), frame.astype({"a": float}), frame.iloc[:1], frame.iloc[:0], pd.DataFrame(),
        frame.iloc[[1, 0]], pd.DataFrame(index=[0, 1]), pd.DataFrame(columns=["a"]),
        pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]), pd.DataFrame(np.ones((2, 2))),
        frame.set_flags(allows_duplicate_labels=False),
        pd.RangeIndex(3), pd.Index([0, 1, 2]), pd.Index([0, 1, 2], name="a"), pd.RangeIndex(3, name="a"),
        pd.date_range("2020", periods=3), pd.DatetimeIndex(list(pd.date_range("2020", periods=3))),
        pd.Timestamp("2020"), pd.Timestamp("2020", tz="UTC"), pd.Timedelta(1), pd.NaT, pd.NA,
        pd.Period("2020", "M"), pd.Interval(0, 1), pd.Interval(0, 1, closed="both"), pd.CategoricalDtype(["a"]),
    ]  # fmt: skip


@pytest.mark.parametrize("value", [*series(), *others()], ids=lambda v: type(v).__name__)
def test_copies_and_round_trips(value: Any) -> None:
    found = Found()
    this = cid(value, found=found)
    assert cid(copy.deepcopy(value)) == this
    assert cid(pickle.loads(pickle.dumps(value, 5))) == this
    assert found.fallbacks == []


def test_all_differ() -> None:
    seen: dict[bytes, Any] = {}
    for value in [*series(), *others()]:
        this = cid(value)
        # Which dtype text and dates have by default depends on the version of pandas.
        assert this not in seen or _are_one(value, seen[this]), (value, seen[this])
        seen[this] = value


def _are_one(one: Any, other: Any) -> bool:
    return (
        isinstance(one, pd.Series)
        and one.dtype.kind in "OM"
        and one.dtype == other.dtype
        and one.name is other.name is None
        and type(one.index) is type(other.index) is pd.RangeIndex
        and one.tolist() == other.tolist()
    )


def test_block_layout_is_not_content() -> None:
    one = pd.DataFrame({"a": [1, 2], "b": [3, 4], "c": [1.0, 2.0]})
    two = pd.DataFrame({"a": [1, 2]})
    two["b"] = [3, 4]
    two["c"] = [1.0, 2.0]
    assert cid(one) == cid(two)
    assert cid(pd.DataFrame(np.asfortranarray(np.ones((3, 2))))) == cid(
        pd.DataFrame(np.ones((3, 2)))
    )


def test_what_lies_under_a_mask_is_not_content() -> None:
    mask = np.array([False, True])
    one = pd.Series(pd.arrays.IntegerArray(np.array([1, 2]), mask))
    two = pd.Series(pd.arrays.IntegerArray(np.array([1, 9]), mask))
    assert cid(one) == cid(two)


def test_elements_of_object_columns_count() -> None:
    assert cid(pd.DataFrame({"a": [[1], [2]]})) != cid(pd.DataFrame({"a": [[1], [3]]}))
