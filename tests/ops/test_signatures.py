"""Every signature and every kind of output: what a call is found by is what Python would pass."""

from __future__ import annotations

import inspect
from typing import Any, NamedTuple, Optional

import pytest

from mandala_git import Storage, op
from mandala_git.errors import MandalaError
from mandala_git.ops.arguments import Plan, WrongArguments


def loose(*args: Any, **kwargs: Any) -> Any:
    return repr(args), repr(kwargs)


def strict(a: Any, b: Any = 2, /, c: Any = 3, *, d: Any, e: Any = 5, **rest: Any) -> Any:
    return repr((a, b, c, d, e, rest))


def mixed(a: Any, *rest: Any, k: Any = 3, **options: Any) -> Any:
    return repr((a, rest, k, options))


# Calls of which no two are the same call, however their arguments are spelled.
DIFFERENT: dict[Any, list[tuple[tuple[Any, ...], dict[str, Any]]]] = {
    loose: [
        ((), {}),
        ((1,), {}),
        ((), {"args_0": 1}),
        ((), {"args.0": 1}),
        ((), {"args": 1}),
        ((), {"args": (1,)}),
        ((), {"kwargs": {"args": 1}}),
        ((1, 2), {}),
        ((2, 1), {}),
        (((1, 2),), {}),
        ((1,), {"0": 2}),
        ((), {"a": 2, "b": 1}),
        ((), {"b": 1, "a": 2}),
        ((), {"order": ("b", "a")}),
        ((), {"kwargs:order": ("b", "a"), "a": 2, "b": 1}),
        ((True,), {}),
        ((1.0,), {}),
    ],
    strict: [
        ((1,), {"d": 4}),
        ((1, 7), {"d": 4}),
        ((1, 2, 7), {"d": 4}),
        ((1,), {"d": 4, "e": 6}),
        ((1,), {"d": 4, "a": 7}),
        ((1,), {"d": 4, "b": 7}),
        ((1,), {"d": 4, "b": 2}),
        ((1,), {"d": 4, "a": 7, "b": 2}),
        ((1,), {"d": 4, "b": 2, "a": 7}),
    ],
    mixed: [
        ((1,), {}),
        ((1, 3), {}),
        ((1,), {"k": 4}),
        ((1,), {"rest": 3}),
        ((1, 3), {"options": 3}),
    ],
}


@pytest.mark.parametrize("function", DIFFERENT, ids=lambda f: f.__name__)
def test_no_two_calls_collide(function: Any, storage: Storage) -> None:
    calls = DIFFERENT[function]
    made = op(function)
    with storage:
        answers = [storage.unwrap(made(*args, **kwargs)) for args, kwargs in calls]
        assert answers == [function(*args, **kwargs) for args, kwargs in calls]
        assert storage.executed == len(calls)
        again = [storage.unwrap(made(*args, **kwargs)) for args, kwargs in calls]
    assert again == answers
    assert storage.executed == len(calls)


@pytest.mark.parametrize(
    ("function", "calls"),
    [
        (strict, [((1,), {"d": 4}), ((1, 2), {"d": 4}), ((1, 2, 3), {"e": 5, "d": 4})]),
        (mixed, [((1,), {}), ((), {"a": 1}), ((1,), {"k": 3}), ((), {"k": 3, "a": 1})]),
    ],
)
def test_spellings_of_one_call_share_it(function: Any, calls: Any, storage: Storage) -> None:
    made = op(function)
    with storage:
        answers = {storage.unwrap(made(*args, **kwargs)) for args, kwargs in calls}
    assert answers == {function(*calls[0][0], **calls[0][1])}
    assert storage.executed == 1


def nothing() -> None: ...


def two(a: Any, b: Any = 1, /) -> None: ...


