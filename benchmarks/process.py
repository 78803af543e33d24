"""A fresh process that opens a memory of 10000 calls and asks for 1000; imports."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import indent

from benchmarks.contenders import CONTENDERS
from benchmarks.measure import Group, in_turn, process
from benchmarks.roles import Role

HOUSE = Path(__file__).parent.parent
BARE = "python -c pass"

ASK = """
for number in range({asked}):
    found = successor(number * 7)
"""

# What each contender's user would write: nothing of this package is imported that needs more
# than a few instructions, for it would count as the contender's.
PROGRAMS = {
    "dict with pickled keys": """
import pickle
with open("all.pickle", "rb") as file:
    known = pickle.load(file)
def successor(number):
    return pickle.loads(known[pickle.dumps(("successor", number))])
{ask}
assert found == number * 7 + 1
""",
    "SQLite point lookup": """
import pickle, sqlite3
database = sqlite3.connect("all.db")
def successor(number):
    key = pickle.dumps(("successor", number))
    row = database.execute("SELECT value FROM calls WHERE key = ?", (key,)).fetchone()
    return pickle.loads(row[0])
{ask}
assert found == number * 7 + 1
""",
    "diskcache": """
from diskcache import Cache
from benchmarks.trivial import successor
successor = Cache(".").memoize()(successor)
{ask}
assert found == number * 7 + 1
""",
    "joblib.Memory": """
from joblib import Memory
from benchmarks.trivial import successor
successor = Memory(".", verbose=0).cache(successor)
{ask}
assert found == number * 7 + 1
""",
    "mandala_git": """
from mandala_git import Storage
from remembered import successor
storage = Storage()
with storage:
{block}
assert storage.unwrap(found) == number * 7 + 1
assert storage.executed == 0
""",
}

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
    ask = ASK.format(asked=asked)
    program = folder / f"ask{asked}.py"
    program.write_text(PROGRAMS[name].format(ask=ask, block=indent(ask, "    ")))
    return process([sys.executable, program.name], cwd=folder, env={"PYTHONPATH": str(HOUSE)})


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
        target = 0.060 if make.role is Role.OURS else None
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
