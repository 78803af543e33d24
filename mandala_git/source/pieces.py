"""The source of one definition as a tree of statements that know their lines."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from mandala_git.source.definitions import Definition, Kind
from mandala_git.source.shapes import (
    SUITES,
    FunctionNode,
    drop_local_annotations,
    function_body,
    head_shape,
    is_note,
    shape,
)

_NEWLINE = re.compile(r"\r\n|\r|\n")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DEFINING = (*_FUNCTIONS, ast.ClassDef)


@dataclass(frozen=True, slots=True)
class Suite:
    """The statements under one header.

    Attributes:
        label: the line that opens it, `else:` or `except OSError:`; "" right under the header.
        line: of the label, 1-based; 0 when it has no line of its own.
        digest: of the clause that opens it: `body`, `orelse`, or the `except` with its type.
        statements: in order.
    """

    label: str
    line: int
    digest: str
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement that does something, and where it stands.

    Attributes:
        kind: name of the syntax node, `If`; `decorator` for one decorator.
        digest: equal for statements that differ in formatting only; suites included.
        head: the same of the header alone; equal to the digest for a simple statement.
        first, last: lines, 1-based.
        head_last: last line of the header.
        label: the header as one line, for telling where something moved from.
        suites: of a compound statement.
        names: identifiers read in it, suites not included.
        node: the syntax behind it.
    """

    kind: str
    digest: str
    head: str
    first: int
    last: int
    head_last: int
    label: str
    node: ast.AST = field(repr=False, compare=False)
    suites: tuple[Suite, ...] = ()
    names: frozenset[str] = frozenset()

    def walk(self) -> Iterator[Statement]:
        """This statement and all inside it, outermost first."""
        yield self
        for suite in self.suites:
            for statement in suite.statements:
                yield from statement.walk()


@dataclass(frozen=True, slots=True)
class Piece:
    """One definition in its file.

    Attributes:
        lines: of the whole file; line 1 is `lines[0]`.
        statements: of the definition, in order: decorators, then the `def` or `class` with its
            suite; or the statements that bind a global, or those left over for `<module>`.
        nodes: the syntax nodes behind `statements` (the `def` once, decorators inside it).
        notes: line ranges of the docstring, when there is one.
        complete: the text could be read; if not, `statements` is empty.
        shown: the lines that belong to the definition, in order.
    """

    lines: tuple[str, ...]
    statements: tuple[Statement, ...]
    nodes: tuple[ast.stmt, ...]
    notes: tuple[tuple[int, int], ...]
    complete: bool
    shown: tuple[int, ...]


class Source:
    """A file that is read once for many of its definitions.

    Args:
        data: the bytes of the file; None when they are not at hand.
    """

    def __init__(self, data: bytes | None) -> None:
        self.lines = split_lines(data or b"")
        self._tree = _parse(data) if data is not None else None

    def piece(self, definition: Definition) -> Piece:
        """Read one definition; incomplete when this Python cannot parse the file."""
        lines = self.lines
        first, last = definition.lines
        shown: Iterable[int] = range(max(first, 1), min(last, len(lines)) + 1)
        if self._tree is None:
            return Piece(lines, (), (), (), False, tuple(shown))
        nodes = _locate(self._tree, definition)
        notes: list[tuple[int, int]] = []
        statements: list[Statement] = []
        try:
            for node in nodes:
                if definition.kind in (Kind.FUNCTION, Kind.CLASS) and isinstance(node, _DEFINING):
                    statements.extend(_decorators(node, lines))
                    notes.extend(_docstring(node))
                if isinstance(node, _FUNCTIONS):
                    drop_local_annotations(node)
                statements.append(_statement(node, lines, top=definition.kind))
        except RecursionError:
            return Piece(lines, (), (), (), False, tuple(shown))
        if definition.kind is Kind.CLASS:
            hidden = {
                line
                for node in nodes
                for member in getattr(node, "body", ())
                if isinstance(member, _DEFINING)
                for line in range(member.body[0].lineno, (member.end_lineno or 0) + 1)
                if line > member.lineno
            }
            shown = [line for line in shown if line not in hidden]
        elif definition.kind is not Kind.FUNCTION:
            shown = sorted({n for s in statements for n in range(s.first, s.last + 1)})
        return Piece(lines, tuple(statements), nodes, tuple(notes), bool(nodes), tuple(shown))


class Sources:
    """The files of one side of a comparison, read when they are asked for.

    Args:
        read: bytes of a file by its path; None when it is not there.
    """

    def __init__(self, read: Callable[[str], bytes | None]) -> None:
        self._read = read
        self._sources: dict[str, Source] = {}

    def __getitem__(self, path: str) -> Source:
        if path not in self._sources:
            self._sources[path] = Source(self._read(path))
        return self._sources[path]


