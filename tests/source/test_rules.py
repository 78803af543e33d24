"""Golden pairs for every rule of the normal form: which edits are equal, which differ."""

from __future__ import annotations

import re
import textwrap

import pytest

from mandala_git.config import Rules
from mandala_git.source.definitions import Definition, Kind
from mandala_git.source.scan import scan_file


def scan(source: str | bytes, path: str = "m.py") -> dict[str, Definition]:
    data = source if isinstance(source, bytes) else textwrap.dedent(source).encode()
    facts = scan_file(path, data)
    assert facts.error == "", (facts.error, facts.error_line)
    return {d.qualname: d for d in facts.definitions}


def main(source: str | bytes) -> Definition:
    """Return the definition `f` (or `C`, or `x`) of a source."""
    found = scan(source)
    for name in ("f", "C", "x"):
        if name in found:
            return found[name]
    raise AssertionError(f"no definition in {source!r}")


def body(code: str, params: str = "a, b, c, d, g, h") -> str:
    return f"def f({params}):\n" + textwrap.indent(textwrap.dedent(code).strip("\n"), "    ")


# (rule, before, after): statements in a function's body
SAME = [
    ("1", "x = a; return x", "x = a\nreturn x"),
    ("1", "if a: b()", "if a:\n        b()\n"),
    ("1", "return g(a,\n  b)", "return g(a, b)"),
    ("1", "x = a + \\\n  b\nreturn x", "x = a + b\nreturn x"),
    ("2", "return a  # why", "return a"),
    ("2", "# first\nx = a # type: int\n\n\nreturn x", "x = a\nreturn x"),
    ("3", "'''Say it.'''\nreturn a", "'''Say it otherwise.'''\nreturn a"),
    ("3", "'''Say it.'''\nreturn a", "return a"),
    ("3", "'doc' ' more'", "pass"),
    ("3b", "x = a; 'note'; return x", "x = a\nreturn x"),
    ("3b", "0\n...\nNone\nreturn a", "return a"),
    ("3b", "b'bytes'\nreturn a", "return a"),
    ("4", "return (a, b)", "return a, b"),
    ("4", "return ((a))", "return a"),
    ("4", "x = [a, b,]\nreturn x", "x = [a, b]\nreturn x"),
    ("4", "del (a, b)", "del a, b"),
    ("4", "return d[(a, b)]", "return d[a, b]"),
    ("4", "return g((x for x in a))", "return g(x for x in a)"),
    ("4", "for (x, y) in a: g(x)", "for x, y in a: g(x)"),
    ("5", "return 'a' \"b\"", "return 'ab'"),
    ("5", r"return r'\d'", r"return '\\d'"),
    ("5", r"return '\x41\u0042\103\N{LATIN CAPITAL LETTER D}'", "return 'ABCD'"),
    ("5", "return u'x', B'y', Rb'z'", "return 'x', b'y', b'z'"),
    ("5", "return '''a'''", "return 'a'"),
    ("5", "return ''", 'return """"""'),
    ("5", r"return '\d'", r"return '\\d'"),
    ("6", "return f'ab'", "return 'ab'"),
    ("6", "return f'{a=}'", "return f'a={a!r}'"),
    ("6", "return f'{a}' 'b' f'c{d}'", "return f'{a}bc{d}'"),
    ("6", "return f'{ a }'", "return f'{a}'"),
    ("6", "return f'{{{a}}}'", "return '{' f'{a}' '}'"),
    ("6", "return f\"{d['k']}\"", "return f'{d[\"k\"]}'"),
    ("6", r"return f'\x7b\x7b{a}'", "return '{{' f'{a}'"),
    ("7", "return 1_000, 0xFF, 1E5, .5, 2J", "return 1000, 255, 100000.0, 0.5, 2j"),
    ("7", "return 0xff", "return 0b11111111"),
    ("8", "if a:\n  b()\nelif c:\n  d()", "if a:\n  b()\nelse:\n  if c:\n    d()"),
    ("8b", "b()\npass", "b()"),
    ("8b", "if a:\n  b()\nelse:\n  pass", "if a:\n  b()"),
    ("8c", "b()\nreturn", "b()"),
    ("8c", "b()\nreturn None", "b()"),
    ("8c", "if a:\n  return\nb()", "if a:\n  return None\nb()"),
    ("8d", "with a, b as x:\n  g(x)", "with a:\n  with b as x:\n    g(x)"),
    ("8d", "with (a, b as x,):\n  g(x)", "with a, b as x:\n  g(x)"),
    ("8e", "import os, sys\nreturn os, sys", "import os\nimport sys\nreturn os, sys"),
    ("8f", "return not a in b", "return a not in b"),
    ("8f", "return not a is b", "return a is not b"),
    ("8g", "return (a and b) and c", "return a and (b and c)"),
    ("8g", "return a or b or c", "return a or (b or c)"),
    ("9d", "µ = a\nreturn µ", "μ = a\nreturn μ"),
    ("13", "x: int = a\nreturn x", "x = a\nreturn x"),
    ("13", "x: int\nx = a\nreturn x", "x = a\nreturn x"),
    ("13", "a.x: int = b", "a.x = b"),
    ("16", "match a:\n  case [x, y]:\n    g(x, y)", "match a:\n  case (x, y):\n    g(x, y)"),
    ("16", "match a:\n  case x, y:\n    g(x, y)", "match a:\n  case [x, y]:\n    g(x, y)"),
    ("16", "match a:\n  case (1):\n    g()", "match a:\n  case 1:\n    g()"),
    ("19", "assert(a)", "assert a"),
]

