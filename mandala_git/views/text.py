"""Lines of styled text: what every view makes and `Output` writes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Style(StrEnum):
    """What a piece of text is; the value is how rich shows it."""

    PLAIN = ""
    DIM = "dim"
    HEAD = "bold"
    CHANGED = "bold yellow"
    ADDED = "green"
    ADDED_TOKEN = "green reverse"
    REMOVED = "red"
    REMOVED_TOKEN = "red reverse"
    MOVED = "cyan"
    NOTE = "italic cyan"
    COST = "magenta"
    GOOD = "green"
    BAD = "red"


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of text in one style."""

    text: str
    style: Style = Style.PLAIN


Row = tuple[Span, ...]
"""One line of output, without its end."""


def row(*parts: str | Span | tuple[str, Style]) -> Row:
    """Make a line of strings, spans and (text, style) pairs."""
    spans = (
        part if isinstance(part, Span) else Span(part) if isinstance(part, str) else Span(*part)
        for part in parts
    )
    return tuple(span for span in spans if span.text)


def plain(rows: Iterable[Row]) -> str:
    """Write lines without any style; trailing blanks are left out."""
    return "".join("".join(span.text for span in line).rstrip() + "\n" for line in rows)


def visible(text: str) -> str:
    """Escape what a terminal would obey or could not show: control characters, surrogates.

    Source text is shown as it is but for these: a file must not be able to move the cursor
    or to colour what stands around it.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(char) for char in text)


def _visible(char: str) -> str:
    if char == "\t":
        return "    "
    if char.isprintable() or char == "\u00a0":
        return char
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def plural(count: int, word: str, many: str = "") -> str:
    """`1 call`, `4 recorded calls`."""
    return f"{count} {word}" if count == 1 else f"{count:,} {many or word + 's'}".replace(",", " ")


def size(count: int) -> str:
    """Write a number of bytes for people: `840 B`, `12.3 kB`, `4.6 GB` (of 1000, as disks have)."""
    if count < 1000:
        return f"{count} B"
    value = float(count)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.5:
            return f"{value:.{0 if value >= 99.95 else 1}f} {unit}"
    return f"{value / 1000:.1f} TB"


def duration(seconds: float) -> str:
    """Write a time for people: `840 us`, `840 ms`, `12.3 s`, `4 min 10 s`, `2 h 05 min`, `3 d 4 h`.

    Args:
        seconds: not negative.
    """
    if seconds < 0.0009995:
        return f"{seconds * 1e6:.0f} us"
    if seconds < 0.9995:
        return f"{seconds * 1e3:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    minutes = round(seconds / 60)
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} d {hours % 24} h"
