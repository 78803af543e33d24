"""`git mandala init`: before the first commit, twice, in a linked work tree, and nowhere."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mandala_git.cli.init import CONFIG, HOOK, HOOK_TYPES, INSTALL

Mandala = Callable[..., Any]


def test_init_before_the_first_commit_touches_no_file(mandala: Mandala, git_repo: Any) -> None:
    repo = git_repo()
    ended = mandala("init", cwd=repo.root)
    assert ended.code == 0
    assert ended.out == f"created refs/mandala/store in {repo.root / '.git'}\n"
    assert repo.git("show", "refs/mandala/store:FORMAT") == "1"
    assert repo.git("status", "--porcelain") == ""
    assert [p.name for p in repo.root.iterdir()] == [".git"]


def test_init_again_changes_nothing(mandala: Mandala, git_repo: Any) -> None:
    repo = git_repo()
    mandala("init", cwd=repo.root)
    before = repo.git("for-each-ref")
    ended = mandala("init", cwd=repo.root)
    assert ended.code == 0 and "is there already" in ended.out
    assert repo.git("for-each-ref") == before


def test_init_tells_what_to_add_to_the_configuration(mandala: Mandala, git_repo: Any) -> None:
    repo = git_repo()
    said = mandala("init", cwd=repo.root).err
    assert said.startswith("next:\n  1. add the hook to .pre-commit-config.yaml")
    assert "repos:" in said and "entry: mandala-pre-commit" in said

    repo.write(CONFIG, "repos:\n- repo: meta\n  hooks:\n  - id: identity\n")
    said = mandala("init", cwd=repo.root).err
    assert "repos:" not in said and "entry: mandala-pre-commit" in said

    repo.write(CONFIG, f"repos:\n{HOOK}")
    said = mandala("init", cwd=repo.root).err
    assert said.startswith(f"next:\n  1. run `{INSTALL}`\n  2. run your program")
    for name in HOOK_TYPES:
        assert f" -t {name}" in said
        hook = repo.root / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\n")
    done = "next:\n  1. run your program: calls of its @op functions are recorded with their code\n"
    assert mandala("init", cwd=repo.root).err == done
    for line in ("  - {id: mandala, name: mandala}", '  - id: "mandala"  # results'):
        repo.write(CONFIG, f"repos:\n- repo: local\n  hooks:\n{line}\n")
        assert mandala("init", cwd=repo.root).err == done
    repo.write(CONFIG, "repos:\n- repo: local\n  hooks:\n  - id: mandala-other\n")
    assert "add the hook" in mandala("init", cwd=repo.root).err


def test_verdicts_of_clones_meet_as_init_says(
    mandala: Mandala, git_repo: Any, tmp_path: Path
) -> None:
    """Both clones gave verdicts since they last met: neither store contains the other."""
    hub = git_repo("hub", "--bare").root
    clones = [git_repo("one"), git_repo("two")]
    for number, repo in enumerate(clones):
        repo.git("remote", "add", "origin", str(hub))
        said = mandala("init", cwd=repo.root).err
        told = [line.strip() for line in said.splitlines() if line.startswith("       git ")]
        assert len(told) == 2, said
        repo.git(*shlex.split(told[0])[1:])
        assert "share verdicts" not in mandala("init", cwd=repo.root).err
        repo.write("a.py", "def f():\n    return 0\n")
        repo.commit("one")
        repo.write("a.py", f"def f():\n    return {number + 1}\n")
        assert mandala("classify", "f", "--breaking", cwd=repo.root).code == 0
        repo.git("fetch", "-q", "origin")
        events = json.loads(mandala("log", "--json", cwd=repo.root).out)["events"]
        assert len(events) == number + 1
        repo.git(*shlex.split(told[1])[1:])
    clones[0].git("fetch", "-q", "--prune", "origin")
    assert len(json.loads(mandala("log", "--json", cwd=clones[0].root).out)["events"]) == 2
    tips = [repo.git("rev-parse", "refs/mandala/store") for repo in clones]
    assert tips[0] == tips[1]


def test_what_is_told_is_a_valid_configuration(mandala: Mandala, git_repo: Any) -> None:
    repo = git_repo()
    said = mandala("init", cwd=repo.root).err
    lines = [line.removeprefix(" " * 7) for line in said.splitlines() if line.startswith(" " * 7)]
    assert lines == ["repos:", *HOOK.splitlines()]
    config = repo.write(CONFIG, "\n".join(lines) + "\n")
    check = [sys.executable, "-m", "pre_commit", "validate-config", str(config)]
    assert subprocess.run(check, cwd=repo.root).returncode == 0


def test_init_in_a_linked_work_tree_is_for_all(
    mandala: Mandala, git_repo: Any, tmp_path: Path
) -> None:
    repo = git_repo()
    repo.commit()
    repo.git("worktree", "add", "-q", str(tmp_path / "linked"))
    ended = mandala("init", cwd=tmp_path / "linked")
    assert ended.out == f"created refs/mandala/store in {repo.root / '.git'}\n"
    assert "already" in mandala("init", cwd=repo.root).out


@pytest.mark.parametrize("options", [None, ["--bare"]])
def test_init_without_a_work_tree(
    mandala: Mandala, git_repo: Any, tmp_path: Path, options: list[str] | None
) -> None:
    where = tmp_path if options is None else git_repo("bare", *options).root
    ended = mandala("init", cwd=where)
    assert ended.code == 128 and ended.out == ""
    assert ended.err.startswith("mandala: ") and len(ended.err.splitlines()) >= 2
