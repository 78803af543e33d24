"""A guard holds exactly as long as everything that was looked at is as it was."""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any

import pytest

from mandala_git.versions.seen import MISSING, Guard, Seen, SeenFunction, SeenSize


def made(count: int) -> tuple[dict[str, Any], list[FunctionType]]:
    """A namespace of functions, each with a default that another object may be equal to."""
    namespace: dict[str, Any] = {"one": 1}
    lines = (f"def f{number}(x, y={1000 + number}):\n    return x\n" for number in range(count))
    exec("\n".join(lines), namespace)
    return namespace, [namespace[f"f{number}"] for number in range(count)]


def guard_of(namespace: dict[str, Any], functions: list[FunctionType]) -> Guard:
    checks: list[Any] = [Seen(namespace.get, "absent", MISSING), Seen(namespace.get, "one", 1)]
    for function in functions:
        checks.append(Seen(namespace.get, function.__name__, function))
        checks += [SeenFunction.of(function), SeenSize(function, len(vars(function)))]
    return Guard(checks)


def code(text: str) -> CodeType:
    found: dict[str, Any] = {}
    exec(text, found)
    made: CodeType = found["f"].__code__
    return made


def set_attribute(function: FunctionType) -> Callable[[], None]:
    function.later = 1  # type: ignore[attr-defined]
    return lambda: delattr(function, "later")


def give_attributes(function: FunctionType) -> Callable[[], None]:
    function.__dict__ = {"later": 1}
    return lambda: setattr(function, "__dict__", {})


def exchange(name: str, value: Any) -> Callable[[FunctionType], Callable[[], None]]:
    def change(function: FunctionType) -> Callable[[], None]:
        before = getattr(function, name)
        setattr(function, name, value)
        return lambda: setattr(function, name, before)

    return change


CHANGES: dict[str, Callable[[FunctionType], Callable[[], None]]] = {
    "code": exchange("__code__", code("def f(x, y):\n    return x + 1\n")),
    "equal defaults": exchange("__defaults__", (1001.0,)),
    "no defaults": exchange("__defaults__", None),
    "named defaults": exchange("__kwdefaults__", {"y": 1}),
    "an attribute": set_attribute,
    "other attributes": give_attributes,
}


@pytest.mark.parametrize("count", [1, 3, 4, 20])
@pytest.mark.parametrize("change", CHANGES)
def test_a_function_that_changes(count: int, change: str) -> None:
    namespace, functions = made(count)
    guard = guard_of(namespace, functions)
    assert guard.holds()
    for function in functions:
        undo = CHANGES[change](function)
        assert not guard.holds(), function
        undo()
        assert guard.holds(), function


@pytest.mark.parametrize("count", [1, 3, 4, 20])
def test_a_name_that_changes(count: int) -> None:
    namespace, functions = made(count)
    guard = guard_of(namespace, functions)
    for name in [f.__name__ for f in functions]:
        before = namespace.pop(name)
        assert not guard.holds()
        namespace[name] = lambda x: x
        assert not guard.holds()
        namespace[name] = before
        assert guard.holds()
    for name, value in {"one": True, "absent": None}.items():
        before = namespace.get(name, MISSING)
        namespace[name] = value  # `True` is equal to 1
        assert not guard.holds()
        del namespace[name]
        if before is not MISSING:
            namespace[name] = before
        assert guard.holds()


@pytest.mark.parametrize("count", [2, 9])
def test_functions_with_more_to_them(count: int) -> None:
    def closing(captured: list[Any]) -> Callable[[], Any]:
        def inner(*, named: int = 1) -> Any:
            return captured, named

        return inner

    many: list[Any] = [closing([number]) for number in range(count)]
    for function in many:
        function.label = "a"
    guard = Guard([c for f in many for c in (SeenFunction.of(f), SeenSize(f, 1))])
    assert guard.holds()
    for function in many:
        (cell,) = function.__closure__
        cell.cell_contents, before = [], cell.cell_contents
        assert not guard.holds()
        cell.cell_contents = before
        function.__kwdefaults__["named"] = 2
        assert not guard.holds()
        function.__kwdefaults__["named"] = 1
        function.other = "b"
        assert not guard.holds()
        del function.other
        assert guard.holds()


class Anything:
    """Is equal to whatever it is compared with."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


class AnyTuple(tuple[Any, ...]):
    """A tuple that is equal to whatever it is compared with."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = tuple.__hash__


