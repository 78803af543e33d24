"""Ops of all kinds: methods, static and class methods, and decorators around and under `@op`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project

HEAD = "import functools\nfrom dataclasses import dataclass\nfrom mandala_git import op\n\n"

MODEL = """
@dataclass
class Model:
    k: int
    tags: tuple = ()

    @op
    def times(self, x):
        return self.scaled(x) + 1

    def scaled(self, x):
        return self.k * x

    @op
    @staticmethod
    def under(x):
        return x + 10

    @staticmethod
    @op
    def above(x):
        return x + 20

    @op
    @classmethod
    def low(cls, x):
        return x + cls.base()

    @classmethod
    @op(output_names=["y"])
    def high(cls, x):
        return x + cls.base() + 1

    @classmethod
    def base(cls):
        return 100

class Other(Model):
    def scaled(self, x):
        return -self.k * x

    @classmethod
    def base(cls):
        return 200
"""

CALLS = [
    "p.Model(2).times(5)",
    "p.Model(3).times(5)",
    "p.Other(2).times(5)",
    "p.Model.under(5)",
    "p.Model(2).above(5)",
    "p.Model.low(5)",
    "p.Other.low(5)",
    "p.Other(1).high(5)",
    "p.Model.high(5)",
]


def test_methods(project: Project) -> None:
    project.write(p=HEAD + MODEL)
    project.runs(*CALLS)
    project.reuses(*CALLS)
    # The same content is the same object, however it was made and called.
    project.reuses("p.Model(k=2).times(x=5)", "p.Model.times(p.Model(2), 5)", "p.Other.under(5)")
    project.runs("p.Model(2.0).times(5)", "p.Model(2, ('a',)).times(5)")


@pytest.mark.parametrize(
    ("old", "new", "again"),
    [
        ("return self.k * x\n", "return self.k * x + 7\n", {0, 1}),
        ("return -self.k * x", "return -self.k * x - 7", {2}),
        ("+ 10", "+ 11", {3}),
        ("+ 20", "+ 21", {4}),
        ("return 100", "return 101", {5, 8}),
        ("return 200", "return 201", {6, 7}),
        ("+ cls.base() + 1", "+ cls.base() + 2", {7, 8}),
    ],
)
def test_what_a_method_runs_counts(project: Project, old: str, new: str, again: set[int]) -> None:
    project.write(p=HEAD + MODEL)
    project.runs(*CALLS)
    project.edit("p", old, new)
    ran = project.each(CALLS)
    assert again <= {number for number, call in enumerate(CALLS) if ran[call]}
    untouched = {"p.Model.under(5)", "p.Model(2).above(5)"} - {CALLS[number] for number in again}
    assert not any(ran[call] for call in untouched)


def test_an_object_with_a_key_of_its_own(project: Project) -> None:
    project.write(
        p=HEAD
        + "class Table:\n    def __init__(self, name, lock):\n"
        + "        self.name, self.lock = name, lock\n\n"
        + "    def __mandala_hash__(self):\n        return self.name\n\n"
        + "    def __getstate__(self):\n        return self.name\n\n"
        + "    @op\n    def size(self, x):\n        return len(self.name) + x\n"
    )
    calls = ["p.Table('abc', open).size(1)", "p.Table('ab', open).size(1)"]
    project.runs(*calls)
    project.reuses("p.Table('abc', object()).size(1)", calls[1])
    project.edit("p", "len(self.name)", "2 * len(self.name)")
    project.runs(*calls)


def test_a_bound_method_is_like_a_method() -> None:
    from mandala_git import op

    class Box:
        @op
        def get(self, x: int) -> int:
            """Return it."""
            return x

    bound = Box().get
    assert bound.__doc__ == "Return it."
    assert bound.__name__ == "get"
    assert bound(3) == 3
    assert bound.__self__.get(x=4) == 4


UNDER = {
    "the project's": "from d import plus\n",
    "other people's": "import sys\nsys.path.insert(0, {folder!r})\nfrom lib import plus\n",
}
PLUS = """
import functools
import threading

def plus(number):
    lock = threading.Lock()
    def around(function):
        @functools.wraps(function)
        def call(*args, **kwargs):
            with lock:
                result = function(*args, **kwargs)
            return result + number if number else result
        return call
    return around
