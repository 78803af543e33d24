"""The shared store: a grow-only set of immutable files, each named by its own content.

Because nothing in it ever changes, two stores unite by taking the files of both, in any
order, any number of times. `git_store.py` keeps one in git; here are the law of the names,
the interface, and a store in a folder and one in memory.

    FORMAT                      "1"
    t/ab/<sha256 of bytes>      the text of a definition
    c/ab/<sha256 of bytes>      a context: the text ids of a static closure
    v/ab/<sha256 of the edge>/<sha256 of bytes>     one verdict event
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from mandala_git.errors import StoreError

FORMAT = "FORMAT"
FORMAT_BYTES = b"1\n"

_NAME = (
    r"[tc]/([0-9a-f]{2})/\1[0-9a-f]{62}"
    r"|v/([0-9a-f]{2})/\2[0-9a-f]{62}/[0-9a-f]{64}"
)


def sha256(data: bytes) -> str:
    """Return the sha256 of bytes as 64 hex digits."""
    import hashlib

    return hashlib.sha256(data).hexdigest()


def text_name(data: bytes) -> str:
    """Return the name of the text of a definition."""
    digest = sha256(data)
    return f"t/{digest[:2]}/{digest}"


def context_name(data: bytes) -> str:
    """Return the name of a context."""
    digest = sha256(data)
    return f"c/{digest[:2]}/{digest}"


def verdict_name(edge: str, data: bytes) -> str:
    """Return the name of a verdict event.

    Args:
        edge: sha256 of the edge it is about, 64 hex digits.
        data: the event's bytes.
    """
    return f"v/{edge[:2]}/{edge}/{sha256(data)}"


def is_name(name: str) -> bool:
    """Tell whether this can be the name of a file in a store."""
    return re.fullmatch(_NAME, name) is not None


def is_content(name: str, data: bytes) -> bool:
    """Tell whether a file has the name that its bytes give it."""
    return sha256(data) == name[-64:]


def check_names(files: Mapping[str, bytes]) -> None:
    """Refuse files that must not enter a store.

    Raises:
        StoreError: a name is not one of a store's, or not that of its bytes.
    """
    for name, data in files.items():
        if not is_name(name):
            raise StoreError(f"{name!r} is not the name of a file in a store")
        if not is_content(name, data):
            raise StoreError(f"{name} is not the name of its bytes, whose sha256 is {sha256(data)}")


class Store(Protocol):
    """A grow-only set of content-named files.

    What is in it under a name that its bytes do not have counts as not there.
    """

    def exists(self) -> bool:
        """Tell whether the store has been made."""

    def init(self) -> bool:
        """Make the store if there is none; return whether there was none."""

    def tip(self) -> str | None:
        """Return what changes whenever a file is added; None when there is no store."""

    def names(self, prefix: str = "") -> list[str]:
        """Return the names that begin with `prefix`, sorted."""

    def read(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return {name: bytes} of those that are there."""

    def read_all(self, prefix: str = "") -> dict[str, bytes]:
        """Return {name: bytes} of all whose name begins with `prefix`."""

    def added_since(self, tip: str | None) -> dict[str, bytes]:
        """Return {name: bytes} of at least everything added since the store had this tip."""

    def add(self, files: Mapping[str, bytes], *, message: str) -> str | None:
        """Add files.

        Args:
            files: {name: bytes}; those that are there already are fine.
            message: one line on why, for those stores that have a history.

        Returns:
            The new tip, None when nothing was new.

        Raises:
            StoreError: there is no store, it cannot be written, or a name is wrong.
        """


