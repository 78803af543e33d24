"""Files that ops depend on, as the hook and commands tell of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Hook = Callable[..., Any]

OP = """
import sys
from pathlib import Path
from mandala_git.imports import Storage, op

@op(depends_on=["conf.yaml", "data/*.csv"])
def load(x):
    return Path("conf.yaml").read_text() * x

@op
def around(x):
    return load(x) + "!"

if __name__ == "__main__":
    with Storage() as storage:
        around(1); around(2)
    print(storage.executed, storage.found)
"""


@pytest.fixture
def loading(lab: Any) -> Any:
    lab.repo.write("pipeline.py", OP)
    lab.repo.write("conf.yaml", "a")
    lab.repo.git("add", ".")
    lab.repo.git("commit", "-q", "-m", "load")
    assert lab.program() == (4, 0)
    return lab


SAID = "~ conf.yaml holds something else   4 calls of around, load, "


def test_a_commit_that_stages_a_file_says_what_hangs_on_it(loading: Any, hook: Hook) -> None:
    loading.repo.write("conf.yaml", "b")
    ended = hook("pre-commit", cwd=loading.root)
    assert (ended.code, ended.out, ended.err) == (0, "", "")  # not staged
    loading.repo.git("add", ".")
    ended = hook("pre-commit", cwd=loading.root)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(SAID) and ended.out.count("\n") == 1
    assert SAID in loading("diff", "--staged").out
    assert SAID not in loading("diff", "--staged", "pipeline.py").out
    loading.repo.git("commit", "-q", "-m", "b", "--no-verify")
    assert hook("pre-commit", cwd=loading.root).out == ""
    assert loading.program() == (4, 0)
    assert SAID in loading("diff", "HEAD~1", "HEAD").out


def test_other_files_and_new_ones(loading: Any, hook: Hook) -> None:
    loading.repo.write("notes.txt", "b")
    loading.repo.git("add", ".")
    assert hook("pre-commit", cwd=loading.root).out == ""
    loading.repo.write("data/new.csv", "b")
    loading.repo.git("add", ".")
    assert hook("pre-commit", cwd=loading.root).out.startswith("~ data/new.csv holds something")


def test_calls_are_listed_for_the_commit_whose_file_they_read(loading: Any) -> None:
    loading.repo.write("conf.yaml", "b")
    loading.repo.git("commit", "-qam", "b", "--no-verify")
    assert loading.program() == (4, 0)
    for rev, text in (("HEAD", "bb"), ("HEAD~1", "aa")):
        out = loading("results", "load", "--rev", rev, "--csv").out
        assert len(out.splitlines()) == 3 and text in out, out
