"""Arguments: a call's values by name, bound by a plan that is made once for each op."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from mandala_git.errors import CallError

_EMPTY = inspect.Parameter.empty
_SIMPLE = (inspect.Parameter.POSITIONAL_OR_KEYWORD,)


class Plan:
    """How to bind the arguments of one function.

    A variadic argument `*xs` binds as `xs.0`, `xs.1`, ..., a keyword `k` of `**options` as
    `options.k`: no parameter can have such a name. A function can tell in which order keywords
    were passed; if that is not their alphabetical order, it is an argument of its own,
    `options:order`.

    Args:
        function: the function.

    Attributes:
        names: of the parameters, in order; None when some are not simple.
        defaults: by name, of the parameters that have one.
    """

    __slots__ = ("defaults", "names", "signature")

    def __init__(self, function: Callable[..., Any]) -> None:
        self.signature = inspect.signature(function)
        parameters = self.signature.parameters.values()
        simple = all(p.kind in _SIMPLE for p in parameters)
        self.names = tuple(p.name for p in parameters) if simple else None
        self.defaults = {p.name: p.default for p in parameters if p.default is not _EMPTY}

    def bind(
        self, op: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[str, Any], ...]:
        """Return (name, value) of every argument, defaults applied, in order of the signature.

        Args:
            op: what to call the function in an error.
            args: positional arguments.
            kwargs: keyword arguments.

        Raises:
            CallError: the arguments do not fit the signature (a TypeError as well).
        """
        names = self.names
        if names is not None and not kwargs and len(args) == len(names):
            return tuple(zip(names, args, strict=True))
        if names is not None and len(args) <= len(names):
            rest = dict(kwargs)
            bound = list(zip(names, args, strict=False))
            for name in names[len(args) :]:
                if name in rest:
                    bound.append((name, rest.pop(name)))
                elif name in self.defaults:
                    bound.append((name, self.defaults[name]))
                else:
                    break
            if not rest and len(bound) == len(names):
                return tuple(bound)
        return self._bind_slowly(op, args, kwargs)

    def _bind_slowly(
        self, op: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[str, Any], ...]:
        try:
            found = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise WrongArguments(f"{op}() {error}") from None
        found.apply_defaults()
        bound: list[tuple[str, Any]] = []
        for name, value in found.arguments.items():
            kind = self.signature.parameters[name].kind
            if kind is inspect.Parameter.VAR_POSITIONAL:
                bound += ((f"{name}.{i}", each) for i, each in enumerate(value))
            elif kind is inspect.Parameter.VAR_KEYWORD:
                bound += ((f"{name}.{key}", each) for key, each in value.items())
                if (order := tuple(value)) != tuple(sorted(value)):
                    bound.append((f"{name}:order", order))
            else:
                bound.append((name, value))
        return tuple(bound)


class WrongArguments(CallError, TypeError):
    """The arguments of a call do not fit the op's signature."""
