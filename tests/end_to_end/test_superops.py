"""Superops in a repository: what they and the calls inside them ran counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Project

P = """
from mandala_git import op, superop, unwrap
from h import size, tree, vote

@op
def grow(seed, depth):
    return tree(seed) * depth

@op
def judge(trees):
    return vote(trees)

@superop
def forest(n, depth):
    trees = [grow(k, depth) for k in range(size(unwrap(n)))]
    return judge(trees), trees

@superop
def ping(n):
    return judge([n]) if unwrap(n) < 1 else pong(unwrap(n) - 1)

@superop
def pong(n):
    return judge([n]) if unwrap(n) < 1 else ping(unwrap(n) - 1)
"""
H = """
def tree(seed):
    return seed + 1

def vote(trees):
    return sum(trees)

def size(n):
    return n
"""


def test_superops_across_edits(project: Project) -> None:
    project.write(p=P, h=H)
    assert project.run("p.forest(3, 2)").executed == 5
    project.reuses("p.forest(3, 2)")
    assert project.run("p.forest(5, 2)").executed == 4  # itself, two trees and a judgement
    project.run("p.ping(5)")
    project.reuses("p.pong(4)", "p.ping(1)", "p.pong(0)", "p.ping(5)")

    project.edit("h", "sum(trees)", "max(trees)")
    assert project.run("p.forest(3, 2)").executed == 2  # the trees are what they were
    project.run("p.ping(5)")
    project.edit("h", "seed + 1", "seed + 2")
    assert project.run("p.forest(3, 2)").executed == 5
    project.reuses("p.ping(5)")
    project.edit("h", "return n", "return n + 1")
    assert project.run("p.forest(3, 2)").executed == 3
    project.edit("h", "return n + 1", "return n")
    project.reuses("p.forest(3, 2)")


def test_an_op_that_becomes_a_superop(project: Project) -> None:
    project.write(p=P.replace("@superop\ndef ping", "@op\ndef ping"), h=H)
    project.run("p.ping(3)", "p.ping(0)")
    project.edit("p", "@op\ndef ping", "@superop\ndef ping")
    project.run("p.ping(3)", "p.ping(0)", "p.pong(3)")


def test_the_history_goes_through_the_calls_inside(project: Project) -> None:
    project.write(p=P, h=H)
    program = (
        "import p\nwith storage:\n    acc, trees = p.forest(3, 2)\n    one = p.judge([5])\n"
        "    out(sorted(storage.table(p.grow)['seed']))\n    out(p.judge([1]).value)\n"
    )
    found = project.program(program, oracle=False)
    assert found.values == ["[0, 1, 2]", "1"]
