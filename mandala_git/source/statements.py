"""The walk over statements, functions and classes: the other half of `expressions.py`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mandala_git.source import constants
from mandala_git.source.constants import identifier, text_bytes
from mandala_git.source.definitions import MODULE, Binding
from mandala_git.source.expressions import DOC_TOOLS, END, SINGLETONS, Expressions, joined
from mandala_git.source.scopes import Scope, ScopeKind
from mandala_git.source.tokens import (
    BareToken,
    DecoratorToken,
    DocToken,
    ImportToken,
    NameToken,
    ObjectBaseToken,
)

DEFINITIONS = frozenset(["FunctionDef", "ClassDef"])


class Statements(Expressions):
    """Writes statements, functions and classes in normal form.

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

    # --- simple statements -----------------------------------------------------------------

    def _Expr(self, node: Any) -> None:
        value = node.value
        self.out.append(b"Ex")
        if (
            self.at_module()
            and value.__class__.__name__ == "Call"
            and value.func.__class__.__name__ == "Attribute"
        ):
            self.mutates(value.func.value)  # even a read-only name may be somebody's method
        self.encode(value)

    def _Assign(self, node: Any) -> None:
        self.out.append(b"As")
        self.encode(node.value)
        for target in node.targets:
            self.target(target.target)
        self.out.append(END)

    def _AnnAssign(self, node: Any) -> None:
        target = node.target
        name = target.__class__.__name__ == "Name"
        if self.scope.kind is ScopeKind.FUNCTION:  # rule 13: never evaluated
            if node.value is not None:
                self.out.append(b"As")
                self.encode(node.value)
                self.target(target)
                self.out.append(END)
            elif name:
                ident = self.ident(target.value)
                self.scope.annotated.add(ident)
                self.out.append(BareToken(self.scope, ident))
            else:
                self.out.append(b"Ab")
                self.encode(target.value)
            return
        self.out.append(b"An")
        self.annotation(node.annotation, self.scope)
        self.optional(node.value)
        if node.value is None and not name:
            self.encode(target.value)
        else:
            # `x: int` in a class or module binds nothing, but it belongs to x
            self.target(target, b"Sb" if node.value is None else b"St")
            if node.value is None and name:
                self.scope.sure.discard(self.ident(target.value))

    def _AugAssign(self, node: Any) -> None:
        self.out.append(b"Ag" + self._operator(node.operator))
        target = node.target
        if target.__class__.__name__ == "Name":
            self.read(target, False)
        self.target(target, b"Au")
        self.encode(node.value)

    def _Del(self, node: Any) -> None:
        self.out.append(b"Dl")
        target = node.target
        plain = target.__class__.__name__ == "Tuple" and target.elements
        for item in [e.value for e in target.elements] if plain else [target]:
            self.target(item, b"De")
            if item.__class__.__name__ == "Name":
                self.scope.sure.discard(self.ident(item.value))
        self.out.append(END)

    def _Pass(self, node: Any) -> None:
        self.out.append(b"Pz")

    def _Break(self, node: Any) -> None:
        self.out.append(b"Br")

    def _Continue(self, node: Any) -> None:
        self.out.append(b"Co")

    def _Return(self, node: Any) -> None:
        self.out.append(b"Re")
        if node.value is None:
            self.out.append(SINGLETONS["None"])
        else:
            self.encode(node.value)

    def _Raise(self, node: Any) -> None:
        self.out.append(b"Ra")
        self.optional(node.exc)
        self.optional(None if node.cause is None else node.cause.item)

    def _Assert(self, node: Any) -> None:
        self.out.append(b"Ae")
        self.encode(node.test)
        self.optional(node.msg)

    def _Global(self, node: Any) -> None:
        self.out.append(b"Gl")
        for item in node.names:
            name = self.ident(item.name.value)
            self.scope.outside.add(name)
            self.out.append(NameToken(self.scope, name, (), b"Gd"))
        self.out.append(END)

    def _Nonlocal(self, node: Any) -> None:
        self.out.append(b"Nl")
        for item in node.names:
            name = self.ident(item.name.value)
            self.scope.nonlocals.add(name)
            self.string(name)
        self.out.append(END)

    def _TypeAlias(self, node: Any) -> None:
        self.out.append(b"Ty")
        name = self.ident(node.name.value)
        outer = self.scope
        self.scope = Scope(ScopeKind.TYPES, outer)
        self.type_parameters(node.type_parameters)
        self.encode(node.value)
        self.scope = outer
        self.string(name)  # `A.__name__`
        self.store(name)

    # --- imports -----------------------------------------------------------------------

    def _Import(self, node: Any) -> None:
        for alias in node.names:
            dotted = dotted_name(alias.name)
            first = dotted.partition(".")[0]
            self.imported(0, dotted, ())
            asname = self._asname(alias)
            if asname:
                self.import_one(asname, (MODULE,), ("import", dotted))
            else:  # `import a.b` imports a.b but binds a
                rest = tuple(dotted.split(".")[1:])
                self.import_one(first, (*rest, MODULE), ("import", first))

    _LazyImport = _Import

    def _ImportFrom(self, node: Any) -> None:
        level = len(node.relative)
        module = "" if node.module is None else dotted_name(node.module)
        if node.names.__class__.__name__ == "ImportStar":
            self.imported(level, module, ("*",))
            self.out.append(b"I*")
            self.out.append(ImportToken("*", (), ("from", level, module, "*")))
            return
        names = [identifier(alias.name.value) for alias in node.names]
        self.imported(level, module, tuple(names))
        for alias, name in zip(node.names, names, strict=True):
            target = ("from", level, module, name)
            self.import_one(self._asname(alias) or name, (), target)

    _LazyImportFrom = _ImportFrom

    def _asname(self, alias: Any) -> str:
        return "" if alias.asname is None else identifier(alias.asname.name.value)

    def imported(self, level: int, module: str, names: tuple[str, ...]) -> None:
        """Note an import for the whole file."""
        self.sink.imports[level, module, names] = None
        if level == 0 and module.partition(".")[0] in DOC_TOOLS:
            self.sink.reads_docs = True
        if any(name in ("getdoc", "getsource") for name in names):
            self.sink.reads_docs = True

    def import_one(self, name: str, attrs: tuple[str, ...], target: Binding) -> None:
        """Write the import of one name: what it leads to, and the name that it binds."""
        name = self.ident(name)
        self.bind(self.scope, name, target)
        self.out.append(b"Im" if target[0] == "from" else b"Ib" if len(attrs) == 1 else b"Ia")
        self.out.append(ImportToken(name, attrs, target))
        self.out.append(NameToken(self.scope, name, (), b"Si", False, True))

    # --- compound statements -----------------------------------------------------------------

    def _If(self, node: Any) -> None:
        self.out.append(b"If")
        self.encode(node.test)
        self.block(node)
        orelse = node.orelse
        if orelse is not None and orelse.__class__.__name__ == "If":
            self.encode(orelse)  # rule 8: `elif` is an `else` with one `if`
            self.out.append(END)
        else:
            self.block(orelse)

    def _For(self, node: Any) -> None:
        self.out.append(b"Fa" if node.asynchronous is not None else b"Fo")
        self.encode(node.iter)
        self.scope.depth += 1
        self.target(node.target)
        self.scope.depth -= 1
        self.block(node)
        self.block(node.orelse)

    def _While(self, node: Any) -> None:
        self.out.append(b"Wh")
        self.encode(node.test)
        self.block(node)
        self.block(node.orelse)

    def _With(self, node: Any) -> None:
        self.out.append(b"Wy" if node.asynchronous is not None else b"Wi")
        self.scope.depth += 1
        while True:  # rule 8d: nested with statements are one
            for item in node.items:
                self.encode(item.item)
                if item.asname is None:
                    self.out.append(b"__")
                else:
                    self.target(item.asname.name)
            body = node.body.body
            inner = body[0] if len(body) == 1 else None
            if (
                inner is None
                or inner.__class__.__name__ != "With"
                or (inner.asynchronous is None) != (node.asynchronous is None)
            ):
                break
            node = inner
        self.out.append(END)
        self.suite(node.body)
        self.scope.depth -= 1

    def _Try(self, node: Any) -> None:
        self.out.append(b"Tr")
        self.block(node)
        for handler in node.handlers:
            self.out.append(b"Eh")
            self.optional(handler.type)
            self.scope.depth += 1
            if handler.name is None:
                self.out.append(b"__")
            else:
                self.target(handler.name.name)
                # unbound again when the handler ends
                self.scope.sure.discard(self.ident(handler.name.name.value))
            self.scope.depth -= 1
            self.block(handler)
        self.out.append(END)
        self.block(node.orelse)
        self.block(node.finalbody)

    def _TryStar(self, node: Any) -> None:
        self.out.append(b"T*")
        self._Try(node)

    def _Match(self, node: Any) -> None:
        self.out.append(b"Ma")
        self.encode(node.subject)
        self.scope.depth += 1
        for case in node.cases:
            self.out.append(b"Ms")
            self.encode(case.pattern)
            self.optional(case.guard)
            self.block(case)
        self.scope.depth -= 1
        self.out.append(END)

    def _MatchValue(self, node: Any) -> None:
        self.out.append(b"Mv")
        self.encode(node.value)

    def _MatchSingleton(self, node: Any) -> None:
        self.encode(node.value)

    def _MatchList(self, node: Any) -> None:
        self.out.append(b"Ml")  # rule 16: `[x, y]` is `(x, y)`
        self.sequence(node.patterns)

    _MatchTuple = _MatchList

    def _MatchSequenceElement(self, node: Any) -> None:
        self.encode(node.value)

    def _MatchStar(self, node: Any) -> None:
        self.out.append(b"M*")
        self._capture(node.name)

    def _capture(self, name: Any) -> None:
        if name is None:
            self.out.append(b"__")
        else:
            self.store(self.ident(name.value))

    def _MatchMapping(self, node: Any) -> None:
        self.out.append(b"Mm")
        for element in node.elements:
            self.encode(element.key)
            self.encode(element.pattern)
        self.out.append(END)
        self._capture(node.rest)

    def _MatchClass(self, node: Any) -> None:
        self.out.append(b"Mc")
        self.encode(node.cls)
        self.sequence(node.patterns)
        for element in node.kwds:
            name = self.ident(element.key.value)
            self.piece.attrs.add(name)
            self.string(name)
            self.encode(element.pattern)
        self.out.append(END)

    def _MatchAs(self, node: Any) -> None:
        self.out.append(b"Mz")
        self.optional(node.pattern)
        self._capture(node.name)

    def _MatchOr(self, node: Any) -> None:
        self.out.append(b"Mo")
        for element in node.patterns:
            self.encode(element.pattern)
        self.out.append(END)

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
        self.parameters(node.params, inner, annotations)
        self.annotation(node.returns, annotations)
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
        if node.bases or node.keywords:
            self.piece.documented = True
        inner = self.class_head(node)
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


