"""classify and log: answers, taken back, in conflict, shared."""

from __future__ import annotations

import json
from typing import Any

import pytest


def pending(lab: Any) -> list[str]:
    return [each["qualname"] for each in json.loads(lab("status", "--json").out)["pending"]]


def events(lab: Any) -> list[tuple[str, str, bool]]:
    found = json.loads(lab("log", "--json").out)
    assert found["format"] == 1
    return [
        (e["verdict"], e["key_new"].rpartition("::")[2], e["superseded"]) for e in found["events"]
    ]


@pytest.fixture
def changed(lab: Any) -> Any:
    lab.scale()
    lab.n_class()
    return lab


def test_all_that_is_open(changed: Any, compare_golden: Any) -> None:
    ended = changed("classify", "--breaking")
    assert (ended.code, ended.err) == (0, "")
    compare_golden("classify.txt", ended.out)
    assert pending(changed) == []
    assert changed("classify", "--breaking") == (0, "", "nothing is open\n")
    # N_CLASS: 4 of get_acc; scale_data: 2 of train_model, whose get_acc run in any case
    assert changed.program() == (6, 3)


@pytest.mark.parametrize(
    "key", ["lab/prep.py::scale_data", "scale_data", "lab/prep.py::scale_data"]
)
def test_by_name(changed: Any, key: str) -> None:
    ended = changed("classify", key, "--compatible", "--note", "same scale")
    assert ended.out == "compatible  lab/prep.py::scale_data   2 calls of train_model, 3 min 00 s\n"
    assert ended.err == "1 edit without a verdict: git mandala status\n"
    assert pending(changed) == ["N_CLASS"]
    (event,) = json.loads(changed("log", "--json").out)["events"]
    assert event["note"] == "same scale" and event["author"] == "Ada Author <ada@example.org>"
    assert changed.program() == (4, 5), "get_acc alone runs again"


def test_by_file(changed: Any) -> None:
    assert len(changed("classify", "lab/prep.py", "--compatible").out.splitlines()) == 2
    assert changed.program() == (0, 9)


def test_a_name_that_means_nothing_lists_what_is_open(changed: Any) -> None:
    ended = changed("classify", "scale_data", "nope", "--breaking")
    assert ended.code == 2 and ended.out == ""
    assert "'nope' is no edit that can be decided" in ended.err
    assert "    lab/prep.py::scale_data\n" in ended.err
    assert events(changed) == [], "nothing is decided by half"


def test_an_edit_that_nothing_ran_may_be_decided_when_named(lab: Any) -> None:
    lab.edit("lab/prep.py", "return x + 1", "return x + 2")
    assert lab("classify", "--breaking").err == "nothing is open\n"
    assert lab("classify", "unused", "--compatible").out == "compatible  lab/prep.py::unused\n"
    assert events(lab) == [("compatible", "unused", False)]
    assert lab("classify", "--all", "--breaking").err == "nothing is open\n"


def test_a_changed_mind(changed: Any) -> None:
    changed("classify", "--breaking")
    ended = changed("classify", "scale_data", "--compatible")
    assert ended.code == 0 and ended.out.startswith("compatible  lab/prep.py::scale_data")
    assert ("breaking", "scale_data", True) in events(changed)
    assert "(replaced)" in changed("log", "scale_data").out
    ended = changed("classify", "scale_data", "--compatible")
    assert ended.out.endswith("(decided so already)\n") and len(events(changed)) == 3


def test_taking_back(changed: Any) -> None:
    changed("classify", "--compatible")
    assert changed("classify", "--retract").code == 2, "all of them only with --all"
    ended = changed("classify", "scale_data", "--retract")
    assert ended.out == "retracted   lab/prep.py::scale_data\n"
    assert pending(changed) == ["scale_data"]
    ended = changed("classify", "scale_data", "--retract")
    assert ended.code == 2 and "git mandala log" in ended.err
    changed("classify", "--retract", "--all")
    assert pending(changed) == ["scale_data", "N_CLASS"]
    assert changed("classify", "--retract", "--all").err.startswith("nothing to take back\n")


def test_after_the_commit_too(changed: Any) -> None:
    changed.repo.commit("two")
    assert pending(changed) == ["scale_data", "N_CLASS"]
    changed("classify", "N_CLASS", "--compatible")
    changed("classify", "scale_data", "--breaking")
    changed("classify", "scale_data", "--compatible")
    assert changed.program() == (0, 9)


