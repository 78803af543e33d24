"""The changes between two snapshots, and their reasons."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

import pytest

from mandala_git.source.changes import Change, ChangeKind, compare, hunks, with_guesses
from mandala_git.source.definitions import Definition, FileFacts, Kind
from mandala_git.source.pieces import Sources
from mandala_git.source.scan import scan_file

Files = Mapping[str, str]


def facts(files: Files) -> list[FileFacts]:
    return [scan_file(path, textwrap.dedent(text).encode()) for path, text in files.items()]


def sources(files: Files) -> Sources:
    return Sources(lambda p: textwrap.dedent(files[p]).encode() if p in files else None)


def changes(old: Files | str, new: Files | str) -> tuple[Change, ...]:
    old, new = ({"m.py": side} if isinstance(side, str) else side for side in (old, new))
    before, after = sources(old), sources(new)
    found = compare(facts(old), facts(new), before=before, after=after)
    for change in found:
        assert hunks(change, before, after), change.key  # nothing is without something to show
    brief = compare(facts(old), facts(new), before=before, after=after, brief=True)
    assert [(c.kind, c.key, c.layout) for c in brief] == [(c.kind, c.key, c.layout) for c in found]
    return found


def told(old: Files | str, new: Files | str) -> list[tuple[str, ...]]:
    return [
        (str(c.kind), c.key.removeprefix("m.py::"), *c.reasons)
        for c in changes(old, new)
        if not c.told
    ]


def only(old: str, new: str) -> Change:
    (change,) = (c for c in changes(old, new) if not c.told)
    return change


BODY = """
        total = 0
        for x in v:
            total += x * x
        return total
