"""State that is set while a program runs: attributes, bindings, what an op changes itself."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Project

HEAD = "from mandala_git import op\n"

MODEL = (
    HEAD
    + "\nclass Model:\n    gain = 1\n    def __init__(self, k):\n        self.k = k\n"
    + "    def go(self):\n        return helper(self.k) * self.gain\n"
    + "\ndef helper(k):\n    return k + 1\n"
    + "\n@op\ndef c(m):\n    return m.go()\n"
)


def test_an_attribute_of_a_function_is_set_by_a_script(project: Project) -> None:
    project.write(
        h="def g(x):\n    return x * g.scale\n\ng.scale = 1\n",
        p=HEAD + "import h\n\n@op\ndef f(x):\n    return h.g(x)\n",
    )
    code = "import h, p\nh.g.scale = {}\nwith storage: out(p.f(2))\n"
    for scale, executed in ((1, 1), (2, 1), (3, 1), (2, 0), (1, 0)):
        found = project.program(code.format(scale))
        assert (found.values, found.executed) == ([str(2 * scale)], executed)


def test_an_attribute_of_a_function_is_set_between_two_calls(project: Project) -> None:
    project.write(
        p=HEAD + "\ndef g(x):\n    return x * getattr(g, 'scale', 1)\n"
        "\n@op\ndef f(x):\n    return g(x)\n"
    )
    code = "import p\nwith storage:\n    out(p.f(2))\n    p.g.scale = 5\n    out(p.f(2))\n"
    assert project.program(code).values == ["2", "10"]


def test_the_class_of_an_argument_is_changed_between_two_calls(project: Project) -> None:
    project.write(p=MODEL)
    code = (
        "import p\nm = p.Model(1)\nwith storage:\n    out(p.c(m))\n    p.Model.gain = 9\n"
        "    out(p.c(m))\n    p.helper = lambda k: -k\n    out(p.c(m))\n"
    )
    for _ in range(2):
        assert project.program(code).values == ["2", "18", "-9"]
    project.runs("p.c(p.Model(2))")
    project.reuses("p.c(p.Model(2))")


def test_a_generator_that_an_op_uses_up(project: Project) -> None:
    project.write(
        p=HEAD
        + "import random\nrng = random.Random(0)\n\n@op\ndef f(x):\n    return rng.random()\n"
    )
    code = "import p\nwith storage:\n    out(p.f(1))\n    out(p.f(1))\n    out(p.f(2))\n"
    for _ in range(2):
        assert project.program(code).executed == 3


def test_a_counter_that_an_op_moves(project: Project) -> None:
    project.write(
        p=HEAD + "count = 0\n\n@op\ndef f(n):\n    global count\n    count += n\n    return count\n"
    )
    code = "import p\nwith storage:\n    out(p.f(1))\n    out(p.f(1))\n"
    for _ in range(2):
        assert project.program(code).values == ["1", "2"]


def test_an_op_that_moved_with_its_constant(project: Project) -> None:
    body = "K = 3\n\n@op\ndef f(x):\n    return x * K\n"
    project.write(a=HEAD + body, p="from a import f\n")
    project.runs("p.f(2)")
    project.write(b=HEAD + body, a="from b import f\n")
    project.reuses("p.f(2)")


def test_a_registry_filled_by_a_decorator_leaves_tables_readable(project: Project) -> None:
    project.write(
        h="REG = {}\n\ndef register(g):\n    REG[g.__name__] = g\n    return g\n"
        "\n@register\ndef lin(x):\n    return x\n\ndef other(x):\n    return x + 2\n",
        p=HEAD + "import h\n\n@op\ndef f(x):\n    return h.other(x)\n",
    )
    project.runs("p.f(1)")
    project.reuses("p.f(1)")
    project.commit()
    assert len(project.table("f", "HEAD")) == 1


def test_a_logger_and_a_decorator_are_told_by_their_source(project: Project) -> None:
    project.write(
        h="import functools, logging\nlog = logging.getLogger(__name__)\n"
        "\ndef loud(g):\n    @functools.wraps(g)\n    def inner(x):\n        log.info('on')\n"
        "        return g(x)\n    return inner\n\n@loud\ndef other(x):\n    return x + 2\n",
        p=HEAD + "import h\n\n@op\ndef f(x):\n    return h.other(x)\n",
    )
    project.runs("p.f(1)")
    project.reuses("p.f(1)")
    project.commit()
    (row,) = project.table("f", "HEAD")
    assert "unknown" not in row


def test_a_module_that_is_imported_anew(project: Project) -> None:
    project.write(
        p="""
import sys
from mandala_git import op
@op
def f(x):
    import late
    return late.g(x)
def forget():
    sys.modules.pop("late", None)
""",
        late="def g(x): return x + 1\n",
    )
    project.program(FORGET)


FORGET = """
import p, sys
sys.dont_write_bytecode = True
with storage:
    out(p.f(1))
    write("late.py", "def g(x): return x + 30\\n")
    out(p.f(1))
    p.forget()
    out(p.f(1))
    p.forget()
    import late
    out(p.f(1))
    write("late.py", "def g(x): return x + 1\\n")
    p.forget()
    out(p.f(1))
