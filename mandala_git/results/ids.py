"""The ids of values, refs, calls and lookups: 16 bytes of blake3 over injective encodings.

`cid` says what a value is, `hid` how it came about (DESIGN words). Each is the hash of a
scheme byte and of length-prefixed or prefix-free parts, so no two inputs look alike. The
history id of a call may begin as its lookup key does, and that of an output begins as its
call's: so one index entry finds a call by any of the three.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from blake3 import blake3

from mandala_git.results import atoms
from mandala_git.results.atoms import ATOMS
from mandala_git.results.naming import Found, set_namer

__all__ = [
    "ID_SIZE",
    "MARK",
    "SCHEME",
    "Found",
    "call_hid",
    "cid",
    "container_cid",
    "container_hid",
    "element_hids",
    "lookup_key",
    "output_hid",
    "rounded_cid",
    "set_namer",
    "value_hid",
]

SCHEME = b"\x01"
"""First byte under every hash; a change of any encoding needs another one."""

ID_SIZE = 16
"""Bytes of an id: collisions are expected at 2**64 values."""

MARK = 4
"""Bytes of an id that an index holds: whoever finds something by them compares the whole."""

_length = struct.Struct("<Q").pack


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
    if type(value) is int:
        return _id_of_int(value)
    atom = ATOMS.get(type(value))
    if atom is not None:
        return blake3(b"\x01" + atom(value)).digest(length=16)
    from mandala_git.results.encoding import encode

    encoded = encode(value, Found() if found is None else found, path)
    return blake3(SCHEME + encoded).digest(length=ID_SIZE)


_ints: dict[int, bytes] = {}
_INTS, _BITS = 4096, 64


def _id_of_int(value: int) -> bytes:
    """Return the content id of an int; a call asks for that of each int two or three times."""
    known = _ints.get(value)
    if known is None:
        known = blake3(b"\x01" + ATOMS[int](value)).digest(length=16)
        if value.bit_length() < _BITS:
            if len(_ints) >= _INTS:
                _ints.clear()
            _ints[value] = known
    return known


def rounded_cid(
    value: Any, digits: int, *, found: Found | None = None, path: str = "value"
) -> bytes:
    """Return an id that values share whose floats are equal to so many significant digits.

    It is never the content id of any value. Text, whole numbers and decimals count in full.

    Args:
        value: any object that has a content id.
        digits: 1 to 15; see `rounding.rounded`.
        found: collects the functions and classes met inside the value.
        path: how to call the value in an error message.

    Returns:
        16 bytes.

    Raises:
        UnhashableValue: as `cid`.
    """
    from mandala_git.results.encoding import encode

    encoded = encode(value, Found() if found is None else found, path, digits)
    scheme = atoms.frame(b"~", b"%d" % digits)
    return blake3(SCHEME + scheme + encoded).digest(length=ID_SIZE)


# The other ids are hashes of parts, each with its length in front. A new call takes four of them,
# so what they have in common is put together beforehand.


def _framed(part: bytes) -> bytes:
    return _length(len(part)) + part


@lru_cache(maxsize=4096)
def _name(name: str) -> bytes:
    """Return the name of what an id follows."""
    return _framed(atoms.text(name)) + _length(ID_SIZE)


@lru_cache(maxsize=4096)
def _op(key: str, version: bytes) -> bytes:
    return _CALL + _framed(atoms.text(key)) + _framed(version)


# Each byte becomes another one, and only after 256 times itself again (a full cycle, Hull and
# Dobell 1962): what is written so is never taken for what it was written from.
_OTHER = bytes((5 * byte + 3) % 256 for byte in range(256))
_OUTPUT = SCHEME + _framed(b"output")
_CALL = SCHEME + _framed(b"call")
_INPUTS = SCHEME + _framed(b"inputs")


@lru_cache(maxsize=4096)
def _name_bits(name: str) -> int:
    data = _OUTPUT + _framed(atoms.text(name))
    return int.from_bytes(blake3(data).digest(length=ID_SIZE - MARK))


def value_hid(content: bytes) -> bytes:
    """Return the history id of a value that no call made, from its content id.

    The content is all the history there is, so that its id is only written in another way: every
    call asks for some of these, and a hash takes as long as six of them.
    """
    return content.translate(_OTHER)


def output_hid(call: bytes, name: str) -> bytes:
    """Return the history id of an output, from the history id of its call.

    A hash of the name is added bit by bit: what tells calls apart tells their outputs apart, too.
    It leaves the first bytes, by which calls and outputs are looked up, as they are.
    """
    return (int.from_bytes(call) ^ _name_bits(name)).to_bytes(ID_SIZE)


def call_hid(
    op_key: str, inputs: Iterable[tuple[str, bytes]], version: bytes, key: bytes = b""
) -> bytes:
    """Return the history id of a call.

    Args:
        op_key: the key of the op, as it was when the call was made.
        inputs: (argument, history id) in any order.
        version: the id of the version that ran.
        key: under which the call is looked up: the id then begins with its first bytes.

    Returns:
        16 bytes.
    """
    data = _op(op_key, version)
    for name, hid in sorted(inputs):
        data += _name(name) + hid
    mark = key[:MARK]
    return mark + blake3(data).digest(length=ID_SIZE - len(mark))


def lookup_key(inputs: Iterable[tuple[str, bytes]]) -> bytes:
    """Return the key under which calls with these inputs are found.

    The op is not part of it: a moved op finds its calls under the id of its old key.

    Args:
        inputs: (argument, content id) in any order.

    Returns:
        16 bytes.
    """
    data = _INPUTS
    for name, content in sorted(inputs):
        data += _name(name) + content
    return blake3(data).digest(length=ID_SIZE)


# Containers: what they are, and how they came about, follows from their elements.

_CONTAINER = SCHEME + _framed(b"container")
_ELEMENTS = SCHEME + _framed(b"elements")


def container_cid(kind: str, keys: Sequence[bytes], elements: Sequence[bytes]) -> bytes:
    """Return the content id of a container whose elements are values of their own.

    Args:
        kind: name of its type.
        keys: content ids of the keys of a dict, in order.
        elements: content ids of the elements, in order (of a set: sorted).
    """
    head = atoms.frame(b"[", b"%b %d %d" % (atoms.text(kind), len(keys), len(elements)))
    data = b"".join((SCHEME, head, *keys, *elements))
    return blake3(data).digest(length=ID_SIZE)


def container_hid(content: bytes, elements: Sequence[bytes]) -> bytes:
    """Return the history id of a container that was built, from those of its elements."""
    return blake3(b"".join((_CONTAINER, content, *elements))).digest(length=ID_SIZE)


def element_hids(container: bytes, count: int, start: int = 0) -> list[bytes]:
    """Return the history ids of elements of a container that a call returned, by place.

    They follow from its history id, and begin like it, as that of an output begins like its
    call's: so whoever made an element is found as who made an output is.
    """
    size = ID_SIZE - MARK
    mark = container[:MARK]
    data = blake3(_ELEMENTS + container).digest(length=size * count, seek=size * start)
    return [mark + data[at : at + size] for at in range(0, len(data), size)]
