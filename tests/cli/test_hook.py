"""Hooks: what they decide, and that a broken one does not stop git."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Hook = Callable[..., Any]

BROKEN = {
    "a bug": "import mandala_git.cli.pre_commit as p; p.run = lambda argv: 1 / 0",
    "an error": "import mandala_git.cli.pre_commit as p\n"
    "from mandala_git.errors import StoreError\n"
    "def run(argv): raise StoreError('the store is on fire', hint='git mandala doctor')\n"
    "p.run = run",
    "a module that does not load": "import sys; sys.modules['mandala_git.cli.pre_commit'] = None",
    "no repository": "import os; os.chdir('/')",
}


@pytest.fixture
def repo(git_repo: Any) -> Any:
    made = git_repo()
    made.write("a.py", "x = 1\n")
    made.commit()
    return made


@pytest.mark.parametrize("before", BROKEN.values(), ids=BROKEN)
def test_a_broken_hook_lets_git_go_on(hook: Hook, repo: Any, tmp_path: Path, before: str) -> None:
    ended = hook("pre-commit", cwd=repo.root, before=before, env={"TMPDIR": str(tmp_path)})
    assert ended.code == 0
    assert ended.err.startswith("mandala: ")
    assert ended.err.endswith("mandala: the pre-commit hook failed; git goes on without it\n")


@pytest.mark.parametrize("value", ["true", "yes", "on", "1"])
def test_with_strict_it_stops_git(hook: Hook, repo: Any, tmp_path: Path, value: str) -> None:
    repo.git("config", "mandala.strict", value)
    ended = hook("pre-commit", cwd=repo.root, before=BROKEN["a bug"], env={"TMPDIR": str(tmp_path)})
    assert ended.code == 3
    assert "git config mandala.strict false" in ended.err


def test_a_hook_that_decides_is_obeyed(hook: Hook, repo: Any) -> None:
    decide = "import mandala_git.cli.pre_commit as p; p.run = lambda argv: 1"
    assert hook("pre-commit", cwd=repo.root, before=decide) == (1, "", "")


def test_an_interrupt_stops_the_commit(hook: Hook, repo: Any) -> None:
    before = (
        "import mandala_git.cli.pre_commit as p\n"
        "def run(argv): raise KeyboardInterrupt\n"
        "p.run = run"
    )
    assert hook("pre-commit", cwd=repo.root, before=before).code == 130


def test_without_a_store_the_hook_says_nothing(hook: Hook, repo: Any) -> None:
    repo.write("b.py", "def f(:\n")
    repo.git("add", "b.py")
    assert hook("pre-commit", cwd=repo.root) == (0, "", "")


@pytest.mark.parametrize("born", [True, False])
def test_staged_files_that_cannot_be_read_are_named(
    hook: Hook, mandala: Any, git_repo: Any, born: bool
) -> None:
    repo = git_repo()
    repo.write("old.py", "def f(:\n")
    if born:
        repo.commit()
    mandala("init", cwd=repo.root)
    repo.write("good.py", "x = 1\n")
    repo.write("bad.py", "x = 1\ndef f(:\n    pass\n")
    repo.write("latin.py", b"x = '\xe9'\n")
    repo.git("add", ".")
    repo.write("good.py", "the work tree does not count (\n")
    repo.write("bad.py", "x = 1\n")
    ended = hook("pre-commit", cwd=repo.root)
    assert ended.code == 0 and ended.out == "+ good.py:1 x\n"
    named = [line.split(":")[1].strip() for line in ended.err.splitlines()]
    assert named == (["bad.py", "latin.py"] if born else ["bad.py", "latin.py", "old.py"])


def test_an_idle_hook_loads_nothing_heavy(hook: Hook, mandala: Any, repo: Any) -> None:
    mandala("init", cwd=repo.root)
    repo.write("notes.txt", "no code\n")
    repo.git("add", ".")
    before = (
        "import atexit, sys\n"
        "heavy = {'libcst', 'pandas', 'numpy', 'rich', 'pygit2', 'joblib'}\n"
        "atexit.register(lambda: sys.stderr.write(' '.join(heavy & sys.modules.keys())))"
    )
    assert hook("pre-commit", cwd=repo.root, before=before) == (0, "", "")


def test_git_runs_it_on_the_index_that_it_commits(hook: Hook, mandala: Any, repo: Any) -> None:
    """`git commit FILE` commits a temporary index; what is staged besides is not in it."""

    house = Path(__file__).parent.parent.parent
    mandala("init", cwd=repo.root)
    script = (
        f'#!/bin/sh\nPYTHONPATH="{house}" exec "{sys.executable}" '
        "-c 'from mandala_git.cli.hook import entry; entry(\"pre-commit\")' 2>said\n"
    )
    repo.write(".git/hooks/pre-commit", script).chmod(0o755)
    repo.write("a.py", "def broken(:\n")
    repo.write("staged.py", "def broken_too(:\n")
    repo.git("add", "staged.py")
    repo.git("commit", "-q", "-m", "only a", "a.py")
    said = (repo.root / "said").read_text()
    assert said.startswith("mandala: a.py:") and "staged.py" not in said