def test_the_index(lab: Any) -> None:
    lab.scale()
    lab.repo.git("add", ".")
    lab.edit("lab/prep.py", "x / top + 1 for", "x / top for")
    lab.n_class()
    assert lab("classify", "N_CLASS", "--staged", "--breaking").code == 2
    assert lab("classify", "--staged", "--breaking").out.startswith(
        "breaking    lab/prep.py::scale"
    )
    assert pending(lab) == ["N_CLASS"]


def test_an_older_text_is_not_asked_about_again(lab: Any) -> None:
    lab.scale()
    lab("classify", "--breaking")
    lab.repo.commit("two")
    lab.program()
    lab.edit("lab/prep.py", "x / top + 1 for", "x / top + 2 for")
    found = json.loads(lab("status", "--json").out)["pending"]
    assert [(e["qualname"], e["calls"]) for e in found] == [("scale_data", 2)], "v2 -> v3 alone"
    lab("classify", "--compatible")
    assert pending(lab) == []


def test_a_compatible_predecessor_shares_the_answer(lab: Any) -> None:
    lab.scale()
    lab("classify", "--compatible")
    lab.repo.commit("two")
    lab.edit("pipeline.py", "(0.1, 0.2)", "(0.1, 0.2, 0.3)")
    assert lab.program() == (4, 9)
    lab.edit("lab/prep.py", "x / top + 1 for", "x / top + 2 for")
    assert pending(lab) == ["scale_data"], "asked once, though calls ran two texts"
    lab("classify", "--compatible")
    assert pending(lab) == []


def test_a_renamed_helper_needs_no_answer(lab: Any) -> None:
    lab.edit("lab/prep.py", "def scale_data", "def rescale")
    lab.edit("pipeline.py", "scale_data", "rescale")
    assert pending(lab) == []
    assert lab.program() == (0, 9)


def test_log_reads_well(changed: Any, compare_golden: Any) -> None:
    changed("classify", "N_CLASS", "--breaking", "--note", "eleven now")
    changed("classify", "N_CLASS", "--compatible")
    changed("classify", "N_CLASS", "--retract")
    compare_golden("log.txt", changed("log").out)
    assert changed("log", "N_CLASS").out == changed("log", "lab/prep.py").out
    ended = changed("log", "nope")
    assert ended.code == 2 and "lab/prep.py::N_CLASS" in ended.err


def test_a_log_without_anything(lab: Any) -> None:
    assert lab("log") == (0, "", "no verdicts yet\n")
    assert json.loads(lab("log", "--json").out) == {"format": 1, "events": []}


def test_a_clone_that_fetched_the_store_sees_the_verdicts(
    changed: Any, git_repo: Any, mandala: Any
) -> None:
    changed("classify", "--breaking", "--note", "for all")
    changed.repo.commit("two")
    clone = git_repo("clone")
    clone.git("remote", "add", "origin", str(changed.root))
    clone.git(
        "fetch", "-q", "origin", "main", "refs/mandala/store:refs/mandala-remote/origin/store"
    )
    clone.git("checkout", "-q", "-b", "main", "FETCH_HEAD")
    ended = mandala("log", "--json", cwd=clone.root)
    assert ended.code == 1, "no store of its own yet"
    mandala("init", cwd=clone.root)
    ended = mandala("log", "--json", cwd=clone.root)
    assert ended.code == 0 and len(json.loads(ended.out)["events"]) == 2
    assert "marked breaking" in mandala("diff", "HEAD~1", "HEAD", cwd=clone.root).out


def test_answers_that_disagree(changed: Any, git_repo: Any, mandala: Any) -> None:
    changed.repo.git("update-ref", "refs/test/base", "refs/mandala/store")
    changed("classify", "N_CLASS", "--breaking")
    changed.repo.git("update-ref", "refs/test/other", "refs/mandala/store")
    changed.repo.git("update-ref", "refs/mandala/store", "refs/test/base")
    changed("classify", "N_CLASS", "--compatible")
    changed.repo.git("update-ref", "refs/mandala-remote/other/store", "refs/test/other")
    found = json.loads(changed("status", "--json").out)
    (conflict,) = found["conflicts"]
    assert {e["verdict"] for e in conflict["events"]} == {"breaking", "compatible"}
    assert changed("status", "--exit-code").code == 1
    screen = changed("status").out
    assert "conflict: lab/prep.py::N_CLASS: " in screen and "settle it: " in screen
    assert changed("log").out.count("(conflict)") == 2
    changed("classify", "N_CLASS", "--compatible")
    assert json.loads(changed("status", "--json").out)["conflicts"] == []


