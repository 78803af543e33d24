"""Stores by their places: what a ref knows of its store in another process, until it needs it."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from mandala_git.errors import ResultsError, ValueLost
from mandala_git.results import lifetime
from mandala_git.results.store import Results

_opened: dict[Place, Results] = {}
_places: WeakKeyDictionary[Results, Place] = WeakKeyDictionary()
_lock = Lock()


class Place:
    """Where a store is; it is opened when a value of it is needed, once in a process.

    Args:
        store: random id of the store.
        folder: of large values; None: in memory of the process that sent this.
        database: path of the database.
        mapped: map large arrays when they are loaded.
    """

    __slots__ = ("database", "folder", "mapped", "store")

    def __init__(
        self, store: bytes, folder: str | None, database: str | None, mapped: bool
    ) -> None:
        self.store = store
        self.folder = folder
        self.database = database
        self.mapped = mapped

    @classmethod
    def of(cls, results: Results) -> Place:
        """Return the place of a store: one for all refs, so that a pickle of many has it once."""
        known = _places.get(results)
        if known is not None:
            return known
        memory = results.in_memory or results.path is None
        folder = None if memory else os.path.abspath(str(results.folder))
        database = None if memory else os.path.abspath(str(results.path))
        place = _places[results] = cls(results.store_id(), folder, database, results.mapped)
        return place

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Place) and self.__reduce__() == other.__reduce__()

    def __hash__(self) -> int:
        return hash((self.store, self.database))

    def __reduce__(self) -> tuple[Any, ...]:
        return Place, (self.store, self.folder, self.database, self.mapped)

    def here(self) -> Results | None:
        """Return the store if it is open in this process."""
        for results in lifetime.open_stores():
            if isinstance(results, Results) and not results.closed:
                if self.database is None:
                    if results.in_memory and results.store_id() == self.store:
                        return results
                elif not results.in_memory and os.path.abspath(str(results.path)) == self.database:
                    return results
        return None

    def load(self, content: bytes) -> Any:
        """Return the value of a content id.

        Raises:
            ValueLost: the store, or the value in it, is not to be had here.
        """
        return self.results().load(content)

    def has_value(self, content: bytes) -> bool:
        """Say whether the value of a content id is stored."""
        return self.results().has_value(content)

    def results(self) -> Results:
        """Return the store, opened if it is not.

        Raises:
            ValueLost: it is not to be had here.
        """
        here = self.here()
        if here is not None:
            return here
        if self.database is None or self.folder is None:
            raise ValueLost(
                "a Ref came here without its value, which is in the memory of another process",
                hint="Load it before it is sent (ref.value), or keep results in a file: "
                'Storage("calls.db").',
            )
        with _lock:
            if self not in _opened:
                if not os.path.exists(self.database):
                    raise ValueLost(
                        f"a Ref came here from a store that is not on this machine: {self.database}",
                        hint="Load it before it is sent (ref.value), or work where the store is.",
                    )
                try:
                    _opened[self] = Results(
                        Path(self.folder), database=Path(self.database), mapped=self.mapped
                    )
                except ResultsError as error:
                    raise ValueLost(error.message, hint=error.hint) from error
            return _opened[self]
