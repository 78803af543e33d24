"""diff and history on a real terminal: colours, git's pager, and neither in a pipe."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pexpect
import pytest

pytestmark = pytest.mark.sweep

GREEN = "\x1b[32m"


@pytest.fixture
def repo(git_repo: Any, installed: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A repository with one changed definition, and `git mandala` on the path."""
    repo = git_repo()
    repo.write("m.py", "def f(x):\n    return x + 1\n")
    repo.commit("one")
    repo.write("m.py", "def f(x):\n    return x + 2\n")
    monkeypatch.chdir(repo.root)
    for name in ("PAGER", "LESS", "NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    return repo


class Screen:
    """A terminal in which a command runs; answers come from the keyboard."""

    def __init__(self, *words: str, rows: int = 24, **environ: str) -> None:
        env = {**os.environ, "TERM": "xterm", **environ}
        self.child = pexpect.spawn(
            "git", list(words), env=env, encoding="utf-8", timeout=60, dimensions=(rows, 80)
        )

    def end(self) -> tuple[int | None, str]:
        """Wait for the end; return the exit code and what stood on the screen."""
        self.child.expect(pexpect.EOF)
        self.child.close()
        return self.child.exitstatus, self.child.before or ""


def test_a_short_answer_needs_no_key(repo: Any) -> None:
    code, text = Screen("mandala", "diff").end()
    assert code == 0
    assert "~ " in text and GREEN in text and "return x + " in text
    assert "(END)" not in text, "less leaves when all fits on the screen"


def test_a_long_answer_waits_in_less(repo: Any) -> None:
    lines = "".join(f"    x = g(x, {n})\n" for n in range(200))
    repo.write("m.py", f"def f(x):\n{lines}    return x + 2\n")
    screen = Screen("mandala", "diff", rows=10)
    screen.child.expect("m.py:1")
    screen.child.expect("\n:")
    screen.child.send("q")
    code, rest = screen.end()
    assert code == 0 and "199" not in rest


@pytest.mark.parametrize(
    ("config", "environ"),
    [
        ({"core.pager": "sed s/^/paged:/"}, {}),
        ({"core.pager": "false"}, {"GIT_PAGER": "sed s/^/paged:/"}),
        ({}, {"PAGER": "sed s/^/paged:/"}),
        ({"pager.mandala": "sed s/^/paged:/", "core.pager": "false"}, {}),
    ],
)
def test_the_pager_is_the_one_of_git(
    repo: Any, config: dict[str, str], environ: dict[str, str]
) -> None:
    for name, value in config.items():
        repo.git("config", name, value)
    for words in (["diff"], ["history"]):
        code, text = Screen("mandala", *words, **environ).end()
        assert code == 0
        lines = [line for line in text.splitlines() if line.strip()]
        assert lines and all(line.startswith("paged:") for line in lines), "once, and all of it"
        assert "\x1b[" in text


@pytest.mark.parametrize(
    "words",
    [
        ("--no-pager", "mandala", "diff"),
        ("-c", "core.pager=cat", "mandala", "diff"),
        ("-c", "core.pager=", "mandala", "diff"),
        ("-c", "pager.mandala=false", "mandala", "diff"),
    ],
)
def test_no_pager_when_git_has_none(repo: Any, words: tuple[str, ...]) -> None:
    code, text = Screen(*words, PAGER="sed s/^/paged:/").end()
    assert code == 0 and "paged:" not in text and GREEN in text


def test_git_pages_when_it_is_told_to(repo: Any) -> None:
    repo.git("config", "core.pager", "sed s/^/paged:/")
    code, text = Screen("-p", "mandala", "diff").end()
    lines = [line for line in text.splitlines() if line.strip()]
    assert code == 0 and lines
    assert all(line.startswith("paged:") and "paged:paged:" not in line for line in lines)
    assert GREEN in text, "git's pager shows colours too"


@pytest.mark.parametrize(
    ("words", "environ"),
    [
        (("-c", "color.ui=false"), {}),
        (("-c", "color.mandala=never"), {}),
        ((), {"NO_COLOR": "1"}),
        ((), {"TERM": "dumb"}),
    ],
)
def test_no_colour_for_who_wants_none(
    repo: Any, words: tuple[str, ...], environ: dict[str, str]
) -> None:
    code, text = Screen(*words, "mandala", "diff", **environ).end()
    assert code == 0 and "return x + 2" in text and "\x1b[3" not in text


def test_a_pager_that_is_not_there(repo: Any) -> None:
    code, text = Screen("-c", "core.pager=nowhere-at-all", "mandala", "diff").end()
    assert code == 1
    assert "mandala: the pager cannot be run: nowhere-at-all" in text.replace(
        "\x1b[31m", ""
    ).replace("\x1b[0m", "")
    assert "git --no-pager mandala" in text


@pytest.mark.parametrize("words", [("diff",), ("history",), ("diff", "--format", "concise")])
def test_a_pipe_gets_plain_text(repo: Any, words: tuple[str, ...]) -> None:
    environ = {**os.environ, "GIT_PAGER": "false", "TERM": "xterm"}
    done = subprocess.run(["git", "mandala", *words], env=environ, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout and "\x1b" not in done.stdout


def test_json_is_never_paged(repo: Any) -> None:
    repo.git("config", "core.pager", "sed s/^/paged:/")
    for words in (["diff", "--json"], ["history", "--json"], ["diff", "--format", "github"]):
        code, text = Screen("mandala", *words).end()
        assert code == 0 and "paged:" not in text and "\x1b[3" not in text


def test_exit_codes_come_through_the_pager(repo: Any) -> None:
    assert Screen("mandala", "diff", "--exit-code").end()[0] == 1
    assert Screen("mandala", "diff", "--exit-code", "HEAD", "HEAD").end()[0] == 0
