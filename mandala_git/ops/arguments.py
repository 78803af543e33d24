"""Arguments: a call's values by name, bound by a plan that is made once for each op."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeGuard

from mandala_git.errors import CallError, UsageError
from mandala_git.ops.refs import Held
from mandala_git.records import NamedTuple

if TYPE_CHECKING:
    from inspect import Signature

CAPTURED = "<closure>."
"""How the names of captured values begin: no parameter can have such a name."""

Bound = tuple[tuple[str, Any], ...]
"""(name, value) of each argument of a call."""

_VARIADIC = 0x04 | 0x08
"""Flags of code with `*args` or `**kwargs` (inspect.CO_VARARGS, inspect.CO_VARKEYWORDS)."""


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
        defaults: by name, of the parameters that have one: what a call gets that leaves them out.
        special: whether that is not in all cases what the function itself would take.
    """

    __slots__ = ("_function", "_kinds", "_signature", "defaults", "names", "special")

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._kinds: _Kinds | None = None
        self._signature: Signature | None = None
        self.names: tuple[str, ...] | None
        if _is_simple(function):
            code, values = function.__code__, function.__defaults__ or ()
            self.names = code.co_varnames[: code.co_argcount]
            self._take(dict(zip(self.names[len(self.names) - len(values) :], values, strict=True)))
            return
        parameters = self.signature.parameters.values()
        simple = all(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)
        self.names = tuple(p.name for p in parameters) if simple else None
        self._take({p.name: p.default for p in parameters if p.default is not p.empty})

    def _take(self, defaults: dict[str, Any]) -> None:
        self.special = any(isinstance(value, Held) for value in defaults.values())
        if self.special:
            from mandala_git.ops.special import NewArgDefault

            for name, value in defaults.items():
                if isinstance(value, NewArgDefault):
                    defaults[name] = value.value
        self.defaults = defaults

    @property
    def signature(self) -> Signature:
        """The function's signature; most plans do without, and `inspect` takes 10 ms to import."""
        if self._signature is None:
            import inspect

            self._signature = inspect.signature(self._function)
        return self._signature

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Bound:
        """Return (name, value) of every argument, defaults applied, in order of the signature.

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
        return self._bind_slowly(args, kwargs)

    def _bind_slowly(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Bound:
        # Not by `Signature.bind`: before Python 3.12.4 it takes no keyword for `**options` that
        # has the name of a positional-only parameter with a default.
        kinds, rest, defaults = self.kinds, dict(kwargs), self.defaults
        bound = list(zip(kinds.positional, args, strict=False))
        missing = []
        for name in (*kinds.positional[len(args) :], *kinds.keyword_only):
            if name in rest and name not in kinds.nameless:
                bound.append((name, rest.pop(name)))
            elif name in defaults:
                bound.append((name, defaults[name]))
            else:
                missing.append(name)
        more = args[len(kinds.positional) :]
        twice = any(name in rest and name not in kinds.nameless for name, _ in bound)
        if missing or twice or (more and not kinds.args) or (rest and not kinds.options):
            raise self._wrong(args, kwargs)
        if more:
            # In order of the signature: before the parameters that follow `*args`.
            at = len(kinds.positional)
            bound[at:at] = [(f"{kinds.args}.{number}", each) for number, each in enumerate(more)]
        bound += [(f"{kinds.options}.{key}", each) for key, each in rest.items()]
        if (order := tuple(rest)) != tuple(sorted(rest)):
            bound.append((f"{kinds.options}:order", order))
        return tuple(bound)

    @property
    def kinds(self) -> _Kinds:
        """The parameters by how they take arguments."""
        if self._kinds is None:
            self._kinds = _Kinds.of(self.signature)
        return self._kinds

    def named(self, names: Sequence[str], what: str) -> frozenset[str]:
        """Return the names, as they are bound, of arguments that are given by name.

        Args:
            names: of parameters, or of keywords that `**options` take.
            what: the setting that names them.

        Raises:
            UsageError: the function takes no argument of such a name.
        """
        if isinstance(names, str) or not all(isinstance(name, str) for name in names):
            raise UsageError(
                f"{self._function.__qualname__}: {what}={names!r:.80} is no list of names",
                hint=f'Write {what}=["name"].',
            )
        options, parameters = self.kinds.options, self.signature.parameters
        found = set()
        for name in names:
            if name not in parameters and not options:
                raise UsageError(
                    f"{self._function.__qualname__} has no argument {name!r} ({what})",
                    hint=f"It has {', '.join(parameters) or 'none'}.",
                )
            found.add(name if name in parameters else f"{options}.{name}")
        return frozenset(found)

    def _wrong(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> WrongArguments:
        """Return why arguments do not fit, as Python's own library says it."""
        try:
            self.signature.bind(*args, **kwargs)
        except TypeError as error:
            return WrongArguments(f"{self._function.__qualname__}() {error}")
        return WrongArguments(f"{self._function.__qualname__}() does not take these arguments")

    def again(self, given: Mapping[str, Any]) -> Bound | None:
        """Return (name, value) of every argument of a call that was bound before.

        Parameters that were added since have their defaults.

        Args:
            given: what was bound, by name.

        Returns:
            None when a parameter has no value, or a value no parameter.
        """
        rest = dict(given)
        bound: list[tuple[str, Any]] = []
        for name, parameter in self.signature.parameters.items():
            if parameter.kind is parameter.VAR_POSITIONAL:
                count = sum(each.startswith(f"{name}.") for each in rest)
                names = [f"{name}.{number}" for number in range(count)]
            elif parameter.kind is parameter.VAR_KEYWORD:
                names = sorted(each for each in rest if each.startswith(f"{name}."))
                if (order := f"{name}:order") in rest:
                    names = [*(f"{name}.{each}" for each in rest[order]), order]
            else:
                names = [name]
            for each in names:
                if each in rest:
                    bound.append((each, rest.pop(each)))
                elif each in self.defaults:
                    bound.append((each, self.defaults[each]))
                else:
                    return None
        return None if rest else tuple(bound)

    def passed(self, bound: Bound, values: Sequence[Any]) -> tuple[Sequence[Any], dict[str, Any]]:
        """Return the positional and the keyword arguments for the function.

        Args:
            bound: the arguments, by name; what follows those of the signature is left out.
            values: what to pass for each of them.
        """
        if self.names is not None:
            return values[: len(self.names)], {}
        given = {name: value for (name, _), value in zip(bound, values, strict=True)}
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for name, parameter in self.signature.parameters.items():
            if parameter.kind is parameter.VAR_POSITIONAL:
                count = sum(each.startswith(f"{name}.") for each in given)
                args += (given[f"{name}.{i}"] for i in range(count))
            elif parameter.kind is parameter.VAR_KEYWORD:
                start = f"{name}."
                kwargs |= {
                    k.removeprefix(start): v for k, v in given.items() if k.startswith(start)
                }
            elif parameter.kind is parameter.KEYWORD_ONLY:
                kwargs[name] = given[name]
            else:
                args.append(given[name])
        return args, kwargs


