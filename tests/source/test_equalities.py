"""Equalities that a project asks for: off by default, and what each leaves different."""

from __future__ import annotations

import pytest

from mandala_git.config import (
    ANNOTATIONS,
    CONSTANT_FOLDING,
    ELSE_AFTER_RETURN,
    EQUALITIES,
    NO_RULES,
    RELATIVE_IMPORTS,
    UNKEYED_PARAMETERS,
    Rules,
)
from mandala_git.source.scan import scan_file, scan_texts
from mandala_git.source.texts import definition_from_text

SAME = [
    (CONSTANT_FOLDING, "def f(): return 60 * 60", "def f(): return 3600"),
    (CONSTANT_FOLDING, "def f(): return -(2 ** 3) + 1", "def f(): return 0 - 7"),
    (CONSTANT_FOLDING, "def f(): return 'a' + 'b'", "def f(): return 'ab'"),
    (CONSTANT_FOLDING, "def f(x): return x * (1 << 4)", "def f(x): return x * 16"),
    (
        ELSE_AFTER_RETURN,
        "def f(a):\n if a: return 1\n else: return 2",
        "def f(a):\n if a: return 1\n return 2",
    ),
    (
        ELSE_AFTER_RETURN,
        "def f(a):\n if a: return 1\n elif a is None: raise E\n else:\n  x = 2\n  return x",
        "def f(a):\n if a: return 1\n if a is None: raise E\n x = 2\n return x",
    ),
    (
        ELSE_AFTER_RETURN,
        "def f(a):\n for x in a:\n  if x: continue\n  else: g(x)\n  h(x)",
        "def f(a):\n for x in a:\n  if x: continue\n  g(x)\n  h(x)",
    ),
    (UNKEYED_PARAMETERS, "def f(*args, **kw): g(args, kw)", "def f(*a, **k): g(a, k)"),
    (UNKEYED_PARAMETERS, "def f(a, b, /): return a - b", "def f(x, y, /): return x - y"),
    (UNKEYED_PARAMETERS, "def f(): return lambda a: a", "def f(): return lambda b: b"),
    (RELATIVE_IMPORTS, "def f():\n from .m import g", "def f():\n from pkg.sub.m import g"),
    (RELATIVE_IMPORTS, "from ..m import g\ndef f(): g()", "from pkg.m import g\ndef f(): g()"),
    (ANNOTATIONS, "def f(a: int, *b: T) -> U: return a", "def f(a, *b): return a"),
]

DIFFERENT = [
    (CONSTANT_FOLDING, "def f(): return 0.1 + 0.2", "def f(): return 0.30000000000000004"),
    (CONSTANT_FOLDING, "def f(): return 1 / 2", "def f(): return 0.5"),
    (CONSTANT_FOLDING, "def f(): return 1 // 0", "def f(): return 0"),
    (CONSTANT_FOLDING, "def f(): return 'a' * 2", "def f(): return 'ab'"),
    (CONSTANT_FOLDING, "def f(): return b'a' + b'b'", "def f(): return 'ab'"),
    (CONSTANT_FOLDING, "def f(): return not 0", "def f(): return 1"),
    (
        ELSE_AFTER_RETURN,
        "def f(a):\n if a: g()\n else: return 2",
        "def f(a):\n if a: g()\n return 2",
    ),
    (
        ELSE_AFTER_RETURN,
        "def f(a):\n for x in a:\n  if x: break\n else: return 2",
        "def f(a):\n for x in a:\n  if x: break\n return 2",
    ),
    (
        ELSE_AFTER_RETURN,
        "def f(a):\n if a:\n  if a > 1: return 1\n else: return 2",
        "def f(a):\n if a:\n  if a > 1: return 1\n return 2",
    ),
    (UNKEYED_PARAMETERS, "def f(a): return a", "def f(b): return b"),
    (UNKEYED_PARAMETERS, "def f(a, b, /): return a - b", "def f(b, a, /): return a - b"),
    (UNKEYED_PARAMETERS, "def f(*, a): return a", "def f(*, b): return b"),
    (UNKEYED_PARAMETERS, "def f(*a): return eval('a')", "def f(*b): return eval('a')"),
    (
        UNKEYED_PARAMETERS,
        "from mandala_git import op\n@op\ndef f(*a): return a",
        "from mandala_git import op\n@op\ndef f(*b): return b",
    ),
    (RELATIVE_IMPORTS, "def f():\n from .m import g", "def f():\n from pkg.m import g"),
    (ANNOTATIONS, "@d\ndef f(a: int): pass", "@d\ndef f(a): pass"),
]


def digests(code: str, rules: Rules) -> tuple[str, str]:
    facts, texts = scan_texts("src/pkg/sub/a.py", code.encode(), rules=rules)
    assert not facts.error
    found = next(d for d in facts.definitions if d.qualname == "f")
    derived = definition_from_text(texts[found.text_id], rules=rules)
    assert (derived.digest, derived.skeleton) == (found.digest, found.skeleton)
    return found.digest, found.skeleton


@pytest.mark.parametrize(("rule", "before", "after"), SAME)
def test_equal_on_request_only(rule: str, before: str, after: str) -> None:
    asked = Rules(equal=frozenset([rule]))
    assert digests(before, asked)[0] == digests(after, asked)[0]
    others = Rules(equal=frozenset(EQUALITIES) - {rule})
    for rules in (NO_RULES, others):
        assert digests(before, rules)[0] != digests(after, rules)[0]


@pytest.mark.parametrize(("rule", "before", "after"), DIFFERENT)
def test_what_stays_different(rule: str, before: str, after: str) -> None:
    rules = Rules(equal=frozenset([rule]))
    assert digests(before, rules)[0] != digests(after, rules)[0]


def test_what_no_rule_touches_keeps_its_digest() -> None:
    code = b"def f(a, *b):\n    if a:\n        return a + 1\n    return 2 * a\n"
    every = Rules(equal=frozenset(EQUALITIES) - {UNKEYED_PARAMETERS})
    assert scan_file("m.py", code, rules=every) == scan_file("m.py", code)
