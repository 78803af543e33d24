"""Ctrl-C at any line of this package, for tests of what it leaves behind."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

HOUSE = str(Path(__file__).resolve().parents[1] / "mandala_git")


def interrupted_at(number: int, work: Callable[[], object], inside: str = "") -> bool:
    """Do something, and raise KeyboardInterrupt when it comes to its nth line in this package.

    Args:
        number: of the line, from 0.
        work: what to do; the interrupt is expected to come out of it.
        inside: count only lines below this folder of the package.

    Returns:
        Whether it came that far.
    """
    left = number
    folder = f"{HOUSE}/{inside}"

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        if not frame.f_code.co_filename.startswith(folder):
            return None
        nonlocal left
        if event == "line":
            left -= 1
            if left < 0:
                sys.settrace(None)
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def lines_of(work: Callable[[], object], inside: str = "") -> int:
    """Return how many lines of this package something takes."""
    count = 0
    folder = f"{HOUSE}/{inside}"

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal count
        if not frame.f_code.co_filename.startswith(folder):
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count