DIFFERENT = [
    ("1", "for x in a:\n  g(x)\n  h(x)", "for x in a:\n  g(x)\nh(x)"),
    ("1", "if a:\n  if b:\n    g()", "if a:\n  pass\nif b:\n  g()"),
    ("1", "for x in a:\n  if b: g()\n  else: h()", "for x in a:\n  if b: g()\nelse: h()"),
    ("1", "try:\n  g()\n  h()\nfinally:\n  a()", "try:\n  g()\nfinally:\n  h()\n  a()"),
    ("2", "return '#'", "return ''"),
    ("3", "f'{a}'\nreturn a", "return a"),
    ("3", "x = 'doc'\nreturn a", "return a"),
    ("3b", "a.load\nreturn a", "return a"),
    ("3b", "a\nreturn b", "return b"),
    ("4", "return (a)", "return (a,)"),
    ("4", "return d[a]", "return d[a,]"),
    ("4", "return d[a:b]", "return d[a:b,]"),
    ("4", "x = a,\nreturn x", "x = a\nreturn x"),
    ("4", "assert (a, 'm')", "assert a, 'm'"),
    ("4", "return a-(b-1)", "return a-b-1"),
    ("4", "return (-a)**2", "return -a**2"),
    ("4", "return (a<b)<c", "return a<b<c"),
    ("4", "del a", "del [a]"),
    ("5", "return b'x'", "return 'x'"),
    ("5", "return ['a' 'b']", "return ['a', 'b']"),
    ("5", "return ['ab', 'c']", "return ['a', 'bc']"),
    ("5", "return 'a b'", "return 'a  b'"),
    ("5", "return '\u00e9'", "return 'e\u0301'"),
    ("5", r"return '\ud800'", r"return '\ud801'"),
    ("6", "return f'{a}'", "return f'{a!r}'"),
    ("6", "return f'{a!s}'", "return f'{a!r}'"),
    ("6", "return f'{a}'", "return f'{a!s}'"),
    ("6", "return f'{a:>5}'", "return f'{a:>6}'"),
    ("6", "return f'{a:>{b}}'", "return f'{a:>{c}}'"),
    ("6", "return f'{a=}'", "return f'{a = }'"),
    ("6", "return f'{a=:>5}'", "return f'a={a!r:>5}'"),
    ("6", "return '%s' % a", "return f'{a}'"),
    ("6", "return f'{a}' '{b}'", "return f'{a}{b}'"),
    ("6", "return f'{a}'", "return a"),
    ("7", "return 1000", "return 1e3"),
    ("7", "return True", "return 1"),
    ("7", "return 0.0", "return -0.0"),
    ("7", "return 2j", "return 2.0"),
    ("7", "return 1", "return '1'"),
    ("7", "return 0.1", "return 0.10000000000000002"),
    ("7", "return None", "return ..."),
    ("8", "if a:\n  g()\nelif b:\n  h()", "if a:\n  g()\nif b:\n  h()"),
    ("8b", "try:\n  g()\nexcept:\n  pass\nh()", "try:\n  g()\nexcept:\n  return\nh()"),
    ("8c", "for x in a:\n  return\nb()", "for x in a:\n  pass\nb()"),
    ("8c", "try:\n  g()\nfinally:\n  return", "try:\n  g()\nfinally:\n  pass"),
    ("8d", "with a, b:\n  g()", "with b, a:\n  g()"),
    ("8d", "with a:\n  g()\n  with b:\n    h()", "with a, b:\n  g()\n  h()"),
    ("8e", "import os, sys\nreturn os", "import sys, os\nreturn os"),
    ("8f", "return not a in b in c", "return a not in b in c"),
    ("8f", "return not a == b", "return a != b"),
    ("8f", "return not a < b", "return a >= b"),
    ("8g", "return (a+b)+c", "return a+(b+c)"),
    ("8g", "return a and b or c", "return a and (b or c)"),
    ("8g", "return 0 < g() < 5", "return 0 < g() and g() < 5"),
    ("8h", "a += [1]\nreturn a", "a = a + [1]\nreturn a"),
    ("9", "s = a\nt = b\nreturn s", "s = a\nt = b\nreturn t"),
    ("13", "x: int\nreturn x", "return x"),
    ("13", "a[g()]: int", "a[h()]: int"),
    ("13", "a[0].x: int", "a[0]: int"),
    ("14", "return [a, b]", "return [b, a]"),
    ("14", "return {1, True}", "return {True, 1}"),
    ("14", "return {a: 1, **b}", "return {**b, a: 1}"),
    ("14", "return g(b)", "return g(x=b)"),
    ("14", "return g(x=a, y=b)", "return g(y=b, x=a)"),
    ("14", "return g(*a)", "return g(**a)"),
    ("14", "return a[1:2:3]", "return a[1:3:2]"),
    ("14", "return a[1:]", "return a[:1]"),
    ("14", "return a - b", "return b - a"),
    ("14", "return {a: b}", "return {a, b}"),
    ("15", "return [x for x in a]", "return (x for x in a)"),
    ("15", "return a", "return a\nyield"),
    ("15", "yield a", "yield from a"),
    ("16", "match a:\n  case b.v: g()", "match a:\n  case v: g()"),
    ("16", "match a:\n  case [x, *y]: g()", "match a:\n  case [x, y]: g()"),
    ("16", "match a:\n  case 1 | 2: g()", "match a:\n  case 2 | 1: g()"),
    ("16", "match a:\n  case b(x=1): g()", "match a:\n  case b(y=1): g()"),
    ("16", "match a:\n  case 1 if b: g()", "match a:\n  case 1: g()"),
    ("16", "match a:\n  case 1: g()\n  case 2: h()", "match a:\n  case 2: h()\n  case 1: g()"),
    ("19", "assert a", "pass"),
    ("19", "assert a, 'm'", "assert a, 'n'"),
    ("scope", "return [x for x in a if x]", "return [x for x in a]"),
    ("scope", "lambda: a\nreturn lambda i=b: i", "lambda: a\nreturn lambda i=c: i"),
    ("scope", "global q\nq = a", "q = a"),
    ("try", "try:\n  g()\nexcept a:\n  h()", "try:\n  g()\nexcept b:\n  h()"),
    ("try", "try:\n  g()\nexcept a:\n  h()", "try:\n  g()\nexcept* a:\n  h()"),
    ("raise", "raise a from b", "raise a"),
    ("while", "while a:\n  g()\nelse:\n  h()", "while a:\n  g()\nh()"),
    ("loop", "for x in a:\n  break", "for x in a:\n  continue"),
]

