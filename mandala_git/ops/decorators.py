"""`@op`, `@superop` and `@track`: functions whose calls are recorded, and functions that count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any, ParamSpec, TypeVar, overload

from mandala_git.ops.declared import Path, mark
from mandala_git.ops.op import COROUTINE, AsyncOp, Nout, Op

P = ParamSpec("P")
T = TypeVar("T")


def _is_async(func: object) -> bool:
    return isinstance(func, FunctionType) and bool(func.__code__.co_flags & COROUTINE)


@overload
def op(func: Callable[P, T], /) -> Op[P, T]: ...


@overload
def op(
    *,
    nout: Nout = "auto",
    output_names: Sequence[str] | None = None,
    ignore_args: Sequence[str] = (),
    unstored_args: Sequence[str] = (),
    round_floats: int | None = None,
    depends_on: Sequence[Path] = (),
    untracked: Sequence[str] = (),
) -> Callable[[Callable[P, T]], Op[P, T]]: ...


def op(
    func: Callable[P, T] | None = None,
    /,
    *,
    nout: Nout = "auto",
    output_names: Sequence[str] | None = None,
    ignore_args: Sequence[str] = (),
    unstored_args: Sequence[str] = (),
    round_floats: int | None = None,
    depends_on: Sequence[Path] = (),
    untracked: Sequence[str] = (),
) -> Any:
    """Record the calls of a function inside `with storage:`; never compute one twice.

    Args:
        func: the function.
        nout: number of outputs. "auto": a returned tuple of two or more is split, anything
            else is one output; a number: a tuple of that length is returned (1: whatever is
            returned, 0: None); "var" as "auto".
        output_names: names of the outputs, used for tables; they say how many there are.
        ignore_args: names of arguments that are no part of a call: the function gets them, but
            whatever they are, the call is the same, and nothing of them is recorded.
        unstored_args: names of arguments whose values are not stored, only what they are.
        round_floats: significant decimal digits (1 to 15) of the floats in arguments, in arrays,
            frames and containers too, by which recorded calls are found: arguments that are
            equal after rounding share a result. The function gets what it was given, and that
            is what is recorded. By default every bit counts.
        depends_on: files whose content counts as the code does: paths relative to the folder of
            the module, with `*`, `**`, `?` and `[...]`; a folder means all files in it. Where the
            content is another, or a file comes or goes, the call runs; where it is back, the call
            is found again.
        untracked: globals that do not count, whatever they hold, because no result depends on
            them (caches, counters): names of the op's module, or `pkg.mod.NAME`.

    Returns:
        The op. Outside a block it is the plain function.

    Raises:
        UsageError: it cannot be an op.
    """
    settings: dict[str, Any] = {
        "nout": nout,
        "output_names": output_names,
        "ignore_args": ignore_args,
        "unstored_args": unstored_args,
        "round_floats": round_floats,
        "depends_on": depends_on,
        "untracked": untracked,
    }
    return _decorate(func, settings)


def _decorate(func: Any, settings: dict[str, Any]) -> Any:
    """Return an op, or what makes one of a function."""

    def made(found: Any) -> Any:
        if isinstance(found, staticmethod | classmethod):  # written above instead of below
            return type(found)(made(found.__func__))
        return (AsyncOp if _is_async(found) else Op)(found, **settings)

    return made if func is None else made(func)


@overload
def superop(func: Callable[P, T], /) -> Op[P, T]: ...


@overload
def superop(
    *,
    nout: Nout = "auto",
    output_names: Sequence[str] | None = None,
    ignore_args: Sequence[str] = (),
    unstored_args: Sequence[str] = (),
    round_floats: int | None = None,
    depends_on: Sequence[Path] = (),
    untracked: Sequence[str] = (),
) -> Callable[[Callable[P, T]], Op[P, T]]: ...


def superop(func: Any = None, /, **settings: Any) -> Any:
    """Record the calls of a function that is made of calls of ops, as a whole and one by one.

    Its body gets Refs and passes them on, so that the history of what it returns goes through
    the calls inside. A call that is found does not run the body; one that is not finds those
    calls inside that are recorded. Where a value is needed, `unwrap(ref)` loads it; so do
    comparisons, iteration and the like.

    Args:
        func: the function.
        settings: as for `op`.

    Returns:
        The op. Outside a block it is the plain function, which gets plain values.

    Raises:
        UsageError: it cannot be an op.
    """
    return _decorate(func, {**settings, "refs": True})


C = TypeVar("C", bound=Callable[..., Any])


def track(obj: C) -> C:
    """Mark a function or class as something that results depend on.

    Project code is tracked without it; with `Storage(tracking="decorated")` only ops and what is
    marked counts, of a class its methods and attributes too.
    """
    mark(obj)
    return obj
