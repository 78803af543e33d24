"""Frames: `cf(op)`, `expand_all()` and `df()` of pipelines load -> train -> eval, and a long loop."""

from __future__ import annotations

import gc
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.contenders import load
from benchmarks.measure import Group, duration
from benchmarks.roles import Role

TARGETS = {1_000: None, 10_000: 0.12, 100_000: 1.0}
"""Seconds, by calls; a million (12 s) takes minutes to record: `--scale 10`."""

STEPS = 10_000

SOURCE = """
from mandala_git import op

@op
def load(seed):
    return seed * 2, seed * 2 + 1

@op
def train(X, y, rate):
    return (X * 31 + y * 7 + rate) * 1.5

@op
def evaluate(model, X, y):
    return round(model / (X + y + 1), 6)

@op
def step(state):
    return state + 1
"""


def run(folder: Path, scale: float) -> list[Group]:
    """Record pipelines of several sizes and a loop, then make frames of them."""
    import mandala_git.frames.frame  # noqa: F401 - its import is not what is measured here
    from mandala_git import Storage

    groups, medians = [], []
    for count, target in TARGETS.items():
        if scale > 1 and count == max(TARGETS):
            count, target = int(count * scale), 12.0 * scale / 10
        place = folder / f"calls{count}"
        place.mkdir()
        ops = load(place, f"pipeline{count}", SOURCE)
        storage = Storage(db_path=place / "calls.db")
        with storage:
            for seed in range(max(1, count // 21)):
                X, y = ops.load(seed)
                for rate in range(10):
                    ops.evaluate(ops.train(X, y, rate), X, y)
        storage.results.flush()
        group = Group(f"{count} calls: cf(op), expand_all(), df()")
        repeat = 3 if count > 10_000 else 7
        group.add("reading the rows", Role.FLOOR, _times(lambda s=storage: _rows(s), repeat))
        seconds = _times(lambda s=storage, o=ops: _frame(s, o.evaluate), repeat)
        group.add("in all", Role.OURS, seconds, target=target)
        medians.append(min(seconds))
        if len(medians) > 1:
            group.notes.append(
                f"{medians[-1] / medians[-2]:.1f} times the seconds of the last size"
            )
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        group.notes.append(f"peak of this process so far: {peak:.0f} MiB, recording included")
        groups.append(group)
    return [*groups, *_loop(folder / "loop", scale)]


def _loop(folder: Path, scale: float) -> list[Group]:
    from mandala_git import Storage

    folder.mkdir()
    ops = load(folder, "looping", SOURCE)
    storage = Storage(db_path=folder / "calls.db")
    steps = max(100, int(STEPS * min(scale, 1)))
    with storage:
        state: Any = 0
        for _ in range(steps):
            state = ops.step(state)
    end = storage.cf(state)
    whole = end.expand_back(recursive=True)
    group = Group(f"a loop of {steps} steps")
    back = _times(lambda: end.expand_back(recursive=True), 5)
    group.add("expand_back(recursive=True)", Role.OURS, back, target=0.2)
    group.add("df()", Role.OURS, _times(whole.df, 5), target=1.0)
    group.add("df of its ends", Role.OURS, _times(lambda: whole.df("state", "v"), 5), target=1.0)
    return [group]


def _times(work: Callable[[], object], repeat: int) -> list[float]:
    found = []
    for _ in range(repeat):
        gc.collect()
        found.append(duration(work))
    return found


def _rows(storage: Any) -> object:
    with storage.results.looking() as database:
        return database.execute("SELECT * FROM calls").fetchall()


def _frame(storage: Any, op: Any) -> object:
    from mandala_git.frames import web

    web.forget()  # as if all calls were new
    return storage.cf(op).expand_all().df()
