"""How the way to a part of a value is written: `argument['model'].layers[0].hook`."""

from __future__ import annotations

from typing import Any

from mandala_git.results.shapes import Shape


class Trail:
    """A path that grows with each step into a value.

    Attributes:
        text: the path so far.
    """

    __slots__ = ("_attributes", "text")

    def __init__(self, root: str) -> None:
        self.text = root
        self._attributes = False  # the object we stand at holds the attributes of the last one

    def step(self, obj: Any, shape: Shape, at: int) -> None:
        """Go from an object into its part number `at`."""
        kind = type(obj)
        if kind is dict:
            key = shape.parts[at - at % 2]
            if at % 2 == 0:
                self.text += f" key {key!r:.80}"
            elif self._attributes and isinstance(key, str):
                self.text += f".{key}"
            else:
                self.text += f"[{key!r:.80}]"
            self._attributes = False
            return
        if self._attributes and kind is tuple:
            return  # (__dict__, slots): the attributes are one level further down
        self._attributes = at == shape.state
        if kind is list or kind is tuple:
            self.text += f"[{at}]"
        elif shape.unordered:
            self.text += " element"
        elif shape.state < 0:
            self.text += f" part {at} of {kind.__qualname__}"