# whole files; the definition compared is f, C or x
SAME_FILES = [
    ("4", "class C():\n  a = 1", "class C:\n  a = 1"),
    ("4b", "class C(object):\n  a = 1", "class C:\n  a = 1"),
    ("3", "class C:\n  'doc'\n  a = 1", "class C:\n  a = 1"),
    (
        "8",
        "class C:\n  if a: pass\n  elif (y := 1): pass\n  z = y",
        "class C:\n  if a: pass\n  else:\n    if (y := 1): pass\n  z = y",
    ),
    ("1", b"def f(a):\r\n    return a\r\n", b"def f(a):\n\treturn a\n"),
    ("1", b"\xef\xbb\xbfdef f(a):\n    return a\n", b"def f(a):\n    return a\n"),
    ("1", b"# coding: latin-1\nx = '\xe9'\n", "x = 'é'\n"),
    ("11", "@g(1,\n 2)\ndef f(): pass", "@g(1, 2)\ndef f(): pass"),
    ("11", "from mandala_git import op\n@op\ndef f(a): return a", "def f(a): return a"),
    ("11", "from mandala_git.imports import *\n@op()\ndef f(a): return a", "def f(a): return a"),
    ("11", "import mandala_git as mg\n@mg.track\ndef f(a): return a", "def f(a): return a"),
    ("12", "def f(a,\n  b = 1): return a", "def f(a, b=1): return a"),
    ("18", "class C:\n  def m(self): return 1", "class C:\n  def m(self): return 2"),
    ("20", "x = (1)", "x = 0x1"),
    ("20", "x = 1; y = 2", "x = 1\ny = 3"),
    ("10", "import a.b as q\ndef f(): return q.g()", "import a.b\ndef f(): return a.b.g()"),
    ("10", "import math as m\ndef f(): return m.pi", "import math as mm\ndef f(): return mm.pi"),
    ("other", "def f(): return 1\ndef g(): return 2", "def f(): return 1\ndef g(): return 3"),
    ("self", "def f(n): return f(n - 1)\n", "def f(n): return f(n-1)\n"),
]

