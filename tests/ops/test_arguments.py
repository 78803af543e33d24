"""Arguments are bound by name as Python binds them."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import pytest

from mandala_git.ops.arguments import Plan, WrongArguments


def plain(a: Any, b: Any = 2) -> None: ...


def variadic(a: Any, *rest: Any, k: Any = 3, **options: Any) -> None: ...


@pytest.mark.parametrize(
    ("args", "kwargs", "bound"),
    [
        ((1, 5), {}, (("a", 1), ("b", 5))),
        ((1,), {}, (("a", 1), ("b", 2))),
        ((), {"b": 5, "a": 1}, (("a", 1), ("b", 5))),
    ],
)
def test_plain(args: Any, kwargs: Any, bound: Any) -> None:
    assert Plan(plain).bind(args, kwargs) == bound


@pytest.mark.parametrize(
    ("args", "kwargs", "bound"),
    [
        ((1,), {}, (("a", 1), ("k", 3))),
        ((1, 2, 4), {"k": 5}, (("a", 1), ("rest.0", 2), ("rest.1", 4), ("k", 5))),
        ((1,), {"c": 7, "d": 8}, (("a", 1), ("k", 3), ("options.c", 7), ("options.d", 8))),
        (
            (1,),
            {"d": 8, "c": 7},
            (
                ("a", 1),
                ("k", 3),
                ("options.d", 8),
                ("options.c", 7),
                ("options:order", ("d", "c")),
            ),
        ),
    ],
)
def test_variadic(args: Any, kwargs: Any, bound: Any) -> None:
    assert Plan(variadic).bind(args, kwargs) == bound


@pytest.mark.parametrize(
    ("args", "kwargs"), [((), {}), ((1, 2, 3), {}), ((1,), {"a": 1}), ((1,), {"z": 1})]
)
def test_what_does_not_fit_is_a_type_error_too(args: Any, kwargs: Any) -> None:
    with pytest.raises(WrongArguments, match=r"plain\(\)") as caught:
        Plan(plain).bind(args, kwargs)
    assert isinstance(caught.value, TypeError)


def wrapped(function: Any) -> Any:
    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return run


def told(a: Any) -> None: ...


told.__signature__ = inspect.signature(plain)  # type: ignore[attr-defined]


def positional(a: Any, /, b: Any) -> None: ...


def by_keyword(a: Any, *, b: Any = 1) -> None: ...


def without() -> None: ...


def last(a: Any, b: Any = 1, c: Any = None) -> Any:
    local = a, b
    return local


@pytest.mark.parametrize(
    "function", [plain, variadic, wrapped(plain), told, positional, by_keyword, without, last]
)
def test_a_plan_says_what_inspect_says(function: Any) -> None:
    plan, parameters = Plan(function), inspect.signature(function).parameters.values()
    usual = all(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)
    assert plan.names == (tuple(p.name for p in parameters) if usual else None)
    assert plan.defaults == {p.name: p.default for p in parameters if p.default is not p.empty}
    assert plan.signature == inspect.signature(function)
