"""table: what led to what, for people and programs."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from mandala_git.views.tables import as_markdown


def rows(lab: Any, *words: str) -> list[dict[str, Any]]:
    ended = lab("table", "--json", *words)
    assert ended.code == 0, ended.err
    found: list[dict[str, Any]] = json.loads(ended.out)["rows"]
    return found


def test_what_led_to_what(lab: Any) -> None:
    found = rows(lab, "rate", "scale", "var_0", "--from", "get_acc")
    accs = [(r["rate"], r["scale"], r["output_0"]) for r in json.loads(
        lab("results", "get_acc", "--json").out)["rows"]]  # fmt: skip
    assert sorted((r["rate"], r["scale"], r["var_0"]) for r in found) == sorted(accs)
    assert rows(lab, "rate", "scale", "var_0") == found
    every = rows(lab)
    assert set(every[0]) == {"data", "rate", "scale", "model", "var_0"}
    assert len(bytes.fromhex(every[0]["model"])) == 16, "the history id of what is no scalar"


def test_rows_are_chosen_and_sorted(lab: Any) -> None:
    found = rows(lab, "rate", "scale", "--where", "rate > 0.1 and scale", "--sort-by", "rate")
    assert found == [{"rate": 0.2, "scale": True}]
    every = rows(lab, "rate", "var_0", "--sort-by", "var_0")
    values = [row["var_0"] for row in every]
    assert len(values) == 4 and values == sorted(values)
    assert rows(lab, "rate", "--sort-by", "rate") == [{"rate": 0.1}, {"rate": 0.2}]


def test_forms(lab: Any) -> None:
    text = lab("table", "rate", "scale").out.splitlines()
    assert text[0].split() == ["rate", "scale"] and len(text) == 5
    found = list(csv.DictReader(io.StringIO(lab("table", "rate", "scale", "--csv").out)))
    assert {(r["rate"], r["scale"]) for r in found} == {
        ("0.1", "True"), ("0.1", "False"), ("0.2", "True"), ("0.2", "False")
    }  # fmt: skip
    lines = lab("table", "rate", "model", "--md").out.splitlines()
    assert lines[:2] == ["| rate | model |", "| --- | --- |"] and len(lines) == 6
    assert as_markdown([{"a": "x|y"}, {}]) == "| a |\n| --- |\n| x\\|y |\n|  |\n"


def test_a_commit_and_the_work_tree(lab: Any) -> None:
    lab.scale()
    assert len(rows(lab, "scale", "var_0", "--rev", "HEAD")) == 4
    assert {row["scale"] for row in rows(lab, "scale", "var_0")} == {False}


def test_what_is_not_there(lab: Any) -> None:
    for words in (
        ["nobody"], ["get_acc"], ["rate", "--from", "nobody"], ["rate", "--sort-by", "scale"],
        ["rate", "--where", "nobody > 1"], ["rate", "--where", "rate >"],
        ["rate", "--where", "1"],
    ):  # fmt: skip
        ended = lab("table", *words)
        assert (ended.code, ended.out) == (2, ""), words
        assert ended.err.startswith("mandala: ") or "mandala" in ended.err
    lab.repo.write("pipeline.py", "x = 1\n")
    assert "no recorded call belongs" in lab("table").err
