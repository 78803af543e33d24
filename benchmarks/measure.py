"""Measuring and showing: medians, processes run in turn, and a table with ratios."""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.roles import Role


@dataclass(frozen=True, slots=True)
class Row:
    """One measured thing.

    Attributes:
        who: its name.
        role: floor, peer or ours.
        seconds: the measured durations.
        target: the duration that ours must not exceed, in seconds.
        over: compare what is above this row's `who`, for example the bare interpreter, with
            the target.
    """

    who: str
    role: Role
    seconds: Sequence[float]
    target: float | None = None
    over: str | None = None

    @property
    def median(self) -> float:
        """The median duration in seconds."""
        return statistics.median(self.seconds)


@dataclass(slots=True)
class Group:
    """Rows that measure the same thing, so that their ratios mean something.

    Attributes:
        notes: lines below the table, for what is no duration.
    """

    title: str
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, who: str, role: Role, seconds: Iterable[float], **more: object) -> None:
        """Append a row."""
        self.rows.append(Row(who, role, list(seconds), **more))  # type: ignore[arg-type]


def each(work: Callable[[int], object], numbers: Iterable[int], *, batch: int = 50) -> list[float]:
    """Time one call of `work(number)` for each number.

    Args:
        work: what to measure.
        numbers: its arguments.
        batch: how many calls are timed together; the clock itself costs 0.1 us.

    Returns:
        Seconds a call, one value a batch.
    """
    waiting = list(numbers)
    found = []
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for start in range(0, len(waiting), batch):
            chunk = waiting[start : start + batch]
            begin = time.perf_counter_ns()
            for number in chunk:
                work(number)
            found.append((time.perf_counter_ns() - begin) / 1e9 / len(chunk))
    finally:
        if was_enabled:
            gc.enable()
    return found


def warm(work: Callable[[], object], *, repeat: int, warmup: int = 2) -> list[float]:
    """Time `work()` again and again, after it has run a few times unmeasured; in seconds."""
    for _ in range(warmup):
        work()
    return [duration(work) for _ in range(repeat)]


def duration(work: Callable[[], object]) -> float:
    """Time `work()` once, in seconds."""
    begin = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - begin) / 1e9


def in_turn(works: Mapping[str, Callable[[], object]], *, repeat: int) -> dict[str, list[float]]:
    """Time several works one after the other, round after round.

    A machine that slows down for a while then slows all of them; the first round is not
    counted.
    """
    found: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(repeat + 1):
        for name, work in works.items():
            seconds = duration(work)
            if turn:
                found[name].append(seconds)
    return found


# A fresh process that may not keep bytecode would compile everything each time.
_ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def process(
    command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Callable[[], None]:
    """Return a work that runs a command to its end; a failure raises with what it said."""

    def run() -> None:
        done = subprocess.run(
            command,
            cwd=cwd,
            env={**_ENVIRONMENT, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
        if done.returncode:
            said = (done.stdout + done.stderr).decode(errors="replace")
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{said}")

    return run


def human(seconds: float) -> str:
    """Three digits and a unit: `14.2 us`, `80.1 ms`, `1.53 s`."""
    units = (("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9))
    unit, size = next((pair for pair in units if seconds >= pair[1]), units[-1])
    value = seconds / size
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f} {unit}"


def render(group: Group) -> str:
    """Show a group as a table: median, nine of ten below, ratios, and the target of ours."""
    floor = next((row.median for row in group.rows if row.role is Role.FLOOR), None)
    ours = next((row.median for row in group.rows if row.role is Role.OURS), None)
    lines = [("", "median", "90 %", "x floor", "x ours", "target", "")]
    for row in group.rows:
        ordered = sorted(row.seconds)
        lines.append(
            (
                f"{row.who} ({row.role})",
                human(row.median),
                human(ordered[int(0.9 * (len(ordered) - 1))]),
                _ratio(row.median, floor),
                _ratio(row.median, ours) if row.role is not Role.OURS else "",
                "" if row.target is None else f"<= {human(row.target)}",
                _judged(row, group),
            )
        )
    widths = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))]
    shown = [
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip()
        for line in lines
    ]
    return "\n".join([group.title, *(f"  {line}" for line in (*shown, *group.notes))])


def _ratio(seconds: float, base: float | None) -> str:
    return "" if base is None else f"{seconds / base:.{2 if seconds < 10 * base else 0}f}"


def _judged(row: Row, group: Group) -> str:
    if row.target is None:
        return ""
    base = next((other.median for other in group.rows if other.who == row.over), 0.0)
    seconds = row.median - base
    said = "met" if seconds <= row.target else "MISSED"
    return f"{said} ({human(max(seconds, 0.0))} over {row.over})" if row.over else said
