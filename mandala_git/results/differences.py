"""Where two values differ, and whether by much: for messages and evidence, never for a lookup."""

from __future__ import annotations

from typing import Any

from mandala_git.results.atoms import ATOMS
from mandala_git.results.ids import cid
from mandala_git.results.naming import Found
from mandala_git.results.paths import Trail
from mandala_git.results.shapes import NoShape, Shape, shape_of

_DEEP = 200
"""Steps into a value after which it is left alone: it may lead back to itself."""


def difference(one: Any, other: Any, path: str = "value") -> tuple[str, Any, Any]:
    """Follow two values that differ to the first of their parts that does.

    Args:
        one, other: values with different content ids.
        path: how to call the value.

    Returns:
        The way there, and what is there in the one and in the other.
    """
    trail = Trail(path)
    for _ in range(_DEEP):
        if _is_of(one, "numpy"):
            return _in_arrays(one, other, trail.text)
        shapes = _alike(one, other)
        if shapes is None or _is_of(one, "pandas", "torch"):
            break
        mine, its = shapes
        pairs = enumerate(zip(mine.parts, its.parts, strict=True))
        at = next((at for at, (a, b) in pairs if cid(a) != cid(b)), None)
        if at is None or mine.unordered:
            break
        trail.step(one, mine, at)
        one, other = mine.parts[at], its.parts[at]
    return trail.text, one, other


def close(one: Any, other: Any, tolerance: float, depth: int = _DEEP) -> bool:
    """Tell whether values differ by no more than a part of them, float by float.

    Args:
        one, other: numbers, arrays, tables, and containers and objects of these.
        tolerance: relative to the larger one.
        depth: steps into the values until they have to be identical.
    """
    if isinstance(one, float | complex) and isinstance(other, float | complex):
        if one != one or other != other:
            return one != one and other != other
        return one == other or abs(one - other) <= tolerance * max(abs(one), abs(other))
    if type(one) is not type(other):
        return False
    if _is_of(one, "numpy") and hasattr(one, "dtype") and type(one).__module__ == "numpy":
        return _close_arrays(one, other, tolerance)
    if _is_of(one, "pandas") and hasattr(one, "columns"):
        return _close_tables(one, other, tolerance)
    shapes = _alike(one, other) if depth else None
    if shapes is None or shapes[0].unordered or not shapes[0].parts or _is_of(one, "torch"):
        return cid(one) == cid(other)
    pairs = zip(shapes[0].parts, shapes[1].parts, strict=True)
    return all(close(a, b, tolerance, depth - 1) for a, b in pairs)


def _is_of(value: Any, *packages: str) -> bool:
    return type(value).__module__.partition(".")[0] in packages


def _alike(one: Any, other: Any) -> tuple[Shape, Shape] | None:
    """Take two values apart; None where their parts cannot be compared one by one."""
    if type(one) in ATOMS or type(other) in ATOMS:
        return None
    found = Found()
    try:
        mine, its = shape_of(one, found), shape_of(other, found)
    except NoShape:
        return None
    same = mine.head == its.head and len(mine.parts) == len(its.parts)
    return (mine, its) if same else None


def _in_arrays(one: Any, other: Any, path: str) -> tuple[str, Any, Any]:
    import numpy

    plain = all(
        type(each) is numpy.ndarray and each.dtype.kind in "?iufcmMUS" for each in (one, other)
    )
    if not plain or one.dtype != other.dtype or one.shape != other.shape or not one.ndim:
        return path, one, other
    places = numpy.argwhere((one != other) & ~((one != one) & (other != other)))
    if not len(places):
        return path, one, other  # signs of zero, bits of nan
    place = tuple(int(index) for index in places[0])
    return f"{path}[{', '.join(map(str, place))}]", one[place].item(), other[place].item()


def _close_arrays(one: Any, other: Any, tolerance: float) -> bool:
    import numpy

    if one.dtype != other.dtype or numpy.shape(one) != numpy.shape(other):
        return False
    if one.dtype.kind not in "fc":
        return cid(one) == cid(other)
    return bool(numpy.allclose(one, other, rtol=tolerance, atol=0, equal_nan=True))


def _close_tables(one: Any, other: Any, tolerance: float) -> bool:
    from pandas.testing import assert_frame_equal

    try:
        assert_frame_equal(one, other, rtol=tolerance, atol=0)
    except AssertionError:
        return False
    return True
