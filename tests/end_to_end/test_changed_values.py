"""Values that a program changes in place between two calls are what they are now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project

MODULE = """
import numpy as np
from mandala_git import op

@op
def make(n): return list(range(n))
@op
def grid(n): return np.arange(float(n))
@op
def pair(n): return [n], {"n": n}
@op
def total(xs): return float(sum(xs))
@op
def outer(n): return total(make(n))
"""

CHANGES = {
    "a list": ("make(4)", "xs.value.append(100)"),
    "an array": ("grid(4)", "xs.value[0] = 100"),
    "one of two outputs": ("pair(4)[0]", "xs.value.append(100)"),
    "through an index": ("make(4)", "storage.unwrap(xs)[0] = 100"),
    "in a list": ("make(4)", "storage.unwrap([xs])[0][0] = 100"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_it_is_not_taken_for_what_was_recorded(project: Project, name: str) -> None:
    project.write(p=MODULE)
    made, change = CHANGES[name]
    head = f"import p\nwith storage:\n    xs = p.{made}\n"
    plain_change = change if change.startswith("storage") else change.replace(".value", "")
    changed = (
        f"{head}    if hasattr(xs, 'cid'):\n        {change}\n    else:\n        {plain_change}\n"
    )
    after = "    out(p.total(xs)); out(p.total(xs))\n"
    first = project.program(changed + after)
    assert first.executed == 2
    assert project.program(head + after).executed == 1, "never computed before"
    assert project.program(changed + after).executed == 0
    both = project.program(head + after + changed.removeprefix(head) + after)
    assert both.executed == 0


def test_what_was_only_looked_at_is_found(project: Project) -> None:
    project.write(p=MODULE)
    code = "import p\nwith storage:\n    xs = p.grid(4)\n    out(xs.value if hasattr(xs, 'cid') else xs)\n    out(p.total(xs))\n"
    assert project.program(code).executed == 2
    assert project.program(code).executed == 0
    project.runs("p.outer(4)", times=3)
    project.reuses("p.outer(4)")


KEEPERS = """
from mandala_git import op

KEPT = []

@op
def make(n): return list(range(n))
@op
def total(xs): return float(sum(xs))
@op
def push(xs):
    xs.append(99)
    return len(xs)
@op
def fails(xs):
    xs.append(99)
    raise ValueError
@op
def same(xs): return xs
@op
def keeps(n):
    made = list(range(n))
    remember(made)
    return made
def remember(made): KEPT.append(made)
@op
def adopts(xs):
    remember(xs)
    return len(xs)
@op
def outer(n):
    xs = make(n)
    push(xs)
    return total(xs)
@op
def two(n): return [0, 1]
@op
def count(n, *more, rng): return next(rng) + n
"""


def block(*lines: str) -> str:
    return "\n    ".join(["import p\nimport itertools\nwith storage:", *lines]) + "\n"


# Name: (lines, how many calls run again the second time).
OPS_THAT_CHANGE = {
    "a Ref": (["xs = p.make(3)", "out(p.push(xs))", "out(xs)", "out(p.total(xs))"], 1),
    "twice": (["xs = p.make(3)", "out(p.push(xs))", "out(p.push(xs))", "out(p.total(xs))"], 2),
    "a plain value": (["xs = [0, 1]", "out(p.push(xs))", "out(xs)", "out(p.two(0))"], 1),
    "inside another op": (["out(p.outer(3))", "out(p.total(p.make(3)))"], 0),
    "a keyword": (["r = itertools.count()", "out(p.count(1, rng=r))", "out(p.count(1, rng=r))"], 2),
    "and fail": (
        ["xs = p.make(3)", "try: p.fails(xs)", "except ValueError: out(p.total(xs))"],
        0,
    ),
}


@pytest.mark.parametrize("name", OPS_THAT_CHANGE)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_op_that_changes_an_argument_is_not_found_again(project: Project, name: str) -> None:
    project.write(p=KEEPERS)
    lines, again = OPS_THAT_CHANGE[name]
    project.program(block(*lines))
    assert project.program(block(*lines)).executed == again
    # What was recorded on the way is nobody else's answer.
    project.run("p.total(p.make(3))", "p.total([0, 1])", "p.two(0)", "p.total(p.two(0))")
    project.reuses("p.total(p.make(3))", "p.total([0, 1])", "p.two(0)", "p.total(p.two(0))")


# What an op returned is a value of its own, whoever else holds the object that it was.
HELD = {
    "by an argument": ["xs = p.make(4)", "ys = p.same(xs)", "{change}(ys)", "p.total(xs)"],
    "by an output": ["xs = p.make(4)", "ys = p.same(xs)", "{change}(xs)", "p.total(ys)"],
    "by the caller": ["xs = [0, 1, 2, 3]", "ys = p.same(xs)", "xs.append(100)", "p.total(ys)"],
    "by the op's module": ["xs = p.keeps(4)", "p.KEPT[-1].append(100)", "p.total(xs)"],
    "by who was given it": [
        "xs = p.make(4)",
        "p.adopts(xs)",
        "p.KEPT[-1].append(100)",
        "p.total(xs)",
    ],
}


@pytest.mark.parametrize("name", HELD)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_value_that_is_held_elsewhere_is_not_taken_for_what_was_recorded(
    project: Project, name: str
) -> None:
    project.write(p=KEEPERS)
    change = "(lambda ref: storage.unwrap(ref).append(100))"
    lines = [line.format(change=change) for line in HELD[name]]
    project.program(block(*lines), oracle=False)
    project.run("p.total(p.make(4))", "p.total([0, 1, 2, 3])", "p.total(p.same([0, 1, 2, 3]))")


def test_a_table_shows_what_is_not_stored_as_a_ref(project: Project) -> None:
    project.write(p=KEEPERS + "\n@op\ndef apply(f, xs): return f(xs)\n")
    project.program(block("out(p.apply(lambda xs: xs.append(1), [5]))"))
    (row,) = project.table("apply")
    assert "AtomRef(hid=" in row and "'output_0': None" in row
