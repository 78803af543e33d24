"""Notebooks: the code cells of an `.ipynb` file as the source of one module."""

from __future__ import annotations

import json
import keyword
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from mandala_git.source.magics import to_python
from mandala_git.source.sources import Unreadable

_BETWEEN = "pass"
"""A line before every cell: what is open at the end of one does not go on in the next."""

Note = tuple[int, int, str]
"""Number of a cell, line in it (both from 1), what is wrong there."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A code cell.

    Attributes:
        number: among all cells of the notebook, text cells too, from 1.
        lines: as they are in the notebook.
        code: the same as Python, line by line.
    """

    number: int
    lines: tuple[str, ...]
    code: str


@dataclass(frozen=True, slots=True)
class Notebook:
    """The code of a notebook.

    Attributes:
        cells: those that can be read.
        notes: what is wrong with the others.
    """

    cells: tuple[Cell, ...]
    notes: tuple[Note, ...] = ()

    @property
    def source(self) -> str:
        """All cells as one module, each behind a line of its own."""
        return "".join(f"{_BETWEEN}\n{cell.code}\n" for cell in self.cells)

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines of `source` as people wrote them."""
        return tuple(line for cell in self.cells for line in ("", *cell.lines)) or ("",)

    def starts(self) -> Iterator[tuple[Cell, int]]:
        """Yield every cell with the number of lines of `source` before its first."""
        before = 0
        for cell in self.cells:
            before += 1
            yield cell, before
            before += len(cell.lines)

    def place(self, line: int) -> tuple[int, int]:
        """Return (number of a cell, lines before it) for a line of `source`."""
        found = (0, 0)
        for cell, before in self.starts():
            if before >= line:
                break
            found = cell.number, before
        return found

    def mended(self, parse: Callable[[str], object]) -> Notebook:
        """Leave out the cells that are not Python.

        Args:
            parse: raises Unreadable for a source that is not.
        """
        good: list[Cell] = []
        notes = list(self.notes)
        for cell in self.cells:
            try:
                parse(f"{_BETWEEN}\n{cell.code}\n")
            except Unreadable as error:
                if not _is_automagic(cell):
                    notes.append((cell.number, max(error.line - 1, 1), str(error)))
            else:
                good.append(cell)
        return replace(self, cells=tuple(good), notes=tuple(sorted(notes)))


def read_notebook(data: bytes) -> Notebook:
    """Read the code cells of a notebook; one of another language has none.

    Args:
        data: the bytes of an `.ipynb` file, of format 4 or 3.

    Raises:
        Unreadable: it is no notebook.
    """
    book = _parsed(data)
    notes: list[Note] = []
    cells: list[Cell] = []
    if not isinstance(book, dict):
        raise Unreadable("is no notebook: it holds no cells")
    if _is_python(book.get("metadata")):
        for number, raw in enumerate(_raw_cells(book), 1):
            try:
                cell = _cell(number, raw)
            except Unreadable as error:
                notes.append((number, error.line or 1, str(error)))
            else:
                cells += [cell] if cell is not None else []
    return Notebook(tuple(cells), tuple(notes))


def _parsed(data: bytes) -> Any:
    try:
        try:
            return json.loads(data, object_hook=_without_output)
        except (json.JSONDecodeError, UnicodeDecodeError):
            raise
        except ValueError:  # a number of more digits than Python makes an int of
            return json.loads(data, object_hook=_without_output, parse_int=str)
    except json.JSONDecodeError as error:
        raise Unreadable(f"is no notebook: {error.msg}", error.lineno) from error
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unreadable(f"is not {error.encoding}: {error.reason}", line) from error
    except RecursionError as error:
        raise Unreadable("is no notebook: it is nested too deeply") from error


def _without_output(part: dict[str, Any]) -> dict[str, Any] | None:
    """Let go of outputs while the rest is still being read: they may be large."""
    return None if "output_type" in part else part


def _is_python(metadata: Any) -> bool:
    """Whether the kernel runs Python; nothing is said of it in many a small notebook."""
    if not isinstance(metadata, dict):
        return True
    for part, key in (("language_info", "name"), ("kernelspec", "language")):
        about = metadata.get(part)
        name = about.get(key) if isinstance(about, dict) else None
        if isinstance(name, str) and name:
            return name.lower() in ("python", "ipython")
    return True


def _raw_cells(book: dict[str, Any]) -> list[Any]:
    sheets = book.get("worksheets")  # format 3
    if not isinstance(sheets, list):
        sheets = [book]
    found: list[Any] = []
    for sheet in sheets:
        cells = sheet.get("cells") if isinstance(sheet, dict) else None
        if not isinstance(cells, list):
            raise Unreadable("is no notebook: it holds no cells")
        found += cells
    return found


def _cell(number: int, raw: Any) -> Cell | None:
    """Read a cell; None for one that is not code.

    Raises:
        Unreadable: what it says of itself makes no sense.
    """
    if not isinstance(raw, dict):
        raise Unreadable("is no cell")
    if raw.get("cell_type") != "code" or not _speaks_python(raw):
        return None
    source = raw.get("source", raw.get("input", ""))  # `input` in format 3
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        raise Unreadable("has no source")
    text = source.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")
    if "\0" in text:
        raise Unreadable("has a NUL byte", text.count("\n", 0, text.index("\0")) + 1)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise Unreadable("has half a character", text.count("\n", 0, error.start) + 1) from error
    code, left_open = to_python(text)
    if left_open:
        raise Unreadable("is not valid Python: it leaves something open", left_open)
    return Cell(number, tuple(text.split("\n")), code)


def _speaks_python(raw: dict[str, Any]) -> bool:
    """Whether a cell of a notebook with several languages is in Python."""
    language = raw.get("language")  # format 3
    metadata = raw.get("metadata")
    editor = metadata.get("vscode") if isinstance(metadata, dict) else None
    if isinstance(editor, dict):
        language = editor.get("languageId", language)
    return not isinstance(language, str) or language.lower() in ("python", "ipython")


def _is_automagic(cell: Cell) -> bool:
    """Whether a cell that is no Python is a magic without its mark: `pip install numpy`.

    IPython looks for those in cells of one line only.
    """
    first, *rest = cell.code.split() or [""]
    return (
        "\n" not in cell.code.strip()
        and first.isidentifier()
        and not keyword.iskeyword(first)
        and bool(rest)
        and not rest[0].startswith(tuple("=+*%&|^,:(["))
    )