def flat(body: Iterable[Any]) -> Iterator[Any]:
    """Yield the statements of a suite, those of a line one by one."""
    for item in body:
        if item.__class__.__name__ == "SimpleStatementLine":
            yield from item.body
        else:
            yield item


def docstring(statement: Any) -> str | None:
    """Return the docstring that a first statement is, if it is one."""
    if statement is None or statement.__class__.__name__ != "Expr":
        return None
    parts = list(joined(statement.value))
    if any(part.__class__.__name__ != "SimpleString" for part in parts):
        return None
    values = [constants.string_value(part.value) for part in parts]
    if any(isinstance(value, bytes) for value in values):
        return None
    return "".join(str(value) for value in values)


def is_idle(statement: Any) -> bool:
    """Tell whether a statement does nothing: `pass`, or a constant on its own."""
    kind = statement.__class__.__name__
    if kind == "Pass":
        return True
    if kind != "Expr":
        return False
    value = statement.value
    kind = value.__class__.__name__
    if kind == "Name":
        return value.value in SINGLETONS
    if kind == "ConcatenatedString":
        return all(part.__class__.__name__ == "SimpleString" for part in joined(value))
    return kind in ("SimpleString", "Integer", "Float", "Imaginary", "Ellipsis")


def is_plain_return(statement: Any) -> bool:
    """Tell whether a statement is `return` or `return None`."""
    if statement.__class__.__name__ != "Return":
        return False
    value = statement.value
    return value is None or (value.__class__.__name__ == "Name" and value.value == "None")


def is_object(base: Any) -> bool:
    """Tell whether a base class is written `object`."""
    value = base.value
    return not base.star and value.__class__.__name__ == "Name" and value.value == "object"


def dotted_name(node: Any) -> str:
    """Return `a.b.c` of an import."""
    parts = []
    while node.__class__.__name__ == "Attribute":
        parts.append(identifier(node.attr.value))
        node = node.value
    parts.append(identifier(node.value))
    return ".".join(reversed(parts))