def _is_simple(function: Callable[..., Any]) -> TypeGuard[FunctionType]:
    """Tell whether its code alone says what parameters a function has, all of the usual kind."""
    if not isinstance(function, FunctionType):
        return False
    code, own = function.__code__, vars(function)
    unusual = code.co_posonlyargcount or code.co_kwonlyargcount or code.co_flags & _VARIADIC
    return not unusual and "__wrapped__" not in own and "__signature__" not in own


class IgnoringPlan(Plan):
    """A plan that ignores some arguments, whatever is passed.

    Args:
        function: the function.
        ignored: names of parameters, or of keywords that `**options` take.

    Raises:
        UsageError: the function takes no argument of such a name.
    """

    __slots__ = ("_ignored",)

    def __init__(self, function: Callable[..., Any], ignored: Sequence[str]) -> None:
        super().__init__(function)
        self._ignored = self.named(ignored, "ignore_args")
        self.special = True

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Bound:
        """Return (name, value) of every argument; those that are ignored say so."""
        from mandala_git.ops.special import Ignore

        ignored, order_of = self._ignored, f"{self.kinds.options}:order"
        bound: list[tuple[str, Any]] = []
        for name, value in super().bind(args, kwargs):
            if name in ignored or name.partition(".")[0] in ignored:
                bound.append((name, value if type(value) is Ignore else Ignore(value)))
            elif name != order_of:
                bound.append((name, value))
            elif self.kinds.options not in ignored:
                prefix = f"{self.kinds.options}."
                order = tuple([key for key in value if prefix + key not in ignored])
                if order != tuple(sorted(order)):
                    bound.append((name, order))
        return tuple(bound)


class _Kinds(NamedTuple):
    """The parameters of a function by how they take arguments.

    Attributes:
        positional: those that may be passed by position, in order.
        nameless: those of them that may not be passed by name.
        keyword_only: those that must be.
        args: name of `*args`, "" where there is none.
        options: name of `**options`, "" where there is none.
    """

    positional: tuple[str, ...]
    nameless: frozenset[str]
    keyword_only: tuple[str, ...]
    args: str
    options: str

    @classmethod
    def of(cls, signature: Signature) -> _Kinds:
        names: dict[Any, list[str]] = {}
        for parameter in signature.parameters.values():
            names.setdefault(parameter.kind.name, []).append(parameter.name)
        nameless = names.get("POSITIONAL_ONLY", [])
        return cls(
            (*nameless, *names.get("POSITIONAL_OR_KEYWORD", ())),
            frozenset(nameless),
            tuple(names.get("KEYWORD_ONLY", ())),
            *(names.get(kind, [""])[0] for kind in ("VAR_POSITIONAL", "VAR_KEYWORD")),
        )


class WrongArguments(CallError, TypeError):
    """The arguments of a call do not fit the op's signature."""
