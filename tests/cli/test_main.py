"""The frame: options before the verb, help, usage errors, exit codes, reports of bugs."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mandala_git.cli import boundary, main
from mandala_git.cli.verbs import VERBS, split
from mandala_git.errors import MandalaError, NotARepository, StoreError, UsageError

HOUSE = Path(__file__).parent.parent.parent
Mandala = Callable[..., Any]


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Let the verb `version` raise something."""

    def arrange(error: BaseException) -> None:
        def fail() -> dict[str, str]:
            raise error

        monkeypatch.setattr("mandala_git.cli.version.versions", fail)

    return arrange


@pytest.mark.parametrize(
    ("words", "before", "name", "rest"),
    [
        ("", "", None, ""),
        ("version", "", "version", ""),
        ("-C a -Cb version --json -C x", "-C a -Cb", "version", "--json -C x"),
        ("-C version", "-C version", None, ""),
        ("--version", "--version", None, ""),
        ("-h fingerprint", "-h", "fingerprint", ""),
    ],
)
def test_split(words: str, before: str, name: str | None, rest: str) -> None:
    assert split(words.split()) == (before.split(), name, rest.split())


@pytest.mark.parametrize("words", [["help"], ["-h"], ["--help"], ["--help", "init"]])
def test_the_help_page_lists_every_verb(words: list[str], capsys: Any) -> None:
    assert main.main(words) == 0
    out, err = capsys.readouterr()
    assert err == ""
    for name, summary in VERBS.items():
        assert re.search(rf"^  {name} +{re.escape(summary)}$", out, re.MULTILINE)


@pytest.mark.parametrize("name", VERBS)
def test_help_of_a_verb_is_its_page(name: str, capsys: Any) -> None:
    assert main.main(["help", name]) == 0
    page = capsys.readouterr().out
    assert page.startswith(f"usage: git mandala {name} ")
    assert main.main([name, "--help"]) == 0
    assert capsys.readouterr().out == page


def test_help_says_how_git_treats_its_own_help_option(capsys: Any) -> None:
    main.main(["help", "help"])
    assert "git-mandala --help" in capsys.readouterr().out


def test_no_verb_is_a_usage_error_that_shows_the_page(capsys: Any) -> None:
    assert main.main([]) == 2
    out, err = capsys.readouterr()
    assert out == "" and "verbs (" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["verison"],
            "mandala: no such verb: verison\n  git mandala version   did you mean this?\n",
        ),
        (["zzz"], "mandala: no such verb: zzz\n  git mandala help\n"),
        (["help", "zzz"], "mandala: no such verb: zzz\n  git mandala help\n"),
        (["version", "--nope"], "mandala: version: unrecognized arguments: --nope\n"),
        (["version", "--js"], "mandala: version: unrecognized arguments: --js\n"),
        (["fingerprint"], "mandala: fingerprint: the following arguments are required: FILE\n"),
        (["-C"], "mandala: argument -C: expected one argument\n"),
        (["--nope", "version"], "mandala: unrecognized arguments: --nope\n"),
    ],
)
def test_usage_errors_name_the_page_to_read(words: list[str], said: str, capsys: Any) -> None:
    assert main.main(words) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(said)
    assert err.splitlines()[-1].startswith("  git mandala ")


