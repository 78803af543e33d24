"""What is declared of outputs may change: what was recorded is never read in another way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("@op(output_names=['a', 'b'])", "@op(output_names=['b', 'a'])"),
        ("@op(nout=1)", "@op"),
        ("@op", "@op(nout=1)"),
        ("@op(nout=1)", "@op(nout=2)"),
        ("@op(nout=2)", "@op(output_names=['all'])"),
    ],
)
def test_an_answer_is_what_the_op_returns(project: Project, before: str, after: str) -> None:
    body = "def f(x):\n    return x, x + 1\n"
    project.write(p=f"from mandala_git import op\n\n{before}\n{body}")
    project.commit()
    project.runs("p.f(1)", "p.f(2)")
    project.reuses("p.f(1)", "p.f(2)")
    project.edit("p", before + "\n", after + "\n")
    project.compatible("f")  # the code is the same, and that is what it says
    project.run("p.f(1)", "p.f(2)")


def test_annotations_that_are_strings(project: Project) -> None:
    project.write(
        p="from __future__ import annotations\nfrom mandala_git import op\n\n"
        "@op\ndef f(x: Unknown, *rest: int, **options: Later) -> tuple[Missing, int]:\n"
        "    return x, (rest, options)\n"
    )
    project.runs("p.f(1)", "p.f(1, 2)", "p.f(1, rest=2)")
    project.reuses("p.f(1)", "p.f(1, 2)", "p.f(1, rest=2)")
