"""The bytes of the simplest values, and the frame that every larger encoding has.

An encoding is prefix-free: a tag byte, then either a length and as many bytes, or `#` and a
hash of those bytes. So a concatenation of encodings can be taken apart again in one way
only, which is what makes the whole injective (up to a collision of blake3). Long payloads
are replaced by their hash to keep parents small, however often a child is shared.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from blake3 import blake3

LONG = 128
"""Payloads longer than this many bytes stand as their hash in an encoding."""

PIECE = 1 << 20
"""Characters of a text that are encoded at a time: a copy of a long one would be as long."""

_double = struct.Struct("<d").pack
_pair = struct.Struct("<dd").pack


def frame(tag: bytes, payload: bytes) -> bytes:
    """Return the prefix-free encoding of a payload under a tag of one byte."""
    if len(payload) <= LONG:
        return b"%b%d:%b" % (tag, len(payload), payload)
    return tag + b"#" + blake3(payload).digest()


def digest_frame(tag: bytes, digest: bytes) -> bytes:
    """Return the encoding of a payload that was hashed elsewhere (32 bytes of blake3)."""
    return tag + b"#" + digest


def text(value: str) -> bytes:
    """Return a str as bytes; lone surrogates are kept, as a function could see them."""
    return value.encode("utf-8", "surrogatepass")


def _int(value: int) -> bytes:
    # Decimal is quick for everyday numbers; long ones would be quadratic, and refused above
    # sys.get_int_max_str_digits.
    if -(1 << 63) <= value < 1 << 63:
        return b"i%d;" % value
    return frame(b"I", value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True))


def _float(value: float) -> bytes:
    return b"f" + _double(value)  # by bits: -0.0 is not 0.0, a nan is itself


def _str(value: str) -> bytes:
    if len(value) <= PIECE:
        return frame(b"s", value.encode("utf-8", "surrogatepass"))
    hasher = blake3()
    for start in range(0, len(value), PIECE):
        hasher.update(text(value[start : start + PIECE]))
    return digest_frame(b"s", hasher.digest())


def _bytearray(value: bytearray) -> bytes:
    if len(value) <= LONG:
        return frame(b"B", bytes(value))
    return digest_frame(b"B", blake3(value).digest())


def _bool(value: bool) -> bytes:
    return b"T" if value else b"F"


ATOMS: dict[type, Callable[[Any], bytes]] = {
    int: _int,
    float: _float,
    str: _str,
    bool: _bool,
    type(None): lambda value: b"N",
    bytes: lambda value: frame(b"b", value),
    complex: lambda value: b"c" + _pair(value.real, value.imag),
    bytearray: _bytearray,
    type(Ellipsis): lambda value: b"E",
    type(NotImplemented): lambda value: b"n",
}
"""Exact type -> encoding, for values without parts. Each tag byte occurs once in this package."""

CONSTANT = frozenset({int, bool, float, complex, str, bytes, type(None)})
"""Types whose instances nobody can change in place."""


def read(data: bytes) -> Any:
    """Return the value of an encoding that holds it whole, not its hash.

    Raises:
        ValueError: it is none of a value in `ATOMS`.
    """
    reader = _READERS.get(data[:1])
    if reader is None:
        raise ValueError(f"no value is encoded as {data!r}")
    return reader(data)


def _payload(data: bytes) -> bytes:
    size, colon, payload = data[1:].partition(b":")
    if not colon or int(size) != len(payload):
        raise ValueError(f"no value is encoded as {data!r}")
    return payload


_READERS: dict[bytes, Callable[[bytes], Any]] = {
    b"i": lambda data: int(data[1:-1]),
    b"I": lambda data: int.from_bytes(_payload(data), "little", signed=True),
    b"f": lambda data: struct.unpack("<d", data[1:])[0],
    b"s": lambda data: _payload(data).decode("utf-8", "surrogatepass"),
    b"T": lambda data: True,
    b"F": lambda data: False,
    b"N": lambda data: None,
    b"b": _payload,
    b"c": lambda data: complex(*struct.unpack("<dd", data[1:])),
    b"B": lambda data: bytearray(_payload(data)),
    b"E": lambda data: Ellipsis,
    b"n": lambda data: NotImplemented,
}
