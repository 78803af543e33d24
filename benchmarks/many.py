"""100000 calls: recording them, and a fresh process that asks for 1000 of them."""

from __future__ import annotations

from pathlib import Path

from benchmarks.contenders import CONTENDERS
from benchmarks.measure import Group, duration, in_turn
from benchmarks.process import BARE, asking, bare
from benchmarks.roles import Role

CALLS = 100_000
ASKED = 1_000
NEW, PROCESS, LOOKUP = 20e-6, 60e-3, 14e-6
"""Seconds that a new call, a process over a bare one, and a lookup in it may take."""

LEFT_OUT = "joblib.Memory"  # 200000 files; its pace does not depend on how many there are


def run(folder: Path, scale: float) -> list[Group]:
    """Fill each memory from a loop, then ask from new processes."""
    count = max(ASKED * 10, int(CALLS * scale))
    filling = Group(f"{count} new calls, in all")
    asking_for = Group(f"a fresh process that asks for {ASKED} of {count} recorded calls")
    works = {BARE: bare()}
    for name, make in CONTENDERS.items():
        if name == LEFT_OUT:
            continue
        (folder / name).mkdir()

        def fill(name: str = name) -> None:
            contender = CONTENDERS[name](folder / name)
            for number in range(count):
                contender.call(number)
            contender.close()

        target = NEW * count if make.role is Role.OURS else None
        filling.add(name, make.role, [duration(fill)], target=target)
        taken = sum(file.stat().st_blocks * 512 for file in (folder / name).rglob("*.db"))
        if taken:
            filling.notes.append(f"{name}: {taken / count:.0f} bytes on disk a call")
        works[name] = asking(name, folder / name, ASKED)
        works[f"{name}, one"] = asking(name, folder / name, 1)
    found = in_turn(works, repeat=max(3, int(7 * scale)))
    asking_for.add(BARE, Role.FLOOR, found.pop(BARE))
    lookups = Group(f"one lookup of these, in such a process: {ASKED} less 1, by {ASKED - 1}")
    for name, make in CONTENDERS.items():
        if name in found:
            target = PROCESS if make.role is Role.OURS else None
            asking_for.add(name, make.role, found[name], target=target, over=BARE)
            pairs = zip(found[name], found[f"{name}, one"], strict=True)
            each = [max(1e-9, most - one) / (ASKED - 1) for most, one in pairs]
            target = LOOKUP if make.role is Role.OURS else None
            lookups.add(name, make.role, each, target=target)
    return [filling, asking_for, lookups]
