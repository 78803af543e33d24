"""Frames in a repository: which calls are seen follows the code, in every commit."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

PIPELINE = """\
from mandala_git import Storage, op
from helper import SCALE, shifted

@op
def load(n):
    return n * SCALE

@op
def train(x, k):
    return shifted(x) + k

def run():
    with Storage() as storage:
        for n in (1, 2):
            train(load(n), 5)
    return storage
"""
HELPER = "SCALE = 10\n\ndef shifted(x):\n    return x + {shift}\n"
SHOW = """\
from pipeline import *
storage = run()
print(storage.cf(train).expand_back().df()["var_0"].tolist())
print(len(storage.cf(train, versions="all").df()))
for rev in {revs!r}:
    print(storage.at(rev).cf(train).expand_all().df()["var_0"].tolist())
"""
MOVED = """\
from pipeline import *
storage = run()
with storage:
    new = [train(load(n), 5) for n in (1, 2)]
cf = storage.cf(load).expand_forward(recursive=True)
print(len(cf.fs["train"]))
print(storage.cf(new).expand_back(recursive=True).df()["v"].tolist())
every = storage.cf(load, versions="all").expand_forward(recursive=True)
old = [ref for ref in every.refs if ref not in cf.refs]
print(len(old) > 0)
old = storage.at("HEAD~1").cf(train).refs_by_var()["var_0"]
print(storage.cf(old).expand_back(recursive=True).df()["v"].tolist())
"""


def python(repo: Any, code: str) -> list[str]:
    done = subprocess.run(
        # -B: edits within a second would meet what was compiled before.
        [sys.executable, "-B", "-c", code],
        cwd=repo.root,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_frames_follow_the_code(git_repo: Any) -> None:
    repo = git_repo()
    repo.write("pipeline.py", PIPELINE)
    repo.write("helper.py", HELPER.format(shift=1))
    first = repo.commit("first")
    assert python(repo, SHOW.format(revs=[])) == ["[16, 26]", "2"]
    repo.write("helper.py", HELPER.format(shift=2))
    second = repo.commit("second")
    assert python(repo, SHOW.format(revs=[first, second])) == [
        "[17, 27]", "4", "[16, 26]", "[17, 27]",
    ]  # fmt: skip
    # What a call was given counts, too: the same code of `train` ran on other data.
    repo.write("helper.py", HELPER.format(shift=2).replace("SCALE = 10", "SCALE = 100"))
    third = repo.commit("third")
    assert python(repo, SHOW.format(revs=[first, second, third])) == [
        "[107, 207]", "6", "[16, 26]", "[17, 27]", "[107, 207]",
    ]  # fmt: skip
    # A moved op keeps its calls, under its new name.
    repo.git("mv", "pipeline.py", "flow.py")
    repo.write("pipeline.py", "from flow import *\n")
    moved = repo.commit("moved")
    lines = python(repo, SHOW.format(revs=[second, moved]))
    assert lines == ["[107, 207]", "6", "[17, 27]", "[107, 207]"]
    # What ran before the move and what was found after it are the same here, on either history.
    assert python(repo, MOVED) == ["2", "[107, 207]", "True", "[107, 207]"]
