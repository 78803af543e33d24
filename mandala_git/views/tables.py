"""Tables of results: aligned for people, CSV and JSON for programs."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from mandala_git.views.text import Row, Span, Style, duration, row, visible

FORMAT = 1
"""Number of the JSON layout. Fields may be added under one number, never changed."""

_CELL = 48  # widest cell of a person's table
_NARROW = 8  # a column is not squeezed below this

Rows = Sequence[Mapping[str, object]]


def as_rows(
    rows: Rows,
    columns: Sequence[str] | None = None,
    *,
    width: int | None = None,
    times: Sequence[str] = (),
) -> list[Row]:
    """Lay a table out in aligned columns, values shortened, numbers to the right.

    Args:
        rows: {column: value}; a missing value is left blank.
        columns: their order; None for the order in which they come.
        width: columns of the terminal to fit in; None for no limit.
        times: columns whose numbers are seconds, written for people.

    Returns:
        a head line and one line a row; nothing for a table without columns.
    """
    names = list(columns) if columns is not None else _columns(rows)
    if not names:
        return []
    cells = [
        [
            duration(float(value))
            if name in times and isinstance(value := line.get(name), int | float)
            else short(line[name])
            if name in line
            else ""
            for name in names
        ]
        for line in rows
    ]
    right = [
        bool(rows) and all(_is_number(line.get(name)) for line in rows if name in line)
        for name in names
    ]
    widths = [
        max(len(visible(name)), *(len(line[at]) for line in cells)) if cells else len(name)
        for at, name in enumerate(names)
    ]
    if width is not None:
        widths = _squeezed(widths, width)
    found = [_row([visible(n) for n in names], widths, right, Style.HEAD)]
    found += [_row(line, widths, right, Style.PLAIN) for line in cells]
    return found


def as_csv(rows: Rows, columns: Sequence[str] | None = None) -> str:
    """Write a table as CSV: strings and numbers in full, other values as a description."""
    names = list(columns) if columns is not None else _columns(rows)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for line in rows:
        writer.writerow([_flat(line.get(name)) for name in names])
    return text.getvalue()


def as_markdown(rows: Rows, columns: Sequence[str] | None = None) -> str:
    """Write a table in Markdown, values shortened."""
    names = list(columns) if columns is not None else _columns(rows)
    lines = [names, ["---"] * len(names)]
    lines += [[short(line[name]) if name in line else "" for name in names] for line in rows]
    cut = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in cut) if names else ""


def as_json(rows: Rows, columns: Sequence[str] | None = None) -> str:
    """Write a table as `{"format": 1, "columns": [...], "rows": [{...}]}`.

    JSON's own values are written as they are, arrays as nested lists, numbers that JSON lacks
    as strings (`"NaN"`, `"Infinity"`), and anything else as `{"type": ..., "repr": ...}`.
    """
    names = list(columns) if columns is not None else _columns(rows)
    data = {
        "format": FORMAT,
        "columns": names,
        "rows": [
            {name: plain_value(line[name]) for name in names if name in line} for line in rows
        ],
    }
    return json.dumps(data, indent=2, allow_nan=False) + "\n"


def short(value: object, limit: int = _CELL) -> str:
    """Describe a value in at most `limit` characters on one line.

    Returns:
        `array(1797, 64) float64`, `DataFrame(150, 5)`, `'a long str...'`, `<Model>`.
    """
    text = _described(value)
    if text is None:
        if isinstance(value, str):
            text = value if value and value.isprintable() else repr(value)
        elif isinstance(value, float):
            text = f"{value:.6g}"
            text += ".0" * text.lstrip("-").isdigit()  # 1.0 is no integer
        elif isinstance(value, list | tuple | dict | set | frozenset) and len(value) > limit:
            text = f"{type(value).__name__}({len(value)} items)"
        else:
            text = _repr(value)
    text = visible(" ".join(text.split()))
    return text if len(text) <= limit else text[: limit - 3] + "..."


def plain_value(value: object) -> Any:
    """Turn a value into what JSON can hold; see `as_json`."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        value = float(value)
        if math.isfinite(value):
            return value
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, list | tuple):
        return [plain_value(item) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: plain_value(item) for key, item in value.items()}
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        plain = value.tolist()
        if not _same_type(plain, value):
            return plain_value(plain)
    return {"type": type(value).__qualname__, "repr": _repr(value)}


def _same_type(one: object, other: object) -> bool:
    return type(one) is type(other)  # a numpy scalar that Python has no type for


def _columns(rows: Rows) -> list[str]:
    return list({name: None for line in rows for name in line})


def _is_number(value: object) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int | float) or (
        type(value).__module__ == "numpy" and (getattr(value, "shape", None) == ())
    )


def _described(value: object) -> str | None:
    """Name and shape of an array or table, told without importing its library."""
    kind = type(value)
    library = kind.__module__.partition(".")[0]
    shape = getattr(value, "shape", None)
    if library not in ("numpy", "pandas", "torch", "scipy", "polars") or not isinstance(
        shape, tuple
    ):
        return None
    if not shape:
        item = getattr(value, "item", None)
        inner = item() if callable(item) else value
        return None if _same_type(inner, value) else short(inner)
    name = "array" if kind.__name__ == "ndarray" else kind.__name__
    sizes = ", ".join(str(size) for size in shape)
    dtype = getattr(value, "dtype", None)
    return f"{name}({sizes}) {dtype}" if dtype is not None else f"{name}({sizes})"


def _repr(value: object) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a broken __repr__ must not cost the user the table
        return f"<{type(value).__qualname__}>"
    # The address says nothing and would differ each time.
    return f"<{type(value).__qualname__}>" if " object at 0x" in text else text


def _flat(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, str | int | float):
        return value
    return _described(value) or _repr(value)


def _squeezed(widths: Sequence[int], width: int) -> list[int]:
    """Take from the widest columns until the table fits, or nothing is left to take."""
    found = list(widths)
    while sum(found) + 2 * (len(found) - 1) > width:
        widest = max(range(len(found)), key=lambda at: found[at])
        if found[widest] <= _NARROW:
            break
        found[widest] -= 1
    return found


def _row(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool], style: Style) -> Row:
    spans: list[Span] = []
    for text, width, to_right in zip(cells, widths, right, strict=True):
        cut = text if len(text) <= width else text[: max(width - 3, 1)] + "..."[: width - 1]
        spans.append(Span(cut.rjust(width) if to_right else cut.ljust(width), style))
        spans.append(Span("  "))
    return row(*spans[:-1])
