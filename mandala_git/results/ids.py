"""The ids of values, refs, calls and lookups: 16 bytes of blake3 over injective encodings.

`cid` says what a value is, `hid` how it came about (DESIGN words). Each is the hash of a
scheme byte and of length-prefixed or prefix-free parts, so no two inputs look alike.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

from blake3 import blake3

from mandala_git.results import atoms
from mandala_git.results.atoms import ATOMS
from mandala_git.results.naming import Found, set_namer

__all__ = [
    "ID_SIZE",
    "SCHEME",
    "Found",
    "call_hid",
    "cid",
    "hash_parts",
    "lookup_key",
    "output_hid",
    "set_namer",
    "value_hid",
]

SCHEME = b"\x01"
"""First byte under every hash; a change of any encoding needs another one."""

ID_SIZE = 16
"""Bytes of an id: collisions are expected at 2**64 values."""

_length = struct.Struct("<Q").pack
_SIZES = tuple(map(_length, range(256)))


def cid(value: Any, *, found: Found | None = None, path: str = "value") -> bytes:
    """Return the content id of a value.

    Equal for copies, however shared or laid out in memory, in any process and after a save
    and load; different for values that a function could tell apart.

    Args:
        value: any object that can be taken apart; a class may define `__mandala_hash__(self)`
            to return what its instances stand for.
        found: collects the functions and classes met inside the value, and the fallbacks.
        path: how to call the value in an error message, e.g. `argument 'model'`.

    Returns:
        16 bytes.

    Raises:
        UnhashableValue: some part can be neither taken apart nor pickled; names its path.
    """
    atom = ATOMS.get(type(value))
    if atom is not None:
        return blake3(b"\x01" + atom(value)).digest(length=16)
    from mandala_git.results.encoding import encode

    encoded = encode(value, Found() if found is None else found, path)
    return blake3(SCHEME + encoded).digest(length=ID_SIZE)


def hash_parts(*parts: bytes) -> bytes:
    """Hash byte strings together, each with its length: 16 bytes."""
    data = [SCHEME]
    for part in parts:
        size = len(part)
        data += (_SIZES[size] if size < 256 else _length(size), part)
    return blake3(b"".join(data)).digest(length=ID_SIZE)


def value_hid(content: bytes) -> bytes:
    """Return the history id of a value that no call made, from its content id."""
    return hash_parts(b"value", content)


def output_hid(call: bytes, name: str) -> bytes:
    """Return the history id of an output, from the history id of its call."""
    return hash_parts(b"output", call, atoms.text(name))


def call_hid(op_key: str, inputs: Iterable[tuple[str, bytes]], version: bytes) -> bytes:
    """Return the history id of a call.

    Args:
        op_key: the key of the op, as it was when the call was made.
        inputs: (argument, history id) in any order.
        version: the id of the version that ran.

    Returns:
        16 bytes.
    """
    pairs = [piece for name, hid in sorted(inputs) for piece in (atoms.text(name), hid)]
    return hash_parts(b"call", atoms.text(op_key), version, *pairs)


def lookup_key(inputs: Iterable[tuple[str, bytes]]) -> bytes:
    """Return the key under which calls with these inputs are found.

    The op is not part of it: a moved op finds its calls under the id of its old key.

    Args:
        inputs: (argument, content id) in any order.

    Returns:
        16 bytes.
    """
    pairs = [piece for name, content in sorted(inputs) for piece in (atoms.text(name), content)]
    return hash_parts(b"inputs", *pairs)
