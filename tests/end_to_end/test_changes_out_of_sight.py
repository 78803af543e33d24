"""Calls change what no name in their code leads to: through arguments, computed names, callbacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project

LIBRARY = """
COUNT = [0]
N = 0

class Model:
    seen = []
    def step(self, x):
        self.seen.append(x)
        return len(self.seen)

def tick(x, before=[]):
    COUNT[0] += 1
    return x + COUNT[0]

def tock(x):
    global N
    N += 1
    return x + N

def grow(x, before=[]):
    before.append(x)
    return len(before)
"""

MODULE = """
import sys
from mandala_git import op

@op
def method(m, x): return m.step(x)
@op
def function(g, x): return g(x)
@op
def inside(gs, x): return gs["g"][0](x)
@op
def computed(name, x): return getattr(sys.modules["h"], name)(x)
@op
def imported(name, x):
    import importlib
    return getattr(importlib.import_module("h"), name)(x)
"""

CALLS = {
    "a class attribute": "p.method(h.Model(), 1)",
    "a global of a function": "p.function(h.tick, 1)",
    "a number that it binds anew": "p.function(h.tock, 1)",
    "a default": "p.function(h.grow, 1)",
    "a function in containers": "p.inside({'g': [h.tick]}, 1)",
    "a computed name": "p.computed('ti' + 'ck', 1)",
    "a computed name of a number": "p.computed('to' + 'ck', 1)",
    "an import by name": "p.imported('ti' + 'ck', 1)",
}


@pytest.mark.parametrize("name", CALLS)
def test_it_runs_whenever_it_is_called(project: Project, name: str) -> None:
    project.write(h=LIBRARY, p=MODULE)
    code = f"import h, p\nwith storage:\n    for _ in range(3): out({CALLS[name]})\n"
    assert project.program(code).executed == 3
    assert project.program(code).executed == 3


QUIET = {
    "a method": ("p.method(h.Model(), 1)", "self.seen.append(x)", "self.seen == 3"),
    "a function": ("p.function(h.tick, 1)", "COUNT[0] += 1", "COUNT[0]"),
    "a computed name": ("p.computed('ti' + 'ck', 1)", "COUNT[0] += 1", "COUNT[0]"),
    "an import by name": ("p.imported('to' + 'ck', 1)", "N += 1", "N"),
}


@pytest.mark.parametrize("name", QUIET)
def test_what_only_reads_is_found(project: Project, name: str) -> None:
    call, old, new = QUIET[name]
    project.write(h=LIBRARY.replace(old, new), p=MODULE)
    code = f"import h, p\nwith storage:\n    for _ in range(3): out({call})\n"
    assert project.program(code).executed == 1
    assert project.program(code).executed == 0
    changed = code.replace("with", "h.COUNT[0] = h.N = 4\nh.Model.seen.append(1)\nwith")
    assert project.program(changed).executed == 1
    assert project.program(changed).executed == 0
    assert project.program(code).executed == 0


CALLBACK = """
import logging

STATE = [0]

class Handler(logging.Handler):
    def emit(self, record):
        STATE[0] += 1
        record.args[1].append(STATE[0])

logging.getLogger("callback").addHandler(Handler())
logging.getLogger("callback").propagate = False
"""

LOGS = """
import logging
from mandala_git import op

@op
def f(x):
    found = []
    logging.getLogger("callback").warning("%s %s", x, found)
    return found
"""


def test_a_callback_that_nothing_leads_to(project: Project) -> None:
    project.write(h=CALLBACK, p=LOGS)
    code = "import h, p\nwith storage:\n    for _ in range(3): out(p.f(1))\n"
    for _ in range(2):
        assert project.program(code).executed == 3


def test_a_callback_that_only_reads_is_found_once_it_is_known(project: Project) -> None:
    project.write(h=CALLBACK.replace("STATE[0] += 1", "STATE"), p=LOGS)
    code = "import h, p\nwith storage:\n    for x in (1, 1, 1, 2, 2): out(p.f(x))\n"
    assert project.program(code).executed == 3  # the first time nobody knows what it reads
    assert project.program(code).executed == 0
    more = code.replace("(1, ", "(3, ")
    assert project.program(more).executed == 1, "what it reads is known from the last program"
    assert project.program(more).executed == 0


IN_SIGHT = """
from mandala_git import op

class Model:
    seen = []
    total = 0

def helper(x, before=[]):
    before.append(x)
    return len(before)

@op
def appends(x):
    Model.seen.append(x)
    return len(Model.seen)
@op
def adds(x):
    Model.total += x
    return Model.total
@op
def sets(x):
    found = getattr(Model, "late", 0)
    Model.late = found + x
    return found
@op
def marks(x):
    helper.calls = getattr(helper, "calls", 0) + x
    return helper.calls
@op
def grows(x):
    return helper(x)
@op
def grows_itself(x, before=[]):
    before.append(x)
    return len(before)
"""


@pytest.mark.parametrize("name", ["appends", "adds", "sets", "marks", "grows", "grows_itself"])
def test_state_that_was_as_its_source_says(project: Project, name: str) -> None:
    project.write(p=IN_SIGHT)
    code = f"import p\nwith storage:\n    for _ in range(3): out(p.{name}(1))\n"
    for _ in range(2):
        assert project.program(code).executed == 3


BOUND = """
from mandala_git import op

def counting():
    counting.n = getattr(counting, "n", 0) + 1
    return counting.n

def made():
    n = 0
    @op
    def inner(x):
        nonlocal n
        n += 1
        return n + x
    return inner

captured = made()

@op
def attribute(x):
    return counting() + x
@op
def anew(x):
    global NEW
    try:
        NEW += 1
    except NameError:
        NEW = 0
    return NEW + x
"""


@pytest.mark.parametrize("name", ["captured", "attribute", "anew"])
def test_what_was_not_bound_before(project: Project, name: str) -> None:
    project.write(p=BOUND)
    code = f"import p\nwith storage:\n    for _ in range(3): out(p.{name}(1))\n"
    for _ in range(2):
        assert project.program(code).executed == 3


def test_what_the_program_changed_is_no_change_of_the_call(project: Project) -> None:
    module = "from mandala_git import op\n\ndef h():\n    return h.k\n\n@op\ndef f(x):\n    return h() + x\n"
    project.write(p=module)
    code = (
        "import p\nwith storage:\n    for k in range(4):\n        p.h.k = k\n        out(p.f(k))\n"
    )
    assert project.program(code).executed == 4
    assert project.program(code).executed == 0