DIFFERENT_FILES = [
    ("4b", "class C(object):\n  a = 1\nobject = int", "class C:\n  a = 1\nobject = int"),
    ("4b", "class C(A):\n  a = 1", "class C:\n  a = 1"),
    ("3", "def f():\n  'x'\nprint(f.__doc__)", "def f():\n  'y'\nprint(f.__doc__)"),
    ("3", "from q import d\n@d\ndef f():\n  'x'", "from q import d\n@d\ndef f():\n  'y'"),
    ("3", "import click\ndef f():\n  'x'", "import click\ndef f():\n  'y'"),
    ("3", "class C(B):\n  'x'", "class C(B):\n  'y'"),
    ("11", "@g\n@h\ndef f(): pass", "@h\n@g\ndef f(): pass"),
    ("11", "@g(1)\ndef f(): pass", "@g(2)\ndef f(): pass"),
    ("11", "@g\ndef f(): pass", "def f(): pass"),
    (
        "11",
        "from mandala_git import op\n@op(nout=2)\ndef f(a): return a",
        "from mandala_git import op\n@op\ndef f(a): return a",
    ),
    ("11", "def op(g): return 1\n@op\ndef f(a): return a", "def f(a): return a"),
    ("12", "def f(a, b=1): pass", "def f(a, b=2): pass"),
    ("12", "def f(a=[]): pass", "def f(a=None): pass"),
    ("12", "def f(a, /): pass", "def f(a): pass"),
    ("12", "def f(*, a): pass", "def f(a): pass"),
    ("12", "def f(*a): pass", "def f(**a): pass"),
    ("12", "def f(a, b): pass", "def f(b, a): pass"),
    ("13b", "def f(a: int): pass", "def f(a): pass"),
    ("13b", "def f() -> int: pass", "def f() -> str: pass"),
    ("13c", "class C:\n  a: int = 1", "class C:\n  a = 1"),
    ("13c", "x: int = 1", "x = 1"),
    ("15", "async def f(a): return a", "def f(a): return a"),
    ("15", "async def f(a):\n  async with a: pass", "async def f(a):\n  with a: pass"),
    ("15", "async def f(a): return [x async for x in a]", "async def f(a): return [x for x in a]"),
    ("17", "def f[T](a: T): pass", "def f[T: int](a: T): pass"),
    ("17", "class C[T]: pass", "class C[*T]: pass"),
    ("18", "class C(metaclass=M): pass", "class C: pass"),
    ("18", "class C:\n  a = 1\n  b = 2", "class C:\n  b = 2\n  a = 1"),
    ("18", "class C:\n  def m(self): pass", "class C:\n  def n(self): pass"),
    ("20", "x = 1", "x = 1.0"),
    ("20", "x = 1", "x = 1,"),
    ("20", "x = 1\nx += 1", "x = 1"),
    ("20", "if a:\n  x = 1", "x = 1"),
    ("20", "x = {}\nx['a'] = 1", "x = {}\nx['a'] = 2"),
    ("21", "class A:\n  def f(self): return self.__y", "class B:\n  def f(self): return self.__y"),
    (
        "10",
        "from math import sqrt\ndef f(a): return sqrt(a)",
        "from cmath import sqrt\ndef f(a): return sqrt(a)",
    ),
    ("10", "def f(a): return max(a)", "def max(a): return 1\ndef f(a): return max(a)"),
    ("10", "from .m import q\ndef f(): return q", "from ..m import q\ndef f(): return q"),
    ("10", "from m import q\ndef f(): return q", "from m import *\ndef f(): return q"),
    ("10", "from m import *\ndef f(): return q", "from n import *\ndef f(): return q"),
    ("10", "import m\ndef f(): return m.q", "if a:\n  import m\ndef f(): return m.q"),
    ("10", "import a as m\ndef f(): return m.q", "import b as m\ndef f(): return m.q"),
    ("10", "def f(): return q", "q = 1\ndef f(): return q"),
    ("10", "def f():\n  import a as m\n  return m.q", "def f():\n  import b as m\n  return m.q"),
    ("cond", "if a:\n  def f(): pass", "if b:\n  def f(): pass"),
    ("cond", "if a:\n  def f(): pass", "def f(): pass"),
    (
        "future",
        "from __future__ import annotations\ndef f(a: int): pass",
        "def f(a: int): pass",
    ),
]


