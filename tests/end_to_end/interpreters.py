"""Programs in interpreters of their own, beside the test, in the folder of a project."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HOUSE = Path(__file__).parent.parent.parent


def start(
    root: Path, code: str, *arguments: str, before: Sequence[str] = ()
) -> subprocess.Popen[str]:
    """Start a program.

    Args:
        root: where it runs, and from where it imports.
        code: what it does.
        arguments: in its `sys.argv`.
        before: a command that runs it.
    """
    return subprocess.Popen(
        [*before, sys.executable, "-c", code, *arguments],
        cwd=root,
        env={**os.environ, "PYTHONPATH": f"{HOUSE}:{root}", "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> list[str]:
    """Let a program go on that reads a line, and return the lines that it printed."""
    out, said = process.communicate("go\n", timeout=240)
    assert process.returncode == 0, said
    return out.splitlines()
