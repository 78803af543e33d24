"""What a Python file defines: the values that the scan makes and everything above reads.

Nothing here parses. `scan.py` makes these values from files, `texts.py` makes the same
values from stored texts, `index.py` keeps them; all three must agree to the byte.
"""

from __future__ import annotations

import marshal
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from mandala_git.records import NamedTuple

SCHEME = "n2"
"""Name of the normal form: prefix of every digest. A changed rule needs a new name."""

MODULE = "<module>"
"""Qualified name of the statements left over in a file; also the hidden hole to them."""

STAR = "*"
"""Qualified name of the definition that holds a file's `import *` statements, in order."""


UNSAVED = "<notebook>"
"""Last part of the path of a running notebook whose file is not known."""

EMPTY = "0" * 64
"""Skeleton and exact digest of a `<module>` with nothing left over."""


_FEW = 5
"""Cells that cannot be read are named one by one up to this number."""


class Kind(StrEnum):
    """What sort of definition this is."""

    FUNCTION = "function"  # also methods (qualname `C.m`) and async functions
    CLASS = "class"
    GLOBAL = "global"  # module-level binding by assignment, for, with, ...
    IMPORT = "import"  # module-level binding by import only; STAR too
    MODULE = "module"  # `<module>`


# A Binding says what a free name means, as its own file says; a tuple, so that it can be
# marshalled and compared. The first element tells the form:
#   ("builtin",)                        not bound in the file, a builtin of some Python
#   ("absent",)                         not bound in the file, no builtin
#   ("global",)                         a def, class or assignment of this file, bound once
#   ("import", "a.b")                   `import a.b as x` or `import a` or `import a.b` (binds a):
#                                       the module that the *name* stands for
#   ("from", level, "mod", "name")      `from ..mod import name [as x]`
#   ("star", fallback)                  not bound, the file has `import *`; fallback = one of the first two
#   ("unknown",)                        a stored text does not tell: a scheme that did not look the
#                                       name up has written it
#   ("many", (binding, ...))            bound more than once: every binding in source order;
#                                       a non-import one is ("global",)
Binding = tuple[Any, ...]


class Hole(NamedTuple):
    """A free name or dotted chain of a definition: `np.random.seed` is name np, attrs (random, seed).

    Attributes:
        name: the free name.
        attrs: attributes read from it in one chain, outermost last.
        binding: what the name means in its file.
        called: every occurrence is the function of a call, outside decorators, defaults,
            annotations and bases.
    """

    name: str
    attrs: tuple[str, ...]
    binding: Binding
    called: bool

    @property
    def chain(self) -> str:
        """The chain as spelled, for example `np.random.seed`."""
        return ".".join((self.name, *self.attrs))


class Definition(NamedTuple):
    """A function, method, class body, module-level binding, or `<module>` of one file.

    Attributes:
        path: of the file, relative to the repository, with `/`.
        qualname: `Model.fit`; a repeated name is `f`, `f#2`, `f#3` in source order.
        kind: see Kind.
        text_id: sha256 (hex) of the lasting text (`texts.py`).
        skeleton: sha256 (hex) of the normal form with every free name or chain as a
            numbered hole. Not in it: the own name and place, unless the code can see them.
        digest: `n1:` + sha256 (hex): the skeleton with each hole spelled as its file says.
        exact: sha256 (hex) of the normal form that keeps the names of locals (rules 1-8).
        holes: distinct free chains, numbered by first occurrence in the normal form; behind
            them, named `<import>` and outside the normal form, one hole for each name that an
            import statement inside it binds (in a function body; for MODULE those outside
            functions). An IMPORT has one hole for each import that binds it, a STAR one named
            `*` for each `import *`.
        attrs: sorted names of attributes read from objects that are not known statically,
            `m` of `x.m`, of `f().m`, and the attributes behind a chain's first element that
            leads to a global; literal `getattr(x, "m")` counts.
        members: for a class, the qualnames of methods and nested classes, in order.
        parent: for a method or nested class, the qualname of its class.
        plain: a function that runs when it is called and only then: no decorators but
            neutral ones that do not hide calls, not a generator's wrapper, not a property.
            An IMPORT whose name one import statement binds, under no condition.
        op: decorated by `@op` of this package (or `@superop`).
        dynamic: its code can reach names that cannot be seen: eval, exec, globals(),
            non-literal getattr, importlib.import_module, __import__.
        literal: for a GLOBAL bound once by a literal: the source of a Python literal that
            `ast.literal_eval` reads; else None. For a CLASS None.
        values: for a CLASS, {attribute: literal source or None} of its data attributes; for a
            FUNCTION, {parameter: literal source or None} of its defaults.
        mutable: for a GLOBAL whose value may change in place (anything but numbers, strings,
            bytes, None, booleans, tuples and frozensets of these, as far as the text tells).
        lines: first and last line, 1-based, decorators included; of a notebook, in the source
            that its cells make together.
        cell: of a notebook, the number of the cell in which it begins, from 1, and how many of
            these lines are before that cell; else two zeros.
        bare: a function or class without decorators.
        note: why this is a fallback (`raw:` digests), "" when all is well.
    """

    path: str
    qualname: str
    kind: Kind
    text_id: str
    skeleton: str
    digest: str
    exact: str
    holes: tuple[Hole, ...] = ()
    attrs: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    parent: str | None = None
    plain: bool = False
    op: bool = False
    dynamic: bool = False
    literal: str | None = None
    values: Mapping[str, str | None] = MappingProxyType({})
    mutable: bool = False
    parameters: tuple[str, ...] = ()
    lines: tuple[int, int] = (0, 0)
    note: str = ""
    cell: tuple[int, int] = (0, 0)
    bare: bool = False

    @property
    def key(self) -> str:
        """`src/train.py::Model.fit`."""
        return f"{self.path}::{self.qualname}"

    @property
    def line(self) -> int:
        """The first line, as people count it: in its file, or in its cell."""
        return self.lines[0] - self.cell[1]

    @property
    def place(self) -> str:
        """`src/train.py:8`, or `analysis.ipynb:cell 3:2`."""
        return place_of(self.path, self.cell[0], self.line)

    @property
    def empty(self) -> bool:
        """A `<module>` without any statement left over."""
        return self.kind is Kind.MODULE and not self.holes and self.skeleton == EMPTY

    @property
    def name(self) -> str:
        """The last part of the qualified name, without `#2`."""
        return self.qualname.rpartition(".")[2].partition("#")[0]


