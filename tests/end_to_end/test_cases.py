"""The cases that decide whether the meaning model is right, each against running from scratch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project

HEAD = "from mandala_git import op\n"


def test_case_1_layout_comments_docstrings_and_spelling_are_no_change(project: Project) -> None:
    project.write(
        h='def g(x):\n    """Doc."""\n    return x * 3\n',
        p=HEAD + "from h import g\n\n@op\ndef f(x):\n    return g(x) + 1\n",
    )
    project.runs("p.f(3)")
    project.write(
        h='def g(\n    x,\n):\n    """Better words."""\n    # why\n    return (x * 0x3)\n',
        p=HEAD + "\nfrom h import g\n\n\n@op\ndef f( x ):\n    return (g(x)\n        + 1)\n",
    )
    project.reuses("p.f(3)")


def test_case_2_a_redirected_re_export_runs_an_equal_copy_does_not(project: Project) -> None:
    project.write(
        h="def g(x):\n    return x * 3\n",
        h2="def g(x):\n    return x * 4\n",
        h3="def g(x):\n    return x * 3\n",
        r="from h import g\n",
        p=HEAD + "from r import g\n\n@op\ndef f(x):\n    return g(x) + 1\n",
    )
    project.runs("p.f(3)")
    project.write(r="from h2 import g\n")
    project.runs("p.f(3)")
    project.write(r="from h3 import g\n")
    project.reuses("p.f(3)")
    project.write(r="from h import g\n")
    project.reuses("p.f(3)")


def test_case_3_a_helper_moved_beside_another_global_of_the_same_name(project: Project) -> None:
    helper = "def g(x):\n    return x * K\n"
    project.write(
        h="K = 3\n\n" + helper,
        p=HEAD + "from h import g\n\n@op\ndef f(x):\n    return g(x) + 1\n",
    )
    project.runs("p.f(3)")
    project.write(h="K = 3\n", h2="K = 4\n\n" + helper)
    project.edit("p", "from h import", "from h2 import")
    project.runs("p.f(3)")
    project.write(h2="K = 3\n\n" + helper)
    project.reuses("p.f(3)")


def test_case_4_a_caller_of_a_renamed_helper_agrees(project: Project) -> None:
    project.write(
        h="def g(x):\n    return x * 3\n",
        p=HEAD + "from h import g\n\n@op\ndef f(x):\n    return g(x) + 1\n",
    )
    project.runs("p.f(3)")
    project.commit()
    project.write(
        h="def better(x):\n    return x * 3\n",
        p=HEAD + "from h import better\n\n@op\ndef f(x):\n    return better(x) + 1\n",
    )
    project.reuses("p.f(3)")
    assert project.questions() == []


def test_case_4_an_import_spelled_another_way_agrees(project: Project) -> None:
    project.write(
        h="def g(x):\n    return x * 3\n",
        p=HEAD + "from h import g\n\n@op\ndef f(x):\n    return g(x) + 1\n",
    )
    project.runs("p.f(3)")
    project.write(p=HEAD + "import h as q\n\n@op\ndef f(x):\n    return q.g(x) + 1\n")
    project.reuses("p.f(3)")


def test_case_4_2_a_caller_that_reads_the_name_runs(project: Project) -> None:
    project.write(
        h="def g(x):\n    return x * 3\n",
        p=HEAD + "from h import g\n\n@op\ndef f(x):\n    return g.__name__, g(x) + 1\n",
    )
    project.runs("p.f(3)")
    project.write(
        h="def better(x):\n    return x * 3\n",
        p=HEAD
        + "from h import better\n\n@op\ndef f(x):\n    return better.__name__, better(x) + 1\n",
    )
    project.runs("p.f(3)")


def test_case_4_2_a_helper_that_is_passed_to_code_that_reads_its_name(project: Project) -> None:
    project.write(
        h="def show(g, x):\n    return g.__name__, g(x)\n\ndef g(x):\n    return x * 3\n",
        p=HEAD + "from h import g, show\n\n@op\ndef f(x):\n    return show(g, x)\n",
    )
    project.runs("p.f(3)")
    project.write(
        h="def show(g, x):\n    return g.__name__, g(x)\n\ndef better(x):\n    return x * 3\n",
        p=HEAD + "from h import better, show\n\n@op\ndef f(x):\n    return show(better, x)\n",
    )
    project.runs("p.f(3)")


def test_case_5_a_module_level_name_starts_to_shadow_a_builtin(project: Project) -> None:
    plain = "def g(x):\n    return max(x, 5)\n"
    project.write(h=plain, p=HEAD + "from h import g\n\n@op\ndef f(x):\n    return g(x) + 1\n")
    project.runs("p.f(3)")
    project.write(h=plain + "\ndef max(a, b):\n    return a\n")
    project.runs("p.f(3)")
    project.write(h=plain)
    project.reuses("p.f(3)")


def test_case_6_sqrt_of_another_module(project: Project) -> None:
    project.write(p=HEAD + "from math import sqrt\n\n@op\ndef f(x):\n    return sqrt(x) + 1\n")
    project.runs("p.f(4)")
    project.edit("p", "from math", "from cmath")
    project.runs("p.f(4)")


def test_case_6_sqrt_of_another_module_behind_a_re_export(project: Project) -> None:
    project.write(
        r="from math import sqrt\n",
        p=HEAD + "from r import sqrt\n\n@op\ndef f(x):\n    return sqrt(x) + 1\n",
    )
    project.runs("p.f(4)")
    project.write(r="from cmath import sqrt\n")
    project.runs("p.f(4)")


def test_case_6_a_module_under_another_name(project: Project) -> None:
    project.write(p=HEAD + "import math as m\n\n@op\ndef f(x):\n    return m.sqrt(x) + 1\n")
    project.runs("p.f(4)")
    project.edit("p", "import math as m", "import cmath as m")
    project.runs("p.f(4)")


def test_case_7_a_helper_extracted_compatibly_then_changed(project: Project) -> None:
    project.write(p=HEAD + "\n@op\ndef f(x):\n    return x * 3 + 1\n")
    project.runs("p.f(3)")
    project.commit()
    project.write(p=HEAD + "\ndef g(x):\n    return x * 3\n\n@op\ndef f(x):\n    return g(x) + 1\n")
    project.compatible("f")
    project.reuses("p.f(3)")
    project.edit("p", "x * 3", "x * 4")
    project.runs("p.f(3)")


def test_case_8_a_helper_inlined_compatibly_met_again_where_it_differs(project: Project) -> None:
    before = "\ndef g(x):\n    return x * 3\n\n@op\ndef f(x):\n    return g(x) + 1\n"
    project.write(p=HEAD + before)
    project.runs("p.f(3)")
    project.commit()
    project.write(
        p=HEAD + "\ndef g(x):\n    return x * 3\n\n@op\ndef f(x):\n    return x * 3 + 1\n"
    )
    project.compatible("f")
    project.reuses("p.f(3)")
    project.runs("p.f(4)")  # recorded with the inlined code
    project.write(p=HEAD + before.replace("x * 3", "x * 4"))
    project.runs("p.f(3)", "p.f(4)")
    project.write(p=HEAD + before)
    project.reuses("p.f(3)", "p.f(4)")


def test_case_9_a_caller_edited_compatibly_where_the_shared_callee_differs(
    project: Project,
) -> None:
    project.write(
        h="def g(x):\n    return abs(x)\n",
        p=HEAD + "from h import g\n\n@op\ndef f(x):\n    return g(x)\n",
    )
    project.runs("p.f(-3)")
    project.commit()
    project.edit("p", "return g(x)", "return g(g(x))")
    project.compatible("f")
    project.reuses("p.f(-3)")
    project.write(h="def g(x):\n    return x * 2\n")
    project.runs("p.f(-3)")
    # And the other way round: the old caller with the new callee.
    project.edit("p", "g(g(x))", "g(x)")
    project.runs("p.f(-3)")


def test_case_10_a_helper_inlined_and_deleted_compatibly(project: Project) -> None:
    project.write(p=HEAD + "\ndef g(x):\n    return x * 3\n\n@op\ndef f(x):\n    return g(x) + 1\n")
    project.runs("p.f(3)")
    project.commit()
    project.write(p=HEAD + "\n@op\ndef f(x):\n    return x * 3 + 1\n")
    project.compatible("f")
    project.reuses("p.f(3)")


def chain(project: Project, callee: str) -> None:
    """d0 ~ d1, then the callee changes, then d1 ~ d2."""
    project.write(
        h="def g(x):\n    return x * 3\n",
        p=HEAD + "from h import g\n\n@op\ndef f(x):\n    return g(x) + 1\n",
    )
    project.runs("p.f(3)")
    project.commit("d0")
    project.edit("p", "g(x) + 1", "1 + g(x)")
    project.compatible("f")
    project.commit("d1")
    project.reuses("p.f(3)")
    project.write(h=callee)


def test_case_11_a_chain_over_a_breaking_callee(project: Project) -> None:
    chain(project, "def g(x):\n    return x * 4\n")
    project.breaking("g")
    project.commit()
    project.runs("p.f(3)")
    project.edit("p", "1 + g(x)", "(1 + g(x)) + 0")
    project.compatible("f")
    project.commit()
    project.reuses("p.f(3)")
    project.repo.git("tag", "end")
    project.write(p=HEAD + "from h import g\n\n@op\ndef f(x):\n    return g(x) + 1\n")
    project.runs("p.f(3)")  # d0 with the new callee: nothing was said about that
    project.edit("p", "g(x) + 1", "(1 + g(x)) + 0")
    project.write(h="def g(x):\n    return x * 3\n")
    project.run("p.f(3)")  # d2 with the old callee: right, whatever is found


def test_case_11_a_chain_over_a_compatible_callee_reuses_both_ways(project: Project) -> None:
    chain(project, "def g(x):\n    return 3 * x\n")
    project.compatible("g")
    project.commit()
    project.reuses("p.f(3)")
    project.edit("p", "1 + g(x)", "(1 + g(x)) + 0")
    project.compatible("f")
    project.commit()
    project.reuses("p.f(3)")
    project.runs("p.f(4)")
    project.checkout("HEAD~3")
    project.reuses("p.f(3)", "p.f(4)")


def test_case_12_a_retracted_verdict_reaches_a_direct_hit(project: Project) -> None:
    project.write(p=HEAD + "\n@op\ndef f(x):\n    return x * 3\n")
    project.runs("p.f(3)")
    project.commit()
    project.edit("p", "x * 3", "3 * x")
    project.compatible("f")
    project.reuses("p.f(3)")
    project.retract("f")
    project.runs("p.f(3)")


def test_case_12_a_retracted_verdict_reaches_a_session_that_looks_at_a_table(
    project: Project,
) -> None:
    project.write(p=HEAD + "\n@op\ndef f(x):\n    return x * 3\n")
    project.runs("p.f(3)")
    project.commit()
    project.edit("p", "x * 3", "x * 4")  # wrongly said to be compatible
    project.compatible("f")
    found = project.program(
        "import p, __main__\n"
        "with storage: out(p.f(3))\n"
        "__main__.retract(storage, 'f')\n"
        "storage.table(p.f)\n"
        "with storage: out(p.f(3))\n",
        oracle=False,
    )
    assert found == (["9", "12"], 1, 1)


def test_case_12_a_retracted_verdict_reaches_a_nested_hit_and_its_caller(project: Project) -> None:
    project.write(
        p=HEAD
        + "\n@op\ndef inner(x):\n    return x * 3\n"
        + "\n@op\ndef outer(x):\n    return inner(x) + 1\n"
    )
    project.runs("p.inner(3)")
    project.commit()
    project.edit("p", "x * 3", "x * 4")  # wrongly said to be compatible
    project.compatible("inner")
    wrong = project.program("import p\nwith storage: out(p.outer(3))\n", oracle=False)
    assert wrong == (["10"], 1, 1)  # outer ran, inner was found
    project.retract("inner")
    assert project.runs("p.outer(3)", times=2).values == ["13"]


def test_case_12_a_retraction_reaches_an_alias(project: Project) -> None:
    project.write(
        p=HEAD + "\n@op\ndef one(x):\n    return x\n" + "\n@op\ndef f(x):\n    return x * 3\n"
    )
    project.runs("p.f(3)")
    project.commit()
    project.edit("p", "x * 3", "x * 4")
    project.compatible("p.py::f")
    project.program("import p\nwith storage: out(p.f(p.one(3)))\n", oracle=False)
    project.retract("::f")
    assert project.run("p.f(p.one(3))").values == ["12"]
    assert project.run("p.f(3)").values == ["12"]


def test_case_13_only_the_calls_that_ran_a_helper_run_again(project: Project) -> None:
    project.write(
        p=HEAD
        + "\ndef scale_data(x):\n    return x * 3\n"
        + "\n@op\ndef f(x, scale):\n    if scale:\n        x = scale_data(x)\n    return x + 1\n"
    )
    project.runs("p.f(3, True)", "p.f(3, False)")
    project.edit("p", "x * 3", "x * 4")
    project.reuses("p.f(3, False)")
    project.runs("p.f(3, True)")


CYCLE = """
def even(n):
    return True if n == 0 else odd(n - 1)

