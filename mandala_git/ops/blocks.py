"""Blocks with modes: `with storage(recompute_transient=True):`."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from mandala_git.ops.context import Modes

if TYPE_CHECKING:
    from mandala_git.ops.storage import Storage


class ModedBlock:
    """A block of a storage that answers calls in a mode of its own; it may be entered again.

    Args:
        storage: the storage.
        modes: how calls are answered.
    """

    def __init__(self, storage: Storage, modes: Modes) -> None:
        self._storage = storage
        self._modes = modes

    def __enter__(self) -> Storage:
        """Begin the block."""
        return self._storage.begin(self._modes)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the block; see `Storage`."""
        self._storage.__exit__(kind, error, trace)
