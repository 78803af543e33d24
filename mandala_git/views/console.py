"""The one object through which a command speaks: data to stdout, talk to stderr."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import IO

from mandala_git.errors import MandalaError
from mandala_git.views.text import Row, Style, plain, row

PLAIN_WIDTH = 100
"""Columns to fill where nobody's terminal tells."""


class Output:
    """Where output goes, how wide it is, and whether it may be coloured.

    rich is imported only when something is coloured: a pipe never needs it.

    Args:
        stdout: for data; None for the process's own.
        stderr: for talk; None for the process's own.
        environ: NO_COLOR, FORCE_COLOR, TERM, COLUMNS and the pagers are read from it.
        color: True or False to decide; None to look at each stream and the environment.
        width: columns; None to ask the terminal.
    """

    def __init__(
        self,
        stdout: IO[str] | None = None,
        stderr: IO[str] | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        color: bool | None = None,
        width: int | None = None,
    ) -> None:
        self.stdout = stdout if stdout is not None else sys.stdout
        self.stderr = stderr if stderr is not None else sys.stderr
        self.environ = os.environ if environ is None else environ
        self._color = color
        self._width = width
        self._pager: IO[str] | None = None

    @property
    def terminal(self) -> bool:
        """Data goes to a terminal."""
        return _is_terminal(self.stdout)

    @property
    def width(self) -> int:
        """Columns to fill."""
        if self._width is not None:
            return self._width
        columns = self.environ.get("COLUMNS", "")
        if columns.isdecimal() and int(columns):
            return int(columns)
        if self.terminal:
            return shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns
        return PLAIN_WIDTH

    def colored(self, stream: IO[str] | None = None) -> bool:
        """Tell whether a stream (stdout unless told otherwise) is coloured.

        NO_COLOR (https://no-color.org) wins over FORCE_COLOR, an explicit choice over both.
        """
        if self._color is not None:
            return self._color
        if self.environ.get("NO_COLOR"):
            return False
        if self.environ.get("FORCE_COLOR"):
            return True
        if self.environ.get("TERM", "") in ("", "dumb"):
            return False
        return _is_terminal(self.stdout if stream is None else stream)

    def text(self, text: str) -> None:
        """Write data as it is."""
        _write(self._pager or self.stdout, text)

    def show(self, rows: Iterable[Row]) -> None:
        """Write styled lines as data."""
        self._rows(self._pager or self.stdout, rows, self.colored())

    def say(self, *rows: Row | str) -> None:
        """Write talk: what was done, what to do next."""
        self.stdout.flush()
        lines = (row(line) if isinstance(line, str) else line for line in rows)
        self._rows(self.stderr, lines, self.colored(self.stderr))
        self.stderr.flush()

    def error(self, error: MandalaError) -> None:
        """Say what went wrong, and the next command."""
        self.say(row(("mandala: ", Style.BAD), error.message))
        if error.hint:
            self.say(*(row(("  " + line, Style.PLAIN)) for line in error.hint.splitlines()))

    @contextlib.contextmanager
    def paged(self) -> Iterator[None]:
        """Send data through the user's git pager while inside, if it goes to a terminal."""
        command = self._pager_command() if self.terminal else ""
        if not command:
            yield
            return
        environ = {"LESS": "FRX", "LV": "-c", **self.environ}
        self.stdout.flush()
        try:
            process = subprocess.Popen(
                command,
                shell=True,  # as git does: the setting is a shell command of the user's own
                stdin=subprocess.PIPE,
                env=environ,
                encoding="utf-8",
                errors="backslashreplace",
            )
        except OSError:
            yield
            return
        self._pager = process.stdin
        try:
            yield
        except BrokenPipeError:
            pass  # the reader quit the pager: enough was seen
        finally:
            self._pager = None
            if process.stdin is not None:
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.close()
            while process.poll() is None:
                # Ctrl-C belongs to the pager while it runs.
                with contextlib.suppress(KeyboardInterrupt):
                    process.wait()

    def _pager_command(self) -> str:
        """The pager that git would use: GIT_PAGER, core.pager, PAGER, less; "" for none."""
        if self.environ.get("TERM", "") in ("", "dumb"):
            return ""
        try:
            done = subprocess.run(
                ["git", "var", "GIT_PAGER"],
                capture_output=True,
                env=dict(self.environ),
                encoding="utf-8",
                errors="replace",
            )
            found = done.stdout.strip() if done.returncode == 0 else ""
        except OSError:
            found = ""
        found = found or self.environ.get("PAGER", "less")
        return "" if found == "cat" else found

    def _rows(self, stream: IO[str], rows: Iterable[Row], colored: bool) -> None:
        if not colored:
            _write(stream, plain(rows))
            return
        from rich.color import ColorSystem
        from rich.style import Style as Pen

        # The terminal's own sixteen colours, as git uses; it also folds long lines itself.
        for line in rows:
            text = "".join(
                Pen.parse(span.style.value).render(span.text, color_system=ColorSystem.STANDARD)
                if span.style.value
                else span.text
                for span in line
            )
            _write(stream, text.rstrip() + "\n")


def _is_terminal(stream: IO[str]) -> bool:
    try:
        return stream.isatty()
    except (ValueError, AttributeError):  # closed, or a stand-in
        return False


def _write(stream: IO[str], text: str) -> None:
    try:
        stream.write(text)
    except UnicodeEncodeError:
        encoding = getattr(stream, "encoding", None) or "ascii"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
