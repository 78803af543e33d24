"""Which lines of a changed definition are shown."""

from __future__ import annotations

import ast
import functools
import random
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mandala_git.source.aligned import align
from mandala_git.source.definitions import Definition, Kind
from mandala_git.source.highlight import steps
from mandala_git.source.outline import Hunk, Line, Mark, outline
from mandala_git.source.pieces import Source, split_lines
from mandala_git.source.scan import scan_file

pytestmark = pytest.mark.sweep


def pair(old: str, new: str, name: str) -> tuple[Hunk, ...]:
    sides = []
    for text in (old, new):
        data = textwrap.dedent(text).encode()
        facts = scan_file("m.py", data)
        assert not facts.error
        found = next(d for d in facts.definitions if d.qualname == name)
        sides.append((found, Source(data)))
    return outline(sides[0], sides[1])


def drawn(hunks: tuple[Hunk, ...], *, context: bool = False) -> list[str]:
    return [
        f"{line.mark} {line.text.strip()}" + (f"  # {line.note}" if line.note else "")
        for hunk in hunks
        for line in hunk.lines
        if context or line.mark is not Mark.CONTEXT or line.note
    ]


def test_only_statements_that_differ_are_shown() -> None:
    hunks = pair(
        """
        def f(a, b):
            x = {'one': 1,
                 'two': 2}
            y = a + b
            return (x, y)
        """,
        """
        def f(a, b):
            # the same table
            x = {"one": 0x1, "two": 2}

            y = a - b
            return x, y
        """,
        "f",
    )
    assert drawn(hunks) == ["- y = a + b", "+ y = a - b"]
    changed = [line for line in hunks[0].lines if line.mark is not Mark.CONTEXT]
    assert [(line.old, line.new) for line in changed] == [(5, 0), (0, 6)]
    assert [line.text[a:b] for line in changed for a, b in line.spans] == ["+", "-"]


def test_context_is_two_lines_and_hunks_are_apart() -> None:
    body = [f"    x{n} = {n}" for n in range(20)]
    old = "\n".join(["def f():", *body, "    return x0"])
    body[3] = "    x3 = 33"
    body[15] = "    x15 = 155"
    new = "\n".join(["def f():", *body, "    return x0"])
    hunks = pair(old, new, "f")
    assert [[line.mark for line in hunk.lines] for hunk in hunks] == [
        [Mark.CONTEXT, Mark.CONTEXT, Mark.REMOVED, Mark.ADDED, Mark.CONTEXT, Mark.CONTEXT]
    ] * 2
    assert hunks[0].lines[0] == Line(Mark.CONTEXT, 3, 3, "    x1 = 1")


def test_dedent_is_shown_with_where_it_moved_from() -> None:
    # difftastic#587: the text of both statements is the same, only their place is not.
    hunks = pair(
        """
        def f(a, b):
            if a:
                x = 1
                if b:
                    x = 2
            return x
        """,
        """
        def f(a, b):
            if a:
                x = 1
            if b:
                x = 2
            return x
        """,
        "f",
    )
    assert drawn(hunks) == [
        "- if b:  # moved",
        "- x = 2",
        '+ if b:  # moved out of "if a:"',
        "+ x = 2",
    ]


@pytest.mark.parametrize(
    ("old", "new", "note"),
    [
        (
            "for x in a:\n    s += x\n    n = n + 1",
            "for x in a:\n    s += x\nn = n + 1",
            'moved out of "for x in a:"',
        ),
        ("s = g(s)", "with lock:\n    s = g(s)", 'moved into "with lock:"'),
        (
            "if s:\n    t = 1\n    u = g(s)\nelse:\n    t = 2",
            "if s:\n    t = 1\nelse:\n    t = 2\n    u = g(s)",
            'moved from "if s:" to "else:"',
        ),
        (
            "for x in a:\n    s += x\nelse:\n    s = 0",
            "for x in a:\n    s += x\ns = 0",
            'moved out of "else:"',
        ),
        ("s = g(s)\nh(s)", "h(s)\ns = g(s)", "moved"),
    ],
)
def test_moves(old: str, new: str, note: str) -> None:
    texts = [
        "def f(a, s, n, lock):\n" + textwrap.indent(t, "    ") + "\n    return s\n"
        for t in (old, new)
    ]
    notes = [line.note for h in pair(texts[0], texts[1], "f") for line in h.lines if line.new]
    assert note in notes


