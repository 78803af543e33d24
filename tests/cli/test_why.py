"""why and blame: how a value came about, and which commits made an op what it is."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mandala_git.cli.why import _fits

pytestmark = pytest.mark.sweep


def test_the_program_of_a_value(lab: Any) -> None:
    ended = lab("why", "get_acc", "rate=0.2", "scale=True")
    assert (ended.code, ended.err) == (0, "")
    program = [line for line in ended.out.splitlines() if not line.startswith("#")]
    assert re.fullmatch(r"a0 = get_acc\(.*\)", program[-1])
    assert any("train_model(" in line and "rate=0.2" in line for line in program)
    head = lab.repo.git("rev-parse", "HEAD")[:10]
    ran = [line for line in ended.out.splitlines() if line.startswith("#")]
    assert len(ran) == len([line for line in program if "(" in line])
    assert all(f"at {head}" in line and "version " in line for line in ran)


def test_by_history_id_and_as_json(lab: Any) -> None:
    found = json.loads(lab("why", "get_acc", "rate=0.1", "scale=False", "--json").out)
    assert found["format"] == 1
    last = found["calls"][-1]
    assert last["op"] == "get_acc" and last["outputs"]["output_0"] == found["ref"]
    assert last["commit"] == lab.repo.git("rev-parse", "HEAD") and last["dirty"] is False
    again = json.loads(lab("why", found["ref"], "--json").out)
    assert again == found
    for digits in (12, 31):
        assert json.loads(lab("why", found["ref"][:digits], "--json").out) == found


def test_the_code_of_its_versions(lab: Any) -> None:
    ended = lab("why", "get_acc", "rate=0.1", "scale=True", "--code")
    assert ended.code == 0
    assert "# lab/prep.py::scale_data" in ended.out and "N_CLASS = 10" in ended.out


def test_who_asks_for_too_much_is_told_what_there_is(lab: Any) -> None:
    ended = lab("why", "get_acc")
    assert ended.code == 2 and "4 calls of get_acc are meant" in ended.err
    commands = re.findall(r"git mandala (why [0-9a-f]{16})", ended.err)
    assert len(set(commands)) == 4
    for command in commands:
        assert lab(*command.split()).code == 0
    assert "have no 'rat'" in lab("why", "get_acc", "rat=1").err
    assert "rate, scale" in lab("why", "get_acc", "rat=1").err
    assert "with rate=7" in lab("why", "get_acc", "rate=7").err
    assert "is no NAME=VALUE" in lab("why", "get_acc", "rate").err
    assert "no calls of an op 'abcd'" in lab("why", "abcd").err
    lab.edit("lab/prep.py", "N_CLASS = 10", "N_CLASS = 11")
    assert "belongs to the work tree" in lab("why", "get_acc", "rate=0.2").err


class Secret:
    def __repr__(self) -> str:
        raise ValueError("no repr")

    def __eq__(self, other: object) -> bool:
        raise ValueError("no comparison")

    __hash__ = None  # type: ignore[assignment]


def test_values_that_cannot_be_shown_or_compared_fit_nothing() -> None:
    edges = {"x": SimpleNamespace(cid=b"x")}
    row: Any = SimpleNamespace(settings={}, inputs=edges, outputs={})
    for value, fits in ((Secret(), False), (3, True), (np.zeros(2), False)):
        loader: Any = SimpleNamespace(load=lambda _, value=value: value)
        assert _fits(row, {"x": "3"}, loader) is fits


def test_nothing_is_recorded_yet(git_repo: Any, lab: Any) -> None:
    lab("init")
    assert "no calls are recorded" in lab("-C", str(git_repo("empty").root), "why", "f").err


def commits(lab: Any, *words: str) -> dict[str, tuple[str, list[str]]]:
    ended = lab("blame", "--json", *words)
    assert ended.code == 0, ended.err
    return {
        each["key"]: (each["subject"], each["reasons"])
        for each in json.loads(ended.out)["definitions"]
    }


def test_the_commits_that_count(lab: Any) -> None:
    before = commits(lab, "train_model")
    lab.scale()
    lab.repo.commit("scale otherwise")
    lab.edit("lab/prep.py", "N_CLASS = 10", "N_CLASS = 10  # digits")
    lab.repo.commit("a comment")
    after = commits(lab, "train_model")
    changed = {key for key in after if after[key] != before.get(key)}
    assert {after[key][0] for key in changed} == {"scale otherwise"}
    assert any(key.startswith("lab/prep.py::") for key in changed)
    shown = lab("blame", "train_model").out.splitlines()
    assert "scale otherwise" in shown[0] and len(shown) == len(after)
    assert commits(lab, "train_model", "HEAD~2") == before


def test_what_was_called_compatible_or_moved_is_looked_through(lab: Any) -> None:
    before = commits(lab, "train_model")
    lab.scale()
    assert lab("classify", "--compatible").code == 0
    lab.repo.commit("scale, and it does not matter")
    lab.repo.git("mv", "lab/prep.py", "lab/prepare.py")
    for path in lab.root.rglob("*.py"):
        path.write_text(path.read_text().replace("lab.prep", "lab.prepare"))
    lab.repo.commit("a file moved")
    after = commits(lab, "train_model")
    subjects = {subject for subject, _ in after.values()}
    assert "scale, and it does not matter" not in subjects
    assert len(after) == len(before)


def test_a_name_that_others_import(lab: Any) -> None:
    before = commits(lab, "train_model")
    (lab.root / "other.py").write_text("from pipeline import train_model\n")
    lab.repo.commit("an import")
    assert commits(lab, "train_model") == before
    (lab.root / "other.py").write_text("def train_model():\n    return 1\n")
    lab.repo.commit("a namesake")
    ended = lab("blame", "train_model")
    assert ended.code == 2 and "git mandala blame other.py::train_model" in ended.err


def test_a_key_in_words_of_the_folder_where_one_is(lab: Any) -> None:
    for words in (
        ("results", "../pipeline.py::train_model"),
        ("drop", "--list", "../pipeline.py::train_model"),
        ("why", "../pipeline.py::load_data"),
        ("blame", "prep.py::scale_data"),
    ):
        there = lab("-C", str(lab.root / "lab"), *words)
        assert (there.code, there.err) == (0, ""), words
        key = words[-1].removeprefix("../") if words[-1].startswith("..") else f"lab/{words[-1]}"
        assert there.out == lab("-C", str(lab.root), *words[:-1], key).out


def test_what_is_not_there(lab: Any) -> None:
    assert "no 'nope' in HEAD" in lab("blame", "nope").err
    assert lab("blame", "train_model", "nowhere").code == 2
