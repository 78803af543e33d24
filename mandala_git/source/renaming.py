"""Which names of two versions of a definition stand for one another."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator

from mandala_git.source.definitions import Definition
from mandala_git.source.pieces import Piece
from mandala_git.source.shapes import function_body, shape

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def renamed(old: Definition, new: Definition, before: Piece, after: Piece) -> list[tuple[str, str]]:
    """Return what became of names where only names differ, in order of the source.

    Args:
        old, new: two versions with one digest.
        before, after: where they stand.

    Returns:
        (old name, new name): of locals, and of what is spelled otherwise (`mean`,
        `numpy.mean`). Nothing when it cannot be told.
    """
    found: dict[str, str] = {}
    for was, now in zip(old.holes, new.holes, strict=False):
        if was.chain != now.chain and was.name != "<import>":
            found[was.chain] = now.chain
    spelled = {hole.name for hole in (*old.holes, *new.holes)}
    sides = [[n for n in _names(piece) if n not in spelled] for piece in (before, after)]
    if len(sides[0]) == len(sides[1]):
        found.update((a, b) for a, b in zip(*sides, strict=True) if a != b)
    return list(found.items())


def differs_by_name_only(was: str, now: str, before: Piece, after: Piece) -> bool:
    """Tell whether two bodies are equal once one name is replaced by another.

    Args:
        was, now: the name of a parameter before and after.
        before, after: the function.
    """
    was, now = was.lstrip("*"), now.lstrip("*")
    bodies: list[list[ast.stmt]] = []
    for piece in (before, after):
        node = next((n for n in piece.nodes if isinstance(n, _FUNCTIONS)), None)
        if node is None:
            return False
        bodies.append(function_body(node))
    old, new = bodies
    try:
        mine = [_Rename(was, now).visit(copy.deepcopy(statement)) for statement in old]
    except RecursionError:
        return False
    taken = any(isinstance(n, ast.Name) and n.id == now for s in old for n in ast.walk(s))
    return not taken and shape(mine) == shape(new)


class _Rename(ast.NodeTransformer):
    def __init__(self, was: str, now: str) -> None:
        self._was, self._now = was, now

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return (
            ast.copy_location(ast.Name(self._now, node.ctx), node) if node.id == self._was else node
        )


def _names(piece: Piece) -> list[str]:
    """The identifiers of a definition that may be locals, in order of the source."""
    found = [place for node in piece.nodes for inner in ast.walk(node) for place in _bound(inner)]
    return [name for _, _, name in sorted(found)]


def _bound(node: ast.AST) -> Iterator[tuple[int, int, str]]:
    name: str | None = None
    match node:
        case ast.Name(id=str(name)) | ast.alias(asname=str(name)):
            pass
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
            pass
        case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
            pass
        case _:
            return
    yield node.lineno, node.col_offset, name