def test_a_changed_header_keeps_its_suite() -> None:
    hunks = pair(
        "def f(a):\n    while a:\n        a = g(a)\n        h(a)\n",
        "def f(a):\n    while a > 1:\n        a = g(a)\n        h(a)\n",
        "f",
    )
    assert drawn(hunks) == ["- while a:", "+ while a > 1:"]


def test_a_changed_clause_keeps_its_suite() -> None:
    hunks = pair(
        "def f(a):\n    try:\n        g(a)\n    except OSError:\n        h(a)\n",
        "def f(a):\n    try:\n        g(a)\n    except ValueError:\n        h(a)\n",
        "f",
    )
    assert drawn(hunks) == ["- except OSError:", "+ except ValueError:"]
    hunks = pair(
        "def f(a):\n    match a:\n        case 1:\n            g(a)\n        case 2:\n            h(a)\n",
        "def f(a):\n    match a:\n        case 1:\n            g(a)\n        case 3:\n            h(a)\n",
        "f",
    )
    assert drawn(hunks) == ["- case 2:", "+ case 3:"]


def test_else_of_if_and_else_of_for_differ() -> None:
    hunks = pair(
        "def f(a):\n    for x in a:\n        if x:\n            break\n        else:\n            g()\n",
        "def f(a):\n    for x in a:\n        if x:\n            break\n    else:\n        g()\n",
        "f",
    )
    shown = drawn(hunks)
    assert "- else:" in shown
    assert any(line.startswith("+ g()") for line in shown)


def test_inside_a_long_call_only_its_line() -> None:
    hunks = pair(
        "def f(a):\n    return g(\n        a,\n        b=1,\n        c=2,\n    )\n",
        "def f(a):\n    return g(\n        a,\n        b=1,\n        c=3,\n    )\n",
        "f",
    )
    assert drawn(hunks) == ["- c=2,", "+ c=3,"]


def test_blanks_inside_a_string_that_spans_lines() -> None:
    hunks = pair(
        'def f(a):\n    return g("""\n      a  b\n    """)\n',
        'def f(a):\n    return g("""\n      a b\n    """)\n',
        "f",
    )
    assert drawn(hunks) == ["- a  b", "+ a b"]


def test_a_name_that_leads_elsewhere_is_pointed_at() -> None:
    old = Source(b"def f(x):\n    y = 1\n    return sqrt(x)\n")
    facts = scan_file("m.py", b"def f(x):\n    y = 1\n    return sqrt(x)\n")
    f = facts.definitions[0]
    hunks = outline((f, old), (f, old), redirected={"sqrt": "sqrt is another"})
    assert drawn(hunks) == ["  return sqrt(x)  # sqrt is another"]


def test_docstring_when_it_is_all_that_differs() -> None:
    hunks = pair(
        'def f(x):\n    """One.\n\n    Two."""\n    return x\n',
        'def f(x):\n    """One.\n\n    Three."""\n    return (x)\n',
        "f",
    )
    assert drawn(hunks) == ['- Two."""', '+ Three."""']


def test_never_empty_even_for_equal_text() -> None:
    assert pair("def f(x):\n    return x\n", "def f(x):\n    return x\n", "f")
    assert pair("N = 1\n", "N = 1\n", "N")


def test_class_shows_its_own_statements_and_the_names_of_its_methods() -> None:
    hunks = pair(
        "class C(A):\n    x = 1\n    def m(self):\n        return 1\n",
        "class C(B):\n    x = 2\n    def m(self):\n        return 2\n    def n(self):\n        pass\n",
        "C",
    )
    assert drawn(hunks) == [
        "- class C(A):",
        "- x = 1",
        "+ class C(B):",
        "+ x = 2",
        "+ def n(self):",
    ]


def test_a_global_shows_all_statements_that_bind_it() -> None:
    hunks = pair(
        "N = 1\ndef f():\n    return 2\nN += 2\n", "N = 1\ndef f():\n    return 3\nN += 3\n", "N"
    )
    assert drawn(hunks, context=True) == ["  N = 1", "- N += 2", "+ N += 3"]


def test_added_and_removed_show_everything() -> None:
    data = b"@d\ndef f(x):\n    return x\n"
    side = (scan_file("m.py", data).definitions[0], Source(data))
    assert drawn(outline(None, side)) == ["+ @d", "+ def f(x):", "+ return x"]
    assert drawn(outline(side, None)) == ["- @d", "- def f(x):", "- return x"]
    assert outline(None, None) == ()


