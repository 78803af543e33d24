"""`git commit` with 3 staged files in a repository of 2000, with and without hooks."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.measure import Group, duration, process
from benchmarks.project import Project, source
from benchmarks.roles import Role

HOUSE = Path(__file__).parent.parent

# Each a file `.git/hooks/pre-commit`; None is no file at all.
HOOKS = {
    "no hook": (Role.FLOOR, None),
    "an empty sh hook": (Role.FLOOR, "#!/bin/sh\nexit 0\n"),
    "an empty Python hook": (Role.FLOOR, f"#!{sys.executable}\n"),
    "mandala-pre-commit": (
        Role.OURS,
        f'#!/bin/sh\nPYTHONPATH="{HOUSE}" exec "{sys.executable}" "{HOUSE}/hooks/mandala-pre-commit"\n',
    ),
}


def run(folder: Path, scale: float) -> list[Group]:
    """Commit again and again, each time with another hook."""
    project = Project(folder, scale)
    count, env, git = project.count, project.env, project.git
    project.mandala("init")
    found: dict[str, list[float]] = {name: [] for name in HOOKS}
    edits = iter(range(10**6))
    commit = process(["git", "commit", "-q", "-m", "three"], cwd=folder, env=env)
    for turn in range(max(4, int(12 * scale))):
        for name, (_, text) in HOOKS.items():
            _install(folder / ".git" / "hooks" / "pre-commit", text)
            edit = next(edits)
            for number in range(3):
                (folder / f"m{number}.py").write_text(source(number, f"x + {edit}"))
            git("add", ".")
            seconds = duration(commit)
            if turn:  # the first round only warms the machine
                found[name].append(seconds)
    group = Group(f"git commit with 3 staged files in a repository of {count}")
    for name, (role, _) in HOOKS.items():
        group.add(name, role, found[name])
    return [group]


def _install(hook: Path, text: str | None) -> None:
    hook.unlink(missing_ok=True)
    if text is not None:
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(text)
        hook.chmod(0o755)
