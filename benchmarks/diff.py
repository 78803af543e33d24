"""`git mandala diff HEAD~1` in a repository of 2000 files, 3 of them changed, index warm."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import Group, in_turn, process
from benchmarks.process import BARE, bare
from benchmarks.project import Project, source
from benchmarks.roles import Role

DIFF = "from mandala_git.cli.main import main; code = main(['diff', 'HEAD~1'])"
NAMED = "; import sys; print(','.join(sys.modules), file=sys.stderr)"
IMPORT = """\
import importlib, sys
for name in sys.argv[1].split(","):
    if name != "__main__":
        importlib.import_module(name)
"""

GIT = "git diff HEAD~1 --stat"
IMPORTS = "an interpreter that imports the same"
OURS = "git mandala diff HEAD~1"


def run(folder: Path, scale: float) -> list[Group]:
    """Compare with git, and with an interpreter that only imports what we import."""
    project = Project(folder, scale)
    for number in range(3):
        (folder / f"m{number}.py").write_text(source(number, "x + 1"))
    project.commit()
    project.mandala("init")
    time.sleep(3)  # git and we trust the times of a file only some time after it was written
    project.git("status")
    project.mandala("diff", "HEAD~1")

    def command(*words: str) -> Callable[[], None]:
        return process(words, cwd=folder, env=project.env)

    found = in_turn(
        {
            BARE: bare(),
            GIT: command("git", "diff", "HEAD~1", "--stat"),
            IMPORTS: command(sys.executable, "-c", IMPORT, _modules(project)),
            OURS: command(sys.executable, "-c", DIFF),
        },
        repeat=max(5, int(25 * scale)),
    )
    floor = [sum(pair) for pair in zip(found[GIT], found[IMPORTS], strict=True)]
    group = Group(f"git mandala diff HEAD~1 in a repository of {project.count}")
    group.add("git's and the imports", Role.FLOOR, floor)
    for name in (BARE, GIT, IMPORTS):
        group.add(name, Role.PEER if name == GIT else Role.FLOOR, found[name])
    group.add(OURS, Role.OURS, found[OURS], target=2 * statistics.median(floor))
    return [group]


def _modules(project: Project) -> str:
    """Name the modules that the command imports, in order."""
    command = [sys.executable, "-c", DIFF + NAMED]
    done = subprocess.run(command, cwd=project.folder, env=project.whole, capture_output=True)
    return done.stderr.decode().strip().splitlines()[-1]
