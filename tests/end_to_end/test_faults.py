"""Faults around whole programs: damaged values, disks that refuse, exceptions, interrupts."""

from __future__ import annotations

import ast
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

pytestmark = pytest.mark.sweep

if TYPE_CHECKING:
    from conftest import Project

OPS = """
from mandala_git import op

@op
def big(n):
    return list(range(n, n + 9000))

@op
def total(xs):
    return sum(xs)

@op
def small(n):
    return [n, -n]

@op
def outer(n):
    return total(big(n)) + len(small(n))
"""

LISTEN = """
import warnings
heard = []
warnings.showwarning = lambda message, *rest: heard.append(str(message))
warnings.simplefilter("always")
"""


class Said(NamedTuple):
    """What a program printed, how many calls ran, and what it was warned of."""

    values: list[str]
    executed: int
    warned: list[str]


def listen(project: Project, code: str) -> Said:
    run = project.program(f"{LISTEN}\n{code}\nout(heard)", oracle=False)
    *values, heard = run.values
    return Said(values, run.executed, ast.literal_eval(heard))


def value_files(project: Project) -> list[Path]:
    folder = project.root / ".git" / "mandala" / "values"
    return sorted(path for path in folder.rglob("*") if path.is_file())


# values that were lost ------------------------------------------------------------------------


@pytest.mark.parametrize("harm", ["flip", "truncate", "empty"])
def test_a_damaged_value_is_made_again_when_it_is_needed(project: Project, harm: str) -> None:
    project.write(p=OPS)
    project.runs("p.total(p.big(3))", times=2)
    (path,) = value_files(project)
    whole = path.read_bytes()
    flipped = whole[:99] + bytes([whole[99] ^ 1]) + whole[100:]
    path.write_bytes({"flip": flipped, "truncate": whole[:99], "empty": b""}[harm])
    project.reuses("p.total(p.big(3))")  # nobody looks at it
    run = listen(project, "import p\nwith storage: ref = p.big(3)\nout(ref[1]); out(len(ref))")
    assert run.values == ["4", "9000"]
    assert run.executed == 1
    assert len(run.warned) == 1
    assert run.warned[0].startswith("big ran again to make a lost value anew: ")
    assert f"{path} is damaged" in run.warned[0]
    assert path.read_bytes() == whole
    project.reuses("p.big(3)")


def test_a_missing_value_is_made_again_with_its_call(project: Project) -> None:
    project.write(p=OPS)
    project.runs("p.big(3)")
    (path,) = value_files(project)
    path.unlink()
    project.runs("p.big(3)")
    project.reuses("p.big(3)")


def test_a_damaged_small_value_is_made_again(project: Project) -> None:
    project.write(p=OPS)
    project.runs("p.small(3)")
    database = sqlite3.connect(project.root / ".git/mandala/results.db")
    with database:
        database.execute("UPDATE vals SET data = x'00'")
    database.close()
    run = listen(project, "import p\nwith storage: ref = p.small(3)\nout(ref.value)")
    assert (run.values, run.executed, len(run.warned)) == (["[3, -3]"], 1, 1)
    project.reuses("p.small(3)")


def test_dropped_calls_run_again_in_every_process(project: Project) -> None:
    project.write(p=OPS)
    project.runs("p.small(3)")
    project.runs("p.big(3)")
    dropping = """
import p
with storage: ref = p.small(3)
out([storage.drop_calls(ref), storage.gc().values, storage.drop_calls(p.big), storage.gc().values])
damaged = storage.verify()
out([damaged.calls, damaged.values, storage.vacuum()[1] > 0])
with storage: out(p.small(3).value)
"""
    run = listen(project, dropping)
    assert run.values == ["[1, 1, 1, 1]", "[{}, {}, True]", "[3, -3]"]
    assert run.executed == 1
    assert not value_files(project)
    project.reuses("p.small(3)")
    project.runs("p.big(3)")
    assert len(value_files(project)) == 1


def test_calls_outlive_the_name_of_a_parameter(project: Project) -> None:
    project.write(p=OPS)
    project.commit()
    project.runs("p.small(3)", "p.small(4)")
    project.edit("p", "def small(n):\n    return [n, -n]", "def small(m):\n    return [m, -m]")
    project.compatible("small")
    renaming = 'import p\nout([storage.rename_arg(p.small, "n", "m") for _ in range(2)])'
    assert listen(project, renaming).values == ["[2, 0]"]
    project.reuses("p.small(3)", "p.small(m=4)")
    assert len(project.table("small")) == 2


def test_a_chain_of_lost_values_is_made_from_its_beginning(project: Project) -> None:
    """Each is needed to make the next; many would be too deep for Python's stack."""
    project.write(
        p="""
        from mandala_git import op

        @op
        def start(n):
            return [n] * 9000

        @op
        def step(xs):
            return [xs[0] + 1, *xs[1:]]
        """.replace("\n        ", "\n")
    )
    chain = "import p\nwith storage:\n    x = p.start(1)\n    for _ in range(300): x = p.step(x)\n"
    assert project.program(f"{chain}out(x[0])").values == ["301"]
    for path in value_files(project):
        path.write_bytes(b"")
    run = listen(project, f"{chain}out(x[0]); out(len(x))")
    assert run.values == ["301", "9000"]
    assert run.executed == 301
    assert len(run.warned) == 2  # one for each op
    project.reuses("p.start(1)")


