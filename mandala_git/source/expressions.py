"""The walk over expressions (rules 4, 8f, 8g, 12, 14 and 15)."""

from __future__ import annotations

from typing import Any

from mandala_git.config import CONSTANT_FOLDING, UNKEYED_PARAMETERS
from mandala_git.source import constants
from mandala_git.source.constants import identifier, text_bytes
from mandala_git.source.folding import folded
from mandala_git.source.nodes import is_literal_text, literal_texts
from mandala_git.source.scopes import Scope, ScopeKind, binding_scope
from mandala_git.source.strings import Strings
from mandala_git.source.tokens import NameToken, Piece, UnwrittenToken
from mandala_git.source.walk import END

# pandas, numexpr, duckdb, pandasql, patsy, formulaic, plotnine and statsmodels' formulas look the
# names in their strings up in the caller's frame.
FRAME_READERS = frozenset(
    [
        "query",
        "eval",
        "evaluate",
        "re_evaluate",
        "sql",
        "execute",
        "exec",
        "sqldf",
        "aes",
        "design_matrices",
        "model_matrix",
        "get_model_matrix",
        "dmatrix",
        "dmatrices",
        "from_formula",
        "ols",
        "wls",
        "gls",
        "glsar",
        "glm",
        "gee",
        "logit",
        "probit",
        "mnlogit",
        "poisson",
        "negativebinomial",
        "mixedlm",
        "rlm",
        "quantreg",
        "phreg",
    ]
)
ATTRIBUTE_CALLS = frozenset(["getattr", "hasattr", "setattr", "delattr"])