@pytest.mark.parametrize(
    "function", [loose, strict, mixed, nothing, two], ids=lambda f: str(f.__name__)
)
def test_what_python_refuses_is_refused_and_nothing_else(function: Any) -> None:
    plan = Plan(function)
    some = [((1,) * count, kwargs) for count in range(5) for kwargs in _KEYWORDS]
    for args, kwargs in some:
        try:
            function(*args, **kwargs)
        except TypeError:
            with pytest.raises(WrongArguments, match=rf"{function.__name__}\(\) "):
                plan.bind(args, kwargs)
        else:
            bound = plan.bind(args, kwargs)
            values = [value for _, value in bound]
            passed, named = plan.passed(bound, values)
            assert function(*passed, **named) == function(*args, **kwargs)
            assert plan.again(dict(bound)) is not None


_KEYWORDS: list[dict[str, Any]] = [
    dict.fromkeys(names, 9)
    for names in ("", "a", "b", "d", "dz", "zd", "da", "db", "dab", "ce", "dce", "k", "az", "zk")
]


def test_a_bound_call_is_in_the_order_of_the_signature() -> None:
    bound = Plan(mixed).bind((1, 2, 3), {"z": 5, "k": 4})
    assert [name for name, _ in bound] == ["a", "rest.0", "rest.1", "k", "options.z"]
    assert list(inspect.signature(mixed).parameters) == ["a", "rest", "k", "options"]


# -- outputs -------------------------------------------------------------------------------


class Pair(NamedTuple):
    a: Any
    b: Any


def empty(x: Any) -> tuple[()]:
    return ()


def single(x: Any) -> tuple[Any]:
    return (x,)


def some(x: Any) -> Optional[tuple[Any, Any]]:  # noqa: UP045 - as people write it
    return (x, x + 1) if x else None


def pair(x: Any) -> tuple[Any, Any]:
    return x, [x]


def named(x: Any) -> Pair:
    return Pair(x, x)


def gone(x: Any) -> None: ...


@pytest.mark.parametrize(
    ("function", "settings", "count"),
    [
        (empty, {}, 1),
        (single, {}, 1),
        (single, {"nout": 1}, 1),
        (single, {"output_names": ["a"]}, 1),
        (pair, {}, 2),
        (pair, {"nout": 2}, 2),
        (pair, {"nout": "var"}, 2),
        (pair, {"nout": 1}, 1),
        (pair, {"output_names": ["all"]}, 1),
        (pair, {"output_names": ["b", "a"]}, 2),
        (named, {}, 1),
        (gone, {}, 1),
        (gone, {"nout": 0}, 0),
        (gone, {"output_names": []}, 0),
    ],
)
def test_outputs(function: Any, settings: Any, count: int, storage: Storage) -> None:
    made = op(**settings)(function)
    with storage:
        for _ in range(2):
            found = made(7)
            assert storage.unwrap(found) == function(7)
            assert type(storage.unwrap(found)) is type(function(7))
            assert (len(found) if isinstance(found, tuple) else found is not None) == count
    assert (storage.executed, storage.found) == (1, 1)


def test_an_optional_tuple_has_as_many_outputs_as_were_returned(storage: Storage) -> None:
    made = op(some)
    with storage:
        for _ in range(2):
            assert [storage.unwrap(made(x)) for x in (0, 1)] == [None, (1, 2)]
    assert storage.executed == 2


@pytest.mark.parametrize(
    ("function", "settings", "why"),
    [
        (pair, {"nout": 3}, "pair has nout=3, but returned tuple of 2"),
        (gone, {"nout": 2}, "gone has nout=2, but returned NoneType"),
        (empty, {"nout": 0}, "empty has nout=0, but returned tuple of 0"),
        (pair, {"output_names": ["a", "b", "c"]}, "nout=3, but returned tuple of 2"),
        (named, {"nout": 2}, "nout=2, but returned Pair of 2"),
    ],
)
def test_other_outputs_than_were_declared(
    function: Any, settings: Any, why: str, storage: Storage
) -> None:
    made = op(**settings)(function)
    with storage, pytest.raises(MandalaError, match=why) as caught:
        made(7)
    assert caught.value.hint.startswith("Return ")
