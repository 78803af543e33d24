"""Rules 9 and 10b: names that are no part of what code means, and those that are."""

from __future__ import annotations

import pytest

from mandala_git.source.definitions import Definition
from mandala_git.source.scan import scan_file


def of(code: str, path: str = "m.py", name: str = "f") -> Definition:
    facts = scan_file(path, code.encode())
    assert not facts.error
    return next(d for d in facts.definitions if d.qualname == name)


NAMES_ONLY = {
    "assigned": ("def f(a):\n s = a\n return s", "def f(a):\n t = a\n return t"),
    "comprehension": ("def f(a): return [x for x in a]", "def f(a): return [y for y in a]"),
    "captured": (
        "def f():\n x = 1\n def g():\n  nonlocal x\n  x = 2\n g()\n return x",
        "def f():\n y = 1\n def g():\n  nonlocal y\n  y = 2\n g()\n return y",
    ),
    "import as": (
        "def f(a):\n import numpy as np\n return np.mean(a)",
        "def f(a):\n import numpy as n\n return n.mean(a)",
    ),
    "except": (
        "def f():\n try: g()\n except E as e: return e.args",
        "def f():\n try: g()\n except E as x: return x.args",
    ),
    "match": (
        "def f(a):\n match a:\n  case [x, *y]: return x, y",
        "def f(a):\n match a:\n  case [p, *q]: return p, q",
    ),
    "docstring speaks of it": (
        "def f(a):\n 'the s of a'\n s = a\n return s",
        "def f(a):\n 'the t of a'\n t = a\n return t",
    ),
    "a class around has it": (
        "def f():\n x = 1\n class C:\n  x = x\n return C",
        "def f():\n y = 1\n class C:\n  x = x\n return C",
    ),
    "function of a module": (
        "from math import sqrt\ndef f(a): return sqrt(a)",
        "import math as m\ndef f(a): return m.sqrt(a)",
    ),
}

DIFFERENT = {
    "into a global's name": (
        "k = 1\ndef f(a):\n s = a\n return s + k",
        "k = 1\ndef f(a):\n k = a\n return k + k",
    ),
    "merged": (
        "def f(a):\n s = 1\n t = 2\n return s + t",
        "def f(a):\n s = 1\n s = 2\n return s + s",
    ),
    "uses swapped": (
        "def f(a):\n s = 1\n t = 2\n return s - t",
        "def f(a):\n s = 1\n t = 2\n return t - s",
    ),
    "no longer captured": (
        "def f():\n x = 1\n def g():\n  nonlocal x\n  x = 2\n g()\n return x",
        "def f():\n x = 1\n def g():\n  x = 2\n g()\n return x",
    ),
    "parameter": ("def f(a): return a", "def f(b): return b"),
    "inner parameter": (
        "def f():\n def g(a): return a\n return g",
        "def f():\n def g(b): return b\n return g",
    ),
    "inner function": (
        "def f():\n def g(): pass\n return g",
        "def f():\n def h(): pass\n return h",
    ),
    "in a class": (
        "def f():\n class C: x = 1\n return C",
        "def f():\n class C: y = 1\n return C",
    ),
    "eval": ("def f(a):\n x = 1\n return eval(a)", "def f(a):\n y = 1\n return eval(a)"),
    "locals": ("def f():\n x = 1\n return locals()", "def f():\n y = 1\n return locals()"),
    "dir": ("def f():\n x = 1\n return dir()", "def f():\n y = 1\n return dir()"),
    "frame": (
        "import sys\ndef f():\n x = 1\n return sys._getframe().f_locals",
        "import sys\ndef f():\n y = 1\n return sys._getframe().f_locals",
    ),
    "code": (
        "def f():\n def g(): x = 1\n return g.__code__",
        "def f():\n def g(): y = 1\n return g.__code__",
    ),
    "{x=}": ("def f():\n x = 1\n return f'{x=}'", "def f():\n y = 1\n return f'{y=}'"),
    "word in a string": (
        "def f(d):\n x = 1\n return d.query('a > @x')",
        "def f(d):\n y = 1\n return d.query('a > @x')",
    ),
    "string made elsewhere": (
        "def f(d, q):\n x = 1\n return d.query(q)",
        "def f(d, q):\n y = 1\n return d.query(q)",
    ),
    "read by its caller's tool": (
        "def f():\n __tracebackhide__ = True\n g()",
        "def f():\n __trace__ = True\n g()",
    ),
    "what only star arguments are given to": (
        "def f():\n x = 1\n return vars(*[])",
        "def f():\n y = 1\n return vars(*[])",
    ),
    "locals by another name of builtins": (
        "def f():\n import builtins\n b = builtins\n x = 1\n return b.locals()",
        "def f():\n import builtins\n b = builtins\n y = 1\n return b.locals()",
    ),
    "locals by getattr": (
        "import builtins\ndef f():\n x = 1\n return getattr(builtins, 'locals')()",
        "import builtins\ndef f():\n y = 1\n return getattr(builtins, 'locals')()",
    ),
    "eval out of the builtins": (
        "def f(s):\n x = 1\n return __builtins__['ev' + 'al'](s)",
        "def f(s):\n y = 1\n return __builtins__['ev' + 'al'](s)",
    ),
    "frame by the name of an attribute": (
        "def f(get):\n def g():\n  x = 1\n  yield\n return get('gi_frame.f_locals')(g())",
        "def f(get):\n def g():\n  y = 1\n  yield\n return get('gi_frame.f_locals')(g())",
    ),
    "word of letters that combine": (
        "def f(d):\n सीमा = 1\n return d.query('a > @सीमा')",
        "def f(d):\n y = 1\n return d.query('a > @सीमा')",
    ),
    "decorator that may read the code": (
        "@names_of\ndef f(a):\n x = a\n return x",
        "@names_of\ndef f(a):\n y = a\n return y",
    ),
    "decorator of an inner function": (
        "def f():\n @names_of\n def g():\n  x = 1\n return g",
        "def f():\n @names_of\n def g():\n  y = 1\n return g",
    ),
    "namespace that a metaclass fills": (
        "def f(M):\n x = 1\n class C(metaclass=M): z = x\n return C.z",
        "def f(M):\n y = 1\n class C(metaclass=M): z = y\n return C.z",
    ),
    "value of a module": (
        "from m import SEED\ndef f(): return SEED",
        "import m\ndef f(): return m.SEED",
    ),
}


@pytest.mark.parametrize("case", NAMES_ONLY)
def test_names_only(case: str) -> None:
    before, after = map(of, NAMES_ONLY[case])
    assert before.digest == after.digest
    assert before.skeleton == after.skeleton
    assert before.exact != after.exact


@pytest.mark.parametrize("case", DIFFERENT)
def test_names_that_count(case: str) -> None:
    before, after = map(of, DIFFERENT[case])
    assert before.digest != after.digest


def test_tests_may_replace_what_they_call_through_a_module() -> None:
    before, after = (of(code, "tests/test_m.py") for code in NAMES_ONLY["function of a module"])
    assert before.digest != after.digest


def test_a_class_reads_a_global_behind_a_local_of_the_function_around_it() -> None:
    code = "x = 0\ndef f():\n x = 1\n class C:\n  x = x\n return C"
    assert [hole.chain for hole in of(code).holes] == ["x"]