class Expressions(Strings):
    """Writes expressions."""

    annotations = True  # rule 13b: off in a function whose annotations do not count

    # --- operators -----------------------------------------------------------------------

    def _operator(self, node: Any) -> bytes:
        name = node.__class__.__name__
        return text_bytes(name)

    def _folded(self, node: Any) -> bool:
        """Write an operation on constants as its value (rule 7b), if the project asks for it."""
        if CONSTANT_FOLDING not in self.sink.equal:
            return False
        value = folded(node)
        if value is None:
            return False
        if isinstance(value, str):
            self.text(value)
        else:
            self.out.append(b"Ii%x;" % value)
        return True

    def _UnaryOperation(self, node: Any) -> None:
        if self._folded(node):
            return
        operator = node.operator.__class__.__name__
        inner = node.expression
        if operator == "Not" and inner.__class__.__name__ == "Comparison":
            # rule 8f: `not a in b` is `a not in b`, `not a is b` is `a is not b`
            opposite = {"In": b"NotIn", "Is": b"IsNot"}
            if len(inner.comparisons) == 1:
                comparison = inner.comparisons[0]
                other = opposite.get(comparison.operator.__class__.__name__)
                if other is not None:
                    self.out.append(b"Cm")
                    self.encode(inner.left)
                    self.out.append(text_bytes(other.decode()))
                    self.encode(comparison.comparator)
                    self.out.append(END)
                    return
        self.out.append(b"Un" + self._operator(node.operator))
        self.encode(inner)

    def _BinaryOperation(self, node: Any) -> None:
        if self._folded(node):
            return
        self.out.append(b"Bi" + self._operator(node.operator))
        self.encode(node.left)
        self.encode(node.right)

    def _BooleanOperation(self, node: Any) -> None:
        # rule 8g: one flat list for a chain of the same operator
        operator = node.operator.__class__
        self.out.append(b"Bo" + self._operator(node.operator))
        pending = [node]
        while pending:
            item = pending.pop()
            if (
                item.__class__.__name__ == "BooleanOperation"
                and item.operator.__class__ is operator
            ):
                pending.append(item.right)
                pending.append(item.left)
            else:
                self.encode(item)
        self.out.append(END)

    def _Comparison(self, node: Any) -> None:
        self.out.append(b"Cm")
        self.encode(node.left)
        for comparison in node.comparisons:
            self.out.append(self._operator(comparison.operator))
            self.encode(comparison.comparator)
        self.out.append(END)

    def _IfExp(self, node: Any) -> None:
        self.out.append(b"Ix")
        self.encode(node.test)
        self.scope.depth += 1
        self.encode(node.body)
        self.encode(node.orelse)
        self.scope.depth -= 1

    def _NamedExpr(self, node: Any) -> None:
        self.out.append(b"Wa")
        self.encode(node.value)
        name = self.ident(node.target.value)
        scope = binding_scope(self.scope)
        self.bind(scope, name)
        self.out.append(NameToken(scope, name, (), b"St", False, True))

    def _Await(self, node: Any) -> None:
        self.out.append(b"Aw")
        self.encode(node.expression)

    def _Yield(self, node: Any) -> None:
        self.yields()
        if node.value is not None and node.value.__class__.__name__ == "From":
            self.out.append(b"Yf")
            self.encode(node.value.item)
        else:
            self.out.append(b"Yi")
            self.optional(node.value)

    def yields(self) -> None:
        """Note a yield; `Statements` knows whose it is."""

    # --- containers -----------------------------------------------------------------------

    def _Tuple(self, node: Any) -> None:
        self.out.append(b"Tu")
        self.sequence(node.elements)

    def _List(self, node: Any) -> None:
        self.out.append(b"Li")
        self.sequence(node.elements)

    def _Set(self, node: Any) -> None:
        self.out.append(b"Se")
        self.sequence(node.elements)

    def _Dict(self, node: Any) -> None:
        self.out.append(b"Di")
        self.sequence(node.elements)

    def _Element(self, node: Any) -> None:
        self.encode(node.value)

    def _StarredElement(self, node: Any) -> None:
        self.out.append(b"Sr")
        self.encode(node.value)

    def _DictElement(self, node: Any) -> None:
        self.encode(node.key)
        self.encode(node.value)

    def _StarredDictElement(self, node: Any) -> None:
        self.out.append(b"Sd")
        self.encode(node.value)

    # --- comprehensions -----------------------------------------------------------------------

    def _GeneratorExp(self, node: Any) -> None:
        self.comprehension(b"Gc", node, (node.elt,))

    def _ListComp(self, node: Any) -> None:
        self.comprehension(b"Lc", node, (node.elt,))

    def _SetComp(self, node: Any) -> None:
        self.comprehension(b"Sc", node, (node.elt,))

    def _DictComp(self, node: Any) -> None:
        self.comprehension(b"Dc", node, (node.key, node.value))

    def _StarredDictComp(self, node: Any) -> None:
        self.comprehension(b"Ds", node, (node.value,))

    def comprehension(self, tag: bytes, node: Any, results: tuple[Any, ...]) -> None:
        """Write a comprehension; its first iterable belongs to the scope around it."""
        self.out.append(tag)
        clause = node.for_in
        self.encode(clause.iter)
        outer, self.scope = self.scope, Scope(ScopeKind.COMPREHENSION, self.scope)
        first = True
        while clause is not None:
            self.out.append(b"Ca" if clause.asynchronous is not None else b"Cf")
            if not first:
                self.encode(clause.iter)
            self.target(clause.target)
            for condition in clause.ifs:
                self.encode(condition.test)
            self.out.append(END)
            clause, first = clause.inner_for_in, False
        self.out.append(END)
        for result in results:
            self.encode(result)
        self.scope = outer

    # --- calls, subscripts, lambdas -----------------------------------------------------------

    def _Call(self, node: Any) -> None:
        self.out.append(b"Cl")
        function = node.func
        kind = function.__class__.__name__
        token: NameToken | None = None
        if kind == "Name":
            token = self.read(function, True)
            if token is not None:
                self._special_call(token, node)
        elif kind == "Attribute":
            token = self.attribute(function, True)
            if function.attr.value in ("query", "eval") and any(
                "@" in text for arg in node.args for text in literal_texts(arg.value)
            ):
                self.piece.dynamic = True  # pandas: "@name" reads a variable of the frame
            self._frame_reader(function.attr.value, node)
        else:
            self.encode(function)
        self.sequence(node.args)

    def _frame_reader(self, name: str, node: Any) -> None:
        """Note a call that may read locals of its caller by names that are not written here."""
        if name in FRAME_READERS and not (node.args and is_literal_text(node.args[0])):
            self.piece.framed = True

    def _special_call(self, token: NameToken, node: Any) -> None:
        self._frame_reader(token.name, node)
        if token.name in ATTRIBUTE_CALLS and len(node.args) >= 2:
            name = node.args[1].value
            if name.__class__.__name__ == "SimpleString" and not node.args[1].star:
                value = constants.string_value(name.value)
                if isinstance(value, str) and not node.args[0].star:
                    token.quiet = True
                    self.piece.attrs.add(identifier(value))
                    self.see(value)
        elif token.name == "super" and not node.args:
            self.piece.visible.add("class")
        elif token.name in ("vars", "dir") and node.args and not node.args[0].star:
            token.quiet = True

    def _Arg(self, node: Any) -> None:
        if node.star:
            self.out.append(b"A*" if node.star == "*" else b"AA")
        elif node.keyword is not None:
            self.out.append(b"Ak" + text_bytes(identifier(node.keyword.value)))
        self.encode(node.value)

    def _Subscript(self, node: Any) -> None:
        self.out.append(b"Su")
        self.encode(node.value)
        elements = node.slice
        single = len(elements) == 1 and elements[0].comma.__class__.__name__ != "Comma"
        plain = all(e.slice.__class__.__name__ == "Index" and not e.slice.star for e in elements)
        if single and plain:
            self.encode(elements[0].slice.value)
        elif plain:  # `d[a, b]` is `d[(a, b)]`
            self.out.append(b"Tu")
            for element in elements:
                self.encode(element.slice.value)
            self.out.append(END)
        else:
            self.out.append(b"S1" if single else b"Sn")
            for element in elements:
                part = element.slice
                if part.__class__.__name__ == "Slice":
                    self.out.append(b"Sl")
                    self.optional(part.lower)
                    self.optional(part.upper)
                    self.optional(part.step)
                else:
                    self.out.append(b"Sr" if part.star else b"Sp")
                    self.encode(part.value)
            self.out.append(END)

    def _Lambda(self, node: Any) -> None:
        self.out.append(b"La")
        inner = Scope(ScopeKind.FUNCTION, self.scope)
        self.parameters(node.params, inner, self.scope, keyed=False)
        outer, self.scope = self.scope, inner
        self.encode(node.body)
        self.scope = outer

    def parameters(
        self, node: Any, inner: Scope, annotations: Scope, *, keyed: bool = True
    ) -> None:
        """Write parameters (rule 12): kinds, names, annotations, defaults, in order.

        Defaults belong to the scope around the function, annotations to `annotations`. Those
        of a lambda are not `keyed`: nobody passes them by name.
        """
        header, self.header = self.header, True
        unkeyed: tuple[bytes, ...] = ()
        if UNKEYED_PARAMETERS in self.sink.equal:
            unkeyed = (b"Pp", b"P*", b"PP") if keyed else (b"Pp", b"Pa", b"P*", b"Pk", b"PP")
        for kind, params in (
            (b"Pp", node.posonly_params),
            (b"Pa", node.params),
            (b"P*", (node.star_arg,)),
            (b"Pk", node.kwonly_params),
            (b"PP", (node.star_kwarg,)),
        ):
            for param in params:
                if param.__class__.__name__ != "Param":
                    continue  # no star argument, or a bare star: the kinds say it
                name = self.ident(param.name.value)
                inner.bind(name)
                if kind in unkeyed:  # rule 9c
                    inner.loose.add(name)
                    self.out.append(NameToken(inner, name, (), kind))
                else:
                    inner.fixed.add(name)
                    self.out.append(kind + text_bytes(name))
                self.annotation(param.annotation, annotations)
                self.optional(param.default)
        self.out.append(END)
        self.header = header

    def annotation(self, node: Any, scope: Scope) -> None:
        """Write an annotation that is kept (rules 13b and 13c)."""
        if node is None:
            self.out.append(b"__")
            return
        outer, self.scope = self.scope, scope
        header, self.header = self.header, True
        if self.annotations:
            self.piece.annotated = True
            self.encode(node.annotation)
        else:
            self.piece.unannotated = True
            piece, out = self.piece, self.out
            self.piece = Piece()
            self.out = self.piece.tokens
            self.encode(node.annotation)
            out += [b"__", UnwrittenToken(self.out)]
            self.piece, self.out = piece, out
        self.scope, self.header = outer, header