"""


def test_nothing() -> None:
    assert changes("def f(): return 1\n", "def f(): return 1\n") == ()
    assert changes({}, {}) == ()
    # A definition that only stands elsewhere is no change.
    assert changes("def f(): return 1\n", "\n\n\ndef f(): return 1\n") == ()


def test_cosmetic() -> None:
    old = 'def f(a):\n    """Doc."""\n    return (a + 1)\nN = 255\n'
    new = "def f(a):\n    # said\n    return a + 1\n\nN = 0xFF\n"
    assert told(old, new) == [("cosmetic", "f"), ("cosmetic", "N")]
    assert all(c.kind.quiet for c in changes(old, new))


@pytest.mark.parametrize(
    ("old", "new", "reasons", "suggestion"),
    [
        ("N = 10", "N = 5", ("value 10 -> 5",), "breaking"),
        ("N = [1, 2]", "N = [1, 3]", ("value [1, 2] -> [1, 3]",), "breaking"),
        ("N = f(1)", "N = f(2)", ("1 -> 2",), "breaking"),
        ("N = f(1)", "N = g(x=1)", ("value",), None),
        (
            "def f(a, b=1): return a",
            "def f(a, b=2): return a",
            ("default of b 1 -> 2",),
            "breaking",
        ),
        (
            "def f(a, b=1): return a",
            "def f(a, b): return a",
            ("default of b 1 -> none",),
            "breaking",
        ),
        (
            "def f(a): return a",
            "def f(a, c=None): return a",
            ("parameter c added with a default",),
            "compatible",
        ),
        (
            "def f(a):\n    x = g(a)\n    return x",
            "def f(a, c=None):\n    x = g(a)\n    if c:\n        x = h(x)\n    return x",
            ("parameter c added with a default", "call added: h"),
            "compatible",
        ),
        (
            "def f(a):\n    x = g(a)\n    return x",
            "def f(a, c=None):\n    x = g(a, c) + 1\n    k()\n    return x",
            ("parameter c added with a default", "call added: k"),
            None,
        ),
        (
            "def f(a):\n    check(a)\n    x = g(a)\n    return x",
            "def f(a, c=None):\n    x = g(a, c)\n    return x",
            ("parameter c added with a default", "call removed: check"),
            None,
        ),
        (
            "def f(a): return a",
            "def f(a, c): return a",
            ("parameter c added without a default",),
            None,
        ),
        ("def f(a, c): return a", "def f(a): return a", ("parameter c removed",), None),
        (
            "def f(a, c): return a",
            "def f(b, c): return b",
            ("parameter a renamed to b",),
            None,
        ),
        (
            "def f(a, c): return a",
            "def f(b, c): return b + 1",
            ("parameter a renamed to b", "body"),
            None,
        ),
        # What was the parameter is another name now.
        (
            "def f(a, c): return a + b",
            "def f(b, c): return b + b",
            ("parameter a renamed to b", "body"),
            None,
        ),
        ("def f(*a): return a", "def f(*b): return b", ("parameter *a renamed to *b",), None),
        ("def f(a, c): return a", "def f(c, a): return a", ("order of parameters",), None),
        (
            "def f(a, c): return a",
            "def f(a, *, c): return a",
            ("parameter c is now keyword-only",),
            None,
        ),
        ("def f(a): return a", "async def f(a): return a", ("now async",), None),
        ("def f(a): return a", "def f(a: int): return a", ("annotation of a",), "compatible"),
        ("def f(a): return a", "def f(a) -> int: return a", ("return annotation",), "compatible"),
        ("def f(a): return a", "@d\ndef f(a): return a", ("decorator @d added",), None),
        ("@d\ndef f(a): return a", "def f(a): return a", ("decorator @d removed",), None),
        (
            "@d(1)\ndef f(a): return a",
            "@d(2)\ndef f(a): return a",
            ("decorator @d(1) -> @d(2)",),
            None,
        ),
        (
            "@d\n@e\ndef f(a): return a",
            "@e\n@d\ndef f(a): return a",
            ("order of decorators",),
            None,
        ),
        ("def f(a): return a * 2", "def f(a): return a * 3", ("2 -> 3",), "breaking"),
        ("def f(a): return a * 2", "def f(a): return a / 2", ("* -> /",), "breaking"),
        ("def f(a):\n    return a", "def f(a):\n    a += 1\n    return a * a", ("body",), None),
        (
            "def f(a):\n    return a",
            "def f(a):\n    print('a is', a, len(a))\n    return a",
            ("call added: print",),
            "compatible",
        ),
        (
            "def f(a):\n    return a",
            "def f(a):\n    print('a is', a.pop(g(a)))\n    return a",
            ("calls added: print, g",),
            None,
        ),
        (
            "def f(a):\n    print(a)\n    return a",
            "def f(a):\n    return a",
            ("call removed: print",),
            "compatible",
        ),
        (
            "def print(*a): ...\ndef f(a):\n    print(a)\n    return a",
            "def print(*a): ...\ndef f(a):\n    return a",
            ("call removed: print",),
            None,
        ),
        (
            "def f(a):\n    print(a)\n    return a",
            "def f(a):\n    print(1, a)\n    return a",
            ("body",),
            "compatible",
        ),
        (
            "def f(a):\n    if a < 0:\n        raise ValueError('negative')\n    return a",
            "def f(a):\n    if a < 0:\n        raise ValueError(f'{a} is negative')\n    return a",
            ("'negative' -> f'{a} is negative'",),
            "compatible",
        ),
        (
            "def f(a):\n    if a < 0:\n        raise ValueError('negative')\n    return a",
            "def f(a):\n    if a < 0:\n        raise TypeError('negative')\n    return a",
            ("call added: TypeError", "call removed: ValueError"),
            None,
        ),
        (
            "def f(a):\n    if a < 0:\n        raise ValueError('negative')\n    return a",
            "def f(a):\n    if a < 0:\n        raise ValueError(str(a.pop()))\n    return a",
            ("'negative' -> str(a.pop())",),
            None,
        ),
        (
            "def f(a):\n    assert a\n    return a",
            "def f(a):\n    assert a, 'no'\n    return a",
            ("body",),
            "compatible",
        ),
        (
            "def f(a):\n    assert a\n    return a",
            "def f(a):\n    assert a > 1\n    return a",
            ("body",),
            None,
        ),
        (
            "def f(a):\n    try:\n        g(a)\n    except (OSError, IOError):\n        return 1",
            "def f(a):\n    try:\n        g(a)\n    except OSError:\n        return 1",
            ("body",),
            None,
        ),
        (
            "def f(a):\n    import x, y\n    return x.z(y)",
            "def f(a):\n    import y\n    import x\n    return x.z(y)",
            ("order of imports",),
            "compatible",
        ),
        (
            "def f(a):\n    from x import z\n    from y import z\n    return z",
            "def f(a):\n    from y import z\n    from x import z\n    return z",
            ("order of statements",),
            None,
        ),
        (
            "def f(a):\n    import x\n    try:\n        import y\n    except g:\n        pass\n    return x, y",
            "def f(a):\n    try:\n        import x\n        import y\n    except g:\n        pass\n    return x, y",
            ('"import x" moved into "try:"',),
            None,
        ),
        (
            "def print(*a): ...\ndef f(a):\n    return a",
            "def print(*a): ...\ndef f(a):\n    print(a)\n    return a",
            ("call added: print",),
            None,
        ),
        (
            "import logging\nlog = logging.getLogger()\ndef f(a):\n    return a",
            "import logging\nlog = logging.getLogger()\ndef f(a):\n    log.info('%s', a)\n    return a",
            ("call added: log.info",),
            "compatible",
        ),
        (
            "def f(a, b):\n    if a:\n        g()\n        if b:\n            h()\n",
            "def f(a, b):\n    if a:\n        g()\n    if b:\n        h()\n",
            ('"if b:" moved out of "if a:"',),
            None,
        ),
        (
            "def f(a):\n    g(a)\n    h(a)",
            "def f(a):\n    h(a)\n    g(a)",
            ("order of statements",),
            None,
        ),
        (
            "@docopt\ndef f(a):\n    'One.'\n    return a",
            "@docopt\ndef f(a):\n    'Two.'\n    return a",
            ("docstring only (read by __doc__, so it counts)",),
            None,
        ),
        (
            "def f(a):\n    @a\n    def g():\n        'One.'\n    return g",
            "def f(a):\n    @a\n    def g():\n        ''' One.  \\n    '''\n    return g",
            ("layout of a docstring only (read by __doc__, so it counts)",),
            "compatible",
        ),
        (
            "'One.'\nprint(__doc__)",
            "'Two.'\nprint(__doc__)",
            ("docstring only (read by __doc__, so it counts)",),
            None,
        ),
        (
            "class C(A):\n    'One.'\n    x = 'a'",
            'class C(A):\n    "One. "\n    x = "a"',
            ("layout of a docstring only (read by __doc__, so it counts)",),
            "compatible",
        ),
        ("class C(A):\n    x = 1", "class C(B):\n    x = 1", ("bases",), None),
        ("class C:\n    x = 1", "class C:\n    x = 2", ("value of x 1 -> 2",), "breaking"),
        ("def f(): return 1", "f = 1", ("was a function, is a value",), None),
        ("g('a')", "g('b')", ("'a' -> 'b'",), "breaking"),
        ("print('a')", "print('b')", ("'a' -> 'b'",), "compatible"),
    ],
)
def test_reasons(old: str, new: str, reasons: tuple[str, ...], suggestion: str | None) -> None:
    change = only(old + "\n", new + "\n")
    assert change.kind is ChangeKind.CHANGED
    assert change.reasons == reasons
    assert change.suggestion == suggestion
    assert bool(change.why) == (suggestion is not None)


def test_an_import_is_told_by_its_users() -> None:
    old = "from math import sqrt\ndef f(x): return sqrt(x)\n"
    new = "from cmath import sqrt\ndef f(x): return sqrt(x)\n"
    assert told(old, new) == [("changed", "f", "sqrt resolves to cmath.sqrt (was math.sqrt)")]
    (change, _) = changes(old, new)
    assert change.suggestion == "breaking"
    # Nothing here uses it: a re-export, told by itself.
    assert told("from math import sqrt\n", "from cmath import sqrt\n") == [
        ("changed", "sqrt", "resolves to cmath.sqrt (was math.sqrt)")
    ]
    assert told("", "import os\n") == [("added", "os")]


def test_the_order_of_imports() -> None:
    old = "if a():\n    from x import y\n    import z\n    def f(): return y\n"
    new = "if a():\n    import z\n    from x import y\n    def f(): return y\n"
    assert "m.py::f" in {c.key for c in changes(old, new)}
    assert {c.reasons for c in changes(old, new)} == {("order of imports",)}
    assert all(c.layout for c in changes(old, new))
    assert told("import a.b, a.c\n", "import a.c\nimport a.b\n") == [
        ("changed", "a", "order of imports")
    ]
    (change,) = changes("import a.b\nimport c as a\n", "import c as a\nimport a.b\n")
    assert not change.layout
    old, new = ("from x import y\nimport z\n", "import z\nfrom x import y\n")
    assert told(old, new) == []  # each is a definition of its own, and says the same
    old, new = (f"from {a} import *\nfrom {b} import *\nprint(c)\n" for a, b in ("xy", "yx"))
    assert ("changed", "<module>", "the star imports of the file, or their order") in told(old, new)


def test_the_order_of_imports_beside_a_star() -> None:
    old = "from x import a, b\nfrom y import *\nif c(): from x import a\n"
    new = "from y import *\nfrom x import b, a\nif c(): from x import a\n"
    assert not any(c.layout for c in changes(old, new))


def test_where_a_name_leads_is_told_briefly() -> None:
    old = "if a():\n    from x import y\nelif b():\n    from z import y\n"
    new = old + "elif c():\n    from u import y\nelse:\n    from v import y\n"
    (change,) = changes(old, new)
    assert change.reasons == ("resolves to x.y or z.y or u.y or 1 more (was x.y or z.y)",)


def test_features_that_every_python_has() -> None:
    old = "from __future__ import division, annotations\ndef f(a: int): return a\n"
    assert told(old, old.replace("division, ", "")) == [
        ("cosmetic", "division", "without effect on Python 3")
    ]
    assert ("removed", "annotations") in told(old, old.replace(", annotations", ""))
    used = old + "print(division)\n"
    kinds = {c.key: str(c.kind) for c in changes(used, used.replace("division, ", ""))}
    assert kinds == {"m.py::division": "removed", "m.py::<module>": "changed"}


def test_an_import_under_another_name_is_told_by_its_users() -> None:
    old = "import numpy as np\nimport os\ndef f(x):\n    return np.mean(x)\n"
    new = "import numpy\nimport os as o\ndef f(x):\n    return numpy.mean(x)\n"
    assert told(old, new) == [
        ("added", "o"),
        ("removed", "os"),
        ("names", "f", "names only: np.mean -> numpy.mean"),
    ]
    # One that goes while another definition is respelled is told by itself.
    new = "import numpy\ndef f(x):\n    return numpy.mean(x)\n"
    assert [t[:2] for t in told(old, new)] == [("removed", "os"), ("names", "f")]


def test_a_builtin_is_shadowed() -> None:
    old, new = "def f(x): return max(x)\n", "def max(x): return 1\ndef f(x): return max(x)\n"
    assert told(old, new) == [
        ("changed", "f", "max resolves to max of this file (was the builtin max)"),
        ("added", "max"),
    ]


def test_members_have_lines_of_their_own() -> None:
    old = "class C:\n    def m(self): return 1\n"
    new = "class C:\n    def m(self): return 2\n    def n(self): return 1\n"
    assert told(old, new) == [
        ("changed", "C", "n added"),
        ("changed", "C.m", "1 -> 2"),
        ("added", "C.n"),
    ]


def test_renamed_and_moved() -> None:
    old = {"a.py": f"def norm(v):{BODY}"}
    assert told(old, {"a.py": f"def length(v):{BODY}"}) == [("renamed", "a.py::length", "was norm")]
    assert told(old, {"b.py": f"def norm(v):{BODY}"}) == [("moved", "b.py::norm", "was a.py::norm")]
    assert told(old, {"b.py": f"def length(v):{BODY}"}) == [
        ("moved", "b.py::length", "was a.py::norm")
    ]


def test_a_copy_is_no_move() -> None:
    assert told(
        {"a.py": f"def norm(v):{BODY}"},
        {"a.py": f"def one(v):{BODY}\ndef two(v):{BODY}"},
    ) == [("added", "a.py::one"), ("added", "a.py::two"), ("removed", "a.py::norm")]


def test_a_trivial_body_moves_only_under_its_name() -> None:
    old = {"a.py": "def f(x): return x\nN = 3\n"}
    assert told(old, {"a.py": "def g(x): return x\nM = 3\n"}) == [
        ("added", "a.py::g"),
        ("added", "a.py::M"),
        ("removed", "a.py::f"),
        ("removed", "a.py::N"),
    ]
    assert told(old, {"b.py": "def f(x): return x\nN = 3\n"}) == [
        ("moved", "b.py::f", "was a.py::f"),
        ("moved", "b.py::N", "was a.py::N"),
    ]


def test_methods_move_with_their_class() -> None:
    text = """
    class {}:
        depth = 3
        width = 4
        kind = make("tree", depth=depth, width=width)
        def get(self): return self.x
        def put(self): return self.x
    """
    assert told(text.format("C"), text.format("D")) == [
        ("renamed", "D", "was C"),
        ("renamed", "D.get", "was C.get"),
        ("renamed", "D.put", "was C.put"),
    ]


def test_repeated_names_are_paired_by_what_they_do() -> None:
    old = "def f(): return 1\ndef f(): return 2\n"
    new = "def f(): return 0\ndef f(): return 1\ndef f(): return 2\n"
    assert told(old, new) == [("added", "f")]
    assert told(old, "def f(): return 2\n") == [("removed", "f")]


def test_definitions_of_one_name_that_change_places() -> None:
    one, two, three = (f"def f(x):\n    return x + {n}\n" for n in (1, 2, 3))
    (swapped,) = changes(one + two, two + one)
    assert swapped.kind is ChangeKind.CHANGED and not swapped.kind.quiet
    assert swapped.reasons == ("its order among the definitions of that name",)
    branches = "if a:\n    def f(): return %d\nelse:\n    def f(): return %d\n"
    assert [c.kind for c in changes(branches % (1, 2), branches % (2, 1))] == [ChangeKind.CHANGED]
    assert [c.kind for c in changes(one + two, one + three + two)] == [ChangeKind.ADDED]
    assert [c.kind for c in changes(one + three + two, one + two)] == [ChangeKind.REMOVED]
    assert len(changes(three + one + two, two + three)) == 2  # one is gone, and the order


def test_order_of_importance() -> None:
    old = {
        "a.py": f"def gone(): return 1\ndef norm(v):{BODY}\ndef f(): return 1\ndef c(): return (1)\n",
        "b.py": "def z(): return 1\ndef y(): return 1\nprint(1)\n",
    }
    new = {
        "a.py": f"import os\ndef c(): return 1\ndef length(v):{BODY}\ndef come(): return 2\ndef f(): return 2\n",
        "b.py": "def z(): return 2\ndef y(): return 2\nprint(2)\n",
    }
    assert [t[:2] for t in told(old, new)] == [
        ("changed", "a.py::f"),
        ("changed", "b.py::z"),
        ("changed", "b.py::y"),
        ("changed", "b.py::<module>"),
        ("added", "a.py::come"),
        ("added", "a.py::os"),
        ("removed", "a.py::gone"),
        ("renamed", "a.py::length"),
        ("cosmetic", "a.py::c"),
    ]


def test_nothing_is_said_of_a_file_that_cannot_be_read() -> None:
    assert told("def f(): return 1\n", "def f( return 1\n") == []
    assert told("def f( return 1\n", "def f(): return 1\n") == []


def test_without_the_source_the_facts_still_tell() -> None:
    old, new = (
        facts({"m.py": text})
        for text in (
            "def f(a): return a\nN = 1\nclass C:\n    def m(self): ...\ndef h(): return 1\n",
            "def f(a, b=1): return g(a)\nN = 2\nclass C:\n    def n(self): ...\ndef h(): return 2\n",
        )
    )
    assert [(c.key[6:], c.reasons) for c in compare(old, new) if c.kind is ChangeKind.CHANGED] == [
        ("f", ("parameter b added", "call added: g")),
        ("N", ("value 1 -> 2",)),
        ("C", ("m removed", "n added")),
        ("h", ("body",)),
    ]


def test_a_condition_around_a_definition_counts() -> None:
    old = "if a():\n    def f(): return 1\n    def g(): return 2\n"
    new = "if b():\n    def f(): return 1\n    def g(): return 2\n"
    assert told(old, new)[:2] == [
        ("changed", "f", "the code around it"),
        ("changed", "g", "the code around it"),
    ]
    shown = hunks(changes(old, new)[0], sources({"m.py": old}), sources({"m.py": new}))
    assert [line.text for line in shown[0].lines][:2] == ["if a():", "if b():"]


def test_a_file_that_stops_reading_docstrings() -> None:
    old = 'print(__doc__)\ndef f():\n    "One."\n    return 1\n'
    new = 'print(1)\ndef f():\n    "One."\n    return 1\n'
    assert ("changed", "f", "the file began or stopped to read docstrings") in told(old, new)


def test_a_name_that_is_bound_once_more() -> None:
    old = "if a():\n    X = g()\nelse:\n    X = h()\ndef f(): return X\n"
    new = "if a():\n    X = g()\nelse:\n    X = h()\nX = k()\ndef f(): return X\n"
    assert ("changed", "f", "X is bound 3 times in its file (was 2 times)") in told(old, new)


def test_a_module_that_is_used_often_is_told_once() -> None:
    old = "import numpy as np\ndef f(x): return np.mean(x) - np.linalg.norm(x)\n"
    new = old.replace("import numpy", "import jax.numpy")
    assert told(old, new) == [("changed", "f", "np resolves to jax.numpy (was numpy)")]


def test_deep_nesting_is_no_obstacle() -> None:
    deep = " + ".join(f"x{n}" for n in range(1200))
    texts = [f"def f(a, b=({deep})):\n    return {deep} + {end}\n" for end in ("a", "b")]
    old, new = (
        FileFacts("m.py", (Definition("m.py", "f", Kind.FUNCTION, t, t, t, t, lines=(1, 2)),))
        for t in texts
    )
    before, after = (sources({"m.py": text}) for text in texts)
    (change,) = compare([old], [new], before=before, after=after)
    assert (change.kind, change.reasons) == (ChangeKind.CHANGED, ("body",))
    (hunk,) = hunks(change, before, after)
    assert [(line.mark, line.old, line.new) for line in hunk.lines][-2:] == [
        ("-", 2, 0),
        ("+", 0, 2),
    ]


GROW = """def grow(X, y, depth):
    best = None
    for column in range(X.shape[1]):
        gain = var(y)
        if best is None or gain > best:
            best = gain
    return best
