"""How work that takes long is shown: a bar for somebody who watches, one line for a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from mandala_git.views.console import Output

PATIENCE = 0.3
"""Seconds of work after which somebody who watches wants to see it."""


@contextmanager
def reading(total: int) -> Iterator[Callable[[int], None]]:
    """Show on stderr how many files have been read; the bar is gone when it ends.

    Args:
        total: how many there are.

    Yields:
        A function that is told how many more have been read.
    """
    out = Output()
    if not out.interactive:
        out.say(f"mandala: reading {total} files for the first time")
        yield lambda count: None
        return
    with ExitStack() as stack:
        yield _bar(out, "reading files", total, stack)


@contextmanager
def working(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show on stderr how far long work is, to somebody at a terminal; a log gets nothing.

    Args:
        what: is done.
        total: how much there is to do.

    Yields:
        A function that is told how much more has been done.
    """
    out, began = Output(), time.monotonic()
    if not out.interactive:
        yield lambda count: None
        return
    bar: Callable[[int], None] | None = None
    done = 0

    def advance(count: int) -> None:
        nonlocal bar, done
        if bar is not None:
            bar(count)
            return
        done += count
        if time.monotonic() - began >= PATIENCE:
            bar = _bar(out, what, total, stack)
            bar(done)

    with ExitStack() as stack:
        yield advance


def _bar(out: Output, what: str, total: int, stack: ExitStack) -> Callable[[int], None]:
    """Draw a bar until a stack is left; return what moves it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (f"mandala: {what}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=Console(file=out.stderr), transient=True)
    bar = stack.enter_context(progress)
    task = bar.add_task("", total=total)
    return lambda count: bar.advance(task, count)
