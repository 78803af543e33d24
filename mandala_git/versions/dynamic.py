"""Dynamic code: how far it reaches by names that cannot be seen."""

from __future__ import annotations

from mandala_git.source.definitions import Definition
from mandala_git.source.walk import SHOWS_LOCALS

_ATTRIBUTES = frozenset({"getattr", "hasattr", "setattr", "delattr"})
_NAMES = frozenset(
    {"eval", "exec", "globals", "locals", "vars", "__import__", "__builtins__", "get_ipython"}
)
_BEYOND = SHOWS_LOCALS | {"query", "eval"}
_WAYS = frozenset(
    {"sys", "inspect", "importlib", "runpy", "pkgutil", "builtins", "pydoc", "IPython"}
)


def only_attributes(definition: Definition) -> bool:
    """Whether all that dynamic code does is to read attributes by computed names.

    What it reads them from came to it by a name, as an argument or from code that ran: each of
    these counts by itself.
    """
    found = False
    for hole in definition.holes:
        for binding in hole.binding[1] if hole.binding[0] == "many" else (hole.binding,):
            if binding[0] in ("import", "from"):
                module = binding[1] if binding[0] == "import" else binding[2]
                if module.partition(".")[0] in _WAYS:
                    return False
            elif hole.name in _NAMES or binding[0] == "star":
                return False
            found = found or hole.name in _ATTRIBUTES
        if not SHOWS_LOCALS.isdisjoint(hole.attrs):
            return False
    return found and _BEYOND.isdisjoint(definition.attrs)
