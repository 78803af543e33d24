"""What the author of a change probably means by it: a verdict to suggest, and why."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mandala_git.source.aligned import Alignment
from mandala_git.source.definitions import Definition
from mandala_git.source.headers import Header, above
from mandala_git.source.pieces import Statement
from mandala_git.source.shapes import shape

COMPATIBLE = "compatible"
BREAKING = "breaking"

HARMLESS = frozenset({"len", "str", "repr", "round", "type", "format"})
"""Builtins whose calls are not worth a word."""

_LOGGERS = frozenset({"log", "logger", "_log", "_logger", "LOG", "LOGGER"})
_LEVELS = frozenset({"debug", "info", "warning", "warn", "error", "exception", "critical", "log"})
_OPERATORS = frozenset(
    {"+", "-", "*", "/", "//", "%", "**", "@", "<<", ">>", "&", "|", "^", "<", "<=", ">", ">="}
    | {"==", "!=", "and", "or", "in", "is", "+=", "-=", "*=", "/=", "//=", "%=", "**="}
)

Suggestion = tuple[str | None, str]
"""A verdict, or None when nothing is known, and its justification."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known about a change.

    Attributes:
        old, new: the definition as it was and as it is now.
        found: its lines beside those of the old version.
        header: what differs above the body.
        redirected: a name surely leads to other code.
        body: something below the header differs.
        constant: the one token that became another one, if that is all: `2 -> 3`.
    """

    old: Definition
    new: Definition
    found: Alignment
    header: Header
    redirected: bool
    body: bool
    constant: str


def suggest(evidence: Evidence) -> Suggestion:
    """Suggest a verdict. It is shown with its reason; nobody but the user gives one."""
    if evidence.redirected:
        return BREAKING, "a name leads to other code"
    if evidence.header.defaults:
        return BREAKING, "calls that leave the parameter out get another value"
    for rule in (_new_parameter, _logging, _message, _annotations, _token):
        verdict, why = rule(evidence)
        if verdict is not None:
            return verdict, why
    return None, ""


def _below(statements: Iterable[Statement]) -> list[Statement]:
    return [s for s in statements if not above(s)]


def _new_parameter(evidence: Evidence) -> Suggestion:
    header, found = evidence.header, evidence.found
    if not header.optional or header.other or found.new_notes or found.deleted:
        return None, ""
    if not evidence.body:
        return COMPATIBLE, "a new parameter with a default, and nothing reads it yet"
    changed = _below(found.new_statements)
    if changed and not found.clauses and all(_reads(s, header.optional) for s in changed):
        return COMPATIBLE, "a new parameter with a default, and only lines that read it differ"
    return None, ""


def _reads(statement: Statement, names: Iterable[str]) -> bool:
    wanted = set(names)
    return any(isinstance(n, ast.Name) and n.id in wanted for n in ast.walk(statement.node))


def _logging(evidence: Evidence) -> Suggestion:
    found = evidence.found
    if evidence.header.words or found.new_notes or found.clauses:
        return None, ""
    come, gone = _below(found.new_statements), _below(found.old_statements)
    if not all(_only_logs(s, evidence.new) for s in come):
        return None, ""
    if not all(_only_logs(s, evidence.old) for s in gone):
        return None, ""
    if come and gone:
        return COMPATIBLE, "only logging differs"
    if come or gone:
        return COMPATIBLE, f"only logging {'added' if come else 'removed'}"
    return None, ""


def _only_logs(statement: Statement, definition: Definition) -> bool:
    """An expression statement that calls print, warnings or a logger with harmless arguments."""
    node = statement.node
    if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        return False
    call = node.value
    arguments = (*call.args, *(keyword.value for keyword in call.keywords))
    return _is_logger(call.func, definition) and all(map(_is_harmless, arguments))


def _is_harmless(expression: ast.expr) -> bool:
    """Computing it does nothing but compute, as far as one can see."""
    for inner in ast.walk(expression):
        if isinstance(inner, ast.NamedExpr | ast.Await | ast.Yield | ast.YieldFrom):
            return False
        if isinstance(inner, ast.Call) and not (
            isinstance(inner.func, ast.Name) and inner.func.id in HARMLESS
        ):
            return False
    return True


def _is_logger(func: ast.expr, definition: Definition) -> bool:
    chain = _dotted(func)
    bindings = {hole.chain: hole.binding for hole in definition.holes}
    head, _, last = chain.rpartition(".")
    if chain == "print":
        return bindings.get(chain) == ("builtin",)
    if bindings.get(chain) in (("import", "logging"), ("import", "warnings")):
        return last in _LEVELS
    return last in _LEVELS and head.removeprefix("self.") in _LOGGERS


def _message(evidence: Evidence) -> Suggestion:
    found = evidence.found
    old, new = _below(found.old_statements), _below(found.new_statements)
    plain = not (evidence.header.words or found.new_notes or found.clauses or found.deleted)
    if not plain or not new or len(old) != len(new):
        return None, ""
    if all(_only_says(one.node, other.node) for one, other in zip(old, new, strict=True)):
        return COMPATIBLE, "only the text of an error differs"
    return None, ""


def _only_says(old: Any, new: Any) -> bool:
    """Two `raise` or `assert` that differ in strings of their message."""
    if isinstance(old, ast.Assert) and isinstance(new, ast.Assert):
        said = [m for m in (old.msg, new.msg) if m is not None]
        return all(map(_is_harmless, said)) and shape(old.test) == shape(new.test)
    if not (isinstance(old, ast.Raise) and isinstance(new, ast.Raise)):
        return False
    one, other = old.exc, new.exc
    if not (isinstance(one, ast.Call) and isinstance(other, ast.Call)):
        return False
    if len(one.args) != len(other.args) or shape(one.func) != shape(other.func):
        return False
    rest = [
        shape([*call.keywords, *filter(None, [r.cause])]) for call, r in ((one, old), (other, new))
    ]
    return rest[0] == rest[1] and all(
        shape(a) == shape(b) or (_is_text(a) and _is_text(b))
        for a, b in zip(one.args, other.args, strict=True)
    )


def _is_text(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        return _is_text(node.left) and _is_harmless(node.right)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        harmless = all(map(_is_harmless, [*node.args, *(k.value for k in node.keywords)]))
        return node.func.attr == "format" and _is_text(node.func.value) and harmless
    if isinstance(node, ast.JoinedStr):
        return _is_harmless(node)
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _annotations(evidence: Evidence) -> Suggestion:
    new = evidence.new
    if evidence.header.annotations and not evidence.body and not new.op and new.plain:
        return COMPATIBLE, "only annotations differ"
    return None, ""


def _token(evidence: Evidence) -> Suggestion:
    old, arrow, new = evidence.constant.partition(" -> ")
    if not arrow or evidence.header.words:
        return None, ""
    if old in _OPERATORS and new in _OPERATORS:
        return BREAKING, "an operator differs"
    if _is_literal(evidence.found):
        return BREAKING, "a constant differs"
    return None, ""


def _is_literal(found: Alignment) -> bool:
    pair = (*found.old_statements, *found.new_statements)
    if len(pair) != 2:
        return False
    old, new = ([n.value for n in ast.walk(s.node) if isinstance(n, ast.Constant)] for s in pair)
    names = [[n.id for n in ast.walk(s.node) if isinstance(n, ast.Name)] for s in pair]
    return len(old) == len(new) and old != new and names[0] == names[1]


def _dotted(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""
