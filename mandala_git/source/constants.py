"""Constants by value: numbers and strings of source text as typed, injective bytes."""

from __future__ import annotations

import re
import struct
import unicodedata

_ESCAPE = re.compile(
    r"\\(\n|[\\'\"abfnrtv]|[0-7]{1,3}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|N\{[^}]*\})"
)
_ESCAPE_BYTES = re.compile(r"\\(\n|[\\'\"abfnrtv]|[0-7]{1,3}|x[0-9a-fA-F]{2})")
_SIMPLE = {
    "\n": "", "\\": "\\", "'": "'", '"': '"', "a": "\a", "b": "\b", "f": "\f",
    "n": "\n", "r": "\r", "t": "\t", "v": "\v",
}  # fmt: skip
# CPython refuses to convert longer decimal literals by default, and the limit can be set;
# beyond it the digits themselves are the value, on every interpreter alike.
_LONGEST = 4000


def text_bytes(text: str) -> bytes:
    """Encode a string with its length in front; lone surrogates pass."""
    data = text.encode("utf-8", "surrogatepass")
    return b"%d:%b" % (len(data), data)


def identifier(name: str) -> str:
    """Normalize an identifier as Python does (NFKC)."""
    return name if name.isascii() else unicodedata.normalize("NFKC", name)


def mangled(name: str, owner: str) -> str:
    """Mangle a private name of class `owner` (language reference 6.2.1)."""
    if not owner or not name.startswith("__") or name.endswith("__") or "." in name:
        return name
    owner = owner.lstrip("_")
    return f"_{owner}{name}" if owner else name


def integer(source: str) -> bytes:
    """Encode an integer literal by value."""
    digits = source.replace("_", "")
    if len(digits) > _LONGEST and digits.isdecimal():
        return b"Id" + text_bytes(digits.lstrip("0") or "0")
    return b"Ii%x;" % int(digits, 0)


def floating(source: str) -> bytes:
    """Encode a float literal by the bits of its value."""
    return b"Fl" + struct.pack(">d", float(source.replace("_", "")))


def imaginary(source: str) -> bytes:
    """Encode an imaginary literal by the bits of its value."""
    return b"Im" + struct.pack(">d", float(source.replace("_", "")[:-1]))


def string_parts(source: str) -> tuple[str, str, str]:
    """Split a string literal into its prefix in lower case, its quotes and what is between."""
    start = 0
    while source[start] not in "'\"":
        start += 1
    quote = source[start] * 3 if source[start : start + 3] == source[start] * 3 else source[start]
    end = len(source) - len(quote)
    if end < start + len(quote):  # '' and "" are not the start of a triple quote
        quote, end = source[start], len(source) - 1
    return source[:start].lower(), quote, source[start + len(quote) : end]


def string_value(source: str) -> str | bytes:
    """Evaluate a plain string or bytes literal without compiling it (and its warnings)."""
    prefix, _, body = string_parts(source)
    if "b" in prefix:
        if "\\" in body and "r" not in prefix:
            body = _ESCAPE_BYTES.sub(_replace, body)
        # An octal escape may name more than a byte; CPython keeps its low eight bits.
        return bytes(ord(c) & 0xFF for c in body)
    return body if "r" in prefix else unescape(body)


def unescape(body: str) -> str:
    """Replace the escape sequences of a string literal's body."""
    return _ESCAPE.sub(_replace, body) if "\\" in body else body


def _replace(match: re.Match[str]) -> str:
    code = match[1]
    simple = _SIMPLE.get(code)
    if simple is not None:
        return simple
    if code[0] in "xuU":
        number = int(code[1:], 16)
        return chr(number) if number <= 0x10FFFF else match[0]
    if code[0] == "N":
        try:
            return unicodedata.lookup(code[2:-1])
        except KeyError:  # a name newer than this Python's table: keep it as it is written
            return match[0]
    return chr(int(code, 8))


def string(value: str | bytes) -> bytes:
    """Encode the value of a string or bytes literal."""
    if isinstance(value, bytes):
        return b"By%d:%b" % (len(value), value)
    return b"St" + text_bytes(value)
