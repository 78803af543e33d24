"""A recorded new call of a trivial function, and hits, in one process."""

from __future__ import annotations

import random
from pathlib import Path

from benchmarks.contenders import CONTENDERS, Contender
from benchmarks.measure import Group, duration, each
from benchmarks.roles import Role

CALLS = 10_000
ALL_AT_ONCE = "dict with pickled keys"
"""Writes all its calls whenever it writes."""


def run(folder: Path, scale: float) -> list[Group]:
    """Record new calls, then ask for some of them in random order."""
    count = max(200, int(CALLS * scale))
    new = Group(f"a new call of a trivial function, int argument, over {count} calls")
    hit = Group(f"a hit with an int argument, in the same process, {count} calls recorded")
    chained = Group("a hit whose argument is the result of another call")
    durable = Group(f"a new call that is on disk before the next one, {count // 5} of them")
    order = random.Random(0).choices(range(count), k=min(count, 4_000))
    for name, make in CONTENDERS.items():
        (folder / name).mkdir()
        contender: Contender = make(folder / name)
        misses = each(contender.call, range(count))
        hits = each(contender.call, order)
        results = [contender.call(number) for number in range(count - 1)]
        again = [number % (count - 1) for number in order]
        each(lambda number: contender.call(results[number]), again)  # noqa: B023 - called here
        links = each(lambda number: contender.call(results[number]), again)  # noqa: B023
        # What a contender puts off until the end belongs to its new calls.
        late = duration(contender.settle) / count
        ours = make.role is Role.OURS
        if name != ALL_AT_ONCE:

            def alone(number: int, contender: Contender = contender) -> None:
                contender.call(number)
                contender.settle()

            times = each(alone, range(count, count + count // 5))
            durable.add(name, make.role, times, target=60e-6 if ours else None)
        contender.close()
        new.add(name, make.role, [s + late for s in misses], target=20e-6 if ours else None)
        hit.add(name, make.role, hits, target=4e-6 if ours else None)
        chained.add(name, make.role, links, target=4e-6 if ours else None)
    return [new, durable, hit, chained]
