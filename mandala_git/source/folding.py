"""The value of operations on integer and string constants (rule 7b, off by default)."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from mandala_git.source.constants import string_value
from mandala_git.source.nodes import joined

# Larger values are left as they are written, as Python's own folding leaves them.
_BITS, _CHARACTERS = 4096, 4096

_UNARY: dict[str, Callable[[int], int]] = {
    "Minus": operator.neg,
    "Plus": operator.pos,
    "BitInvert": operator.invert,
}
_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "Add": operator.add,
    "Subtract": operator.sub,
    "Multiply": operator.mul,
    "FloorDivide": operator.floordiv,
    "Modulo": operator.mod,
    "Power": operator.pow,
    "LeftShift": operator.lshift,
    "RightShift": operator.rshift,
    "BitAnd": operator.and_,
    "BitOr": operator.or_,
    "BitXor": operator.xor,
}


def folded(node: Any) -> int | str | None:
    """Return the value of an expression of integer or string constants, None for any other."""
    kind = node.__class__.__name__
    if kind == "Integer":
        digits = node.value.replace("_", "")
        return int(digits, 0) if len(digits) < _BITS // 4 else None
    if kind in ("SimpleString", "ConcatenatedString"):
        return _text(node)
    if kind == "UnaryOperation":
        value = folded(node.expression)
        known = _UNARY.get(node.operator.__class__.__name__)
        return known(value) if known and isinstance(value, int) else None
    if kind == "BinaryOperation":
        return _binary(node)
    return None


def _text(node: Any) -> str | None:
    parts = list(joined(node))
    if any(part.__class__.__name__ != "SimpleString" for part in parts):
        return None
    values = [string_value(part.value) for part in parts]
    texts = [value for value in values if isinstance(value, str)]
    return "".join(texts) if len(texts) == len(values) else None


def _binary(node: Any) -> int | str | None:
    name = node.operator.__class__.__name__
    known = _BINARY.get(name)
    left = folded(node.left) if known else None
    right = folded(node.right) if left is not None else None
    if known is None or left is None or right is None:
        return None
    if isinstance(left, str) and isinstance(right, str):
        return left + right if name == "Add" else None
    if not (isinstance(left, int) and isinstance(right, int)):
        return None
    if name in ("Power", "LeftShift") and not 0 <= right <= _BITS:
        return None
    if name == "Power" and left.bit_length() * right > _BITS:
        return None
    if name == "LeftShift" and left.bit_length() + right > _BITS:
        return None
    if (name in ("FloorDivide", "Modulo") and right == 0) or (name == "RightShift" and right < 0):
        return None  # an error where it runs
    value: int = known(left, right)
    return value if value.bit_length() <= _BITS else None
