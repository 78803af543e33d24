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

_NOT_FOUND = 127  # what a shell reports for a command that is not there


class Output:
    """Where output goes, how wide it is, and whether it may be coloured.

    rich is imported only when something is coloured: a pipe never needs it.

    Args:
        stdout: for data; None for the process's own.
        stderr: for talk; None for the process's own.
        environ: NO_COLOR, FORCE_COLOR, TERM, COLUMNS and the pagers are read from it, and git
            is asked with it.
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
        self._git_colors: bool | None = None

    @property
    def terminal(self) -> bool:
        """Data goes to a terminal."""
        return _is_terminal(self.stdout)

    @property
    def watched(self) -> bool:
        """Somebody looks at the data: on a terminal, or in a pager that git started."""
        return self.terminal or self._pager_of_git

    @property
    def _pager_of_git(self) -> bool:
        # `git -p mandala ...`, or pager.mandala is set: git has made our stdout a pipe to it.
        return self.environ.get("GIT_PAGER_IN_USE", "") in ("true", "1")

    @property
    def interactive(self) -> bool:
        """Talk goes to a terminal that can move its cursor."""
        return self.environ.get("TERM", "") not in ("", "dumb") and _is_terminal(self.stderr)

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

        NO_COLOR (https://no-color.org) wins over FORCE_COLOR, an explicit choice over both. On
        a terminal git's own settings count, color.mandala and color.ui.
        """
        if self._color is not None:
            return self._color
        if self.environ.get("NO_COLOR"):
            return False
        if self.environ.get("FORCE_COLOR"):
            return True
        if self.environ.get("TERM", "") in ("", "dumb"):
            return False
        data = stream is None or stream is self.stdout
        if not (
            _is_terminal(self.stdout if stream is None else stream) or (data and self._pager_of_git)
        ):
            return False
        if self._git_colors is None:
            # The last word says that stdout is a terminal, which it is not for this process.
            asked = self._git("config", "--get-colorbool", "color.mandala", "true")
            self._git_colors = asked != "false"
        return self._git_colors

    def text(self, text: str) -> None:
        """Write data as it is."""
        _write(self._pager or self.stdout, text)

    def show(self, rows: Iterable[Row]) -> None:
        """Write styled lines as data; a pager gets them at once."""
        self._rows(self._pager or self.stdout, rows, self.colored())
        if self._pager is not None:
            self._pager.flush()

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
        """Send data through the user's git pager while inside, if it goes to a terminal.

        Raises:
            MandalaError: there is no such pager.
        """
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
        if process.returncode == _NOT_FOUND:
            raise MandalaError(
                f"the pager cannot be run: {command}",
                hint="choose another one: git config core.pager less\nor none: git --no-pager mandala ...",
            )

    def _pager_command(self) -> str:
        """The pager that git would use: GIT_PAGER, core.pager, PAGER, less; "" for none."""
        if self.environ.get("TERM", "") in ("", "dumb"):
            return ""
        found = self._git("var", "GIT_PAGER")
        found = found or self.environ.get("PAGER", "less")
        return "" if found == "cat" else found

    def _git(self, *words: str) -> str:
        """Ask git something; "" when it does not tell."""
        try:
            done = subprocess.run(
                ["git", *words],
                capture_output=True,
                env=dict(self.environ),
                encoding="utf-8",
                errors="replace",
            )
        except OSError:
            return ""
        return done.stdout.strip()

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
