"""Async ops in a repository: what ran while they waited is never lost sight of."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Project

P = """
import asyncio
from mandala_git import op
from h import g, late, other

@op
async def one(x):
    await asyncio.sleep(0.001)
    return g(x)

@op
async def two(x):
    await asyncio.sleep(0)
    return other(x)

@op
async def gathered(n):
    parts = await asyncio.gather(*(one(k) for k in range(n)), helper(n))
    return sum(parts)

async def helper(n):
    await asyncio.sleep(0.0005)
    return late(n)

@op
def synchronous(x):
    return asyncio.run(one(x)) + 1

async def both():
    return list(await asyncio.gather(one(1), two(1), gathered(3)))

def run(coroutine):
    return asyncio.run(coroutine)
"""
H = """
def g(x):
    return x + 1

def late(x):
    return x + 2

def other(x):
    return x + 3
"""
CALLS = ["p.run(p.one(1))", "p.run(p.gathered(3))", "p.run(p.two(1))", "p.synchronous(4)"]


def test_each_edit_reaches_who_ran_it(project: Project) -> None:
    project.write(p=P, h=H)
    project.run("p.run(p.both())", *CALLS)
    project.reuses("p.run(p.both())", *CALLS)
    for old, new, again in [
        ("x + 1", "x + 10", {0, 1, 3}),
        ("x + 2", "x + 20", {1}),
        ("x + 3", "x + 30", {2}),
    ]:
        project.edit("h", old, new)
        ran = project.each(CALLS)
        assert again <= {number for number, call in enumerate(CALLS) if ran[call]}
        project.run("p.run(p.both())")
        project.reuses("p.run(p.both())", *CALLS)


def test_what_runs_between_is_never_lost(project: Project) -> None:
    """A part of a gathered call is found, so that only its helper runs in the call itself."""
    project.write(p=P, h=H)
    project.run("p.run(p.one(0))", "p.run(p.one(1))", "p.run(p.one(2))")
    project.run("p.run(p.gathered(3))")
    project.reuses("p.run(p.gathered(3))")
    project.edit("h", "x + 2", "x + 20")
    project.runs("p.run(p.gathered(3))")
    project.edit("h", "x + 1", "x + 10")
    project.run("p.run(p.gathered(3))")
