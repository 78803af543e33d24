"""Laws of the normal form on real code: layout never counts, a changed node always does."""

from __future__ import annotations

import ast
import random
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mandala_git.source.definitions import Definition, FileFacts
from mandala_git.source.scan import scan_file

pytestmark = pytest.mark.sweep

STDLIB = Path(sysconfig.get_paths()["stdlib"])
MODULES = [
    "abc",
    "bisect",
    "calendar",
    "contextlib",
    "copy",
    "csv",
    "dataclasses",
    "fractions",
    "functools",
    "heapq",
    "inspect",
    "json/decoder",
    "ntpath",
    "operator",
    "pathlib/__init__",
    "pathlib",
    "pprint",
    "queue",
    "random",
    "selectors",
    "shutil",
    "statistics",
    "string",
    "textwrap",
    "tokenize",
    "traceback",
    "types",
    "typing",
    "uuid",
    "weakref",
]
FILES = [file for name in MODULES if (file := STDLIB / f"{name}.py").exists()]


def read(file: Path) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(file.read_bytes())


def by_name(facts: FileFacts) -> dict[str, Definition]:
    assert facts.error == ""
    return {d.qualname: d for d in facts.definitions}


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.name)
def test_the_layout_of_the_standard_library_does_not_count(file: Path) -> None:
    """`ast.unparse` writes the same program in another layout."""
    before = by_name(scan_file("m.py", file.read_bytes()))
    after = by_name(scan_file("m.py", ast.unparse(read(file)).encode()))
    assert list(before) == list(after)
    for name, definition in before.items():
        assert definition.digest == after[name].digest, name
        assert definition.exact == after[name].exact, name
        assert definition.holes == after[name].holes, name
        assert definition.attrs == after[name].attrs, name


class Mutate(ast.NodeTransformer):
    """Changes the one node that `pick` chooses."""

    def __init__(self, chosen: ast.AST) -> None:
        self.chosen = chosen

    def visit(self, node: ast.AST) -> ast.AST | None:
        if node is self.chosen:
            return change(node)
        return self.generic_visit(node)


OPERATORS = {
    ast.Add: ast.Sub(), ast.Sub: ast.Add(), ast.Mult: ast.Div(), ast.Eq: ast.NotEq(),
    ast.NotEq: ast.Eq(), ast.Lt: ast.LtE(), ast.Gt: ast.GtE(), ast.In: ast.NotIn(),
    ast.Is: ast.IsNot(), ast.And: ast.Or(), ast.Or: ast.And(), ast.Mod: ast.Mult(),
}  # fmt: skip


def changeable(node: ast.AST) -> bool:
    match node:
        case ast.Constant(value=bool() | None):
            return True
        case ast.Constant(value=int() | str() | bytes()):
            return True
        case ast.Attribute() | ast.Return(value=ast.expr()) | ast.Raise(exc=ast.expr()):
            return True
        case ast.If() | ast.While() | ast.Assert():
            return True
        case ast.Call(args=[_, _, *_]) | ast.Call(keywords=[_, *_]):
            return True
        case ast.Name(ctx=ast.Load()):
            return True
        case ast.Add() | ast.Sub() | ast.Eq() | ast.In() | ast.And() | ast.Or() | ast.Lt():
            return True
    return False


