"""world --compare: two states of the code side by side."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytestmark = pytest.mark.sweep


@pytest.fixture
def twice(lab: Any) -> Any:
    """A change was committed and everything ran again."""
    lab.scale()
    lab.repo.commit("two")
    assert lab.program() == (4, 5)
    return lab


def compared(lab: Any, *words: str) -> dict[str, Any]:
    ended = lab("world", "--json", "--compare", *words)
    assert ended.code == 0, ended.err
    found: dict[str, Any] = json.loads(ended.out)
    return found


def test_calls_appear_vanish_and_stay(twice: Any) -> None:
    found = compared(twice, "HEAD~1", "HEAD")
    assert found["worlds"] == ["HEAD~1", "HEAD"]
    assert {
        each["op"]: (each["appear"], each["vanish"], each["stay"]) for each in found["ops"]
    } == {
        "pipeline.py::get_acc": (2, 2, 2),
        "pipeline.py::load_data": (0, 0, 1),
        "pipeline.py::train_model": (2, 2, 2),
    }
    back = compared(twice, "HEAD", "HEAD~1")
    assert [each["appear"] for each in back["ops"]] == [2, 0, 2]


def test_results_of_the_same_experiment(twice: Any) -> None:
    table = compared(twice, "HEAD~1", "HEAD")["differences"]
    accuracies = [each for each in table if each["op"] == "get_acc"]
    assert [(each["rate"], each["scale"], each["output"]) for each in accuracies] in (
        [(0.1, True, "output_0"), (0.2, True, "output_0")],
        [(0.2, True, "output_0"), (0.1, True, "output_0")],
    ), "what does not scale ran no changed code"
    assert all(each["HEAD~1"] != each["HEAD"] for each in table)
    twice.edit("lab/prep.py", "x / top + 1 for", "x / top for")
    assert compared(twice, "HEAD")["worlds"] == ["HEAD", "the work tree"]
    again = compared(twice, "HEAD")["differences"]
    assert {(e["op"], e.get("rate")): e["the work tree"] for e in again} == {
        (e["op"], e.get("rate")): e["HEAD~1"] for e in table
    }


def test_a_world_and_itself(twice: Any) -> None:
    found = compared(twice, "HEAD", "HEAD")
    assert found["differences"] == [] and not any(e["appear"] + e["vanish"] for e in found["ops"])


def test_for_people(twice: Any) -> None:
    ended = twice("world", "--compare", "HEAD~1")
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert lines[0] == "from HEAD~1 to the work tree"
    assert "4 results of the same experiment differ" in lines
    assert lines[-1].split()[0] == "train_model"


@pytest.mark.parametrize("words", [["A", "B", "C"], ["nowhere"]])
def test_what_cannot_be_compared(twice: Any, words: list[str]) -> None:
    ended = twice("world", "--compare", *words)
    assert ended.code == 2 and ended.out == "" and "mandala: " in ended.err


def test_nothing_is_recorded(git_repo: Any, lab: Any) -> None:
    lab("init")
    ended = lab("-C", str(git_repo("empty").root), "world", "--compare", "HEAD")
    assert "no calls are recorded" in ended.err
