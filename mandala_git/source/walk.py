"""The walk over a libcst tree: its state, names, targets, scopes.

`strings.py`, `expressions.py`, `patterns.py`, `functions.py` and `statements.py` add the
nodes, each on top of the one before. Handlers are found by the name of the node's class, so
that no import of libcst is needed and a node that we do not know is an error that the scan
reports, never something silently skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from mandala_git.source.constants import identifier, mangled, text_bytes
from mandala_git.source.nodes import SINGLETONS
from mandala_git.source.scopes import Scope, ScopeKind, binding_scope
from mandala_git.source.tokens import FileSink, NameToken, Piece

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
# Attributes through which the names of locals, or lines, of any function can be read.
SHOWS_LOCALS = frozenset(
    [
        "locals",
        "_getframe",
        "f_locals",
        "f_lineno",
        "f_back",
        "f_code",
        "gi_frame",
        "gi_code",
        "cr_frame",
        "cr_code",
        "ag_frame",
        "ag_code",
        "tb_frame",
        "tb_lineno",
        "__code__",
        "__closure__",
        "co_varnames",
        "co_freevars",
        "co_cellvars",
        "co_consts",
        "co_code",
        "co_firstlineno",
        "co_lines",
    ]
)
WATCHED = OWN_NAME | OWN_PLACE | READS_DOCS | SHOWS_LOCALS
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


class Walk:
    """What every part of the walk shares. `Statements` is the whole of it."""

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
        if scope.prepared:
            self.piece.strings.append(name)
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
        if name in SHOWS_LOCALS:
            self.piece.framed = self.piece.dynamic = True

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
            self.piece.nonlocals.append((scope, name))

    def define(self, name: str) -> None:
        """Bind the name of a function or class that is a definition of its own."""
        if self.scope.kind is ScopeKind.MODULE:
            self.piece.bound.setdefault(name, []).append(("global",))
            self.piece.defined[name] = self.piece.defined.get(name, 0) + 1
        else:
            self.bind(self.scope, name)

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
