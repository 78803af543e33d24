"""What statements do to names: the cases that decide which cell of a kernel counts."""

from __future__ import annotations

import ast
import sys

import pytest

from mandala_git.versions.bound import names_of

# source: (bound, of these anew, changed)
CASES = {
    "x = 1": ("x", "x", ""),
    "x = x + 1": ("x", "", ""),
    "x += 1": ("x", "", ""),
    "x: int": ("", "", ""),
    "x: int = 1": ("x", "x", ""),
    "x, (y, *z) = f()": ("x y z", "x y z", ""),
    "x.a = x[0] = 1": ("", "", "x"),
    "x.append(y.b)": ("", "", "x"),
    "print(x.pop())": ("", "", "x"),
    "x.a.b(1).c()": ("", "", "x"),
    "del x, y[0]": ("", "", "y"),
    "def f(): f(x)": ("f", "f", ""),
    "@f.register\ndef f(x): pass": ("f", "", ""),
    "def f(x=f): pass": ("f", "", ""),
    "async def f(): y.z = 1": ("f", "f", ""),
    "class A:\n    x = 1\n    def m(self): A.x": ("A", "A", ""),
    "class A(A):\n    B.x = 1": ("A", "", "B"),
    "f = lambda: f(y)": ("f", "f", ""),
    "f = lambda x=f: x": ("f", "", ""),
    "import a": ("a", "a", ""),
    "import a.b": ("a", "", ""),
    "import a.b as c": ("c", "c", ""),
    "from a import b, c as d": ("b d", "b d", ""),
    "if a: x = 1": ("x", "", ""),
    "for x in y: z = x": ("x z", "", ""),
    "while (x := f()): pass": ("x", "", ""),
    "with f() as x: y = 1": ("x y", "x y", ""),
    "try: x = 1\nexcept E as y: pass": ("x y", "", ""),
    "match a:\n    case [x, *y]: pass\n    case {'k': z, **w}: pass\n    case b.C() as v: pass": (
        "x y z w v", "", "",
    ),
    "x = [y := z for z in a if z.b()]": ("x y", "x y", "z"),
    "x = {k: v for k, v in x.items()}": ("x", "", "x"),
    "global x\nx = 1": ("x", "x", ""),
}  # fmt: skip


@pytest.mark.parametrize("source", CASES)
def test_names(source: str) -> None:
    names = names_of(ast.parse(source).body)
    found = (names.bound, names.anew, names.changed)
    assert tuple(map(sorted, found)) == tuple(sorted(each.split()) for each in CASES[source])
    assert names.defined == {
        n
        for n in names.bound
        if source.partition("\n")[2].startswith("def")
        or source.startswith(("def", "async", "class"))
    }
    assert not names.lasting


@pytest.mark.parametrize("source", ["from a import *", "from __future__ import annotations"])
def test_what_no_name_tells(source: str) -> None:
    assert names_of(ast.parse(source).body).lasting


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the syntax is of Python 3.12")
def test_newer_syntax() -> None:
    names = names_of(ast.parse("type X[T] = list[T]\ndef f[T](x: T) -> T: ...").body)
    assert names.bound == names.anew == {"X", "f"} and names.defined == {"f"}
