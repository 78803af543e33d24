"""The source of one definition as a tree of statements that know their lines."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from mandala_git.source.deep import deeply
from mandala_git.source.definitions import Definition, Kind, is_notebook
from mandala_git.source.located import (
    DEFINING,
    FUNCTIONS,
    bodies,
    first_line,
    locate,
    parse,
    split_lines,
    surroundings,
)
from mandala_git.source.notebooks import Notebook, read_notebook
from mandala_git.source.shapes import (
    FunctionNode,
    drop_local_annotations,
    function_body,
    head_shape,
    is_note,
    shape,
)
from mandala_git.source.sources import Unreadable
from mandala_git.source.sources import parse as parse_any


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
class Docstring:
    """A docstring, of the definition itself or of one inside it.

    Attributes:
        first, last: its lines.
        value: what the code that reads it gets.
    """

    first: int
    last: int
    value: str


@dataclass(frozen=True, slots=True)
class Piece:
    """One definition in its file.

    Attributes:
        lines: of the whole file; line 1 is `lines[0]`.
        statements: of the definition, in order: decorators, then the `def` or `class` with its
            suite; or the statements that bind a global, or those left over for `<module>`.
        nodes: the syntax nodes behind `statements` (the `def` once, decorators inside it).
        docstrings: its own, and those of what it defines inside, in order.
        complete: the text could be read; if not, `statements` is empty.
        shown: the lines that belong to the definition, in order.
    """

    lines: tuple[str, ...]
    statements: tuple[Statement, ...]
    nodes: tuple[ast.stmt, ...]
    docstrings: tuple[Docstring, ...]
    complete: bool
    shown: tuple[int, ...]


class Source:
    """A file that is read once for many of its definitions.

    Args:
        data: the bytes of the file; None when they are not at hand.
        notebook: they are those of a notebook.
    """

    def __init__(self, data: bytes | None, *, notebook: bool = False) -> None:
        self._notebook = _notebook(data) if notebook and data is not None else None
        if self._notebook is not None:
            self.lines = self._notebook.lines
            data = self._notebook.source.encode()
        else:
            self.lines = split_lines(data or b"")
        self._tree = parse(data) if data is not None else None
        self._pieces: dict[tuple[str, tuple[int, int]], Piece] = {}

    def place(self, line: int) -> tuple[int, int]:
        """Return (number of the notebook cell or 0, number in it or in the file) of a line."""
        cell, before = self._notebook.place(line) if self._notebook is not None else (0, 0)
        return cell, line - before

    def nodes(self, definition: Definition) -> tuple[ast.stmt, ...]:
        """Find the syntax of one definition; nothing when this Python cannot parse the file."""
        return locate(self._tree, definition) if self._tree is not None else ()

    def piece(self, definition: Definition) -> Piece:
        """Read one definition; incomplete when this Python cannot parse the file."""
        place = (definition.qualname, definition.lines)
        if place not in self._pieces:
            self._pieces[place] = self._piece(definition)
        return self._pieces[place]

    def _piece(self, definition: Definition) -> Piece:
        lines = self.lines
        first, last = definition.lines
        shown: Iterable[int] = range(max(first, 1), min(last, len(lines)) + 1)
        if self._tree is None:
            return Piece(lines, (), (), (), False, tuple(shown))
        nodes = locate(self._tree, definition)
        whole = definition.kind is Kind.FUNCTION
        if definition.kind not in (Kind.FUNCTION, Kind.CLASS):
            ranges = [(first_line(node), node.end_lineno or 0) for node in nodes]
            if definition.kind is Kind.MODULE:
                ranges += [(note.first, note.last) for note in _docstring(self._tree)]
            shown = sorted({n for start, end in ranges for n in range(start, end + 1)}) or shown
        return self._read(nodes, shown, whole=whole, parts=definition.kind)

    def around(self, definition: Definition) -> Piece:
        """Read the statement that a def or class stands in, without what it defines itself."""
        nodes: tuple[ast.stmt, ...] = ()
        if self._tree is not None and definition.kind in (Kind.FUNCTION, Kind.CLASS):
            nodes = surroundings(self._tree, definition)
        lines = [n for s in nodes for n in range(s.lineno, (s.end_lineno or s.lineno) + 1)]
        return self._read(nodes, lines)

    def _read(
        self,
        nodes: tuple[ast.stmt, ...],
        shown: Iterable[int],
        *,
        whole: bool = False,
        parts: Kind | None = None,
    ) -> Piece:
        """Read statements; `whole` with the bodies of functions, `parts` is the definition's kind."""
        lines = self.lines
        notes: list[Docstring] = []
        statements: list[Statement] = []
        hidden: set[int] = set()
        try:
            for node in nodes:
                top = isinstance(node, DEFINING)
                if isinstance(node, DEFINING):
                    statements.extend(_decorators(node, lines))
                    notes.extend(_docstrings(node) if whole else _docstring(node))
                if isinstance(node, FUNCTIONS):
                    drop_local_annotations(node)
                if not whole:
                    hidden |= _bodies_inside(node)
                statements.append(_statement(node, lines, top=top, elide=not whole))
        except RecursionError:
            return Piece(lines, (), (), (), False, tuple(shown))
        if parts is Kind.MODULE and self._tree is not None:
            notes.extend(_docstring(self._tree))
        left = tuple(line for line in shown if line not in hidden)
        complete = bool(nodes or notes)
        return Piece(lines, tuple(statements), nodes, tuple(notes), complete, left)


