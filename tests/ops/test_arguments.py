"""Arguments are bound by name as Python binds them."""

from __future__ import annotations

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
