"""Source of parts of a file: decoding, parsing, the text and the lines of statements."""

from __future__ import annotations

import ast
import codecs
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mandala_git.source.depth import SHORT, check_depth, may_take_minutes, python_tree
from mandala_git.source.extents import Extents
from mandala_git.source.nodes import DEFINITIONS, dotted_name

_LEADING = re.compile(r"(?:[ \t\f]*(?:#[^\n]*)?\n)*")
_NEWLINE = re.compile("\r\n?")


class Unreadable(Exception):
    """A file is not Python that we can read.

    Attributes:
        line: 1-based line of the problem, 0 when there is none.
    """

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


def decode(data: bytes) -> str:
    """Decode a source file as Python does: coding cookie, BOM, universal newlines."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        if encoding == "utf-8-sig":
            data, encoding = data.removeprefix(codecs.BOM_UTF8), "utf-8"
        text = data.decode(encoding)
        text.encode("utf-8")
    except SyntaxError as error:
        raise Unreadable(f"cannot be decoded: {error.msg}", 1) from error
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unreadable(f"is not {error.encoding}: {error.reason}", line) from error
    except UnicodeError as error:
        raise Unreadable(f"cannot be decoded: {error}", 0) from error
    except LookupError as error:
        raise Unreadable(f"cannot be decoded: {error}", 1) from error
    if "\0" in text:
        raise Unreadable("has a NUL byte", text.count("\n", 0, text.index("\0")) + 1)
    return _NEWLINE.sub("\n", text)


def parse(text: str) -> Any:
    """Parse a piece of a file into a libcst module.

    Raises:
        Unreadable: it is not valid Python.
        RecursionError: it is nested too deeply for this thread; see `deep.deeply`.
    """
    if len(text) > SHORT:
        _syntax(text)
    return _parse(text)


def parse_file(text: str) -> tuple[Any, Extents | None]:
    """Parse a whole file into a libcst module, and find out where its statements stand.

    Raises:
        Unreadable: it is not valid Python.
        RecursionError: it is nested too deeply for this thread; see `deep.deeply`.
    """
    tree = _syntax(text)
    module = _parse(text)
    return module, None if tree is None else Extents(text, tree)


def _syntax(text: str) -> ast.Module | None:
    """Let Python's own parser go first, which tells what would be too much for the other."""
    try:
        tree = python_tree(text)
    except SyntaxError as error:
        if may_take_minutes(text):
            raise _refused(error) from error
        tree = None
    check_depth(text, tree)
    return tree


def _parse(text: str) -> Any:
    import libcst

    try:
        return libcst.parse_module(text)
    except (libcst.ParserSyntaxError, libcst.CSTValidationError) as error:
        try:
            python_tree(text)
        except SyntaxError as reason:
            raise _refused(reason) from error
        raise Unreadable("is Python that libcst cannot parse") from error


def _refused(error: SyntaxError) -> Unreadable:
    return Unreadable(f"is not valid Python: {error.msg}", error.lineno or 0)


@dataclass(slots=True)
class Located:
    """A statement and its lines (1-based, inclusive)."""

    node: Any
    first: int
    last: int
    total: int  # lines that it takes with the comments before and after it
    code: str | None = None  # with these comments, where it had to be written out


