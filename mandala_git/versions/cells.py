"""The statements at the top of a cell that an IPython kernel ran: what they bind, and their code."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from mandala_git.records import NamedTuple
from mandala_git.source.codes import code_hash, walk
from mandala_git.source.depth import parsed
from mandala_git.source.magics import RUNS_PYTHON, to_python
from mandala_git.versions.bound import Names, names_of

TIMED = frozenset({"<timed exec>", "<timed eval>"})
"""What `%%time` calls its code; the text is that of the cell around it."""

_NESTED = frozenset({"capture"})
"""Magics that run their body as a cell of its own, which IPython keeps."""


class Group(NamedTuple):
    """Statements of a cell that stand on the same lines: mostly one.

    Attributes:
        first: line in the cell.
        text: its lines, with what follows them up to the next group.
        names: what the statements do to names of the module.
        codes: (qualified name, line in the cell, hash) of the code in them.
        timed: run by `%time` or `%%time`, under a file name that tells nothing.
    """

    first: int
    text: str
    names: Names
    codes: tuple[tuple[str, int, bytes], ...]
    timed: bool


def groups_of(text: str, filename: str, flags: int) -> Iterator[Group]:
    """Yield the groups of a cell, or of what a magic in it runs."""
    try:
        tree = parsed(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return  # it never ran
    lines = text.split("\n")
    starts = [(_first(node), node) for node in tree.body]
    ahead = 0
    for number, (first, node) in enumerate(starts):
        if number < ahead:
            continue
        nodes = [node]
        ahead = number + 1
        while ahead < len(starts) and starts[ahead][0] <= (nodes[-1].end_lineno or 0):
            nodes.append(starts[ahead][1])
            ahead += 1
        magic = _magic(nodes[0]) if len(nodes) == 1 else None
        if magic is not None:
            timed = groups_of(magic, "<timed exec>", flags)
            yield from (group._replace(timed=True) for group in timed)
            continue
        names = names_of(nodes)
        if names.bound or names.changed or names.lasting:
            end = starts[ahead][0] - 1 if ahead < len(starts) else len(lines)
            body = "\n".join(lines[first - 1 : end]).rstrip()
            yield Group(first, body, names, _codes(nodes, filename, flags), False)


def _first(node: ast.stmt) -> int:
    marks: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(mark.lineno for mark in marks)])


def _magic(node: ast.stmt) -> str | None:
    """Return the Python that a magic runs in the namespace of the notebook, if it is one."""
    match node:
        case ast.Expr(
            value=ast.Call(
                func=ast.Attribute(value=ast.Call(func=ast.Name(id="get_ipython"))) as method,
                args=[ast.Constant(value=str(name)), *_, ast.Constant(value=str(body))],
            )
        ):
            if method.attr == "run_line_magic" and name == "time":
                return body if not body.lstrip().startswith("-") else None
            if method.attr == "run_cell_magic" and name in RUNS_PYTHON - _NESTED:
                return to_python(body)[0].lstrip("\n")
    return None


def _codes(
    nodes: Iterable[ast.stmt], filename: str, flags: int
) -> tuple[tuple[str, int, bytes], ...]:
    """Hash all code in some statements, compiled as IPython does it: one by one.

    A `from __future__ import` counts for all that is compiled after it, in later cells too. What
    was compiled before it is not proved then: its text would be read as if it were behind it.
    """
    found: dict[tuple[str, int, bytes], None] = {}
    for node in nodes:
        module = ast.Module([node], [])
        allowed = flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        try:
            code = compile(module, filename, "exec", allowed, dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue  # it never ran
        for inner in walk(code):
            if inner is not code:
                found[inner.co_qualname, inner.co_firstlineno, code_hash(inner)] = None
    return tuple(found)
