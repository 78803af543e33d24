"""The walk over expressions: normal form, scopes and facts in one pass over libcst nodes.

Rules are numbered as in `normal.py`. Handlers are found by the name of the node's class,
so that this module needs no import of libcst and a node that we do not know is an error
that the scan reports, never something silently skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from mandala_git.source import constants
from mandala_git.source.constants import identifier, mangled, text_bytes
from mandala_git.source.scopes import Scope, ScopeKind, binding_scope
from mandala_git.source.tokens import FileSink, NameToken, Piece

SINGLETONS = {"None": b"Kn", "True": b"Kt", "False": b"Kf"}
END = b"]"

# Reading one of these shows the code its own name (or that of its class), or its place.
OWN_NAME = frozenset(
    [
        "__name__",
        "__qualname__",
        "__class__",
        "__module__",
        "co_name",
        "co_qualname",
        "f_code",
        "gi_code",
        "cr_code",
    ]
)
OWN_PLACE = frozenset(
    [
        "__name__",
        "__file__",
        "__module__",
        "__spec__",
        "__package__",
        "__path__",
        "__loader__",
        "__cached__",
        "co_filename",
    ]
)
READS_DOCS = frozenset(["__doc__", "getdoc", "getcomments", "getsource", "getsourcelines"])
WATCHED = OWN_NAME | OWN_PLACE | READS_DOCS
DOC_TOOLS = frozenset(["docopt", "click", "typer", "fire", "doctest", "pydoc", "plac", "baker"])
ATTRIBUTE_CALLS = frozenset(["getattr", "hasattr", "setattr", "delattr"])
# Methods of the builtin containers and strings that leave them as they are.
READ_ONLY = frozenset(
    [
        "get",
        "keys",
        "values",
        "items",
        "copy",
        "index",
        "count",
        "union",
        "intersection",
        "difference",
        "symmetric_difference",
        "issubset",
        "issuperset",
        "isdisjoint",
        "join",
        "split",
        "rsplit",
        "splitlines",
        "strip",
        "lstrip",
        "rstrip",
        "startswith",
        "endswith",
        "format",
        "lower",
        "upper",
        "replace",
        "encode",
        "decode",
    ]
)


class UnknownNode(Exception):
    """A node of the syntax tree that this version of the normal form does not know."""


class Expressions:
    """The part of the walk that reads expressions. `Statements` completes it."""

    def __init__(self, sink: FileSink, piece: Piece, scope: Scope, owner: str = "") -> None:
        self.sink = sink
        self.piece = piece
        self.out = piece.tokens
        self.scope = scope
        self.owner = owner  # the innermost class, for mangled names
        self.header = scope.kind is not ScopeKind.FUNCTION  # what runs when it is defined
        self.handlers: dict[type, Callable[[Any], None]] = {}

    def encode(self, node: Any) -> None:
        """Write one node."""
        handler = self.handlers.get(node.__class__)
        if handler is None:
            handler = getattr(self, f"_{node.__class__.__name__}", None)
            if handler is None:
                raise UnknownNode(node.__class__.__name__)
            self.handlers[node.__class__] = handler
        handler(node)

    def optional(self, node: Any) -> None:
        """Write a node that may be absent."""
        if node is None:
            self.out.append(b"__")
        else:
            self.encode(node)

    def sequence(self, nodes: Iterable[Any]) -> None:
        """Write nodes one after the other, and an end."""
        for node in nodes:
            self.encode(node)
        self.out.append(END)

    def string(self, value: str) -> None:
        self.out.append(text_bytes(value))

    def ident(self, name: str) -> str:
        """Return an identifier as the compiler sees it (rules 9d and 21)."""
        name = identifier(name)
        return mangled(name, self.owner) if name.startswith("__") else name

    # --- names -----------------------------------------------------------------------

    def _Name(self, node: Any) -> None:
        self.read(node, False)

    def read(self, node: Any, called: bool) -> NameToken | None:
        """Write the use of a name."""
        singleton = SINGLETONS.get(node.value)
        if singleton is not None:
            self.out.append(singleton)
            return None
        return self.chain(self.ident(node.value), (), called)

    def chain(self, name: str, attrs: tuple[str, ...], called: bool) -> NameToken:
        """Write a name with the attributes read from it."""
        scope = self.scope
        if name.startswith("__"):
            self.see(name)
            if name == "__class__":
                self.piece.visible.add("class")
        token = NameToken(scope, name, attrs, b"", called and not self.header, name in scope.sure)
        for attr in attrs:
            if attr in WATCHED:
                self.see(attr)
        self.out.append(token)
        return token

    def see(self, name: str) -> None:
        """Note what reading a special name or attribute shows."""
        if name in OWN_NAME:
            self.piece.visible.add("name")
        if name in OWN_PLACE:
            self.piece.visible.add("place")
        if name in READS_DOCS:
            self.sink.reads_docs = True

    def store(self, name: str, how: bytes = b"St") -> None:
        """Bind a name in the current scope and write that."""
        self.bind(self.scope, name)
        self.out.append(NameToken(self.scope, name, (), how, False, True))

    def bind(self, scope: Scope, name: str, target: tuple[Any, ...] | None = None) -> None:
        """Bind a name in a scope; module-level and `global` ones are the piece's to tell."""
        if name in scope.outside:
            self.piece.setters.add(name)
        elif scope.kind is ScopeKind.MODULE:
            self.piece.bound.setdefault(name, []).append(target or ("global",))
            self.piece.assigned.add(name)
        elif name not in scope.nonlocals:
            scope.bind(name, target)
        else:
            self._bind_outer(scope, name)

    def define(self, name: str) -> None:
        """Bind the name of a function or class that is a definition of its own."""
        if self.scope.kind is ScopeKind.MODULE:
            self.piece.bound.setdefault(name, []).append(("global",))
        else:
            self.bind(self.scope, name)

    def _bind_outer(self, scope: Scope, name: str) -> None:
        # A nonlocal assignment makes the outer name one that is not bound by import alone.
        outer = scope.parent
        while outer is not None:
            outer.plain.add(name)
            outer = outer.parent

    def _Attribute(self, node: Any) -> None:
        self.attribute(node, False)

    def attribute(self, node: Any, called: bool) -> NameToken | None:
        """Write an attribute read: one chain when it starts from a name."""
        attrs = []
        while node.__class__.__name__ == "Attribute":
            attrs.append(self.ident(node.attr.value))
            node = node.value
        if node.__class__.__name__ == "Name" and node.value not in SINGLETONS:
            attrs.reverse()
            if called and self.at_module() and attrs[-1] not in READ_ONLY:
                self.piece.mutated.add(self.ident(node.value))
            return self.chain(self.ident(node.value), tuple(attrs), called)
        for attr in attrs:
            self.out.append(b"At" + text_bytes(attr))
            self.piece.attrs.add(attr)
            self.see(attr)
        self.encode(node)
        return None

    def at_module(self) -> bool:
        """Tell whether what is written now runs at module level."""
        scope = binding_scope(self.scope)
        while scope.kind is ScopeKind.CLASS and scope.parent is not None:
            scope = scope.parent  # the body of a class runs where the class is written
        return scope.kind is ScopeKind.MODULE

    # --- targets -----------------------------------------------------------------------

    def target(self, node: Any, how: bytes = b"St") -> None:
        """Write what is assigned to (`how` St), deleted (De) or augmented (Au)."""
        kind = node.__class__.__name__
        if kind == "Name":
            self.store(self.ident(node.value), how)
        elif kind == "Attribute":
            attr = self.ident(node.attr.value)
            self.out.append(how + b"At" + text_bytes(attr))
            self.piece.attrs.add(attr)  # a property's setter may run
            self.mutates(node.value)
            self.encode(node.value)
        elif kind == "Subscript":
            self.out.append(how)
            self.mutates(node.value)
            self.encode(node)
        elif kind in ("Tuple", "List"):
            self.out.append(how + (b"Tu" if kind == "Tuple" else b"Li"))
            for element in node.elements:
                if element.__class__.__name__ == "StarredElement":
                    self.out.append(b"Sr")
                self.target(element.value, how)
            self.out.append(END)
        elif kind == "StarredElement":
            self.out.append(b"Sr")
            self.target(node.value, how)
        else:
            raise UnknownNode(f"{kind} as a target")

    def mutates(self, node: Any) -> None:
        """Note the module-level name whose value an assignment changes in place."""
        if not self.at_module():
            return
        while node.__class__.__name__ in ("Attribute", "Subscript"):
            node = node.value
        if node.__class__.__name__ == "Name":
            self.piece.mutated.add(self.ident(node.value))

    # --- constants -----------------------------------------------------------------------

    def _Ellipsis(self, node: Any) -> None:
        self.out.append(b"Ke")

    def _Integer(self, node: Any) -> None:
        self.out.append(constants.integer(node.value))

    def _Float(self, node: Any) -> None:
        self.out.append(constants.floating(node.value))

    def _Imaginary(self, node: Any) -> None:
        self.out.append(constants.imaginary(node.value))

    def _SimpleString(self, node: Any) -> None:
        value = constants.string_value(node.value)
        if value in READS_DOCS:
            self.sink.reads_docs = True
        self.out.append(constants.string(value))

    def _ConcatenatedString(self, node: Any) -> None:
        self.formatted(list(joined(node)))

    def _FormattedString(self, node: Any) -> None:
        self.formatted([node])

    def _TemplatedString(self, node: Any) -> None:
        self.formatted([node])

    def formatted(self, strings: list[Any]) -> None:
        """Write adjacent string literals as one: text merged, expressions in place (rule 6)."""
        kinds = {s.__class__.__name__ for s in strings}
        if kinds == {"SimpleString"}:
            values = [constants.string_value(s.value) for s in strings]
            if isinstance(values[0], bytes):
                whole: str | bytes = b"".join(v for v in values if isinstance(v, bytes))
            else:
                whole = "".join(v for v in values if isinstance(v, str))
            self.out.append(constants.string(whole))
            return
        start = len(self.out)
        self.out.append(b"Ts" if "TemplatedString" in kinds else b"Fs")
        text: list[str] = []
        plain = True
        for string in strings:
            if string.__class__.__name__ == "SimpleString":
                text.append(str(constants.string_value(string.value)))
                continue
            plain = self._parts(string.parts, "r" in string.start.lower(), text) and plain
        if plain and "TemplatedString" not in kinds:
            del self.out[start:]
            self.out.append(constants.string("".join(text)))
            return
        self._flush(text)
        self.out.append(END)

    def _parts(self, parts: Iterable[Any], raw: bool, text: list[str]) -> bool:
        plain = True
        for part in parts:
            if part.__class__.__name__.endswith("StringText"):
                value = part.value.replace("{{", "{").replace("}}", "}")
                text.append(value if raw else constants.unescape(value))
                continue
            plain = False
            conversion = part.conversion or ""
            source = None
            if part.equal is not None or part.__class__.__name__.startswith("Templated"):
                source = source_of(part.whitespace_before_expression) + source_of(part.expression)
            if part.equal is not None:
                text.append(f"{source}{source_of(part.equal)}")
                if not conversion and part.format_spec is None:
                    conversion = "r"
            self._flush(text)
            self.out.append(b"Fe")
            if part.__class__.__name__.startswith("Templated"):
                self.string(source or "")
            self.string(conversion)
            self.encode(part.expression)
            if part.format_spec is None:
                self.out.append(b"__")
            else:
                self.out.append(b"Fs")
                spec: list[str] = []
                self._parts(part.format_spec, raw, spec)
                self._flush(spec)
                self.out.append(END)
        return plain

    def _flush(self, text: list[str]) -> None:
        joined_text = "".join(text)
        text.clear()
        if joined_text:
            self.out.append(constants.string(joined_text))

    # --- operators -----------------------------------------------------------------------

    def _operator(self, node: Any) -> bytes:
        name = node.__class__.__name__
        return text_bytes(name)

    def _UnaryOperation(self, node: Any) -> None:
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
        self.encode(node.body)
        self.encode(node.orelse)

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
        else:
            self.encode(function)
        self.sequence(node.args)

    def _special_call(self, token: NameToken, node: Any) -> None:
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
        elif token.name == "vars" and node.args:
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
        self.parameters(node.params, inner, self.scope)
        outer, self.scope = self.scope, inner
        self.encode(node.body)
        self.scope = outer

    def parameters(self, node: Any, inner: Scope, annotations: Scope) -> None:
        """Write parameters (rule 12): kinds, names, annotations, defaults, in order.

        Defaults belong to the scope around the function, annotations to `annotations`.
        """
        header, self.header = self.header, True
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
        self.piece.annotated = True
        outer, self.scope = self.scope, scope
        header, self.header = self.header, True
        self.encode(node.annotation)
        self.scope, self.header = outer, header


def joined(node: Any) -> Iterable[Any]:
    """Yield the literals of an implicit concatenation, in order."""
    while node.__class__.__name__ == "ConcatenatedString":
        yield node.left
        node = node.right
    yield node


def literal_texts(node: Any) -> Iterable[str]:
    """Yield the literal text inside a string expression."""
    for part in joined(node):
        kind = part.__class__.__name__
        if kind == "SimpleString":
            yield part.value
        elif kind == "FormattedString":
            for piece in part.parts:
                if piece.__class__.__name__ == "FormattedStringText":
                    yield piece.value


def source_of(node: Any) -> str:
    """Return the source text of a node."""
    import libcst

    return str(libcst.Module([]).code_for_node(node))