def test_lost_values_in_calls_inside_calls_and_arguments(project: Project) -> None:
    project.write(p=OPS + "\n@op\ndef second(xs, *more, **named):\n    return xs[1] + len(more)\n")
    project.runs("p.outer(3)", times=4)
    for path in value_files(project):
        path.write_bytes(b"damaged")
    run = listen(
        project,
        "import p\nwith storage:\n    out(p.second(p.big(3), 7, b=1, a=2).value)\n"
        "    out(p.outer(4).value - p.outer(3).value)",
    )
    assert run.values == ["5", "9000"]


def test_closures_are_made_again_with_what_they_captured(project: Project) -> None:
    project.write(
        p="""
        from mandala_git import op

        def times(factor):
            @op
            def scaled(n, *rest, offset=0, **more):
                return [n * factor + offset] * 9000
            return scaled

        two, three = times(2), times(3)
        """.replace("\n        ", "\n")
    )
    calls = ("p.two(5, 1, b=1, a=2)", "p.three(5, offset=1)")
    project.runs(*calls)
    for path in value_files(project):
        path.write_bytes(b"damaged")
    run = listen(
        project, f"import p\nwith storage: refs = {', '.join(calls)}\nfor r in refs: out(r[0])"
    )
    assert run.values == ["10", "16"]
    assert run.executed == 2


@pytest.mark.parametrize(
    ("edit", "said", "hint"),
    [
        (("9000", "9001"), "the code of big has changed since it made it", "git checkout "),
        (("def big(n):", "def huge(n):"), "big of p.py, which made it, is not loaded", "Import p"),
    ],
)
def test_what_cannot_be_made_again_names_the_op_and_what_helps(
    project: Project, edit: tuple[str, str], said: str, hint: str
) -> None:
    project.write(p=OPS)
    project.commit()
    project.program("import p, pickle\nwith storage: r = p.big(3)\nout(1)", oracle=False)
    (path,) = value_files(project)
    path.write_bytes(b"damaged")
    if edit[1] == "def huge(n):":
        project.write(p="x = 1\n", q=OPS.replace("9000", "9002").replace("big", "huge"))
    else:
        project.edit("p", *edit)
    code = """
import p
from mandala_git.errors import ValueLost
try:
    storage.results.load(bytes.fromhex(CONTENT))
except ValueLost as error:
    out(error.message), out(error.hint)
"""
    content = path.name.partition(".")[0]
    run = project.program(code.replace("CONTENT", repr(content)), oracle=False)
    message, help = map(ast.literal_eval, run.values)
    assert said in message
    assert help.startswith(hint) or hint in help


def test_an_op_that_makes_another_value_does_not_pretend(project: Project) -> None:
    """A lost value of an op that is not deterministic is gone; a new call makes a new one."""
    project.write(
        p="""
        import os
        from mandala_git import op

        @op
        def noise(n):
            return [os.urandom(8)] * 9000

        @op
        def first(xs):
            return xs[0]
        """.replace("\n        ", "\n")
    )
    look = "import p\nwith storage:\n    r = p.noise(1); f = p.first(r)\n"
    (old,) = project.program(f"{look}out(f.value)", oracle=False).values
    (path,) = value_files(project)
    path.write_bytes(b"damaged")
    run = project.program(
        f"""{look}
from mandala_git.errors import ValueLost
out(f.value)
try:
    r.value
except ValueLost as error:
    out(error.message), out(error.hint)
with storage:
    r = p.noise(1)
    out(r[0]), out(p.first(r).value)
with storage:
    out(p.noise(1)[0])
""",
        oracle=False,
    )
    assert run.values[0] == old
    assert "noise made another value when it ran again" in run.values[1]
    assert "call noise again" in run.values[2]
    assert run.values[3] == run.values[4] == run.values[5] != old
    # Later programs find the new one, with the history that it really has.
    new = project.program(f"{look}out(r[0]); out(f.value)", oracle=False)
    assert (new.values, new.executed) == ([run.values[3]] * 2, 0)
    rows = project.table("first")
    assert len(rows) == 2


# exceptions -----------------------------------------------------------------------------------


def test_who_catches_an_exception_of_a_call_depends_on_what_ran(project: Project) -> None:
    project.write(
        p="""
        from mandala_git import op
        from q import limit

        @op
        def inner(x):
            if x > limit():
                raise ValueError(x)
            return x

        @op
        def middle(x):
            return inner(x) + 0

        @op
        def outer(x):
            try:
                return middle(x)
            except ValueError:
                return -1
        """.replace("\n        ", "\n"),
        q="def limit():\n    return 0\n",
    )
    assert project.runs("p.outer(1)", times=1).values == ["-1"]
    project.reuses("p.outer(1)")
    project.edit("q", "return 0", "return 5")
    assert project.runs("p.outer(1)", times=3).values == ["1"]


