"""How values become bytes: a codec is chosen by type, and its name kept beside the bytes."""

from __future__ import annotations

import io
import types
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any

from mandala_git.errors import UnstorableValue, ValueLost
from mandala_git.records import NamedTuple
from mandala_git.results.atoms import ATOMS, PIECE, text

PICKLE = "pickle"  # pickle, protocol 5
PARTS = "parts"  # a pickle with its arrays beside it, see `pickled.py`; `parts.gzip`, `parts.xz`
NPY = "npy"  # one numpy array without objects
TEXT = "text"  # one str in UTF-8 (lone surrogates are let through); `text.gzip`, `text.xz`
ARROW = "arrow"  # one DataFrame or Series, see `arrow.py`

CONTAINERS: dict[str, type] = {"MList": list, "MTuple": tuple, "MDict": dict, "MSet": set}
"""Codecs of containers whose elements are values of their own, see `containers.py`."""

SHORT = 1 << 13
"""Characters or bytes of an atom that are encoded without looking for a better way."""

_SIZED = frozenset({str, bytes, bytearray})


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


def encode(value: Any, path: str = "value", compression: str | None = None) -> Encoded:
    """Encode a value for storage.

    Args:
        value: any object that can be pickled.
        path: how to call the value in an error message, e.g. `result of f`.
        compression: of large values, a name in `pickled.COMPRESSIONS`; None: none.

    Returns:
        The bytes, or who will write them.

    Raises:
        UnstorableValue: no codec can store it; names the path of the part that is to blame.
    """
    data = atom_data(value)
    if data is not None:
        return Encoded(PICKLE, data)
    from mandala_git.results import pickled

    tail = "" if compression is None else f".{compression}"
    if type(value) is str:
        return Encoded(TEXT + tail, None, partial(_write_text, value, compression))
    if compression is None:
        if _is_large_array(value):
            return Encoded(NPY, None, partial(_write_npy, value))
        write = _arrow_writer(value)
        if write is not None:
            return Encoded(ARROW, None, write)
    try:
        return Encoded(PICKLE, pickled.small(value))
    except pickled.TooLong:
        return Encoded(PARTS + tail, None, partial(_write_parts, value, path, compression))
    except Exception as error:
        raise _unstorable(value, path, error) from error


def atom_data(value: Any) -> bytes | None:
    """Return the bytes, under the codec PICKLE, of a value in `ATOMS`; None: not at once."""
    kind = type(value)
    if kind not in ATOMS or (kind in _SIZED and len(value) > SHORT):
        return None
    import pickle

    return pickle.dumps(value, 5)


def decode(codec: str, source: bytes | Path, *, end: int | None = None, mapped: bool = True) -> Any:
    """Decode what `encode` made.

    Args:
        codec: the name kept beside the bytes.
        source: the bytes, or the file that holds them (more may follow them there).
        end: how many bytes of the file they are; None: all.
        mapped: map large arrays of a file, copy-on-write, instead of reading them.

    Returns:
        A value equal to the one that was stored. What is mapped may be changed like any other
        value, the file never is.

    Raises:
        ValueLost: the codec is unknown here, or the bytes do not decode (a class is gone).
    """
    try:
        if codec == PICKLE or codec in CONTAINERS:
            import pickle

            if isinstance(source, bytes):
                return pickle.loads(source)
            with source.open("rb") as file:
                return pickle.load(file)
        if isinstance(source, Path):
            end = source.stat().st_size if end is None else end
            reader = _reader(codec, mapped)
            if reader is not None:
                return reader(source, end)
    except ValueLost:
        raise
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


def _reader(codec: str, mapped: bool) -> Callable[[Path, int], Any] | None:
    """Return who reads a file of a codec up to its end, None for a codec that is not known."""
    from mandala_git.results import pickled

    name, _, tail = codec.partition(".")
    if tail not in ("", *pickled.COMPRESSIONS):
        return None
    compression = tail or None
    if name == PARTS:
        return partial(pickled.read, compression=compression, mapped=mapped)
    if name == TEXT:
        return partial(_read_text, compression=compression)
    if codec == NPY:
        return partial(_read_npy, mapped=mapped)
    if codec == ARROW:
        from mandala_git.results import arrow

        return partial(arrow.read, mapped=mapped)
    return None


