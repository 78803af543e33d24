"""Data files: what the files that a pattern names hold, on disk or in a tree of git.

A pattern is a path relative to the project with `/`, or an absolute one, in which `*`, `?` and
`[...]` stand for anything within one name and `**` for any folders. A folder that it names
means all files in it.
"""

from __future__ import annotations

import os
import posixpath
import re
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Protocol

    from mandala_git.repo.snapshots import Stat

    class BlobCache(Protocol):
        """What remembers the blob ids of files between processes."""

        def blob_of(self, path: str, stat: tuple[int, ...]) -> str | None:
            """Return the blob id that was remembered for exactly this state of a file."""

        def remember_blob(self, path: str, stat: tuple[int, ...], blob: str) -> None:
            """Keep the blob id of this state of a file, unless it was written just now."""


Listing = tuple[tuple[str, str], ...]
"""(path, git's id of the bytes) of every file that a pattern names, sorted; () for none."""

UNREADABLE = "!"
"""Begins what stands for the id of a file that cannot be read, or that is being written."""

_RACY_NS = 2_000_000_000
"""A file that was written this recently may change once more under the same times."""

_BLOCK = 1 << 20
_TRIES = 3
_SKIPPED = frozenset({".git", "__pycache__"})
_FOLDERS = "(?:[^/]+/)*"
_MAGIC = re.compile(r"[*?\[]")


def normal(folder: str, pattern: str) -> str:
    """Return a pattern that is relative to a folder of the project relative to the project."""
    return posixpath.normpath(posixpath.join(folder, pattern))


def is_inside(pattern: str) -> bool:
    """Tell whether a pattern stays in the project."""
    return not os.path.isabs(pattern) and pattern != ".." and not pattern.startswith("../")


def fixed_part(pattern: str) -> str:
    """Return the path before the first name with a wildcard; the whole pattern without one."""
    found = _MAGIC.search(pattern)
    return pattern if found is None else pattern[: found.start()].rpartition("/")[0]


@lru_cache
def matcher(pattern: str) -> re.Pattern[str]:
    """Return what matches the paths that a pattern means, those in folders that it names too."""
    if pattern == ".":
        return re.compile(".*", re.DOTALL)
    *folders, last = pattern.split("/")
    start = "".join(_FOLDERS if each == "**" else _translated(each) + "/" for each in folders)
    end = _FOLDERS + "[^/]+" if last == "**" else _translated(last) + "(?:/.*)?"
    return re.compile(start + end, re.DOTALL)


def _translated(name: str) -> str:
    """Return what one name of a pattern matches, as `glob` understands it."""
    parts = []
    place = 0
    while place < len(name):
        sign = name[place]
        end = name.find("]", place + 2 + (name[place + 1 : place + 2] == "!"))
        if sign == "[" and end > 0:
            inner = re.sub(r"([\\[^&|~])", r"\\\1", name[place + 1 : end])
            parts.append(f"(?!/)[{'^' + inner[1:] if inner[0] == '!' else inner}]")
            place = end
        else:
            parts.append({"*": "[^/]*", "?": "[^/]"}.get(sign) or re.escape(sign))
        place += 1
    return "".join(parts)


