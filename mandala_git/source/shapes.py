"""What a piece of syntax means for the eye: a digest that formatting does not touch.

Digests of `normal.py` decide; these only choose which lines of a definition are shown when
its digest has changed. They follow the same rules (SEMANTICS 3: 1-8 and 13) on the
interpreter's own `ast`, which knows the place of every node. A rule that is missing here
costs a line too many on the screen, never an answer.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
SUITES = ("body", "handlers", "orelse", "finalbody", "cases")
"""Fields that hold suites (or the `except` and `case` clauses that hold them)."""


def shape(node: ast.AST | Sequence[ast.AST]) -> str:
    """Digest one node, or a suite of statements.

    Args:
        node: any node, or the statements of one suite.

    Returns:
        hex digest, equal for pieces that differ in formatting only.
    """
    tree = _node(node) if isinstance(node, ast.AST) else _suite(node)
    return hashlib.sha1(repr(tree).encode("utf-8", "surrogatepass")).hexdigest()


def head_shape(node: ast.stmt | ast.excepthandler | ast.match_case) -> str:
    """Digest the header of a compound statement or clause: everything but its suites."""
    parts = (type(node).__name__, *_fields(node, skip=SUITES))
    return hashlib.sha1(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()


def is_note(statement: ast.stmt) -> bool:
    """Tell whether a statement is only a constant, such as a docstring."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _suite(statements: Iterable[ast.AST]) -> tuple[Any, ...]:
    found: list[Any] = []
    for statement in statements:
        if isinstance(statement, ast.Pass) or (
            isinstance(statement, ast.stmt) and is_note(statement)
        ):
            continue
        if isinstance(statement, ast.Import):
            found.extend(("Import", _value(alias)) for alias in statement.names)
        else:
            found.append(_node(statement))
    return tuple(found)


def _node(node: ast.AST) -> Any:
    match node:
        case ast.Constant(value=value):
            return _constant(value)
        case ast.JoinedStr(values=values):
            return _joined(values)
        case ast.BoolOp(op=op):
            return (type(op).__name__, *(_node(v) for v in _flat(node, type(op))))
        case ast.UnaryOp(op=ast.Not(), operand=ast.Compare(ops=[ast.In()]) as inner):
            return ("Compare", _node(inner.left), "NotIn", _node(inner.comparators[0]))
        case ast.UnaryOp(op=ast.Not(), operand=ast.Compare(ops=[ast.Is()]) as inner):
            return ("Compare", _node(inner.left), "IsNot", _node(inner.comparators[0]))
        case ast.Compare(ops=[ast.NotIn() | ast.IsNot() as op]):
            return ("Compare", _node(node.left), type(op).__name__, _node(node.comparators[0]))
        case ast.With() | ast.AsyncWith() if len(node.items) > 1:
            rest = type(node)(items=node.items[1:], body=node.body)
            return _node(type(node)(items=node.items[:1], body=[rest]))
        case ast.Return(value=None):
            return ("Return", _constant(None))
        case ast.Delete(targets=[ast.Tuple(elts=[_, *_] as targets)]):
            return ("Delete", tuple(_node(t) for t in targets))
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return _function(node)
        case ast.ClassDef(bases=[ast.Name(id="object")]):
            return (type(node).__name__, *_fields(node, skip=("bases",)))
    return (type(node).__name__, *_fields(node))


def _fields(node: ast.AST, skip: Sequence[str] = ()) -> list[Any]:
    return [
        (name, _value(value))
        for name, value in ast.iter_fields(node)
        # Empty fields are left out, so that an interpreter's new field changes nothing.
        if name not in skip
        and name not in ("ctx", "kind", "type_comment")
        and value is not None
        and value != []
    ]


def _value(value: Any) -> Any:
    if isinstance(value, list):
        if value and isinstance(value[0], ast.stmt):
            return _suite(value)
        return tuple(_value(item) for item in value)
    return _node(value) if isinstance(value, ast.AST) else _constant(value)


def _constant(value: Any) -> tuple[str, str]:
    # hex() has no limit on the digits of an integer, repr() has.
    return (type(value).__name__, hex(value) if type(value) is int else repr(value))


def _joined(values: Sequence[ast.expr]) -> Any:
    """An f-string as its text and fields; one without a field is the plain string."""
    parts: list[Any] = []
    for value in values:
        text = value.value if isinstance(value, ast.Constant) else None
        if isinstance(text, str) and parts and isinstance(parts[-1], str):
            parts[-1] += text
        else:
            parts.append(text if isinstance(text, str) else _node(value))
    if len(parts) <= 1 and all(isinstance(part, str) for part in parts):
        return _constant("".join(parts))
    return ("JoinedStr", *parts)


def _flat(node: ast.expr, op: type[ast.boolop]) -> list[ast.expr]:
    if isinstance(node, ast.BoolOp) and isinstance(node.op, op):
        return [part for value in node.values for part in _flat(value, op)]
    return [node]


def _function(node: FunctionNode) -> Any:
    return (
        type(node).__name__,
        *_fields(node, skip=("body",)),
        _suite(function_body(node)),
    )


def function_body(node: FunctionNode) -> list[ast.stmt]:
    """The statements of a function without a docstring or a last `return None`."""
    body = [s for s in node.body if not is_note(s)]
    if body and isinstance(last := body[-1], ast.Return):
        value = last.value
        if value is None or (isinstance(value, ast.Constant) and value.value is None):
            body.pop()
    return body


class _LocalAnnotations(ast.NodeTransformer):
    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        if isinstance(node.target, ast.Name) and node.value is not None:
            plain = ast.Assign(targets=[node.target], value=node.value)
            return ast.copy_location(plain, node)
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.stmt:
        return node  # a class inside a function reads its annotations


def drop_local_annotations(node: FunctionNode) -> None:
    """Turn `x: int = a` inside a function into `x = a`, in place (rule 13)."""
    node.body = [_LocalAnnotations().visit(statement) for statement in node.body]