class Refusing:
    """Cannot be compared with anything."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize("count", [1, 4, 20])
def test_what_is_equal_to_anything(count: int) -> None:
    namespace, functions = made(count)
    guard = guard_of(namespace, functions)
    for function in functions:
        namespace[function.__name__] = Anything()
        assert not guard.holds()
        namespace[function.__name__] = function
        before = function.__defaults__
        function.__defaults__ = AnyTuple(before or ())
        assert not guard.holds()
        function.__defaults__ = before
        assert guard.holds()


@pytest.mark.parametrize("count", [1, 4, 20])
def test_defaults_where_there_were_none(count: int) -> None:
    namespace, functions = made(count)
    for function in functions:
        function.__defaults__ = None
    guard = guard_of(namespace, functions)
    for function in functions:
        for value in (AnyTuple((1,)), (None,)):
            function.__defaults__ = value
            assert not guard.holds()
        del function.__doc__  # as many parts as before
        assert not guard.holds()
        function.__doc__, function.__defaults__ = None, None
        function.__kwdefaults__ = {"y": 1}
        assert not guard.holds()
        function.__kwdefaults__ = None
        assert guard.holds()


@pytest.mark.parametrize("count", [1, 4, 20])
def test_a_copy_under_the_same_name(count: int) -> None:
    namespace, functions = made(count)
    guard = guard_of(namespace, functions)
    for f in functions:
        copy = FunctionType(f.__code__, f.__globals__, f.__name__, f.__defaults__, f.__closure__)
        namespace[f.__name__] = copy
        assert not guard.holds()
        namespace[f.__name__] = f
        assert guard.holds()


@pytest.mark.parametrize("count", [1, 4, 20])
def test_attributes_in_another_dict(count: int) -> None:
    namespace, functions = made(count)
    for function in functions:
        function.__dict__ = {"label": 1}
    guard = guard_of(namespace, functions)
    for function in functions:
        before = function.__dict__
        function.__dict__ = {"label": True}
        assert not guard.holds()
        function.__dict__ = before
        assert guard.holds()


def test_an_empty_dict_in_place_of_another() -> None:
    namespace, (function, *_) = made(4)
    guard = guard_of(namespace, [function])
    function.__dict__ = {}
    guard.holds()  # it may
    function.later = 1  # type: ignore[attr-defined]
    assert not guard.holds()


def test_what_changed_before_there_was_a_guard() -> None:
    _, functions = made(5)
    checks = [SeenFunction.of(function) for function in functions]
    sizes = [SeenSize(function, 0) for function in functions]
    functions[3].__defaults__ = (1,)
    assert not Guard([*checks, *sizes]).holds()
    functions[3].__defaults__ = checks[3].defaults  # type: ignore[assignment]
    functions[2].later = 1  # type: ignore[attr-defined]
    assert not Guard([*checks, *sizes]).holds()


def test_what_cannot_be_compared_is_another() -> None:
    namespace, functions = made(5)
    guard = guard_of(namespace, functions)
    functions[2].__doc__ = Refusing()  # type: ignore[assignment]
    assert not guard.holds()
    functions[2].__doc__ = None
    assert guard.holds()


def test_looking_at_functions_changes_nothing() -> None:
    namespace, functions = made(5)
    guard = guard_of(namespace, functions)
    for function in functions:
        _ = vars(function), function.__annotations__, function.__doc__, hash(function)
    assert guard.holds()


def test_class_attributes() -> None:
    class C:
        a, b, c, d, e = range(5)

    checks: list[Any] = [Seen(vars(C).get, name, number) for number, name in enumerate("abcde")]
    guard = Guard([*checks, SeenSize(C, len(vars(C)))])
    assert guard.holds()
    C.c = 7
    assert not guard.holds()
    C.c = 2
    assert guard.holds()
    C.f = 1  # type: ignore[attr-defined]
    assert not guard.holds()


@pytest.mark.parametrize("count", [63, 64, 65, 130])
def test_many_names(count: int) -> None:
    namespace: dict[str, Any] = {f"n{number}": object() for number in range(count)}
    guard = Guard([Seen(namespace.get, name, found) for name, found in namespace.items()])
    assert guard.holds()
    for name in [*namespace]:
        before = namespace.pop(name)
        assert not guard.holds()
        namespace[name] = Anything()
        assert not guard.holds()
        namespace[name] = before
        assert guard.holds()


def test_a_name_that_only_the_builtins_have_now() -> None:
    namespace: dict[str, Any] = {"a": 1, "b": 2, "c": 3, "len": Anything(), "no identifier": 4}
    guard = Guard([Seen(namespace.get, name, found) for name, found in namespace.items()])
    assert guard.holds()
    del namespace["len"]
    assert not guard.holds()
