"""Ops in the cells of IPython kernels: found again, and never with a stale answer.

Every session runs in a shell of its own process, and once more without a storage: both must print
the same.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from serving import Forks

from mandala_git.repo.git_store import GitStore
from mandala_git.repo.repository import Repository

OP = "from mandala_git import op"
F = "@op\ndef f(x):\n    return helper(x) + K"
HELPER = "def helper(x):\n    return x * 2"
K = "K = 3"
CALL = "with storage:\n    out(f(3))"


class Session(NamedTuple):
    """What a kernel printed; of every cell, how many calls ran and were found; keys of ops."""

    values: list[str]
    counts: list[tuple[int, int]]
    ops: list[str]

    @property
    def executed(self) -> int:
        return sum(executed for executed, _ in self.counts)

    @property
    def last(self) -> int:
        """How many calls ran in the last cell."""
        return self.counts[-1][0]


class Kernels:
    """Kernels on one repository."""

    def __init__(self, repo: Any, forks: Forks) -> None:
        self.repo = repo
        self.root: Path = repo.root
        self._forks = forks

    def __call__(
        self,
        *cells: str,
        jupyter: bool = True,
        late: bool = False,
        cwd: str = ".",
        oracle: bool = True,
        **variables: Any,
    ) -> Session:
        """Run cells in a new kernel.

        Args:
            cells: what is run, in order.
            jupyter: name cells as Jupyter does, not as IPython on a terminal.
            late: the storage is made by a cell: `storage = Storage()`.
            cwd: where, in the repository.
            oracle: run them without a storage, too.
            variables: names that the editor has bound.
        """
        job = {
            "root": str(self.root),
            "cwd": str(self.root / cwd),
            "cells": cells,
            "jupyter": jupyter,
            "late": late,
            "variables": variables,
        }
        found = self._forks.ask({**job, "plain": False})
        if oracle:
            plain = self._forks.ask({**job, "plain": True})
            assert found["values"] == plain["values"], "a stale answer"
        return Session(found["values"], [(e, f) for e, f in found["counts"]], found["ops"])


class KernelForks(Forks):
    script = "kernels.py"


@pytest.fixture(scope="session")
def kernel_forks(quiet_git: None) -> Iterator[KernelForks]:
    server = KernelForks()
    yield server
    server.close()


@pytest.fixture
def kernels(git_repo: Callable[..., Any], kernel_forks: KernelForks) -> Kernels:
    found = Kernels(git_repo(), kernel_forks)
    GitStore(Repository.discover(found.root)).init()
    return found


# -- found again -------------------------------------------------------------------------


@pytest.mark.parametrize("jupyter", [True, False])
def test_a_call_is_found_again(kernels: Kernels, jupyter: bool) -> None:
    cells = [OP, F, HELPER, K, CALL, CALL]
    first = kernels(*cells, jupyter=jupyter)
    assert first.counts[-2:] == [(1, 0), (0, 1)]
    assert first.ops == ["<notebook>::f"]
    for again in (
        cells,
        [K, HELPER, OP, F, CALL],  # in another order
        [OP, F, HELPER, K, K, F, HELPER, CALL, F, CALL],  # run again
        [OP, f"{HELPER}\n{K}\n\n\n# Op\n{F}", CALL],  # joined
        [OP, "%precision 3\nx = 1\nx", HELPER + "\nhelper(7)", K, F, CALL],
        [OP, "%%time\n" + F, "%%capture out\n" + HELPER, "%time K = 3", CALL],
        [OP, F.replace("def f(x):", 'def f(x):\n    """Say."""'), HELPER + "  # two", K, CALL],
        [OP, HELPER.replace("2", "5"), HELPER, "K = 7", K, F, CALL],  # after other tries
    ):
        assert kernels(*again, jupyter=jupyter).executed == 0, again
    assert kernels(*cells, jupyter=not jupyter, oracle=False).executed == 0


@pytest.mark.parametrize("jupyter", [True, False])
def test_another_text_runs_and_the_first_is_back(kernels: Kernels, jupyter: bool) -> None:
    changes = [HELPER.replace("2", "5"), HELPER, "K = 4", K, F.replace("+", "-"), F]
    cells = [OP, F, HELPER, K, CALL]
    for change in changes:
        cells += [change, CALL]
    counts = kernels(*cells, jupyter=jupyter).counts
    assert [executed for executed, _ in counts[4::2]] == [1, 1, 0, 1, 0, 1, 0]
    assert kernels(*cells, jupyter=jupyter).executed == 0


def test_one_op_calls_another(kernels: Kernels) -> None:
    outer = "@op\ndef g(x):\n    return f(x) + f(x + 1)"
    call = "with storage:\n    out(g(3))"
    cells = [OP, F, HELPER, K, outer, call]
    assert kernels(*cells).counts[-1] == (3, 0)
    assert kernels(*cells).counts[-1] == (0, 1)
    assert kernels(*cells, HELPER.replace("2", "5"), call).last == 3
    # The outer one changed: the inner ones are found.
    assert kernels(*cells[:4], outer.replace("+ f", "- f"), call).counts[-1] == (1, 2)


def test_methods_and_instances(kernels: Kernels) -> None:
    model = "class Model:\n    RATE = 2\n    def __init__(self, w):\n        self.w = w\n"
    model += "    def predict(self, x):\n        return self.w * x * self.RATE"
    cells = [OP, model, "@op\ndef run(m, x):\n    return m.predict(x)"]
    call = "with storage:\n    out(run(Model(3), 4))"
    assert kernels(*cells, call).last == 1
    assert kernels(*cells, model, call).executed == 0
    assert kernels(*cells, model.replace("w * x", "w + x"), call, model, call).executed == 1
    assert kernels(*cells, model.replace("RATE = 2", "RATE = 5"), call).executed == 1


def test_a_class_without_methods_that_is_edited(kernels: Kernels) -> None:
    config = "@dataclass\nclass Config:\n    rate: int = 2"
    cells = [OP, "from dataclasses import dataclass", config]
    cells += ["@op\ndef f(c, x):\n    return c.rate * x"]
    call = "with storage:\n    out(f(Config(), 3))"
    cells += [call, config.replace("2", "5"), call, call, config, call]
    assert [executed for executed, _ in kernels(*cells).counts[4:]] == [1, 0, 1, 0, 0, 0]
    assert kernels(*cells).executed == 0


def test_future_annotations(kernels: Kernels) -> None:
    future = "from __future__ import annotations"
    cells = [future, OP, F, HELPER.replace("(x)", "(x: int)"), K, CALL]
    assert kernels(*cells).executed == 1
    assert kernels(*cells).executed == 0
    assert kernels(f"{future}\n{OP}", *cells[2:]).executed == 0


def test_helpers_of_the_repository(kernels: Kernels) -> None:
    kernels.repo.write("prep.py", "def scale(x):\n    return x * 2\n")
    cells = [OP, "from prep import scale", "@op\ndef f(x):\n    return scale(x)", CALL]
    assert kernels(*cells).executed == 1
    assert kernels(*cells).executed == 0
    kernels.repo.write("prep.py", "def scale(x):\n    return x * 3\n")
    assert kernels(*cells).executed == 1


def test_what_moves_into_a_module_is_found(kernels: Kernels) -> None:
    assert kernels(OP, F, HELPER, K, CALL).executed == 1
    kernels.repo.write("pipeline.py", f"{OP}\n\n{K}\n\n\n{HELPER}\n\n\n{F}\n")
    assert kernels("from pipeline import f", CALL).executed == 0


def test_a_cell_may_bind_and_call(kernels: Kernels) -> None:
    cell = (
        f"{OP}\nwith storage:\n    pass\n{F}\n{HELPER}\n{K}\n{CALL}\n{K.replace('3', '4')}\n{CALL}"
    )
    assert kernels(cell).executed == 2
    assert kernels(cell, cell).executed == 0


def test_a_block_may_stay_open(kernels: Kernels) -> None:
    cells = [OP, F, HELPER, K, "storage.__enter__()", "out(f(3))", HELPER.replace("2", "5")]
    cells += ["out(f(3))", HELPER, "out(f(3))", "storage.__exit__(None, None, None)"]
    assert [executed for executed, _ in kernels(*cells).counts] == [0] * 5 + [1, 0, 1, 0, 0, 0]


# -- keys --------------------------------------------------------------------------------


def notebook(*cells: str) -> str:
    made = [{"cell_type": "code", "source": cell, "metadata": {}} for cell in cells]
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


@pytest.mark.parametrize("variable", ["__vsc_ipynb_file__", "__session__"])
def test_the_editor_tells_the_path(kernels: Kernels, variable: str) -> None:
    cells = [OP, F, HELPER, K, CALL]
    file = kernels.repo.write("nb/analysis.ipynb", notebook(*cells))
    assert kernels(*cells, **{variable: str(file)}, cwd="nb").ops == ["nb/analysis.ipynb::f"]
    # Of a folder that is known, or a file that is not there, the rule says something else.
    outside = kernels(*cells, **{variable: "/nowhere/analysis.ipynb"}, cwd="nb")
    assert "nb/<notebook>::f" in outside.ops
    gone = kernels(*cells, **{variable: str(file.with_name("other.ipynb"))})
    assert "<notebook>::f" in gone.ops and "nb/other.ipynb::f" not in gone.ops


def test_the_saved_notebook_holds_what_the_kernel_recorded(kernels: Kernels) -> None:
    cells = ["%precision 3\n" + OP, "# The op.\n" + F, HELPER + "\n    # so", K, CALL]
    file = kernels.repo.write("a.ipynb", notebook(*cells))
    kernels.repo.commit()
    assert kernels(*cells, __session__=str(file)).executed == 1
    assert len(json.loads(verb(kernels, "results", "f", "--json"))["rows"]) == 1
    # What is edited in the file is asked, and a verdict lets the kernel find the call.
    kernels.repo.write("a.ipynb", notebook(*cells[:2], HELPER.replace("x * 2", "2 * x"), K, CALL))
    status = json.loads(verb(kernels, "status", "--json"))
    assert [q["key_new"] for q in status["pending"]] == ["a.ipynb::helper"]
    verb(kernels, "classify", "a.ipynb::helper", "--compatible")
    edited = [*cells[:2], HELPER.replace("x * 2", "2 * x"), K, CALL]
    assert kernels(*edited, __session__=str(file)).executed == 0


def verb(kernels: Kernels, *words: str) -> str:
    entry = "from mandala_git.cli.main import entry; entry()"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", entry, *words],
        cwd=kernels.root,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent.parent)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# -- traps -------------------------------------------------------------------------------

BASE = "class Base:\n    RATE = 2\n    def rate(self):\n        return self.RATE"
DERIVED = "class Derived(Base):\n    pass"
RUN = "@op\ndef f(m):\n    return m.rate()"
READ = "@op\ndef f(m):\n    return m.RATE"
CLOSED = """class C:
    __slots__ = ("k",)
    def __reduce_ex__(self, n):
        raise TypeError
