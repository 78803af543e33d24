"""Refs inside arguments are replaced by their values, whatever holds them."""

from __future__ import annotations

from typing import Any

import pytest

from mandala_git.errors import UsageError
from mandala_git.ops.refs import Ref, unwrap


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
