"""What ops of tests tell of themselves while they run."""

from __future__ import annotations

from typing import Any

SEEN: list[Any] = []


def see(*things: Any) -> None:
    """Note that an op runs."""
    SEEN.append(things)
