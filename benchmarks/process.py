"""A fresh process that opens a memory of 10000 calls and asks for 1000; imports."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.contenders import CONTENDERS
from benchmarks.measure import Group, in_turn, process
from benchmarks.roles import Role

HOUSE = Path(__file__).parent.parent
BARE = "python -c pass"

ASK = """
import sys
from pathlib import Path
from benchmarks.contenders import CONTENDERS
contender = CONTENDERS[sys.argv[1]](Path(sys.argv[2]))
for number in range(int(sys.argv[3])):
    found = contender.call(number * 7)
assert contender.value(found) == number * 7 + 1
contender.close()
"""

IMPORTS = {"diskcache": Role.PEER, "joblib": Role.PEER, "mandala_git": Role.OURS}


def run(folder: Path, scale: float) -> list[Group]:
    """Fill every memory, then ask from new processes, all of them in turn."""
    asked = max(20, int(1_000 * scale))
    repeat = max(3, int(11 * scale))
    return [_retrace(folder, asked, repeat), _imports(repeat)]


def bare() -> Callable[[], None]:
    """Return a work that runs the bare interpreter."""
    return process([sys.executable, "-c", "pass"], cwd=HOUSE)


def asking(name: str, folder: Path, asked: int) -> Callable[[], None]:
    """Return a work that runs a process which asks a contender's memory for some calls."""
    command = [sys.executable, "-c", ASK, name, str(folder), str(asked)]
    return process(command, cwd=HOUSE)


def _retrace(folder: Path, asked: int, repeat: int) -> Group:
    works: dict[str, Callable[[], object]] = {BARE: bare()}
    for name, make in CONTENDERS.items():
        (folder / name).mkdir()
        contender = make(folder / name)
        for number in range(asked * 10):
            contender.call(number)
        contender.close()
        works[name] = asking(name, folder / name, asked)
    found = in_turn(works, repeat=repeat)
    group = Group(f"a fresh process that asks for {asked} of {asked * 10} recorded calls")
    group.add(BARE, Role.FLOOR, found[BARE])
    for name, make in CONTENDERS.items():
        target = 0.080 if make.role is Role.OURS else None
        group.add(name, make.role, found[name], target=target, over=BARE)
    return group


def _imports(repeat: int) -> Group:
    works = {name: process([sys.executable, "-c", f"import {name}"], cwd=HOUSE) for name in IMPORTS}
    found = in_turn({BARE: bare(), **works}, repeat=3 * repeat)
    group = Group("import")
    group.add(BARE, Role.FLOOR, found[BARE])
    for name, role in IMPORTS.items():
        target = 0.030 if role is Role.OURS else None
        group.add(f"import {name}", role, found[name], target=target, over=BARE)
    return group
