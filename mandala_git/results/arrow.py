"""DataFrames and Series as Arrow files, where nothing of them is lost that way.

A file is in Arrow's own format (but for the seal behind it). Its schema carries, under
`mandala`, a pickle of what Arrow has no place for: names, dtypes, the index, attrs, flags.
Numbers and times are kept bit by bit (a nan stays the nan that it was), and come back as arrays
over the mapped file that may be changed like any other.
"""

from __future__ import annotations

import mmap
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from mandala_git.results.pickled import LARGE

_META = b"mandala"
_INDEXES = (pd.Index, pd.DatetimeIndex, pd.TimedeltaIndex)


def writer(value: Any) -> Callable[[IO[bytes]], None] | None:
    """Return who writes a value; None for what is small, or would lose something or be copied.

    Args:
        value: any object of pandas.
    """
    if type(value) is not pd.DataFrame and type(value) is not pd.Series:
        return None
    if not len(value) or np.sum(value.memory_usage(index=True, deep=False)) < LARGE:
        return None
    try:
        import pyarrow as pa
    except ImportError:
        return None
    series = type(value) is pd.Series
    whole: Any = value
    arrays = [whole] if series else [whole.iloc[:, i] for i in range(whole.shape[1])]
    index: Any = value.index
    if type(index) is not pd.RangeIndex:
        if type(index) not in _INDEXES:
            return None
        arrays.append(index)
        index = type(index), index.name, getattr(index, "freq", None)
    columns = []
    for array in arrays:
        column = _to_arrow(array, pa)
        if column is None:
            return None
        columns.append(column)
    head = {
        "series": series,
        "index": index,
        "names": value.name if series else value.columns,
        "dtypes": [array.dtype for array in arrays],
        "attrs": value.attrs,
        "duplicates": value.flags.allows_duplicate_labels,
    }
    try:
        meta = pickle.dumps(head, protocol=5)
    except Exception:  # noqa: BLE001 - the codec that comes next names what is to blame
        return None
    names = [f"column {number}" for number in range(len(columns))]
    table = pa.Table.from_arrays(columns, names=names).replace_schema_metadata({_META: meta})

    def write(file: IO[bytes]) -> None:
        with pa.PythonFile(file, mode="w") as sink, pa.ipc.new_file(sink, table.schema) as out:
            out.write_table(table)

    return write


def _to_arrow(of: Any, pa: Any) -> Any:
    """Return a Series or Index as one Arrow array; None where its bits would change or be copied."""
    dtype, array = of.dtype, of.array
    if isinstance(dtype, pd.StringDtype):
        found = pa.array(array)
        if not isinstance(found, pa.ChunkedArray):
            return found
        return found.chunk(0) if found.num_chunks == 1 else None
    if isinstance(dtype, pd.DatetimeTZDtype):
        return _raw(array.view("i8"), pa.timestamp(dtype.unit, "UTC"), pa)
    if isinstance(dtype, pd.CategoricalDtype):
        return _raw(np.asarray(array.codes), None, pa)
    if not isinstance(dtype, np.dtype):
        return None
    values = np.asarray(array)
    if dtype.kind == "O":
        # Of these, only text comes back as it was: no subclass of str, nothing missing.
        if set(map(type, values)) != {str}:
            return None
        try:
            return pa.array(values, type=pa.large_string())
        except UnicodeEncodeError:  # a lone surrogate
            return None
    if dtype.kind == "b":
        return pa.array(values)
    return _raw(values, None, pa) if dtype.kind in "iufMm" else None


def _raw(values: Any, kind: Any, pa: Any) -> Any:
    if not values.flags.c_contiguous or not values.dtype.isnative:
        return None
    kind = pa.from_numpy_dtype(values.dtype) if kind is None else kind
    buffer = pa.py_buffer(values.view(np.uint8).data)
    return pa.Array.from_buffers(kind, len(values), [None, buffer])


def read(path: Path, end: int, *, mapped: bool = True) -> Any:
    """Read what a writer wrote.

    Args:
        path: the file.
        end: where what was written ends in it.
        mapped: map the file, copy-on-write, instead of reading it.
    """
    import pyarrow as pa

    with path.open("rb") as file:
        if mapped:
            whole = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY), np.uint8)
        else:
            whole = np.fromfile(file, np.uint8)
    table = pa.ipc.open_file(pa.py_buffer(whole[:end])).read_all()
    head = pickle.loads(table.schema.metadata[_META])
    arrays = [
        _from_arrow(column.chunk(0), dtype, whole, pa)
        for column, dtype in zip(table.columns, head["dtypes"], strict=True)
    ]
    index: Any = head["index"]
    if not isinstance(index, pd.RangeIndex):
        make, name, frequency = index
        more = {} if frequency is None else {"freq": frequency}
        index = make(arrays.pop(), dtype=head["dtypes"][-1], name=name, copy=False, **more)
    columns = [
        pd.Series(array, index=index, dtype=dtype, copy=False)
        for array, dtype in zip(arrays, head["dtypes"], strict=False)
    ]
    if head["series"]:
        value: Any = columns[0]
        value.name = head["names"]
    else:
        value = pd.DataFrame(dict(enumerate(columns)), index=index, copy=False)
        value.columns = head["names"]
    value.attrs = head["attrs"]
    return value if head["duplicates"] else value.set_flags(allows_duplicate_labels=False)


def _from_arrow(column: Any, dtype: Any, whole: Any, pa: Any) -> Any:
    if isinstance(dtype, pd.StringDtype):
        return dtype.__from_arrow__(column)  # type: ignore[attr-defined]
    if isinstance(dtype, np.dtype) and dtype.kind in "Ob":
        return column.to_numpy(zero_copy_only=False)
    # Arrow's own arrays are read-only; these are the same bytes, seen through the map.
    start = column.buffers()[1].address - whole.ctypes.data
    size = column.buffers()[1].size if not len(column) else len(column) * column.type.bit_width // 8
    data = whole[start : start + size]
    if isinstance(dtype, pd.DatetimeTZDtype):
        times = pd.DatetimeIndex(data.view(f"M8[{dtype.unit}]"), copy=False)
        return times.tz_localize("UTC").tz_convert(dtype.tz).array
    if isinstance(dtype, pd.CategoricalDtype):
        codes = data.view(column.type.to_pandas_dtype())
        return pd.Categorical.from_codes(codes, dtype=dtype)
    return data.view(dtype)