"""


@pytest.mark.parametrize("whose", UNDER)
@pytest.mark.parametrize("where", ["under", "around", "both"])
def test_decorators(project: Project, whose: str, where: str) -> None:
    folder = project.root.parent / "site-packages"
    folder.mkdir()
    (folder / "lib.py").write_text(PLUS)
    around, under = "@plus(0)\n" * (where != "under"), "@plus(1)\n" * (where != "around")
    project.write(
        d=PLUS.replace("    lock = threading.Lock()\n", "").replace("with lock:", "if True:"),
        h="def g(x):\n    return x * 2\n",
        p=HEAD
        + UNDER[whose].format(folder=str(folder))
        + f"from h import g\n\n{around}@op\n{under}def f(x, k=1):\n    return g(x) + k\n\n"
        + f"{around}@op\n{under}def f2(x, k=1):\n    return g(x) - k\n",
    )
    calls = ["p.f(1)", "p.f(2, 3)", "p.f2(1)"]
    project.runs(*calls)
    project.reuses("p.f(1, 1)", "p.f(x=2, k=3)", "p.f2(1)")
    project.edit("h", "x * 2", "x * 3")
    project.runs(*calls)
    project.edit("p", "return g(x) - k", "return g(x) - 2 * k")
    assert project.each(calls)["p.f2(1)"]
    if where != "around":
        project.edit("p", "plus(1)", "plus(5)")
        project.runs(*calls)


def test_what_a_cache_under_an_op_hides_counts(project: Project) -> None:
    project.write(
        h="def g(x):\n    return x * 2\n",
        p=HEAD + "from h import g\n\n@op\n@functools.lru_cache\ndef f(x):\n    return g(x) + 1\n",
    )
    warm = "import p\np.f.func(1)\nwith storage:\n    out(p.f(1))\n"
    assert project.program(warm).executed == 1
    project.reuses("p.f(1)")
    project.edit("h", "x * 2", "x * 3")
    project.runs("p.f(1)")


def test_what_a_cache_around_an_op_hides_counts(project: Project) -> None:
    project.write(
        h="def g(x):\n    return x * 2\n",
        p=HEAD
        + "from h import g\n\n@functools.lru_cache\n@op\ndef f(x):\n    return g(x) + 1\n\n"
        + "@op\ndef top(x):\n    return f(x) + 1\n",
    )
    warm = "import p\np.f(1)\nwith storage:\n    out(p.top(1))\n"
    project.program(warm)
    project.reuses("p.top(1)")
    project.edit("h", "x * 2", "x * 3")
    project.run("p.top(1)")
    assert project.program(warm).values == ["5"]


def test_a_generator_that_a_decorator_collects(project: Project) -> None:
    project.write(
        p=HEAD
        + "def collected(function):\n    @functools.wraps(function)\n"
        + "    def call(*args):\n        return list(function(*args))\n    return call\n\n"
        + "@op\n@collected\ndef f(n):\n    for k in range(n):\n        yield k * 2\n"
    )
    project.runs("p.f(3)", "p.f(2)")
    project.reuses("p.f(3)")
    project.edit("p", "k * 2", "k * 3")
    project.runs("p.f(3)", "p.f(2)")


CLASSES = """

class Times:
    def __init__(self, function, number):
        functools.update_wrapper(self, function)
        self.number = number

    def __call__(self, *args):
        return self.__wrapped__(*args) * self.number

def times(number):
    return lambda function: Times(function, number)
"""


@pytest.mark.parametrize("decorator", ["plus", "times"])
def test_ops_that_are_made_while_a_program_runs(project: Project, decorator: str) -> None:
    """No source says what is around them: what the decorators hold tells them apart."""
    folder = project.root.parent / "site-packages"
    folder.mkdir()
    without = PLUS.replace("    lock = threading.Lock()\n", "").replace("with lock:", "if True:")
    (folder / "lib.py").write_text(without + CLASSES)
    project.write(
        p=HEAD
        + f"import sys\nsys.path.insert(0, {str(folder)!r})\nfrom lib import plus, times\n\n"
        + "def f(x):\n    return x\n\n"
        + f"def made(k):\n    return op({decorator}(k)(f))\n"
    )
    project.runs("p.made(2)(7)", "p.made(3)(7)")
    project.reuses("p.made(2)(7)", "p.made(3)(7)")
    project.runs("p.made(4)(7)")
    project.edit("p", "return x\n", "return x + 1\n")
    project.runs("p.made(2)(7)", "p.made(3)(7)")