def change(node: ast.AST) -> ast.AST | None:
    match node:
        case ast.Constant(value=bool() as value):
            return ast.Constant(not value)
        case ast.Constant(value=None):
            return ast.Constant(0)
        case ast.Constant(value=int() as value):
            return ast.Constant(value + 1)
        case ast.Constant(value=str() as value):
            return ast.Constant(value + " ")
        case ast.Constant(value=bytes() as value):
            return ast.Constant(value + b" ")
        case ast.Attribute():
            return ast.Attribute(node.value, node.attr + "_", node.ctx)
        case ast.Return(value=value):
            return ast.Expr(ast.List([value], ast.Load()))  # type: ignore[list-item]
        case ast.Raise() | ast.Assert():
            return ast.Expr(ast.List([], ast.Load()))
        case ast.If(test=test, body=body, orelse=orelse):
            return ast.If(ast.UnaryOp(ast.Not(), test), body, orelse)
        case ast.While(test=test, body=body, orelse=orelse):
            return ast.While(ast.UnaryOp(ast.Not(), test), body, orelse)
        case ast.Call(args=[first, second, *rest]):
            if ast.dump(first) == ast.dump(second):
                return ast.Call(node.func, [first, *rest], node.keywords)
            return ast.Call(node.func, [second, first, *rest], node.keywords)
        case ast.Call(keywords=[_, *rest]):
            return ast.Call(node.func, node.args, rest)
        case ast.Name():
            return ast.Name(node.id + "_", node.ctx)
        case _:
            return OPERATORS[type(node)]


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            yield node


def skipped(function: ast.FunctionDef) -> set[int]:
    """Return nodes that do not count: docstrings, constants alone, annotations of locals."""
    ids = set()
    for node in ast.walk(function):
        idle = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        local = isinstance(node, ast.AnnAssign)
        if idle or local or isinstance(node, ast.JoinedStr):
            ids |= {id(inner) for inner in ast.walk(node)}
        if isinstance(node, ast.If):
            # `not` before `in` and `is` is normalized; leave these tests alone
            ids |= {id(node)} if isinstance(node.test, ast.Compare) else set()
    return ids


@pytest.mark.parametrize("seed", range(12))
def test_a_changed_node_changes_the_function(seed: int) -> None:
    choice = random.Random(seed)
    tried = 0
    while tried < 40:
        tree = read(choice.choice(FILES))
        found = [f for f in functions(tree) if len(f.body) > 1]
        if not found:
            continue
        function = choice.choice(found)
        function.decorator_list = []
        skip = skipped(function)
        nodes = [n for n in ast.walk(function) if changeable(n) and id(n) not in skip]
        if not nodes:
            continue
        before = ast.unparse(function)
        chosen = choice.choice(nodes)
        # operators are singletons in the tree: change them through their parent
        after = Mutate(chosen).visit(function)
        changed = ast.unparse(ast.fix_missing_locations(after))
        if changed == before:
            continue
        try:
            ast.parse(changed)
        except SyntaxError:  # `del f()` and its like
            continue
        tried += 1
        one = by_name(scan_file("m.py", before.encode()))[function.name]
        two = by_name(scan_file("m.py", changed.encode()))[function.name]
        assert one.skeleton != two.skeleton or one.digest != two.digest, (before, changed)
        assert one.exact != two.exact, (before, changed)


@pytest.mark.parametrize("seed", range(6))
def test_a_dropped_or_moved_statement_changes_the_function(seed: int) -> None:
    choice = random.Random(seed)
    tried = 0
    while tried < 30:
        tree = read(choice.choice(FILES))
        found = [f for f in functions(tree) if len(f.body) > 2]
        if not found:
            continue
        function = choice.choice(found)
        function.decorator_list = []
        before = ast.unparse(function)
        suites = [
            n.body
            for n in ast.walk(function)
            if isinstance(n, (ast.FunctionDef, ast.If, ast.For, ast.With)) and len(n.body) > 2
        ]
        suite = choice.choice(suites)
        at = choice.randrange(1, len(suite) - 1)
        kept = suite[at]
        if isinstance(kept, (ast.Pass, ast.AnnAssign)) or (
            isinstance(kept, ast.Expr) and isinstance(kept.value, ast.Constant)
        ):
            continue
        if choice.random() < 0.5:
            del suite[at]
        else:
            suite[at], suite[at + 1] = suite[at + 1], suite[at]
            if ast.dump(suite[at]) == ast.dump(suite[at + 1]):
                continue
        changed = ast.unparse(function)
        tried += 1
        one = by_name(scan_file("m.py", before.encode()))[function.name]
        two = by_name(scan_file("m.py", changed.encode()))[function.name]
        assert one.skeleton != two.skeleton or one.digest != two.digest, (before, changed)