def odd(n):
    return False if n == 0 else even(n - 1)

@op
def f(n):
    return even(n)
"""


def test_case_14_mutual_recursion_renamed(project: Project) -> None:
    project.write(p=HEAD + CYCLE)
    project.runs("p.f(4)", "p.f(0)")
    project.write(p=HEAD + CYCLE.replace("even", "is_even").replace("odd", "is_odd"))
    project.reuses("p.f(4)", "p.f(0)")


def test_case_14_a_verdict_inside_a_cycle(project: Project) -> None:
    project.write(p=HEAD + CYCLE)
    project.runs("p.f(4)")
    project.commit()
    project.edit("p", "False if n == 0 else even(n - 1)", "n != 0 and even(n - 1)")
    project.compatible("odd")
    project.reuses("p.f(4)")
    project.edit("p", "True if n == 0", "False if n == 0")
    project.runs("p.f(4)")


BASES = """
class Base:
    rate = 2
    def run(self, x):
        return self.step(x) * self.rate
    def step(self, x):
        return x + 1

class Sub(Base):
    pass
"""


def test_case_15_a_subclass_gains_an_override(project: Project) -> None:
    project.write(
        h=BASES, p=HEAD + "from h import Sub\n\n@op\ndef f(x):\n    return Sub().run(x)\n"
    )
    project.runs("p.f(3)")
    project.edit(
        "h",
        "class Sub(Base):\n    pass",
        "class Sub(Base):\n    def step(self, x):\n        return x",
    )
    project.runs("p.f(3)")
    project.write(h=BASES)
    project.reuses("p.f(3)")


@pytest.mark.parametrize("kind", ["Base", "Sub"])
def test_case_15_an_attribute_of_an_arguments_class_changes(project: Project, kind: str) -> None:
    project.write(h=BASES, p=HEAD + "\n@op\ndef f(model, x):\n    return model.run(x)\n")
    call = f"p.f(h.{kind}(), 3)"
    project.runs(call, imports="import h")
    project.edit("h", "rate = 2", "rate = 5")
    project.runs(call, imports="import h")
    project.edit("h", "rate = 5", "rate = 2")
    project.reuses(call, imports="import h")
    project.edit("h", "x + 1", "x + 2")
    project.runs(call, imports="import h")


def test_case_15_an_argument_whose_subclass_gains_an_override(project: Project) -> None:
    project.write(h=BASES, p=HEAD + "\n@op\ndef f(model, x):\n    return model.run(x)\n")
    project.runs("p.f(h.Sub(), 3)", imports="import h")
    project.edit(
        "h",
        "class Sub(Base):\n    pass",
        "class Sub(Base):\n    def step(self, x):\n        return x",
    )
    project.runs("p.f(h.Sub(), 3)", imports="import h")


def test_case_16_a_literal_global_changed_and_changed_back(project: Project) -> None:
    project.write(p=HEAD + "K = 3\n\n@op\ndef f(x):\n    return x * K\n")
    project.runs("p.f(3)")
    project.edit("p", "K = 3", "K = 4")
    project.runs("p.f(3)")
    project.edit("p", "K = 4", "K = 3")
    project.reuses("p.f(3)")


def test_case_16_a_global_computed_from_another(project: Project) -> None:
    project.write(p=HEAD + "A = 3\nK = A + 1\n\n@op\ndef f(x):\n    return x * K\n")
    project.runs("p.f(3)")
    project.edit("p", "A = 3", "A = 4")
    project.runs("p.f(3)")
    project.edit("p", "A = 4", "A = 3")
    project.reuses("p.f(3)")


def test_case_16_a_global_computed_by_a_function(project: Project) -> None:
    project.write(
        h="def build():\n    return [1, 2]\n",
        p=HEAD + "from h import build\nK = build()\n\n@op\ndef f(x):\n    return x in K\n",
    )
    project.runs("p.f(3)")
    project.edit("h", "[1, 2]", "[1, 3]")
    project.runs("p.f(3)")


def test_case_16_a_global_from_the_environment(project: Project) -> None:
    project.write(
        p=HEAD + "import os\nK = os.environ.get('KNOB', 'a')\n\n@op\ndef f(x):\n    return x + K\n"
    )
    project.runs("p.f('3')")
    knob = "import os\nos.environ['KNOB'] = {!r}\nimport p\nwith storage: out(p.f('3'))\n"
    assert project.program(knob.format("b")).executed == 1
    assert project.program(knob.format("a")).executed == 0
    assert project.program(knob.format("b")).executed == 0


def test_case_16_a_statement_of_the_module_changes_a_global(project: Project) -> None:
    project.write(p=HEAD + "K = [3]\n\n@op\ndef f(x):\n    return x * K[0]\n")
    project.runs("p.f(3)")
    project.edit("p", "K = [3]\n", "K = [3]\nK[0] = 4\n")
    project.runs("p.f(3)")
    project.edit("p", "K = [3]\nK[0] = 4\n", "K = [3]\n")
    project.reuses("p.f(3)")


def test_case_16_a_statement_of_another_module_changes_a_global(project: Project) -> None:
    project.write(
        h="K = [3]\n",
        q="import h\n",
        p=HEAD + "import h\nimport q\n\n@op\ndef f(x):\n    return x * h.K[0]\n",
    )
    project.runs("p.f(3)")
    project.write(q="import h\nh.K[0] = 4\n")
    project.runs("p.f(3)")


def test_case_17_a_helper_behind_a_warm_cache(project: Project) -> None:
    project.write(
        p=HEAD
        + "from functools import lru_cache\n"
        + "\n@lru_cache\ndef g(x):\n    return deep(x)\n"
        + "\ndef deep(x):\n    return x * 3\n"
        + "\n@op\ndef f(x):\n    return g(x)\n"
    )
    warm = "import p\np.g(3)\nwith storage: out(p.f(3))\n"
    assert project.program(warm).executed == 1
    assert project.program(warm).executed == 0
    project.edit("p", "x * 3", "x * 4")
    assert project.program(warm).executed == 1


def test_case_18_a_parameter_with_a_default_is_added_compatibly(project: Project) -> None:
    project.write(p=HEAD + "\n@op\ndef f(x):\n    return x * 3\n")
    project.runs("p.f(3)")
    project.commit()
    project.write(p=HEAD + "\n@op\ndef f(x, k=3):\n    return x * k\n")
    project.compatible("f")
    project.reuses("p.f(3)", "p.f(3, 3)", "p.f(3, k=3)")
    project.runs("p.f(3, 4)")


def test_case_19_a_compatible_change_then_a_callee_that_a_call_never_ran(
    project: Project,
) -> None:
    project.write(
        p=HEAD
        + "\ndef h(x):\n    return x + 1\n"
        + "\n@op\ndef f(x):\n    return h(x) if x > 5 else x + 1\n"
    )
    project.runs("p.f(3)")
    project.commit()
    project.edit("p", "h(x) if x > 5 else x + 1", "h(x)")
    project.compatible("f")
    project.commit()
    project.reuses("p.f(3)")
    project.edit("p", "return x + 1", "return x + 2")
    project.runs("p.f(3)")


def test_case_20_two_names_of_one_list_become_two_lists(project: Project) -> None:
    body = "\n@op\ndef f(x):\n    A.append(x)\n    return len(B)\n"
    project.write(p=HEAD + "A = [1]\nB = A\n" + body)
    project.runs("p.f(3)")
    project.write(p=HEAD + "A = [1]\nB = [1]\n" + body)
    project.runs("p.f(3)")


def test_case_21_a_helper_that_runs_only_in_a_thread(project: Project) -> None:
    project.write(
        p=HEAD
        + "import threading\n"
        + "\ndef helper(box, x):\n    box.append(x * 3)\n"
        + "\n@op\ndef f(x):\n    box = []\n    t = threading.Thread(target=helper, args=(box, x))\n"
        + "    t.start()\n    t.join()\n    return box\n"
    )
    project.runs("p.f(3)")
    project.reuses("p.f(3)")
    project.edit("p", "x * 3", "x * 4")
    project.runs("p.f(3)")


CONCERT = "\ndef g(x):\n    return {}\n\n@op\ndef f(x):\n    return {}\n"


def test_case_22_a_change_in_concert_runs(project: Project) -> None:
    project.write(p=HEAD + CONCERT.format("x * 3", "g(x) + 1"))
    project.runs("p.f(3)")
    project.commit()
    project.write(p=HEAD + CONCERT.format("x * 3 + 1", "g(x)"))
    project.runs("p.f(3)")
    assert project.questions() == ["p.py::f -> p.py::f open", "p.py::g -> p.py::g open"]
