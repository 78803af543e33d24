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