def test_names_of_files_are_from_here(changed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(changed.root / "lab")
    assert changed("classify", "prep.py::N_CLASS", "--compatible").code == 0
    assert changed("classify", "prep.py", "--breaking").out.startswith("breaking    lab/prep.py::s")
    assert changed("log", "prep.py").out == changed("log", "lab/prep.py").out


def test_an_edit_that_was_committed_is_told_as_well(changed: Any) -> None:
    before = changed("status").out
    changed.repo.commit("two")
    assert changed("status").out == before


RENAMED = (
    ("def train_model(data, rate, scale=True):", "def fit_model(data, rate, scale=True):"),
    ("get_acc(train_model(", "get_acc(fit_model("),
    ("    return Model(", "    assert rate\n    return Model("),
)


@pytest.fixture
def renamed(lab: Any) -> Any:
    """An op that has another name and another text."""
    for old, new in RENAMED:
        lab.edit("pipeline.py", old, new)
    return lab


def test_an_op_renamed_and_changed_keeps_its_results_when_told_so(renamed: Any) -> None:
    lab = renamed
    out = lab("diff").out
    assert "+ pipeline.py:10 fit_model   perhaps train_model, renamed and changed (8" in out
    command = (
        "git mandala classify pipeline.py::fit_model --was pipeline.py::train_model --compatible"
    )
    assert f"  if results stay: {command}\n" in out
    # Nothing follows from a guess.
    assert pending(lab) == [] and lab("classify", "--compatible").err == "nothing is open\n"
    ended = lab(*command.split()[2:])
    assert ended == (0, "compatible  pipeline.py::fit_model (was pipeline.py::train_model)\n", "")
    assert "marked compatible" in lab("diff").out and command not in lab("diff").out
    assert lab.program() == (0, 9)
    assert lab("classify", "fit_model", "--retract").code == 0
    assert lab.program() == (4, 5)


def test_an_op_renamed_and_changed_runs_again_when_nobody_says_anything(renamed: Any) -> None:
    assert renamed.program() == (4, 5)


def test_an_op_renamed_in_an_earlier_commit(renamed: Any) -> None:
    lab = renamed
    lab.repo.commit("two")
    words = ("classify", "fit_model", "--was", "pipeline.py::train_model", "--compatible")
    ended = lab(*words)
    assert ended.code == 2 and "'pipeline.py::train_model' is no definition there" in ended.err
    out = lab("diff", "HEAD~1").out
    command = next(line for line in out.splitlines() if "if results stay" in line)
    assert command.endswith(" --was 'HEAD~1:pipeline.py::train_model' --compatible") or (
        command.endswith(" --was HEAD~1:pipeline.py::train_model --compatible")
    )
    assert "if results stay" not in lab("diff", "HEAD~1", "HEAD").out
    assert lab("classify", "fit_model", "--was", "HEAD~1:train_model", "--compatible").code == 0
    assert lab.program() == (0, 9)


def test_a_helper_renamed_and_changed_is_asked_about_like_any_other(lab: Any) -> None:
    lab.edit("lab/prep.py", "def scale_data(rows):", "def scaled(rows):")
    lab.edit("lab/prep.py", "for row in rows]", "for row in rows] or rows")
    lab.edit("pipeline.py", "scale_data", "scaled")
    assert pending(lab) == ["scaled"]
    assert "if results stay" not in lab("diff").out  # the question is there already
    ended = lab("classify", "scaled", "--was", "scale_data", "--compatible")
    assert ended.out == "compatible  lab/prep.py::scaled (was lab/prep.py::scale_data)\n"
    assert pending(lab) == []
    assert lab.program() == (0, 9)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["unused", "--was", "nope"], "'nope' is no definition there"),
        (["nope", "--was", "lab/prep.py::unused"], "'nope' is no definition there"),
        (["lab/prep.py::unused", "--was", "lab/prep.py::scale_data"], "is still there"),
        (["--was", "unused"], "--was tells of one KEY what it was"),
        (["a", "b", "--was", "unused"], "--was tells of one KEY what it was"),
        (["unused", "--was", "v0:unused"], "'v0' names no commit"),
    ],
)
def test_what_was_not(lab: Any, words: list[str], said: str) -> None:
    ended = lab("classify", *words, "--compatible")
    assert ended.code == 2 and said in ended.err
    assert events(lab) == []


def test_was_is_not_for_taking_back(lab: Any) -> None:
    ended = lab("classify", "unused", "--was", "unused", "--retract")
    assert ended.code == 2 and "git mandala classify KEY --retract" in ended.err
