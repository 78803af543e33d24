"""Large values as files: written once, named by content, each proving that it is whole.

A file is `values/ab/<content id>.<codec>`: the bytes of the codec and, as its last 16 bytes,
the blake3 of the content id and those bytes. All readers of the codecs stop before that, so an
array can still be mapped. A small value in the database is sealed alike, with 8 bytes.
Nothing is held in memory but the value itself, when it is written as when it is read.
"""

from __future__ import annotations

import itertools
import os
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from blake3 import blake3

from mandala_git.errors import ResultsError, ValueLost
from mandala_git.results import codecs

SEAL = 16
"""Bytes of checksum at the end of a file."""

SHORT_SEAL = 8
"""Bytes of checksum at the end of a value in the database."""

_counter = itertools.count()


def sealed(content: bytes, data: bytes) -> bytes:
    """Return the bytes of a small value with their checksum."""
    return data + blake3(content + data).digest(length=SHORT_SEAL)


def unsealed(content: bytes, data: bytes) -> bytes | None:
    """Return what was sealed for a content id; None when it is damaged."""
    bare = data[:-SHORT_SEAL]
    return bare if sealed(content, bare) == data else None


class ValueFiles:
    """A folder of values.

    Args:
        folder: where the files live; made when the first one is written.
        fsync: wait until the disk has each file. Without it a power failure (not a killed
            process) may cost a value, which is then found missing and computed again.
        mapped: map large arrays when they are read.
    """

    def __init__(self, folder: Path, *, fsync: bool = False, mapped: bool = True) -> None:
        self.folder = folder
        self.fsync = fsync
        self.mapped = mapped
        # path -> (inode, size, mtime): proved whole in this process
        self._whole: dict[Path, tuple[int, int, int]] = {}

    def path(self, content: bytes, codec: str) -> Path:
        """Return where the file of a content id is, or would be."""
        name = content.hex()
        return self.folder / name[:2] / f"{name}.{codec}"

    def exists(self, content: bytes, codec: str) -> bool:
        """Say whether a file is there; it may still turn out damaged."""
        return self.path(content, codec).exists()

    def size(self, content: bytes, codec: str) -> int | None:
        """Return how many bytes a file has, None where there is none."""
        try:
            return self.path(content, codec).stat().st_size
        except OSError:
            return None

    def write(self, content: bytes, encoded: codecs.Encoded) -> int:
        """Write a value beside its place and move it in.

        Args:
            content: the content id.
            encoded: the bytes, or their writer.

        Returns:
            Bytes written.

        Raises:
            ResultsError: the disk is full or may not be written.
            UnstorableValue: the writer found a part that it cannot store.
        """
        target = self.path(content, encoded.codec)
        beside = target.parent / f".{target.name}.{os.getpid()}.{next(_counter)}.tmp"
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with beside.open("wb") as file:
                    sealing = _Sealing(file, content)
                    if encoded.data is not None:
                        sealing.write(encoded.data)
                    elif encoded.write is not None:
                        encoded.write(sealing)  # type: ignore[arg-type]
                    size = sealing.seal()
                    if self.fsync:
                        file.flush()
                        os.fsync(file.fileno())
                os.replace(beside, target)
            except BaseException:
                with suppress(OSError):  # what stopped us is the one to tell of
                    beside.unlink()
                raise
        except OSError as error:
            raise ResultsError(
                f"cannot write values to {self.folder}: {error.strerror or error}",
                hint="Make room or make the folder writable; or set `git config "
                "mandala.resultsDir` to another one.",
            ) from error
        return size

    def read(self, content: bytes, codec: str) -> Any:
        """Read a value back.

        Args:
            content: the content id.
            codec: the codec that was recorded beside it.

        Returns:
            The value.

        Raises:
            ValueLost: the file is missing, cut off, changed or cannot be read; a damaged one
                is removed.
        """
        path = self.path(content, codec)
        try:
            stat = path.stat()
            mark = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
            if self._whole.get(path) != mark:
                if not _is_whole(path, content):
                    with suppress(OSError):  # a folder that may not be written
                        path.unlink()
                    raise ValueLost(
                        f"the stored value {path} is damaged: its checksum does not match",
                        hint="Run its call again.",
                    )
                self._whole[path] = mark
        except FileNotFoundError:
            raise ValueLost(
                f"the stored value {path} is missing", hint="Run its call again."
            ) from None
        except OSError as error:
            raise ValueLost(
                f"the stored value {path} cannot be read: {error.strerror or error}",
                hint="Run its call again.",
            ) from error
        return self.decode(content, codec)

    def decode(self, content: bytes, codec: str) -> Any:
        """Decode a file that was proved whole.

        Raises:
            ValueLost: it does not decode here.
        """
        path = self.path(content, codec)
        try:
            end = path.stat().st_size - SEAL
        except OSError as error:  # removed meanwhile
            raise ValueLost(
                f"the stored value {path} is missing", hint="Run its call again."
            ) from error
        return codecs.decode(codec, path, end=end, mapped=self.mapped)

    def wrong(self, content: bytes, codec: str) -> str:
        """Say what is wrong with a file, "" where it is whole."""
        try:
            whole = _is_whole(self.path(content, codec), content)
        except OSError as error:
            return error.strerror or str(error)
        return "" if whole else "its checksum does not match"

    def remove(self, content: bytes, codec: str) -> None:
        """Remove a file; no error where there is none."""
        self.path(content, codec).unlink(missing_ok=True)


class _Sealing:
    """A binary file that hashes what is written and ends with that hash."""

    closed = False  # Arrow asks

    def __init__(self, file: IO[bytes], content: bytes) -> None:
        self._file = file
        self._hasher = blake3(content)
        self._size = 0

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B") if not isinstance(data, bytes) else data
        self._hasher.update(view)
        self._file.write(view)
        self._size += len(view)
        return len(view)

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        """Leave it open: the seal is still to come."""

    def seal(self) -> int:
        """Append the checksum; return the size of all."""
        self._file.write(self._hasher.digest(length=SEAL))
        return self._size + SEAL


def _is_whole(path: Path, content: bytes) -> bool:
    with path.open("rb") as file:
        left = os.fstat(file.fileno()).st_size - SEAL
        if left < 0:
            return False
        hasher = blake3(content)
        while left:
            block = file.read(min(left, 1 << 22))
            if not block:
                return False
            hasher.update(block)
            left -= len(block)
        return file.read(SEAL) == hasher.digest(length=SEAL)
