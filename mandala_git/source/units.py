"""A definition in the making: its sections of source, the walk over them, the result.

`scan.py` fills units from files and `texts.py` from stored texts; both end in `describe`,
so that the two give the same definition.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from mandala_git.config import Rules
from mandala_git.source import values
from mandala_git.source.constants import identifier, text_bytes
from mandala_git.source.definitions import Definition, Kind
from mandala_git.source.neutral import Effect, effect
from mandala_git.source.nodes import docstring
from mandala_git.source.normal import Normal
from mandala_git.source.scopes import Scope, ScopeKind
from mandala_git.source.spelling import Place
from mandala_git.source.statements import Statements
from mandala_git.source.tokens import DocToken, FileSink, NameToken, Piece, UnwrittenToken


class Role(StrEnum):
    """What a section is to its definition. The values are part of stored texts."""

    DEF = "def"  # a function, whole
    CLASS = "class"  # decorators and header of a class
    STATEMENT = "stmt"  # a statement; functions and classes in it only as names
    DOC = "doc"  # the docstring of a class or module
    MEMBER = "member"  # a method of a class, only its name
    NESTED = "nested"  # a class in a class, only its name
    AROUND = "around"  # the conditional statement that decides whether the definition exists
    SETTER = "setter"  # a function or class that binds or changes this global
    REGISTERED = "registered"  # a definition that a decorator may have registered


NAMES_ONLY = frozenset([Role.MEMBER, Role.NESTED, Role.SETTER, Role.REGISTERED])


@dataclass(slots=True, eq=False)
class Section:
    """A part of a definition: its source, or for some roles only a name."""

    role: Role
    source: str
    node: Any = None
    decorators: tuple[str, ...] = ()  # of what may be registered: what they lead to


@dataclass(slots=True, eq=False)
class Unit:
    """A definition in the making.

    Attributes:
        classes: names of the classes around it.
        types: type parameters of these classes.
        member_types: for a class, the same for its members.
        scope: the scope of the class around it, as far as it was bound at this place.
        pieces: what the walk made of the sections.
    """

    qualname: str
    kind: Kind
    sections: list[Section] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    classes: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    member_types: tuple[str, ...] = ()
    scope: Scope | None = None
    parent: str | None = None
    members: list[str] = field(default_factory=list)
    lines: tuple[int, int] = (0, 0)
    readers: tuple[str, ...] = ()


def plain_name(qualname: str) -> str:
    """Return the last part of a qualified name without its number."""
    return qualname.rpartition(".")[2].partition("#")[0]


def class_chain(unit: Unit) -> tuple[str, ...]:
    """Return the names of the classes that code of this definition can see as its own."""
    if unit.kind is Kind.CLASS:
        return (*unit.classes, plain_name(unit.qualname))
    return unit.classes


def class_scope(
    classes: tuple[str, ...], types: tuple[str, ...], bound: set[str], sure: set[str]
) -> Scope:
    """Return the scope in which the header of a member of a class is evaluated."""
    around = Scope(ScopeKind.MODULE)
    if types:
        around = Scope(ScopeKind.TYPES, around, bound=set(types))
    return Scope(ScopeKind.CLASS, around, bound=bound, sure=sure, outer=classes)


def enclosing(unit: Unit) -> Scope:
    """Return a scope for the walk over a unit: that of its class, or a module."""
    if unit.scope is None:
        return Scope(ScopeKind.MODULE)
    return class_scope(unit.classes, unit.types, unit.scope.bound, set(unit.scope.sure))


def walk_statement(node: Any, sink: FileSink, scope: Scope | None = None, owner: str = "") -> Piece:
    """Walk one statement; at module level unless a class's scope is given."""
    piece = Piece()
    Statements(sink, piece, scope or Scope(ScopeKind.MODULE), owner).encode(node)
    return piece


def walk_function(unit: Unit, node: Any, sink: FileSink) -> Piece:
    """Walk a function that is a definition."""
    piece = Piece()
    walker = Statements(sink, piece, enclosing(unit), unit.classes[-1] if unit.classes else "")
    walker.function_def(node, own=True)
    return piece


