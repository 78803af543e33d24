"""What ops of tests tell of themselves while they run.

It goes through a logger: a call that changes a variable of this project is never found again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from logging.handlers import BufferingHandler
from typing import Any


def see(*things: Any) -> None:
    """Note that an op runs."""
    logging.getLogger("mandala.tests").info("%r", things)


class Seen(Sequence[Any]):
    """What was noted since it was cleared: a tuple each time."""

    def __init__(self) -> None:
        self._kept = BufferingHandler(1_000_000)

    def clear(self) -> None:
        """Forget all, and listen."""
        logger = logging.getLogger("mandala.tests")
        logger.setLevel(logging.INFO)
        logger.propagate = False
        logger.handlers = [self._kept]
        self._kept.buffer.clear()

    def __iter__(self) -> Iterator[Any]:
        return iter([record.args[0] for record in self._kept.buffer])

    def __len__(self) -> int:
        return len(self._kept.buffer)

    def __getitem__(self, item: Any) -> Any:
        return list(self)[item]

    def __eq__(self, other: object) -> bool:
        return list(self) == other

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(list(self))


SEEN = Seen()