def test_version_as_text_and_as_json(capsys: Any) -> None:
    assert main.main(["version", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["format"] == 1
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert re.match(r"\d+\.\d+", found["git"])
    assert main.main(["--version"]) == 0
    lines = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert lines == {name: value for name, value in found.items() if name != "format"}


def test_directories_before_the_verb_add_up(mandala: Mandala, tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    (folder / "x.py").write_text("x = 1\n")
    ended = mandala("-C", "a", "-C", "b", "-C", "", "fingerprint", "--json", "x.py")
    assert ended.code == 0 and json.loads(ended.out)["path"] == "x.py"


def test_a_directory_that_is_not_there(capsys: Any) -> None:
    assert main.main(["-C", "/nowhere/at/all", "version"]) == 128
    assert "cannot change to '/nowhere/at/all'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MandalaError("a\nb", hint="c\nd"), 1),
        (UsageError("a"), 2),
        (NotARepository("a"), 128),
        (StoreError("a", code=77), 77),
    ],
)
def test_errors_become_a_message_and_their_code(
    error: MandalaError, code: int, verb: Any, capsys: Any
) -> None:
    verb(error)
    assert main.main(["version"]) == code
    out, err = capsys.readouterr()
    hint = "".join(f"  {line}\n" for line in error.hint.splitlines())
    assert out == "" and err == f"mandala: {error.message}\n{hint}"


def test_an_interrupt_is_130(verb: Any, capsys: Any) -> None:
    verb(KeyboardInterrupt())
    assert main.main(["version"]) == 130
    assert capsys.readouterr().err == "mandala: interrupted\n"


@pytest.fixture
def temp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files, and no repository around."""
    folder = tmp_path / "temp"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


def test_a_bug_names_its_report_file(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, temp: Path
) -> None:
    def fail(args: Any) -> int:
        raise ZeroDivisionError("no\nway")

    monkeypatch.setattr("mandala_git.cli.version.run", fail)
    assert main.main(["version", "--json"]) == boundary.BUG == 3
    out, err = capsys.readouterr()
    (report,) = temp.iterdir()
    assert out == "" and len(err.splitlines()) == 1
    assert str(report) in err and "ZeroDivisionError: no" in err
    text = report.read_text("utf-8")
    assert "command: ['version', '--json']" in text
    assert 'raise ZeroDivisionError("no\\nway")' in text
    assert "python: 3." in text and "git: " in text


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
def test_what_the_system_refuses_is_no_bug(
    number: int, verb: Callable[[BaseException], None], capsys: Any
) -> None:
    verb(OSError(number, os.strerror(number), "/some/file"))
    assert main.main(["version"]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"mandala: /some/file: {os.strerror(number)}\n  ")
    assert "bug" not in err


def test_a_report_is_written_even_when_the_versions_are_the_bug(
    verb: Any, capsys: Any, temp: Path
) -> None:
    verb(ZeroDivisionError("no way"))
    assert main.main(["version"]) == 3
    (report,) = temp.iterdir()
    assert "versions: ZeroDivisionError('no way')" in report.read_text("utf-8")


def test_a_report_goes_to_the_mandala_folder_if_there_is_one(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, temp: Path, git_repo: Any
) -> None:
    def fail(args: Any) -> int:
        raise RuntimeError("boom")

    monkeypatch.setattr("mandala_git.cli.version.run", fail)
    repo = git_repo()
    monkeypatch.chdir(repo.root)
    assert main.main(["version"]) == 3
    assert len(list(temp.iterdir())) == 1, "a bug makes no folder in a repository"
    (repo.root / ".git" / "mandala").mkdir()
    assert main.main(["version"]) == 3
    (report,) = (repo.root / ".git" / "mandala").iterdir()
    assert str(report) in capsys.readouterr().err.splitlines()[-1]


def test_a_report_that_cannot_be_written_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, temp: Path
) -> None:
    def fail(args: Any) -> int:
        raise RuntimeError("boom")

    monkeypatch.setattr("mandala_git.cli.version.run", fail)
    monkeypatch.setattr("tempfile.tempdir", str(temp / "missing"))
    assert main.main(["version"]) == 3
    err = capsys.readouterr().err
    assert "Traceback" in err and "RuntimeError: boom" in err


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    code = "from mandala_git.cli.main import entry; entry()"
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, "version"],
            cwd=HOUSE, stdout=write, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
    finally:
        os.close(write)
    assert done.stderr == b""
    assert done.returncode == boundary.CLOSED_PIPE


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
@pytest.mark.parametrize(("words", "code"), [("version", 0), ("nope", 2)])
def test_closed_streams_are_no_error(closed: str, words: str, code: int) -> None:
    entry = "from mandala_git.cli.main import entry; entry()"
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" -c "{entry}" {words} {closed}', sys.executable],
        cwd=HOUSE,
        capture_output=True,
    )
    assert done.returncode == code, done


def test_a_reader_that_left_before_an_error_is_no_bug(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("x = 1\n")
    code = f"from mandala_git.cli.main import main, sys; sys.exit(main({['-C', str(tmp_path), 'fingerprint', 'm.py', 'missing.py']!r}))"
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=HOUSE, stdout=write, stderr=subprocess.PIPE
        )
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (boundary.CLOSED_PIPE, b"")


def test_only_the_chosen_verb_is_imported() -> None:
    code = (
        "import sys; from mandala_git.cli.main import main; main(['version', '--json']);"
        "sys.stderr.write(' '.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=HOUSE, capture_output=True, text=True)
    loaded = set(done.stderr.split())
    assert "mandala_git.cli.version" in loaded
    assert not loaded & {f"mandala_git.cli.{name}" for name in VERBS if name != "version"}
    assert not loaded & {"libcst", "pandas", "numpy", "rich", "pygit2", "joblib", "sqlite3"}
