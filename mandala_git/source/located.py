"""Where the definitions of a file stand: syntax nodes with their lines."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Iterator

from mandala_git.source.definitions import Definition, Kind
from mandala_git.source.depth import parsed
from mandala_git.source.shapes import SUITES, FunctionNode, is_note
from mandala_git.source.sources import Unreadable, decode

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DEFINING = (*FUNCTIONS, ast.ClassDef)


def split_lines(data: bytes) -> tuple[str, ...]:
    """Decode a Python file as Python does and split it where Python ends lines."""
    try:
        text = decode(data)
    except Unreadable:  # it could be read, and was edited since
        text = data.decode("utf-8", "backslashreplace")
    return tuple(text.split("\n"))


def parse(data: bytes) -> ast.Module | None:
    """Parse a file; None when this interpreter cannot."""
    # What the scan could read may still be newer than this interpreter's grammar.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return parsed(data)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def locate(tree: ast.Module, definition: Definition) -> tuple[ast.stmt, ...]:
    """Find the `def` or `class`, or all statements of a global, import or `<module>`."""
    if definition.kind in (Kind.FUNCTION, Kind.CLASS):
        for node in _definitions(tree.body):
            if node.name == definition.name and first_line(node) == definition.lines[0]:
                return (node,)
        return ()
    if definition.kind is Kind.MODULE:
        return tuple(s for s in tree.body if _left_over(s))
    if definition.qualname == "*":
        return tuple(
            s
            for s in tree.body
            if any(isinstance(n, ast.alias) and n.name == "*" for n in ast.walk(s))
        )
    return tuple(s for s in tree.body if definition.name in _bound(s))


def surroundings(tree: ast.Module, definition: Definition) -> tuple[ast.stmt, ...]:
    """Find the top-level `if`, `try`, ... that a `def` or `class` stands in, if any."""
    line = definition.lines[0]
    return tuple(
        s
        for s in tree.body
        if not isinstance(s, DEFINING) and s.lineno <= line <= (s.end_lineno or 0)
    )


def _definitions(body: Iterable[ast.stmt]) -> Iterator[FunctionNode | ast.ClassDef]:
    """Every def and class outside functions, in source order."""
    for statement in body:
        if isinstance(statement, DEFINING):
            yield statement
        if not isinstance(statement, FUNCTIONS):
            yield from _definitions(_suites(statement))


def _suites(statement: ast.stmt) -> Iterator[ast.stmt]:
    for _, _, body in bodies(statement):
        yield from body


def _left_over(statement: ast.stmt) -> bool:
    match statement:
        case ast.Import() | ast.ImportFrom() | ast.Assign() | ast.AnnAssign():
            return any(
                isinstance(t, ast.Attribute | ast.Subscript)
                for t in getattr(statement, "targets", ())
            )
        case ast.If(test=ast.Compare() as test) if "__name__" in ast.dump(test):
            return False
    return not isinstance(statement, DEFINING) and not is_note(statement)


def _bound(statement: ast.stmt) -> set[str]:
    """Names of the module that a top-level statement binds or mutates, in a `global` too."""
    names: set[str] = set()
    todo: list[ast.AST] = [statement]
    while todo:
        node = todo.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda() | ast.ClassDef():
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Global):
                        names.update(inner.names)
                continue
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                names.add(name)
            case ast.alias():
                names.add(node.asname or node.name.partition(".")[0])
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                names.add(name)
            case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                names.add(name)
            case (
                ast.Attribute(ctx=ast.Store() | ast.Del())
                | ast.Subscript(ctx=ast.Store() | ast.Del())
            ):
                names.add(_owner(node))
            case ast.Expr(value=ast.Call(func=ast.Attribute() as method)):
                names.add(_owner(method))
        todo.extend(ast.iter_child_nodes(node))
    return names


def _owner(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def first_line(node: ast.stmt) -> int:
    """The line where a statement begins, decorators included."""
    marks = node.decorator_list if isinstance(node, DEFINING) else []
    return min([node.lineno, *(mark.lineno for mark in marks)])


def bodies(
    node: ast.stmt,
) -> Iterator[tuple[str, ast.ExceptHandler | ast.match_case | None, list[ast.stmt]]]:
    """The suites of a statement: their field, the clause that opens them, their statements."""
    for name in SUITES:
        found = getattr(node, name, None)
        if not found:
            continue
        if isinstance(found[0], ast.ExceptHandler | ast.match_case):
            for clause in found:
                yield name, clause, clause.body
        else:
            yield name, None, found
