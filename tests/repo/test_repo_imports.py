"""The room is light: a hook and a warm start pay for nothing that they do not use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """\
import sys
from pathlib import Path
before = set(sys.modules)
import mandala_git.repo.git_store, mandala_git.repo.sharing, mandala_git.repo.snapshots
import mandala_git.repo.surroundings
print(*sorted(name.partition(".")[0] for name in set(sys.modules) - before))
store = mandala_git.repo.git_store.GitStore(
    mandala_git.repo.repository.Repository.discover(Path(sys.argv[1]))
)
store.init()
print(*sorted(name.partition(".")[0] for name in set(sys.modules) - before))
"""
HEAVY = {"pygit2", "libcst", "numpy", "pandas", "joblib", "rich", "sqlite3"}


def test_nothing_heavy_is_imported(git_repo):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(git_repo().root)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    imported, used = (set(line.split()) for line in done.stdout.splitlines())
    assert not HEAVY & used
    assert not {"subprocess", "tempfile", "random"} & imported