def _is_large_array(value: Any) -> bool:
    if type(value).__module__ != "numpy":
        return False
    import numpy as np

    from mandala_git.results.pickled import LARGE

    if type(value) is not np.ndarray and type(value) is not np.memmap:
        return False
    # The npy format keeps neither titles, alignment nor metadata of a dtype.
    plain = value.dtype.kind in "biufcSUmM" and not value.dtype.metadata
    return bool(plain and value.nbytes >= LARGE)


def _write_npy(array: Any, file: IO[bytes]) -> None:
    import numpy as np

    from mandala_git.results.arrays import blocks

    header = np.lib.format.header_data_from_array_1_0(array)
    np.lib.format.write_array_header_1_0(file, header)
    for block in blocks(array.T if header["fortran_order"] else array):
        file.write(block.view(np.uint8).data)


def _read_npy(path: Path, end: int, *, mapped: bool) -> Any:
    import numpy as np

    if not mapped:
        with path.open("rb") as file:
            return np.lib.format.read_array(file, allow_pickle=False)
    # Copy-on-write: the array may be changed like any other, the file never is.
    return np.load(path, mmap_mode="c", allow_pickle=False).view(np.ndarray)


def _write_text(value: str, compression: str | None, file: IO[bytes]) -> None:
    from mandala_git.results import pickled

    with pickled.opened(file, "wb", compression) as stream:
        for start in range(0, len(value), PIECE):
            stream.write(text(value[start : start + PIECE]))


def _read_text(path: Path, end: int, *, compression: str | None) -> str:
    from mandala_git.results import pickled

    found = ""
    with path.open("rb", buffering=0) as raw:
        file = io.BufferedReader(_Upto(raw, end))
        with pickled.opened(file, "rb", compression) as stream:
            # A join would hold all twice; what this loop alone holds is lengthened in place.
            for piece in _characters(stream):
                found += piece
    return found


def _characters(stream: IO[bytes]) -> Iterator[str]:
    """Yield a text piece by piece; a character may begin in one block and end in the next."""
    rest = b""
    while block := stream.read(PIECE):
        block = rest + block
        # The bytes of a character but for the first are 0b10......
        cut = len(block) - next(n for n in range(1, 5) if block[-n] & 0xC0 != 0x80)
        rest = block[cut:]
        yield block[:cut].decode("utf-8", "surrogatepass")
    yield rest.decode("utf-8", "surrogatepass")


class _Upto(io.RawIOBase):
    """The beginning of a file."""

    def __init__(self, file: io.FileIO, end: int) -> None:
        self._file = file
        self._left = end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._file.readinto(memoryview(buffer)[: self._left])
        self._left -= count
        return count


def _arrow_writer(value: Any) -> Callable[[IO[bytes]], None] | None:
    if type(value).__module__.partition(".")[0] != "pandas":
        return None
    from mandala_git.results import arrow

    return arrow.writer(value)


def _write_parts(value: Any, path: str, compression: str | None, file: IO[bytes]) -> None:
    from mandala_git.results import pickled

    try:
        pickled.write(value, file, compression)
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
        hint="Return plain data instead, leave that part out in the class's __getstate__, or "
        "tell `mandala_git.register_type` how to encode and decode it.",
    )


def _culprit(value: Any, path: str, error: Exception) -> tuple[str, type, Exception]:
    """Follow the parts that cannot be pickled down to the last one."""
    from mandala_git.results import pickled
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
                pickled.check(part)
            except Exception as inner:  # noqa: BLE001 - the next one to look into
                trail.step(value, shape, at)
                seen.add(id(part))
                value, error = part, inner
                break
        else:
            break
    return trail.text, type(value), error
