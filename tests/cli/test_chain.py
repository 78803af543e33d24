"""The whole chain: git finds `git-mandala`, pre-commit runs the launcher that init told of."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from mandala_git.cli.init import CONFIG, HOOK

HOUSE = Path(__file__).parent.parent.parent


def run(*command: str, cwd: Path) -> tuple[int, str]:
    done = subprocess.run(
        command,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout


def test_git_finds_the_command(installed: Path, git_repo: Any) -> None:
    repo = git_repo()
    assert run("git", "mandala", "help", cwd=repo.root)[1].startswith("usage: git mandala")
    assert run("git", "mandala", "-h", cwd=repo.root)[0] == 0
    assert run("git-mandala", "--help", cwd=repo.root)[0] == 0
    assert run("git", "mandala", "nope", cwd=repo.root)[0] == 2
    (repo.root / "sub").mkdir()
    code, said = run("git", "-C", "sub", "mandala", "init", cwd=repo.root)
    assert code == 0 and said.startswith("created refs/mandala/store")


def test_a_commit_through_pre_commit(installed: Path, git_repo: Any) -> None:
    repo = git_repo()
    run("git", "mandala", "init", cwd=repo.root)
    repo.write(CONFIG, f"repos:\n{HOOK}")
    assert run(sys.executable, "-m", "pre_commit", "install", cwd=repo.root)[0] == 0
    repo.write("a.py", "x = 1\n")
    repo.git("add", ".")
    code, said = run("git", "commit", "-m", "one", cwd=repo.root)
    assert code == 0 and "Passed" in said and "mandala: " not in said

    repo.write("a.py", "def f(:\n")
    repo.git("add", ".")
    code, said = run("git", "commit", "-m", "two", cwd=repo.root)
    assert code == 0 and "mandala: a.py:" in said, "a broken file is named, not refused"


def test_a_hook_that_cannot_work_does_not_stop_the_commit(installed: Path, git_repo: Any) -> None:
    repo = git_repo()
    run("git", "mandala", "init", cwd=repo.root)
    repo.write(CONFIG, f"repos:\n{HOOK}")
    run(sys.executable, "-m", "pre_commit", "install", cwd=repo.root)
    repo.git("add", ".")
    repo.write(".git/refs/mandala/store", "no commit id\n")
    code, said = run("git", "commit", "-m", "one", cwd=repo.root)
    assert code == 0 and "the pre-commit hook failed; git goes on without it" in said

    repo.git("config", "mandala.strict", "true")
    code, said = run("git", "commit", "--allow-empty", "-m", "two", cwd=repo.root)
    assert code == 1 and "mandala.strict is set" in said


def test_the_hooks_of_other_repositories_are_well_formed(installed: Path, tmp_path: Path) -> None:
    manifest = str(HOUSE / ".pre-commit-hooks.yaml")
    check = (sys.executable, "-m", "pre_commit", "validate-manifest", manifest)
    assert run(*check, cwd=tmp_path) == (0, "")
    ours = (sys.executable, "-m", "pre_commit", "validate-config", str(HOUSE / CONFIG))
    assert run(*ours, cwd=tmp_path) == (0, "")
