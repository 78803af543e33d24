"""Where output goes: streams, colour, the pager."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from mandala_git.errors import MandalaError
from mandala_git.views.console import Output
from mandala_git.views.text import Style, duration, plural, row


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environ", "terminal", "colored"),
    [
        ({"TERM": "xterm"}, True, True),
        ({"TERM": "xterm"}, False, False),
        ({"TERM": "dumb"}, True, False),
        ({}, True, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, True, True),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, False, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
    ],
)
def test_colour(environ: dict[str, str], terminal: bool, colored: bool) -> None:
    out = Terminal() if terminal else io.StringIO()
    output = Output(out, io.StringIO(), environ=environ)
    assert output.colored() is colored
    output.show([row(("x", Style.ADDED), " y  ")])
    assert out.getvalue() == ("\x1b[32mx\x1b[0m y\n" if colored else "x y\n")
    assert Output(out, environ=environ, color=not colored).colored() is not colored


def test_each_stream_is_looked_at() -> None:
    output = Output(io.StringIO(), Terminal(), environ={"TERM": "xterm"})
    output.say(row(("said", Style.BAD)))
    output.text("data\n")
    assert output.stderr.getvalue() == "\x1b[31msaid\x1b[0m\n"  # type: ignore[attr-defined]
    assert output.stdout.getvalue() == "data\n"  # type: ignore[attr-defined]


def test_markup_is_text() -> None:
    out = io.StringIO()
    Output(out, color=True).show([row("[bold]x[/bold] :smile:")])
    assert out.getvalue() == "[bold]x[/bold] :smile:\n"


def test_an_error_names_the_next_command() -> None:
    output = Output(io.StringIO(), io.StringIO())
    output.error(MandalaError("no store here", hint="run: git mandala init"))
    output.error(MandalaError("plain"))
    assert output.stderr.getvalue() == (  # type: ignore[attr-defined]
        "mandala: no store here\n  run: git mandala init\nmandala: plain\n"
    )
    assert output.stdout.getvalue() == ""  # type: ignore[attr-defined]


def test_width() -> None:
    assert Output(io.StringIO(), environ={}).width == 100
    assert Output(io.StringIO(), environ={"COLUMNS": "70"}).width == 70
    assert Output(io.StringIO(), environ={"COLUMNS": "x"}).width == 100
    assert Output(io.StringIO(), environ={"COLUMNS": "70"}, width=50).width == 50


def test_an_encoding_that_lacks_a_character() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    Output(stream, io.StringIO(), environ={}).show([row("né \udc80")])
    stream.flush()
    assert raw.getvalue() == b"n\\xe9 \\udc80\n"
    assert stream.encoding == "ascii"


def test_the_pager_gets_the_data(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    seen = tmp_path / "seen"
    environ = {"TERM": "xterm", "GIT_PAGER": f"cat > '{seen}'", "PATH": "/usr/bin:/bin"}
    out = Terminal()
    output = Output(out, io.StringIO(), environ=environ)
    with output.paged():
        output.show([row(("x", Style.ADDED))])
    output.text("after\n")
    assert seen.read_text() == "\x1b[32mx\x1b[0m\n"
    assert out.getvalue() == "after\n"


@pytest.mark.parametrize("environ", [{"GIT_PAGER": "cat"}, {"TERM": "dumb"}])
def test_no_pager(environ: dict[str, str]) -> None:
    out = Terminal()
    environ = {"TERM": "xterm", "PATH": "/usr/bin:/bin", "NO_COLOR": "1", **environ}
    output = Output(out, io.StringIO(), environ=environ)
    with output.paged():
        output.text("x\n")
    assert out.getvalue() == "x\n"
    with Output(io.StringIO(), environ=environ).paged():
        pass


def test_a_pager_that_quits_early() -> None:
    environ = {"TERM": "xterm", "GIT_PAGER": "true", "PATH": "/usr/bin:/bin"}
    output = Output(Terminal(), io.StringIO(), environ=environ)
    with output.paged():
        for _ in range(100_000):
            output.text("a line that nobody reads\n")


def test_a_pipe_needs_no_rich() -> None:
    code = (
        "import sys; from mandala_git.views.console import Output; "
        "from mandala_git.views.text import row; Output().show([row('x')]); "
        "sys.exit('rich' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "x\n")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 us"),
        (0.00001, "10 us"),
        (0.0009999, "1 ms"),
        (0.84, "840 ms"),
        (0.9996, "1.0 s"),
        (12.34, "12.3 s"),
        (59.96, "1 min 00 s"),
        (250, "4 min 10 s"),
        (3599.7, "1 h 00 min"),
        (7500, "2 h 05 min"),
        (48 * 3600, "2 d 0 h"),
        (100 * 3600, "4 d 4 h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_plurals() -> None:
    assert plural(1, "call") == "1 call"
    assert plural(0, "call") == "0 calls"
    assert plural(12345, "entry", "entries") == "12 345 entries"
