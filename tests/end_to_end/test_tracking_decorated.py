"""`Storage(tracking="decorated")`: only ops and what `@track` marks counts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from interpreters import finish, start

from mandala_git import Storage
from mandala_git.errors import UsageError

if TYPE_CHECKING:
    from conftest import Project

H = """from mandala_git import track
SEEN = []
K = 3
L = 1

def plain(x):
    SEEN.append(x)
    return deep(x) + L

@track
def deep(x):
    return x * K

@track
class Model:
    rate = 2
    def run(self, x):
        return helper(x) * self.rate

class Other:
    rate = 2
    def run(self, x):
        return x * self.rate

def helper(x):
    return x + 1
"""
P = """import h
from mandala_git import op

@op
def f(x):
    return h.plain(x)

@op
def g(x):
    return h.Model().run(x)

@op
def k(x):
    return h.Other().run(x)

@op
def outer(x):
    return f(x) + g(x) + k(x)
"""
PROGRAM = """
from mandala_git import Storage
import p
with Storage({options}) as storage:
    values = [f(2).value for f in (p.f, p.g, p.k, p.outer)]
    values += [f(2).value for f in (p.f, p.g, p.k, p.outer)]
    print(storage.executed, flush=True)
"""
DECORATED = 'tracking="decorated"'


def executed(project: Project, options: str = DECORATED) -> int:
    time.sleep(0.02)
    (line,) = finish(start(project.root, PROGRAM.format(options=options)))
    return int(line)


def test_only_what_is_marked_counts(project: Project) -> None:
    project.write(h=H, p=P)
    assert executed(project) == 4
    assert executed(project) == 0
    for old, new, runs in (
        ("+ L", "+ L + 0", 0),  # of a function that is not marked
        ("L = 1", "L = 2", 0),  # read by that alone
        ("return x + 1", "return x + 2", 0),
        ("class Other:\n    rate = 2", "class Other:\n    rate = 3", 0),
        ("x * K", "x + K", 2),  # of a marked one, run by one that is not
        ("K = 3", "K = 4", 2),
        ("helper(x) *", "helper(x) +", 2),  # a method of a marked class
        ("class Model:\n    rate = 2", "class Model:\n    rate = 3", 2),
    ):
        project.edit("h", old, new)
        assert executed(project) == runs, old
        assert executed(project) == 0
    project.edit("p", "h.plain(x)", "h.plain(x) + 1")
    assert executed(project) == 2


def test_other_storages_look_at_everything(project: Project) -> None:
    project.write(h=H, p=P)
    assert executed(project) == 4
    # What was recorded without looking is not reused by who looks; f changes a global.
    assert executed(project, "") >= 4
    project.write(h=H, p=P.replace("h.plain(x)", "h.deep(x)"))
    assert executed(project, "") == 2
    assert executed(project) == 0  # who looks at less can use it
    assert executed(project, "") == 0


def test_the_settings_of_a_project_say_it_too(project: Project) -> None:
    project.write(h=H, p=P)
    project.repo.write("pyproject.toml", '[tool.mandala]\ntracking = "decorated"\n')
    assert executed(project, "") == 4
    project.edit("h", "L = 1", "L = 2")
    assert executed(project, "") == 0
    project.commit()
    assert len(project.table("f", "HEAD")) == 1
    assert executed(project, 'tracking="all"') >= 4


def test_what_is_passed_and_nested_code(project: Project) -> None:
    project.write(
        p="from functools import lru_cache\nfrom mandala_git import op, track\n\n"
        "@track\n@lru_cache\ndef cached(x):\n    return x + 1\n\n"
        "@track\ndef marked(x):\n    return x * 3\n\ndef unmarked(x):\n    return x * 3\n\n"
        "STEPS = {'a': marked, 'b': unmarked}\n\n"
        "@op\ndef f(fn):\n    return fn(2)\n\n@op\ndef g(name):\n    return STEPS[name](2)\n\n"
        "@op\ndef c(x):\n    return cached(x)\n"
    )
    code = (
        "from mandala_git import Storage\nimport p\nwith Storage(tracking='decorated') as storage:\n"
        "    p.cached(1)\n    for call in (lambda: p.f(p.marked), lambda: p.f(p.unmarked), "
        "lambda: p.g('a'), lambda: p.g('b'), lambda: p.c(1)):\n"
        "        before = storage.executed\n        call()\n"
        "        print(storage.executed - before)\n"
    )

    def runs() -> str:
        time.sleep(0.02)
        return "".join(finish(start(project.root, code)))

    assert runs() == "11111"
    assert runs() == "00000"
    project.edit("p", "def unmarked(x):\n    return x * 3", "def unmarked(x):\n    return x * 4")
    assert runs() == "00000"
    project.edit("p", "def marked(x):\n    return x * 3", "def marked(x):\n    return x * 4")
    assert runs() == "10110"
    project.edit("p", "return x + 1", "return x + 2")
    assert runs()[4] == "1"  # behind a cache that was warm


def test_bad_settings_are_refused(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.root)
    with pytest.raises(UsageError, match="tracking='some'"):
        Storage(tracking="some")  # type: ignore[arg-type]
    project.repo.write("pyproject.toml", '[tool.mandala]\ntracking = "some"\n')
    with pytest.raises(UsageError, match="tracking = 'some'"):
        Storage()