def split_lines(data: bytes) -> tuple[str, ...]:
    """Decode a Python file as Python does and split it where Python ends lines."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError:
        encoding = "utf-8"
    return tuple(_NEWLINE.split(data.decode(encoding, "backslashreplace")))


def _parse(data: bytes) -> ast.Module | None:
    # What the scan could read may still be newer than this interpreter's grammar.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(data)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def _locate(tree: ast.Module, definition: Definition) -> tuple[ast.stmt, ...]:
    if definition.kind in (Kind.FUNCTION, Kind.CLASS):
        for node in _definitions(tree.body):
            if node.name == definition.name and _first_line(node) == definition.lines[0]:
                return (node,)
        return ()
    if definition.kind is Kind.MODULE:
        return tuple(s for s in tree.body if _left_over(s))
    if definition.qualname == "*":
        return tuple(
            s for s in tree.body if isinstance(s, ast.ImportFrom) and s.names[0].name == "*"
        )
    return tuple(s for s in tree.body if definition.name in _bound(s))


def _definitions(body: Iterable[ast.stmt]) -> Iterator[FunctionNode | ast.ClassDef]:
    """Every def and class outside functions, in source order."""
    for statement in body:
        if isinstance(statement, _DEFINING):
            yield statement
        if not isinstance(statement, _FUNCTIONS):
            yield from _definitions(_suites(statement))


def _suites(statement: ast.stmt) -> Iterator[ast.stmt]:
    for _, _, body in _bodies(statement):
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
    return not isinstance(statement, _DEFINING) and not is_note(statement)


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


def _first_line(node: ast.stmt) -> int:
    marks = node.decorator_list if isinstance(node, _DEFINING) else []
    return min([node.lineno, *(mark.lineno for mark in marks)])


def _decorators(node: FunctionNode | ast.ClassDef, lines: Sequence[str]) -> Iterator[Statement]:
    for mark in node.decorator_list:
        digest = shape(mark)
        last = mark.end_lineno or mark.lineno
        label = lines[mark.lineno - 1].strip()
        names = frozenset(n.id for n in ast.walk(mark) if isinstance(n, ast.Name))
        yield Statement(
            "decorator", digest, digest, mark.lineno, last, last, label, mark, names=names
        )


def _docstring(node: FunctionNode | ast.ClassDef) -> Iterator[tuple[int, int]]:
    first = node.body[0]
    if is_note(first):
        yield (first.lineno, first.end_lineno or first.lineno)


def _statement(node: ast.stmt, lines: Sequence[str], top: Kind | None = None) -> Statement:
    """Read one statement; `top` is the kind of the definition when this is its def or class."""
    top = top if isinstance(node, _DEFINING) else None
    bare = _bare(node) if top else node
    first = node.lineno if top else _first_line(node)
    last = node.end_lineno or node.lineno
    suites: list[Suite] = []
    starts: list[int] = []
    for name, clause, body in _bodies(node):
        kept = function_body(node) if isinstance(node, _FUNCTIONS) else body
        statements = tuple(
            _member(child, lines)
            if top is Kind.CLASS and isinstance(child, _DEFINING)
            else _statement(child, lines)
            for child in kept
            if not is_note(child) and not isinstance(child, ast.Pass)
        )
        line = 0
        if clause is not None:
            line = clause.pattern.lineno if isinstance(clause, ast.match_case) else clause.lineno
        elif suites:
            line = _label_line(node, body, lines)
        label = lines[line - 1].strip() if line else ""
        digest = head_shape(clause) if clause is not None else name
        suites.append(Suite(label, line, digest, statements))
        starts.append(line or _first_line(body[0]))
    head_last = max(first, min(starts) - 1) if suites else last
    digest = shape(bare)
    return Statement(
        type(node).__name__,
        digest,
        head_shape(bare) if suites else digest,
        first,
        last,
        head_last,
        _label(lines, first, head_last),
        node,
        tuple(suites),
        frozenset(_names(node)),
    )


def _bodies(
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


def _label_line(node: ast.stmt, body: Sequence[ast.stmt], lines: Sequence[str]) -> int:
    # `else:` and `finally:` are no nodes: the last such line above the suite.
    for line in range(_first_line(body[0]), node.lineno, -1):
        if re.match(r"\s*(else|finally)\s*:", lines[line - 1]):
            return line
    return 0


def _member(node: FunctionNode | ast.ClassDef, lines: Sequence[str]) -> Statement:
    """A method as its class sees it: a name at a place."""
    digest = f"member {node.name}"
    line = node.lineno
    return Statement("member", digest, digest, line, line, line, _label(lines, line, line), node)


def _bare(node: ast.stmt) -> ast.stmt:
    """A def or class without its decorators, which are statements of their own."""
    if isinstance(node, _DEFINING) and node.decorator_list:
        fields = {name: getattr(node, name) for name in node._fields if hasattr(node, name)}
        return type(node)(**{**fields, "decorator_list": []})
    return node


def _label(lines: Sequence[str], first: int, last: int) -> str:
    text = " ".join(line.strip() for line in lines[first - 1 : last])
    return text if len(text) <= 60 else text[:57] + "..."


def _names(node: ast.stmt) -> Iterator[str]:
    """Identifiers in the header of a statement."""
    todo: list[ast.AST] = [node]
    while todo:
        current = todo.pop()
        if isinstance(current, ast.Name):
            yield current.id
        for child in ast.iter_child_nodes(current):
            if not isinstance(child, ast.stmt):
                todo.append(child)
