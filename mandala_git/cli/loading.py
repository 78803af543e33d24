"""Loading values of a project in a command: their classes are found where the project is."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mandala_git.errors import MandalaError
from mandala_git.results.store import Results


@contextlib.contextmanager
def project(root: Path) -> Iterator[None]:
    """Let values find the project's classes; what their modules print is no data."""
    sys.path.insert(0, str(root))
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
            warnings.simplefilter("ignore")
            yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(str(root))


class Loader:
    """Load values once each.

    Args:
        results: where they are stored.
        root: top folder of the project.
    """

    def __init__(self, results: Results, root: Path) -> None:
        self._results = results
        self._root = root
        self._known: dict[bytes, Any] = {}

    def load(self, content: bytes) -> Any:
        """Return a value, or the loader itself when it cannot be had."""
        if content not in self._known:
            try:
                with project(self._root):
                    self._known[content] = self._results.load(content)
            except (MandalaError, SystemExit):
                # Its class may be of `__main__`, or of a module that ends the program.
                self._known[content] = self
        return self._known[content]