def definition_of(source: str | bytes) -> Definition:
    found = scan(source)
    for name in ("f", "A.f", "B.f", "C", "x"):
        if name in found:
            return found[name]
    raise AssertionError(source)


@pytest.mark.parametrize(("rule", "before", "after"), SAME)
def test_same_statements(rule: str, before: str, after: str) -> None:
    one, two = main(body(before)), main(body(after))
    assert one.digest == two.digest
    assert one.skeleton == two.skeleton
    assert one.exact == two.exact


@pytest.mark.parametrize(("rule", "before", "after"), DIFFERENT)
def test_different_statements(rule: str, before: str, after: str) -> None:
    one, two = main(body(before)), main(body(after))
    assert one.digest != two.digest
    assert one.skeleton != two.skeleton
    assert one.exact != two.exact


@pytest.mark.parametrize(("rule", "before", "after"), SAME_FILES)
def test_same_files(rule: str, before: str, after: str) -> None:
    assert definition_of(before).digest == definition_of(after).digest
    assert definition_of(before).skeleton == definition_of(after).skeleton


@pytest.mark.parametrize(("rule", "before", "after"), DIFFERENT_FILES)
def test_different_files(rule: str, before: str, after: str) -> None:
    assert definition_of(before).digest != definition_of(after).digest


def run(code: str) -> object:
    """Run `f` on values that tell operations apart; what it does is returned as text."""
    log: list[object] = []

    class Probe:
        def __init__(self, name: str) -> None:
            self.name = name

        def __repr__(self) -> str:
            return self.name

        def __getattr__(self, attr: str) -> Probe:
            if attr.startswith("__"):
                raise AttributeError(attr)
            log.append(("get", self.name, attr))
            return Probe(f"{self.name}.{attr}")

        def __call__(self, *args: object, **kw: object) -> Probe:
            log.append(("call", self.name, repr(args), repr(kw)))
            return Probe(f"{self.name}()")

        def __iter__(self) -> object:
            log.append(("iter", self.name))
            return iter([(1, 2), (3, 4)])

        def __enter__(self) -> Probe:
            log.append(("enter", self.name))
            return self

        def __exit__(self, *args: object) -> None:
            log.append(("exit", self.name))

        def __contains__(self, item: object) -> bool:
            log.append(("in", self.name, repr(item)))
            return True

        def __getitem__(self, item: object) -> Probe:
            log.append(("item", self.name, repr(item)))
            return Probe(f"{self.name}[{item!r}]")

    names: dict[str, object] = {}
    exec(compile(code, "<pair>", "exec", dont_inherit=True), names)
    function = names["f"]
    try:
        result = repr(function(*(Probe(n) for n in "abcdgh")))  # type: ignore[operator]
    except Exception as error:  # noqa: BLE001 - the outcome is compared
        result = repr(error)
    return re.sub(" at 0x[0-9a-f]+", "", f"{result} {log}")


@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize(("rule", "before", "after"), SAME)
def test_same_statements_run_the_same(rule: str, before: str, after: str) -> None:
    assert run(body(before)) == run(body(after))