"""


def guessed(old: Files, new: Files) -> list[tuple[str, str, int]]:
    """Each guess: what is gone, what came, and the score in percent."""
    before, after = sources(old), sources(new)
    found = with_guesses(changes(old, new), before, after)
    pairs = []
    for change in found:
        if change.guess is not None:
            assert (change.kind is ChangeKind.ADDED) == (change.old is None)
            assert change.kind in (ChangeKind.ADDED, ChangeKind.REMOVED)
            assert hunks(change, before, after)
            if change.new is not None:
                was = change.guess.other.key
                pairs.append((was, change.key, round(100 * change.guess.score)))
    ends = [c.key for c in found if c.guess is not None and c.old is not None]
    assert sorted(ends) == sorted(was for was, _, _ in pairs)  # both sides say so
    return pairs


def test_renamed_and_changed_is_a_guess() -> None:
    new = GROW.replace("grow", "gain_of").replace("var(y)", "gini(y)")
    assert guessed({"a.py": GROW}, {"a.py": new}) == [("a.py::grow", "a.py::gain_of", 83)]
    assert guessed({"a.py": GROW}, {"b.py": new}) == [("a.py::grow", "b.py::gain_of", 83)]
    # What is the same but for its name is no guess: it is proved.
    assert guessed({"a.py": GROW}, {"a.py": GROW.replace("grow", "gain_of")}) == []


def test_a_guess_changes_nothing_but_the_words() -> None:
    old, new = {"a.py": GROW}, {"a.py": GROW.replace("grow", "gain_of").replace("var", "gini")}
    plain = changes(old, new)
    with_guess = with_guesses(plain, sources(old), sources(new))
    told = [(c.kind, c.old, c.new, c.reasons, c.suggestion) for c in with_guess]
    assert told == [(c.kind, c.old, c.new, c.reasons, c.suggestion) for c in plain]


def test_what_is_too_small_or_too_different_is_no_guess() -> None:
    assert guessed({"a.py": "def f(x): return x\n"}, {"a.py": "def g(x): return x\n"}) == []
    new = GROW.replace("grow", "g").replace("var(y)", "gini(y)").replace("best = gain", "best = 1")
    assert guessed({"a.py": GROW}, {"a.py": new}) == [("a.py::grow", "a.py::g", 67)]
    new = new.replace("return best", "return best + 1")
    assert guessed({"a.py": GROW}, {"a.py": new}) == []  # a half is not enough
    assert guessed({"a.py": GROW}, {"a.py": "grow = 3\n"}) == []
    assert guessed({"a.py": "import grow\n"}, {"a.py": "import grown\n"}) == []


def test_the_best_guess_is_taken_first() -> None:
    near = GROW.replace("grow", "near").replace("var(y)", "gini(y)")
    far = near.replace("near", "far").replace("best = gain", "best = 1")
    assert guessed({"a.py": GROW}, {"a.py": far + near}) == [("a.py::grow", "a.py::near", 83)]
    other = GROW.replace("grow", "other").replace("return best", "return best + 1")
    assert guessed({"a.py": GROW + other}, {"a.py": far + near}) == [
        ("a.py::grow", "a.py::near", 83)
    ]  # `other` and `far` share a half


def test_the_same_name_in_a_renamed_file_is_a_guess_however_small() -> None:
    rest = "".join(f"def f{n}(x): return x + {n}\n" for n in range(5))
    old = {"a.py": rest + "def scale(x): return x / 2\nN = 3\n"}
    new = {"b.py": rest + "def scale(x): return x / 3\nN = 4\n"}
    assert guessed(old, new) == [
        ("a.py::scale", "b.py::scale", 0),
        ("a.py::N", "b.py::N", 0),
    ]
    assert guessed(old, {"b.py": "def scale(x): return x / 3\n"}) == []  # another file


def test_a_class_and_its_methods() -> None:
    text = """
    class {}:
        depth = {}
        width = 4
        def get(self, key):
            found = self.inner.get(key)
            if found is None:
                raise KeyError(key)
            return found {}
        def put(self): return self.x
    """
    old, new = {"a.py": text.format("C", 3, "")}, {"a.py": text.format("D", 5, "+ 1")}
    assert guessed(old, new) == [
        ("a.py::C", "a.py::D", 78),
        ("a.py::C.get", "a.py::D.get", 75),
    ]


def test_names_only_are_told_with_both() -> None:
    old = "from m import mean\ndef f(v):\n    total = mean(v)\n    return total * 2\n"
    new = "import m as q\ndef f(v):\n    s = q.mean(v)\n    return s * 2\n"
    change = next(c for c in changes(old, new) if c.key == "m.py::f")
    assert change.kind is ChangeKind.NAMES
    assert change.reasons == ("names only: mean -> q.mean, total -> s",)
    many = "".join(f"    x{n} = g({n})\n" for n in range(6)) + "    return x0\n"
    change = only("def f():\n" + many, "def f():\n" + many.replace("x", "y"))
    assert change.reasons == ("names only: x0 -> y0, x1 -> y1, x2 -> y2 and 3 more",)
