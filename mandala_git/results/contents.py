"""The values of a store of results: kept with their calls, beside them, or in files."""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mandala_git.errors import ValueLost
from mandala_git.results import codecs, packing, reading
from mandala_git.results.absence import Absence
from mandala_git.results.buffer import Buffer, StoredValue
from mandala_git.results.calls import MISSING
from mandala_git.results.register import Register
from mandala_git.results.runs import Runs
from mandala_git.results.structures import Structure
from mandala_git.results.values import ValueFiles, sealed, unsealed

INLINE = 16 * 1024
"""Bytes up to which a value lives in the database: there it is faster than in a file."""

_MANY = 100_000
"""Small values of calls that were found, kept at hand at most: some 20 MB."""


class Contents(Register):
    """The values that calls were given and returned, by content id.

    Small ones lie in their calls, and are read from there; up to 16 KB they have a row of their
    own, larger ones a file.

    Args:
        folder: where `results.db` and `values/` live; made where missing. None: in memory,
            large values in a temporary folder.
        database: the database where that is another file than the folder's `results.db`.
        busy_seconds: how long to wait for another process that writes.
        fsync: wait until the disk has each large value.
        compression: of large values that are written.
        mapped: map large arrays when they are loaded.

    Attributes:
        recover: makes the value of a content id anew when what is stored of it is lost;
            raises the `ValueLost` that it is given when it cannot.
    """

    def __init__(
        self,
        folder: Path | None,
        *,
        database: Path | None,
        busy_seconds: float,
        fsync: bool,
        compression: str | None,
        mapped: bool,
    ) -> None:
        self.folder = folder
        self._compression = compression
        self._mapped = mapped
        self._temporary: weakref.finalize[..., Any] | None = None  # removes its folder
        self._files: ValueFiles | None = None
        if folder is not None:
            self._files = ValueFiles(folder / "values", fsync=fsync, mapped=mapped)
        self._buffer = Buffer()
        self._runs = Runs()
        self._absence = Absence()
        self._small: dict[bytes, bytes] = {}
        self._codec_rows: dict[str, int] = {}
        self._codecs: dict[int, str] = {}
        self._damaged: set[bytes] = set()
        self.recover: Callable[[bytes, ValueLost], Any] | None = None
        super().__init__(
            None if folder is None else database or folder / "results.db", busy_seconds
        )
        if self.in_memory:
            self._files = None

    def has_value(self, content: bytes) -> bool:
        """Say whether the value of a content id is stored."""
        with self.lock:
            if self._buffer.has_value(content):
                return True
            if content not in self._damaged and self._stored(content) is True:
                return True
            return self._small_value(content) is not None

    def size(self, content: bytes) -> int | None:
        """Return how many bytes a value takes as it is stored, None where it is not."""
        with self._using(flushed=self._buffer.value(content) is not None) as database:
            row = database.execute(
                "SELECT codec, length(data) FROM vals WHERE cid = ?", (content,)
            ).fetchone()
            if row is None:
                packed = self._small_value(content)
                return None if packed is None else len(packed)
            codec = self.codec(row[0])
        return int(row[1]) if row[1] is not None else self.value_files().size(content, codec)

    def load(self, content: bytes, *, recover: bool = True) -> Any:
        """Return the value of a content id.

        Args:
            content: the content id.
            recover: have a lost value made anew where that is possible.

        Raises:
            ValueLost: it is not stored, or what is stored is damaged, and nobody could
                recover it.
        """
        try:
            return self._load(content, recover=recover)
        except ValueLost as lost:
            if self.recover is None or not recover:
                raise
            return self.recover(content, lost)

    def _load(self, content: bytes, *, recover: bool) -> Any:
        packed = self._small.get(content)
        if packed is not None:
            return packing.value_of(packed)
        with self._using(flushed=False) as database:
            row = self._buffer.value(content)
            if row is None:
                row = database.execute(
                    "SELECT codec, data FROM vals WHERE cid = ?", (content,)
                ).fetchone()
            if row is None:
                packed = self._small_value(content)
            else:
                codec = self.codec(row[0])
        if packed is not None:
            return packing.value_of(packed)
        if row is None:
            from mandala_git.results.containers import small_element

            value = small_element(self, content)
            if value is not MISSING:
                return value
            raise ValueLost(
                f"the value {content.hex()} is not stored",
                hint="Run the call that made it again, with its inputs at hand.",
            )
        if codec in codecs.CONTAINERS:
            from mandala_git.results.containers import load_all

            return load_all(self, [content], recover=recover)[0]
        data: bytes | None = row[1]
        if data is None:
            return self.value_files().read(content, codec)
        bare = unsealed(content, data)
        if bare is not None:
            return codecs.decode(codec, bare)
        self._damaged.add(content)
        raise ValueLost(
            f"the value {content.hex()} in {self.path} is damaged: its checksum does not match",
            hint="Run its call again.",
        )

    def restore(self, content: bytes, value: Any) -> None:
        """Store a value that was lost once more.

        Raises:
            UnstorableValue: it cannot be stored.
            ResultsError: the database or the disk refuses.
        """
        row = self._row(content, value, "the value")
        buffer = Buffer()
        buffer.add_value(row, repair=True)
        with self._transaction() as database:
            buffer.write_values(database)
        self._damaged.discard(content)

    def _small_value(self, content: bytes) -> bytes | None:
        """Return a small value from the call that it lies in, see `packing.small`."""
        packed = self._small.get(content) or self._buffer.small(content)
        if packed is None:
            with self._using(flushed=False) as database:
                packed = reading.small_value(database, self._runs, content)
            if packed is not None:
                self._know(content, packed)
        return packed

    def _know(self, content: bytes, packed: bytes) -> None:
        """Keep a small value at hand: who found a call mostly asks for its values next."""
        if len(self._small) >= _MANY:
            self._small.clear()
        self._small[content] = packed

    def _keep(self, content: bytes, value: Any, kind: str, part: str | int | None) -> None:
        """Let a value that does not lie in its call wait to be stored, unless it is stored."""
        if value is MISSING:
            return
        if type(value) is Structure:
            from mandala_git.results.containers import keep

            keep(self, value, _path(kind, part))
            return
        buffer = self._buffer
        if content in self._damaged:
            buffer.add_value(self._row(content, value, kind, part), repair=True)
            self._damaged.discard(content)
            return
        if buffer.value(content) is not None:
            return
        stored = self._stored(content)
        if not stored:
            # A row whose value is gone says more than is true and has to be put right.
            buffer.add_value(self._row(content, value, kind, part), repair=stored is False)

    def _row(
        self, content: bytes, value: Any, kind: str, part: str | int | None = None
    ) -> StoredValue:
        """Encode a value; write it to its file if it is large."""
        if type(value) is Structure:
            encoded = codecs.Encoded(value.name, value.packed())
        else:
            encoded = codecs.encode(value, _path(kind, part), self._compression)
        codec = self.codec_row(encoded.codec)
        if encoded.data is not None and len(encoded.data) <= INLINE:
            return (content, codec, None, sealed(content, encoded.data))
        return (content, codec, self.value_files().write(content, encoded), None)

    def _stored(self, content: bytes) -> bool | None:
        """Say whether a value is stored: True, None for no; False for a row without its file."""
        with self._using(flushed=False) as database:
            row = database.execute(
                "SELECT codec, data IS NULL FROM vals WHERE cid = ?", (content,)
            ).fetchone()
            if row is None:
                return None
            return not row[1] or self.value_files().exists(content, self.codec(row[0]))

    def value_files(self) -> ValueFiles:
        """Return the folder of large values."""
        if self._files is None:
            from shutil import rmtree
            from tempfile import mkdtemp

            folder = mkdtemp(prefix="mandala-values-")
            self._temporary = weakref.finalize(self, rmtree, folder, ignore_errors=True)
            self._files = ValueFiles(Path(folder), mapped=self._mapped)
        return self._files

    @property
    def mapped(self) -> bool:
        """Whether large arrays are mapped when they are loaded."""
        return self._mapped

    @property
    def runs(self) -> Runs:
        """What calls have in common."""
        return self._runs

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection in a transaction, once what waits is written; see `Connected`."""
        with super().changing() as database:
            yield database
            self._absence.forget()

    def _disconnect(self) -> None:
        # Whatever is found under this name next may be another database.
        self._runs = Runs()
        self._absence = Absence()
        self._codecs.clear()
        self._codec_rows.clear()
        super()._disconnect()

    def codec_row(self, name: str) -> int:
        """Return the row of a codec, made if new."""
        row = self._codec_rows.get(name)
        if row is None:
            row = self._codec_rows[name] = self._interned("codecs", "name", name)
        return row

    def codec(self, row: int) -> str:
        """Return the name of a codec."""
        name = self._codecs.get(row)
        if name is None:
            with self._using(flushed=False) as database:
                found = database.execute("SELECT name FROM codecs WHERE id = ?", (row,)).fetchone()
            name = self._codecs[row] = str(found[0])
        return name


def _path(kind: str, part: str | int | None) -> str:
    """Return how an argument or an output is called in error messages."""
    return kind if part is None else f"{kind}[{part!r}]"
