"""How work that takes long is shown: a bar for somebody who watches, one line for a log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mandala_git.views.console import Output


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
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = ("mandala: reading files", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(file=out.stderr), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda count: bar.advance(task, count)
