"""Blocks inside ops, and modes, in a repository: what is found there still counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project

P = """
from mandala_git import Storage, noop, op
from h import g

STORES = []

@op
def inner(x):
    return g(x)

@op
def same(x):
    with STORES[0]:
        found = inner(x)
    return getattr(found, "value", found) + 100

@op
def other(x):
    with STORES[1]:
        found = inner(x)
    return getattr(found, "value", found) + 200

@op
def plain(x):
    with noop():
        return inner(x) + 300
"""
HEAD = """
import p
from mandala_git import Storage
real = hasattr(storage, "table")
p.STORES[:] = [storage, Storage() if real else storage]
"""


@pytest.mark.parametrize("op", ["same", "other", "plain"])
@pytest.mark.parametrize("known", [False, True], ids=["inner runs", "inner is found"])
def test_what_an_op_finds_in_a_block_of_its_own(project: Project, op: str, known: bool) -> None:
    project.write(p=P, h="def g(x):\n    return x + 1\n")
    call = HEAD + f"with storage:\n    out(p.{op}(1))\n"
    if known:
        project.run("p.inner(1)")
    project.program(call)
    project.program(call)
    project.edit("h", "x + 1", "x + 2")
    if known:
        project.run("p.inner(1)")
    project.program(call)
    project.program(call)
    project.edit("p", "return g(x)", "return g(x) * 5")
    project.program(call)


def test_no_new_calls(project: Project) -> None:
    project.write(
        h="def g(x):\n    return x + 1\n",
        p="from mandala_git import op\nfrom h import g\n\n@op\ndef f(x):\n    return g(x)\n",
    )
    program = (
        "import p\nfor x in 1, 2:\n    with storage(allow_new_calls=False):\n"
        "        try:\n            out(p.f(x))\n"
        "        except RuntimeError as error:\n            out(str(error).splitlines()[0])\n"
    )
    missing = "'Call to f does not exist and new calls are not allowed.'"
    assert project.program(program, oracle=False).values == [missing, missing]
    project.run("p.f(1)")
    assert project.program(program, oracle=False).values == ["2", missing]
    project.edit("h", "x + 1", "x + 2")
    assert project.program(program, oracle=False).values == [missing, missing]