class DiskFiles:
    """Files as they are now.

    Args:
        root: top folder of the project.
        object_format: how git names contents here: "sha1" or "sha256".
        cache: remembers ids between processes; None for nothing to be remembered.
    """

    complete = True

    def __init__(self, root: Path, object_format: str, cache: BlobCache | None = None) -> None:
        self._root = root
        self._format = object_format
        self._cache = cache
        self._known: dict[str, tuple[Stat, str, bool]] = {}
        self._single: dict[str, Listing] = {}

    def listing(self, pattern: str) -> Listing:
        """Return what a pattern names now; a file is read only if its state says that it must be."""
        name = str(self._root / pattern)
        if not _MAGIC.search(pattern):
            try:
                seen = os.stat(name)
            except OSError:
                return ()
            if stat.S_ISREG(seen.st_mode):
                blob = self._blob(pattern, name, seen)
                known = self._single.get(pattern)
                if known is None or known[0][1] != blob:
                    known = self._single[pattern] = ((pattern, blob),)
                return known
        found: dict[str, str] = {}
        for path in filter(partial(_is_data, pattern), self._paths(pattern)):
            name = str(self._root / path)
            try:
                seen = os.stat(name)
            except OSError:
                continue
            if stat.S_ISREG(seen.st_mode):
                found[path] = self._blob(path, name, seen)
        return tuple(sorted(found.items()))

    def _paths(self, pattern: str) -> Iterator[str]:
        from glob import iglob

        given = pattern if os.path.isabs(pattern) else None
        matches = [pattern]
        if _MAGIC.search(pattern):
            options: dict[str, Any] = {"recursive": True, "include_hidden": True}
            matches = list(iglob(given or pattern, root_dir=self._root, **options))
        for match in matches:
            path = posixpath.normpath(match.replace(os.sep, "/"))
            yield path
            for folder, inside, files in os.walk(self._root / path):
                inside[:] = sorted(name for name in inside if name not in _SKIPPED)
                below = os.path.relpath(folder, self._root / path).replace(os.sep, "/")
                for name in files:
                    yield posixpath.normpath(posixpath.join(path, below, name))

    def _blob(self, path: str, name: str, seen: os.stat_result) -> str:
        state = _state(seen)
        known = self._known.get(path)
        if known is not None and known[0] == state and known[2]:
            return known[1]
        blob = self._cache.blob_of(path, state) if self._cache is not None else None
        settled = blob is not None
        if blob is None:
            blob, state = _hash(name, self._format)
            settled = not blob.startswith(UNREADABLE) and time.time_ns() - max(state[:2]) > _RACY_NS
            if settled and self._cache is not None:
                self._cache.remember_blob(path, state, blob)
        self._known[path] = state, blob, settled
        return blob


class TreeFiles:
    """Files of a commit or an index: those that git tracks.

    Args:
        ask: lists (mode, blob id, path) of what is at or below a path, "" for everything.
    """

    complete = False
    """A file that is not there may have been one that git does not track."""

    def __init__(self, ask: Callable[[str], Iterator[tuple[str, str, str]]]) -> None:
        self._ask = ask
        self._known: dict[str, Listing | None] = {}

    def listing(self, pattern: str) -> Listing | None:
        """Return what a pattern names; None where git does not tell."""
        if pattern not in self._known:
            self._known[pattern] = self._list(pattern) if is_inside(pattern) else None
        return self._known[pattern]

    def _list(self, pattern: str) -> Listing | None:
        matches = matcher(pattern).fullmatch
        top = fixed_part(pattern)
        found: dict[str, str] = {}
        for mode, blob, path in self._ask("" if top == "." else top):
            if matches(path) and _is_data(pattern, path):
                if mode not in ("100644", "100755"):
                    return None  # a symbolic link, a submodule
                found[path] = blob
        return tuple(sorted(found.items()))


DataFiles = DiskFiles | TreeFiles


def agrees(then: Mapping[str, str], here: Listing | None, *, complete: bool) -> bool | None:
    """Tell whether files hold what they held; None when that cannot be told.

    Args:
        then: id by path.
        here: what is there now or in a tree.
        complete: whether what is not in `here` does not exist.
    """
    if here is None:
        return None
    if any(then.get(path) != blob or blob.startswith(UNREADABLE) for path, blob in here):
        return False
    if len(here) == len(then):
        return True
    return False if complete else None


def _is_data(pattern: str, path: str) -> bool:
    """Tell what belongs to git and to Python from the files that a pattern means."""
    return _SKIPPED.isdisjoint(path[len(fixed_part(pattern)) :].split("/"))


def _state(seen: os.stat_result) -> Stat:
    return (seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size, seen.st_ino)


def _hash(name: str, object_format: str) -> tuple[str, Stat]:
    """Return git's id of a file's bytes as they are, piece by piece, and its state meanwhile."""
    import hashlib

    state: Stat = (0, 0, 0, 0)
    try:
        for _ in range(_TRIES):
            with open(name, "rb", buffering=0) as file:
                state = _state(os.fstat(file.fileno()))
                digest = hashlib.new(object_format, f"blob {state[2]}\0".encode())
                size = 0
                while block := file.read(_BLOCK):
                    digest.update(block)
                    size += len(block)
                if size == state[2] and _state(os.stat(name)) == state:
                    return digest.hexdigest(), state
    except OSError as error:
        return f"{UNREADABLE} cannot be read: {error.strerror}", (0, 0, 0, 0)
    # Somebody is writing it: it holds nothing that can be held against anything.
    return f"{UNREADABLE} is being written {os.urandom(8).hex()}", (0, 0, 0, 0)