def make(k):
    c = C()
    c.k = k
    return c"""

# The last cell of each must run its call, and the same cells in a new kernel must be right again.
TRAPS: dict[str, Sequence[str]] = {
    "a helper is gone": [OP, F, HELPER, K, CALL, "del helper", CALL],
    "a helper is exchanged": [OP, F, HELPER, K, CALL, "helper = lambda x: x", CALL],
    "the code of a helper is exchanged": [
        OP, F, HELPER, K, "def other(x):\n    return x", CALL, "helper.__code__ = other.__code__",
        CALL,
    ],
    "a helper is defined by exec": [
        OP, F, HELPER, K, CALL, "exec('def helper(x):\\n    return x')", CALL,
    ],
    "a helper comes from a namespace": [
        OP, F, HELPER, K, CALL, "globals()['helper'] = lambda x: x * 7", CALL,
    ],
    "a default is exchanged": [
        OP, F, "def helper(x, k=2):\n    return x * k", K, CALL, "helper.__defaults__ = (5,)", CALL,
    ],
    "a builtin is shadowed": [
        OP, "@op\ndef f(x):\n    return max(x, 1)", CALL, "def max(*a):\n    return 0", CALL,
    ],
    "a global is changed in place": [
        OP, "@op\ndef f(x):\n    return x + P['a']", "P = {'a': 1}", CALL, "P['a'] = 2", CALL,
    ],
    "a global is changed by a function": [
        OP, F, HELPER, K, CALL, "def set_k():\n    global K\n    K = 9", "set_k()", CALL,
    ],
    "a cell failed before its def": [
        OP, F, HELPER, K, CALL, "1 / 0\n" + HELPER.replace("2", "5"), CALL.replace("3", "4"),
    ],
    "a def that did not run": [
        OP, F, HELPER, K, "if False:\n    def helper(x):\n        return 0", CALL,
    ],
    "a variable of a magic": [
        OP, "d = 'a'", "@op\ndef f(x):\n    r = !echo {d}\n    return list(r)", CALL, "d = 'b'",
        CALL,
    ],
    "a name given by star": [
        OP, "from math import *", "@op\ndef f(x):\n    return floor(x + 0.5)", CALL,
        "def floor(x):\n    return 0", CALL,
    ],
    "a wrapper that remembers": [
        OP, HELPER, "import functools\nhelper = functools.lru_cache(helper)", F, K, CALL,
        HELPER.replace("2", "5"), "helper = functools.lru_cache(helper)", CALL,
    ],
    "a class attribute": [
        OP, BASE, READ, "with storage:\n    out(f(Base()))", BASE.replace("2", "5"),
        "with storage:\n    out(f(Base()))",
    ],
    "an instance of a class that was replaced": [
        OP, BASE, RUN, "m = Base()\nwith storage:\n    out(f(m))", BASE.replace("2", "5"),
        "with storage:\n    out(f(Base()))", "with storage:\n    out(f(m))",
    ],
    "an attribute of a class that was replaced": [
        OP, BASE, READ, "m = Base()", BASE.replace("2", "5"),
        "with storage:\n    out(f(Base()))", "with storage:\n    out(f(m))",
    ],
    "a base class that was replaced": [
        OP, BASE, DERIVED, READ, "with storage:\n    out(f(Derived()))", BASE.replace("2", "5"),
        "with storage:\n    out(f(Derived()))", DERIVED, "with storage:\n    out(f(Derived()))",
    ],
    "an attribute of a class that was replaced, and is changed": [
        OP, BASE, READ, "m = Base()", BASE.replace("2", "5"), "with storage:\n    out(f(m))",
        "type(m).RATE = 9", "with storage:\n    out(f(m))",
    ],
    "a function that was replaced, as an argument": [
        OP, "@op\ndef f(g):\n    return g(3)", HELPER, "old = helper\nwith storage:\n    out(f(old))",
        HELPER.replace("2", "5"), "with storage:\n    out(f(helper))", "with storage:\n    out(f(old))",
    ],
    "a replaced op is called": [
        OP, F, HELPER, K, "g = f", CALL, F.replace("+", "-"), "with storage:\n    out(g(3))",
    ],
    "an object that cannot be hashed": [
        OP, CLOSED, "c = make(2)", "@op\ndef f(x):\n    return x * c.k", CALL, "1 / 0\nc = make(5)", CALL,
        "c = make(5)", CALL,
    ],
    "a base class of a cell that failed": [
        OP, "class A:\n    k = 2\nclass B:\n    k = 5", "class D(A): pass", "@op\ndef f(x):\n    return D.k",
        CALL, "1 / 0\nclass D(B): pass", CALL.replace("3", "4"), "class D(B): pass", CALL.replace("3", "4"),
    ],
    "a decorator that hides a function": [
        OP, "class Jit:\n    def __init__(self, f):\n        self.call = lambda x: f(x)\n"
        "    def __call__(self, x):\n        return self.call(x)\n",
        "@Jit\ndef helper(x):\n    return x", F, K, CALL, "1 / 0\n@Jit\ndef helper(x):\n    return x * 2",
        CALL, "@Jit\ndef helper(x):\n    return x * 2", CALL,
    ],
    "a decorator whose helper was replaced": [
        OP, "def factor():\n    return 2", "import functools\nclass Jit:\n    def __init__(self, f):\n"
        "        functools.update_wrapper(self, f)\n        self.f, self.k = f, factor()\n"
        "    def __call__(self, x):\n        return self.f(x) * self.k",
        "@Jit\ndef helper(x):\n    return x", F, K, CALL, "def factor():\n    return 5", CALL,
        CALL.replace("3", "4"), "@Jit\ndef helper(x):\n    return x", CALL.replace("3", "4"), CALL,
    ],
    "a decorator that captures what was replaced": [
        OP, "def factor():\n    return 2", "def times(f):\n    k = factor()\n"
        "    def inner(x):\n        return f(x) * k\n    return inner",
        "@times\ndef helper(x):\n    return x", F, K, CALL, "def factor():\n    return 5", CALL,
        CALL.replace("3", "4"), "@times\ndef helper(x):\n    return x", CALL.replace("3", "4"), CALL,
    ],
    "an object that cannot be hashed, made by what was replaced": [
        OP, CLOSED, "def k():\n    return 2", "c = make(k())", "@op\ndef f(x):\n    return x * c.k", CALL,
        "def k():\n    return 5", CALL.replace("3", "4"), "c = make(k())", CALL.replace("3", "4"), CALL,
    ],
    "a class that holds what cannot be hashed": [
        OP, CLOSED, "def k():\n    return 2", "class A:\n    c = make(k())", "@op\ndef f(x):\n    return x * A.c.k",
        CALL, "def k():\n    return 5", CALL.replace("3", "4"), "class A:\n    c = make(k())",
        CALL.replace("3", "4"), CALL,
    ],
    "annotations that were compiled before a future import": [
        OP, "def helper(x: int): return x", "@op\ndef f(x):\n    return str(helper.__annotations__)",
        "from __future__ import annotations", CALL, "def helper(x: int): return x", CALL,
    ],
    "everything was reset": [OP, F, HELPER, K, CALL, "%reset -f", OP, F, HELPER.replace("2", "5"), "K = 8"],
    "future annotations": [
        OP, "def kind(f): return str(f.__annotations__)", "def helper(x: int): return x",
        "@op\ndef f(x):\n    return kind(helper)", CALL, "from __future__ import annotations",
        "def helper(x: int): return x", CALL,
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", TRAPS)
def test_a_trap(kernels: Kernels, name: str) -> None:
    first = kernels(*TRAPS[name])
    assert kernels(*TRAPS[name], oracle=False).values == first.values


def test_cells_that_ran_before_the_storage_was_made(kernels: Kernels) -> None:
    cells = [OP, "class A:\n    k = 2\nclass B:\n    k = 5", "class D(A): pass"]
    cells += ["@op\ndef f(x):\n    return D.k", "1 / 0\nclass D(B): pass", "storage = Storage()"]
    cells += [CALL, CALL, "class D(B): pass", CALL, CALL]
    counts = kernels(*cells, late=True).counts
    # Nobody knows which of two cells made the class, until one of them runs again.
    assert [executed for executed, _ in counts[6:]] == [1, 1, 0, 1, 0]
    assert kernels(*cells[:4], *cells[8:]).executed == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAPS)
def test_a_trap_otherwise(kernels: Kernels, name: str) -> None:
    """On a terminal, entered twice, and with a storage that is made late."""
    cells = [*TRAPS[name]]
    first = kernels(*cells, jupyter=False)
    assert kernels(*cells, jupyter=False, oracle=False).values == first.values
    kernels(*cells[:-1], *cells)
    late = [cell for cell in cells[:-1] if "with storage" not in cell]
    late += ["storage = Storage()", cells[-1]]
    first = kernels(*late, late=True)
    assert kernels(*late, late=True, oracle=False).values == first.values


@pytest.mark.parametrize("name", ["a helper is exchanged", "a global is changed in place"])
def test_what_can_be_known_is_found(kernels: Kernels, name: str) -> None:
    kernels(*TRAPS[name])
    assert kernels(*TRAPS[name]).counts[3 if "global" in name else 4] == (0, 1)


def test_two_kernels_on_one_repository(kernels: Kernels) -> None:
    ours = [OP, F, HELPER, K, CALL]
    theirs = [OP, F, HELPER.replace("2", "5"), "K = 8", CALL]
    assert [kernels(*cells).executed for cells in (ours, theirs, ours, theirs)] == [1, 1, 0, 0]


PREP = "import math\n\n\ndef scale(x):\n    return x * 2\n"
EDIT = "text = file.read_text()\nfile.write_text(text.replace({!r}, {!r}))\ntime.sleep(0.03)"
THERE, BACK = EDIT.format("x * 2", "x * 15"), EDIT.format("x * 15", "x * 2")


def test_a_reloaded_module(kernels: Kernels) -> None:
    kernels.repo.write("prep.py", PREP)
    cells = [OP, "import importlib, pathlib, prep, time\nfile = pathlib.Path('prep.py')"]
    cells += ["@op\ndef f(x):\n    return prep.scale(x)", CALL, THERE, CALL]
    cells += ["importlib.reload(prep)", CALL, BACK, CALL, "importlib.reload(prep)", CALL]
    ran = [executed for executed, _ in kernels(*cells).counts]
    assert [ran[at] for at in (3, 5, 7, 9, 11)] == [1, 0, 1, 0, 0]


def test_code_exchanged_by_autoreload(kernels: Kernels) -> None:
    kernels.repo.write("prep.py", PREP)
    cells = ["%load_ext autoreload\n%autoreload 2", OP]
    cells += ["import pathlib, time\nfrom prep import scale\nfile = pathlib.Path('prep.py')"]
    cells += ["@op\ndef f(x):\n    return scale(x)", CALL, THERE, CALL, BACK, CALL]
    counts = kernels(*cells).counts
    assert [counts[at] for at in (4, 6, 8)] == [(1, 0), (1, 0), (0, 1)]
    # Another kernel, which imports what this one was patched to.
    kernels.repo.write("prep.py", PREP.replace("x * 2", "x * 15"))
    assert kernels(*cells[:5]).executed == 0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("K = 2", "K = 15"),
        ("import math", "import cmath as math"),
        ("@same\n", "@twice\n"),
        ("C.k = 3", "C.k = 14"),
        ("x * K", "x + K + 0"),
        ("return f\n", "return lambda x: -f(x)\n"),
        ("def scale(x)", "def scale(x, y=7)"),
    ],
)
def test_what_autoreload_may_leave_behind(kernels: Kernels, old: str, new: str) -> None:
    text = (
        "import math\n\nK = 2\n\n\ndef same(f):\n    return f\n\n\ndef twice(f):\n"
        "    return lambda x: f(f(x))\n\n\nclass C:\n    k = 1\n\n\nC.k = 3\n\n\n@same\n"
        "def inner(x):\n    return x * K\n\n\ndef scale(x):\n"
        "    return inner(x) * C.k + len(math.__name__)\n"
    )
    assert text.count(old) == 1
    kernels.repo.write("prep.py", text)
    there, back = EDIT.format(old, new), EDIT.format(new, old)
    cells = ["%load_ext autoreload\n%autoreload 2", OP]
    cells += ["import pathlib, time\nfrom prep import scale\nfile = pathlib.Path('prep.py')"]
    cells += ["@op\ndef f(x):\n    return scale(x)", CALL, there, CALL, back, CALL]
    for _ in range(2):
        kernels(*cells)
    kernels.repo.write("prep.py", text.replace(old, new))
    kernels(*cells[:5])


@pytest.mark.parametrize(
    "cell",
    [
        "exec('@op\\ndef f(x):\\n    return x')",
        "%%prun -q\n@op\ndef f(x):\n    return x",
        "%run script.py",
        "%run -i script.py",
    ],
)
def test_code_whose_source_nothing_tells_is_recorded_and_runs(kernels: Kernels, cell: str) -> None:
    kernels.repo.write("script.py", f"{OP}\n\nK = 1\n\n@op\ndef f(x):\n    return x * K\n")
    cells = [OP, "K = 1", cell, CALL, "K = 2", CALL]
    assert [executed for executed, _ in kernels(*cells).counts[3::2]] == [1, 1]
    kernels(*cells)


# -- anything in any order ---------------------------------------------------------------

ANY = [
    F, F.replace("+", "-"), F + "\n# note",
    HELPER, HELPER.replace("2", "5"), "def helper(x):\n    return inner(x) + 1",
    "def inner(x):\n    return x", "def inner(x):\n    return x * K",
    "helper = lambda x: x", "helper = inner", "del helper", "helper.__code__ = inner.__code__",
    "import functools\nhelper = functools.lru_cache(helper)", "old = helper", "helper = old",
    "1 / 0\n" + HELPER, HELPER + "\n1 / 0", "%%time\n" + HELPER, "%time helper = lambda x: x * 7",
    K, "K = 4", "K += 1", "P = {'k': 2}", "P['k'] = 5", "K = P['k']", "del K",
    "@op\ndef g(h, x):\n    return h(x)", "with storage:\n    out(g(helper, 3))",
    "class M:\n    r = 2\n    def go(self, x):\n        return helper(x) * self.r",
    "class M:\n    r = 5\n    def go(self, x):\n        return helper(x) * self.r",
    "class M:\n    r = 2\n    def go(self, x):\n        return x", "M.r = 7", "m = M()",
    "class N(M):\n    pass", "m = N()", "@op\ndef h(m, x):\n    return m.go(x), m.r",
    "with storage:\n    out(h(m, 3))", "with storage:\n    out(h(M(), 3))",
    "%%capture out_\ndef inner(x):\n    return x + 9", "if K > 3:\n    def inner(x):\n        return -x",
    CALL, CALL, CALL, CALL, f"{HELPER}\n{CALL}", f"{CALL}\n{HELPER.replace('2', '8')}\n{CALL}",
]  # fmt: skip
START = [OP, F, HELPER, K, ANY[6], ANY[28], "m = M()", ANY[26], ANY[35]]


@pytest.mark.parametrize("seed", range(6))
def test_any_cells_in_any_order(kernels: Kernels, seed: int) -> None:
    chance = random.Random(seed)
    found = executed = 0
    for _ in range(2):
        cells = [*START, *chance.choices(ANY, k=25)]
        session = kernels(*cells, jupyter=chance.random() < 0.5)
        found += sum(count for _, count in session.counts)
        executed += session.executed
    assert found + executed > 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6, 300))
def test_many_cells_in_any_order(kernels: Kernels, seed: int) -> None:
    test_any_cells_in_any_order(kernels, seed)
