"""`storage.explain`: why a call would be found, or would run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Project

OPS = """
from mandala_git import op
from prep import scale

@op
def train(x, n=10, *, scaled=True):
    return scale(x) if scaled else x * n

@op
def score(model):
    return model + 1
"""
PREP = "K = 3\n\ndef scale(x):\n    y = x * 2\n    return y + K\n"


@pytest.fixture
def explain(project: Project) -> Any:
    """Run some calls once; then explain others, each in a process of its own."""
    project.write(p=OPS, prep=PREP)
    project.commit()
    run = "import p\nwith storage:\n    p.train(1); p.train(2); p.train(2, n=20, scaled=False)\n"
    assert project.program(run).executed == 3

    def ask(call: str) -> str:
        found = project.program(f"import p\nout(storage.explain(p.{call}))\n", oracle=False)
        assert (found.executed, found.found) == (0, 0)
        (text,) = found.values
        return text

    return ask


def test_a_recorded_call(explain: Any) -> None:
    for call in ("train, 1", "train, x=2, n=10", "train, 2, 20, scaled=False"):
        said, ran = explain(call).splitlines()
        assert said == "train would be found"
        assert ran.startswith("  ran 20") and " at " in ran


def test_other_arguments(explain: Any) -> None:
    assert explain("train, 1, 30").splitlines() == [
        "train would run",
        "  the 3 recorded calls had other arguments; the nearest differs in",
        "    n: 30 now, 10 then",
    ]
    assert explain("train, 'a' * 100").splitlines()[2].startswith("    x: 'aaaa")
    assert explain("score, 1") == "score would run\n  no call of it is recorded"


def test_other_code(project: Project, explain: Any) -> None:
    project.write(prep=PREP.replace("x * 2", "x * 5"))
    assert explain("train, 1").splitlines() == [
        "train would run",
        "  prep.py:3 scale changed: 2 -> 5, not decided: git mandala classify prep.py::scale "
        "--breaking|--compatible",
        "    -     y = x * 2",
        "    +     y = x * 5",
    ]
    assert explain("train, 2, 20, scaled=False").startswith("train would be found")
    project.breaking("scale")
    assert "prep.py:3 scale changed: 2 -> 5, breaking" in explain("train, 1")


def test_a_global_and_what_is_gone(project: Project, explain: Any) -> None:
    project.write(prep=PREP.replace("K = 3", "K = 4"))
    assert "prep.py:1 K changed: value 3 -> 4" in explain("train, 1")
    project.write(prep="from other import scale\n", other="def scale(x):\n    return x\n")
    assert "scale" in explain("train, 1").splitlines()[1]


def test_code_that_no_file_tells(project: Project) -> None:
    project.write(p=OPS, prep=PREP)
    call = "import p\np.scale = lambda x: 0\nwith storage: p.train(1)\n"
    assert project.program(call, oracle=False).executed == 1
    said = project.program("import p\nout(storage.explain(p.train, 1))\n", oracle=False).values[0]
    assert said.startswith("train would run\n  ")


def test_a_reference_as_argument(project: Project, explain: Any) -> None:
    call = "import p\nwith storage:\n    m = p.train(1)\n    p.score(m)\n{}"
    assert project.program(call.format("")).executed == 1
    found = project.program(call.format("    out(storage.explain(p.score, m))\n"), oracle=False)
    assert found.values[0].startswith("score would be found")
    other = call.replace("train(1)", "train(2)").replace("p.score(m)", "pass")
    said = project.program(other.format("    out(storage.explain(p.score, m))\n"), oracle=False)
    assert said.values[0].splitlines() == [
        "score would run",
        "  the recorded call had other arguments; the nearest differs in",
        "    model: 7 now, 5 then",
    ]
