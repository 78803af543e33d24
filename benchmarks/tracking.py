"""What it costs an op to be observed: many small functions, and work in numpy."""

from __future__ import annotations

import itertools
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.contenders import load
from benchmarks.measure import Group, in_turn
from benchmarks.roles import Role

SMALL = 1_000_000
MOST = 1.1 if sys.version_info >= (3, 12) else 1.5
"""How many times as long an op may take that does nothing but call project functions."""

SOURCE = """
import numpy as np
from mandala_git import op

def small(x):
    return x + 1

@op
def many(count, trial):
    total = 0
    for number in range(count):
        total += small(number)
    return total

@op
def products(size, trial):
    a = np.random.default_rng(0).random((size, size))
    for _ in range(20):
        a = a @ a
        a /= a.max()
    return float(a.sum())
"""


def run(folder: Path, scale: float) -> list[Group]:
    """Run ops as plain functions and as new calls, in turn."""
    from mandala_git import Storage

    module = load(folder, "observed", SOURCE)
    size, repeat = max(1000, int(SMALL * scale)), max(5, int(15 * scale))
    trial = itertools.count()
    groups = []
    with Storage(folder):
        for title, op, count, most in (
            (f"an op that calls {size} small functions", module.many, size, MOST),
            ("an op that multiplies matrices", module.products, 400, 1.05),
        ):
            works: dict[str, Callable[[], object]] = {
                "not observed": lambda op=op, count=count: op.func(count, next(trial)),
                "a new call": lambda op=op, count=count: op(count, next(trial)),
            }
            found = in_turn(works, repeat=repeat)
            group = Group(title)
            floor = statistics.median(found["not observed"])
            group.add("not observed", Role.FLOOR, found["not observed"])
            group.add("a new call", Role.OURS, found["a new call"], target=most * floor)
            groups.append(group)
    return groups
