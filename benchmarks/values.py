"""Large values: hits with an array of 10 MiB as argument, and the loading of one."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.contenders import load
from benchmarks.measure import Group, each, in_turn
from benchmarks.roles import Role

SIZE = 10 << 20
SOURCE = """
from mandala_git import op

@op
def total(x):
    return float(x) if isinstance(x, int) else float(x.sum())

@op
def doubled(x):
    return x * 2
"""


def run(folder: Path, scale: float) -> list[Group]:
    """Hit with a raw array and with a Ref of it; load a result."""
    import joblib
    import numpy as np
    from blake3 import blake3

    from mandala_git import Storage

    module = load(folder, "valued", SOURCE)
    array = np.random.default_rng(0).normal(size=SIZE // 8)
    repeat = max(10, int(100 * scale))
    memory = joblib.Memory(folder / "joblib", verbose=0)
    remembered = memory.cache(module.total.func)
    data = array.view(np.uint8).data
    raw = Group(f"a hit with an array of {SIZE >> 20} MiB as argument, in the same process")
    seen = Group(f"loading a recorded array of {SIZE >> 20} MiB, without looking at it")
    refs = Group(f"a hit with a Ref as argument: of an int, of an array of {SIZE >> 20} MiB")
    with Storage(folder) as storage:
        given = module.doubled(array)
        module.total(array)
        number = module.doubled(1)
        for name, ref in (("of an int", number), ("of an array", given)):
            module.total(ref)
            times = each(lambda ref: module.total(ref), [ref] * 40 * repeat)
            refs.add(name, Role.OURS, times, target=4e-6)
        remembered(array)
        works: dict[str, Callable[[], object]] = {
            "blake3 over its buffer": lambda: blake3(data).digest(),
            "joblib.Memory": lambda: remembered(array),
            "mandala_git": lambda: module.total(array),
        }
        found = in_turn(works, repeat=repeat)
        floor = statistics.median(found["blake3 over its buffer"])
        raw.add("blake3 over its buffer", Role.FLOOR, found["blake3 over its buffer"])
        raw.add("mandala_git", Role.OURS, found["mandala_git"], target=1.3 * floor)
        raw.add("joblib.Memory", Role.PEER, found["joblib.Memory"])

        file, dumped = folder / "array.npy", folder / "array.joblib"
        np.save(file, array)
        joblib.dump(array, dumped)
        looks: dict[str, tuple[Role, Callable[[], Any]]] = {
            "numpy.load": (Role.FLOOR, lambda: np.load(file)),
            "mandala_git": (Role.OURS, lambda: storage.results.load(given.cid)),
            "joblib.load": (Role.PEER, lambda: joblib.load(dumped)),
        }
        took = in_turn({name: look for name, (_, look) in looks.items()}, repeat=repeat)
        for name, (role, _) in looks.items():
            seen.add(name, role, took[name])
    return [raw, refs, seen]
