"""Places: which source files are the project's, and what their paths are in keys."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

_PACKAGE = os.path.realpath(Path(__file__).parent.parent) + os.sep
"""This package, which is no user's project, not even in its own repository."""

_STANDARD = os.path.realpath(os.path.dirname(os.__file__)) + os.sep
"""The standard library."""


class Places:
    """Where the code of a project is.

    Args:
        root: top folder of the work tree.
        packages: folders and single files of installed packages that count as well, with the
            path that they have in keys, which is the same wherever they are installed.
    """

    def __init__(self, root: Path, packages: Mapping[str, str]) -> None:
        self._root = root
        self._packages = {os.path.realpath(place): path for place, path in packages.items()}
        self._outside: dict[str, bool] = {}

    def path_of(self, filename: str) -> str | None:
        """Return the path in the project of a source file, None for other people's code."""
        if not filename.endswith(".py"):
            return None
        if self._packages and (path := self._in_package(os.path.realpath(filename))):
            return path
        if filename.startswith((_STANDARD, _PACKAGE)):
            return None
        if f"{os.sep}site-packages{os.sep}" in filename:
            return None  # most modules end here: to follow links takes long
        path = os.path.realpath(filename)
        if path.startswith(_PACKAGE):
            return None
        top = os.path.realpath(self._root)
        inside = path.startswith(top + os.sep)
        if not inside and path.startswith(_STANDARD):
            return None
        relative = path[len(top) + 1 :] if inside else path
        parts = relative.split(os.sep)
        if "site-packages" in parts or "dist-packages" in parts:
            return None
        if not inside:
            # Somebody's own code beside the repository (an editable install, a folder on the
            # path): it changes as the project does, so it counts; its key is its real path.
            return path.replace(os.sep, "/")
        folder = top
        for part in parts[:-1]:
            folder = os.path.join(folder, part)
            if folder not in self._outside:
                self._outside[folder] = os.path.exists(os.path.join(folder, "pyvenv.cfg"))
            if self._outside[folder]:
                return None
        return relative.replace(os.sep, "/")

    def _in_package(self, filename: str) -> str | None:
        for place, path in self._packages.items():
            if filename == place:
                return path
            if filename.startswith(place + os.sep):
                return path + filename[len(place) :].replace(os.sep, "/")
        return None

    def absolute(self, path: str) -> str:
        """Return the file name of a path."""
        if os.path.isabs(path):
            return path
        for place, inside in self._packages.items():
            if path == inside or path.startswith(inside + "/"):
                return place + path[len(inside) :].replace("/", os.sep)
        return os.path.join(self._root, *path.split("/"))
