"""Loading values of a project in a command: their classes are found where the project is."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path


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
