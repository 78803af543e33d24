"""The walk over statements: the whole of the walk (rules 8, 8d, 8e, 13 and 19)."""

from __future__ import annotations

from typing import Any

from mandala_git.source.constants import identifier
from mandala_git.source.definitions import MODULE, Binding
from mandala_git.source.functions import Functions
from mandala_git.source.nodes import SINGLETONS, dotted_name
from mandala_git.source.scopes import Scope, ScopeKind
from mandala_git.source.tokens import BareToken, ImportToken, NameToken
from mandala_git.source.walk import END

DOC_TOOLS = frozenset(["docopt", "click", "typer", "fire", "doctest", "pydoc", "plac", "baker"])


class Statements(Functions):
    """Writes statements in normal form."""

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
                self._annotated_part(target)
            return
        self.out.append(b"An")
        self.annotation(node.annotation, self.scope)
        self.optional(node.value)
        if node.value is None and not name:
            self._annotated_part(target)
        else:
            # `x: int` in a class or module binds nothing, but it belongs to x
            self.target(target, b"Sb" if node.value is None else b"St")
            if node.value is None and name:
                self.scope.sure.discard(self.ident(target.value))

    def _annotated_part(self, target: Any) -> None:
        """Write what `a.b: int` and `a[b]: int` evaluate: all but the last step."""
        if target.__class__.__name__ == "Subscript":
            self.out.append(b"Ai")
            self.encode(target)
        else:
            self.out.append(b"Ab")
            self.encode(target.value)

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
            self.out.append(NameToken(self.scope, name, (), b"Nd"))
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
            self.out.append(ImportToken(self.scope, "*", (), ("from", level, module, "*")))
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
        self.out.append(ImportToken(self.scope, name, attrs, target))
        self.out.append(NameToken(self.scope, name, (), b"Si", False, True))

    # --- compound statements -----------------------------------------------------------------

    def _If(self, node: Any) -> None:
        self.out.append(b"If")
        self.encode(node.test)
        self.block(node)
        orelse = node.orelse
        if orelse is not None and orelse.__class__.__name__ == "If":
            self.scope.depth += 1
            self.encode(orelse)  # rule 8: `elif` is an `else` with one `if`
            self.scope.depth -= 1
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
