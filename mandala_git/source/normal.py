"""The normal form of a definition: tokens of the walk become skeleton, digest and holes.

The rules, by their numbers: 1 layout, 2 comments, 3 docstrings, 3b constants on their own,
4 parentheses, `class C():` and 4b `object`, 5 strings and 6 f-strings by value, 7 numbers by
type and value, 8 `elif`, 8b `pass`, 8c final `return`, 8d nested `with`, 8e `import a, b`,
8f `not in`, 8g flat `and`/`or`, 9d NFKC identifiers, 11 decorators, 12 parameters,
13 annotations of locals dropped and 13b/13c all others kept, 16 match sequences,
17 type parameters, 18 classes without the bodies of their members, 20 globals by all their
bindings, 21 name mangling. What is not named here (order of operands, of keywords, of
dictionary items, kinds of async, asserts) is kept as it is written.

9 renamed locals: a local variable is written as its number, in the order of first occurrence,
and tagged as local; parameters, names of classes and what something may look up by name keep
their names. 10b `m.f()` and `from m import f; f()` are spelled alike where they are calls.
`exact` is the same form with every name as it is written.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mandala_git.source.constants import identifier, text_bytes
from mandala_git.source.definitions import MODULE, SCHEME, Binding, Hole, Kind
from mandala_git.source.neutral import Effect, dotted, effect, neutral_base, own_decorator
from mandala_git.source.reach import reaches_names, reads_frames
from mandala_git.source.scopes import Scope, ScopeKind, import_of, resolve, whole_module
from mandala_git.source.spelling import Place, spell_hole
from mandala_git.source.tokens import (
    BareToken,
    DecoratorToken,
    DocToken,
    ImportToken,
    NameToken,
    ObjectBaseToken,
    Piece,
    Token,
    UnwrittenToken,
)
from mandala_git.source.walk import SHOWS_LOCALS

_WORD = re.compile(r"\w+")
_NAMED = frozenset([ScopeKind.FUNCTION, ScopeKind.COMPREHENSION])
_PRIVATE = re.compile(r"_[^_]\w*?(__\w+)")


@dataclass(slots=True)
class Normal:
    """A definition in normal form.

    Attributes:
        effects: what each of its own decorators does, outermost first.
        decorators: what they lead to; without those of this package.
        used: free names looked up, with their bindings.
        scope: names of the class around it that it uses: are they certainly bound?
    """

    skeleton: str = ""
    digest: str = ""
    exact: str = ""
    holes: tuple[Hole, ...] = ()
    attrs: tuple[str, ...] = ()
    dynamic: bool = False
    op: bool = False
    effects: list[Effect] = field(default_factory=list)
    decorators: list[str] = field(default_factory=list)
    used: dict[str, Binding] = field(default_factory=dict)
    scope: dict[str, bool] = field(default_factory=dict)
    starred: bool = False
    annotated: bool = False
    unannotated: bool = False
    documented: bool = False


def normalize(pieces: Sequence[Piece], place: Place) -> Normal:
    """Decide all names of a definition and hash what it then is."""
    writer = _Writer(place)
    normal = writer.run(pieces)
    if writer.framed and writer.numbered:
        # Found on the way: something here may look locals up by their names.
        normal = _Writer(place, framed=True).run(pieces)
    return normal


class _Writer:
    """Writes the three forms side by side; they differ only where a name stands.

    Attributes:
        framed: something may look locals up by their names, so that none is numbered.
        text: all string constants, and names that code elsewhere may look up.
        words: the words in it; a local of such a name is not numbered.
        numbered: how many locals have a number.
    """

    def __init__(self, place: Place, *, framed: bool = False) -> None:
        self.place = place
        self.framed = framed
        self.text = ""
        self.words: frozenset[str] = frozenset()
        self.numbered = 0
        self.locals: dict[tuple[Scope, str], tuple[bytes, bytes]] = {}
        self.own = place.own
        self.result = Normal()
        self.attrs: set[str] = set()
        self.numbers: dict[tuple[str, tuple[str, ...], Binding], int] = {}
        self.names: list[str] = []
        self.called: list[bool] = []
        start = b"%b %b" % (SCHEME.encode(), text_bytes(str(place.kind)))
        self.skeleton: list[bytes] = [start]
        self.digest: list[bytes] = [start]
        self.exact: list[bytes] = [start]
        self.docs = place.docs or not all(
            neutral_base(r, place.rules.neutral) for r in place.readers
        )
        self.foreign = False

    def run(self, pieces: Sequence[Piece]) -> Normal:
        result, place = self.result, self.place
        visible: set[str] = set()
        strings: list[str] = []
        for piece in pieces:
            visible |= piece.visible
            strings += piece.strings
            self.framed = self.framed or piece.framed
            self.attrs |= piece.attrs
            result.dynamic = result.dynamic or piece.dynamic
            result.annotated = result.annotated or piece.annotated
            result.unannotated = result.unannotated or piece.unannotated
            self.docs = self.docs or piece.documented
            for scope, name in piece.nonlocals:  # not bound by import alone
                owner = resolve(scope, name)
                if owner is not None:
                    owner.plain.add(name)
            for token in piece.tokens:
                if type(token) is DecoratorToken:
                    self.judge(token)
                elif type(token) is DocToken:
                    result.documented = True
                elif type(token) is ObjectBaseToken and self.rebound(token.scope, "object"):
                    self.docs = self.framed = True
        if strings:
            self.text = identifier("\n".join(strings))
            self.words = frozenset(_WORD.findall(self.text))
            self.framed = self.framed or not self.words.isdisjoint(SHOWS_LOCALS)
        for piece in pieces:
            if not self.docs and all(type(token) is DocToken for token in piece.tokens):
                continue
            if all(type(token) is UnwrittenToken for token in piece.tokens):
                self.look_up(piece.tokens)
                continue
            self.put(b"Pc")
            self.tokens(piece.tokens)
        if "name" in visible:
            self.put(b"Vn" + text_bytes(place.qualname))
        if "place" in visible:
            self.put(b"Vp" + text_bytes(place.path))
        if "class" in visible:
            self.put(b"Vc" + text_bytes(".".join(place.classes)))
        if self.foreign:
            self.put(b"Vk" + text_bytes(f"{place.path}::{place.qualname}"))
        if place.future and result.annotated:
            self.put(b"Vf")
        result.skeleton = hashlib.sha256(b"".join(self.skeleton)).hexdigest()
        result.digest = f"{SCHEME}:{hashlib.sha256(b''.join(self.digest)).hexdigest()}"
        result.exact = hashlib.sha256(b"".join(self.exact)).hexdigest()
        result.holes = tuple(
            Hole(name, attrs, binding, called)
            for name, (_, attrs, binding), called in zip(
                self.names, self.numbers, self.called, strict=True
            )
        )
        for name in list(self.attrs):
            private = _PRIVATE.fullmatch(name)
            if private is not None:  # a definition is named as it is written
                self.attrs.add(private[1])
        result.attrs = tuple(sorted(self.attrs))
        return result

    def put(self, data: bytes) -> None:
        self.skeleton.append(data)
        self.digest.append(data)
        self.exact.append(data)

    def tokens(self, tokens: Iterable[Token]) -> None:
        skeleton, digest, exact = self.skeleton.append, self.digest.append, self.exact.append
        for token in tokens:
            kind = type(token)
            if kind is bytes:
                skeleton(token)  # type: ignore[arg-type]
                digest(token)  # type: ignore[arg-type]
                exact(token)  # type: ignore[arg-type]
            elif kind is NameToken:
                self.name(token)  # type: ignore[arg-type]
            else:
                self.other(token)

    def other(self, token: Token) -> None:
        if isinstance(token, ImportToken):
            whole = token.attrs and whole_module(token.scope, token.name)
            attrs = token.attrs[:-1] if whole else token.attrs
            local = token.scope.kind in _NAMED
            self.hole(token.name, attrs, token.binding, False, spell=True, local=local)
        elif isinstance(token, DocToken):
            if self.docs:
                self.put(token.value)
        elif isinstance(token, UnwrittenToken):
            self.look_up([token])
        elif isinstance(token, BareToken):
            if token.name not in token.scope.bound:
                self.put(b"Ba" + text_bytes(token.name))
        elif isinstance(token, ObjectBaseToken):
            if self.rebound(token.scope, "object"):
                self.name(NameToken(token.scope, "object"))
        elif isinstance(token, DecoratorToken):
            self.decorator(token)

    # --- names -----------------------------------------------------------------------

    def rebound(self, scope: Scope, name: str) -> bool:
        """Tell whether the name of a builtin may mean something else here."""
        return resolve(scope, name) is not None or self.binding(name) != ("builtin",)

    def binding(self, name: str) -> Binding:
        binding = self.result.used.get(name)
        if binding is None:
            binding = self.result.used[name] = self.place.lookup(name)
            if binding[0] == "star":
                self.result.starred = True
            elif binding[0] == "unknown":
                self.result.dynamic = True
        return binding

    def look_up(self, tokens: Iterable[Token]) -> None:
        """Look names up without writing them."""
        for token in tokens:
            if isinstance(token, UnwrittenToken):
                self.look_up(token.tokens)
            elif isinstance(token, NameToken):
                scope = resolve(token.scope, token.name)
                if scope is None:
                    self.binding(token.name)
                elif scope.outer is not None:
                    self.result.scope.setdefault(token.name, token.sure)
                    self.binding(scope.outer[0])
                    if not token.sure:
                        self.binding(token.name)

    def name(self, token: NameToken) -> None:
        """Write the use of a name: local, of the class around, or free."""
        scope = resolve(token.scope, token.name)
        if scope is None:
            self.free(token)
        elif scope.outer is not None:
            self.of_class(token, scope)
        else:
            self.local(token, scope)

    def local(self, token: NameToken, scope: Scope) -> None:
        name, attrs = token.name, token.attrs
        target = None if token.store else import_of(scope, name)
        written, exact = self.locals.get((scope, name)) or self.new_local(scope, name)
        self.skeleton.append(written + token.store)
        self.digest.append(written + token.store)
        self.exact.append(exact + token.store)
        if target is None:
            self.chain_attrs(attrs)
        else:
            self.put(b"Lh")
            self.hole(name, attrs, target, token.called, local=True)
        if scope.kind is ScopeKind.CLASS and not token.sure and not token.store:
            self.beyond(token)

    def new_local(self, scope: Scope, name: str) -> tuple[bytes, bytes]:
        """Decide how a local is written: as its number, unless its name can be seen (rule 9)."""
        written = exact = b"Lo" + text_bytes(name)
        if (
            scope.kind in _NAMED
            and not self.framed
            and name in scope.bound
            and name not in scope.fixed
            and not (name in scope.loose and self.result.op)
            and name not in self.words
            and (name.isascii() or name not in self.text)
            and not (name.startswith("__") and name.endswith("__"))
        ):
            written = b"Ln%d;" % self.numbered
            self.numbered += 1
        self.locals[scope, name] = written, exact
        return written, exact

    def beyond(self, token: NameToken) -> None:
        """Write what a name of a class means as long as the class has not bound it.

        That is a global, even where a function around the class has a local of that name.
        """
        self.put(b"Lg")
        self.hole(token.name, token.attrs, self.binding(token.name), False)

    def of_class(self, token: NameToken, scope: Scope) -> None:
        self.put(b"Lc" + token.store + text_bytes(token.name))
        if token.store:
            return
        self.result.scope.setdefault(token.name, token.sure)
        first, *rest = scope.outer or ("",)
        self.chain_attrs(token.attrs)
        chain = (*rest, token.name, *token.attrs)
        self.hole(first, chain, self.binding(first), False)
        if not token.sure:
            self.put(b"Lg")
            self.hole(token.name, token.attrs, self.binding(token.name), False)

    def chain_attrs(self, attrs: tuple[str, ...]) -> None:
        self.put(b"%d;" % len(attrs))
        for attr in attrs:
            self.put(text_bytes(attr))
        self.attrs.update(attrs)

    def free(self, token: NameToken) -> None:
        name, attrs = token.name, token.attrs
        if token.store == b"Nd":  # nothing around binds it: Python refuses this code
            self.put(b"Nd" + text_bytes(name))
            return
        if token.store:
            if name == self.own and self.place.kind in (Kind.GLOBAL, Kind.IMPORT):
                self.put(b"Own" + token.store)
                return
            self.put(b"Fr" + token.store)
        binding = self.binding(name)
        if attrs and binding[0] not in ("import", "builtin"):
            self.attrs.update(attrs)
        if not token.quiet:
            self.notice(binding, name, attrs)
        self.hole(name, attrs, binding, token.called)

    def notice(self, binding: Binding, name: str, attrs: tuple[str, ...]) -> None:
        """Mark what reaches names that cannot be seen."""
        for one in binding[1] if binding[0] == "many" else (binding,):
            form = one[1] if one[0] == "star" else one
            target = dotted(form, name, attrs, self.place.path, ())
            if reaches_names(target, name):
                self.result.dynamic = True
            if reads_frames(target, name):
                self.framed = True

    def hole(
        self,
        name: str,
        attrs: tuple[str, ...],
        binding: Binding,
        called: bool,
        *,
        spell: bool = False,
        local: bool = False,
    ) -> None:
        """Write a hole: its number, what the file says of it, or its name.

        The name of a local import is no part of what it leads to.
        """
        key = ("" if local else name, attrs, binding)
        number = self.numbers.get(key)
        if number is None:
            number = self.numbers[key] = len(self.numbers)
            self.names.append(name)
            self.called.append(called)
        elif not called:
            self.called[number] = False
        if binding[0] in ("import", "from") and MODULE not in attrs:
            self.notice(binding, name, attrs)
        self.skeleton.append(b"Ho%d;" % number)
        spelled = spell_hole(self.place, name, attrs, binding, called)
        self.digest.append(spelled)
        self.exact.append(spelled if spell else b"Hn" + text_bytes(".".join((name, *attrs))))

    # --- decorators -----------------------------------------------------------------------

    def target(self, token: DecoratorToken) -> str:
        """Name what a decorator leads to, "?" when the file does not tell."""
        chain = token.chain
        if chain is None:
            return "?"
        scope = resolve(chain.scope, chain.name)
        if scope is not None:
            if scope.kind is ScopeKind.CLASS and chain.attrs[-1:] in _ACCESSORS:
                return "builtins.property"
            target = import_of(scope, chain.name)
            if target is None or (scope.kind is ScopeKind.CLASS and not chain.sure):
                return "?"
            return dotted(target, chain.name, chain.attrs, self.place.path, ())
        binding = self.binding(chain.name)
        return dotted(binding, chain.name, chain.attrs, self.place.path, self.place.stars)

    def judge(self, token: DecoratorToken) -> None:
        """Find out what a decorator does to names, docstrings and calls."""
        target = self.target(token)
        kind = effect(target, self.place.rules.neutral)
        if kind is Effect.FOREIGN:
            self.docs = self.framed = True
            self.foreign = self.foreign or token.own
        if token.own:
            self.result.effects.append(kind)
            if not own_decorator(target):
                self.result.decorators.append(target)
            elif own_decorator(target) != "track":
                self.result.op = True

    def decorator(self, token: DecoratorToken) -> None:
        if own_decorator(self.target(token)):
            if token.call and len(token.arguments) > 1:
                self.put(b"Do")
                self.tokens(token.arguments)
            return
        self.put(b"Dc")
        self.tokens(token.whole)


_ACCESSORS = (("setter",), ("getter",), ("deleter",))
