"""results and world: the tables of a state of the code."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest


@pytest.fixture
def twice(lab: Any) -> Any:
    """A breaking change was committed and everything ran again."""
    lab.scale()
    lab("classify", "--breaking")
    lab.repo.commit("two")
    assert lab.program() == (4, 5)
    return lab


def rows(lab: Any, *words: str) -> list[dict[str, Any]]:
    ended = lab("results", "--json", *words)
    assert ended.code == 0, ended.err
    found: list[dict[str, Any]] = json.loads(ended.out)["rows"]
    return found


def test_the_table_for_people(lab: Any, compare_golden: Any) -> None:
    head = lab.repo.git("rev-parse", "HEAD")[:10]
    for op in ("get_acc", "train_model"):
        ended = lab("results", op)
        assert (ended.code, ended.err) == (0, "")
        compare_golden(f"results_{op}.txt", ended.out.replace(head, "HEAD-COMMI"))


def test_the_table_as_json(lab: Any) -> None:
    found = json.loads(lab("results", "get_acc", "--json").out)
    assert found["format"] == 1
    assert found["columns"] == [
        "rate", "scale", "model", "output_0", "duration", "commit", "started"
    ]  # fmt: skip
    first = found["rows"][0]
    assert (first["rate"], first["scale"]) == (0.1, True)
    assert first["duration"] == 0.004 and first["started"] > 1.7e9
    assert first["commit"] == lab.repo.git("rev-parse", "HEAD")
    assert len(bytes.fromhex(first["model"])) == 16, "the history id of what is no scalar"
    assert isinstance(first["output_0"], float)
    assert {r["model"] for r in found["rows"]} == {r["output_0"] for r in rows(lab, "train_model")}


def test_the_table_as_csv(lab: Any) -> None:
    found = list(csv.DictReader(io.StringIO(lab("results", "get_acc", "--csv").out)))
    assert [(r["rate"], r["scale"]) for r in found] == [
        ("0.1", "True"), ("0.1", "False"), ("0.2", "True"), ("0.2", "False")
    ]  # fmt: skip
    assert float(found[0]["output_0"]) == rows(lab, "get_acc")[0]["output_0"]


def test_each_world_has_its_table(twice: Any) -> None:
    new, old = rows(twice, "get_acc"), rows(twice, "get_acc", "--rev", "HEAD~1")
    for found in (new, old):
        assert sorted((r["rate"], r["scale"]) for r in found) == [
            (0.1, False), (0.1, True), (0.2, False), (0.2, True)
        ], "not those computed from models of the other world"  # fmt: skip
    same = {r["model"] for r in new} & {r["model"] for r in old}
    assert len(same) == 2, "scale=False ran no changed code"
    assert rows(twice, "get_acc", "--rev", "HEAD") == new
    assert len(rows(twice, "train_model")) == len(rows(twice, "train_model", "--rev", "HEAD~1"))


def test_every_recorded_call(twice: Any) -> None:
    found = rows(twice, "get_acc", "--all")
    assert [r["belongs"] for r in found] == ["no", "yes", "no", "yes", "yes", "yes"]
    old = rows(twice, "get_acc", "--all", "--rev", "HEAD~1")
    assert [r["belongs"] for r in old] == ["yes", "yes", "yes", "yes", "no", "no"]


def test_code_that_is_not_committed_is_marked(twice: Any) -> None:
    twice.edit("pipeline.py", "(0.1, 0.2)", "(0.3,)")
    twice.program()
    line = twice("results", "get_acc").out.splitlines()[-1]
    assert line.split()[-1] == twice.repo.git("rev-parse", "HEAD")[:10] + "+"


def test_nothing_belongs(lab: Any) -> None:
    lab.edit("pipeline.py", "return round(sum", "return 1 + round(sum")
    ended = lab("results", "get_acc")
    assert (ended.code, ended.out) == (0, "")
    assert ended.err == (
        "none of the 4 recorded calls belongs to the work tree\n"
        "  git mandala results get_acc --all   shows them; git mandala status   says why\n"
    )
    assert rows(lab, "get_acc") == []


def test_names_of_ops(lab: Any) -> None:
    assert lab("results", "pipeline.py::get_acc").out == lab("results", "get_acc").out
    ended = lab("results", "nope")
    assert ended.code == 2
    assert "Recorded ops: get_acc, load_data, train_model." in ended.err
    assert lab("results", "get_acc", "--rev", "nope").code == 2
    assert lab("results", "get_acc", "--json", "--csv").code == 2


def test_an_op_by_its_new_name(lab: Any) -> None:
    before = rows(lab, "get_acc")
    lab.edit("pipeline.py", "get_acc", "accuracy")
    assert rows(lab, "accuracy") == before == rows(lab, "get_acc")


def test_a_value_that_cannot_be_loaded_here(lab: Any) -> None:
    (lab.root / "lab/prep.py").rename(lab.root / "lab/other.py")
    lab.edit("pipeline.py", "lab.prep", "lab.other")
    hid = rows(lab, "train_model", "--rev", "HEAD")[0]["output_0"]
    assert f"<ref {hid[:8]}>" in lab("results", "train_model", "--rev", "HEAD").out


def test_modules_that_talk_or_end_the_program_do_no_harm(lab: Any) -> None:
    (lab.root / "lab/prep.py").write_text(
        "import sys, warnings\nprint('hello')\nwarnings.warn('old')\nsys.exit(7)\n"
    )
    ended = lab("results", "train_model", "--rev", "HEAD")
    assert ended.code == 0 and "hello" not in ended.out and "<ref " in ended.out
    assert len(rows(lab, "train_model", "--rev", "HEAD")) == 4


def test_world(twice: Any, compare_golden: Any) -> None:
    out = twice("world").out.replace(twice.repo.git("rev-parse", "HEAD")[:10], "HEAD-COMMI")
    compare_golden("world.txt", out)
    found = json.loads(twice("world", "HEAD~1", "--json").out)
    assert found["commit"] == twice.repo.git("rev-parse", "HEAD~1")
    assert (found["format"], found["rev"], found["files"]) == (1, "HEAD~1", 2)
    assert {o["op"].rpartition("::")[2]: (o["belong"], o["other"]) for o in found["ops"]} == {
        "get_acc": (6, 0),
        "load_data": (1, 0),
        "train_model": (4, 2),
    }
    assert twice("world", "nope").code == 2
