"""The pre-commit hook: what the commit that git is about to make changes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mandala_git.repo.repository import Repository


def run(argv: Sequence[str]) -> int:
    """Name the staged files that cannot be read; they do not stop the commit.

    Args:
        argv: pre-commit passes nothing at this stage.

    Returns:
        0: the commit may go on.
    """
    from mandala_git.repo.repository import Repository
    from mandala_git.repo.store import GitStore

    repo = Repository.discover()
    if GitStore(repo).exists():
        for complaint in _unreadable(repo):
            sys.stderr.write(f"mandala: {complaint}\n")
    return 0


def _unreadable(repo: Repository) -> list[str]:
    """One line for each staged Python file whose definitions cannot be told."""
    from mandala_git.repo.snapshots import commit_tree, index_tree
    from mandala_git.source.scan import scan_file

    head = repo.head()
    before = commit_tree(repo, head).entries if head else {}
    staged = index_tree(repo)
    changed = [path for path, blob in staged.entries.items() if before.get(path) != blob]
    scanned = (scan_file(path, data) for path, data in staged.read(changed).items())
    return [f"{facts.path}:{facts.error_line}: {facts.error}" for facts in scanned if facts.error]
