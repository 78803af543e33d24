"""The pre-commit hook: what the commit that git is about to make changes."""

from __future__ import annotations

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
    from mandala_git.repo.git_store import GitStore
    from mandala_git.repo.repository import Repository
    from mandala_git.views.console import Output

    # Without a path: a hook works on the repository and the index that git tells it.
    repo = Repository.discover()
    if GitStore(repo).exists():
        Output().say(*(f"mandala: {line}" for line in _unreadable(repo)))
    return 0


def _unreadable(repo: Repository) -> list[str]:
    """One line for each staged Python file whose definitions cannot be told."""
    from mandala_git.repo.snapshots import changed_paths, commit_tree, index_tree, shown

    head = repo.head()
    staged = index_tree(repo)
    changed = changed_paths(commit_tree(repo, head), staged) if head else staged.entries
    contents = staged.read(changed)
    if not contents:
        return []
    from mandala_git.source.scan import scan_file

    facts = [scan_file(path, data) for path, data in contents.items()]
    return [f"{shown(f.path)}:{f.error_line}: {f.error}" for f in facts if f.error]
