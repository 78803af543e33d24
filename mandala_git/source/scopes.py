"""Scopes of names: which name is local to what, decided after the walk that filled them.

The walk (`expressions.py`, `statements.py`) enters scopes, binds names in them and leaves
name tokens behind; a token is resolved when its whole definition has been read, because a
binding may follow a use. The rules are those of the language reference, section 4.2.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from mandala_git.source.definitions import Binding


class ScopeKind(Enum):
    """What made a scope."""

    MODULE = "module"
    CLASS = "class"
    FUNCTION = "function"  # lambdas too
    COMPREHENSION = "comprehension"
    TYPES = "types"  # the parameters of `def f[T]`, `class C[T]`, `type A[T]`


@dataclass(slots=True, eq=False)
class Scope:
    """A scope and what has been bound in it so far.

    Attributes:
        parent: the scope around it; None for a module.
        bound: names bound here.
        annotated: names that only a bare annotation makes local.
        outside: names declared global here.
        fixed: parameters, whose names callers can see.
        loose: parameters whose names a project has told not to count.
        nonlocals: names declared nonlocal here.
        imports: for names bound by import, what each import stands for.
        plain: names bound otherwise than by import.
        sure: in a class, names that are certainly bound by now.
        prepared: a class whose metaclass may have put names into its namespace.
        depth: how many conditional statements of this scope we are inside of.
        outer: for the class around a definition that is described on its own, the
            dotted name of that class; None for any other scope.
    """

    kind: ScopeKind
    parent: Scope | None = None
    bound: set[str] = field(default_factory=set)
    annotated: set[str] = field(default_factory=set)
    fixed: set[str] = field(default_factory=set)
    loose: set[str] = field(default_factory=set)
    outside: set[str] = field(default_factory=set)
    nonlocals: set[str] = field(default_factory=set)
    imports: dict[str, list[Binding]] = field(default_factory=dict)
    plain: set[str] = field(default_factory=set)
    sure: set[str] = field(default_factory=set)
    prepared: bool = False
    depth: int = 0
    outer: tuple[str, ...] | None = None

    def bind(self, name: str, target: Binding | None = None) -> None:
        """Bind a name here, by import (then `target` says of what) or otherwise."""
        self.bound.add(name)
        if target is None:
            self.plain.add(name)
        else:
            self.imports.setdefault(name, []).append(target)
        if self.depth == 0:
            self.sure.add(name)


def resolve(scope: Scope, name: str) -> Scope | None:
    """Find the scope that a name used in `scope` belongs to; None when it is a global."""
    visible = True  # class scopes are seen from their own level only
    here: Scope | None = scope
    while here is not None and here.kind is not ScopeKind.MODULE:
        if here.kind is ScopeKind.CLASS and not visible:
            pass
        elif name in here.outside:
            return None
        elif name in here.nonlocals:
            visible = False
        elif name in here.bound or name in here.annotated:
            return here
        # An annotation scope (PEP 695) directly inside a class still sees the class.
        if here.kind is not ScopeKind.TYPES:
            visible = False
        here = here.parent
    return None


def binding_scope(scope: Scope) -> Scope:
    """Find the scope in which a walrus inside `scope` binds: comprehensions let it through."""
    while scope.kind is ScopeKind.COMPREHENSION and scope.parent is not None:
        scope = scope.parent
    return scope


def import_of(scope: Scope, name: str) -> Binding | None:
    """Return what a local name stands for when one import, and nothing else, binds it."""
    targets = scope.imports.get(name)
    if targets is None or name in scope.plain or any(t != targets[0] for t in targets):
        return None
    return targets[0]


def whole_module(scope: Scope, name: str) -> bool:
    """Tell whether a module imported here can be used through more than its local name."""
    if scope.kind is ScopeKind.MODULE:
        return False  # users of the name resolve it through the file's bindings
    if scope.kind is ScopeKind.CLASS or name in scope.outside or name in scope.nonlocals:
        return True
    return import_of(scope, name) is None