# --- expressions made by hypothesis: layout does not count, other trees do ---------------------

names = st.sampled_from("abcdg")
atoms = st.one_of(
    names,
    st.integers(0, 300).map(repr),
    st.floats(allow_nan=False, allow_infinity=False, min_value=0).map(repr),
    st.text("a'\"\\ {}\n\u00e9", max_size=4).map(repr),
    st.binary(max_size=3).map(repr),
    st.sampled_from(["True", "None", "..."]),
)
BINARY = ["+", "-", "*", "@", "/", "//", "%", "**", "<<", ">>", "&", "|", "^", "and", "or",
          "<", "<=", "==", "!=", "in", "not in", "is", "is not"]  # fmt: skip


def deeper(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, st.sampled_from(BINARY), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(st.sampled_from(["-", "+", "~", "not "]), inner).map(lambda t: f"({t[0]}{t[1]})"),
        st.lists(inner, max_size=3).map(lambda v: f"[{', '.join(v)}]"),
        st.lists(inner, min_size=1, max_size=3).map(lambda v: f"{{{', '.join(v)}}}"),
        st.lists(inner, min_size=1, max_size=3).map(lambda v: f"({', '.join(v)},)"),
        st.tuples(inner, inner).map(lambda t: f"{{{t[0]}: {t[1]}}}"),
        st.tuples(names, st.lists(inner, max_size=3)).map(lambda t: f"{t[0]}({', '.join(t[1])})"),
        st.tuples(inner, names).map(lambda t: f"({t[0]}).{t[1]}"),
        st.tuples(inner, inner).map(lambda t: f"({t[0]})[{t[1]}]"),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} if {t[1]} else {t[2]})"),
        st.tuples(names, inner).map(lambda t: f"(lambda {t[0]}: {t[1]})"),
        st.tuples(inner, names, inner).map(lambda t: f"[{t[0]} for {t[1]} in {t[2]}]"),
        st.tuples(names, inner).map(lambda t: f"({t[0]} := {t[1]})"),
    )


expressions = st.recursive(atoms, deeper, max_leaves=8)


def tree_of(expression: str) -> str:
    """Return a tree that is equal only where the rules 4, 8f and 8g say so."""

    class Rules(ast.NodeTransformer):
        def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
            self.generic_visit(node)
            values: list[ast.expr] = []
            for value in node.values:
                same = isinstance(value, ast.BoolOp) and type(value.op) is type(node.op)
                values += value.values if same else [value]  # type: ignore[attr-defined]
            return ast.BoolOp(node.op, values)

        def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
            self.generic_visit(node)
            inner = node.operand
            if isinstance(node.op, ast.Not) and isinstance(inner, ast.Compare):
                opposite = {ast.In: ast.NotIn, ast.Is: ast.IsNot}.get(type(inner.ops[0]))
                if len(inner.ops) == 1 and opposite is not None:
                    return ast.Compare(inner.left, [opposite()], inner.comparators)
            return node

    return ast.dump(Rules().visit(ast.parse(expression, mode="eval")))


def digests(expression: str) -> tuple[str, str]:
    definition = by_name(scan_file("m.py", f"def f(a, b):\n    return {expression}\n".encode()))[
        "f"
    ]
    return definition.digest, definition.exact


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@settings(max_examples=200, deadline=None)
@given(expressions)
def test_unparsed_expressions_are_equal(expression: str) -> None:
    plain = ast.unparse(ast.parse(expression, mode="eval"))
    assert digests(expression) == digests(plain)


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@settings(max_examples=200, deadline=None)
@given(expressions, expressions)
def test_expressions_are_equal_exactly_when_their_trees_are(one: str, two: str) -> None:
    assert (digests(one) == digests(two)) == (tree_of(one) == tree_of(two))
