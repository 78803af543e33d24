"""Collections in a repository: what lists of results rest on, through edits and in fresh processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Project

P = """
from __future__ import annotations
from typing import Optional
from mandala_git.imports import *
from h import leaf, vote

class Tree:
    def __init__(self, seed, depth):
        self.leaves = [leaf(seed)] * depth

    def __repr__(self):
        return f"Tree({self.leaves[0]})"

@op
def train_forest(n_trees: int, depth: int = 30) -> MList[Tree]:
    return [Tree(seed, depth) for seed in range(n_trees)]

@op
def eval_forest(trees: MList[Tree]) -> float:
    return vote([tree.leaves[0] for tree in trees])

@op
def named(trees: MList[Tree], name: str) -> Optional[MDict[str, MList[int]]]:
    return {name: [len(tree.leaves) for tree in trees]} if trees else None

@superop
def best(trees: MList[Tree]):
    scores = [eval_forest([tree]) for tree in trees]
    return [tree for tree, score in zip(trees, scores) if score > 0], scores

def plain(n):
    return eval_forest(train_forest(n)[:2])

def both(n):
    good, scores = best(train_forest(n))
    return len(good), scores, eval_forest(good), named(good, "g")["g"]
"""
H = """
def leaf(seed):
    return seed

def vote(votes):
    return sum(votes)
"""


def test_slices_of_a_forest_across_processes_and_edits(project: Project) -> None:
    project.write(p=P, h=H)
    project.commit()
    assert project.run("p.plain(4)").executed == 2
    project.reuses("p.plain(4)", "p.eval_forest(p.train_forest(4)[:2])")
    assert project.run("p.both(4)").executed == 7
    project.reuses("p.both(4)", "p.plain(4)")
    assert project.run("p.eval_forest([t for t in p.train_forest(6)][:2])").executed == 1
    assert project.table("eval_forest") == project.table("eval_forest", "HEAD")
    rows = len(project.table("eval_forest"))

    project.edit("h", "sum(votes)", "max(votes)")
    assert project.run("p.plain(4)").executed == 1
    assert len(project.table("eval_forest")) == 1
    assert len(project.table("eval_forest", "HEAD")) == rows
    project.edit("h", "max(votes)", "sum(votes)")
    project.reuses("p.both(4)")

    # What a list came from counts: other trees, and the calls that were given them are of then.
    project.edit("h", "return seed", "return seed + 1")
    assert project.run("p.plain(4)").executed == 2
    assert len(project.table("eval_forest")) == 1
    assert len(project.table("eval_forest", "HEAD")) == rows


ANNOTATED = """
from mandala_git.imports import *

@op
def make(n) -> MList[int]:
    return list(range(n))

@op
def total(xs: MList[int]):
    return sum(xs)

def go():
    return total(make(3))
"""


def test_another_annotation_is_another_reading(project: Project) -> None:
    project.write(p=ANNOTATED)
    assert project.run("p.go()").executed == 2
    project.edit("p", "-> MList[int]", "-> list[int]")
    assert project.run("p.go()").executed == 2
    project.reuses("p.go()")


WORKERS = """
import multiprocessing
import sys
from mandala_git import Storage
from p import eval_forest, train_forest

def work(n):
    with storage:
        trees = train_forest(8)
        return eval_forest(trees[:n]).value, storage.executed

if __name__ == "__main__":
    with storage:
        train_forest(8)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        found = pool.map(work, [2, 3, 4, 2])
    out([value for value, _ in found])
    with storage:
        before = storage.executed
        out([eval_forest(train_forest(8)[:n]) for n in (2, 3, 4)])
    assert storage.executed == before, storage.executed
"""


def test_workers_share_lists(project: Project) -> None:
    project.write(p=P, h=H)
    run = project.program(WORKERS, script="w.py", oracle=False)
    assert run.values == ["[1, 3, 6, 1]", "[1, 3, 6]"]


def test_the_graph_goes_through_lists(project: Project) -> None:
    project.write(p=P, h=H)
    project.commit()
    project.run("p.both(4)")
    lines = project.program("out(storage.at('HEAD').graph())", oracle=False).values[0]
    assert "eval_forest(trees=trees)" in lines and "named(trees=" in lines, lines
    assert lines.index("train_forest(") < lines.index("eval_forest(")
