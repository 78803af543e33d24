"""Pickles with their arrays beside them: streamed when written, mapped when read.

A file is the pickle (protocol 5), each large buffer of it from a multiple of 64 bytes on, then
(start, size) of every buffer and their number, 8 bytes each. Compressed, the pickle and each
buffer are streams of their own, and sizes are those before compression. So neither writing nor
reading holds a second copy of an array, whatever it is part of.
"""

from __future__ import annotations

import contextlib
import io
import mmap
import pickle
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from mandala_git.results.atoms import PIECE
from mandala_git.results.custom import CUSTOM, custom_of, decoded, stand_in

LARGE = 1 << 16
"""Bytes from which a value is streamed to a file, and an array written apart from its pickle."""

_SMALL = 1 << 10  # bytes of a buffer that are not worth a place of their own
_ALIGN = 64  # what the strictest vector instruction wants of an address
_number = struct.Struct("<Q")


class TooLong(Exception):
    """A value takes more bytes than are kept in memory."""


class _Pickler(pickle.Pickler):
    """A pickler that knows registered types, scattered arrays and tensors.

    Args:
        file: takes the pickle.
        keep: says of each buffer whether it belongs into the pickle.
    """

    def __init__(self, file: Any, keep: Callable[[Any], bool]) -> None:
        super().__init__(file, 5, buffer_callback=keep)
        self.scattered: dict[int, Any] = {}  # id of a placeholder -> array

    def reducer_override(self, obj: Any) -> Any:
        """Reduce what pickle itself would copy, and what people gave functions for."""
        cls = type(obj)
        if CUSTOM:
            custom = custom_of(cls)
            if custom is not None and custom.encode is not None:
                return decoded, (custom.name, stand_in(obj, custom.encode))
        module = cls.__module__
        if module == "numpy":
            if cls.__name__ == "ndarray" and not (obj.flags.forc and obj.dtype.kind not in "mM"):
                return self._reduce_array(obj)
        elif module == "numpy.dtypes":
            if obj.kind in "mM" and not obj.isnative and not obj.metadata:
                return dtype_of, (obj.str,)  # numpy again
        elif module == "torch" or module == "torch.nn.parameter":
            from mandala_git.results import tensors

            return tensors.reduced(obj)
        return NotImplemented

    def _reduce_array(self, array: Any) -> Any:
        """Reduce an array that numpy would copy, or give another byte order.

        A large one is written piece by piece later, in place of an empty buffer.
        """
        dtype = array.dtype
        if dtype.hasobject or dtype.kind not in "biufcSUVmM":
            return NotImplemented
        if array.nbytes < LARGE:
            return (
                NotImplemented
                if dtype.isnative
                else (array_of, (bytearray(array.tobytes()), dtype, array.shape))
            )
        placeholder = pickle.PickleBuffer(bytearray())
        self.scattered[id(placeholder)] = array
        return array_of, (placeholder, dtype, array.shape)


def array_of(buffer: Any, dtype: Any, shape: tuple[int, ...]) -> Any:
    """Make an array from its bytes in C order; pickles call this function by its name."""
    import numpy as np

    return np.frombuffer(buffer, np.uint8).view(dtype).reshape(shape)


def dtype_of(spelled: str) -> Any:
    """Return a dtype by its name; pickles call this function by its name."""
    import numpy as np

    return np.dtype(spelled)


def small(value: Any) -> bytes:
    """Return the pickle of a value.

    Raises:
        TooLong: it has more than `LARGE` bytes.
        Exception: whatever makes it impossible.
    """
    sink = _Bounded()
    pickler: _Pickler

    def keep(buffer: pickle.PickleBuffer) -> bool:
        if id(buffer) in pickler.scattered or buffer.raw().nbytes >= LARGE:
            raise TooLong
        return True

    pickler = _Pickler(sink, keep)
    pickler.dump(value)
    return b"".join(sink.pieces)


def whole(value: Any) -> bytes:
    """Return the pickle of a value, however long it is."""
    sink = io.BytesIO()
    _Pickler(sink, lambda buffer: True).dump(value)
    return sink.getvalue()