def walk_around(unit: Unit, node: Any, equal: frozenset[str]) -> Piece:
    """Walk the conditional statement around a definition."""
    piece = Piece()
    owner = unit.classes[-1] if unit.classes else ""
    Statements(FileSink(equal=equal), piece, enclosing(unit), owner).encode(node)
    return piece


def walk_class(unit: Unit, node: Any, sink: FileSink) -> tuple[Statements, Piece]:
    """Walk the header of a class; its statements are then given to the walker returned."""
    piece = Piece()
    walker = Statements(sink, piece, enclosing(unit), unit.classes[-1] if unit.classes else "")
    walker.scope = walker.class_head(node, own=True)
    walker.owner = identifier(node.name.value)
    return walker, piece


def walk_member(walker: Statements, role: Role, name: str) -> None:
    """Walk a method or nested class of a class: its name."""
    name = walker.ident(name)
    walker.out.append((b"Ef" if role is Role.MEMBER else b"Ec") + text_bytes(name))
    walker.define(name)


def doc_piece(node: Any) -> Piece:
    """Return the piece of a module's docstring."""
    return Piece(tokens=[doc_token(node)])


def doc_token(node: Any) -> DocToken:
    """Return the token of a docstring statement."""
    data = (docstring(node) or "").encode("utf-8", "surrogatepass")
    return DocToken(b"Dx%d:%b" % (len(data), data))


def name_piece(role: Role, chain: str) -> Piece:
    """Return the piece of a section that is only a reference."""
    first, *rest = chain.split(".")
    token = NameToken(Scope(ScopeKind.MODULE), first, tuple(rest))
    return Piece(tokens=[b"Rs" if role is Role.SETTER else b"Rr", token])


def registered_piece(section: Section, rules: Rules) -> Piece:
    """Return the piece of what a decorator may keep for somebody else; idle if none can."""
    piece = name_piece(section.role, section.source)
    effects = [effect(target, rules.neutral) for target in section.decorators]
    if Effect.FOREIGN not in effects:
        piece.tokens = [UnwrittenToken(piece.tokens)]
    return piece


_IMPORTS = frozenset(["Import", "ImportFrom"])


def describe(unit: Unit, place: Place, normal: Normal, text: bytes) -> Definition:
    """Make the definition of a unit.

    Args:
        normal: what `normalize` made of its pieces.
        text: its lasting text.
    """
    node = unit.sections[0].node if unit.sections else None
    plain, literal, mutable = False, None, False
    parameters: tuple[str, ...] = ()
    attributes: dict[str, str | None] = {}
    if unit.kind is Kind.FUNCTION:
        node = unit.sections[-1].node
        parameters = values.parameters(node.params)
        attributes = values.default_values(node.params)
        plain = not unit.pieces[-1].generator and all(e is Effect.PLAIN for e in normal.effects)
    elif unit.kind is Kind.CLASS:
        attributes = values.class_values(
            [(s.node, s.source) for s in unit.sections if s.role is Role.STATEMENT]
        )
    elif unit.kind is Kind.IMPORT:
        plain = len(unit.sections) == 1 and node.__class__.__name__ in _IMPORTS
    elif unit.kind is Kind.GLOBAL:
        literal = values.literal([(s.node, s.source) for s in unit.sections])
        mutable = values.mutable([s.node for s in unit.sections])
    return Definition(
        path=place.path,
        qualname=unit.qualname,
        kind=unit.kind,
        text_id=text_id(text),
        skeleton=normal.skeleton,
        digest=normal.digest,
        exact=normal.exact,
        holes=normal.holes,
        attrs=normal.attrs,
        members=tuple(unit.members),
        parent=unit.parent,
        plain=plain,
        op=normal.op,
        dynamic=normal.dynamic,
        literal=literal,
        values=attributes,
        mutable=mutable,
        parameters=parameters,
        lines=unit.lines,
        bare=unit.kind in (Kind.FUNCTION, Kind.CLASS) and not normal.effects,
    )


def text_id(text: bytes) -> str:
    """Return the lasting identity of a text: the sha256 of its bytes, in hex."""
    return hashlib.sha256(text).hexdigest()
