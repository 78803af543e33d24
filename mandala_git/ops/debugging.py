"""Small things at hand while a program is looked into: a place to leave objects, a dict as lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Session:
    """A place to leave objects for a look at them afterwards: `sess.items.append(x)`.

    Attributes:
        items: whatever was left.
    """

    def __init__(self) -> None:
        self.items: list[Any] = []


sess = Session()
"""The place of this process."""


def pprint_dict(d: Mapping[Any, Any]) -> str:
    """Return a dict as text, an indented line `key: value` each."""
    return "\n".join(f"    {key}: {value}" for key, value in d.items())
