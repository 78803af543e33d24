"""Where the statements of a file stand, and their source text without the indentation around them.

libcst keeps no positions, and to write a node out again takes half as long as to parse it.
Python's own parser, which `depth.py` asks anyway, tells the lines of every statement; what is
between them libcst has as `EmptyLine`s. So the text of a statement is cut out of the file. Where
that is not certain to give the very text that libcst would write, nothing is given: the caller
then lets libcst write it. Which Python reads a file must not change a text.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import Any

_CONTINUES = ('"""', "'''", "\\\n")
"""Without one of these, no line of a statement begins inside a token."""

_SPACED = re.compile(r"except\b[^:]*\s:")
_CONTINUING = re.compile(r"^[ \t\f]*\\$", re.MULTILINE)
_INTERPOLATED = re.compile(r"\b(?:[ft]r?|r[ft])['\"]", re.IGNORECASE)
_TOKENS = re.compile(
    r"""\#[^\n]*|\\\n
      |\"{3}(?:[^"\\]++|\\.|"(?!""))*+\"{3}
      |'{3}(?:[^'\\]++|\\.|'(?!''))*+'{3}
      |"(?:[^"\\\n]++|\\.)*+"
      |'(?:[^'\\\n]++|\\.)*+'""",
    re.VERBOSE | re.DOTALL,
)
_NESTED = ("body", "orelse", "finalbody")


class _Unsure(Exception):
    """Only libcst knows the text."""


class Extents:
    """The statements of one file that are not inside functions, by their lines.

    Args:
        text: of the file.
        tree: what `ast.parse` makes of it.
    """

    def __init__(self, text: str, tree: ast.Module) -> None:
        self.lines = text.split("\n")
        self._statements: dict[int, list[ast.stmt]] = {}
        pending: list[ast.AST] = [tree] if _is_kept(text) else []
        while pending:
            node = pending.pop()
            for name in _NESTED:
                for statement in getattr(node, name, ()):
                    self._statements.setdefault(_begin(statement), []).append(statement)
                    if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                        pending.append(statement)
            pending += getattr(node, "handlers", ())
            pending += getattr(node, "cases", ())

    def last(self, first: int, count: int = 1) -> int | None:
        """Return the last line of a statement, without the comments below it.

        Args:
            first: its first line.
            count: of the statements in that line.

        Returns:
            None where that is not certain.
        """
        found = self._statements.get(first, [])
        if len(found) != count:
            return None
        try:
            return _end(found[-1], self.lines)
        except _Unsure:
            return None

    def text(self, node: Any, first: int, end: int) -> str | None:
        """Return the source of a compound statement without the indentation of its first line.

        Args:
            node: the statement, as libcst has it.
            first: its first line.
            end: the last line of the comments below that belong to it.

        Returns:
            None where it is not certain what libcst would write.
        """
        lines = self.lines[first - 1 : end]
        outer = _indentation(lines[0])
        if not outer:
            return "\n".join(lines).rstrip()
        dedent = _Dedent(self.lines)
        try:
            dedent.compound(node, self._statements[first][0], first, outer)
        except _Unsure:
            return None
        return "\n".join(dedent.without(outer, first, end)).rstrip()

    def small(self, first: int, place: int, count: int) -> str | None:
        """Return the source of one of the simple statements that begin in one line.

        Args:
            first: the line.
            place: which of them.
            count: how many there are.

        Returns:
            None where it is not certain what libcst would write.
        """
        found = self._statements.get(first, [])
        if len(found) != count:
            return None
        node = found[place]
        begin, end = node.lineno, node.end_lineno or node.lineno
        outer = _indentation(self.lines[first - 1])
        lines = self.lines[begin - 1 : end]
        cut = _offset(lines[0], node.col_offset)
        lines[-1] = lines[-1][: _offset(lines[-1], node.end_col_offset or 0)]
        lines[0] = lines[0][cut:]
        if outer and end > begin:
            dedent = _Dedent(self.lines)
            try:
                dedent.continued(begin, end, outer)
            except _Unsure:
                return None
            lines[1:-1] = dedent.without(outer, begin + 1, end - 1)
            if lines[-1].startswith(outer) and end not in dedent.kept:
                lines[-1] = lines[-1][len(outer) :]
        return "\n".join(lines)


