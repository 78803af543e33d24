"""`git mandala init`: prepare this repository to keep verdicts and results."""

from __future__ import annotations

import argparse
import os
import re
from typing import TYPE_CHECKING

from mandala_git.cli.verbs import describe
from mandala_git.repo.sharing import TRACKING

if TYPE_CHECKING:
    from mandala_git.cli.verbs import Subparsers
    from mandala_git.repo.repository import Repository

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

HOOK_TYPES = ("pre-commit", "pre-merge-commit")
"""What git runs before it writes a commit; `pre-commit install` alone installs the first only."""

INSTALL = " ".join(["pre-commit install", *(f"-t {each}" for each in HOOK_TYPES)])


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
    out.say(*_next_steps(repo))
    with Desk(repo) as desk:
        indexed = desk.work.tree
        paths = indexed.tree.entries.keys()
        if len(paths) > FEW:
            indexed.warm(paths)
    return 0


def _next_steps(repo: Repository) -> list[str]:
    """What is left to do, in lines."""
    config = repo.root / CONFIG
    text = config.read_text("utf-8", "replace") if config.is_file() else ""
    steps: list[str] = []
    if not re.search(r"\bid:\s*['\"]?mandala\b(?![-.\w])", text):
        hook = [f"       {line}" for line in _missing(text).splitlines()]
        steps.append("\n".join([f"add the hook to {CONFIG}, then run `{INSTALL}`", *hook]))
    elif not _installed(repo):
        steps.append(f"run `{INSTALL}`")
    remote = _unshared(repo)
    if remote:
        fetch = f"git config --add remote.{remote}.fetch '+refs/mandala/*:{TRACKING}{remote}/*'"
        steps.append(
            f"share verdicts with {remote}: `git fetch` brings those of others after\n"
            f"       {fetch}\n"
            f"     and yours are sent by\n"
            f"       git push {remote} refs/mandala/store"
        )
    steps.append("run your program: calls of its @op functions are recorded with their code")
    return ["next:", *(f"  {at}. {step}" for at, step in enumerate(steps, 1))]


def _installed(repo: Repository) -> bool:
    """Tell whether git runs something before it writes a commit, by itself or by a merge."""
    hooks = [f"hooks/{each}" for each in HOOK_TYPES]
    found = repo.ask(["rev-parse", *(word for hook in hooks for word in ("--git-path", hook))])
    return all((repo.root / os.fsdecode(path)).exists() for path in found.out.splitlines())


def _unshared(repo: Repository) -> str | None:
    """The first remote, if none has verdicts fetched from it."""
    remotes = os.fsdecode(repo.ask(["remote"]).out).split()
    known = repo.ask(["config", "--get-regexp", r"^remote\..*\.fetch$", "refs/mandala"])
    return remotes[0] if remotes and known.code else None


def _missing(text: str) -> str:
    """What has to be added to a configuration that has no hook of ours yet."""
    return HOOK if re.search(r"^repos:", text, re.MULTILINE) else f"repos:\n{HOOK}"
