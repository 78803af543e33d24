"""Whether a hook may ask: decided on a real terminal, in the background, and without one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mandala_git.errors import MandalaError
from mandala_git.repo import surroundings
from mandala_git.repo.repository import Repository
from mandala_git.repo.surroundings import Surroundings, open_tty

PROJECT = Path(__file__).parents[2]

# Runs as a session of its own, on the terminal in argv[1] if there is one; in the background
# of it if argv[2] says so.
CHILD = """\
import json, os, sys
from pathlib import Path
terminal, where, work = sys.argv[1:4]
os.setsid()
if terminal:
    os.open(terminal, os.O_RDWR)  # a session leader's first terminal is its controlling one
    if where == "background":
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            sys.exit()
        os.setpgid(0, 0)
from mandala_git.errors import MandalaError
from mandala_git.repo.repository import Repository
from mandala_git.repo.surroundings import Surroundings, open_tty
seen = Surroundings.look(Repository.discover(Path.cwd()))
answer = [seen.can_prompt, seen.reason]
if seen.can_prompt:
    with open_tty() as (reader, writer):
        writer.write("bérult? ")
        writer.flush()
        answer.append(reader.readline())
Path(work).write_text(json.dumps(answer))
"""


@pytest.fixture
def scratch(git_repo):
    made = git_repo()
    made.write("a.py", "x = 1\n")
    made.commit()
    return made


@pytest.fixture
def terminal():
    """The two ends of a pseudo-terminal: ours, and the path of the other."""
    ours, theirs = os.openpty()
    yield ours, os.ttyname(theirs)
    os.close(ours)
    os.close(theirs)


@pytest.fixture
def look(scratch, tmp_path, terminal):
    """Look around in another process; returns what it saw, and the answer that it read."""

    def run(on="terminal", typed=b"", **env):
        out = tmp_path / "seen.json"
        ours, theirs = terminal
        if typed:
            os.write(ours, typed)
        variables = {n: v for n, v in os.environ.items() if n != "CI"}
        subprocess.run(
            [sys.executable, "-c", CHILD, "" if on == "nothing" else theirs, on, str(out)],
            cwd=scratch.root,
            env={**variables, "TERM": "xterm", "PYTHONPATH": str(PROJECT), **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            timeout=60,
            check=True,
        )
        return json.loads(out.read_text())

    return run


def test_a_terminal_is_asked_and_answers(look, terminal):
    assert look(typed=b"b\xc3\xa9\n") == [True, "", "bé\n"]
    assert "bérult? ".encode() in os.read(terminal[0], 100)


def test_end_of_file_is_the_empty_string(look):
    assert look(typed=b"\x04") == [True, "", ""]


def test_no_terminal(look):
    assert look("nothing") == [False, "no terminal"]
    assert look("nothing", MANDALA_PROMPT="always") == [False, "no terminal"]


def test_background(look):
    assert look("background") == [False, "background job"]
    assert look("background", MANDALA_PROMPT="always") == [False, "background job"]


def test_the_environment_forbids(look):
    assert look(CI="true") == [False, "CI"]
    assert look(TERM="dumb") == [False, "TERM=dumb"]
    assert look(MANDALA_PROMPT="never") == [False, "MANDALA_PROMPT=never"]
    assert look(typed=b"x\n", CI="true", MANDALA_PROMPT="always") == [True, "", "x\n"]
    assert look(typed=b"y\n", CI="false") == [True, "", "y\n"]


def test_a_sequencer_is_not_held_up(look, scratch):
    scratch.git("checkout", "-q", "-b", "side")
    scratch.write("a.py", "x = 2\n")
    scratch.commit()
    scratch.git("checkout", "-q", "main")
    scratch.write("a.py", "x = 3\n")
    scratch.commit()
    repo = Repository.discover(scratch.root)
    assert repo.ask(["cherry-pick", "side"]).code == 1
    assert look() == [False, "cherry-pick in progress"]
    scratch.git("cherry-pick", "--abort")
    assert repo.ask(["merge", "side"]).code == 1
    assert look(typed=b"x\n") == [True, "", "x\n"]  # a merge is committed by hand


def test_changes_that_pre_commit_holds(look, tmp_path):
    now = int(time.time())
    home = tmp_path / "home"
    home.mkdir()
    held = home / f"patch{now}-{os.getpid()}"
    held.write_text("")
    (home / f"patch{now}-1").write_text("")
    (home / "patch-x").write_text("")
    env = {"PRE_COMMIT": "1", "PRE_COMMIT_HOME": str(home)}
    reason = f"pre-commit holds your unstaged changes in {held}"
    assert look(**env) == [False, reason]
    assert look(typed=b"x\n", MANDALA_PROMPT="always", **env) == [True, "", "x\n"]
    # Outside of pre-commit nobody holds anything.
    assert look(typed=b"x\n", PRE_COMMIT_HOME=str(home)) == [True, "", "x\n"]
    # A patch from before the process began is of an earlier process with its id.
    held.rename(home / f"patch{now - 10**7}-{os.getpid()}")
    assert look(typed=b"x\n", **env) == [True, "", "x\n"]


def test_where_pre_commit_keeps_patches(tmp_path):
    name = f"patch{int(time.time())}-{os.getppid()}"
    for variable, place in (
        ("PRE_COMMIT_HOME", "."),
        ("XDG_CACHE_HOME", "pre-commit"),
        ("HOME", ".cache/pre-commit"),
    ):
        folder = tmp_path / variable / place
        folder.mkdir(parents=True)
        (folder / name).write_text("")
        env = {variable: str(tmp_path / variable)}
        assert surroundings._held_patch(env) == folder / name
    assert surroundings._held_patch({"HOME": str(tmp_path / "nowhere")}) is None


def test_a_system_without_terminals(scratch, monkeypatch):
    monkeypatch.setattr(surroundings, "TTY", str(scratch.root / "no" / "tty"))
    repo = Repository.discover(scratch.root)
    assert Surroundings.look(repo, {}) == Surroundings(False, "no terminal")
    with pytest.raises(MandalaError, match=r"no terminal(.|\n)*git mandala classify"), open_tty():
        pass


def test_a_system_without_proc(monkeypatch):
    here, parent = os.getpid(), os.getppid()
    assert surroundings._parent(here)[0] == parent
    if Path("/bin/ps").exists() or Path("/usr/bin/ps").exists():
        assert surroundings._parent_by_ps(here) == parent
    monkeypatch.setenv("PATH", "/nowhere")
    assert surroundings._parent_by_ps(here) == 0