def test_names_are_found_through_scopes() -> None:
    found = scan(
        """
        import numpy as np
        K = 3
        def f(x, *rest, key=K, **more):
            total = 0
            for i, (j, *k) in rest:
                total += i + j + len(k)
            with open(x) as (p, q):
                pass
            try:
                pass
            except ValueError as e:
                print(e)
            if (w := x) and [v for v in rest if (z := v)]:
                return w, z, v
            def inner(u):
                nonlocal total
                total = u + missing
                return [total for total in u]
            class Local:
                a = K
                def m(self): return a
            match x:
                case {"k": m, **rest2}: return m, rest2
                case Point(x=n) | n: return n
                case [first, *others]: return first, others
            import json
            del total
            return lambda y, d=np.pi: y + d + json.dumps(np.random.rand())
        """
    )["f"]
    names = [h.chain for h in found.holes]
    # `v` of a comprehension is not seen outside it, a class's `a` not in its methods
    assert names == [
        "K", "len", "open", "ValueError", "print", "v", "missing", "a", "Point",
        "json.<module>", "np.pi", "json.dumps", "np.random.rand",
    ]  # fmt: skip
    bindings = {h.chain: h.binding for h in found.holes}
    assert bindings["K"] == ("global",)
    assert bindings["np.pi"] == ("import", "numpy")
    assert bindings["json.dumps"] == ("import", "json")
    assert bindings["missing"] == ("absent",)
    called = {h.chain: h.called for h in found.holes}
    assert called["len"] and called["np.random.rand"] and not called["K"] and not called["np.pi"]
    assert found.parameters == ("x", "*rest", "key", "**more")


def test_called_only_where_every_use_is_a_call_in_the_body() -> None:
    def called(code: str) -> bool:
        return {h.chain: h.called for h in scan(code)["f"].holes}["h"]

    assert called("def f(): return h(1) + h(2)")
    assert called("def f(): return lambda: h(1)")
    assert not called("def f(): return h(h)")
    assert not called("def f(a=h()): return h()")
    assert not called("@h(1)\ndef f(): return h()")
    assert not called("def f() -> h(1): return h()")
    assert not called("def f():\n  def g(a=h()): return a\n  return h()")


def test_definitions_of_a_file() -> None:
    found = scan(
        '''
        """Doc."""
        from m import a, b as c
        import p.q, r
        from s import *
        u, (v, *w) = 1, (2, 3)
        for i in range(3):
            t = i
        try:
            import fast
        except ImportError:
            fast = None
        try:
            import quick
        except ImportError:
            pass
        class K(Base):
            n = 1
            def m(self): pass
            @property
            def p(self): pass
            @p.setter
            def p(self, v): pass
            class Inner:
                def deep(self): pass
        def g(): pass
        def g(): pass
        lam = lambda: 0
        print("hello")
        if __name__ == "__main__":
            result = g()
        def setter():
            global made
            made = 1
        '''
    )
    kinds = [(d.qualname, str(d.kind)) for d in found.values()]
    assert kinds == [
        ("a", "import"), ("c", "import"), ("p", "import"), ("r", "import"),
        ("u", "global"), ("v", "global"), ("w", "global"),
        ("i", "global"), ("t", "global"), ("fast", "global"), ("quick", "import"),
        ("K", "class"), ("K.m", "function"), ("K.p", "function"), ("K.p#2", "function"),
        ("K.Inner", "class"), ("K.Inner.deep", "function"),
        ("g", "function"), ("g#2", "function"), ("lam", "global"), ("result", "global"),
        ("setter", "function"), ("made", "global"), ("*", "import"), ("<module>", "module"),
    ]  # fmt: skip
    assert found["K"].members == ("K.m", "K.p", "K.p#2", "K.Inner")
    assert found["K.Inner.deep"].parent == "K.Inner"
    assert found["K"].values == {"n": "1"}
    assert found["K.m"].plain and not found["K.p"].plain
    setter = {h.chain: h.binding for h in found["made"].holes}
    assert setter == {"setter": ("global",)}


def test_module_statements() -> None:
    def module(code: str) -> Definition:
        return scan(code)["<module>"]

    empty = module("")
    assert empty.kind is Kind.MODULE
    assert module("'doc'\nx = 1\nimport os\ndef f(): pass").skeleton == empty.skeleton
    assert module("if __name__ == '__main__':\n  run()").skeleton == empty.skeleton
    assert module("if '__main__' == __name__:\n  run()").skeleton == empty.skeleton
    assert module("if __name__ == '__main__':\n  run()\nelse:\n  go()").skeleton != empty.skeleton
    assert module("if __name__ != '__main__':\n  run()").skeleton != empty.skeleton
    assert module("run()").skeleton != empty.skeleton
    assert module("x = {}\nx['a'] = 1").skeleton != empty.skeleton
    assert [h.chain for h in module("@app.route('/')\ndef f(): pass").holes] == ["f"]
    assert module("import functools\n@functools.cache\ndef f(): pass").holes == ()


