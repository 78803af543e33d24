"""Traps: programs whose stored results would be stale if one thing less were looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project

HEAD = "from mandala_git import op\n"

# name: (files, call, (module, old, new)); the call must run after the edit, and be found again
# when the edit is taken back.
TRAPS: dict[str, tuple[dict[str, str], str, tuple[str, str, str]]] = {
    "a default of the op from a global": (
        {"p": HEAD + "K = 3\n\n@op\ndef f(x, k=K):\n    return x * k\n"},
        "p.f(2)",
        ("p", "K = 3", "K = 4"),
    ),
    "a default of a helper from a global": (
        {
            "p": HEAD
            + "K = 3\n\ndef g(x, k=K):\n    return x * k\n\n@op\ndef f(x):\n    return g(x)\n"
        },
        "p.f(2)",
        ("p", "K = 3", "K = 4"),
    ),
    "a default of a helper from a call": (
        {
            "h": "def build():\n    return 3\n",
            "p": HEAD
            + "from h import build\n\ndef g(x, k=build()):\n    return x * k\n"
            + "\n@op\ndef f(x):\n    return g(x)\n",
        },
        "p.f(2)",
        ("h", "return 3", "return 4"),
    ),
    "a class attribute set by the module": (
        {"p": HEAD + "class C:\n    k = 3\n\nC.k = 4\n\n@op\ndef f(x):\n    return x * C.k\n"},
        "p.f(2)",
        ("p", "C.k = 4", "C.k = 5"),
    ),
    "a class attribute set by another module": (
        {
            "h": "class C:\n    k = 3\n",
            "q": "import h\nh.C.k = 4\n",
            "p": HEAD + "import h\nimport q\n\n@op\ndef f(x):\n    return x * h.C.k\n",
        },
        "p.f(2)",
        ("q", "k = 4", "k = 5"),
    ),
    "a partial": (
        {
            "p": HEAD
            + "from functools import partial\n\ndef g(k, x):\n    return x * k\n"
            + "\nh = partial(g, 3)\n\n@op\ndef f(x):\n    return h(x)\n"
        },
        "p.f(2)",
        ("p", "x * k", "x * k + 1"),
    ),
    "the argument of a partial": (
        {
            "p": HEAD
            + "from functools import partial\n\ndef g(k, x):\n    return x * k\n"
            + "\nh = partial(g, 3)\n\n@op\ndef f(x):\n    return h(x)\n"
        },
        "p.f(2)",
        ("p", "partial(g, 3)", "partial(g, 4)"),
    ),
    "a decorator of the project": (
        {
            "d": "def double(fn):\n    def inner(x):\n        return fn(x) * 2\n    return inner\n",
            "p": HEAD
            + "from d import double\n\n@double\ndef g(x):\n    return x\n"
            + "\n@op\ndef f(x):\n    return g(x)\n",
        },
        "p.f(2)",
        ("d", "* 2", "* 3"),
    ),
    "what a decorated helper does": (
        {
            "d": "def double(fn):\n    def inner(x):\n        return fn(x) * 2\n    return inner\n",
            "p": HEAD
            + "from d import double\n\n@double\ndef g(x):\n    return x\n"
            + "\n@op\ndef f(x):\n    return g(x)\n",
        },
        "p.f(2)",
        ("p", "    return x\n", "    return x + 1\n"),
    ),
    "the argument of a decorator": (
        {
            "p": HEAD
            + "def times(k):\n    def deco(fn):\n        def inner(x):\n            return fn(x) * k\n"
            + "        return inner\n    return deco\n"
            + "\n@times(3)\ndef g(x):\n    return x\n"
            + "\n@op\ndef f(x):\n    return g(x)\n",
        },
        "p.f(2)",
        ("p", "@times(3)", "@times(4)"),
    ),
    "a nested function": (
        {
            "p": HEAD
            + "def g(x):\n    def inner(y):\n        return deep(y)\n    return inner(x)\n"
            + "\ndef deep(x):\n    return x * 3\n\n@op\ndef f(x):\n    return g(x)\n"
        },
        "p.f(2)",
        ("p", "x * 3", "x * 4"),
    ),
    "a lambda in a global": (
        {
            "p": HEAD
            + "def deep(x):\n    return x * 3\n\nG = lambda x: deep(x)\n"
            + "\n@op\ndef f(x):\n    return G(x)\n"
        },
        "p.f(2)",
        ("p", "x * 3", "x * 4"),
    ),
    "a lambda in a dict": (
        {
            "p": HEAD
            + "def deep(x):\n    return x * 3\n\nSTEPS = {'a': lambda x: deep(x)}\n"
            + "\n@op\ndef f(x):\n    return STEPS['a'](x)\n"
        },
        "p.f(2)",
        ("p", "x * 3", "x * 4"),
    ),
    "a function in a dict": (
        {
            "p": HEAD
            + "def deep(x):\n    return x * 3\n\nSTEPS = {'a': deep}\n"
            + "\n@op\ndef f(x, name):\n    return STEPS[name](x)\n"
        },
        "p.f(2, 'a')",
        ("p", "x * 3", "x * 4"),
    ),
    "a registry filled at import": (
        {
            "h": "STEPS = {}\n\ndef step(fn):\n    STEPS[fn.__name__] = fn\n    return fn\n",
            "q": "from h import step\n\n@step\ndef a(x):\n    return x * 3\n",
            "p": HEAD
            + "import q\nfrom h import STEPS\n\n@op\ndef f(x, name):\n    return STEPS[name](x)\n",
        },
        "p.f(2, 'a')",
        ("q", "x * 3", "x * 4"),
    ),
    "a global that another function sets": (
        {
            "p": HEAD
            + "K = 3\n\ndef set_k():\n    global K\n    K = 5\n\nset_k()\n"
            + "\n@op\ndef f(x):\n    return x * K\n"
        },
        "p.f(2)",
        ("p", "K = 5", "K = 6"),
    ),
    "a global of another module": (
        {
            "h": "K = 3\n",
            "p": HEAD + "import h\n\n@op\ndef f(x):\n    return x * h.K\n",
        },
        "p.f(2)",
        ("h", "K = 3", "K = 4"),
    ),
    "a global copied by an import": (
        {
            "h": "K = 3\n",
            "p": HEAD + "from h import K\n\n@op\ndef f(x):\n    return x * K\n",
        },
        "p.f(2)",
        ("h", "K = 3", "K = 4"),
    ),
    "a global of a package": (
        {
            "pkg/__init__": "from pkg.h import K\n",
            "pkg/h": "K = 3\n",
            "p": HEAD + "import pkg\n\n@op\ndef f(x):\n    return x * pkg.K\n",
        },
        "p.f(2)",
        ("pkg/h", "K = 3", "K = 4"),
    ),
    "a submodule by its full name": (
        {
            "pkg/__init__": "",
            "pkg/h": "def g(x):\n    return x * 3\n",
            "p": HEAD + "import pkg.h\n\n@op\ndef f(x):\n    return pkg.h.g(x)\n",
        },
        "p.f(2)",
        ("pkg/h", "x * 3", "x * 4"),
    ),
    "a relative import": (
        {
            "pkg/__init__": "",
            "pkg/h": "def g(x):\n    return x * 3\n",
            "pkg/r": "from .h import g\n",
            "p": HEAD + "from pkg.r import g\n\n@op\ndef f(x):\n    return g(x)\n",
        },
        "p.f(2)",
        ("pkg/h", "x * 3", "x * 4"),
    ),
    "a module imported inside the op": (
        {
            "h": "def g(x):\n    return x * 3\n",
            "p": HEAD + "\n@op\ndef f(x):\n    from h import g\n    return g(x)\n",
        },
        "p.f(2)",
        ("h", "x * 3", "x * 4"),
    ),
    "a global of a module imported inside the op": (
        {
            "h": "K = 3\n",
            "p": HEAD + "\n@op\ndef f(x):\n    import h\n    return x * h.K\n",
        },
        "p.f(2)",
        ("h", "K = 3", "K = 4"),
    ),
    "a statement of a module imported inside the op": (
        {
            "h": "K = [3]\nK[0] = 5\n",
            "p": HEAD + "\n@op\ndef f(x):\n    import h\n    return x * h.K[0]\n",
        },
        "p.f(2)",
        ("h", "= 5", "= 6"),
    ),
    "a function passed as an argument": (
        {"p": HEAD + "\ndef g(x):\n    return x * 3\n\n@op\ndef f(fn, x):\n    return fn(x)\n"},
        "p.f(p.g, 2)",
        ("p", "x * 3", "x * 4"),
    ),
    "a function in a list passed as an argument": (
        {
            "p": HEAD
            + "\ndef g(x):\n    return x * 3\n\n@op\ndef f(fns, x):\n    return fns[0](x)\n"
        },
        "p.f([p.g], 2)",
        ("p", "x * 3", "x * 4"),
    ),
    "a helper of a function passed as an argument": (
        {
            "p": HEAD
            + "\ndef deep(x):\n    return x * 3\n\ndef g(x):\n    return deep(x)\n"
            + "\n@op\ndef f(fn, x):\n    return fn(x)\n"
        },
        "p.f(p.g, 2)",
        ("p", "x * 3", "x * 4"),
    ),
    "a class passed as an argument": (
        {
            "h": "class C:\n    def run(self, x):\n        return x * 3\n",
            "p": HEAD + "import h\n\n@op\ndef f(cls, x):\n    return cls().run(x)\n",
        },
        "p.f(p.h.C, 2)",
        ("h", "x * 3", "x * 4"),
    ),
    "a method as an op": (
        {
            "p": HEAD
            + "\nclass C:\n    rate = 3\n    @op\n    def f(self, x):\n        return x * self.rate\n"
        },
        "p.C().f(2)",
        ("p", "rate = 3", "rate = 4"),
    ),
    "a property": (
        {
            "p": HEAD
            + "\nclass C:\n    @property\n    def rate(self):\n        return 3\n"
            + "\n@op\ndef f(x):\n    return x * C().rate\n"
        },
        "p.f(2)",
        ("p", "return 3", "return 4"),
    ),
    "a property of an argument": (
        {
            "p": HEAD
            + "\nclass C:\n    @property\n    def rate(self):\n        return 3\n"
            + "\n@op\ndef f(c, x):\n    return x * c.rate\n"
        },
        "p.f(p.C(), 2)",
        ("p", "return 3", "return 4"),
    ),
    "a property of an instance in a list": (
        {
            "p": HEAD
            + "\nclass C:\n    @property\n    def rate(self):\n        return 3\n"
            + "\n@op\ndef f(cs, x):\n    return x * cs[0].rate\n"
        },
        "p.f([p.C()], 2)",
        ("p", "return 3", "return 4"),
    ),
    "a cached property": (
        {
            "p": HEAD
            + "from functools import cached_property\n"
            + "\nclass C:\n    @cached_property\n    def rate(self):\n        return 3\n"
            + "\nc = C()\nc.rate\n\n@op\ndef f(x):\n    return x * c.rate\n"
        },
        "p.f(2)",
        ("p", "return 3", "return 4"),
    ),
    "a descriptor": (
        {
            "p": HEAD
            + "\nclass D:\n    def __get__(self, o, t=None):\n        return 3\n"
            + "\nclass C:\n    rate = D()\n\n@op\ndef f(x):\n    return x * C().rate\n"
        },
        "p.f(2)",
        ("p", "return 3", "return 4"),
    ),
    "a module __getattr__": (
        {
            "h": "def __getattr__(name):\n    return 3\n",
            "p": HEAD + "import h\n\n@op\ndef f(x):\n    return x * h.K\n",
        },
        "p.f(2)",
        ("h", "return 3", "return 4"),
    ),
    "a star import": (
        {
            "h": "def g(x):\n    return x * 3\n",
            "p": HEAD + "from h import *\n\n@op\ndef f(x):\n    return g(x)\n",
        },
        "p.f(2)",
        ("h", "x * 3", "x * 4"),
    ),
    "a star import that begins to hide another": (
        {
            "h": "def g(x):\n    return x * 3\n",
            "h2": "K = 1\n",
            "p": HEAD + "from h import *\nfrom h2 import *\n\n@op\ndef f(x):\n    return g(x)\n",
        },
        "p.f(2)",
        ("h2", "K = 1\n", "def g(x):\n    return x * 4\n"),
    ),
    "a star import that begins to hide a builtin": (
        {
            "h": "K = 1\n",
            "p": HEAD + "from h import *\n\n@op\ndef f(x):\n    return max(x, 5)\n",
        },
        "p.f(2)",
        ("h", "K = 1\n", "def max(a, b):\n    return a\n"),
    ),
    "a conditional definition": (
        {
            "h": "FAST = False\n",
            "p": HEAD
            + "from h import FAST\n\nif FAST:\n    def g(x):\n        return x * 4\n"
            + "else:\n    def g(x):\n        return x * 3\n\n@op\ndef f(x):\n    return g(x)\n",
        },
        "p.f(2)",
        ("h", "False", "True"),
    ),
    "a conditional import": (
        {
            "a": "def g(x):\n    return x * 3\n",
            "b": "def g(x):\n    return x * 4\n",
            "h": "FAST = False\n",
            "p": HEAD
            + "from h import FAST\nif FAST:\n    from b import g\nelse:\n    from a import g\n"
            + "\n@op\ndef f(x):\n    return g(x)\n",
        },
        "p.f(2)",
        ("h", "False", "True"),
    ),
    "an import that failed and now succeeds": (
        {
            "h": "K = 1\n",
            "p": HEAD
            + "try:\n    from h import g\nexcept ImportError:\n    def g(x):\n        return x * 3\n"
            + "\n@op\ndef f(x):\n    return g(x)\n",
        },
        "p.f(2)",
        ("h", "K = 1\n", "def g(x):\n    return x * 4\n"),
    ),
    "a name that was missing": (
        {
            "p": HEAD
            + "K = 1\n\n@op\ndef f(x):\n    try:\n        return extra(x)\n"
            + "    except NameError:\n        return x\n",
        },
        "p.f(2)",
        ("p", "K = 1\n", "def extra(x):\n    return x * 4\n"),
    ),
    "eval": (
        {
            "p": HEAD + "def g(x):\n    return x * 3\n\n@op\ndef f(x):\n    return eval('g(x)')\n",
        },
        "p.f(2)",
        ("p", "x * 3", "x * 4"),
    ),
    "a global read by eval": (
        {"p": HEAD + "K = 3\n\n@op\ndef f(x):\n    return eval('K * x')\n"},
        "p.f(2)",
        ("p", "K = 3", "K = 4"),
    ),
    "globals()": (
        {
            "p": HEAD
            + "def g(x):\n    return x * 3\n\n@op\ndef f(x, n):\n    return globals()[n](x)\n",
        },
        "p.f(2, 'g')",
        ("p", "x * 3", "x * 4"),
    ),
    "a global read through globals()": (
        {"p": HEAD + "K = 3\n\n@op\ndef f(x, n):\n    return globals()[n] * x\n"},
        "p.f(2, 'K')",
        ("p", "K = 3", "K = 4"),
    ),
    "getattr on a module": (
        {
            "h": "def g(x):\n    return x * 3\n",
            "p": HEAD + "import h\n\n@op\ndef f(x, n):\n    return getattr(h, n)(x)\n",
        },
        "p.f(2, 'g')",
        ("h", "x * 3", "x * 4"),
    ),
    "a global read by getattr on a module": (
        {
            "h": "K = 3\n",
            "p": HEAD + "import h\n\n@op\ndef f(x, n):\n    return getattr(h, n) * x\n",
        },
        "p.f(2, 'K')",
        ("h", "K = 3", "K = 4"),
    ),
    "getattr on an instance": (
        {
            "h": "class C:\n    def g(self, x):\n        return x * 3\n",
            "p": HEAD + "import h\n\n@op\ndef f(x, n):\n    return getattr(h.C(), n)(x)\n",
        },
        "p.f(2, 'g')",
        ("h", "x * 3", "x * 4"),
    ),
    "importlib": (
        {
            "h": "def g(x):\n    return x * 3\n",
            "p": HEAD
            + "import importlib\n\n@op\ndef f(x, n):\n    return importlib.import_module(n).g(x)\n",
        },
        "p.f(2, 'h')",
        ("h", "x * 3", "x * 4"),
    ),
    "a global read through importlib": (
        {
            "h": "K = 3\n",
            "p": HEAD
            + "import importlib\n\n@op\ndef f(x, n):\n    return importlib.import_module(n).K * x\n",
        },
        "p.f(2, 'h')",
        ("h", "K = 3", "K = 4"),
    ),
    "a global read through sys.modules": (
        {
            "h": "K = 3\n",
            "p": HEAD
            + "import sys\nimport h\n\n@op\ndef f(x):\n    return sys.modules['h'].K * x\n",
        },
        "p.f(2)",
        ("h", "K = 3", "K = 4"),
    ),
    "an object whose methods change": (
        {
            "h": "class C:\n    def run(self, x):\n        return x * 3\n",
            "p": HEAD
            + "from h import C\n\nmodel = C()\n\n@op\ndef f(x):\n    return model.run(x)\n",
        },
        "p.f(2)",
        ("h", "x * 3", "x * 4"),
    ),
    "an operator of an object": (
        {
            "h": "class C:\n    def __mul__(self, x):\n        return x * 3\n",
            "p": HEAD + "from h import C\n\nmodel = C()\n\n@op\ndef f(x):\n    return model * x\n",
        },
        "p.f(2)",
        ("h", "x * 3", "x * 4"),
    ),
    "a comparison of sorted objects": (
        {
            "h": "class C:\n    def __init__(self, n):\n        self.n = n\n"
            + "    def __lt__(self, other):\n        return self.n < other.n\n",
            "p": HEAD
            + "from h import C\n\n@op\ndef f(x):\n"
            + "    return [c.n for c in sorted([C(1), C(x)])]\n",
        },
        "p.f(2)",
        ("h", "self.n < other.n", "self.n > other.n"),
    ),
    "a metaclass": (
        {
            "h": "class M(type):\n    def __call__(cls, x):\n        return x * 3\n"
            + "\nclass C(metaclass=M):\n    pass\n",
            "p": HEAD + "from h import C\n\n@op\ndef f(x):\n    return C(x)\n",
        },
        "p.f(2)",
        ("h", "x * 3", "x * 4"),
    ),
    "__init_subclass__": (
        {
            "h": "class B:\n    def __init_subclass__(cls):\n        cls.k = 3\n"
            + "\nclass C(B):\n    pass\n",
            "p": HEAD + "from h import C\n\n@op\ndef f(x):\n    return C.k * x\n",
        },
        "p.f(2)",
        ("h", "cls.k = 3", "cls.k = 4"),
    ),
    "a class decorator": (
        {
            "h": "def deco(cls):\n    cls.k = 3\n    return cls\n\n@deco\nclass C:\n    pass\n",
            "p": HEAD + "from h import C\n\n@op\ndef f(x):\n    return C.k * x\n",
        },
        "p.f(2)",
        ("h", "cls.k = 3", "cls.k = 4"),
    ),
    "a dataclass default": (
        {
            "h": "from dataclasses import dataclass\n\n@dataclass\nclass C:\n    k: int = 3\n",
            "p": HEAD + "from h import C\n\n@op\ndef f(x):\n    return C().k * x\n",
        },
        "p.f(2)",
        ("h", "k: int = 3", "k: int = 4"),
    ),
    "a method found through super": (
        {
            "h": "class B:\n    def run(self, x):\n        return x * 3\n"
            + "\nclass C(B):\n    def run(self, x):\n        return super().run(x)\n",
            "p": HEAD + "from h import C\n\n@op\ndef f(x):\n    return C().run(x)\n",
        },
        "p.f(2)",
        ("h", "x * 3", "x * 4"),
    ),
    "a base class that is exchanged": (
        {
            "h": "class A:\n    k = 3\n\nclass B:\n    k = 4\n\nclass C(A):\n    pass\n",
            "p": HEAD + "from h import C\n\n@op\ndef f(x):\n    return C().k * x\n",
        },
        "p.f(2)",
        ("h", "class C(A)", "class C(B)"),
    ),
    "a method added later by the module": (
        {
            "h": "class C:\n    pass\n\ndef run(self, x):\n    return x * 3\n\nC.run = run\n",
            "p": HEAD + "from h import C\n\n@op\ndef f(x):\n    return C().run(x)\n",
        },
        "p.f(2)",
        ("h", "x * 3", "x * 4"),
    ),
    "a lambda as class attribute": (
        {
            "h": "def deep(x):\n    return x * 3\n\nclass C:\n    run = lambda self, x: deep(x)\n",
            "p": HEAD + "from h import C\n\n@op\ndef f(x):\n    return C().run(x)\n",
        },
        "p.f(2)",
        ("h", "x * 3", "x * 4"),
    ),
    "a function as class attribute": (
        {
            "h": "def deep(x):\n    return x * 3\n\nclass C:\n    run = staticmethod(deep)\n",
            "p": HEAD + "from h import C\n\n@op\ndef f(x):\n    return C().run(x)\n",
        },
        "p.f(2)",
        ("h", "x * 3", "x * 4"),
    ),
    "a generator": (
        {
            "h": "def deep(x):\n    return x * 3\n\ndef gen(x):\n    yield 1\n    yield deep(x)\n",
            "p": HEAD + "from h import gen\n\n@op\ndef f(x):\n    return list(gen(x))\n",
        },
        "p.f(2)",
        ("h", "x * 3", "x * 4"),
    ),
    "a generator that was started before": (
        {
            "h": "def deep(x):\n    return x * 3\n\ndef gen(x):\n    yield 1\n    yield deep(x)\n",
            "p": HEAD
            + "from h import gen\n\nG = gen(2)\nnext(G)\n\n@op\ndef f(x):\n    return next(G)\n",
        },
        "p.f(2)",
        ("h", "x * 3", "x * 4"),
    ),
    "asyncio": (
        {
            "h": "async def deep(x):\n    return x * 3\n",
            "p": HEAD
            + "import asyncio\nfrom h import deep\n\nasync def main(x):\n    return await deep(x)\n"
            + "\n@op\ndef f(x):\n    return asyncio.run(main(x))\n",
        },
        "p.f(2)",
        ("h", "x * 3", "x * 4"),
    ),
    "a thread pool": (
        {
            "h": "def deep(x):\n    return x * 3\n",
            "p": HEAD
            + "from concurrent.futures import ThreadPoolExecutor\nfrom h import deep\n"
            + "\n@op\ndef f(x):\n    with ThreadPoolExecutor(1) as pool:\n"
            + "        return pool.submit(lambda: deep(x)).result()\n",
        },
        "p.f(2)",
        ("h", "x * 3", "x * 4"),
    ),
    "a thread pool that was there before": (
        {
            "h": "def deep(x):\n    return x * 3\n",
            "p": HEAD
            + "from concurrent.futures import ThreadPoolExecutor\nfrom h import deep\n"
            + "\npool = ThreadPoolExecutor(1)\npool.submit(int).result()\n"
            + "\n@op\ndef f(x):\n    return go(lambda: deep(x))\n"
            + "\ndef go(work):\n    return pool.submit(work).result()\n",
        },
        "p.f(2)",
        ("h", "x * 3", "x * 4"),
    ),
    "a process": (
        {
            "h": "def deep(x):\n    return x * 3\n",
            "p": HEAD
            + "import multiprocessing\nfrom h import deep\n"
            + "\n@op\ndef f(x):\n    fork = multiprocessing.get_context('fork')\n"
            + "    here, there = fork.Pipe()\n"
            + "    child = fork.Process(target=lambda: there.send(deep(x)))\n"
            + "    child.start()\n    child.join()\n    return here.recv()\n",
        },
        "p.f(2)",
        ("h", "x * 3", "x * 4"),
    ),
    "os.fork": (
        {
            "h": "def deep(x):\n    return x * 3\n",
            "p": HEAD
            + "import os\nfrom h import deep\n"
            + "\n@op\ndef f(x):\n    here, there = os.pipe()\n    child = os.fork()\n"
            + "    if not child:\n        os.write(there, b'%d' % deep(x))\n        os._exit(0)\n"
            + "    os.waitpid(child, 0)\n    return os.read(here, 10)\n",
        },
        "p.f(2)",
        ("h", "x * 3", "x * 4"),
    ),
    "a pool of processes": (
        {
            "h": "def deep(x):\n    return x * 3\n",
            "p": HEAD
            + "import multiprocessing\nfrom concurrent.futures import ProcessPoolExecutor\nimport h\n"
            + "\n@op\ndef f(x):\n    fork = multiprocessing.get_context('fork')\n"
            + "    with ProcessPoolExecutor(1, mp_context=fork) as pool:\n"
            + "        return list(pool.map(h.deep, [x]))\n",
        },
        "p.f(2)",
        ("h", "x * 3", "x * 4"),
    ),
    "a pool of processes that was there before": (
        {
            "h": "def deep(x):\n    return deeper(x)\n\ndef deeper(x):\n    return x * 3\n",
            "p": HEAD
            + "import atexit, multiprocessing\nimport h\n\ndef work(x):\n    return h.deep(x)\n"
            + "\npool = multiprocessing.get_context('fork').Pool(1)\natexit.register(pool.terminate)\n"
            + "\n@op\ndef f(x):\n    return pool.map(work, [x])\n",
        },
        "p.f(2)",
        ("h", "x * 3", "x * 4"),
    ),
    "workers of joblib": (
        {
            "h": "def deep(x):\n    return x * 3\n",
            "p": HEAD
            + "from joblib import Parallel, delayed\nfrom h import deep\n"
            + "\ndef work(x):\n    return deep(x)\n"
            + "\n@op\ndef f(x):\n    return Parallel(2)(delayed(work)(y) for y in [x, 1])\n",
        },
        "p.f(2)",
        ("h", "x * 3", "x * 4"),
    ),
    "threads of joblib": (
        {
            "h": "def deep(x):\n    return x * 3\n",
            "p": HEAD
            + "from joblib import Parallel, delayed\nfrom h import deep\n"
            + "\n@op\ndef f(x):\n"
            + "    return Parallel(2, backend='threading')(delayed(lambda y: deep(y))(x) for _ in 'ab')\n",
        },
        "p.f(2)",
        ("h", "x * 3", "x * 4"),
    ),
    "a cache that was warm": (
        {
            "h": "from functools import lru_cache\n\ndef deep(x):\n    return x * 3\n"
            + "\n@lru_cache\ndef g(x):\n    return deep(x)\n\ng(2)\n",
            "p": HEAD + "from h import g\n\n@op\ndef f(x):\n    return g(x)\n",
        },
        "p.f(2)",
        ("h", "x * 3", "x * 4"),
    ),
    "a cache of the project that was warm": (
        {
            "d": "def cached(fn):\n    known = {}\n    def inner(x):\n        if x not in known:\n"
            + "            known[x] = fn(x)\n        return known[x]\n    return inner\n",
            "h": "from d import cached\n\ndef deep(x):\n    return x * 3\n"
            + "\n@cached\ndef g(x):\n    return deep(x)\n\ng(2)\n",
            "p": HEAD + "from h import g\n\n@op\ndef f(x):\n    return g(x)\n",
        },
        "p.f(2)",
        ("h", "x * 3", "x * 4"),
    ),
    "a compiled wrapper": (
        {
            "h": "import numpy as np\n\ndef deep(x):\n    return x * 3\n"
            + "\ng = np.frompyfunc(lambda x: deep(x), 1, 1)\n",
            "p": HEAD + "from h import g\n\n@op\ndef f(x):\n    return g(x)\n",
        },
        "p.f(2)",
        ("h", "x * 3", "x * 4"),
    ),
    "a subclass that gains an override": (
        {
            "h": "class B:\n    def run(self, x):\n        return x * 3\n\nclass C(B):\n    k = 1\n",
            "p": HEAD + "import h\n\n@op\ndef f(c, x):\n    return c.run(x)\n",
        },
        "p.f(p.h.C(), 2)",
        ("h", "    k = 1\n", "    k = 1\n    def run(self, x):\n        return x * 4\n"),
    ),
    "a re-export that is redirected": (
        {
            "a": "def g(x):\n    return x * 3\n",
            "b": "def g(x):\n    return x * 4\n",
            "r": "from a import g\n",
            "p": HEAD + "import b\nfrom r import g\n\n@op\ndef f(x):\n    return g(x)\n",
        },
        "p.f(2)",
        ("r", "from a", "from b"),
    ),
    "a module that begins to hide a builtin": (
        {"p": HEAD + "K = 1\n\n@op\ndef f(x):\n    return max(x, 5)\n"},
        "p.f(2)",
        ("p", "K = 1\n", "def max(a, b):\n    return a\n"),
    ),
    "a module that begins to hide an imported name": (
        {
            "h": "def g(x):\n    return x * 3\n",
            "p": HEAD + "from h import g\nK = 1\n\n@op\ndef f(x):\n    return g(x)\n",
        },
        "p.f(2)",
        ("p", "K = 1\n", "def g(x):\n    return x * 4\n"),
    ),
    "a class attribute of an argument": (
        {
            "h": "class C:\n    k = 3\n",
            "p": HEAD + "import h\n\n@op\ndef f(c, x):\n    return c.k * x\n",
        },
        "p.f(p.h.C(), 2)",
        ("h", "k = 3", "k = 4"),
    ),
    "a program": (
        {
            "h": "def deep(x):\n    return x * 3\n\nif __name__ == '__main__':\n    print(deep(2))\n",
            "p": HEAD
            + "import subprocess, sys\nimport h\n"
            + "\n@op\ndef f(x):\n    return subprocess.check_output([sys.executable, h.__file__])\n",
        },
        "p.f(2)",
        ("h", "x * 3", "x * 4"),
    ),
    "a callback that code outside the project calls": (
        {
            "h": "def deep(x):\n    return -x\n",
            "p": HEAD + "from h import deep\n\n@op\ndef f(x):\n    return sorted(x, key=deep)\n",
        },
        "p.f([2, 1])",
        ("h", "return -x", "return x"),
    ),
    "a nested op": (
        {
            "p": HEAD
            + "@op\ndef inner(x):\n    return x * 3\n\n@op\ndef f(x):\n    return inner(x) + 1\n"
        },
        "p.f(2)",
        ("p", "x * 3", "x * 4"),
    ),
    "a helper of a nested op": (
        {
            "h": "def deep(x):\n    return x * 3\n",
            "p": HEAD
            + "from h import deep\n\n@op\ndef inner(x):\n    return deep(x)\n"
            + "\ndef middle(x):\n    return inner(x)\n\n@op\ndef f(x):\n    return middle(x) + 1\n",
        },
        "p.f(2)",
        ("h", "x * 3", "x * 4"),
    ),
    "a nested op that is passed": (
        {
            "h": "def deep(x):\n    return x * 3\n",
            "p": HEAD
            + "from h import deep\n\n@op\ndef inner(x):\n    return deep(x)\n"
            + "\n@op\ndef f(x):\n    return list(map(inner, [x]))\n",
        },
        "p.f(2)",
        ("h", "x * 3", "x * 4"),
    ),
    "a nested op that is an argument": (
        {
            "h": "def deep(x):\n    return x * 3\n",
            "p": HEAD
            + "from h import deep\n\n@op\ndef inner(x):\n    return deep(x)\n"
            + "\n@op\ndef f(fn, x):\n    return fn(x)\n",
        },
        "p.f(p.inner, 2)",
        ("h", "x * 3", "x * 4"),
    ),
    "a closure that is an op": (
        {
            "h": "def deep(x):\n    return x * 3\n",
            "p": HEAD
            + "from h import deep\n\ndef make(k):\n    @op\n    def inner(x):\n"
            + "        return deep(x) * k\n    return inner\n",
        },
        "p.make(2)(2)",
        ("h", "x * 3", "x * 4"),
    ),
    "the source of a helper read by the op": (
        {
            "h": "def deep(x):\n    return x * 3\n",
            "p": HEAD
            + "import inspect\nfrom h import deep\n\n@op\ndef f(x):\n"
            + "    return inspect.getsource(deep)\n",
        },
        "p.f(2)",
        ("h", "x * 3", "x  *  3"),
    ),
    "the docstring of a helper read by the op": (
        {
            "h": "def deep(x):\n    'One.'\n    return x * 3\n",
            "p": HEAD + "from h import deep\n\n@op\ndef f(x):\n    return deep.__doc__\n",
        },
        "p.f(2)",
        ("h", "One", "Two"),
    ),
    "an enumeration": (
        {
            "h": "from enum import Enum\n\nclass E(Enum):\n    A = 1\n    B = 2\n",
            "p": HEAD + "from h import E\n\n@op\ndef f(x):\n    return E[x].value\n",
        },
        "p.f('A')",
        ("h", "A = 1", "A = 3"),
    ),
    "an enumeration as argument": (
        {
            "h": "from enum import Enum\n\nclass E(Enum):\n    A = 1\n    B = 2\n",
            "p": HEAD + "import h\n\n@op\ndef f(e):\n    return e.value\n",
        },
        "p.f(p.h.E.A)",
        ("h", "A = 1", "A = 3"),
    ),
    "singledispatch": (
        {
            "h": "from functools import singledispatch\n\n@singledispatch\ndef g(x):\n    return 0\n"
            + "\n@g.register\ndef _(x: int):\n    return x * 3\n",
            "p": HEAD + "from h import g\n\n@op\ndef f(x):\n    return g(x)\n",
        },
        "p.f(2)",
        ("h", "x * 3", "x * 4"),
    ),
    "a singledispatch that gains a case": (
        {
            "h": "from functools import singledispatch\n\n@singledispatch\ndef g(x):\n    return 0\n"
            + "\nK = 1\n",
            "p": HEAD + "from h import g\n\n@op\ndef f(x):\n    return g(x)\n",
        },
        "p.f(2)",
        ("h", "K = 1\n", "@g.register\ndef _(x: int):\n    return x * 3\n"),
    ),
    "a module function replaced by another module": (
        {
            "h": "def g(x):\n    return x * 3\n",
            "q": "import h\n\ndef better(x):\n    return x * 5\n\nh.g = better\n",
            "p": HEAD + "import h\nimport q\n\n@op\ndef f(x):\n    return h.g(x)\n",
        },
        "p.f(2)",
        ("q", "x * 5", "x * 6"),
    ),
    "a library function replaced by the project": (
        {
            "q": "import math\n\ndef better(x):\n    return x * 5\n\nmath.sqrt = better\n",
            "p": HEAD + "import math\nimport q\n\n@op\ndef f(x):\n    return math.sqrt(x)\n",
        },
        "p.f(4)",
        ("q", "x * 5", "x * 6"),
    ),
    "an except clause": (
        {
            "h": "class Odd(Exception):\n    pass\n\ndef g(x):\n    raise Odd(x)\n",
            "p": HEAD
            + "import h\n\n@op\ndef f(x):\n    try:\n        return h.g(x)\n"
            + "    except h.Odd:\n        return 0\n",
        },
        "p.f(2)",
        ("h", "raise Odd(x)", "return x"),
    ),
    "an if TYPE_CHECKING import beside the real one": (
        {
            "a": "def g(x):\n    return x * 3\n",
            "p": HEAD
            + "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from b import g\n"
            + "from a import g\n\n@op\ndef f(x):\n    return g(x)\n",
            "b": "def g(x): ...\n",
        },
        "p.f(2)",
        ("a", "x * 3", "x * 4"),
    ),
    "__all__ of a star import": (
        {
            "h": "__all__ = ['g']\n\ndef g(x):\n    return x * 3\n\ndef max(a, b):\n    return a\n",
            "p": HEAD + "from h import *\n\n@op\ndef f(x):\n    return max(x, 5)\n",
        },
        "p.f(2)",
        ("h", "['g']", "['g', 'max']"),
    ),
    "del of a module-level name": (
        {
            "p": HEAD
            + "K = 1\n\ndef max(a, b):\n    return a\n\ndel max\n"
            + "\n@op\ndef f(x):\n    return max(x, 5)\n",
        },
        "p.f(2)",
        ("p", "\ndel max\n", "\nmax\n"),
    ),
    "a loop at module level": (
        {
            "p": HEAD
            + "FNS = {}\nfor k in range(3):\n    FNS[k] = lambda x, k=k: x * k\n"
            + "\n@op\ndef f(x):\n    return FNS[2](x)\n",
        },
        "p.f(2)",
        ("p", "x * k", "x + k"),
    ),
    "a format method": (
        {
            "h": "class C:\n    def __format__(self, spec):\n        return 'a'\n",
            "p": HEAD + "from h import C\n\nc = C()\n\n@op\ndef f(x):\n    return f'{c}'\n",
        },
        "p.f(2)",
        ("h", "'a'", "'b'"),
    ),
    "a context manager": (
        {
            "h": "from contextlib import contextmanager\n\n@contextmanager\ndef scope():\n"
            + "    yield 3\n",
            "p": HEAD
            + "from h import scope\n\n@op\ndef f(x):\n    with scope() as k:\n        return x * k\n",
        },
        "p.f(2)",
        ("h", "yield 3", "yield 4"),
    ),
    "the file's own name": (
        {"p": HEAD + "\n@op\ndef f(x):\n    return f.__module__, __name__, K\n\nK = 3\n"},
        "p.f(2)",
        ("p", "K = 3", "K = 4"),
    ),
}


NOT_FOUND_AGAIN = frozenset(
    {
        "a library function replaced by the project",
        "a module function replaced by another module",
        # Before it is loaded nobody knows what its statements will have made of the value.
        "a statement of a module imported inside the op",
    }
)
"""Traps that recompute always."""


@pytest.mark.parametrize("trap", TRAPS)
def test_nothing_stale_is_served(project: Project, trap: str) -> None:
    files, call, (module, old, new) = TRAPS[trap]
    project.write(**files)
    assert project.run(call).executed >= 1
    again = project.run(call).executed
    assert (again == 0) == (trap not in NOT_FOUND_AGAIN)
    project.edit(module, old, new)
    # Values are compared with a plain run inside.
    assert project.run(call).executed >= 1
    project.edit(module, new, old)
    # Doubt recomputes, but an unchanged state that was found once is found again.
    assert project.run(call).executed == again


# -- what changes while a process runs ----------------------------------------------------


def test_a_global_changed_between_two_calls_of_one_block(project: Project) -> None:
    project.write(p=HEAD + "CFG = {'lr': .5}\n\n@op\ndef f(x):\n    return x * CFG['lr']\n")
    code = (
        "import p\nwith storage:\n    out(p.f(2))\n    p.CFG['lr'] = .1\n    out(p.f(2))\n"
        "    out(p.f(2))\n    p.CFG['lr'] = .5\n    out(p.f(2))\n"
    )
    assert project.program(code) == (["1.0", "0.2", "0.2", "1.0"], 2, 2)
    assert project.program(code).executed == 0


def test_an_immutable_global_rebound_between_two_calls(project: Project) -> None:
    project.write(p=HEAD + "K = 3\n\n@op\ndef f(x):\n    return x * K\n")
    code = "import p\nwith storage:\n    out(p.f(2))\n    p.K = 4\n    out(p.f(2))\n    p.K = 3\n    out(p.f(2))\n"
    assert project.program(code) == (["6", "8", "6"], 2, 1)
    assert project.program(code).executed == 0


@pytest.mark.parametrize("way", ["inner(x)", "list(map(inner, [x]))[0]", "STEPS['a'](x)"])
def test_what_a_nested_call_rests_on_changes_between_two_calls(project: Project, way: str) -> None:
    project.write(
        h="K = [3]\n\ndef deep(x):\n    return x * K[0]\n\ndef other(x):\n    return -x\n",
        p=HEAD
        + "import h\n\n@op\ndef inner(x):\n    return h.deep(x)\n\nSTEPS = {'a': inner}\n"
        + f"\n@op\ndef f(x):\n    return {way} + 1\n\n@op\ndef g(x):\n    return f(x) + 1\n",
    )
    code = (
        "import p, h\nwith storage:\n    out(p.g(2))\n    out(p.g(2))\n    h.K[0] = 4\n"
        "    out(p.g(2))\n    h.K[0] = 3\n    out(p.g(2))\n"
        "    h.deep.__code__ = h.other.__code__\n    out(p.g(2))\n    out(p.f(2))\n"
    )
    assert project.program(code).values == ["8", "8", "10", "8", "0", "-1"]
    # What was recorded in the same block is found by the next process.
    assert project.run("p.g(2)") == (["8"], 0, 1)
    assert project.program(code).values == ["8", "8", "10", "8", "0", "-1"]


def test_a_global_that_the_op_itself_changes(project: Project) -> None:
    project.write(
        p=HEAD + "SEEN = []\n\n@op\ndef f(x):\n    SEEN.append(x)\n    return len(SEEN)\n"
    )
    code = "import p\nwith storage:\n    out(p.f(2))\n    out(p.f(2))\n    out(p.f(3))\n"
    assert project.program(code).executed == 3
    project.program(code, oracle=False)  # found calls append nothing: the second differs by nature
    assert project.run("p.f(2)").values == ["1"]


def test_a_class_attribute_that_the_op_itself_changes(project: Project) -> None:
    project.write(
        p=HEAD + "class C:\n    n = 0\n\n@op\ndef f(x):\n    C.n += x\n    return C.n\n",
    )
    assert (
        project.program("import p\nwith storage:\n    out(p.f(2))\n    out(p.f(2))\n").executed == 2
    )
    assert project.run("p.f(2)").values == ["2"]


def test_a_global_that_the_op_itself_rebinds(project: Project) -> None:
    project.write(
        p=HEAD + "n = 0\n\n@op\ndef f(x):\n    global n\n    n += x\n    return n\n",
    )
    assert (
        project.program("import p\nwith storage:\n    out(p.f(2))\n    out(p.f(2))\n").executed == 2
    )
    assert project.run("p.f(2)").values == ["2"]


def test_a_mutable_default_that_grows(project: Project) -> None:
    project.write(
        p=HEAD
        + "def g(x, seen=[]):\n    seen.append(x)\n    return len(seen)\n"
        + "\n@op\ndef f(x):\n    return g(x)\n",
    )
    assert (
        project.program("import p\nwith storage:\n    out(p.f(2))\n    out(p.f(2))\n").executed == 2
    )
    assert project.run("p.f(2)").values == ["1"]


@pytest.mark.parametrize(
    "patch",
    [
        "p.g = lambda x: x * 5",
        "p.g = h.better",
        "h.g = p.g = h.better",
        "h.g.__code__ = h.better.__code__",
        "h.deep = lambda x: x",
        "p.max = min",
        "import builtins; builtins.max = min",
        "h.C.k = 5",
        "h.C.extra = 7",
        "h.C.run = h.run",
        "h.C = type('C', (), {'k': 9, 'run': h.run})",
        "h.opt.__defaults__ = (9,)",
        "h.STEPS['a'] = h.better",
        "r.g = h.better",
        "p.C2 = h.Other",
    ],
)
def test_monkeypatching(project: Project, patch: str) -> None:
    project.write(
        h="def deep(x):\n    return x + 1\n\ndef g(x):\n    return deep(x) * 3\n"
        "\ndef better(x):\n    return x * 4\n\ndef run(self, x):\n    return x * 11\n"
        "\ndef opt(x, k=2):\n    return x * k\n\nSTEPS = {'a': g}\n"
        "\nclass C:\n    k = 3\n    def run(self, x):\n        return x * self.k\n"
        "\nclass Other:\n    k = 13\n    def run(self, x):\n        return x * self.k\n",
        r="from h import g\n",
        p=HEAD
        + "import h, r\nfrom h import g, opt, STEPS\nfrom h import C as C2\n"
        + "\n@op\ndef f(x):\n    c = h.C()\n    return [\n        g(x), h.g(x), r.g(x), max(x, 5), c.k, c.run(x),\n"
        + "        getattr(h.C, 'extra', 0), opt(x), STEPS['a'](x), C2.k,\n    ]\n",
    )
    project.runs("p.f(2)")
    patched = f"import p, h, r\n{patch}\nwith storage:\n    out(p.f(2))\n"
    project.program(patched)
    project.program(patched)
    code = f"import p, h, r\nwith storage:\n    out(p.f(2))\n    {patch}\n    out(p.f(2))\n    out(p.f(2))\n"
    project.program(code)
    assert project.run("p.f(2)").executed == 0


def test_a_function_defined_anew_in_the_process(project: Project) -> None:
    project.write(p=HEAD + "def g(x):\n    return x * 3\n\n@op\ndef f(x):\n    return g(x)\n")
    project.runs("p.f(2)")
    code = (
        "import p\nwith storage:\n    out(p.f(2))\n"
        "    exec('def g(x):\\n    return x * 4\\n', vars(p))\n    out(p.f(2))\n"
    )
    project.program(code)
    project.reuses("p.f(2)")


def test_a_module_reloaded_after_an_edit(project: Project) -> None:
    project.write(p=HEAD + "def g(x):\n    return x * 3\n\n@op\ndef f(x):\n    return g(x)\n")
    project.runs("p.f(2)")
    old, new = "return x * 3", "return x * 4"
    code = (
        "import importlib, pathlib, time, p\nwith storage:\n    out(p.f(2))\n"
        "path = pathlib.Path('p.py')\ntext = path.read_text()\n"
        f"path.write_text(text.replace({old!r}, {new!r}))\n"
        "importlib.reload(p)\n"
        "with storage:\n    out(p.f(2))\n    out(p.f(2))\n"
        "path.write_text(text)\n"
    )
    project.program(code)
    project.run("p.f(2)")


def test_a_file_edited_after_import_and_before_the_call(project: Project) -> None:
    project.write(
        h="def g(x):\n    return x * 3\n",
        p=HEAD + "from h import g\n\n@op\ndef f(x):\n    return g(x)\n",
    )
    project.runs("p.f(1)")
    edit = "write('h.py', 'def g(x):\\n    return x * 4\\n')\n"
    project.program(f"import p\n{edit}with storage: out(p.f(2))\n", oracle=False)
    # What ran was the old code; the file says something else now.
    assert project.run("p.f(2)").values == ["8"]
    project.write(h="def g(x):\n    return x * 3\n")
    assert project.run("p.f(2)").values == ["6"]


def test_the_op_s_own_file_edited_after_import(project: Project) -> None:
    text = HEAD + "K = 3\n\n@op\ndef f(x):\n    return x * K\n"
    project.write(p=text)
    edit = f"write('p.py', {text.replace('K = 3', 'K = 4')!r})\n"
    project.program(f"import p\n{edit}with storage: out(p.f(2))\n", oracle=False)
    assert project.run("p.f(2)").values == ["8"]
    project.write(p=text)
    assert project.run("p.f(2)").values == ["6"]


def test_a_module_loaded_lazily_on_a_fresh_hit(project: Project) -> None:
    project.write(
        h="def g(x):\n    return x * 3\n",
        p=HEAD + "\n@op\ndef f(x):\n    from h import g\n    return g(x)\n",
    )
    project.runs("p.f(2)")
    project.reuses("p.f(2)")
    project.write(h="def g(x):\n    return x * 4\n")
    project.runs("p.f(2)")
    # A file that changes while nobody has loaded it.
    project.write(h="def g(x):\n    return x * 3\n")
    code = (
        "import p\nwith storage:\n    out(p.f(2))\n"
        "write('h.py', 'def g(x):\\n    return x * 4\\n')\n"
        "with storage:\n    out(p.f(2))\n"
    )
    found = project.program(code, oracle=False)
    assert found.values == ["6", "8"]


def test_two_threads_with_an_op_each_that_share_a_helper(project: Project) -> None:
    project.write(
        p=HEAD
        + "import threading\n\ndef g(x):\n    return x * 3\n"
        + "\n@op\ndef a(x):\n    return g(x)\n\n@op\ndef b(x):\n    return g(x) + 1\n"
        + "\ndef both(storage, out):\n    found = {}\n    def work(op):\n"
        + "        with storage:\n            found[op.name] = storage.unwrap(op(2))\n"
        + "    threads = [threading.Thread(target=work, args=(op,)) for op in (a, b)]\n"
        + "    [t.start() for t in threads]\n    [t.join() for t in threads]\n"
        + "    out(sorted(found.items()))\n"
    )
    code = "import p\np.both(storage, out)\n"
    assert project.program(code).executed == 2
    assert project.program(code).executed == 0
    project.edit("p", "x * 3", "x * 4")
    assert project.program(code).executed == 2


def test_a_script_and_the_same_file_imported(project: Project) -> None:
    text = (
        HEAD
        + "K = 3\n\ndef g(x):\n    return x * K\n\n@op\ndef f(x):\n    return g(x), __name__\n"
        + "\nif __name__ == '__main__':\n    with storage: out(f(2))\n"
    )
    assert project.program(text, script="p.py").executed == 1
    assert project.program("", script="p.py").executed == 0
    project.run("p.f(2)")


def test_a_script_whose_main_loop_changes(project: Project) -> None:
    text = HEAD + "@op\ndef f(x):\n    return x * 3\n\nwith storage:\n    for x in {}: out(f(x))\n"
    assert project.program(text.format([1, 2]), script="p.py").executed == 2
    assert project.program(text.format([1, 2, 3]), script="p.py").executed == 1


def test_a_script_that_changes_a_global_before_the_loop(project: Project) -> None:
    text = (
        HEAD + "CFG = {{'k': 3}}\nCFG['k'] = {}\n\n@op\ndef f(x):\n    return x * CFG['k']\n"
        "\nwith storage:\n    out(f(2))\n"
    )
    assert project.program(text.format(4), script="p.py").executed == 1
    assert project.program(text.format(5), script="p.py").executed == 1
    assert project.program(text.format(4), script="p.py").executed == 0


def test_an_environment_that_a_default_and_a_decorator_captured(project: Project) -> None:
    project.write(
        p=HEAD
        + "import os\n\ndef times(k):\n    def deco(fn):\n        def inner(x):\n"
        + "            return fn(x) * k\n        return inner\n    return deco\n"
        + "\ndef g(x, k=int(os.environ['KNOB'])):\n    return x * k\n"
        + "\n@times(int(os.environ['KNOB']))\ndef h(x):\n    return x\n"
        + "\nclass C:\n    pass\n\nC.k = int(os.environ['KNOB'])\n"
        + "\n@op\ndef f(x):\n    return g(x)\n\n@op\ndef f2(x):\n    return h(x)\n"
        + "\n@op\ndef f3(x):\n    return C.k * x\n"
    )
    code = (
        "import os\nos.environ['KNOB'] = '{}'\nimport p\n"
        "with storage:\n    out(p.f(2))\n    out(p.f2(2))\n    out(p.f3(2))\n"
    )
    assert project.program(code.format(3)).executed == 3
    assert project.program(code.format(4)).executed == 3
    assert project.program(code.format(3)).executed == 0


def test_an_instance_that_a_factory_outside_the_project_made(project: Project) -> None:
    project.write(
        h="class C:\n    rate = 3\n    def run(self, x):\n        return x * self.rate\n",
        p=HEAD + "import pickle\n\n@op\ndef f(data, x):\n    return pickle.loads(data).run(x)\n",
    )
    code = (
        "import pickle, h, p\ndata = b'\\x80\\x04\\x95\\x16\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x8c\\x01h\\x94\\x8c\\x01C\\x94\\x93\\x94)\\x81\\x94.'\n"
        "data = pickle.dumps(h.C())\nwith storage: out(p.f(data, 2))\n"
    )
    assert project.program(code).executed == 1
    assert project.program(code).executed == 0
    project.edit("h", "rate = 3", "rate = 4")
    assert project.program(code).executed == 1


def test_a_wrong_verdict_taken_back_leaves_no_trace(project: Project) -> None:
    project.write(
        p=HEAD
        + "def g(x):\n    return x * 3\n\n@op\ndef a(x):\n    return g(x)\n"
        + "\n@op\ndef b(x):\n    return a(x) + 1\n"
    )
    project.runs("p.b(2)", times=2)
    project.commit()
    project.edit("p", "x * 3", "x * 4")
    project.compatible("g")
    project.program("import p\nwith storage:\n    out(p.b(2)); out(p.b(p.a(2)))\n", oracle=False)
    project.retract("g")
    project.run("p.b(2)", "p.a(2)", "p.b(p.a(2))")


def test_a_mutable_global_that_an_op_and_a_nested_op_read(project: Project) -> None:
    project.write(
        p=HEAD
        + "M = [3]\n\n@op\ndef f(x):\n    return x * M[0]\n\n@op\ndef g(x):\n    return f(x) + M[0]\n"
    )
    project.runs("p.g(2)", times=2)
    project.reuses("p.g(2)")
    project.edit("p", "M = [3]", "M = [4]")
    project.runs("p.g(2)", times=2)


def test_a_nested_op_changes_a_list_under_another_name(project: Project) -> None:
    body = "\n@op\ndef f(x):\n    A.append(x)\n    return 0\n\n@op\ndef g(x):\n    f(x)\n    return len(B)\n"
    project.write(p=HEAD + "A = [1]\nB = A\n" + body)
    project.runs("p.g(2)", times=2)
    project.write(p=HEAD + "A = [1]\nB = [1]\n" + body)
    project.runs("p.g(2)", times=2)  # what f changes would not be changed by finding it


def test_a_global_from_the_environment_in_a_module_loaded_by_the_op(project: Project) -> None:
    project.write(
        h="import os\nK = os.environ['KNOB']\n",
        p=HEAD + "\n@op\ndef f(x):\n    import h\n    return h.K * x\n",
    )
    code = "import os\nos.environ['KNOB'] = {!r}\nimport p\nwith storage: out(p.f(2))\n"
    for knob in ("a", "b", "a"):
        project.program(code.format(knob))


def test_a_module_loaded_and_changed_between_two_blocks(project: Project) -> None:
    project.write(
        h="K = 3\n",
        p=HEAD + "\n@op\ndef f(x):\n    import h\n    return h.K * x\n",
    )
    project.runs("p.f(2)")
    code = "import p\nwith storage:\n    out(p.f(2))\n    import h\n    h.K = 4\n    out(p.f(2))\n"
    assert project.program(code).values == ["6", "8"]


def test_a_choice_by_a_literal_behind_a_re_export(project: Project) -> None:
    project.write(
        r="def g(x):\n    return x\nif 1:\n    from h import g\n",
        h="def g(x):\n    return x * 3\n",
        p=HEAD + "from r import g\n\n@op\ndef f(x):\n    return g(x)\n",
    )
    project.runs("p.f(2)")
    project.edit("r", "if 1", "if 0")
    project.runs("p.f(2)")


def test_a_ref_whose_class_changes(project: Project) -> None:
    project.write(
        h="class C:\n    rate = 3\n    def run(self, x):\n        return x * self.rate\n",
        p=HEAD
        + "import h\n\n@op\ndef make(n):\n    return h.C()\n\n@op\ndef f(c, x):\n    return c.run(x)\n",
    )
    call = "p.f(p.make(1), 2)"
    project.runs(call, times=2)
    project.reuses(call)
    project.edit("h", "rate = 3", "rate = 4")
    project.runs(call, times=2)
    project.edit("h", "x * self.rate", "x + self.rate")
    # What `make` made is the same but for a method that it never ran.
    project.run(call)


def test_an_inherited_op(project: Project) -> None:
    project.write(
        p=HEAD
        + "class A:\n    def step(self, x):\n        return x\n    @op\n    def f(self, x):\n"
        + "        return self.step(x)\n\nclass B(A):\n    def step(self, x):\n        return x + 1\n"
    )
    calls = ("p.A().f(2)", "p.B().f(2)")
    project.runs(*calls)
    project.reuses(*calls)
    project.edit("p", "return x + 1", "return x + 2")
    project.runs(*calls, times=1)


def test_two_lambdas_on_one_line(project: Project) -> None:
    text = HEAD + "\n@op\ndef f(x):\n    return (lambda y: y + 1)(x) * (lambda y: y + 2)(x)\n"
    project.write(p=text)
    project.runs("p.f(2)")
    project.reuses("p.f(2)")
    project.edit("p", "y + 1", "y + 3")
    project.runs("p.f(2)")


def test_lambdas_as_arguments_are_told_apart(project: Project) -> None:
    project.write(
        p=HEAD + "A, B = lambda x: x * 3, lambda x: x * 4\n\n@op\ndef f(fn, x):\n    return fn(x)\n"
    )
    project.runs("p.f(p.A, 2)", "p.f(p.B, 2)")
    project.reuses("p.f(p.A, 2)", "p.f(p.B, 2)")


def test_the_table_of_an_older_commit(project: Project) -> None:
    project.write(p=HEAD + "\n@op\ndef f(x):\n    return x * 3\n")
    project.runs("p.f(2)")
    project.commit()
    project.edit("p", "x * 3", "x * 4")
    project.commit()
    project.runs("p.f(2)")
    old, new = project.table("f", "HEAD~1"), project.table("f", "HEAD")
    assert len(old) == len(new) == 1
    assert "'output_0': 6" in old[0] and "'output_0': 8" in new[0]


def test_a_stale_pyc(project: Project) -> None:
    import os
    import subprocess
    import sys
    from pathlib import Path

    project.write(
        h="def g(x):\n    return x * 3\n",
        p=HEAD + "from h import g\n\n@op\ndef f(x):\n    return g(x)\n",
    )
    code = (
        "import p\nfrom mandala_git import Storage\ns = Storage()\n"
        "with s: v = s.unwrap(p.f(2))\nprint(v, s.executed)"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent.parent)}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    env.pop("PYTHONPYCACHEPREFIX", None)

    def play() -> str:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=project.root, env=env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    assert play() == "6 1"
    file = project.root / "h.py"
    stat = file.stat()
    file.write_text("def g(x):\n    return x * 4\n")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    # Python runs the old bytecode: right is what ran, under a version of its own.
    assert play().split()[0] == "6"
    for cached in (project.root / "__pycache__").iterdir():
        cached.unlink()
    assert play() == "8 1"
    assert play() == "8 0"


def test_one_of_two_equal_helpers_is_replaced(project: Project) -> None:
    helper = "def g(x):\n    return x * 3\n"
    project.write(
        h=helper,
        h2=helper,
        p=HEAD + "import h, h2\n\n@op\ndef f(x):\n    return h.g(x) + h2.g(x)\n",
    )
    project.runs("p.f(2)")
    for name in ("h", "h2"):
        code = f"import p\nwith storage:\n    out(p.f(2))\n    p.{name}.g = abs\n    out(p.f(2))\n"
        assert project.program(code).values == ["12", "8"]


def test_equal_copies_in_two_files_are_two_definitions(project: Project) -> None:
    helper = "def g(x):\n    return x * 3\n"
    op = HEAD + "\n@op\ndef f(x):\n    return x * 3\n"
    project.write(
        h=helper,
        h2=helper,
        q=op,
        p=HEAD + "import h, h2\n\n@op\ndef f(x):\n    return h.g(x) + h2.g(x)\n",
        p2=op,
    )
    calls = ("p.f(2)", "q.f(2)", "p2.f(2)")
    project.runs(*calls)
    project.edit("h2", "x * 3", "x * 4")
    project.edit("p2", "x * 3", "x * 5")
    project.runs(*calls, times=2)
