"""status and diff: what holds for the code as it is, what changed, what is open."""

from __future__ import annotations

import json
from typing import Any

import pytest


def pending(lab: Any) -> list[str]:
    return [each["qualname"] for each in json.loads(lab("status", "--json").out)["pending"]]


def test_all_is_well(lab: Any, compare_golden: Any) -> None:
    ended = lab("status")
    assert ended.code == 0 and ended.err == ""
    compare_golden("status_idle.txt", ended.out)
    assert lab("status", "--exit-code").code == 0


def test_formatting_and_docstrings_are_no_question(lab: Any) -> None:
    lab.edit("lab/prep.py", '"""Scale rows to 0..1."""', '"""Other words."""  # and a comment')
    lab.edit("pipeline.py", "sum(model.weights) / N_CLASS", "sum( model.weights )  /  N_CLASS")
    assert pending(lab) == []
    assert lab("diff").out == (
        "2 definitions only reformatted (git mandala diff --cosmetic to see them)\n"
    )
    assert lab("diff", "--cosmetic").out.count("only reformatted") == 2
    assert lab("diff", "--exit-code").code == 0


def test_open_edits_with_what_is_at_stake(lab: Any, compare_golden: Any) -> None:
    lab.scale()
    lab.n_class()
    ended = lab("status")
    assert (ended.code, ended.err) == (0, "")
    compare_golden("status_pending.txt", ended.out)
    assert lab("status", "--exit-code").code == 1


def test_status_as_json(lab: Any) -> None:
    lab.scale()
    lab.n_class()
    found = json.loads(lab("status", "--json").out)
    assert (found["format"], found["store"], found["verdicts"]) == (1, True, 0)
    assert found["conflicts"] == found["gone"] == []
    scale, n_class = found["pending"]
    assert scale["key_old"] == scale["key_new"] == "lab/prep.py::scale_data"
    assert (scale["path"], scale["line"], scale["qualname"]) == ("lab/prep.py", 16, "scale_data")
    assert scale["ops"] == ["pipeline.py::train_model"]
    assert (scale["calls"], scale["seconds"]) == (2, 180.0), "only those with scale=True"
    assert scale["text_old"] != scale["text_new"]
    assert scale["digest_old"].startswith("n2:") and scale["digest_old"] != scale["digest_new"]
    assert n_class["qualname"] == "N_CLASS" and n_class["calls"] == 4
    assert n_class["suggestion"] == "breaking"
    ops = {each["op"]: each for each in found["ops"]}
    train = ops["pipeline.py::train_model"]
    assert (train["belong"], train["pending"], train["unknown"]) == (2, 2, 0)


def test_the_work_tree_counts_not_the_index(lab: Any) -> None:
    lab.scale()
    lab.repo.git("add", ".")
    lab.edit("lab/prep.py", "x / top + 1 for", "x / top for")
    assert pending(lab) == []


def test_what_is_gone(lab: Any) -> None:
    lab.edit("pipeline.py", "data = scale_data(data)", "pass")
    lab.edit("pipeline.py", "Model, scale_data", "Model")
    text = (lab.root / "lab/prep.py").read_text()
    at, end = text.index("def scale_data"), text.index("def unused")
    (lab.root / "lab/prep.py").write_text(text[:at] + text[end:])
    found = json.loads(lab("status", "--json").out)
    assert [each["qualname"] for each in found["pending"]] == ["train_model"]
    assert lab("diff", "--format", "concise").out.splitlines() == [
        "pipeline.py:10: changed train_model: call removed: scale_data [used by train_model: 4 recorded calls, "
        "6 min 00 s of computing]",
        "lab/prep.py:16: removed scale_data",
    ]


def test_before_anything_is_set_up_nothing_is_made(git_repo: Any, mandala: Any) -> None:
    repo = git_repo()
    ended = mandala("status", cwd=repo.root)
    assert ended.code == 0
    assert ended.out == (
        "no store yet: git mandala init\nno recorded calls yet: run your program\n"
    )
    assert not (repo.root / ".git" / "mandala").exists()
    for words in (["log"], ["classify", "--breaking"]):
        ended = mandala(*words, cwd=repo.root)
        assert ended.code == 1 and "make it: git mandala init" in ended.err
    assert mandala("world", cwd=repo.root).code == 0
    assert mandala("diff", cwd=repo.root).code == 0
    assert mandala("results", "f", cwd=repo.root).code == 2


@pytest.mark.parametrize("verb", [["status"], ["diff"], ["log"], ["world"], ["results", "f"]])
def test_outside_of_a_repository(verb: list[str], mandala: Any) -> None:
    assert mandala(*verb).code == 128


def test_a_newer_database_leaves_the_costs_unknown(lab: Any) -> None:
    import sqlite3

    database = sqlite3.connect(lab.root / ".git/mandala/results.db")
    database.execute("PRAGMA user_version = 999")
    database.close()
    lab.scale()
    for words in (["status"], ["diff"], ["world"], ["classify", "scale_data", "--breaking"]):
        ended = lab(*words)
        assert ended.code == 0 and "mandala: costs unknown: " in ended.err
    assert lab("results", "get_acc").code == 1
    ended = lab("classify", "--breaking")
    assert ended.code == 1 and "newer version" in ended.err, "nobody knows what is open"
    assert "nothing is open" not in ended.err