def test_who_catches_what_cannot_be_stored_depends_on_what_ran(project: Project) -> None:
    project.write(
        p="""
        import threading
        from mandala_git import op
        from mandala_git.errors import MandalaError

        @op
        def inner(x):
            return {"hook": threading.Lock() if x else 7}

        @op
        def outer(x):
            try:
                return inner(x)["hook"]
            except MandalaError:
                return -1
        """.replace("\n        ", "\n")
    )
    code = "import p\nwith storage: out(p.outer(1))"
    assert project.program(code, oracle=False).values == ["-1"]
    assert project.program(code, oracle=False).executed == 0
    project.edit("p", "if x else", "if x > 1 else")
    assert project.program(code, oracle=False).values == ["7"]


@pytest.mark.parametrize("kind", ["ValueError", "KeyboardInterrupt", "SystemExit", "MemoryError"])
def test_an_exception_in_a_block_keeps_each_finished_call(project: Project, kind: str) -> None:
    project.write(p=OPS)
    run = project.program(
        f"""
import p
try:
    with storage:
        for n in range(5):
            out(p.small(n))
        raise {kind}("enough")
except {kind}:
    out(len(p.small(1)))
""",
        oracle=False,
    )
    assert run.executed == 5  # outside the block it ran plainly
    project.reuses(*(f"p.small({n})" for n in range(5)))


def test_an_exception_in_an_op_keeps_the_calls_inside(project: Project) -> None:
    project.write(
        p=OPS + "\n@op\ndef fails(n):\n    total(big(n))\n    raise ValueError(small(n))\n"
    )
    code = "import p\ntry:\n    with storage: p.fails(3)\nexcept ValueError as error: out(error)"
    assert project.program(code, oracle=False).values == ["ValueError([3, -3])"]
    project.reuses("p.total(p.big(3))", "p.small(3)")


# interrupts -----------------------------------------------------------------------------------


def test_an_interrupt_at_any_line_of_a_block_harms_nothing(project: Project) -> None:
    """Ctrl-C in a new call with calls inside: what was finished is there, all goes on right."""
    project.write(p=OPS.replace("9000", "50"))
    run = project.program(
        """
import random
import p
from tests.interrupts import interrupted_at, lines_of
from mandala_git.ops.context import CONTEXT

def work(n):
    with storage:
        p.small(n)
        p.outer(n)

work(-1)
lines = lines_of(lambda: work(-2))
chance, interrupted, outside = random.Random(0), 0, 0
for number in range(60):
    at = chance.randrange(lines)
    interrupted += interrupted_at(at, lambda: work(number))
    # In the first line of __exit__ nothing can be done about it, not even by Python.
    outside += CONTEXT.get() is not None
    CONTEXT.set(None)
    assert p.small(5) == [5, -5]
    with storage:
        assert p.outer(1000 + number) == 50 * (1000 + number) + 1225 + 2
        before = storage.executed
        assert p.outer(1000 + number) == 50 * (1000 + number) + 1225 + 2
        p.outer(-1)
        assert storage.executed == before
    if not storage._blocks:  # an interrupt while a block is counted leaves one too many
        assert not storage.versioning.tracker._open
    assert not storage.results.waiting
out(interrupted > 50, outside < 3)
""".replace("out(interrupted > 50, outside < 3)", "out(interrupted > 50); out(outside < 3)"),
        oracle=False,
    )
    assert run.values == ["True", "True"]
    project.reuses(*(f"p.outer({1000 + number})" for number in range(60)))
    calls = [f"p.outer({number})" for number in range(60)]
    assert project.run(*calls).values == [str(50 * number + 1225 + 2) for number in range(60)]


def test_an_interrupt_while_a_verdict_is_taken_back_does_not_keep_it(project: Project) -> None:
    project.write(
        p="from mandala_git import op\nfrom q import h\n\n@op\ndef f(x):\n    return h(x)\n",
        q="def h(x):\n    return x + 1\n",
    )
    project.commit()
    project.runs(*(f"p.f({n})" for n in range(25)))
    project.edit("q", "x + 1", "x + 2")
    run = project.program(
        """
import random
import p
from mandala_git import Storage
from tests.end_to_end.forks import decide, retract
from tests.interrupts import interrupted_at, lines_of

def block(*numbers):
    with storage:
        for number in numbers:
            p.f(number)

other = Storage()
decide(other, ["h"], "compatible", "HEAD")
block(0)
out(storage.executed)
retract(other, "h")
lines = lines_of(block)
chance = random.Random(1)
for number in range(1, 25):
    decide(other, ["h"], "compatible", "HEAD")
    block(0)
    retract(other, "h")
    interrupted_at(chance.randrange(lines), block)
    before = storage.executed
    block(number)
    assert storage.executed == before + 1, number
out(storage.executed)
""",
        oracle=False,
    )
    assert run.values == ["0", "24"]
