"""Programs under a profiler, a debugger or a tracer: calls are right, and what cannot be seen is said."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from interpreters import HOUSE

if TYPE_CHECKING:
    from conftest import Project

MODULE = """from mandala_git import op

def deep(x):
    return x + 1

def never(x):
    return x

@op
def f(x):
    return never(x) if x > 100 else deep(x)
"""
PROGRAM = """{before}
from mandala_git import Storage
import p
with Storage() as storage:
    print([p.f(x).value for x in (1, 2, 1)], storage.executed, storage.found, flush=True)
"""
SAID = "so what a call runs cannot be observed"
MONITORED = sys.version_info >= (3, 12)

TAKEN = "import sys; [sys.monitoring.use_tool_id(n, 'other') for n in range(6)]"
COVERED = """import sys
if sys.version_info >= (3, 12):
    sys.monitoring.use_tool_id(sys.monitoring.COVERAGE_ID, "coverage")
    sys.monitoring.set_events(sys.monitoring.COVERAGE_ID, sys.monitoring.events.LINE)
    sys.monitoring.register_callback(
        sys.monitoring.COVERAGE_ID, sys.monitoring.events.LINE, lambda *a: sys.monitoring.DISABLE
    )
sys.settrace(lambda *a: None)
"""

WAYS = {
    "cProfile": (("-m", "cProfile", "-o", os.devnull), "", not MONITORED),
    "profile": (("-m", "profile", "-o", os.devnull), "", not MONITORED),
    "trace": (("-m", "trace", "--count", "--missing", "-C", os.devnull + "-none"), "", False),
    "pdb": (("-m", "pdb", "-c", "b p.py:4", "-c", "c", "-c", "c", "-c", "c", "-c", "q"), "", False),
    "coverage": ((), COVERED, False),
    "setprofile": ((), "import sys; sys.setprofile(lambda *a: None)", not MONITORED),
    "every tool": ((), TAKEN, True),
}


def run(project: Project, way: str) -> tuple[str, str]:
    options, before, _ = WAYS[way]
    project.repo.write("s.py", PROGRAM.format(before=before))
    done = subprocess.run(
        [sys.executable, *options, "s.py"],
        cwd=project.root,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(HOUSE), "PYTHONDONTWRITEBYTECODE": "1"},
        text=True,
        timeout=120,
    )
    printed = [line for line in done.stdout.splitlines() if line.startswith("[")]
    return printed[0], done.stderr  # pdb begins the program again


@pytest.mark.parametrize("way", WAYS)
def test_calls_are_right_and_it_is_said_once(project: Project, way: str) -> None:
    if way == "every tool" and not MONITORED:
        pytest.skip("sys.monitoring is not there")
    blind = WAYS[way][2]
    project.write(p=MODULE)
    printed, said = run(project, way)
    assert printed == "[2, 3, 2] 2 1"
    assert said.count(SAID) == blind, said
    assert run(project, way)[0] == "[2, 3, 2] 0 3"
    # What cannot be observed counts with all that it could run.
    project.edit("p", "return x\n", "return x * 2\n")
    assert run(project, way)[0] == ("[2, 3, 2] 2 1" if blind else "[2, 3, 2] 0 3")
    project.edit("p", "return x + 1", "return x + 2")
    assert run(project, way)[0] == "[3, 4, 3] 2 1"
