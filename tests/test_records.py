"""Our `NamedTuple` means what `typing.NamedTuple` means, as far as it goes."""

from __future__ import annotations

import copy
import pickle
import typing
from typing import Any

import pytest

from mandala_git.records import NamedTuple


class Ours(NamedTuple):
    """A point."""

    x: int
    y: int | None
    label: str = ""
    tags: tuple[str, ...] = ()

    @property
    def whole(self) -> str:
        return f"{self.x}{self.label}"


class Theirs(typing.NamedTuple):
    x: int
    y: int | None
    label: str = ""
    tags: tuple[str, ...] = ()


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((1, 2), {}),
        ((1, 2, "a"), {}),
        ((1, None, "a", ("b",)), {}),
        ((1,), {"y": 3}),
        ((), {"tags": ("t",), "y": 1, "x": 2}),
        ((1, 2), {"tags": ("t",)}),
        ((), {}),
        ((1,), {}),
        ((1, 2, 3, 4, 5), {}),
        ((1, 2), {"x": 3}),
        ((1, 2), {"unknown": 3}),
        ((1, 2, "a", ()), {"label": "b"}),
    ],
)
def test_made_of_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    try:
        expected = Theirs(*args, **kwargs)
    except TypeError:
        with pytest.raises(TypeError, match="Ours has the fields x, y, label, tags"):
            Ours(*args, **kwargs)
        return
    ours = Ours(*args, **kwargs)
    assert tuple(ours) == tuple(expected)
    assert (ours.x, ours.y, ours.label, ours.tags) == tuple(expected)


def test_it_is_a_tuple() -> None:
    ours = Ours(1, None, "a")
    assert ours == (1, None, "a", ()) and hash(ours) == hash((1, None, "a", ()))
    assert repr(ours) == repr(Theirs(1, None, "a")).replace("Theirs", "Ours")
    assert ours._fields == Theirs._fields and ours.whole == "1a"
    assert ours._replace(y=5) == (1, 5, "a", ()) and type(ours._replace(y=5)) is Ours
    assert Ours._make([1, 2, "b", ()]) == (1, 2, "b", ())
    match ours:
        case Ours(x, None, label=label):
            assert (x, label) == (1, "a")
        case _:
            pytest.fail("positional patterns do not match")
    with pytest.raises(TypeError):
        ours._replace(z=1)
    with pytest.raises(AttributeError):
        ours.x = 2  # type: ignore[misc]
    with pytest.raises(AttributeError):
        ours.other = 2  # type: ignore[attr-defined]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_copies(protocol: int) -> None:
    ours = Ours(1, None, "a", ("b",))
    for each in (
        pickle.loads(pickle.dumps(ours, protocol)),
        copy.copy(ours),
        copy.deepcopy(ours),
    ):
        assert each == ours and type(each) is Ours