class FileFacts(NamedTuple):
    """All definitions of one file.

    Attributes:
        path: relative to the repository.
        definitions: in source order; `<module>` last; STAR before it when there is one.
        imports: (level, module, names) of every import statement at any depth, in order,
            each once: `import a.b` is (0, "a.b", ()), `from .m import f` is (1, "m", ("f",)).
        error: "" or why the file could not be read (then there are no definitions).
        error_line: 1-based line of the error, or 0.
        notes: of a notebook, the cells that could not be read and are left out: number of the
            cell, line in it, what is wrong.
    """

    path: str
    definitions: tuple[Definition, ...]
    imports: tuple[tuple[int, str, tuple[str, ...]], ...] = ()
    error: str = ""
    error_line: int = 0
    notes: tuple[tuple[int, int, str], ...] = ()

    @property
    def complaints(self) -> list[str]:
        """Return what could not be read, a line each, with its place."""
        found = [f"{place_of(self.path, 0, self.error_line)}: {self.error}"] if self.error else []
        for cell, line, what in self.notes[:_FEW]:
            found.append(f"{place_of(self.path, cell, line)}: {what}")
        if len(self.notes) > _FEW:
            found.append(f"{self.path}: {len(self.notes) - _FEW} more cells cannot be read")
        return found


def place_of(path: str, cell: int, line: int) -> str:
    """Return a place in a file; a cell or a line that is zero is left out."""
    return path + (f":cell {cell}" if cell else "") + (f":{line}" if line else "")


def is_notebook(path: str) -> bool:
    """Tell whether a path is that of a notebook, or of one that runs and whose file is not known."""
    return path.endswith((".ipynb", UNSAVED))


def split_key(key: str) -> tuple[str, str]:
    """Split `src/train.py::Model.fit` into path and qualified name."""
    path, _, qualname = key.rpartition("::")
    return path, qualname


def is_test(path: str) -> bool:
    """Tell whether a file holds tests: they replace attributes of modules (rule 10b)."""
    file = path.rpartition("/")[2]
    named = file.startswith(("test_", "conftest.")) or file.endswith("_test.py")
    return named or "/tests/" in f"/{path}"


def pack(facts: FileFacts) -> bytes:
    """Serialize the facts of a file, the same on every Python that we support."""
    return marshal.dumps(
        (
            facts.path,
            tuple(_pack_definition(d) for d in facts.definitions),
            facts.imports,
            facts.error,
            facts.error_line,
            facts.notes,
        ),
        4,
    )


def unpack(data: bytes) -> FileFacts:
    """Read what `pack` wrote."""
    path, definitions, *rest = marshal.loads(data)
    return FileFacts(path, tuple(_unpack_definition(d) for d in definitions), *rest)


def _pack_definition(d: Definition) -> tuple[Any, ...]:
    return (
        d.path, d.qualname, str(d.kind), d.text_id, d.skeleton, d.digest, d.exact,
        tuple((h.name, h.attrs, h.binding, h.called) for h in d.holes),
        d.attrs, d.members, d.parent, d.plain, d.op, d.dynamic, d.literal,
        tuple(d.values.items()), d.mutable, d.parameters, d.lines, d.note,
        d.cell, d.bare,
    )  # fmt: skip


def _unpack_definition(row: tuple[Any, ...]) -> Definition:
    (path, qualname, kind, text_id, skeleton, digest, exact, holes, *rest) = row
    attrs, members, parent, plain, op, dynamic, literal, values, mutable, *last = rest
    return Definition(
        path, qualname, Kind(kind), text_id, skeleton, digest, exact,
        tuple(Hole(*h) for h in holes),
        attrs, members, parent, plain, op, dynamic, literal, dict(values), mutable, *last,
    )  # fmt: skip


def pack_definition(definition: Definition) -> bytes:
    """Serialize one definition (the index keeps those derived from stored texts)."""
    return marshal.dumps(_pack_definition(definition), 4)


def unpack_definition(data: bytes) -> Definition:
    """Read what `pack_definition` wrote."""
    return _unpack_definition(marshal.loads(data))


def by_name(definitions: Iterable[Definition], name: str) -> tuple[Definition, ...]:
    """All definitions of one name: `f`, `f#2`, ... in source order."""
    return tuple(
        d
        for d in definitions
        if d.qualname == name or ("#" in d.qualname and re.sub(r"#\d+", "", d.qualname)) == name
    )
