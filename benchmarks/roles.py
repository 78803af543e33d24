"""What a measured thing is there for; light, because timed processes import it."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a row of a table is there for."""

    FLOOR = "floor"  # what a computer needs at least for such a thing
    PEER = "peer"  # what people use today
    OURS = "ours"
