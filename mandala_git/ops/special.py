"""Special arguments and outputs: what counts as what, and what is not kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from mandala_git.errors import UsageError
from mandala_git.ops.refs import Held, unwrap

T = TypeVar("T")

TRANSIENT = "<transient>."
"""How the label of a mark begins, an output that says that another one is not stored."""


class Ignore(Held, Generic[T]):
    """An argument that the function gets, and that is no part of the call: `f(x, Ignore(pool))`.

    Neither its id nor its value is recorded, and whether the function changes it is not asked.
    As a default (`def f(x, verbose=Ignore(True))`) it holds where the argument is left out.

    Args:
        value: what the function gets; a Ref is loaded.
    """

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"Ignore({self.value!r})"

    def __mandala_hash__(self) -> object:
        return ("mandala_git.Ignore", self.value)  # where it is a value, and so not ignored

    def held(self) -> Any:
        """Return what the function gets."""
        return unwrap(self.value)

    def bare(self) -> Any:
        """Refuse to be a part of an argument."""
        raise UsageError(
            "Ignore(...) stands inside another argument",
            hint="Ignore a whole argument: f(Ignore(x)), or @op(ignore_args=...).",
        )


class NewArgDefault(Held, Generic[T]):
    """The default of a parameter that an op did not always have: `def f(x, a=NewArgDefault(0))`.

    It says that the op did, before it had the parameter, what it does now where `a` is 0: once
    the edit is known to be compatible, calls from before are found where `a` is 0, given or
    left out. The function gets 0, not this object.

    Args:
        value: the default.
    """

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"NewArgDefault({self.value!r})"

    def __mandala_hash__(self) -> object:
        return ("mandala_git.NewArgDefault", self.value)

    def held(self) -> Any:
        """Return the default."""
        return unwrap(self.value)

    bare = held


class ValuePointer(Held, Generic[T]):
    """A value that is known by a name of yours: `f(ValuePointer("corpus-3", corpus))`.

    It is neither hashed nor stored: two calls are the same exactly if the names are, whatever
    the objects. It may be an argument, or be inside lists, tuples, sets and dicts that are.

    Args:
        id: the name.
        obj: what the function gets; a Ref is loaded.

    Raises:
        UsageError: the name is no string.
    """

    __slots__ = ("id", "obj")

    def __init__(self, id: str, obj: T) -> None:
        if not isinstance(id, str):
            raise UsageError(
                f"ValuePointer({id!r:.80}, ...): the name is no string",
                hint='Write ValuePointer("name", value).',
            )
        self.id = id
        self.obj = obj

    def __mandala_global__(self) -> tuple[object, Callable[[], Any]]:
        """Say what it counts as where a global holds it: its name; see `Ref`."""
        return ("mandala pointer", self.id), lambda: None

    def __repr__(self) -> str:
        return f"ValuePointer({self.id!r}, {self.obj!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ValuePointer) and self.id == other.id

    def __hash__(self) -> int:
        return hash((ValuePointer, self.id))

    def __mandala_hash__(self) -> object:
        if self.obj is not None:  # else it would stand for whatever has its name
            raise TypeError(
                "ValuePointer(...) is an argument, or in a list or the like that is one"
            )
        return self.id

    def held(self) -> Any:
        """Return the object."""
        return unwrap(self.obj)

    def bare(self) -> Any:
        """Return it without the object: what is recorded."""
        return ValuePointer(self.id, None)


class Transient(Held, Generic[T]):
    """An output that is not stored: `return Transient(frame)`, alone or in a tuple of outputs.

    The call is recorded and found like any other. Who needs the value again, in a later block
    or process, makes it again with `storage(recompute_transient=True)`.

    Args:
        value: the output.
        unhashable: it has no content id either; then whether it came out the same when it is
            made again is not looked at.
    """

    __slots__ = ("unhashable", "value")

    def __init__(self, value: T, unhashable: bool = False) -> None:
        self.value = value
        self.unhashable = unhashable

    def __repr__(self) -> str:
        return f"Transient({self.value!r})"

    def __mandala_hash__(self) -> object:
        raise TypeError("Transient(...) is an output of its own, no part of another value")

    def held(self) -> Any:
        """Return the value."""
        return self.value

    bare = held


def settled(returned: Any) -> Any:
    """Return what a function returned as its caller gets it: without Transient around it."""
    if type(returned) is Transient:
        return returned.value
    if type(returned) is tuple and any(type(part) is Transient for part in returned):
        return tuple([settled(part) for part in returned])
    return returned
