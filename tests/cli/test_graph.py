"""graph: the recorded calls of a state of the code as text and as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

GRAPH = """\
data@output_0 = load_data()
model@output_0 = train_model(data=data, rate=rate, scale=scale)
var_0@output_0 = get_acc(model=model)
"""


def test_the_graph_of_all_calls_and_of_an_op(lab: Any) -> None:
    ended = lab("graph")
    assert (ended.code, ended.out, ended.err) == (0, GRAPH, "")
    assert lab("graph", "get_acc", "--rev", "HEAD").out == GRAPH
    assert lab("graph", "train_model").out == "".join(GRAPH.splitlines(keepends=True)[:2]).replace(
        "model@", "var_0@"
    )
    verbose = lab("graph", "pipeline.py::get_acc", "--verbose").out
    assert verbose.startswith(GRAPH)
    assert "variable model: 4 values (0 sources, 0 sinks)" in verbose
    assert "function load_data: 1 calls of pipeline.py::load_data" in verbose


def test_only_calls_that_belong_are_there(lab: Any) -> None:
    lab.scale()
    ended = lab("graph")
    counts = lab("graph", "--verbose").out
    assert ended.code == 0 and "function train_model: 2 calls" in counts
    assert "function train_model: 4 calls" in lab("graph", "--verbose", "--rev", "HEAD").out


def test_the_graph_is_drawn(lab: Any, tmp_path: Path) -> None:
    place = tmp_path / "graph.dot"
    ended = lab("graph", "-o", str(place), "--left-to-right")
    assert (ended.code, ended.out) == (0, "") and "8 nodes" in ended.err
    assert '"model" -> "get_acc" [label="model"];' in place.read_text()
    assert lab("graph", "-o", str(tmp_path / "graph.jpeg")).code == 2


def test_what_is_not_there(lab: Any) -> None:
    ended = lab("graph", "nobody")
    assert ended.code == 2 and "get_acc, load_data, train_model" in ended.err
    lab.repo.write("pipeline.py", "x = 1\n")
    ended = lab("graph")
    assert (ended.code, ended.out) == (0, "") and "no recorded call belongs" in ended.err
