"""Special arguments in a repository: across processes, edits and verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project

HEAD = "from mandala_git import Ignore, NewArgDefault, Transient, ValuePointer, op\n\n"


def test_what_is_ignored_is_no_part_of_a_call(project: Project) -> None:
    project.write(
        h="def g(x):\n    return x + 1\n",
        p=HEAD + "from h import g\n\n@op(ignore_args=['jobs'])\n"
        "def f(x, jobs=1, *, log=Ignore(None)):\n    return g(x)\n",
    )
    project.runs("p.f(1)", "p.f(2, 3)")
    project.reuses("p.f(1, 5)", "p.f(2)", "p.f(1, jobs=p.Ignore(4), log=p.Ignore(open))")
    project.runs("p.f(1, log=None)", "p.f(3, 5)")
    project.edit("h", "x + 1", "x + 2")
    project.runs("p.f(1, 5)", "p.f(2)")


def test_a_parameter_that_was_added(project: Project) -> None:
    project.write(p=HEAD + "@op\ndef f(x):\n    return x * 2\n")
    project.runs("p.f(1)", "p.f(2)")
    project.commit()
    project.edit("p", "f(x):", "f(x, a=NewArgDefault(0), log=Ignore(None)):")
    project.edit("p", "x * 2", "x * 2 + a")
    project.compatible("f")
    project.reuses("p.f(1)", "p.f(2, 0)", "p.f(1, p.NewArgDefault(0))", "p.f(2, log=p.Ignore(1))")
    project.runs("p.f(1, 1)", "p.f(2, False)")
    project.commit()
    # With another default, calls that leave it out mean something else.
    project.edit("p", "NewArgDefault(0)", "NewArgDefault(3)")
    project.run("p.f(1)", "p.f(2)", "p.f(1, 0)", "p.f(2, 0)", "p.f(1, 1)", "p.f(1, 3)")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("@op(ignore_args=['a'])\ndef f(x, a=1):", "@op\ndef f(x, a=1):"),
        ("@op\ndef f(x, a=1):", "@op(ignore_args=['a'])\ndef f(x, a=1):"),
        ("@op\ndef f(x, a=Ignore(1)):", "@op\ndef f(x, a=1):"),
        ("@op\ndef f(x, a=Ignore(1)):", "@op\ndef f(x, a=NewArgDefault(1)):"),
        ("@op\ndef f(x, a=1):", "@op\ndef f(x, a=Ignore(1)):"),
    ],
)
def test_an_argument_that_begins_or_ceases_to_count(
    project: Project, before: str, after: str
) -> None:
    body = "\n    return x * 2 + a\n"
    project.write(p=HEAD + before + body)
    project.runs("p.f(1)", "p.f(2, 5)")
    project.commit()
    project.edit("p", before, after)
    project.compatible("f")
    project.run("p.f(2)", "p.f(1)")


def test_a_pointer_across_processes(project: Project) -> None:
    project.write(p=HEAD + "@op\ndef f(xs):\n    return len(str(xs))\n")
    project.runs("p.f(p.ValuePointer('n', 5))", "p.f([1, p.ValuePointer('n', 5)])")
    project.reuses("p.f(p.ValuePointer('n', 5))", "p.f([1, p.ValuePointer('n', 5)])")
    project.runs("p.f(p.ValuePointer('m', 5))", "p.f('n')", "p.f(5)", "p.f([1, 'n'])")


NEEDS = """
import p
with storage:
    values = p.f(3)
    try:
        out(p.g(values))
    except Exception as error:
        out(str(error))
with storage(recompute_transient=True):
    out(p.g(values))
out(p.g.func([0]))
"""


def test_a_transient_output_across_processes(project: Project) -> None:
    project.write(
        h="def many(n):\n    return list(range(n))\n",
        p=HEAD + "from h import many\n\n@op\ndef f(n):\n    return Transient(many(n))\n\n"
        "@op\ndef g(xs):\n    return sum(xs)\n",
    )
    project.run("p.f(3)")
    found = project.program(NEEDS, oracle=False)
    assert "an output of f is not stored: it is transient" in found.values[0]
    assert found.values[1:] == ["3", "0"]
    assert found.executed == 2  # f once more, and g
    again = project.program(NEEDS, oracle=False)
    assert again.values == ["3", "3", "0"]
    assert again.executed == 0  # g is found without the value
    project.edit("h", "range(n)", "range(n + 1)")
    assert project.program(NEEDS, oracle=False).values == ["6", "6", "0"]


def test_what_a_lost_value_was_made_of(project: Project) -> None:
    """A call that was given what is not kept cannot run again for its lost result."""
    project.write(
        p=HEAD + "@op(ignore_args=['b'])\ndef f(a, b):\n    return [0] * 50_000\n\n"
        "@op(ignore_args=['b'])\ndef g(a, b=3):\n    return [b] * 50_000\n\n"
        "@op\ndef h(a):\n    return [2] * 50_000\n"
    )
    lose = (
        "import p\nfrom pathlib import Path\nwith storage:\n    ref = {}\n"
        "for each in Path('.git/mandala/values').rglob('*'):\n    each.is_file() and each.unlink()\n"
        "try:\n    out(len(ref.value))\nexcept Exception as error:\n    out(str(error))\n"
    )
    for call, told in [
        ("p.f(1, 2)", "something that is ignored"),
        ("p.g(1)", "50000"),
        ("p.h(p.ValuePointer('n', 5))", "of a ValuePointer"),
        ("p.h([p.ValuePointer('n', 5)])", "of a ValuePointer"),
    ]:
        assert told in project.program(lose.format(call), oracle=False).values[0]


def test_special_defaults_in_the_past(project: Project) -> None:
    project.write(
        p=HEAD + "@op\ndef f(x, a=NewArgDefault(0), log=Ignore(None)):\n    return x + a\n"
    )
    first = project.commit()
    project.runs("p.f(1)", "p.f(2, 3)")
    project.edit("p", "x + a", "x - a")
    project.commit()
    program = (
        f"import p\nwith storage.at({first!r}):\n    out(p.f(1).value)\n    out(p.f(2, 3).value)\n"
    )
    assert project.program(program, oracle=False).values == ["1", "5"]
