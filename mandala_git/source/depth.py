"""How deeply a source is nested, known before a parser finds out the hard way.

The parser of libcst recurses without counting: what is nested too deeply for the stack ends the
process with a signal that nobody can catch, and its time grows with the square of the depth.
Python's own parser counts. What it refuses is refused here; what it accepts and is still deep is
left to a thread with a big stack (`deep.py`). What it does not know, perhaps for being newer, is
guessed from the tokens.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from contextlib import suppress

from mandala_git.source.deep import has_room

SHORT = 1_000
"""Characters in which nothing can be nested so deeply that any stack is too small."""

_ORDINARY = 200
"""Levels of an expression that every stack has room for."""

_MOST = 10_000
"""Levels that no Python compiles."""

_GUESSED = 4_000
"""Levels at most of what Python does not accept: libcst takes seconds for so many."""

_STRING = r"""(?:
    \"\"\"(?:\\.|[^\\])*?\"\"\"|'''(?:\\.|[^\\])*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')"""
_TOKENS = re.compile(
    rf"""\#[^\n]*|\b(?i:[ft]r?|r[ft])(?P<holes>{_STRING})|{_STRING}
    |(?P<deeper>\b(?:not|and|or|lambda|if|for|await|yield)\b|[^\w\s,;()\[\]{{}}])
    |(?P<open>[(\[{{])|(?P<close>[)\]}}])|(?P<next>[,;\n])|\w+""",
    re.VERBOSE | re.DOTALL,
)


def parsed(source: str | bytes, file: str = "<unknown>") -> ast.Module:
    """Return what `ast.parse` makes of a source.

    Python 3.11 counts the depth of all threads in one place, and fails when two parse at once;
    who comes too late tries again.
    """
    for _ in range(100):
        with suppress(SystemError):
            return ast.parse(source, file)
    return ast.parse(source, file)


def python_tree(text: str) -> ast.Module:
    """Parse a source as this Python does.

    Raises:
        SyntaxError: this Python does not accept it; a newer one may.
        RecursionError: it is nested too deeply for this thread, or for any.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return parsed(text)
    except MemoryError as error:  # "parser stack overflowed"
        raise RecursionError("too complex to parse") from error
    except SyntaxError as error:
        if "too many nested" in str(error):
            raise RecursionError(str(error)) from error
        raise


def check_depth(text: str, tree: ast.Module | None) -> None:
    """Refuse a source that cannot be parsed where we are.

    Args:
        text: the source.
        tree: what `python_tree` made of it; None for nothing.

    Raises:
        RecursionError: it is nested too deeply for this thread, or for any.
    """
    if len(text) <= SHORT:
        return
    if tree is None:  # too little is known about it, so there must be room
        depth = _ORDINARY + 1
    else:
        depth = max(map(_depth, _long_expressions(tree, text)), default=0)
    if depth > (_MOST if has_room() else _ORDINARY):
        raise RecursionError(f"an expression of {depth} levels")


def _long_expressions(tree: ast.Module, text: str) -> Iterator[ast.AST]:
    """Yield the expressions in which something may be nested deeply, and what stands for one."""
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.expr | ast.pattern | ast.stmt | ast.alias):
            size = starts[node.end_lineno or node.lineno] - starts[node.lineno - 1]
            # The lines of a decorator stand before those of its function.
            if size <= SHORT and not getattr(node, "decorator_list", ()):
                continue
            if not isinstance(node, ast.stmt) or isinstance(node, ast.ImportFrom):
                yield node
                continue
        pending.extend(ast.iter_child_nodes(node))


def _depth(node: ast.AST) -> int:
    depth = 0
    level = [node]
    while level:
        depth += max(map(_links, level))
        level = [child for each in level for child in ast.iter_child_nodes(each)]
    return depth


def _links(node: ast.AST) -> int:
    """Count the levels that libcst has for a node of Python's own parser."""
    match node:
        case ast.BoolOp(values=links) | ast.comprehension(ifs=links):
            return max(len(links), 1)
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            return len(node.generators)
        case ast.ImportFrom(module=str(name)) | ast.alias(name=name):
            return 1 + name.count(".")
    return 1


def may_take_minutes(text: str, around: int = 0) -> bool:
    """Guess from its tokens whether a source that Python does not accept is nested deeply.

    What counts is operators and brackets with no comma, and outside of brackets no end of a line,
    between them.

    Args:
        text: the source.
        around: how deeply it is in another.
    """
    depth = around
    levels = [0]
    for match in _TOKENS.finditer(text):
        kind = match.lastgroup
        if kind == "next" and (len(levels) == 1 or match[0] != "\n"):
            depth -= levels[-1]
            levels[-1] = 0
        elif kind == "close" and len(levels) > 1:
            depth -= levels.pop()
        elif kind in ("deeper", "open"):
            depth += 1
            levels[-1] += 1
            if kind == "open":
                levels.append(0)
        if depth > _GUESSED or (
            kind == "holes" and may_take_minutes(match["holes"].strip("'\""), depth)
        ):
            return True
    return False
