"""`untracked`: globals that do not count; and those that cannot be compared."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

import pytest

from mandala_git.errors import UsageError

if TYPE_CHECKING:
    from conftest import Project, Run

HEAD = "from mandala_git import op\n"
CACHED = "CACHE = {{}}\nK = 3\n\n{op}\ndef f(x):\n    CACHE[x] = 1\n    return x * K\n"


def warned(project: Project, calls: str) -> tuple[Run, list[str]]:
    """Run calls; return the run, and what they warned of."""
    code = (
        f"import p, warnings\nwith warnings.catch_warnings(record=True) as said, storage:\n{calls}"
        "out([str(each.message) for each in said])\n"
    )
    run = project.program(code, oracle=False)
    return run, ast.literal_eval(run.values[-1])


CALLS = "    out(p.f(2)); out(p.f(2)); out(p.f(3)); out(p.f(2))\n"


def test_a_cache_does_not_count(project: Project) -> None:
    project.write(p=HEAD + CACHED.format(op="@op(untracked=['CACHE'])"))
    run, said = warned(project, CALLS)
    assert (run.executed, run.found, said) == (2, 2, [])
    assert warned(project, CALLS)[0].executed == 0
    project.edit("p", "CACHE = {}", "CACHE = {7: 7}")
    project.reuses("p.f(2)")
    project.edit("p", "K = 3", "K = 4")
    project.runs("p.f(2)")
    project.edit("p", "K = 4", "K = 3")
    project.reuses("p.f(2)")


def test_without_the_declaration_it_counts_again(project: Project) -> None:
    project.write(p=HEAD + CACHED.format(op="@op(untracked=['CACHE'])"))
    assert warned(project, CALLS)[0].executed == 2
    project.write(p=HEAD + CACHED.format(op="@op"))
    run, said = warned(project, CALLS)
    assert run.executed == 4
    assert said == ["calls of f are recorded, but not found again: it changes p.py::CACHE"]


@pytest.mark.parametrize("name", ["CACHE", "h.CACHE", "p.CACHE", "pkg.h.CACHE"])
def test_a_project_leaves_globals_out(project: Project, name: str) -> None:
    module = "pkg/h" if name == "pkg.h.CACHE" else "h"
    reading = module.replace("/", ".")
    project.write(
        **{
            module: "CACHE = {}\nLIMIT = 3\n\ndef g(x):\n    CACHE[x] = 1\n    return x * LIMIT\n",
            "p": HEAD + f"from {reading} import g\n\n@op\ndef f(x):\n    return g(x)\n",
        }
    )
    setting = project.repo.write("pyproject.toml", f"[tool.mandala]\nuntracked = [{name!r}]\n")
    run, _ = warned(project, CALLS)
    left_out = name != "p.CACHE"
    assert run.executed == (2 if left_out else 4)
    assert bool(warned(project, CALLS)[0].executed) != left_out
    project.edit(module, "LIMIT = 3", "LIMIT = 4")
    project.runs("p.f(2)")
    if left_out:
        project.commit()
        past = "import p\nwith storage.at('HEAD'):\n    out(p.f(2))\n"
        assert project.program(past, oracle=False).values == ["8"]
    setting.write_text("")
    # What nobody looked at is not reused once it counts.
    if left_out:
        with pytest.raises(AssertionError, match="MissingCall"):
            project.program(past, oracle=False)
        assert warned(project, CALLS)[0].executed == 4


def test_the_call_around_is_found_too(project: Project) -> None:
    project.write(
        p=HEAD
        + CACHED.format(op="@op(untracked=['CACHE'])")
        + "\n@op\ndef e(x):\n    return f(x) + 1\n\n@op\ndef reads(x):\n    f(x)\n    return len(CACHE)\n"
    )
    code = "import p\nwith storage:\n    out(p.e(2)); out(p.e(3)); out(p.e(2))\n"
    assert project.program(code).executed == 4
    assert project.program(code) == (["7", "10", "7"], 0, 3)
    # Who reads it without saying so depends on it.
    assert project.program("import p\nwith storage:\n    p.reads(5); p.reads(5)\n").executed == 3


def test_names_of_other_modules_and_imported_ones(project: Project) -> None:
    project.write(
        h="SEEN = []\nK = [3]\n",
        p=HEAD
        + "import h\nfrom h import SEEN\n\n@op(untracked=['SEEN'])\ndef f(x):\n    SEEN.append(x)\n"
        + "    return x * h.K[0]\n\n@op(untracked=['h.SEEN'])\ndef g(x):\n    h.SEEN.append(x)\n"
        + "    return x * h.K[0]\n",
    )
    project.runs("p.f(2)", "p.g(2)")
    project.reuses("p.f(2)", "p.g(2)")
    project.edit("h", "SEEN = []", "SEEN = [0]")
    project.reuses("p.f(2)", "p.g(2)")
    project.edit("h", "K = [3]", "K = [4]")
    project.runs("p.f(2)", "p.g(2)")


def test_a_counter_that_is_rebound_costs_no_new_look(project: Project) -> None:
    project.write(
        p=HEAD
        + "N = 0\n\n@op(untracked=['N'])\ndef f(x):\n    global N\n    N += 1\n    return x * 3\n"
    )
    code = (
        "import p\nwith storage:\n    p.f(1)\n    epoch = storage.versioning.world.epoch\n"
        "    for x in (1, 2, 3, 1): out(p.f(x)); p.N += 1\n"
        "out(storage.versioning.world.epoch - epoch)\n"
    )
    assert project.program(code, oracle=False) == (["3", "6", "9", "3", "0"], 3, 2)


def test_names_that_mean_nothing_are_told(project: Project) -> None:
    project.write(
        p=HEAD
        + "K = 3\n\ndef g(x):\n    return x\n\n@op(untracked=['CACH', 'g'])\ndef f(x):\n    return g(x) * K\n"
    )
    run, said = warned(project, CALLS)
    assert (run.executed, said) == (
        2,
        [f"untracked={name!r} of p.py::f means no global that it reads" for name in ("CACH", "g")],
    )
    project.edit("p", "return x\n", "return x + 1\n")  # code is never left out
    project.runs("p.f(2)")


def test_what_cannot_be_compared_is_named_once(project: Project) -> None:
    project.write(
        p=HEAD
        + "import logging, threading\nLOG = logging.getLogger('a')\nLOCK = threading.Lock()\n"
        + "OUT = open('p.py')\nGEN = (i for i in range(3))\n\n@op\ndef f(x):\n"
        + "    LOG.debug('x')\n    with LOCK:\n        return x * 3, OUT.closed, GEN.gi_frame is None\n"
        + "\n@op(untracked=['GEN', 'OUT'])\ndef g(x):\n    return OUT.closed, GEN.gi_frame is None\n"
    )
    _, said = warned(project, "    p.f(1); p.f(1); p.f(2)\n    p.f(3)\n")
    assert [text.partition(" has no content")[0] for text in said] == [
        "p.py::GEN (generator)",
        "p.py::OUT (TextIOWrapper)",
    ]
    assert "@op(untracked=['GEN'])" in said[0]
    assert warned(project, "    p.g(1); p.g(2)\n")[1] == []


BIG = """
import numpy as np
from pathlib import Path
from mandala_git import op, wrap_atom

