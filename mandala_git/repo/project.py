"""Where a project's code is, in a git repository or in a folder outside of any."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mandala_git.errors import UsageError

if TYPE_CHECKING:
    from typing import Protocol

    from mandala_git.repo.store import Store

    class Project(Protocol):
        """What versions need of a place with code: `Repository` or `Folder`."""

        @property
        def root(self) -> Path:
            """Its top folder."""

        @property
        def object_format(self) -> str:
            """How contents of files are named: "sha1" or "sha256"."""

        def mandala_dir(self) -> Path | None:
            """Return the folder of what is derived and recorded; None for memory."""

        def store(self) -> Store:
            """Return the shared store."""

        def note_data(self, patterns: Iterable[str]) -> None:
            """Note files that calls depend on."""

        def code_files(self) -> Iterable[str]:
            """Return the paths of what may be code: Python files, notebooks."""

        def head(self) -> str | None:
            """Return the commit that is checked out, None where there is none."""

        def author(self) -> str:
            """Return `Name <email>` of who works here."""

        def is_dirty(self) -> bool:
            """Tell whether a tracked file differs from that commit."""


LIMIT = 20_000
"""Files and folders in a folder outside of git beyond which it is no project, but a disk."""

_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages", "dist-packages"})


class Folder:
    """A project outside of git: all code in a folder.

    Args:
        root: the folder.
        data: where results go; None for memory.

    Attributes:
        root: the folder.
        object_format: as in most repositories, so that a later one knows the same contents.
    """

    object_format = "sha1"

    def __init__(self, root: Path, data: Path | None = None) -> None:
        self.root = root
        self._data = data
        self._store: Store | None = None
        self._flat = False

    def __repr__(self) -> str:
        return f"Folder({str(self.root)!r})"

    def mandala_dir(self) -> Path | None:
        """Return the folder of what is derived and recorded; None for memory."""
        return self._data

    def store(self) -> Store:
        """Return the shared store: in that folder, or in memory."""
        if self._store is None:
            from mandala_git.repo.store import FolderStore, MemoryStore

            self._store = MemoryStore() if self._data is None else FolderStore(self._data / "store")
        return self._store

    def note_data(self, patterns: Iterable[str]) -> None:
        """Do nothing: no hook will ask."""

    def code_files(self) -> Iterable[str]:
        """Return the paths of the Python files and notebooks in the folder.

        Hidden folders, virtual environments and installed packages are left out. Where there is
        so much that it cannot be a project (a program in a home folder), only what lies directly
        in it is meant: of the rest, what is loaded counts without being listed.
        """
        top: list[str] = []
        found: list[str] = []
        met = 0
        for folder, inside, files in os.walk(self.root):
            relative = os.path.relpath(folder, self.root).replace(os.sep, "/")
            start = "" if relative == "." else relative + "/"
            found += [start + name for name in files if name.endswith((".py", ".ipynb"))]
            top = top if start else list(found)
            met += len(inside) + len(files)
            self._flat = self._flat or met > LIMIT
            if self._flat:
                return top
            inside[:] = sorted(
                name
                for name in inside
                if not name.startswith(".")
                and name not in _SKIPPED
                and not os.path.exists(os.path.join(folder, name, "pyvenv.cfg"))
            )
        return found

    def head(self) -> None:
        """Return no commit."""
        return

    def author(self) -> str:
        """Return the name of the user."""
        from getpass import getuser

        try:
            return f"{getuser()} <>"
        except (OSError, KeyError):  # an account without a name, in a container
            return "unknown <>"

    def is_dirty(self) -> bool:
        """Return False: there is nothing to differ from."""
        return False


def folder_here(wanted: str | Path | None) -> Path:
    """Return the folder of the code that runs, outside of any repository.

    Args:
        wanted: the folder, if somebody says it; None or "__main__": that of the script, or the
            working directory where there is no script.

    Raises:
        UsageError: there is no such folder.
    """
    if wanted is not None and wanted != "__main__":
        folder = Path(wanted).absolute() if isinstance(wanted, str | Path) else None
        if folder is None or not folder.is_dir():
            raise UsageError(
                f"deps_path={str(wanted)!r} is no folder",
                hint='Give the folder of the code, or "__main__" for that of the script.',
            )
        return folder
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    if isinstance(script, str) and os.path.isfile(script):
        folder = Path(script).absolute().parent
        # A program that others have installed, as `pytest` or `ipython`, is nobody's project.
        if not folder.is_relative_to(sys.prefix) and "site-packages" not in folder.parts:
            return folder
    return Path.cwd()