def test_literals_and_mutability() -> None:
    found = scan(
        """
        a = 1
        b: float = -2.5e3
        c = ("x"  # why
             "y")
        d = [1, {"k": (None, True)}]
        e = 1 + 2j
        f = 60 * 60
        g = h = 1
        i = 1
        i = 2
        j = {}
        j["x"] = 1
        if a:
            k = 1
        l = f"{a}"
        m = frozenset()
        n = (1, [2])
        o = []
        def s():
            global a2
            a2 = 2
        a2 = 1
        p = not True
        """
    )
    literals = {name: d.literal for name, d in found.items() if d.kind is Kind.GLOBAL}
    assert literals == {
        "a": "1", "b": "-2.5e3", "c": '("x"  # why\n     "y")', "d": '[1, {"k": (None, True)}]',
        "e": "1 + 2j", "f": None, "g": None, "h": None, "i": None, "j": None, "k": None,
        "l": None, "m": None, "n": "(1, [2])", "o": "[]", "a2": None, "p": None,
    }  # fmt: skip
    mutable = {name for name, d in found.items() if d.mutable}
    assert mutable == {"d", "g", "h", "j", "k", "m", "n", "o", "a2"}


@pytest.mark.parametrize(
    "code",
    [
        "eval('1')",
        "exec('1')",
        "globals()['q']",
        "getattr(a, b)",
        "__import__(a)",
        "__builtins__",
        "a.query('x > @limit')",
        "g(getattr)",
        "vars()",
        "locals()",
        "a.__code__.co_varnames",
        "a.tb_lineno",
    ],
)
def test_dynamic(code: str) -> None:
    assert main(body(code)).dynamic


def test_dynamic_imports_and_what_is_not_dynamic() -> None:
    assert main("import importlib\ndef f(a): return importlib.import_module(a)").dynamic
    assert main("from importlib import import_module\ndef f(a): return import_module(a)").dynamic
    assert main("def f(a):\n  import importlib as i\n  return i.import_module(a)").dynamic
    assert main("import sys\ndef f(a): return sys.modules[a]").dynamic
    quiet = main("def f(a): return getattr(a, 'size', 0) + a.query('x > 1') + vars(a)['k']")
    assert not quiet.dynamic
    assert "size" in quiet.attrs and "query" in quiet.attrs
    assert not main("def getattr(a, b): pass\ndef f(a): return getattr(a, b)").dynamic


def test_what_can_see_its_name_carries_it() -> None:
    def skeleton(code: str, path: str = "m.py", name: str = "f") -> str:
        return scan(code, path)[name].skeleton

    assert skeleton("def f(): return 1") == skeleton("def g(): return 1", name="g")
    assert skeleton("def f(): return 1") == skeleton("def f(): return 1", path="n.py")
    named = "def {}(): return __name__"
    assert skeleton(named.format("f")) != skeleton(named.format("f"), path="n.py")
    seen = "def {}(a): return a.__qualname__"
    assert skeleton(seen.format("f")) != skeleton(seen.format("g"), name="g")
    unknown = "@deco\ndef {}(): pass"
    assert skeleton(unknown.format("f")) != skeleton(unknown.format("g"), name="g")
    known = "import functools\n@functools.cache\ndef {}(): pass"
    assert skeleton(known.format("f")) == skeleton(known.format("g"), name="g")
    up = "class {0}(B):\n  def m(self): return super().m()"
    assert skeleton(up.format("C"), name="C.m") != skeleton(up.format("D"), name="D.m")


def test_plain_and_op() -> None:
    found = scan(
        """
        import functools, contextlib
        from mandala_git import op, superop
        @op
        def a(): pass
        @superop
        def b(): pass
        @functools.lru_cache(maxsize=None)
        def c(): pass
        @contextlib.contextmanager
        def d(): yield
        def e(): pass
        async def g(): pass
        def h(): yield 1
        def i(): return lambda: (yield)
        class C:
            @staticmethod
            def j(): pass
            @functools.cached_property
            def k(self): pass
        @functools.wraps(e)
        def l(): pass
        """
    )
    assert {n for n, d in found.items() if d.op} == {"a", "b"}
    functions = {n: d for n, d in found.items() if d.kind is Kind.FUNCTION}
    assert {n for n, d in functions.items() if d.plain} == {"a", "b", "e", "i", "C.j", "l"}


