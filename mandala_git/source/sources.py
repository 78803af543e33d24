"""Source of parts of a file: decoding, parsing, the text and the lines of statements."""

from __future__ import annotations

import codecs
import io
import re
import tokenize
from dataclasses import dataclass
from typing import Any

from mandala_git.source.depth import check_depth
from mandala_git.source.nodes import DEFINITIONS, dotted_name

_LEADING = re.compile(r"(?:[ \t\f]*(?:#[^\n]*)?\n)*")
_POSITION = re.compile(r"error at (\d+):")
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
    """Parse a whole file, or a piece of one, into a libcst module.

    Raises:
        Unreadable: it is not valid Python.
        RecursionError: it is nested too deeply for this thread; see `deep.deeply`.
    """
    import libcst

    check_depth(text)
    try:
        return libcst.parse_module(text)
    except libcst.ParserSyntaxError as error:
        place = _POSITION.search(error.message)
        line = int(place[1]) if place else error.raw_line
        # The parser notices some errors only at the end of the file, one line too late.
        raise Unreadable("is not valid Python", min(line, text.count("\n") or 1)) from error


@dataclass(slots=True)
class Located:
    """A statement with its text and its lines (1-based, inclusive)."""

    text: str
    first: int
    last: int
    total: int  # lines that it takes with the comments before and after it


class Locator:
    """Knows the source text of every node of one module."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.first = 1 + len(module.header)

    def locate(self, node: Any, line: int) -> Located:
        """Return text and lines of a statement whose comments begin at `line`."""
        code = self.module.code_for_node(node)
        total = code.count("\n")
        start = _LEADING.match(code)
        skip = start.end() if start is not None else 0
        first = line + code.count("\n", 0, skip)
        text = code[skip:].rstrip()
        last = line + max(total, 1) - 1 - trailing(node)
        return Located(text, first, max(first, last), total)

    def small(self, node: Any) -> str:
        """Return the source of a simple statement without its semicolon."""
        return str(self.module.code_for_node(node)).rstrip(" \t\f\n;")

    def head(self, node: Any, line: int) -> tuple[str, int, int]:
        """Return a class's header with `pass` as its body, its first line, its body's line."""
        import libcst

        bare = node.with_changes(body=libcst.SimpleStatementSuite([libcst.Pass()]))
        code = self.module.code_for_node(bare)
        start = _LEADING.match(code)
        skip = start.end() if start is not None else 0
        return code[skip:].rstrip(), line + code.count("\n", 0, skip), line + code.count("\n")

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
        start = _LEADING.match(code)
        return code[start.end() if start is not None else 0 :].rstrip(), starts


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


def import_sources(node: Any) -> list[str]:
    """Spell an import statement as statements of one name each."""
    if node.__class__.__name__.endswith("Import"):
        return [f"import {dotted_name(alias.name)}{_as(alias)}" for alias in node.names]
    module = "" if node.module is None else dotted_name(node.module)
    start = f"from {'.' * len(node.relative)}{module} import "
    if node.names.__class__.__name__ == "ImportStar":
        return [start + "*"]
    return [f"{start}{alias.name.value}{_as(alias)}" for alias in node.names]


def _as(alias: Any) -> str:
    return "" if alias.asname is None else f" as {alias.asname.name.value}"
