"""A repository of many small modules that import each other, made for one benchmark."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HOUSE = Path(__file__).parent.parent
FILES = 2_000


class Project:
    """A repository with one commit.

    Args:
        folder: where it is made.
        scale: share of the usual number of files.

    Attributes:
        count: how many files it has.
        env: variables for processes in it: nobody's configuration, nobody to ask.
    """

    def __init__(self, folder: Path, scale: float) -> None:
        self.folder = folder
        self.count = max(50, int(FILES * scale))
        self.env = {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            "MANDALA_PROMPT": "never",
            "PYTHONPATH": str(HOUSE),
            **{f"GIT_{who}_NAME": "bench" for who in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{who}_EMAIL": "bench@example.org" for who in ("AUTHOR", "COMMITTER")},
        }
        self.git("init", "-q", "-b", "main")
        for number in range(self.count):
            (folder / f"m{number}.py").write_text(source(number, "x"))
        self.commit()

    @property
    def whole(self) -> dict[str, str]:
        """The environment with these variables."""
        return {**os.environ, **self.env}

    def git(self, *args: str) -> None:
        """Run git."""
        self._run("git", "-c", "gc.auto=0", *args)

    def commit(self) -> None:
        """Commit all files."""
        self.git("add", ".")
        self.git("commit", "-q", "-m", "all")

    def mandala(self, *args: str) -> None:
        """Run `git mandala`."""
        self._run(sys.executable, "-c", "from mandala_git.cli.main import entry; entry()", *args)

    def _run(self, *command: str) -> None:
        subprocess.run(command, cwd=self.folder, env=self.whole, check=True, capture_output=True)


def source(number: int, value: str) -> str:
    """A module of ten functions, of which each edit changes one."""
    rest = "".join(f"def f{n}(x):\n    return helper(x, {n})\n\n\n" for n in range(9))
    return f"from m{number // 2} import helper\n\n\n{rest}def last(x):\n    return {value}\n"
