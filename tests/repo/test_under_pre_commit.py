"""The real pre-commit around us: what a hook sees of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]

# The commit runs on a terminal of its own, as in a shell.
COMMIT = """\
import os, subprocess, sys
os.setsid()
os.open(sys.argv[1], os.O_RDWR)
sys.exit(subprocess.call(["git", "commit", "-q", "-m", "c"], stdin=0))
"""
HOOK = """\
import json, sys
from mandala_git.repo.repository import Repository
from mandala_git.repo.snapshots import index_tree
from mandala_git.repo.surroundings import Surroundings
repo = Repository.discover()
tree = index_tree(repo)
seen = {path: data.decode() for path, data in tree.read(tree.entries).items()}
look = Surroundings.look(repo)
with open(sys.argv[1], "w") as file:
    json.dump([seen, look.can_prompt, look.reason], file)
"""
CONFIG = """\
repos:
  - repo: local
    hooks:
      - id: look
        name: look
        language: system
        entry: {python} {hook} {out}
        pass_filenames: false
        always_run: true
        require_serial: true
"""


def test_a_hook_may_ask_unless_changes_are_held(git_repo, tmp_path, monkeypatch):
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("CI", raising=False)
    scratch = git_repo()
    out = tmp_path / "seen.json"
    hook = tmp_path / "hook.py"
    hook.write_text(HOOK)
    scratch.write(
        ".pre-commit-config.yaml", CONFIG.format(python=sys.executable, hook=hook, out=out)
    )
    scratch.write("a.py", "committed\n")
    scratch.commit()
    subprocess.run(
        [sys.executable, "-m", "pre_commit", "install"],
        cwd=scratch.root,
        check=True,
        capture_output=True,
    )

    def commit():
        ours, theirs = os.openpty()
        done = subprocess.run(
            [sys.executable, "-c", COMMIT, os.ttyname(theirs)],
            cwd=scratch.root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
        )
        os.close(ours)
        os.close(theirs)
        assert done.returncode == 0, done
        answer = json.loads(out.read_text())
        out.unlink()
        return answer

    scratch.write("a.py", "staged\n")
    scratch.git("add", "a.py")
    assert commit() == [{"a.py": "staged\n"}, True, ""]

    scratch.write("a.py", "staged again\n")
    scratch.git("add", "a.py")
    scratch.write("a.py", "not staged\n")
    seen, can_prompt, reason = commit()
    assert (seen, can_prompt) == ({"a.py": "staged again\n"}, False)
    held = reason.removeprefix("pre-commit holds your unstaged changes in ")
    assert Path(held).parent == tmp_path / "cache"
    assert (scratch.root / "a.py").read_text() == "not staged\n"
