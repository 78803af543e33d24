"""Git hooks: run one without ever standing in the way of git."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Sequence
from typing import NoReturn

from mandala_git.cli.boundary import guarded
from mandala_git.views.console import Output

HOOKS = {"pre-commit": "mandala_git.cli.pre_commit"}
"""Each hook and the module whose `run(argv) -> exit code` does its work."""


def entry(name: str) -> NoReturn:
    """Run a hook with the arguments of this process and exit; the launchers call this."""
    sys.exit(run_hook(name, sys.argv[1:]))


def run_hook(name: str, argv: Sequence[str]) -> int:
    """Run a hook.

    Args:
        name: a key of HOOKS.
        argv: what git or pre-commit gave to the hook.

    Returns:
        What the hook decided: 0 lets git go on, anything else stops it. A hook that fails
        has decided nothing: it says so on stderr and lets git go on, because results stay
        right without it; with `mandala.strict=true` it stops git.
    """
    outcome = guarded(lambda: _work(name, argv), [f"mandala-{name}", *argv])
    if not outcome.failed:
        return outcome.code
    out = Output()
    if _strict():
        out.say(
            f"mandala: the {name} hook failed and mandala.strict is set, so git stops here",
            "  git config mandala.strict false   lets git go on next time",
        )
        return outcome.code
    out.say(f"mandala: the {name} hook failed; git goes on without it")
    return 0


def _work(name: str, argv: Sequence[str]) -> int:
    code: int = importlib.import_module(HOOKS[name]).run(argv)
    return code


def _strict() -> bool:
    """`mandala.strict`, read by git alone: what failed may be our own way of reading it."""
    command = ["git", "config", "--type=bool", "--get", "mandala.strict"]
    try:
        return subprocess.run(command, capture_output=True).stdout.strip() == b"true"
    except OSError:
        return False