class MemoryStore:
    """A store that lives as long as this object."""

    def __init__(self) -> None:
        self._files: dict[str, bytes] | None = None

    def exists(self) -> bool:
        """Tell whether the store has been made."""
        return self._files is not None

    def init(self) -> bool:
        """Make the store if there is none; return whether there was none."""
        if self._files is not None:
            return False
        self._files = {}
        return True

    def tip(self) -> str | None:
        """Return the sha256 of the sorted names; None when there is no store."""
        return None if self._files is None else _tip_of(self._files)

    def names(self, prefix: str = "") -> list[str]:
        """Return the names that begin with `prefix`, sorted."""
        return sorted(name for name in self._files or () if name.startswith(prefix))

    def read(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return {name: bytes} of those that are there."""
        files = self._files or {}
        return {name: files[name] for name in names if name in files}

    def read_all(self, prefix: str = "") -> dict[str, bytes]:
        """Return {name: bytes} of all whose name begins with `prefix`."""
        return self.read(self.names(prefix))

    def added_since(self, tip: str | None) -> dict[str, bytes]:
        """Return everything, or nothing when `tip` is the present one."""
        return {} if tip == self.tip() else self.read_all()

    def add(self, files: Mapping[str, bytes], *, message: str) -> str | None:
        """Add files; return the new tip, None when nothing was new."""
        check_names(files)
        if self._files is None:
            raise no_store("this storage")
        if files.keys() <= self._files.keys():
            return None
        self._files.update(files)
        return self.tip()


class FolderStore:
    """A store in a folder of its own, for storages outside of git.

    Args:
        path: the folder; `init` makes it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def exists(self) -> bool:
        """Tell whether the store has been made."""
        return (self.path / FORMAT).is_file()

    def init(self) -> bool:
        """Make the store if there is none; return whether there was none."""
        if self.exists():
            return False
        self._write(FORMAT, FORMAT_BYTES)
        return True

    def tip(self) -> str | None:
        """Return the sha256 of the sorted names; None when there is no store."""
        return _tip_of(self.names()) if self.exists() else None

    def names(self, prefix: str = "") -> list[str]:
        """Return the names that begin with `prefix`, sorted."""
        found = []
        for kind in "tcv":
            if prefix and prefix[0] != kind:
                continue
            for folder, _, files in os.walk(self.path / kind):
                inside = Path(folder).relative_to(self.path).as_posix()
                found += [f"{inside}/{file}" for file in files]
        return sorted(name for name in found if name.startswith(prefix) and is_name(name))

    def read(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return {name: bytes} of those that are there, and whole."""
        found = {}
        for name in names:
            if not is_name(name):
                continue
            try:
                data = (self.path / name).read_bytes()
            except FileNotFoundError:
                continue
            except OSError as error:
                raise StoreError(
                    f"{self.path / name} cannot be read: {error.strerror}",
                    hint=f"see: ls -l {self.path / name}",
                ) from error
            if is_content(name, data):
                found[name] = data
        return found

    def read_all(self, prefix: str = "") -> dict[str, bytes]:
        """Return {name: bytes} of all whose name begins with `prefix`."""
        return self.read(self.names(prefix))

    def added_since(self, tip: str | None) -> dict[str, bytes]:
        """Return everything, or nothing when `tip` is the present one."""
        return {} if tip == self.tip() else self.read_all()

    def add(self, files: Mapping[str, bytes], *, message: str) -> str | None:
        """Add files; return the new tip, None when nothing was new."""
        check_names(files)
        try:
            form = (self.path / FORMAT).read_bytes()
        except OSError:
            raise no_store(str(self.path)) from None
        if form.strip() != FORMAT_BYTES.strip():
            raise newer_format(str(self.path), form)
        # A file that a crash left torn does not count as there, and is replaced.
        new = files.keys() - self.read(files).keys()
        for name in sorted(new):
            self._write(name, files[name])
        return self.tip() if new else None

    def _write(self, name: str, data: bytes) -> None:
        """Create a file beside its place and move it there."""
        import tempfile

        place = self.path / name
        beside = ""
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            handle, beside = tempfile.mkstemp(prefix=".new-", dir=place.parent)
            with open(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, place)
            beside = ""
        except OSError as error:
            raise StoreError(
                f"{place} cannot be written: {error.strerror}",
                hint=f"see: ls -ld {place.parent}; df {self.path}",
            ) from error
        finally:
            if beside:
                Path(beside).unlink(missing_ok=True)


def no_store(where: str) -> StoreError:
    """Say that there is no store yet."""
    return StoreError(f"{where} has no store yet", hint="make it: git mandala init")


def newer_format(where: str, form: bytes) -> StoreError:
    """Say that a store is of a format that this version can read at best."""
    return StoreError(
        f"{where} has format {form[:20].decode('utf-8', 'backslashreplace').strip()!r}, this "
        f"version of mandala-git writes format {FORMAT_BYTES.decode().strip()!r} only",
        hint="upgrade: python -m pip install --upgrade mandala-git",
    )


def _tip_of(names: Iterable[str]) -> str:
    return sha256("\n".join(sorted(names)).encode())
