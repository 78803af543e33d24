"""A recorded new call of a trivial function, and a hit, in one process."""

from __future__ import annotations

import random
from pathlib import Path

from benchmarks.contenders import CONTENDERS, Contender
from benchmarks.measure import Group, duration, each

CALLS = 10_000


def run(folder: Path, scale: float) -> list[Group]:
    """Record new calls, then ask for some of them in random order."""
    count = max(200, int(CALLS * scale))
    new = Group(f"a new call of a trivial function, int argument, over {count} calls")
    hit = Group(f"a hit with an int argument, in the same process, {count} calls recorded")
    order = random.Random(0).choices(range(count), k=min(count, 4_000))
    for name, make in CONTENDERS.items():
        (folder / name).mkdir()
        contender: Contender = make(folder / name)
        misses = each(contender.call, range(count))
        hits = each(contender.call, order)
        # What a contender puts off until the end belongs to its new calls.
        late = duration(contender.close) / count
        new.add(name, make.role, [seconds + late for seconds in misses])
        hit.add(name, make.role, hits)
    return [new, hit]