def test_an_import_is_plain_where_it_is_no_choice() -> None:
    found = scan(
        """
        import a
        from b import c, d as e
        if a.x:
            from b import f
        try:
            import g
        except ImportError:
            import h as g
        """
    )
    assert {n for n, d in found.items() if d.plain} == {"a", "c", "e"}


def test_defaults_are_told_by_the_source_or_not() -> None:
    found = scan("def f(a, b=1, *, c=[2], d=K, e=print()): pass")
    assert found["f"].values == {"b": "1", "c": "[2]", "d": None, "e": None}


def test_neutral_setting() -> None:
    source = b"from q import d\n@d\ndef f():\n    'doc'\n"
    other = b"from q import d\n@d\ndef f():\n    'other'\n"

    def digest(data: bytes, neutral: tuple[str, ...]) -> str:
        return {
            d.qualname: d.digest for d in scan_file("m.py", data, rules=Rules(neutral)).definitions
        }["f"]

    assert digest(source, ()) != digest(other, ())
    assert digest(source, ("q.d",)) == digest(other, ("q.d",))


def test_class_names_in_headers_of_members() -> None:
    found = scan(
        """
        N = 1
        class C:
            M = N
            def m(self, a=M, b=N): return M
            N = 2
            class D:
                x = M
                def m(self, a=x): pass
        """
    )
    assert [(h.chain, h.called) for h in found["C.m"].holes] == [
        ("C.M", False), ("C.N", False), ("N", False), ("M", False),
    ]  # fmt: skip
    assert [h.chain for h in found["C.D.m"].holes] == ["C.D.x"]
    # a class does not see the names of the class around it
    assert [h.chain for h in found["C.D"].holes] == ["M"]


def test_modules_imported_inside() -> None:
    def holes(code: str, name: str = "f") -> list[str]:
        return [h.chain for h in scan(code)[name].holes]

    used = "def f():\n  import m\n  return m.g()"
    assert holes(used) == ["m.<module>", "m.g"]
    assert holes("def f():\n  import m\n  return m") == ["m.<module>", "m"]
    # whoever else gets hold of the module may use all of it
    assert holes("def f():\n  import m\n  if m: m = 3\n  return m.g()") == ["m"]
    assert holes("def f():\n  global m\n  import m") == ["m"] * 2
    assert holes("class C:\n  import m", "C") == ["m"]
    assert holes("import a.b\nimport a.c", "a") == ["a.b.<module>", "a.c.<module>"]


def test_a_name_bound_by_import_or_else_by_def() -> None:
    found = scan("try:\n  from a import f\nexcept ImportError:\n  def f(x): return x\n")
    assert {n: str(d.kind) for n, d in found.items()} == {
        "f": "import", "f#2": "function", "<module>": "module",
    }  # fmt: skip


def test_names_that_a_later_star_may_bind_anew() -> None:
    found = scan("X = 1\nfrom m import *\nY = 2\ndef f(): return X, Y, z, len\n")
    assert found["X"].literal is None
    assert found["Y"].literal == "2"
    assert {h.chain: h.binding for h in found["f"].holes} == {
        "X": ("many", (("global",), ("star", ("absent",)))),
        "Y": ("global",),
        "z": ("star", ("absent",)),
        "len": ("star", ("builtin",)),
    }


def test_what_changes_a_global_belongs_to_it() -> None:
    found = scan(
        """
        REG = {}
        NAME = "x"
        REG["a"] = 1
        REG.update(b=2)
        size = REG.get("a")
        parts = NAME.split()
        top = REG.pop("a")
        class C:
            REG["C"] = 1
        def f():
            global COUNT
            COUNT = 1
        COUNT = 0
        """
    )
    assert found["REG"].literal is None and found["NAME"].literal == "'x'".replace("'", '"')
    assert {"C"} <= {h.chain for h in found["REG"].holes}
    assert [h.chain for h in found["COUNT"].holes] == ["f"]
    assert found["COUNT"].literal is None
    assert {h.chain: h.binding[0] for h in found["f"].holes} == {"COUNT": "many"}
    module = {h.chain for h in found["<module>"].holes}
    assert module == {"REG", "REG.update"}
