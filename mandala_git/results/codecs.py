"""How values become bytes: a codec is chosen by type, and its name kept beside the bytes."""

from __future__ import annotations

import io
import pickle
import types
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

from mandala_git.errors import UnstorableValue, ValueLost
from mandala_git.results.atoms import ATOMS

PICKLE = "pickle"  # pickle, protocol 5
NPY = "npy"  # one numpy array without objects; memory-mapped when loaded
JOBLIB = "joblib"  # anything with large arrays inside: they are streamed, not copied

LARGE = 1 << 16
"""Bytes of array data from which arrays are written apart from the pickle around them."""


class Encoded(NamedTuple):
    """A value on its way to disk.

    Attributes:
        codec: what will decode it.
        data: the bytes, where they are at hand.
        write: writes the bytes to a binary file, where they are too many to hold twice.
    """

    codec: str
    data: bytes | None
    write: Callable[[IO[bytes]], None] | None = None


def encode(value: Any, path: str = "value") -> Encoded:
    """Encode a value for storage.

    Args:
        value: any object that can be pickled.
        path: how to call the value in an error message, e.g. `output 'model'`.

    Returns:
        The bytes, or who will write them.

    Raises:
        UnstorableValue: no codec can store it; names the path of the part that is to blame.
    """
    if type(value) in ATOMS:
        return Encoded(PICKLE, encode_atom(value))
    if _is_large_array(value):
        return Encoded(NPY, None, lambda file: _write_npy(value, file))
    buffers: list[pickle.PickleBuffer] = []
    try:
        data = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
        if not buffers:
            return Encoded(PICKLE, data)
        if sum(buffer.raw().nbytes for buffer in buffers) >= LARGE:
            return Encoded(JOBLIB, None, lambda file: _write_joblib(value, file, path))
        return Encoded(PICKLE, pickle.dumps(value, protocol=5))
    except Exception as error:
        raise _unstorable(value, path, error) from error


def encode_atom(value: Any) -> bytes:
    """Return the bytes, under the codec PICKLE, of a value whose type is in `ATOMS`."""
    return pickle.dumps(value, protocol=5)


def decode(codec: str, source: bytes | Path) -> Any:
    """Decode what `encode` made.

    Args:
        codec: the name kept beside the bytes.
        source: the bytes, or the file that holds them (more may follow them there).

    Returns:
        A value equal to the one that was stored. A memory-mapped array is copy-on-write.

    Raises:
        ValueLost: the codec is unknown here, or the bytes do not decode (a class is gone).
    """
    try:
        if codec == PICKLE:
            if isinstance(source, bytes):
                return pickle.loads(source)
            with source.open("rb") as file:
                return pickle.load(file)
        if codec == NPY:
            return _read_npy(source)
        if codec == JOBLIB:
            import joblib

            if isinstance(source, bytes):
                return joblib.load(io.BytesIO(source))
            with source.open("rb") as file:
                return joblib.load(file)
    except Exception as error:
        raise ValueLost(
            f"a stored value cannot be decoded: {type(error).__name__}: {error}",
            hint="If a class or module of it was moved or removed, bring it back; "
            "otherwise its call has to run again.",
        ) from error
    raise ValueLost(
        f"a stored value needs the codec {codec!r}, which this installation does not know",
        hint="Upgrade mandala-git.",
    )


def _is_large_array(value: Any) -> bool:
    if type(value).__module__ != "numpy":
        return False
    import numpy as np

    if type(value) is not np.ndarray and type(value) is not np.memmap:
        return False
    # The npy format keeps neither titles, alignment nor metadata of a dtype.
    plain = value.dtype.kind in "biufcSUmM" and not value.dtype.metadata
    return bool(plain and value.nbytes >= LARGE)


def _write_npy(array: Any, file: IO[bytes]) -> None:
    import numpy as np

    np.lib.format.write_array(file, np.asarray(array), allow_pickle=False)


def _read_npy(source: bytes | Path) -> Any:
    import numpy as np

    if isinstance(source, bytes):
        return np.lib.format.read_array(io.BytesIO(source), allow_pickle=False)
    # Copy-on-write: the array may be changed like any other, the file never is.
    return np.load(source, mmap_mode="c", allow_pickle=False).view(np.ndarray)


def _write_joblib(value: Any, file: IO[bytes], path: str) -> None:
    import joblib

    try:
        joblib.dump(value, file, protocol=5)
    except OSError:
        raise
    except Exception as error:
        raise _unstorable(value, path, error) from error


def _unstorable(value: Any, path: str, error: Exception) -> UnstorableValue:
    where, kind, why = path, type(value), error
    if not isinstance(error, RecursionError):
        where, kind, why = _culprit(value, path, error)
    reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(why)
    return UnstorableValue(
        f"{where} cannot be stored: {kind.__module__}.{kind.__qualname__} ({reason})",
        hint="Return plain data instead, or leave that part out in the class's __getstate__.",
    )


def _culprit(value: Any, path: str, error: Exception) -> tuple[str, type, Exception]:
    """Follow the parts that cannot be pickled down to the last one."""
    from mandala_git.results.naming import Found
    from mandala_git.results.paths import Trail
    from mandala_git.results.shapes import NoShape, shape_of

    trail, seen = Trail(path), {id(value)}
    while not isinstance(value, type | types.FunctionType):  # what they contain is not to blame
        try:
            shape = shape_of(value, Found())
        except NoShape:
            break
        for at, part in enumerate(shape.parts):
            if type(part) in ATOMS or id(part) in seen:
                continue
            try:
                pickle.dumps(part, protocol=5)
            except Exception as inner:  # noqa: BLE001 - the next one to look into
                trail.step(value, shape, at)
                seen.add(id(part))
                value, error = part, inner
                break
        else:
            break
    return trail.text, type(value), error
