"""Chains of calls, each of which is given what the one before returned: made, and retraced."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.contenders import CONTENDERS, Contender
from benchmarks.measure import Group, duration, in_turn, process
from benchmarks.process import BARE, HOUSE, bare
from benchmarks.roles import Role

LENGTHS = (10_000, 100_000)
TARGET = 10e-6
"""Seconds for a link that is retraced in the process that made it."""

LEFT_OUT = "joblib.Memory"
"""In the long chain: two files a call, and its pace does not depend on how many there are."""

PROGRAM = """
import sys
from pathlib import Path
from benchmarks.contenders import CONTENDERS
contender = CONTENDERS[sys.argv[1]](Path(sys.argv[2]))
found = 0
for _ in range(int(sys.argv[3])):
    found = contender.call(found)
assert contender.value(found) == int(sys.argv[3])
contender.close()
"""


def run(folder: Path, scale: float) -> list[Group]:
    """Make chains, retrace them at once, and from new processes."""
    return [group for length in LENGTHS for group in _chain(folder, max(200, int(length * scale)))]


def _chain(folder: Path, length: int) -> list[Group]:
    made = Group(f"a chain of {length} new calls, each given the result of the one before")
    again = Group(f"the same {length} calls once more, in the same process")
    fresh = Group(f"the same {length} calls from a fresh process")
    works = {BARE: bare()}
    for name, make in CONTENDERS.items():
        if name == LEFT_OUT and length > LENGTHS[0]:
            continue
        place = folder / f"{length}-{name}"
        place.mkdir()
        contender: Contender = make(place)

        def follow(contender: Contender = contender) -> None:
            found = 0
            for _ in range(length):
                found = contender.call(found)
            assert contender.value(found) == length

        ours = make.role is Role.OURS
        made.add(name, make.role, [duration(follow)])
        again.add(
            name,
            make.role,
            [duration(follow) for _ in range(3)],
            target=TARGET * length if ours else None,
        )
        contender.close()
        command = [sys.executable, "-c", PROGRAM, name, str(place), str(length)]
        works[name] = process(command, cwd=HOUSE, env={"PYTHONPATH": str(HOUSE)})
    found = in_turn(works, repeat=3)
    fresh.add(BARE, Role.FLOOR, found.pop(BARE))
    for name, seconds in found.items():
        fresh.add(name, CONTENDERS[name].role, seconds)
    return [made, again, fresh]