X = wrap_atom(np.loadtxt("x.txt"))

@op
def f(x):
    return float(X[x])
"""


def test_a_ref_as_a_global_is_its_id(project: Project) -> None:
    project.write(p=BIG)
    project.repo.write("x.txt", "1 2 3")
    probe = (
        "import p, mandala_git.results.ids as ids, mandala_git.versions.seen as seen\n"
        "real, sizes = ids.cid, []\n"
        "def spy(found, *a, **k):\n    sizes.append(type(found).__name__)\n"
        "    return real(found, *a, **k)\n"
        "seen.cid = spy\nimport mandala_git.versions.readings as r; r.cid = spy\n"
        "with storage:\n    for n in (0, 1, 2, 0, 1, 2): out(p.f(n))\n"
        "assert 'ndarray' not in sizes\n"
    )
    assert project.program(probe) == (["1.0", "2.0", "3.0"] * 2, 3, 3)
    assert warned(project, "    p.f(0)\n") == ((["[]"], 0, 1), [])
    # Its source is the same, and what it is made of is not.
    project.repo.write("x.txt", "1 2 4")
    assert project.runs("p.f(0)", "p.f(2)").values == ["1.0", "4.0"]
    project.repo.write("x.txt", "1 2 3")
    project.reuses("p.f(0)", "p.f(2)")


def test_what_a_ref_holds_may_be_changed_in_place(project: Project) -> None:
    project.write(p=BIG)
    project.repo.write("x.txt", "1 2 3")
    code = (
        "import p\nwith storage:\n    out(p.f(0)); out(p.f(0))\n    p.X.value[0] = 7\n"
        "    out(p.f(0)); out(p.f(0))\n    p.X.value[0] = 1\n    out(p.f(0))\n"
    )
    assert project.program(code) == (["1.0", "1.0", "7.0", "7.0", "1.0"], 2, 3)


def test_a_class_in_a_ref_counts(project: Project) -> None:
    project.write(
        h="class C:\n    k = 3\n    def run(self, x):\n        return x * self.k\n",
        p="from mandala_git import op, wrap_atom\nfrom h import C\n\nX = wrap_atom(C())\n"
        "\n@op\ndef f(x):\n    return X.value.run(x)\n",
    )
    project.runs("p.f(2)")
    project.reuses("p.f(2)")
    project.edit("h", "k = 3", "k = 4")
    project.runs("p.f(2)")
    project.edit("h", "x * self.k", "x + self.k")
    project.runs("p.f(2)")


def test_a_pointer_as_a_global_is_its_name(project: Project) -> None:
    project.write(
        p="from mandala_git.imports import *\n\nX = ValuePointer('corpus-1', object())\n"
        "\n@op\ndef f(x):\n    return X.id * x\n",
    )
    project.runs("p.f(2)")
    project.reuses("p.f(2)")
    project.edit("p", "corpus-1", "corpus-2")
    project.runs("p.f(2)")


@pytest.mark.parametrize("wrong", ["LOG", [1], ["a b"], [""], ["a."]])
def test_bad_declarations_are_refused(wrong: Any) -> None:
    from mandala_git import op

    with pytest.raises(UsageError, match="untracked"):

        @op(untracked=wrong)
        def f(x: int) -> int:
            return x