class Locator:
    """Knows the source text of every node of one module.

    Args:
        module: as libcst has it.
        extents: where its statements stand; None when that is not known.
    """

    def __init__(self, module: Any, extents: Extents | None = None) -> None:
        self.module = module
        self.extents = extents
        self.first = 1 + len(module.header)

    def locate(self, node: Any, line: int) -> Located:
        """Return the lines of a statement whose comments begin at `line`."""
        first = line + len(node.leading_lines)
        simple = node.__class__.__name__ == "SimpleStatementLine"
        last = self.extents and self.extents.last(first, len(node.body) if simple else 1)
        if last:
            return Located(node, first, last, last + trailing(node) - line + 1)
        code = self.module.code_for_node(node)
        total = code.count("\n")
        first = line + code.count("\n", 0, _skipped(code))
        last = line + max(total, 1) - 1 - trailing(node)
        return Located(node, first, max(first, last), total, code)

    def text(self, located: Located) -> str:
        """Return the source of a compound statement, without the comments before it."""
        code = located.code
        if code is None and self.extents is not None:
            end = located.last + trailing(located.node)
            text = self.extents.text(located.node, located.first, end)
            if text is not None:
                return text
        if code is None:
            code = self.module.code_for_node(located.node)
        return code[_skipped(code) :].rstrip()

    def small(self, located: Located, place: int) -> str:
        """Return the source of a simple statement of a line, without its semicolon."""
        body = located.node.body
        if located.code is None and self.extents is not None:
            code = self.extents.small(located.first, place, len(body))
            if code is not None:
                return code
        return self.code(body[place])

    def code(self, node: Any) -> str:
        """Return the source of a simple statement as libcst writes it, without its semicolon."""
        return str(self.module.code_for_node(node)).rstrip(" \t\f\n;")

    def head(self, node: Any, line: int) -> tuple[str, int, int]:
        """Return a class's header with `pass` as its body, its first line, its body's line."""
        import libcst

        bare = node.with_changes(body=libcst.SimpleStatementSuite([libcst.Pass()]))
        code = self.module.code_for_node(bare)
        skip = _skipped(code)
        return code[skip:].rstrip(), line + code.count("\n", 0, skip), line + code.count("\n")

    def around(self, located: Located, line: int) -> tuple[str, list[tuple[Any, int]]]:
        """Return a compound statement, its functions and classes as names alone; see `elided`."""
        if has_definitions(located.node):
            return self.elided(located.node, line)
        return self.text(located), []

    def elided(self, node: Any, line: int) -> tuple[str, list[tuple[Any, int]]]:
        """Return a compound statement with functions and classes as names alone.

        Returns:
            The text, and each of these functions and classes with the line at which its
            comments begin.
        """
        import libcst

        found: list[Any] = []

        class Elide(libcst.CSTTransformer):  # type: ignore[misc, unused-ignore]
            def visit_FunctionDef(self, node: Any) -> bool:
                return False

            def visit_ClassDef(self, node: Any) -> bool:
                return False

            def visit_SimpleStatementLine(self, node: Any) -> bool:
                return False

            def _leave(self, original: Any) -> Any:
                found.append(original)
                mark = libcst.Name(f"_elided_{len(found) - 1}_")
                return libcst.SimpleStatementLine([libcst.Expr(mark)])

            def leave_FunctionDef(self, original_node: Any, updated_node: Any) -> Any:
                return self._leave(original_node)

            def leave_ClassDef(self, original_node: Any, updated_node: Any) -> Any:
                return self._leave(original_node)

        code = self.module.code_for_node(node.visit(Elide()))
        starts: list[tuple[Any, int]] = []
        shift = 0
        for number, definition in enumerate(found):
            mark = f"_elided_{number}_"
            at = code.index(mark)
            starts.append((definition, line + code.count("\n", 0, at) + shift))
            shift += self.module.code_for_node(definition).count("\n") - 1
            is_class = definition.__class__.__name__ == "ClassDef"
            keyword = (
                f"class {definition.name.value}:" if is_class else f"def {definition.name.value}():"
            )
            code = code.replace(mark, f"{keyword} pass", 1)
        return code[_skipped(code) :].rstrip(), starts


def _skipped(code: str) -> int:
    """Count the characters of the comments and blank lines at the start."""
    start = _LEADING.match(code)
    return start.end() if start is not None else 0


def trailing(node: Any) -> int:
    """Count the comment and blank lines after the last statement of a compound statement."""
    count = 0
    while True:
        suite = None
        for name in ("finalbody", "orelse"):
            part = getattr(node, name, None)
            if part is not None:
                suite = part
                break
        if suite is None:
            parts = getattr(node, "cases", None) or getattr(node, "handlers", None)
            if parts:
                count += len(getattr(node, "footer", ()))
                suite = parts[-1]
        if suite is not None:
            node = suite
            continue
        body: Any = getattr(node, "body", None)
        if body.__class__.__name__ != "IndentedBlock":
            return count
        count += len(body.footer)
        node = body.body[-1] if body.body else None


def has_definitions(node: Any) -> bool:
    """Tell whether a compound statement holds functions or classes at its own level."""
    pending = [node]
    while pending:
        item = pending.pop()
        for name in ("body", "orelse", "finalbody"):
            part = getattr(item, name, None)
            if part is None or isinstance(part, str):
                continue
            if isinstance(part, (list, tuple)):
                if any(p.__class__.__name__ in DEFINITIONS for p in part):
                    return True
                pending += part
            else:
                pending.append(part)
        pending += getattr(item, "handlers", ())
        pending += getattr(item, "cases", ())
    return False


def single_imports(node: Any) -> Iterator[tuple[str, Any]]:
    """Yield an import statement as statements of one name each, with their sources."""
    import libcst

    if node.__class__.__name__.endswith("Import"):
        start = "import "
    else:
        module = "" if node.module is None else dotted_name(node.module)
        start = f"from {'.' * len(node.relative)}{module} import "
        if node.names.__class__.__name__ == "ImportStar":
            yield start + "*", node
            return
    for alias in node.names:
        name = dotted_name(alias.name) if start == "import " else alias.name.value
        as_name = "" if alias.asname is None else f" as {alias.asname.name.value}"
        one = alias.with_changes(comma=libcst.MaybeSentinel.DEFAULT)
        yield f"{start}{name}{as_name}", node.with_changes(names=[one])
