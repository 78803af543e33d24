"""Functions and arguments that share a name are told apart: each program is compared with a run
from scratch, in the process that records and in one that finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project

HEAD = "import functools\nfrom mandala_git import op\n"

# name: (module, calls)
OPS: dict[str, tuple[str, list[str]]] = {
    "nested functions of one name": (
        """
def make(more):
    if more:
        @op
        def g(x): return x + 1
    else:
        @op
        def g(x): return x + 2
    return g
""",
        ["p.make(0)(1)", "p.make(1)(1)"],
    ),
    "lambdas in one function": (
        "def make():\n    return [op(lambda x: x + 1), op(lambda x: x + 2)]\n",
        ["p.make()[0](1)", "p.make()[1](1)"],
    ),
    "lambdas in one global": (
        "fs = [\n    op(lambda x: x + 1),\n    op(lambda x: x + 2),\n]\n",
        ["p.fs[0](1)", "p.fs[1](1)"],
    ),
    "lambdas on one line": (
        "a = op(lambda x: x + 1); b = op(lambda x: x + 2); c = op(lambda x: x + 1.0)\n",
        ["p.a(1)", "p.b(1)", "p.c(1)"],
    ),
    "lambdas in a class": (
        "class C:\n    f, g = op(lambda x: x + 1), op(lambda x: x + 2)\n",
        ["p.C.f(1)", "p.C.g(1)"],
    ),
    "methods of nested classes": (
        """
def make(more):
    class C:
        if more:
            @staticmethod
            @op
            def g(x): return x + 1
        else:
            @staticmethod
            @op
            def g(x): return x + 2
    return C
""",
        ["p.make(0).g(1)", "p.make(1).g(1)"],
    ),
    "one wrapper around two functions": (
        """
ALL = {}
def wrap(f):
    ALL[f.__name__] = f
    @functools.wraps(f)
    def inner(x): return ALL[inner.__name__](x)
    return inner
@op
@wrap
def a(x): return x + 1
@op
@wrap
def b(x): return x + 2
""",
        ["p.a(1)", "p.b(1)"],
    ),
    "bound more than once": (
        """
@op
def f(x): return x + 1
g = f
@op
def f(x): return x + 2
""",
        ["p.f(1)", "p.g(1)"],
    ),
}


@pytest.mark.parametrize("name", OPS)
def test_ops_that_share_a_name(project: Project, name: str) -> None:
    text, calls = OPS[name]
    project.write(p=HEAD + text)
    for order in (calls, calls[::-1], calls * 2):
        project.run(*order)
    project.reuses(*calls)


VARIADIC = """
@op
def f(*args, **options): return repr((args, list(options.items())))
@op
def g(a, *args, k=1, **options): return repr((a, args, k, list(options.items())))
"""
CALLS = [
    "p.f(1, 2)",
    "p.f(1, **{'args.1': 2})",
    "p.f(**{'args.0': 1, 'args.1': 2})",
    "p.f(rate=1)",
    "p.f(decay=1)",
    "p.f(rate=1, decay=2)",
    "p.f(decay=2, rate=1)",
    "p.f(rate=2, decay=1)",
    "p.f(rate=[1])",
    "p.f(decay=[1])",
    "p.f(**{'': 1})",
    "p.f(**{'0': 1})",
    "p.f()",
    "p.f(*range(12))",
    "p.f([1], [2])",
    "p.f([1], k=[2])",
    "p.g(1, 2)",
    "p.g(1, k=2)",
    "p.g(1, l=2)",
    "p.g(1, **{'args.0': 2})",
    "p.g(1, **{'args:order': 2})",
]


def test_arguments_that_share_a_value(project: Project) -> None:
    project.write(p=HEAD + VARIADIC)
    assert project.run(*CALLS).executed == len(CALLS)
    project.reuses(*CALLS[::-1])
    project.reuses(*CALLS * 2)


def test_an_edit_around_does_not_make_one_of_two_the_other(project: Project) -> None:
    text = HEAD + OPS["lambdas in one function"][0]
    project.write(p=text)
    project.commit()
    calls = OPS["lambdas in one function"][1]
    project.runs(*calls, times=2)
    project.write(p=text.replace("x + 1", "x + 3").replace("x + 2", "x + 1"))
    project.compatible("make")
    project.run(*calls)
