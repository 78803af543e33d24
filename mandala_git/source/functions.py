"""The walk over functions, classes and the suites in them (rules 3, 8b, 8c, 11, 17, 18)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mandala_git.config import ANNOTATIONS, ELSE_AFTER_RETURN
from mandala_git.source.constants import identifier, text_bytes
from mandala_git.source.nodes import (
    docstring,
    flat,
    is_idle,
    is_object,
    is_plain_return,
    unnested,
)
from mandala_git.source.patterns import Patterns
from mandala_git.source.scopes import Scope, ScopeKind
from mandala_git.source.tokens import DecoratorToken, DocToken, NameToken, ObjectBaseToken
from mandala_git.source.walk import END


class Functions(Patterns):
    """Writes functions and classes.

    At module level, and in the body of a class that is described on its own, functions and
    classes are written as their names alone (`elide`): each is a definition of its own.
    """

    elide = True
    function: Scope | None = None  # the function that is the piece itself

    # --- suites -----------------------------------------------------------------------

    def suite(self, node: Any, *, function: bool = False) -> None:
        """Write the statements of a suite; what does nothing is left out (3b, 8b, 8c)."""
        if node is not None:
            statements = list(flat(node.body))
            if ELSE_AFTER_RETURN in self.sink.equal:
                statements = unnested(statements)
            if function and statements and is_plain_return(statements[-1]):
                statements.pop()
            for statement in statements:
                if not is_idle(statement):
                    self.encode(statement)
        self.out.append(END)

    def block(self, node: Any) -> None:
        """Write a suite that may not run."""
        self.scope.depth += 1
        self.suite(None if node is None else node.body)
        self.scope.depth -= 1

    def documented(self, body: Any, *, function: bool = False) -> None:
        """Write a body whose first statement may be a docstring."""
        first = next(iter(flat(body.body)), None)
        value = docstring(first)
        if value is not None:
            self.out.append(DocToken(b"Dx" + text_bytes(value)))
        self.suite(body, function=function)

    # --- functions and classes -----------------------------------------------------------------

    def _FunctionDef(self, node: Any) -> None:
        name = self.ident(node.name.value)
        if self.elided():
            self.out.append(b"Ef" + text_bytes(name))
            self.define(name)
            return
        self.function_def(node)
        self.string(name)
        self.store(name)

    def elided(self) -> bool:
        """Tell whether a function or class here is a definition of its own."""
        return self.elide and self.scope.kind in (ScopeKind.MODULE, ScopeKind.CLASS)

    def function_def(self, node: Any, *, own: bool = False) -> None:
        """Write a function without its name; `own` when it is the definition itself."""
        self.out.append(b"Da" if node.asynchronous is not None else b"Df")
        self.decorators(node.decorators, own)
        outer, header, elide = self.scope, self.header, self.elide
        annotations = outer
        if node.type_parameters is not None:
            annotations = self.scope = Scope(ScopeKind.TYPES, outer)
        self.type_parameters(node.type_parameters)
        self.scope = outer
        inner = Scope(ScopeKind.FUNCTION, annotations)
        if own:
            self.function = inner
            self.piece.generator = node.asynchronous is not None
        kept, self.annotations = (
            self.annotations,
            not (ANNOTATIONS in self.sink.equal and not node.decorators),
        )
        self.parameters(node.params, inner, annotations)
        self.annotation(node.returns, annotations)
        self.annotations = kept
        self.scope, self.elide = inner, False
        if own:
            self.header = False
        self.documented(node.body, function=True)
        self.scope, self.header, self.elide = outer, header, elide

    def yields(self) -> None:
        scope: Scope | None = self.scope
        while scope is not None and scope.kind is ScopeKind.COMPREHENSION:
            scope = scope.parent
        if scope is self.function:
            self.piece.generator = True

    def _ClassDef(self, node: Any) -> None:
        name = self.ident(node.name.value)
        if self.elided():
            self.out.append(b"Ec" + text_bytes(name))
            self.define(name)
            return
        inner = self.class_head(node)
        if node.keywords or not all(map(is_object, node.bases)):
            self.piece.documented = inner.prepared = True
        outer, owner, self.scope = self.scope, self.owner, inner
        self.owner = identifier(node.name.value)
        self.documented(node.body)
        self.scope, self.owner = outer, owner
        self.string(name)
        self.store(name)

    def class_head(self, node: Any, *, own: bool = False) -> Scope:
        """Write decorators, type parameters, bases and keywords; return the class's scope."""
        self.out.append(b"Cd")
        self.decorators(node.decorators, own)
        outer, header = self.scope, self.header
        around = outer
        if node.type_parameters is not None:
            around = self.scope = Scope(ScopeKind.TYPES, outer)
        self.type_parameters(node.type_parameters)
        self.header = True
        bases = node.bases
        if len(bases) == 1 and not node.keywords and is_object(bases[0]):
            self.out.append(ObjectBaseToken(self.scope))
        else:
            for base in bases:
                self.encode(base)
        self.out.append(END)
        self.sequence(node.keywords)
        self.scope, self.header = outer, header
        return Scope(ScopeKind.CLASS, around)

    def decorators(self, nodes: Sequence[Any], own: bool) -> None:
        """Write decorators in order (rule 11)."""
        header, self.header = self.header, True
        for node in nodes:
            expression = node.decorator
            call = expression.__class__.__name__ == "Call"
            out = self.out
            whole: list[Any] = []
            self.out = whole
            arguments: list[Any] = []
            self.encode(expression)
            if call:
                self.out = arguments
                self.sequence(expression.args)
            self.out = out
            head = whole[1] if call and len(whole) > 1 else whole[0] if len(whole) == 1 else None
            chain = head if isinstance(head, NameToken) else None
            if call and expression.func.__class__.__name__ not in ("Name", "Attribute"):
                chain = None
            out.append(DecoratorToken(chain, call, arguments, whole, own))
        self.out.append(END)
        self.header = header

    def type_parameters(self, node: Any) -> None:
        """Write the parameters of `def f[T]` and bind them in the current scope (rule 17)."""
        if node is None:
            self.out.append(b"__")
            return
        for item in node.params:
            kind = item.param.__class__.__name__
            name = self.ident(item.param.name.value)
            self.scope.bind(name)
            self.out.append(b"Tp" + text_bytes(kind) + text_bytes(name))
            self.optional(getattr(item.param, "bound", None))
            self.out.append(b"S*" if item.star else b"S_")
            self.optional(item.default)
        self.out.append(END)
