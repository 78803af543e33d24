"""Modules: which file of a project an import statement names."""

from __future__ import annotations

import posixpath
import sys
from collections.abc import Callable
from collections.abc import Set as AbstractSet

OUTSIDE = ""
"""What a process says of a module that is loaded from outside the project."""


class Modules:
    """The modules among the files of a snapshot.

    Any folder may be on `sys.path`, so a module is every file whose path ends in its dotted
    name. Of several the order of a typical `sys.path` decides: folders above the importing
    file that are no packages, nearest first; then other folders that are no packages (what
    lies in a package is imported through it); then packages above the importing file, for a
    script that runs inside one. A name of the standard library is the project's only beside
    the importing file, and a folder without `__init__.py` only below a folder above it, or
    below `src`.

    Args:
        paths: of all files, with `/`.
        loaded: path of a module by its dotted name where a process knows it, OUTSIDE for one
            from elsewhere, None for one that is not loaded.
    """

    def __init__(
        self, paths: AbstractSet[str], loaded: Callable[[str], str | None] | None = None
    ) -> None:
        self._paths = paths
        self._loaded = loaded
        self._tails: dict[str, list[str]] = {}
        self._folders: frozenset[str] | None = None
        self._found: dict[tuple[str, int, str], str | None] = {}

    def find(self, importer: str, level: int, dotted: str) -> str | None:
        """Return the path of the module (or folder) that an import statement names.

        Args:
            importer: path of the importing file.
            level: number of leading dots.
            dotted: name behind the dots, "" for `from . import x`.

        Returns:
            A path of the snapshot, a folder ending in `/` for a namespace package, or None
            for what lies outside the project.
        """
        asked = (posixpath.dirname(importer), level, dotted)
        if asked not in self._found:
            self._found[asked] = self._find(*asked)
        return self._found[asked]

    def inside(self, module: str, name: str) -> str | None:
        """Return the submodule of a package or folder, None where there is none."""
        if module.endswith("/"):
            return self._at(module + name)
        if posixpath.basename(module) == "__init__.py":
            return self._at(posixpath.join(posixpath.dirname(module), name))
        return None

    def _find(self, folder: str, level: int, dotted: str) -> str | None:
        if level:
            for _ in range(level - 1):
                folder = posixpath.dirname(folder)
            return self._at(posixpath.join(folder, *dotted.split(".")) if dotted else folder)
        known = self._loaded(dotted) if self._loaded is not None else None
        if known == OUTSIDE:
            return None
        if known is not None and known in self._paths:
            return known
        tail = dotted.replace(".", "/")
        found = []
        for root in self._roots(tail):
            package = bool(root) and f"{root}/__init__.py" in self._paths
            above = not root or (folder + "/").startswith(root + "/")
            if package and not above:
                continue
            place = self._at(posixpath.join(root, tail))
            if place is None or (place.endswith("/") and not above and root != "src"):
                continue
            nearness = -len(root) if above else len(root)
            found.append(((2 if package else 0 if above else 1, nearness, root), place))
        if dotted.partition(".")[0] in sys.stdlib_module_names:
            found = [(rank, place) for rank, place in found if rank[0] == 0 and rank[2] == folder]
        return min(found)[1] if found else None

    def _list(self) -> frozenset[str]:
        """Return all folders that hold files; fill the table of last parts of names."""
        if self._folders is None:
            folders = set()
            for path in self._paths:
                if not path.endswith(".py"):
                    continue  # nobody can import a notebook
                stem = path.removesuffix(".py")
                if stem.endswith("/__init__"):
                    stem = posixpath.dirname(stem)
                self._tails.setdefault(posixpath.basename(stem), []).append(stem)
                while (folder := posixpath.dirname(path)) and folder != path:
                    folders.add(folder)
                    path = folder
            for folder in folders:
                self._tails.setdefault(posixpath.basename(folder), []).append(folder)
            self._folders = frozenset(folders)
        return self._folders

    def _roots(self, tail: str) -> set[str]:
        """Return the folders in which a module `tail` (with `/`) lies."""
        self._list()
        roots = set()
        for stem in self._tails.get(posixpath.basename(tail), ()):
            if stem == tail:
                roots.add("")
            elif stem.endswith("/" + tail):
                roots.add(stem[: -len(tail) - 1])
        return roots

    def _at(self, stem: str) -> str | None:
        """Return the module file, package or namespace folder at a path without suffix."""
        for path in (f"{stem}/__init__.py" if stem else "__init__.py", f"{stem}.py"):
            if path in self._paths:
                return path
        return f"{stem}/" if stem in self._list() or not stem else None