"""


def test_a_file_that_appears_while_a_program_runs_counts_from_then_on(project: Project) -> None:
    """The work tree is listed when a name may lead to a file that is not loaded."""
    project.write(
        p=HEAD
        + "@op\ndef k(x):\n    return x\n\n"
        + "@op\ndef f(x):\n    from h import g\n    return g(x)\n",
    )
    made = "def g(x):\n    return x + 1\n"
    program = "import p, pathlib\nwith storage:\n    out(p.k(1))\n{}    out(p.f(1))\n"
    writes = f"    pathlib.Path('h.py').write_text({made!r})\n"
    assert project.program(program.format(writes)).values == ["1", "2"]
    project.write(h=made)
    assert project.program(program.format("")).values == ["1", "2"]
    assert project.program(program.format("")) == (["1", "2"], 0, 2)
    project.edit("h", "x + 1", "x + 2")
    assert project.program(program.format("")) == (["1", "3"], 1, 1)


def test_a_function_of_a_file_that_was_run_in_a_namespace_of_its_own(project: Project) -> None:
    project.write(
        s="K = 2\n\ndef h(x):\n    return x * K\n",
        p=HEAD + "\n@op\ndef f(g, x):\n    return g(x)\n",
    )
    code = (
        "import p, runpy\nh = runpy.run_path('s.py')['h']\nwith storage:\n    out(p.f(h, 3))\n"
        "    h.__globals__['K'] = 7\n    out(p.f(h, 3))\n"
    )
    for _ in range(2):
        assert project.program(code).values == ["6", "21"]


def test_a_function_that_no_file_holds_is_an_argument(project: Project) -> None:
    project.write(p=HEAD + "\n@op\ndef f(g, x):\n    return g(x)\n")
    code = (
        "import p, sys\nmain = vars(sys.modules['__main__'])\n"
        "exec('def h(x): return k(x)\\ndef k(x): return x * {}', main)\n"
        "with storage:\n    out(p.f(main['h'], 3))\n"
    )
    for factor in (2, 5, 2):
        assert project.program(code.format(factor)).values == [str(3 * factor)]


WRAPS = "import functools\ndef add(f):\n    @functools.wraps(f)\n    def w(x):\n        return f(x) + 1\n    return w\n"


def test_a_helper_is_wrapped_by_a_script(project: Project) -> None:
    project.write(
        h="def g(x):\n    return x * 2\n",
        q=WRAPS,
        p=HEAD + "import h\n\n@op\ndef f(x):\n    return h.g(x)\n",
    )
    call = "with storage: out(p.f(3))\n"
    assert project.program("import p, h, q\n" + call).values == ["6"]
    assert project.program("import p, h, q\nh.g = q.add(h.g)\n" + call).values == ["7"]
    inside = WRAPS.replace("import functools", "import functools, p, h") + "h.g = add(h.g)\n"
    assert project.program(inside + call).values == ["7"]
    assert project.program("import p, h, q\n" + call).executed == 0


def test_a_method_is_wrapped_by_a_script(project: Project) -> None:
    project.write(
        q=WRAPS,
        p=HEAD
        + "class C:\n    @staticmethod\n    def g(x):\n        return x * 2\n    def m(self, x):\n"
        "        return self.g(x)\n\n@op\ndef f(x):\n    return C().m(x)\n",
    )
    call = "with storage: out(p.f(3))\n"
    wrapped = "import functools, p\norig = p.C.m\n@functools.wraps(orig)\ndef m(self, x):\n"
    wrapped += "    return orig(self, x) + 1\np.C.m = m\n"
    for _ in range(2):
        assert project.program("import p\n" + call).values == ["6"]
        assert project.program(wrapped + call).values == ["7"]


def test_a_decorated_helper_is_wrapped_by_another_of_its_file(project: Project) -> None:
    project.write(
        h="def same(f):\n    return f\n\ndef twice(f):\n    return lambda x: f(f(x))\n"
        "\n@same\ndef g(x):\n    return x * 2\n",
        p=HEAD + "import h\n\n@op\ndef f(x):\n    return h.g(x)\n",
    )
    call = "with storage: out(p.f(3))\n"
    for _ in range(2):
        assert project.program("import p, h\n" + call).values == ["6"]
        assert project.program("import p, h\nh.g = h.twice(h.g)\n" + call).values == ["12"]


def test_wrappers_that_a_file_says_are_found_again(project: Project) -> None:
    project.write(
        q=WRAPS,
        h="import contextlib, functools\nfrom q import add\n\n@add\ndef g(x):\n    return x * 2\n\n"
        "def k(x):\n    return x\nk = add(k)\n\n@functools.lru_cache\ndef c(x):\n    return x\n\n"
        "@contextlib.contextmanager\ndef m():\n    yield 1\n\nclass C:\n    @add\n    def n(x):\n"
        "        return x\n    @property\n    def r(self):\n        return 1\n    @r.setter\n"
        "    def r(self, value): pass\n    n = staticmethod(n)\n",
        p=HEAD + "import h\n\n@op\ndef f(x):\n    with h.m() as one:\n"
        "        return h.g(x) + h.k(x) + h.c(x) + h.C.n(x) + h.C().r + one\n",
    )
    call = "import p, h\nwith storage: out(p.f(3))\n"
    assert project.program(call).executed == 1
    assert project.program(call).executed == 0


def test_each_storage_of_a_process_names_its_own_classes(project: Project, tmp_path: Path) -> None:
    project.write(p=MODEL)
    other = tmp_path / "other"
    subprocess.run(["git", "init", "-q", str(other)], check=True)
    code = (
        "import p\nfrom mandala_git import Storage\n"
        f"other = Storage({str(other)!r})\nwith other: pass\n"
        "with storage: out(p.c(p.Model(1)))\n"
    )
    assert project.program("import p\nwith storage: out(p.c(p.Model(1)))\n").executed == 1
    assert project.program(code).executed == 0