class Sources:
    """The files of one side of a comparison, read when they are asked for.

    Args:
        read: bytes of a file by its path; None when it is not there.
        notebooks: whether a file that is named like a notebook is one.
    """

    def __init__(self, read: Callable[[str], bytes | None], *, notebooks: bool = True) -> None:
        self._read = read
        self._notebooks = notebooks
        self._sources: dict[str, Source] = {}

    def __getitem__(self, path: str) -> Source:
        if path not in self._sources:
            notebook = self._notebooks and is_notebook(path)
            self._sources[path] = Source(self._read(path), notebook=notebook)
        return self._sources[path]


def _notebook(data: bytes) -> Notebook:
    """Read a notebook as the scan reads it; one that is none has no cells."""
    try:
        found = read_notebook(data)
        if parse(found.source.encode()) is None:
            found = deeply(lambda: found.mended(parse_any))
    except (Unreadable, RecursionError):
        return Notebook(())
    return found


def _decorators(node: FunctionNode | ast.ClassDef, lines: Sequence[str]) -> Iterator[Statement]:
    for mark in node.decorator_list:
        digest = shape(mark)
        last = mark.end_lineno or mark.lineno
        label = lines[mark.lineno - 1].strip()
        names = frozenset(n.id for n in ast.walk(mark) if isinstance(n, ast.Name))
        yield Statement(
            "decorator", digest, digest, mark.lineno, last, last, label, mark, names=names
        )


def _docstring(node: FunctionNode | ast.ClassDef | ast.Module) -> Iterator[Docstring]:
    value = ast.get_docstring(node, clean=False)
    if value is not None:
        first = node.body[0]
        yield Docstring(first.lineno, first.end_lineno or first.lineno, value)


def _docstrings(node: ast.AST) -> list[Docstring]:
    inside = (inner for inner in ast.walk(node) if isinstance(inner, DEFINING))
    found = (note for inner in inside for note in _docstring(inner))
    return sorted(found, key=lambda note: note.first)


def _bodies_inside(node: ast.stmt) -> set[int]:
    """Lines of the bodies of all defs and classes inside a statement, their first lines apart."""
    found: set[int] = set()
    for _, _, body in bodies(node):
        for child in body:
            if isinstance(child, DEFINING):
                found.update(range(child.body[0].lineno, (child.end_lineno or 0) + 1))
                found.discard(child.lineno)
            else:
                found |= _bodies_inside(child)
    return found


def _statement(
    node: ast.stmt, lines: Sequence[str], *, top: bool = False, elide: bool = False
) -> Statement:
    """Read one statement.

    Args:
        top: this is the def or class itself; its decorators are statements of their own.
        elide: defs and classes inside are only their names.
    """
    bare = _bare(node) if top else node
    first = node.lineno if top else first_line(node)
    last = node.end_lineno or node.lineno
    suites: list[Suite] = []
    starts: list[int] = []
    for name, clause, body in bodies(node):
        kept = function_body(node) if isinstance(node, FUNCTIONS) else body
        statements = tuple(
            _member(child, lines)
            if elide and isinstance(child, DEFINING)
            else _statement(child, lines, elide=elide)
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
        starts.append(line or first_line(body[0]))
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


def _label_line(node: ast.stmt, body: Sequence[ast.stmt], lines: Sequence[str]) -> int:
    # `else:` and `finally:` are no nodes: the last such line above the suite.
    for line in range(first_line(body[0]), node.lineno, -1):
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
    if isinstance(node, DEFINING) and node.decorator_list:
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
