"""The pre-commit hook: what it shows, what it asks on a real terminal, what it leaves open."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from mandala_git.cli.init import CONFIG, HOOK

pexpect = pytest.importorskip("pexpect")

PROMPT = r"\[b/c/d/s/A/q\] "
Hook = Callable[..., Any]


@pytest.fixture
def changed(lab: Any) -> Any:
    """Two edits that count and one that does not, staged."""
    lab.scale()
    lab.n_class()
    lab.edit("lab/prep.py", '"""What training gives."""', '"""What it gives."""')
    lab.repo.git("add", ".")
    return lab


def verdicts(lab: Any) -> list[str]:
    import json

    found = json.loads(lab("log", "--json").out)["events"]
    return sorted(f"{e['verdict']} {e['key_new'].rpartition('::')[2]}" for e in found)


# -- with nobody to ask ------------------------------------------------------------------


def test_only_reformatted_is_one_line(lab: Any, hook: Hook) -> None:
    lab.edit("lab/prep.py", '"""Scale rows to 0..1."""', '"""Scale."""')
    lab.edit("pipeline.py", "sum(model.weights) / N_CLASS", "sum( model.weights )/N_CLASS")
    lab.repo.git("add", ".")
    ended = hook("pre-commit", cwd=lab.root)
    assert ended.code == 0 and ended.err == ""
    assert ended.out == (
        "2 definitions only reformatted (git mandala diff --staged --cosmetic to see them)\n"
    )


def test_it_shows_and_leaves_open(changed: Any, hook: Hook, compare_golden: Any) -> None:
    ended = hook("pre-commit", cwd=changed.root, env={"MANDALA_PROMPT": "never"})
    assert (ended.code, ended.err) == (0, "")
    compare_golden("hook_pending.txt", ended.out)
    assert verdicts(changed) == []


def test_it_blocks_where_that_is_wished(changed: Any, hook: Hook, compare_golden: Any) -> None:
    changed.repo.git("config", "mandala.onUnclassified", "block")
    ended = hook("pre-commit", cwd=changed.root, env={"MANDALA_PROMPT": "never"})
    assert (ended.code, ended.err) == (1, "")
    compare_golden("hook_block.txt", ended.out)
    changed("classify", "--staged", "--breaking")
    ended = hook("pre-commit", cwd=changed.root)
    assert ended.code == 0 and ended.out.count("marked breaking") == 2
    assert "no verdict" not in ended.out


def test_it_takes_all_as_breaking_where_that_is_wished(changed: Any, hook: Hook) -> None:
    changed.repo.git("config", "mandala.onUnclassified", "breaking")
    ended = hook("pre-commit", cwd=changed.root, env={"CI": "true"})
    assert ended.code == 0 and "Recorded as breaking: " in ended.out and "(CI)" in ended.out
    assert verdicts(changed) == ["breaking N_CLASS", "breaking scale_data"]


def test_a_policy_that_means_nothing(changed: Any, hook: Hook) -> None:
    changed.repo.git("config", "mandala.onUnclassified", "ask")
    ended = hook("pre-commit", cwd=changed.root)
    assert ended.code == 0
    assert "mandala.onUnclassified is 'ask', not one of pending, block, breaking" in ended.err


def test_old_edits_are_not_the_business_of_this_commit(changed: Any, hook: Hook) -> None:
    changed.repo.git("commit", "-q", "-m", "two")
    changed.edit("lab/prep.py", "return x + 1", "return x + 2")
    changed.repo.git("add", ".")
    ended = hook("pre-commit", cwd=changed.root)
    assert "no verdict" not in ended.out and "unused" in ended.out


def test_many_changes_are_a_line_each(lab: Any, hook: Hook) -> None:
    body = "".join(f"def f{n}(x):\n    return x * {n}\n\n\n" for n in range(30))
    (lab.root / "many.py").write_text(body)
    lab.scale()
    lab.repo.git("add", ".")
    ended = hook("pre-commit", cwd=lab.root, env={"MANDALA_PROMPT": "never"})
    lines = ended.out.splitlines()
    assert lines[0].startswith("lab/prep.py:16: changed scale_data: body [used by train_model")
    assert "... and 11 more (git mandala diff --staged)" in lines


def test_without_readable_costs_it_still_shows(changed: Any, hook: Hook) -> None:
    import sqlite3

    database = sqlite3.connect(changed.root / ".git/mandala/results.db")
    database.execute("PRAGMA user_version = 999")
    database.close()
    ended = hook("pre-commit", cwd=changed.root)
    assert ended.code == 0 and "mandala: costs unknown: " in ended.err
    assert "~ lab/prep.py:16 scale_data" in ended.out


def test_a_broken_file_beside_an_edit(lab: Any, hook: Hook) -> None:
    lab.scale()
    (lab.root / "broken.py").write_text("def f(:\n")
    (lab.root / "latin.py").write_bytes(b"x = '\xe9'\n")
    lab.repo.git("add", ".")
    ended = hook("pre-commit", cwd=lab.root, env={"MANDALA_PROMPT": "never"})
    assert ended.code == 0 and "scale_data has no" not in ended.err
    assert ended.err.startswith("mandala: broken.py:1: ") and "latin.py:1: " in ended.err
    assert "1 changed definition has no verdict" in ended.out


def test_a_merge_shows_only_what_has_to_be_decided(lab: Any, hook: Hook) -> None:
    lab.repo.git("checkout", "-q", "-b", "side")
    lab.scale()
    lab.edit("lab/prep.py", "return x + 1", "return x + 2")
    lab.repo.commit("side")
    lab.repo.git("checkout", "-q", "main")
    (lab.root / "new.py").write_text("def new():\n    return 1\n")
    lab.repo.commit("main")
    lab.repo.git("merge", "-q", "--no-commit", "--no-ff", "side")
    ended = hook("pre-commit", cwd=lab.root, env={"MANDALA_PROMPT": "never"})
    assert "scale_data" in ended.out and "unused" not in ended.out
    lab("classify", "--staged", "--breaking")
    assert hook("pre-commit", cwd=lab.root).out == ""


def test_user_code_is_never_imported(changed: Any, hook: Hook) -> None:
    marker = changed.root / "ran"
    changed.edit("lab/prep.py", "N_CLASS = 11", f"open({str(marker)!r}, 'w')\nN_CLASS = 12")
    changed.repo.git("add", ".")
    hook("pre-commit", cwd=changed.root, env={"MANDALA_PROMPT": "never"})
    for words in (["status"], ["diff"], ["classify", "--breaking"], ["log"], ["world"]):
        assert changed(*words).code == 0
    assert not marker.exists()


# -- on a real terminal ------------------------------------------------------------------


@pytest.fixture
def commit(installed: Any) -> Callable[..., tuple[int | None, str]]:
    """`commit(lab, "b", "c")` commits on a terminal, answers, and returns code and screen."""

    def run(lab: Any, *answers: str, options: tuple[str, ...] = ()) -> tuple[int | None, str]:
        native = lab.root / ".git/hooks/pre-commit"
        if not native.exists():
            native.parent.mkdir(exist_ok=True)
            native.write_text("#!/bin/sh\nexec mandala-pre-commit\n")
            native.chmod(0o755)
        child = pexpect.spawn(
            "git", ["commit", "-m", "on a terminal", *options],
            cwd=str(lab.root), encoding="utf-8", timeout=60, dimensions=(50, 120),
            env={**os.environ, "TERM": "xterm", "NO_COLOR": "1"},
        )  # fmt: skip
        screen = ""
        for answer in answers:
            child.expect(PROMPT)
            screen += child.before + child.after
            if answer == "^D":
                child.sendeof()
            elif answer == "^C":
                child.sendintr()
            elif answer == "hangup":
                child.close()
                return None, screen
            else:
                child.sendline(answer)
        child.expect(pexpect.EOF)
        screen += child.before
        child.close()
        return child.exitstatus, screen.replace("\r\n", "\n")

    return run


def commits(lab: Any) -> int:
    return int(lab.repo.git("rev-list", "--count", "HEAD"))


def test_questions_and_answers(changed: Any, commit: Any, compare_golden: Any) -> None:
    code, screen = commit(changed, "b", "what?", "d", "compatible")
    assert code == 0 and commits(changed) == 2
    said = screen.replace(changed.repo.git("rev-parse", "HEAD")[:7], "0123456")
    compare_golden("hook_prompt.txt", said)
    assert verdicts(changed) == ["breaking scale_data", "compatible N_CLASS"]
    assert changed.program() == (4, 5)


def test_the_rest_breaking(changed: Any, commit: Any) -> None:
    assert commit(changed, "A")[0] == 0
    assert verdicts(changed) == ["breaking N_CLASS", "breaking scale_data"]


def test_left_open(changed: Any, commit: Any) -> None:
    code, screen = commit(changed, "s", "c")
    assert code == 0 and "mandala: 1 compatible, 1 open (git mandala status)" in screen
    assert verdicts(changed) == ["compatible N_CLASS"]


@pytest.mark.parametrize("leave", ["q", "^D", "^C", "hangup"])
def test_answers_given_before_leaving_are_kept(changed: Any, commit: Any, leave: str) -> None:
    code, screen = commit(changed, "c", leave)
    assert code != 0 and commits(changed) == 1
    if leave in ("q", "^D"):
        assert "the commit is stopped; the answers given are kept" in screen
    assert verdicts(changed) == ["compatible scale_data"]
    code, screen = commit(changed, "b")
    assert code == 0, "only the other one is asked about"
    assert "marked compatible" in screen


def test_nothing_to_ask_is_not_asked(lab: Any, commit: Any) -> None:
    lab.edit("lab/prep.py", "return x + 1", "return x + 2")
    lab.repo.git("add", ".")
    code, screen = commit(lab)
    assert code == 0 and "~ lab/prep.py:22 unused  " in screen


def test_commit_of_a_file_that_is_not_staged(changed: Any, commit: Any) -> None:
    """`git commit FILE` commits an index of its own."""
    changed.repo.git("reset", "-q")
    code, screen = commit(changed, "b", "b", options=("lab/prep.py",))
    assert code == 0 and "1 of 2" in screen


def test_through_pre_commit(changed: Any, commit: Any) -> None:
    changed.repo.write(CONFIG, f"repos:\n{HOOK}")
    changed.repo.git("add", ".")
    subprocess.run(
        [sys.executable, "-m", "pre_commit", "install"],
        cwd=changed.root, check=True, capture_output=True,
    )  # fmt: skip
    code, screen = commit(changed, "b", "q")
    assert code == 1 and "Failed" in screen and "mandala: 1 breaking, 1 open" in screen
    code, screen = commit(changed, "c")
    assert code == 0 and "Passed" in screen and "mandala: 1 compatible\n" in screen
    assert screen.count("N_CLASS = 11") == 1, "what was said on the terminal is not repeated"

    # with changes that are not staged, pre-commit holds them: not the time to ask
    changed.edit("pipeline.py", "return round(", "return 1 + round(")
    changed.repo.git("add", ".")
    changed.edit("pipeline.py", "(0.1, 0.2)", "(0.3,)")
    code, screen = commit(changed)
    assert code == 0 and "pre-commit holds your unstaged changes in " in screen
    assert "1 changed definition has no verdict" in screen


def test_an_op_that_goes_takes_its_calls_along(lab: Any, hook: Hook) -> None:
    lab.edit("pipeline.py", "@op\ndef get_acc", "def get_acc_of")
    lab.edit("pipeline.py", "round(sum(model.weights) / N_CLASS, 6)", "None")
    lab.edit("pipeline.py", "acc = get_acc(train_model", "acc = (train_model")
    lab.repo.git("add", ".")
    ended = hook("pre-commit", cwd=lab.root, env={"MANDALA_PROMPT": "never"})
    assert "get_acc\n  used by get_acc: 4 recorded calls, 16 ms of computing\n" in ended.out
    assert "no verdict" not in ended.out
    assert "gone: pipeline.py::get_acc   4 calls of get_acc, 16 ms\n" in lab("status").out


def test_the_first_commit(git_repo: Any, mandala: Any, hook: Hook) -> None:
    repo = git_repo()
    mandala("init", cwd=repo.root)
    repo.write("a.py", "def f(x):\n    return x\n")
    repo.git("add", ".")
    assert hook("pre-commit", cwd=repo.root) == (0, "+ a.py:1 f\n", "")
    repo.git("commit", "-q", "-m", "one")
    repo.git("rm", "-q", "a.py")
    assert hook("pre-commit", cwd=repo.root) == (0, "- a.py:1 f\n", "")


def test_git_merges_by_itself(lab: Any, installed: Any) -> None:
    """`git merge` that needs no help runs pre-merge-commit before it writes MERGE_HEAD."""
    lab.repo.git("checkout", "-q", "-b", "side")
    lab.scale()
    lab.edit("lab/prep.py", "return x + 1", "return x + 2")
    lab.repo.commit("side")
    lab.repo.git("checkout", "-q", "main")
    (lab.root / "new.py").write_text("def new():\n    return 1\n")
    lab.repo.commit("main")
    native = lab.root / ".git/hooks/pre-merge-commit"
    native.parent.mkdir(exist_ok=True)
    native.write_text("#!/bin/sh\nexec mandala-pre-commit >said 2>&1\n")
    native.chmod(0o755)
    env = {**os.environ, "MANDALA_PROMPT": "never"}
    subprocess.run(["git", "merge", "-q", "side"], cwd=lab.root, env=env, check=True)
    said = (lab.root / "said").read_text()
    assert "1 changed definition has no verdict" in said
    assert "scale_data" in said and "unused" not in said
