"""`git mandala init`: prepare this repository to keep verdicts and results."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mandala_git.cli.verbs import describe

if TYPE_CHECKING:
    from mandala_git.cli.verbs import Subparsers

CONFIG = ".pre-commit-config.yaml"

FEW = 100
"""Files that are rather read when they are needed."""

HOOK = """\
  - repo: local
    hooks:
      - id: mandala
        name: mandala
        entry: mandala-pre-commit
        language: system
        pass_filenames: false
        always_run: true
        require_serial: true
        stages: [pre-commit, pre-merge-commit]
        verbose: true
"""
"""The entry of the hook for a project whose environment has this package installed."""


def add_parser(subparsers: Subparsers) -> None:
    """Add the arguments of `git mandala init`."""
    describe(
        subparsers,
        "init",
        text="""
            Create the ref refs/mandala/store, where verdicts and the code they are about are
            kept, and say what to do next. Works before the first commit; a second time it
            changes nothing. No file of the work tree is touched. In a large project all files
            are then read once, on all cores; whoever stops that goes on with the next command.
        """,
        example="""
            git mandala init
            git mandala -C ../other init
        """,
    )


def run(args: argparse.Namespace) -> int:
    """Create the store, tell the next steps, and read a large project for the first time."""
    from mandala_git.cli.desk import Desk
    from mandala_git.repo.git_store import GitStore
    from mandala_git.repo.repository import Repository
    from mandala_git.views.console import Output

    repo = Repository.discover()
    created = GitStore(repo).init()
    done = "created refs/mandala/store" if created else "refs/mandala/store is there already"
    out = Output()
    out.text(f"{done} in {repo.common_dir}\n")
    out.say(*_next_steps(repo.root))
    with Desk(repo) as desk:
        indexed = desk.work.tree
        paths = indexed.tree.entries.keys()
        if len(paths) > FEW:
            indexed.warm(paths)
    return 0


def _next_steps(root: Path) -> list[str]:
    """What is left to do, in lines."""
    config = root / CONFIG
    text = config.read_text("utf-8", "replace") if config.is_file() else ""
    run = "run your program: calls of its @op functions are recorded with their code"
    if re.search(r"^\s*-?\s*id:\s*mandala\s*$", text, re.MULTILINE):
        return ["next:", f"  1. {run}"]
    hook = [f"       {line}" for line in _missing(text).splitlines()]
    add = f"add the hook to {CONFIG}, then run `pre-commit install`"
    return ["next:", f"  1. {add}", *hook, f"  2. {run}"]


def _missing(text: str) -> str:
    """What has to be added to a configuration that has no hook of ours yet."""
    return HOOK if re.search(r"^repos:", text, re.MULTILINE) else f"repos:\n{HOOK}"