class _Dedent:
    """Finds the lines of a statement that keep their indentation when that around it goes.

    These are the lines that begin inside a string or after a backslash, and those that stand
    further to the left than their block.

    Attributes:
        kept: the numbers of these lines.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines
        self.kept: set[int] = set()

    def without(self, outer: str, first: int, last: int) -> list[str]:
        """Return lines without the indentation around them."""
        size = len(outer)
        return [
            line[size:] if line.startswith(outer) and number not in self.kept else line
            for number, line in enumerate(self.lines[first - 1 : last], first)
        ]

    def compound(self, node: Any, twin: Any, line: int, indent: str) -> int:
        """Look at a compound statement; return the line after it and its comments.

        Args:
            node: as libcst has it.
            twin: the same as Python has it.
            line: where it begins.
            indent: how it is indented.
        """
        if node.__class__.__name__ == "Match":
            raise _Unsure
        line = self._suite(node.body, twin.body, line, indent)
        for handler, other in zip(
            getattr(node, "handlers", ()), getattr(twin, "handlers", ()), strict=True
        ):
            line = self._empty(handler.leading_lines, line)
            line = self._suite(handler.body, other.body, line, indent)
        for name in ("orelse", "finalbody"):
            part = getattr(node, name, None)
            if part is None:
                continue
            line = self._empty(part.leading_lines, line)
            statements = getattr(twin, name)
            if part.__class__.__name__ == "If":
                line = self.compound(part, statements[0], line, indent)
            else:
                line = self._suite(part.body, statements, line, indent)
        return line

    def _suite(self, suite: Any, twins: Sequence[ast.stmt], line: int, indent: str) -> int:
        """Look at a header that begins at `line`, and the suite behind it."""
        if suite.__class__.__name__ != "IndentedBlock":
            end = _end(twins[-1], self.lines)
            self.continued(line, end, indent)
            return end + 1
        body = suite.body
        begin = _begin(twins[0])
        if getattr(body[0], "decorators", ()) and "@" not in self.lines[begin - 1]:
            raise _Unsure  # `@(`, with the decorator itself on a later line
        at = begin - len(body[0].leading_lines)
        self.continued(line, at - 1, indent)
        indent = _indentation(self.lines[begin - 1])
        place = 0
        for item in body:
            at = self._empty(item.leading_lines, at)
            simple = item.__class__.__name__ == "SimpleStatementLine"
            count = len(item.body) if simple else 1
            found = twins[place : place + count]
            place += count
            if _begin(found[0]) != at:
                raise _Unsure
            if simple:
                end = _end(found[-1], self.lines)
                self.continued(at, end, indent)
                at = end + 1
            else:
                at = self.compound(item, found[0], at, indent)
        return self._empty(suite.footer, at)

    def continued(self, first: int, last: int, indent: str) -> None:
        """Look at the lines of one statement or header, which is indented by `indent`."""
        if last <= first:
            return
        for number in range(first + 1, last + 1):
            if not self.lines[number - 1].startswith(indent):
                self.kept.add(number)
        text = "\n".join(self.lines[first - 1 : last])
        if not any(mark in text for mark in _CONTINUES):
            return
        if _INTERPOLATED.search(text):
            raise _Unsure  # what is in braces is no text
        for token in _TOKENS.finditer(text):
            count = token[0].count("\n")
            if count:
                begin = first + text.count("\n", 0, token.start())
                self.kept.update(range(begin + 1, begin + count + 1))

    def _empty(self, lines: Sequence[Any], at: int) -> int:
        """Look at blank and comment lines; return the line after them."""
        for number, line in enumerate(lines, at):
            if not line.indent:
                self.kept.add(number)
        return at + len(lines)


def _is_kept(text: str) -> bool:
    """Tell whether libcst writes a file as it was: not so the space in `except E :`, and a line
    that only continues is none to it."""
    continuing = "\\\n" in text and _CONTINUING.search(text)
    return not continuing and _SPACED.search(text) is None


def _begin(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min(node.lineno, decorators[0].lineno) if decorators else node.lineno


def _end(node: ast.stmt, lines: Sequence[str]) -> int:
    end = node.end_lineno or node.lineno
    if lines[end - 1].endswith("\\"):
        raise _Unsure  # the line goes on after the statement
    return end


def _indentation(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t\f"))]


def _offset(line: str, offset: int) -> int:
    """Return where an offset in UTF-8 bytes is in a line."""
    return offset if line.isascii() else len(line.encode()[:offset].decode())
