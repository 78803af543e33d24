"""What statements at the top of a cell do to the names of its module."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from mandala_git.records import NamedTuple


class Names(NamedTuple):
    """The names of the module that some statements have to do with.

    Attributes:
        bound: they bind them.
        defined: of these, functions and classes.
        anew: of these, bound for certain, and without a look at what was there before.
        changed: something is done to what they stand for.
        lasting: they do what no name tells: `import *`, `from __future__ import`.
    """

    bound: frozenset[str]
    defined: frozenset[str]
    anew: frozenset[str]
    changed: frozenset[str]
    lasting: bool


def names_of(statements: Iterable[ast.stmt]) -> Names:
    """Find out what statements do to names when they run, not when a function in them is called."""
    look = _Look()
    for statement in statements:
        known = set(look.bound)
        look.visit(statement)
        if isinstance(statement, _PERHAPS):
            look.kept |= look.bound - known
    anew = look.bound - look.read - look.kept
    return Names(
        frozenset(look.bound),
        frozenset(look.defined),
        frozenset(anew),
        frozenset(look.changed),
        look.lasting,
    )


_PERHAPS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.TryStar, ast.Match)
"""Statements of which nobody knows whether they bind what they can bind."""


class _Look(ast.NodeVisitor):
    def __init__(self) -> None:
        self.bound: set[str] = set()
        self.defined: set[str] = set()
        self.read: set[str] = set()
        self.kept: set[str] = set()  # bound again by what only adds to it
        self.changed: set[str] = set()
        self.lasting = False
        self._inside = 0  # comprehensions and class bodies, whose names are their own

    def _bind(self, name: str) -> None:
        if not self._inside:
            self.bound.add(name)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.read.add(node.id)
        elif isinstance(node.ctx, ast.Store):
            self._bind(node.id)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        # In a comprehension it binds a name of the module all the same.
        self.bound.add(node.target.id)
        self.visit(node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:  # else it only says of what type a name would be
            self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.read.add(node.target.id)
        self.generic_visit(node)

    def visit_Delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if not isinstance(target, ast.Name):
                self.visit(target)

    def _change(self, node: ast.expr) -> None:
        while isinstance(node, ast.Attribute | ast.Subscript):
            node = node.value
        if isinstance(node, ast.Name):
            self.changed.add(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if not isinstance(node.ctx, ast.Load):
            self._change(node)
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if not isinstance(node.ctx, ast.Load):
            self._change(node)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute):
            self._change(node.func)
        self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            self._bind(name)
            if alias.asname is None and "." in alias.name:
                self.kept.add(name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self.lasting = self.lasting or node.module == "__future__"
        for alias in node.names:
            if alias.name == "*":
                self.lasting = True
            else:
                self._bind(alias.asname or alias.name)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self._bind(node.name)
        self.generic_visit(node)

    def visit_MatchAs(self, node: ast.MatchAs | ast.MatchStar) -> None:
        if node.name:
            self._bind(node.name)
        self.generic_visit(node)

    visit_MatchStar = visit_MatchAs

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        if node.rest:
            self._bind(node.rest)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._define(node.name)
        parts: list[ast.expr | None] = [*node.decorator_list, node.returns]
        parts += [*node.args.defaults, *node.args.kw_defaults]
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        parts += [each.annotation for each in every]
        for part in parts:
            if part is not None:
                self.visit(part)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        for part in (*node.args.defaults, *node.args.kw_defaults):
            if part is not None:
                self.visit(part)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._define(node.name)
        for part in (*node.decorator_list, *node.bases, *node.keywords):
            self.visit(part)
        self._inside += 1
        for statement in node.body:
            self.visit(statement)
        self._inside -= 1

    def _define(self, name: str) -> None:
        if not self._inside:
            self.bound.add(name)
            self.defined.add(name)

    def _comprehension(self, node: ast.AST) -> None:
        self._inside += 1
        self.generic_visit(node)
        self._inside -= 1

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension
