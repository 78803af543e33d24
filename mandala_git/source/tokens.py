"""What the walk leaves behind: bytes of the normal form, and tokens to be decided later.

Every node is written as a two-letter tag, then its children in a fixed order; lists end
with `]`, strings carry their length. No tag is a prefix of another and no child list can
be read in two ways, so the encoding is injective: equal bytes mean equal trees.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mandala_git.source.definitions import Binding
from mandala_git.source.scopes import Scope


@dataclass(slots=True, eq=False)
class NameToken:
    """A name, or a chain of plain attribute reads from one, used in `scope`.

    Attributes:
        attrs: attributes read, in the order they are written.
        store: b"" for a read, else how the name is bound (`St`, `De`, ...).
        called: it is the function of a call in a function's body.
        sure: a class certainly has this name bound here.
        quiet: `getattr` and its like with a literal attribute name: nothing is hidden.
    """

    scope: Scope
    name: str
    attrs: tuple[str, ...] = ()
    store: bytes = b""
    called: bool = False
    sure: bool = False
    quiet: bool = False


@dataclass(slots=True, eq=False)
class ImportToken:
    """An import statement of one name: what it leads to is a hole.

    `import m` ends in `<module>`: what is used of m has holes of its own, unless others can
    get hold of the module object (`whole_module`).
    """

    scope: Scope
    name: str
    attrs: tuple[str, ...]
    binding: Binding


@dataclass(slots=True, eq=False)
class DocToken:
    """A docstring: counts only where something reads it."""

    value: bytes


@dataclass(slots=True, eq=False)
class BareToken:
    """A bare annotation of a local name: counts only when nothing else binds the name."""

    scope: Scope
    name: str


@dataclass(slots=True, eq=False)
class UnwrittenToken:
    """Code that does not count by a setting: its names are part of the text all the same.

    Texts are what results and verdicts cite, and the same under all settings.
    """

    tokens: list[Token]


@dataclass(slots=True, eq=False)
class ObjectBaseToken:
    """The single base `object`: nothing, unless that name has been rebound."""

    scope: Scope


@dataclass(slots=True, eq=False)
class DecoratorToken:
    """A decorator; this package's own bare ones are no part of the normal form.

    Attributes:
        chain: its dotted name, or None for any other expression.
        call: it is called; `arguments` are the tokens of the arguments.
        whole: the tokens of the whole expression.
    """

    chain: NameToken | None
    call: bool
    arguments: list[Token]
    whole: list[Token]
    own: bool  # of the definition itself, not of a function nested in it


Token = (
    bytes
    | NameToken
    | ImportToken
    | DocToken
    | BareToken
    | UnwrittenToken
    | ObjectBaseToken
    | DecoratorToken
)


@dataclass(slots=True, eq=False)
class Piece:
    """One statement, header or function in normal form, before its names are decided.

    Attributes:
        tokens: the normal form.
        attrs: attributes of objects that are not known.
        visible: what of its own name and place the code can see.
        dynamic: reaches names that cannot be seen.
        annotated: has annotations that are kept.
        unannotated: has annotations that a setting leaves out.
        generator: has a yield of its own, or is asynchronous.
        bound: module-level names that it binds, each with its bindings in order.
        assigned: those of them that are bound otherwise than by def or class.
        defined: how often def or class binds one of them.
        mutated: module-level names whose value it may change in place.
        setters: global names that functions inside it bind.
        nonlocals: names of scopes around them that functions inside it bind, and where.
        documented: it holds a class with bases, which may read docstrings.
        framed: something in it may look local names up.
        strings: the text of its string constants; it may speak of local names.
    """

    tokens: list[Token] = field(default_factory=list)
    attrs: set[str] = field(default_factory=set)
    visible: set[str] = field(default_factory=set)
    dynamic: bool = False
    annotated: bool = False
    unannotated: bool = False
    generator: bool = False
    bound: dict[str, list[Binding]] = field(default_factory=dict)
    assigned: set[str] = field(default_factory=set)
    defined: dict[str, int] = field(default_factory=dict)
    mutated: set[str] = field(default_factory=set)
    setters: set[str] = field(default_factory=set)
    nonlocals: list[tuple[Scope, str]] = field(default_factory=list)
    documented: bool = False
    framed: bool = False
    strings: list[str] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class FileSink:
    """What the walk finds out about a whole file.

    Attributes:
        imports: see FileFacts.imports; keys in order.
        reads_docs: something in the file may read docstrings.
        equal: the equalities that the project asks for, see `config.EQUALITIES`.
    """

    imports: dict[tuple[int, str, tuple[str, ...]], None] = field(default_factory=dict)
    reads_docs: bool = False
    equal: frozenset[str] = frozenset()
