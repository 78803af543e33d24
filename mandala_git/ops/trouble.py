"""What the disk refuses while a program runs: said once, and never the end of the program."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any

from mandala_git.errors import MandalaWarning, MissingCall, ResultsError
from mandala_git.ops.op import Op

_HOUSE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def missing_call(op: Op[..., Any], hint: str) -> MissingCall:
    """Return what is raised for a call that is not recorded and may not be made."""
    return MissingCall(
        f"Call to {op.own.__name__} does not exist and new calls are not allowed.", hint=hint
    )


class Trouble:
    """Tells the user what of recording and finding does not work, each thing once."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def unkept(self, error: ResultsError) -> None:
        """Say that calls run and are not recorded."""
        self._say(f"calls are made, but not recorded: {error.message}", error.hint)

    def waiting(self, error: ResultsError) -> None:
        """Say that recorded calls wait in memory."""
        self._say(f"recorded calls wait in memory: {error.message}", error.hint)

    def unfound(self, error: ResultsError) -> None:
        """Say that recorded calls cannot be looked up, so that they run again."""
        self._say(f"recorded calls cannot be looked up: {error.message}", error.hint)

    def remade(self, op: str, error: ResultsError) -> None:
        """Say that a lost value was made anew."""
        self._say(f"{op} ran again to make a lost value anew: {error.message}", "", f"remade {op}")

    def note(self, sentence: str) -> None:
        """Say what is not as usual."""
        self._say(sentence, "")

    def _say(self, sentence: str, hint: str, once: str = "") -> None:
        if (once or sentence) not in self._said:
            self._said.add(once or sentence)
            text = f"{sentence}\n  {hint}" if hint else sentence
            warnings.warn(text, MandalaWarning, stacklevel=outside())


def outside() -> int:
    """Return the `stacklevel` of `_say`'s warning at which the code of this package ends."""
    level, frame = 0, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HOUSE):
        level, frame = level + 1, frame.f_back
    return level + 1
