"""Decorators and bases that neither read what they decorate nor hide its calls (SEMANTICS 8)."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum

from mandala_git.source.definitions import Binding

PACKAGE = "mandala_git"
OPS = frozenset(["op", "superop"])
OWN = OPS | {"track"}


class Effect(Enum):
    """What a decorator does to the function under it, as far as we know."""

    PLAIN = "plain"  # the function runs when it is called, and only then
    HIDES = "hides"  # it may run at other times, or not at all
    FOREIGN = "foreign"  # anything: it may read the name, the docstring, the source


_PLAIN = frozenset(
    [
        "builtins.staticmethod",
        "builtins.classmethod",
        "functools.wraps",
        "functools.update_wrapper",
        "typing.overload",
        "typing.final",
        "typing.override",
        "typing.no_type_check",
        "typing.runtime_checkable",
        "typing_extensions.overload",
        "typing_extensions.final",
        "typing_extensions.override",
        "typing_extensions.runtime_checkable",
        "abc.abstractmethod",
        "abc.abstractclassmethod",
        "abc.abstractstaticmethod",
        "contextlib.contextmanager",
        "contextlib.asynccontextmanager",
        "dataclasses.dataclass",
    ]
)
_HIDES = frozenset(
    [
        "builtins.property",
        "abc.abstractproperty",
        "functools.cache",
        "functools.lru_cache",
        "functools.cached_property",
        "functools.singledispatch",
        "functools.singledispatchmethod",
        "functools.total_ordering",
        "pytest.fixture",
        "pytest_asyncio.fixture",
        "enum.property",
        "enum.member",
        "enum.nonmember",
    ]
)
_HIDING_FAMILIES = ("abc.", "typing.", "typing_extensions.", "enum.", "pytest.mark.")
_BASES = frozenset(
    [
        "builtins.object",
        "builtins.Exception",
        "builtins.BaseException",
        "builtins.Warning",
        "abc.ABC",
        "abc.ABCMeta",
        "builtins.type",
        "builtins.int",
        "builtins.str",
        "builtins.float",
        "builtins.bytes",
        "builtins.list",
        "builtins.dict",
        "builtins.set",
        "builtins.frozenset",
        "builtins.tuple",
        "typing.Protocol",
        "typing.NamedTuple",
        "typing.TypedDict",
        "typing.Generic",
    ]
)


def dotted(
    binding: Binding, name: str, attrs: tuple[str, ...], path: str, stars: tuple[Binding, ...]
) -> str:
    """Name what a chain leads to: `functools.wraps`, `builtins.property`, `..m.f`, `path::f`.

    Returns "?" when the file alone does not tell.
    """
    form = binding[0]
    if form == "star":
        # Our own `from mandala_git.imports import *` is known to hide no builtin.
        if stars and all(s[1] == 0 and s[2].partition(".")[0] == PACKAGE for s in stars):
            if name in OWN:
                return ".".join((PACKAGE, name, *attrs))
            if binding[1] == ("builtin",):
                return ".".join(("builtins", name, *attrs))
        return "?"
    if form == "builtin":
        return ".".join(("builtins", name, *attrs))
    if form == "import":
        return ".".join((binding[1], *attrs))
    if form == "from":
        prefix = "." * binding[1] + binding[2]
        return ".".join(
            (prefix, binding[3], *attrs) if binding[2] else (prefix + binding[3], *attrs)
        )
    if form == "global":
        return f"{path}::" + ".".join((name, *attrs))
    return "?"


def own_decorator(target: str) -> str:
    """Return "op", "superop" or "track" for a decorator of this package, else ""."""
    first, _, rest = target.partition(".")
    last = rest.rpartition(".")[2]
    return last if first == PACKAGE and last in OWN else ""


def effect(target: str, extra: Collection[str] = ()) -> Effect:
    """Say what a decorator does; `extra` are the user's own plain ones."""
    if target in _PLAIN or own_decorator(target) or _listed(target, extra):
        return Effect.PLAIN
    if target in _HIDES or target.startswith(_HIDING_FAMILIES):
        return Effect.HIDES
    return Effect.FOREIGN


def neutral_base(target: str, extra: Collection[str] = ()) -> bool:
    """Tell whether a base class or metaclass is known not to read docstrings or names."""
    if target in _BASES or target.startswith(
        ("abc.", "typing.", "typing_extensions.", "enum.", "collections.abc.")
    ):
        return True
    if target.startswith("builtins."):
        return target.endswith(("Error", "Warning", "Exception", "ExceptionGroup", "Interrupt",
                                "Exit", "Iteration"))  # fmt: skip
    return effect(target, extra) is not Effect.FOREIGN


def _listed(target: str, extra: Collection[str]) -> bool:
    return target in extra or ("::" in target and target.rpartition("::")[2] in extra)