def check(value: Any) -> None:
    """Raise what makes it impossible to pickle a value."""
    _Pickler(_Nowhere(), lambda buffer: False).dump(value)


class _Bounded:
    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.size = 0

    def write(self, data: Any) -> None:
        self.size += len(data)
        if self.size > LARGE:
            raise TooLong
        self.pieces.append(bytes(data))


class _Nowhere:
    def write(self, data: Any) -> None:
        pass


# Files -------------------------------------------------------------------------------------


def _gzip(file: Any, mode: Any) -> Any:
    import gzip

    return gzip.GzipFile(fileobj=file, mode=mode, compresslevel=1, mtime=0)


def _xz(file: Any, mode: Any) -> Any:
    import lzma

    return lzma.LZMAFile(file, mode, preset=1 if mode == "wb" else None)


COMPRESSIONS: dict[str, Callable[[Any, Any], Any]] = {"gzip": _gzip, "xz": _xz}
"""How to open a compressed stream in a file; closing it leaves the file open."""


def opened(file: Any, mode: str, compression: str | None) -> Any:
    """Return a context: a file, or the compressed stream that begins at its position."""
    if compression is None:
        return contextlib.nullcontext(file)
    return COMPRESSIONS[compression](file, mode)


def write(value: Any, file: IO[bytes], compression: str | None = None) -> None:
    """Write a value.

    Args:
        value: any object that can be pickled.
        file: needs `write` and `tell`.
        compression: a name in `COMPRESSIONS`, None for none.
    """
    buffers: list[pickle.PickleBuffer] = []
    pickler: _Pickler

    def keep(buffer: pickle.PickleBuffer) -> bool:
        if id(buffer) not in pickler.scattered and buffer.raw().nbytes < _SMALL:
            return True
        buffers.append(buffer)
        return False

    with opened(file, "wb", compression) as stream:
        pickler = _Pickler(stream, keep)
        pickler.dump(value)
    places = []
    for buffer in buffers:
        file.write(bytes(-file.tell() % _ALIGN))
        start, size = file.tell(), 0
        with opened(file, "wb", compression) as stream:
            for piece in _pieces(pickler.scattered.get(id(buffer), buffer)):
                for at in range(0, len(piece), PIECE) if compression else ():
                    stream.write(piece[at : at + PIECE])
                if not compression:
                    stream.write(piece)
                size += len(piece)
        places += [start, size]
    file.write(struct.pack(f"<{len(places) + 1}Q", *places, len(buffers)))


def _pieces(found: Any) -> Iterator[memoryview]:
    if isinstance(found, pickle.PickleBuffer):
        yield found.raw()
        return
    import numpy as np

    from mandala_git.results.arrays import blocks

    for block in blocks(found):
        yield block.view(np.uint8).data


def read(path: Path, end: int, compression: str | None = None, *, mapped: bool = True) -> Any:
    """Read what `write` wrote.

    Args:
        path: the file.
        end: where what was written ends in it.
        compression: as it was given to `write`.
        mapped: map buffers, copy-on-write, instead of reading them (not those compressed).
    """
    with path.open("rb") as file:
        file.seek(end - 8)
        (count,) = _number.unpack(file.read(8))
        file.seek(end - 8 - 16 * count)
        places = list(struct.iter_unpack("<QQ", file.read(16 * count)))
        file.seek(0)
        if not places:
            buffers: Iterator[Any] = iter(())
        elif mapped and compression is None:
            whole = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
            buffers = (whole[start : start + size] for start, size in places)
        else:
            buffers = (_loaded(path, start, size, compression) for start, size in places)
        with opened(file, "rb", compression) as stream:
            return pickle.Unpickler(stream, buffers=buffers).load()


def _loaded(path: Path, start: int, size: int, compression: str | None) -> bytearray:
    data = bytearray(size)
    left = memoryview(data)
    with path.open("rb") as file:
        file.seek(start)
        with opened(file, "rb", compression) as stream:
            while left:
                count = stream.readinto(left[:PIECE])  # a decompressor holds what it is asked for
                if not count:
                    raise EOFError(f"{path} ends too early")
                left = left[count:]
    return data
