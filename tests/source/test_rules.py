"""What the scan finds out about definitions: names, kinds, calls, literals, what they can see."""

from __future__ import annotations

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


def test_a_class_reads_a_global_behind_a_local_of_the_function_around_it() -> None:
    code = "x = 0\ndef f():\n x = 1\n class C:\n  x = x\n return C"
    assert [hole.chain for hole in main(code).holes] == ["x"]
