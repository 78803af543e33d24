"""Edits of names alone: results are found again, nothing is asked; and edits that only look so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project

HEAD = "from mandala_git import op\n"

# name: (module p, old, new); a call of `p.f` must be found again after the edit.
KEEPS = {
    "a renamed local": (
        HEAD + "@op\ndef f(x):\n    total = x + 1\n    return total * 2\n",
        "total",
        "result",
    ),
    "a renamed local of a helper": (
        HEAD + "def g(x):\n    s = x + 1\n    return s\n\n@op\ndef f(x):\n    return g(x)\n",
        "s = x + 1\n    return s",
        "t = x + 1\n    return t",
    ),
    "a renamed captured local": (
        HEAD
        + "@op\ndef f(x):\n    tot = 0\n    def add():\n        nonlocal tot\n"
        + "        tot += x\n    add()\n    return tot\n",
        "tot",
        "whole",
    ),
    "another spelling of an import": (
        HEAD + "from math import sqrt\n\n@op\ndef f(x):\n    return sqrt(x)\n",
        "from math import sqrt\n\n@op\ndef f(x):\n    return sqrt(x)\n",
        "import math as m\n\n@op\ndef f(x):\n    return m.sqrt(x)\n",
    ),
}

# name: (modules, old, new in p); the call must run again after the edit.
COUNTS: dict[str, tuple[dict[str, str], str, str]] = {
    "a local that takes a global's name": (
        {"p": HEAD + "k = 5\n\n@op\ndef f(x):\n    s = x\n    return s + k\n"},
        "s = x\n    return s + k",
        "k = x\n    return k + k",
    ),
    "a module's function that somebody replaced": (
        {
            "q": "import math\n\ndef double(x):\n    return 2 * x\n\nmath.trunc = double\n",
            "p": HEAD + "from math import trunc\nimport q\n\n@op\ndef f(x):\n    return trunc(x)\n",
        },
        "from math import trunc\nimport q\n\n@op\ndef f(x):\n    return trunc(x)",
        "import math\nimport q\n\n@op\ndef f(x):\n    return math.trunc(x)",
    ),
}


@pytest.mark.parametrize("case", KEEPS)
def test_only_names(project: Project, case: str) -> None:
    code, old, new = KEEPS[case]
    project.write(p=code)
    project.commit()
    project.runs("p.f(4)")
    project.edit("p", old, new)
    assert project.questions() == []
    project.reuses("p.f(4)")
    project.commit()
    project.reuses("p.f(4)")


@pytest.mark.parametrize("case", COUNTS)
def test_more_than_names(project: Project, case: str) -> None:
    files, old, new = COUNTS[case]
    project.write(**files)
    project.commit()
    project.runs("p.f(4)")
    project.edit("p", old, new)
    project.runs("p.f(4)")


def test_a_module_s_function_is_replaced_in_between(project: Project) -> None:
    project.write(p=HEAD + "import math\n\n@op\ndef f(x):\n    return math.trunc(x)\n")
    project.runs("p.f(4.5)")
    project.write(q="import math\n\ndef double(x):\n    return 2 * x\n\nmath.trunc = double\n")
    project.runs("p.f(4.5)", imports="import q")
    project.reuses("p.f(4.5)")


def test_a_module_s_function_was_replaced_before_it_is_imported(project: Project) -> None:
    project.write(q="import math\n\ndef double(x):\n    return 2 * x\n\nmath.trunc = double\n")
    project.write(p=HEAD + "from math import trunc\n\n@op\ndef f(x):\n    return trunc(x)\n")
    project.program("import q\nimport p\nwith storage:\n    out(p.f(4.5))\n")
    project.runs("p.f(4.5)")


def test_a_module_s_function_is_replaced_between_two_calls(project: Project) -> None:
    project.write(p=HEAD + "import math\n\n@op\ndef f(x):\n    return math.trunc(x)\n")
    project.write(q="def double(x):\n    return 2 * x\n")
    project.program(
        "import math, p, q\nwith storage:\n    out(p.f(4.5))\n"
        "    math.trunc, kept = q.double, math.trunc\n    out(p.f(4.5))\n"
        "    math.trunc = kept\n    out(p.f(4.5))\n"
    )


@pytest.mark.parametrize(
    ("alias", "call"),
    [
        ("L = locals", "L()"),
        ("from h import L", "L()"),
        ("V = vars", "V()"),
        ("E = eval", "E('dir()')"),
        ("T = {'look': locals}", "T['look']()"),
        ("import functools\nP = functools.partial(eval, 'dir()')", "P()"),
        ("class A:\n    look = locals", "A.look()"),
        ("from h import peek", "peek()"),
    ],
)
def test_locals_that_are_read_by_another_name(project: Project, alias: str, call: str) -> None:
    project.write(
        h="import sys\nL = locals\n\ndef peek():\n    return sorted(sys._getframe(1).f_locals)\n",
        p=f"from mandala_git import op\n{alias}\n\n@op\ndef f(x):\n    first = x\n"
        f"    return sorted({call})\n",
    )
    for _ in range(2):
        assert "first" in project.run("p.f(1)").values[0]
    project.edit("p", "first = x", "renamed = x")
    assert "renamed" in project.run("p.f(1)").values[0]
