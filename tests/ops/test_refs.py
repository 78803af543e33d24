"""Refs inside arguments are replaced by their values, whatever holds them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import pytest

from mandala_git.errors import UsageError
from mandala_git.ops.refs import Ref, unwrap, wrap_atom


class Values:
    """Loads every value as 7."""

    def load(self, content: bytes) -> Any:
        return 7


REF = Ref(b"h", b"c", Values())


@pytest.mark.parametrize(
    ("obj", "plain"),
    [
        (REF, 7),
        ([REF, 1], [7, 1]),
        ((1, [REF]), (1, [7])),
        ({"a": {"b": REF}}, {"a": {"b": 7}}),
        ({REF}, {7}),
        ([[], (), {}, set()], [[], (), {}, set()]),
    ],
)
def test_refs_become_values(obj: Any, plain: Any) -> None:
    found = unwrap(obj)
    assert found == plain
    assert type(found) is type(plain)


def test_what_holds_no_ref_is_the_same_object() -> None:
    inner = [1]
    itself: list[Any] = []
    itself.append(itself)
    deep: list[Any] = []
    for _ in range(50_000):
        deep = [deep]
    for obj in ([inner, inner], {"a": inner}, (inner,), itself, deep, "x", None):
        assert unwrap(obj) is obj
    mixed = [inner, REF]
    assert unwrap(mixed)[0] is inner


def test_a_ref_in_what_holds_itself_is_refused() -> None:
    itself: list[Any] = [REF]
    itself.append(itself)
    with pytest.raises(UsageError, match="the list holds a Ref, and holds itself"):
        unwrap(itself)


class Loads:
    """Loads one value, and counts how often."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.loads = 0

    def load(self, content: bytes) -> Any:
        self.loads += 1
        return self.value


def ref(value: Any, cid: bytes = b"c") -> Ref:
    return Ref(b"h" * 16, cid, Loads(value))


def test_a_ref_is_used_like_its_value() -> None:
    number = ref(3)
    assert [number == n for n in (3, 4)] == [True, False]
    assert [number != n for n in (3, 4)] == [False, True]
    assert (number > 2, number >= 3, number < 3, number <= 2) == (True, True, False, False)
    assert (number > ref(2), ref(4) > number, number.__gt__(2)) == (True, True, True)
    assert (float(number), int(number), complex(number)) == (3.0, 3, 3 + 0j)
    assert list(range(number)) == [0, 1, 2] and [5, 6, 7, 8][number] == 8
    assert f"{number:05d}" == "00003"
    assert bool(number) and not ref(0) and not ref([])
    items = ref([1, "a", None])
    assert (len(items), list(items), items[1], items[ref(2)]) == (3, [1, "a", None], "a", None)
    assert "a" in items and ref("a") in items and "b" not in items
    with pytest.raises(TypeError):
        range(ref("3"))


def test_refs_are_equal_when_their_contents_are() -> None:
    one, same, other = ref(1), ref(2), ref(1, b"d")
    assert [one == each for each in (same, other)] == [True, False]
    assert [one != each for each in (same, other)] == [False, True]
    assert (one._loader.loads, other._loader.loads) == (0, 0)  # type: ignore[attr-defined]
    assert len({one, Ref(b"h" * 16, b"x", Loads(0))}) == 2
    assert {one: "found"}[Ref(b"h" * 16, b"c", Loads(9))] == "found"


def test_arrays_behind_refs() -> None:
    array = np.arange(4.0)
    held = ref(array)
    assert np.asarray(held) is array
    assert np.array(held) is not array
    assert np.asarray(held, dtype=int).dtype == int
    assert (held == array).all() and not (held != array).any()
    assert np.sqrt(held).tolist() == np.sqrt(array).tolist()
    assert (held > 1).tolist() == [False, False, True, True]


def test_refs_in_a_notebook() -> None:
    frame = pandas.DataFrame({"a": ["<b>"]})
    held = ref(frame)
    assert held._repr_html_() == "<code>AtomRef(hid=686..., in_memory=False)</code>"
    assert held._loader.loads == 0  # type: ignore[attr-defined]
    held.load()
    assert held._repr_html_().startswith("<div>") and "&lt;b&gt;" in held._repr_html_()
    text = ref("<i>")
    text.load()
    assert text._repr_html_() == "<code>AtomRef(&#x27;&lt;i&gt;&#x27;, hid=686...)</code>"


@pytest.mark.parametrize("kind", ["set", "dict"])
def test_a_ref_whose_value_cannot_be_hashed_is_no_key(kind: str) -> None:
    ref = wrap_atom([1])
    with pytest.raises(UsageError, match=f"a {kind} cannot hold the value of a Ref in it"):
        unwrap({ref} if kind == "set" else {ref: 1})
    assert unwrap({wrap_atom((1,)): [ref]}) == {(1,): [[1]]}
