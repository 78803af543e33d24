"""How deeply a source is nested, known before a parser finds out the hard way.

The parser of libcst recurses without counting: what is nested too deeply for the stack ends the
process with a signal that nobody can catch, and its time grows with the square of the depth.
Python's own parser counts. What it refuses is refused here; what it accepts and is still deep is
left to a thread with a big stack (`deep.py`).
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator

from mandala_git.source.deep import has_room

SHORT = 1_000
"""Characters in which nothing can be nested so deeply that any stack is too small."""

_ORDINARY = 200
"""Levels of an expression that every stack has room for."""

_MOST = 10_000
"""Levels that no Python compiles."""


def syntax(text: str) -> ast.Module | None:
    """Parse a source as this Python does.

    Returns:
        None when this Python does not accept it; a newer one may.

    Raises:
        RecursionError: it is nested too deeply for this thread, or for any.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except MemoryError as error:  # "parser stack overflowed"
        raise RecursionError("too complex to parse") from error
    except SyntaxError as error:
        if "too many nested" in str(error):
            raise RecursionError(str(error)) from error
        return None


def check_depth(text: str, tree: ast.Module | None) -> None:
    """Refuse a source that cannot be parsed where we are.

    Args:
        text: the source.
        tree: what `syntax` made of it.

    Raises:
        RecursionError: it is nested too deeply for this thread, or for any.
    """
    if len(text) <= SHORT:
        return
    if tree is None:  # nothing is known about it, so there must be room
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
        if isinstance(node, ast.expr | ast.pattern | ast.stmt):
            size = starts[node.end_lineno or node.lineno] - starts[node.lineno - 1]
            # The lines of a decorator stand before those of its function.
            if size <= SHORT and not getattr(node, "decorator_list", ()):
                continue
            if not isinstance(node, ast.stmt):
                yield node
                continue
        pending.extend(ast.iter_child_nodes(node))


def _depth(node: ast.AST) -> int:
    depth = 0
    level = [node]
    while level:
        depth += 1
        level = [child for each in level for child in ast.iter_child_nodes(each)]
    return depth
