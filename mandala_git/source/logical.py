"""Where the logical lines of a source begin and end, also where it is not Python.

Python's own tokenizer differs from version to version in what it does with `!`, `?` and f-strings,
and parsers refuse a cell with magics as a whole. This scanner knows strings, f-strings, brackets,
comments and continued lines, and nothing else.
"""

from __future__ import annotations

import re

from mandala_git.records import NamedTuple

_BLANK = re.compile(r"[ \t\f]*")
_WORD = re.compile(r"\w+")
_OPERATOR = re.compile(r"(?:\*\*|//|<<|>>|[-+*/%@&|^=!<>:])=|[^\w\s]")
_PREFIXES = frozenset(["r", "u", "b", "f", "t", "br", "rb", "fr", "rf", "tr", "rt"])
_OPEN, _CLOSED = frozenset("([{"), frozenset(")]}")
_QUOTES = frozenset("\"'")


class Logical(NamedTuple):
    """A logical line: offsets into the source.

    Attributes:
        line: where its first physical line begins.
        start: of its first character that is not blank.
        end: of its last newline, or the end of the source.
        assigned: behind its first `=` outside brackets; 0 where there is none.
        asks: its last character is `?`.
        complete: no string or bracket is left open at its end.
    """

    line: int
    start: int
    end: int
    assigned: int
    asks: bool
    complete: bool


def logical_line(text: str, line: int) -> Logical:
    """Read the logical line that begins at an offset; blank lines and comments are lines, too."""
    start = at = _blank(text, line)
    assigned, last, levels, complete = 0, "", 0, True
    while at < len(text):
        char = text[at]
        if char == "\n":
            if not levels:
                break
            at += 1
        elif char == "#":
            at = _end_of(text, at)
        elif char == "\\" and text.startswith("\n", at + 1):
            at += 2
            complete = at < len(text)
        elif char in _QUOTES:
            at, complete = _string(text, at, "")
            last = char
        elif (word := _WORD.match(text, at)) is not None:
            at, last = word.end(), "w"
            if text[at : at + 1] in _QUOTES and word[0].lower() in _PREFIXES:
                at, complete = _string(text, at, word[0].lower())
        elif char.isspace():
            at += 1
        else:
            found = _OPERATOR.match(text, at)
            last = found[0] if found is not None else char
            at += len(last)
            if last in _OPEN:
                levels += 1
            elif last in _CLOSED:
                levels = max(levels - 1, 0)
            elif last == "=" and not levels and not assigned:
                assigned = at
    return Logical(line, start, at, assigned, last == "?", complete and not levels)


def _blank(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return at if found is None else found.end()


def _end_of(text: str, at: int) -> int:
    """Return the offset of the end of a physical line."""
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _string(text: str, at: int, prefix: str) -> tuple[int, bool]:
    """Pass over a string whose quotes begin at an offset; tell whether it ends."""
    quote = text[at] * 3 if text.startswith(text[at] * 3, at) else text[at]
    at += len(quote)
    fields = "f" in prefix or "t" in prefix
    while at < len(text):
        if text.startswith(quote, at):
            return at + len(quote), True
        char = text[at]
        if char == "\n" and len(quote) == 1:
            return at, False
        if char == "\\":
            named = fields and "r" not in prefix and text.startswith("N{", at + 1)
            # The backslash of a raw f-string does not hide a brace.
            at += 3 if named else 1 if fields and text[at + 1 : at + 2] in ("{", "}") else 2
            if named:
                at = text.find("}", at) + 1 or len(text)
        elif fields and char == "{":
            at = at + 2 if text.startswith("{{", at) else _field(text, at + 1, quote)
        else:
            at += 1
    return len(text), False


def _field(text: str, at: int, quote: str) -> int:
    """Pass over a replacement field of an f-string, from behind its brace."""
    levels = 0
    while at < len(text):
        char = text[at]
        if char in _QUOTES:
            at, _ = _string(text, at, "")
        elif (word := _WORD.match(text, at)) is not None:
            at = word.end()
            if text[at : at + 1] in _QUOTES and word[0].lower() in _PREFIXES:
                at, _ = _string(text, at, word[0].lower())
        elif char == "#" and len(quote) == 3:
            at = _end_of(text, at)
        elif char == "}" and not levels:
            return at + 1
        elif char == ":" and not levels:
            return _format(text, at + 1, quote)
        else:
            levels += (char in _OPEN) - (char in _CLOSED)
            at += 1
    return at


def _format(text: str, at: int, quote: str) -> int:
    """Pass over the format of a replacement field: text with fields of its own."""
    while at < len(text) and not text.startswith(quote, at):
        char = text[at]
        at += 1
        if char == "}":
            break
        if char == "{":
            at = _field(text, at, quote)
    return at