def test_diff_in_full(lab: Any, compare_golden: Any) -> None:
    lab.scale()
    lab.n_class()
    lab.edit("lab/prep.py", '"""What training gives."""', '"""What it gives."""')
    ended = lab("diff")
    assert (ended.code, ended.err) == (0, "")
    compare_golden("diff.txt", ended.out)
    compare_golden("diff_concise.txt", lab("diff", "--format", "concise").out)
    compare_golden("diff_github.txt", lab("diff", "--format", "github").out)
    assert lab("diff", "--exit-code").code == 1
    found = json.loads(lab("diff", "--json").out)
    assert [(c["kind"], c["key"]) for c in found["changes"]] == [
        ("changed", "lab/prep.py::N_CLASS"),
        ("changed", "lab/prep.py::scale_data"),
        ("cosmetic", "lab/prep.py::Model"),
    ]
    assert found["changes"][1]["consequence"]["ops"] == ["train_model"]


def test_diff_sides_and_paths(lab: Any) -> None:
    lab.scale()
    lab.repo.commit("two")
    lab.n_class()
    lab.repo.git("add", ".")
    lab.edit("pipeline.py", "return round(", "return 1 + round(")

    def names(*words: str) -> list[str]:
        ended = lab("diff", "--json", *words)
        assert ended.code == 0, ended.err
        return [c["key"].rpartition("::")[2] for c in json.loads(ended.out)["changes"]]

    assert names() == ["N_CLASS", "get_acc"]
    assert names("--staged") == ["N_CLASS"]
    assert names("HEAD~1") == ["N_CLASS", "scale_data", "get_acc"]
    assert names("HEAD~1", "--staged") == ["N_CLASS", "scale_data"]
    assert names("HEAD~1", "HEAD") == names("HEAD~1..HEAD") == names("HEAD~1..") == ["scale_data"]
    assert names("HEAD", "HEAD~1") == names("..HEAD~1") == ["scale_data"]
    assert names("HEAD~1", "--", "lab") == ["N_CLASS", "scale_data"]
    assert names("--", "pipeline.py") == ["get_acc"] and names("HEAD~1", "HEAD", "--") == [
        "scale_data"
    ]
    assert names("pipeline.py") == ["get_acc"]
    assert names("lab") == ["N_CLASS"] and names(".") == ["N_CLASS", "get_acc"]
    assert names("HEAD~1", "lab/prep.py") == ["N_CLASS", "scale_data"]
    assert names("--staged", "pipeline.py") == []


def test_diff_of_what_cannot_be_told(lab: Any) -> None:
    for words, said in {
        ("nope",): "'nope' is neither a revision nor a Python file of either side",
        ("HEAD", "nope"): "'nope' is neither a revision",
        ("HEAD", "HEAD", "HEAD"): "'HEAD' is neither",
        ("HEAD", "HEAD", "--staged"): "--staged compares the index with one revision",
        ("/etc",): "'/etc' is neither a revision",
        ("HEAD", "--", "HEAD"): "'HEAD' is neither",
        ("nope", "--", "lab"): "'nope' is no revision",
        ("../..",): "'../..' is neither",
    }.items():
        ended = lab("diff", *words)
        assert ended.code == 2 and said in ended.err, words
    lab.repo.git("branch", "lab")
    ended = lab("diff", "lab")
    assert ended.code == 2 and "'lab' is a revision and a file" in ended.err
    assert lab("diff", "./lab").code == lab("diff", "--", "lab").code == 0
    assert lab("diff", "lab", "--").code == 0


def test_diff_since_a_branch_was_left(lab: Any) -> None:
    lab.repo.git("switch", "-q", "-c", "topic")
    lab.scale()
    lab.repo.commit("topic")
    lab.repo.git("switch", "-q", "main")
    lab.n_class()
    lab.repo.commit("main")

    def names(word: str) -> list[str]:
        found = json.loads(lab("diff", "--json", word).out)["changes"]
        return [change["key"].rpartition("::")[2] for change in found]

    assert names("main...topic") == names("...topic") == ["scale_data"]
    assert names("main..topic") == ["N_CLASS", "scale_data"]
    assert names("topic...") == ["N_CLASS"]
    lab.repo.git("switch", "-q", "--orphan", "alone")
    lab.repo.commit("alone")
    ended = lab("diff", "main...alone")
    assert ended.code == 2 and "git mandala diff main..alone" in ended.err


def test_a_broken_file_is_named_and_the_rest_is_shown(lab: Any) -> None:
    lab.edit("pipeline.py", "def load_data():", "def load_data(:")
    lab.scale()
    for words in (["diff"], ["status"]):
        ended = lab(*words)
        assert ended.code == 0 and "scale_data" in lab("diff").out
    assert lab("diff").err.startswith("mandala: pipeline.py:")
    assert lab("diff", "--exit-code", "pipeline.py").code == 1, "nothing is known about it"
    (complaint,) = json.loads(lab("diff", "--json").out)["unreadable"]
    assert complaint.startswith("pipeline.py:")
    assert json.loads(lab("diff", "--json", "lab").out)["unreadable"] == []
    assert "pipeline" not in lab("diff", "lab").err
    lab.repo.commit("broken")
    lab.edit("pipeline.py", "def load_data(:", "def load_data():")
    assert "pipeline.py could not be read before" in lab("diff").err
    lab.edit("pipeline.py", "def load_data():", "def load_data(:")
    assert "cannot be read: pipeline.py" in lab("world").out


def test_an_op_that_is_gone_does_not_make_it_read_the_whole_project(
    lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        (lab.root / f"other{number}.py").write_text(f"def f():\n    return {number}\n")
    lab.edit("pipeline.py", "get_acc", "accuracy")
    scanned: list[str] = []

    def scan(index: Any, path: str, blob: str, data: bytes, neutral: Any) -> Any:
        scanned.append(path)
        return real(index, path, blob, data, neutral)

    from mandala_git.versions import indexed

    real = indexed.scan_into
    monkeypatch.setattr(indexed, "scan_into", scan)
    assert pending(lab) == []
    assert scanned == ["pipeline.py"], "a file that this package is not named in has no op"
