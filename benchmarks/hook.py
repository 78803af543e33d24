"""`git commit` with 3 staged files in a repository of 2000, with and without hooks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.measure import Group, duration, process
from benchmarks.roles import Role

HOUSE = Path(__file__).parent.parent
FILES = 2_000

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
    env = {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "MANDALA_PROMPT": "never",
        **{f"GIT_{who}_NAME": "bench" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "bench@example.org" for who in ("AUTHOR", "COMMITTER")},
    }

    def git(*args: str) -> None:
        command = ["git", "-c", "gc.auto=0", *args]
        subprocess.run(command, cwd=folder, env={**os.environ, **env}, check=True)

    count = max(50, int(FILES * scale))
    git("init", "-q", "-b", "main")
    for number in range(count):
        (folder / f"m{number}.py").write_text(_source(number, "x"))
    git("add", ".")
    git("commit", "-q", "-m", "all")
    subprocess.run(
        [sys.executable, "-c", "from mandala_git.cli.main import entry; entry()", "init"],
        cwd=folder,
        env={**os.environ, **env, "PYTHONPATH": str(HOUSE)},
        check=True,
        capture_output=True,
    )
    found: dict[str, list[float]] = {name: [] for name in HOOKS}
    edits = iter(range(10**6))
    commit = process(["git", "commit", "-q", "-m", "three"], cwd=folder, env=env)
    for turn in range(max(4, int(12 * scale))):
        for name, (_, text) in HOOKS.items():
            _install(folder / ".git" / "hooks" / "pre-commit", text)
            edit = next(edits)
            for number in range(3):
                (folder / f"m{number}.py").write_text(_source(number, f"x + {edit}"))
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


def _source(number: int, value: str) -> str:
    """A module of ten functions, of which each edit changes one."""
    rest = "".join(f"def f{n}(x):\n    return helper(x, {n})\n\n\n" for n in range(9))
    return f"from m{number // 2} import helper\n\n\n{rest}def last(x):\n    return {value}\n"