def test_a_file_newer_than_this_python_is_compared_as_text() -> None:
    old, new = b"def f(x):\n    return future x\n", b"def f(x):\n    return future  y\n"
    f = Definition("m.py", "f", Kind.FUNCTION, "", "", "", "", lines=(1, 2))
    hunks = outline((f, Source(old)), (f, Source(new)))
    assert drawn(hunks) == ["- return future x", "+ return future  y"]


def test_lines_end_where_python_ends_them() -> None:
    assert split_lines(b"a\r\nb\rc\nd\x0ce") == ("a", "b", "c", "d\x0ce")
    assert split_lines(b"# coding: latin-1\nx = '\xe9'") == ("# coding: latin-1", "x = 'é'")
    assert split_lines(b"\xef\xbb\xbfx = 1") == ("x = 1",)
    assert split_lines(b"# coding: idna\nx = 1") == ("# coding: idna", "x = 1")
    assert split_lines(b"x = '\xe9'") == ("x = '\\xe9'",), "edited since it was read"


# A law: reformatting shows nothing, a real edit shows something, and only where it is.

STDLIB = [Path(ast.__file__).parent / f"{n}.py" for n in ("bisect", "textwrap", "csv", "shlex")]


@functools.cache
def functions(data: bytes) -> list[Definition]:
    return [d for d in scan_file("m.py", data).definitions if d.kind is Kind.FUNCTION]


@pytest.mark.parametrize("path", STDLIB, ids=lambda p: p.stem)
def test_reformatting_shows_nothing(path: Path) -> None:
    data = path.read_bytes()
    again = ast.unparse(ast.parse(data)).encode()
    one, other = Source(data), Source(again)
    for old, new in zip(functions(data), functions(again), strict=True):
        found = align(one.piece(old), other.piece(new))
        assert not found.removed, old.key
        assert not found.added, old.key
        assert not found.new_notes, old.key


class Mutation(ast.NodeTransformer):
    """Change the n-th place that can be changed, and remember the old line of it."""

    def __init__(self, at: int) -> None:
        self.at, self.seen, self.line = at, 0, 0

    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.BinOp | ast.Compare | ast.Call | ast.Return):
            self.seen += 1
            if self.seen == self.at:
                self.line = node.lineno
                if isinstance(node, ast.Return):
                    return ast.copy_location(ast.Raise(), node)
                return ast.copy_location(
                    ast.Subscript(value=node, slice=ast.Constant(7), ctx=ast.Load()), node
                )
        return self.generic_visit(node)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(STDLIB), st.randoms(use_true_random=False))
def test_a_mutation_is_shown_where_it_is(path: Path, rng: random.Random) -> None:
    text = ast.unparse(ast.parse(path.read_bytes()))  # one statement a line
    tree = ast.parse(text)
    counter = Mutation(0)
    counter.visit(ast.parse(text))
    mutation = Mutation(rng.randrange(1, counter.seen + 1))
    data = ast.unparse(mutation.visit(tree)).encode()
    one, other = Source(text.encode()), Source(data)
    for old, new in zip(functions(text.encode()), functions(data), strict=True):
        hunks = outline((old, one), (new, other))
        lines = {line.old for h in hunks for line in h.lines if line.mark is Mark.REMOVED}
        if old.digest == new.digest:
            assert not lines
        else:
            assert lines == {mutation.line}


def test_statements_behind_definitions_that_are_left_out() -> None:
    block = "if a():\n    class C:\n        x = 1\n        y = 2\n    g(1)\n"
    hunks = pair(block + "run(1)\n", block + "run(2)\n", "<module>")
    assert drawn(hunks) == ["- run(1)", "+ run(2)"]
    assert [(line.old, line.new) for line in hunks[0].lines[-2:]] == [(6, 0), (0, 6)]


@given(st.lists(st.integers(0, 3)), st.lists(st.integers(0, 3)))
def test_steps_lead_from_one_to_the_other(old: list[int], new: list[int]) -> None:
    made: list[int] = []
    at = (0, 0)
    for tag, i, i_end, j, j_end in steps(old, new):
        assert (i, j) == at
        at = (i_end, j_end)
        assert (tag == "equal") == (old[i:i_end] == new[j:j_end])
        made += new[j:j_end]
    assert made == new
    assert at == (len(old), len(new))


def test_a_large_table_in_one_line_is_quick() -> None:
    old, new = (f"T = [{', '.join(str(n * k) for n in range(20000))}]\n" for k in (3, 7))
    assert drawn(pair(old, new, "T"))
