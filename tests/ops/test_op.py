"""What can be an op, and what is refused with the next step."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from mandala_git import op
from mandala_git.errors import UsageError


def f(x: Any) -> Any:
    return x


def yields(x: Any) -> Iterator[Any]:
    yield x


async def both(x: Any) -> AsyncIterator[Any]:
    yield x


@pytest.mark.parametrize(
    "what", [yields, both, int, functools.partial(f), 3, None.__class__, op(f)]
)
def test_what_is_no_function_that_returns(what: Any) -> None:
    with pytest.raises(UsageError) as caught:
        op(what)
    assert caught.value.hint


@pytest.mark.parametrize("nout", [-1, True, 1.0, "two", None])
def test_numbers_of_outputs_that_are_none(nout: Any) -> None:
    with pytest.raises(UsageError, match="is no number of outputs"):
        op(nout=nout)(f)


@pytest.mark.parametrize(
    ("names", "why"),
    [
        ("ab", "no list of names"),
        ([1, 2], "no list of names"),
        (["a", "a"], "two outputs alike"),
        (["a", "x"], "x names an input and an output"),
    ],
)
def test_names_of_outputs_that_are_none(names: Any, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        op(output_names=names)(f)


def test_names_and_number_must_agree() -> None:
    with pytest.raises(UsageError, match="nout=2, but 1 output_names"):
        op(nout=2, output_names=["a"])(f)
    assert op(nout=2, output_names=["a", "b"])(f).output_names == ("a", "b")
    for nout in (0, 1, 3, "auto", "var"):
        op(nout=nout)(f)  # type: ignore[call-overload]


def test_outside_a_block_it_is_the_plain_function() -> None:
    assert op(f)([1]) == [1]
    with pytest.raises(TypeError):
        op(f)()  # type: ignore[call-arg]
