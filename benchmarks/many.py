"""100000 calls: recording them, and a fresh process that asks for 1000 of them."""

from __future__ import annotations

from pathlib import Path

from benchmarks.contenders import CONTENDERS
from benchmarks.measure import Group, duration, in_turn
from benchmarks.process import BARE, asking, bare
from benchmarks.roles import Role

CALLS = 100_000
ASKED = 1_000
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

        filling.add(name, make.role, [duration(fill)])
        taken = sum(file.stat().st_blocks * 512 for file in (folder / name).rglob("*.db"))
        if taken:
            filling.notes.append(f"{name}: {taken / count:.0f} bytes on disk a call")
        works[name] = asking(name, folder / name, ASKED)
    found = in_turn(works, repeat=max(3, int(7 * scale)))
    asking_for.add(BARE, Role.FLOOR, found.pop(BARE))
    for name, seconds in found.items():
        asking_for.add(name, CONTENDERS[name].role, seconds)
    return [filling, asking_for]
