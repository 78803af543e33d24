"""A recorded new call of a trivial function, and hits, in one process."""

from __future__ import annotations

import random
from pathlib import Path

from benchmarks.contenders import CONTENDERS, Contender
from benchmarks.measure import Group, duration, each
from benchmarks.roles import Role

CALLS = 10_000


def run(folder: Path, scale: float) -> list[Group]:
    """Record new calls, then ask for some of them in random order."""
    count = max(200, int(CALLS * scale))
    new = Group(f"a new call of a trivial function, int argument, over {count} calls")
    hit = Group(f"a hit with an int argument, in the same process, {count} calls recorded")
    chained = Group("a hit whose argument is the result of another call")
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
        late = duration(contender.close) / count
        ours = make.role is Role.OURS
        new.add(name, make.role, [s + late for s in misses], target=60e-6 if ours else None)
        hit.add(name, make.role, hits, target=15e-6 if ours else None)
        chained.add(name, make.role, links, target=15e-6 if ours else None)
    return [new, hit, chained]
