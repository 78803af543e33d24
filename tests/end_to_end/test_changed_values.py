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
