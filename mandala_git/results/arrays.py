"""What numpy arrays and pandas objects are made of; imported only when one is met."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from blake3 import blake3

from mandala_git.results.atoms import digest_frame, frame, text
from mandala_git.results.naming import name_of
from mandala_git.results.shapes import Shape

CHUNK = 1 << 22
"""Bytes of a non-contiguous array that are copied at a time for hashing."""


TEXTS = 1 << 16
"""Elements of an array of strings that become Python objects at a time."""


def _head(kind: str, *names: str) -> bytes:
    return b"".join([frame(b"h", text(kind)), *[frame(b"s", text(name)) for name in names]])


def shape_of(obj: Any, digits: int | None = None) -> Shape | None:
    """Take a numpy or pandas object apart.

    What is made here on the way is hashed at once, not kept as a part: it may be large.

    Args:
        obj: an object whose class, or one it inherits from, is of numpy or pandas.
        digits: significant decimal digits to which floats count; None: all.

    Returns:
        Its shape, or None for what pickle's reduction describes well enough.
    """
    cls = type(obj)
    if isinstance(obj, np.ndarray):
        # A memory map is how a stored array comes back: the same value as the array.
        if cls is np.ndarray or cls is np.memmap:
            return of_array(obj, digits)
        name = name_of(cls)
        plain = obj.view(np.ndarray)
        if isinstance(obj, np.ma.MaskedArray):
            parts = [plain, np.ma.getmaskarray(obj), np.asarray(obj.fill_value), obj.hardmask]
            return Shape(_head("masked array", name), parts)
        return Shape(_head("array subclass", name), [plain, dict(vars(obj)) or None])
    if isinstance(obj, np.generic):
        return Shape(_head("numpy scalar"), [np.asarray(obj)])
    if "pandas" in sys.modules:
        return _pandas(obj, digits)
    return None


_OBJECTS = _head("objects")


# numpy -------------------------------------------------------------------------------------


def _dtype_text(dtype: Any, metadata: list[Any]) -> str:
    """Spell a dtype in full; what it carries as metadata is appended to a list."""
    if dtype.metadata:
        metadata.append(dict(dtype.metadata))
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return f"({_dtype_text(base, metadata)},{shape!r})"
    if dtype.fields is None:
        if dtype.kind in "biufcSUVmMO":
            return str(dtype.str)
        return f"{type(dtype).__module__}.{dtype!r}"
    fields = []
    for name in dtype.names:
        field, offset, *title = dtype.fields[name]
        fields.append(f"{name!r}:{_dtype_text(field, metadata)}@{offset}{title!r}")
    kind = dtype.type.__name__
    return f"{kind}{{{','.join(fields)}}}{dtype.itemsize},{dtype.isalignedstruct}"


def of_array(array: Any, digits: int | None) -> Shape:
    """Return the shape of a numpy array, its elements hashed."""
    metadata: list[Any] = []
    dtype = array.dtype
    spelled = _dtype_text(dtype, metadata)
    head = _head("array", spelled, repr(array.shape))
    if dtype.fields is not None:
        # Field by field: padding bytes are garbage, and fields may hold objects.
        return Shape(head, [*(array[name].view(np.ndarray) for name in dtype.names), metadata])
    if dtype.hasobject or dtype.kind not in "biufcSUVmM":
        return Shape(head + _OBJECTS, [array.reshape(-1).tolist(), metadata])
    if dtype.kind not in "fc":
        digits = None
    digest = digest_frame(b"a", _bytes_digest(array, digits))
    return Shape(head + digest, [metadata] if metadata else [])


def _bytes_digest(array: Any, digits: int | None) -> bytes:
    """Hash the elements in C order: no copy of a contiguous array, a small one of others."""
    meaningful = _meaningful_bytes(array.dtype)
    if array.flags.c_contiguous and meaningful is None and digits is None:
        # As raw bytes: not every dtype exports a buffer.
        return blake3(array.reshape(-1).view(np.uint8).data if array.nbytes else b"").digest()
    hasher = blake3()
    for block in blocks(array):
        if digits is not None:
            from mandala_git.results.rounding import rounded_array

            block = rounded_array(block, digits)
        data = block.view(np.uint8)
        if meaningful is not None:
            whole, used = meaningful
            data = np.ascontiguousarray(data.reshape(-1, whole)[:, :used])
        hasher.update(data.data)
    return hasher.digest()


def blocks(array: Any) -> Iterator[Any]:
    """Yield the elements in C order, as flat contiguous arrays of at most about `CHUNK` bytes."""
    if array.size == 0:
        return
    if array.nbytes <= CHUNK or array.flags.c_contiguous:
        flat = np.ascontiguousarray(array).reshape(-1)
        step = max(1, CHUNK // array.itemsize)
        for start in range(0, len(flat), step):
            yield flat[start : start + step]
        return
    step = max(1, CHUNK // (array.nbytes // len(array)))
    for start in range(0, len(array), step):
        part = array[start : start + step]
        yield from blocks(part[0] if step == 1 and part.ndim > 1 else part)


def _meaningful_bytes(dtype: Any) -> tuple[int, int] | None:
    """Return (stored, used) bytes of an x87 long double: the rest of it is garbage."""
    if dtype.char in "gG" and np.finfo(np.longdouble).nmant == 63:
        stored = np.dtype(np.longdouble).itemsize
        return (stored, 10) if stored > 10 else None
    return None


# pandas ------------------------------------------------------------------------------------


def _pandas(obj: Any, digits: int | None) -> Shape | None:
    import pandas as pd

    name = name_of(type(obj))
    if isinstance(obj, pd.DataFrame):
        columns = [_values(obj.iloc[:, i]) for i in range(obj.shape[1])]
        return Shape(_head("frame", name), [*columns, obj.index, obj.columns, _extras(obj)])
    if isinstance(obj, pd.Series):
        return Shape(_head("series", name), [_values(obj), obj.index, obj.name, _extras(obj)])
    if isinstance(obj, pd.MultiIndex):
        codes = [np.asarray(code) for code in obj.codes]
        return Shape(_head("multiindex", name), [list(obj.levels), codes, list(obj.names)])
    if isinstance(obj, pd.RangeIndex):
        return Shape(_head("rangeindex", name), [obj.start, obj.stop, obj.step, obj.name])
    if isinstance(obj, pd.Index):
        frequency = getattr(obj, "freqstr", None)
        return Shape(_head("index", name), [_values(obj), obj.name, frequency])
    if isinstance(obj, pd.api.extensions.ExtensionArray):
        return _extension(obj, digits)
    return None


def _extras(obj: Any) -> list[Any]:
    """Return what else a Series or DataFrame carries, subclasses included."""
    own = [(field, getattr(obj, field, None)) for field in obj._metadata if field != "name"]
    return [dict(obj.attrs), obj.flags.allows_duplicate_labels, own]


def _values(obj: Any) -> Any:
    """Return the elements of a Series or Index: a numpy array, or an extension array."""
    import pandas as pd

    values = obj.array
    if type(values) is pd.arrays.NumpyExtensionArray:  # strings may inherit from it
        return values.to_numpy()
    return values


def _extension(array: Any, digits: int | None) -> Shape:
    import pandas as pd

    dtype = array.dtype
    kind = [type(dtype).__qualname__, str(dtype)]
    if type(array) is pd.arrays.NumpyExtensionArray:
        return Shape(_head("extension", *kind), [array.to_numpy()])
    if isinstance(array, pd.Categorical):
        parts = [np.asarray(array.codes), array.categories, array.ordered]
        return Shape(_head("extension", "categorical"), parts)
    if isinstance(array, pd.arrays.IntervalArray):
        return Shape(_head("extension", *kind), [array.left, array.right, array.closed])
    if isinstance(
        array, pd.arrays.DatetimeArray | pd.arrays.TimedeltaArray | pd.arrays.PeriodArray
    ):
        return Shape(_head("extension", *kind), [array.view("i8"), getattr(dtype, "tz", None)])
    if isinstance(array, pd.arrays.IntegerArray | pd.arrays.FloatingArray | pd.arrays.BooleanArray):
        # What lies under the mask is garbage.
        plain = array.to_numpy(dtype=dtype.numpy_dtype, na_value=dtype.numpy_dtype.type(0))
        missing = np.asarray(array.isna())
        return Shape(_head("extension", *kind), [of_array(missing, None), of_array(plain, digits)])
    kind += [str(getattr(dtype, "storage", "")), repr(getattr(dtype, "na_value", None))]
    if isinstance(dtype, pd.StringDtype):
        return Shape(_head("text", *kind), [_text(array)])
    return Shape(_head("elements", *kind), list(array))


def _text(array: Any) -> Shape:
    """Return the shape of an array of strings: piece by piece, as it may not hold any object."""
    missing, sizes, letters = blake3(), blake3(), blake3()
    for start in range(0, len(array), TEXTS):
        piece = array[start : start + TEXTS]
        gone = np.asarray(piece.isna())
        texts = [text(each) for each in piece.to_numpy(object, na_value="")]
        missing.update(gone.tobytes())
        sizes.update(np.fromiter(map(len, texts), "<i8", len(texts)).tobytes())
        letters.update(b"".join(texts))
    digests = [missing.digest(), sizes.digest(), letters.digest()]
    return Shape(_head("texts", str(len(array))), digests)
