"""Watching long work: who does it tells how far it is, and the room above draws that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

Advance = Callable[[int], None]
"""Is told how much more is done."""

Watch = Callable[[str, int], AbstractContextManager[Advance]]
"""(what is done, how much there is to do) -> whom to tell."""


@contextmanager
def unwatched(what: str, total: int) -> Iterator[Advance]:
    """Do the work with nobody looking."""
    yield lambda count: None
