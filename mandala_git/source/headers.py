"""How two headers of a definition differ: decorators, parameters, bases."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from mandala_git.source.pieces import Piece, Statement
from mandala_git.source.shapes import shape

WIDTH = 40
"""Longest piece of code inside a reason."""

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(slots=True)
class Header:
    """What differs above the body.

    Attributes:
        words: reasons.
        optional: names of parameters that were added with a default.
        other: something else than `optional` differs.
        defaults: the default of a parameter differs.
        annotations: nothing but annotations differs.
        renamed: the parameter that has another name now, before and after.
    """

    words: list[str]
    optional: list[str]
    other: bool = False
    defaults: bool = False
    annotations: bool = False
    renamed: tuple[str, str] | None = None


def compare_headers(before: Piece, after: Piece) -> Header:
    """Compare what stands above the bodies of two versions."""
    found = Header([], [])
    old, new = _definition(before), _definition(after)
    _compare_decorators(found, before, after)
    if isinstance(old, _FUNCTIONS) and isinstance(new, _FUNCTIONS):
        if type(old) is not type(new):
            found.words.append(
                "now async" if isinstance(new, ast.AsyncFunctionDef) else "no longer async"
            )
            found.other = True
        _compare_parameters(found, old, new)
    if isinstance(old, ast.ClassDef) and isinstance(new, ast.ClassDef):
        bases = [shape([*node.bases, *node.keywords]) for node in (old, new)]
        if bases[0] != bases[1]:
            found.words.append("bases")
            found.other = True
    return found


def above(statement: Statement) -> bool:
    """Tell whether a statement is a decorator, `def` or `class` line."""
    return statement.kind in ("decorator", "FunctionDef", "AsyncFunctionDef", "ClassDef")


def _definition(piece: Piece) -> ast.AST | None:
    return next((s.node for s in piece.statements if s.kind.endswith("Def")), None)


def _compare_decorators(found: Header, before: Piece, after: Piece) -> None:
    old, new = (
        {s.digest: "@" + spelled(s.node) for s in piece.statements if s.kind == "decorator"}
        for piece in (before, after)
    )
    gone = [short(old[d]) for d in old if d not in new]
    come = [short(new[d]) for d in new if d not in old]
    if len(gone) == len(come) == 1 and gone[0].split("(")[0] == come[0].split("(")[0]:
        found.words.append(f"decorator {gone[0]} -> {come[0]}")
    else:
        found.words += [f"decorator {mark} added" for mark in come]
        found.words += [f"decorator {mark} removed" for mark in gone]
    if not gone and not come and list(old) != list(new):
        found.words.append("order of decorators")
    found.other = bool(found.words)


@dataclass(frozen=True, slots=True)
class _Parameter:
    kind: str
    default: ast.expr | None
    annotation: ast.expr | None


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> dict[str, _Parameter]:
    args = node.args
    found: dict[str, _Parameter] = {}
    positional = [*args.posonlyargs, *args.args]
    missing = len(positional) - len(args.defaults)
    for at, arg in enumerate(positional):
        kind = "positional-only" if at < len(args.posonlyargs) else "positional or keyword"
        default = args.defaults[at - missing] if at >= missing else None
        found[arg.arg] = _Parameter(kind, default, arg.annotation)
    if args.vararg:
        found["*" + args.vararg.arg] = _Parameter("rest", None, args.vararg.annotation)
    for arg, value in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        found[arg.arg] = _Parameter("keyword-only", value, arg.annotation)
    if args.kwarg:
        found["**" + args.kwarg.arg] = _Parameter("rest", None, args.kwarg.annotation)
    return found


def _compare_parameters(
    found: Header,
    old_node: ast.FunctionDef | ast.AsyncFunctionDef,
    new_node: ast.FunctionDef | ast.AsyncFunctionDef,
) -> None:
    old, new = _parameters(old_node), _parameters(new_node)
    gone = [name for name in old if name not in new]
    come = [name for name in new if name not in old]
    if len(gone) == len(come) == 1 and list(old).index(gone[0]) == list(new).index(come[0]):
        found.words.append(f"parameter {gone[0]} renamed to {come[0]}")
        found.renamed = (gone[0], come[0])
        found.other = True
        gone, come = [], []
    for name in come:
        optional = new[name].default is not None
        found.words.append(f"parameter {name} added with{'' if optional else 'out'} a default")
        if optional:
            found.optional.append(name)
        elif not name.startswith("*"):
            found.other = True
    for name in gone:
        found.words.append(f"parameter {name} removed")
        found.other = True
    both = [name for name in old if name in new]
    if both != [name for name in new if name in old]:
        found.words.append("order of parameters")
        found.other = True
    annotations: list[str] = []
    for name in both:
        was, now = old[name], new[name]
        if was.kind != now.kind:
            found.words.append(f"parameter {name} is now {now.kind}")
            found.other = True
        if _differ(was.default, now.default):
            found.words.append(f"default of {name} {_code(was.default)} -> {_code(now.default)}")
            found.defaults = found.other = True
        if _differ(was.annotation, now.annotation):
            annotations.append(f"annotation of {name}")
    if _differ(old_node.returns, new_node.returns):
        annotations.append("return annotation")
    found.annotations = bool(annotations) and not found.words
    found.words += annotations


def _differ(old: ast.expr | None, new: ast.expr | None) -> bool:
    if old is None or new is None:
        return old is not new
    return shape(old) != shape(new)


def _code(node: ast.expr | None) -> str:
    return "none" if node is None else short(spelled(node))


def short(text: str) -> str:
    """Cut a piece of code to what fits in a reason."""
    text = " ".join(text.split())
    return text if len(text) <= WIDTH else text[: WIDTH - 3] + "..."


def spelled(node: ast.AST) -> str:
    """Write syntax as Python, as far as it is not nested too deeply for that."""
    try:
        return ast.unparse(node)
    except RecursionError:
        return "..."
