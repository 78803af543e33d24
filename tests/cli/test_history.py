"""history: what commits changed, counted, in any repository."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mandala_git.cli.main import main
from mandala_git.repo.repository import Repository
from mandala_git.repo.steps import steps
from mandala_git.versions.tally import Tally
from mandala_git.views.history import commit_row
from mandala_git.views.text import plain

STEPS = {
    "one": {"a.py": "import os\ndef f(x):\n    y = os.stat(x)\n    return y\nN = 3\n"},
    "format": {
        "a.py": "import os\n\n\ndef f(x):\n    y = (os.stat(x))\n    return y  # sum\n\n\nN = 0x3\n"
    },
    "names": {"a.py": "import os\ndef f(x):\n    z = os.stat(x)\n    return z\nN = 3\n"},
    "real": {"a.py": "import os\ndef f(x):\n    z = os.lstat(x)\n    return z\nN = 4\nM = 5\n"},
    "words": {"notes.txt": "nothing to see\n"},
    "move": {
        "a.py": "N = 4\nM = 5\n",
        "b.py": "import os\ndef f(x):\n    z = os.lstat(x)\n    return z\n",
    },
    "break": {"a.py": "N = = 4\n"},
    "mend": {"a.py": "N = 4\nM = 5\n"},
    "order": {
        "b.py": "def g():\n    import os\n    import sys\n    return os, sys\n",
        "c.py": "",
    },
    "sorted": {"b.py": "def g():\n    import sys\n    import os\n    return os, sys\n"},
}


@pytest.fixture
def repo(git_repo: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    repo = git_repo()
    for subject, files in STEPS.items():
        for path, text in files.items():
            repo.write(path, text)
        repo.commit(subject)
    monkeypatch.chdir(repo.root)
    return repo


def listing(root: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def commits(capsys: Any, *words: str, code: int = 0) -> dict[str, dict[str, Any]]:
    capsys.readouterr()
    assert main(["history", "--json", *words]) == code
    found = json.loads(capsys.readouterr().out)
    assert found["format"] == 1
    return {c["subject"]: c for c in found["commits"]}


def test_what_is_printed(repo: Any, capsys: Any, compare_golden: Any) -> None:
    assert main(["history"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    compare_golden("history.txt", "".join(f"{line}\n" for line in out.splitlines()))


def test_json(repo: Any, capsys: Any) -> None:
    found = commits(capsys)
    assert list(found) == list(reversed(STEPS))
    columns = ("real", "layout", "moved", "names", "cosmetic", "unreadable")
    assert {s: tuple(c[n] for n in columns) for s, c in found.items()} == {
        "one": (2, 0, 0, 0, 0, 0),
        "format": (0, 0, 0, 0, 2, 0),
        "names": (0, 0, 0, 1, 1, 0),
        "real": (3, 0, 0, 0, 0, 0),
        "words": (0, 0, 0, 0, 0, 0),
        "move": (0, 0, 1, 0, 0, 0),
        "break": (0, 0, 0, 0, 0, 1),
        "mend": (0, 0, 0, 0, 0, 1),
        "order": (2, 0, 0, 0, 0, 0),
        "sorted": (0, 1, 0, 0, 0, 0),
    }
    assert found["one"]["parent"] is None
    assert found["format"]["parent"] == found["one"]["commit"]
    assert found["names"]["changes"][0]["reasons"] == ["names only: y -> z"]
    assert found["break"]["complaints"][0].startswith("a.py:1: ")
    assert found["mend"]["complaints"][0].startswith("a.py could not be read before: ")
    capsys.readouterr()
    main(["history", "--json"])
    total = json.loads(capsys.readouterr().out)["sum"]
    assert total == {n: sum(c[n] for c in found.values()) for n in columns}


def test_nothing_is_written_where_nothing_was_set_up(repo: Any, capsys: Any) -> None:
    before = listing(repo.root)
    commits(capsys)
    assert listing(repo.root) == before
    assert not (repo.root / ".git" / "mandala").exists()


def test_what_is_known_is_not_read_again(
    repo: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["init"]) == 0
    first = commits(capsys)

    def scan(*args: Any) -> None:
        raise AssertionError("known already")

    monkeypatch.setattr("mandala_git.versions.indexed.scan_into", scan)
    assert commits(capsys) == first


def test_which_commits(repo: Any, capsys: Any) -> None:
    assert list(commits(capsys, "-n", "2")) == ["sorted", "order"]
    assert list(commits(capsys, "-n", "1", "HEAD~7")) == ["names"]
    assert list(commits(capsys, "HEAD~3..HEAD~1")) == ["order", "mend"]
    assert list(commits(capsys, "HEAD~1..")) == ["sorted"]
    assert commits(capsys, "-n", "0") == commits(capsys, "HEAD..HEAD") == {}


@pytest.mark.parametrize(
    ("rev", "code"),
    [("HEAD~8", 0), ("HEAD~7", 0), ("HEAD~6", 1), ("HEAD~5", 0), ("HEAD~3", 1), ("HEAD", 1)],
)
def test_exit_codes(repo: Any, capsys: Any, rev: str, code: int) -> None:
    assert main(["history", "-n", "1", rev, "--exit-code"]) == code
    assert main(["history", "-n", "1", rev]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nope"], "'nope' names no commit"),
        (["HEAD..nope"], "'nope' names no commit"),
        (["HEAD~1...HEAD"], "git mandala history HEAD~1..HEAD"),
        (["-n", "many"], "argument -n: invalid"),
        (["-n", "-1"], "argument -n"),
    ],
)
def test_what_makes_no_sense(repo: Any, capsys: Any, words: list[str], said: str) -> None:
    assert main(["history", *words]) == 2
    assert said in capsys.readouterr().err


def test_before_the_first_commit(
    git_repo: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(git_repo().root)
    assert main(["history"]) == 2
    assert "make the first one" in capsys.readouterr().err


def test_where_a_shallow_clone_ends(
    repo: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone = repo.root.parent / "clone"
    repo.git("clone", "-q", "--depth", "2", repo.root.as_uri(), str(clone))
    monkeypatch.chdir(clone)
    found = commits(capsys)
    assert [c["cut"] for c in found.values()] == [False, True]
    assert found["order"]["changes"] == []
    main(["history"])
    assert "(the history of this clone ends here) order" in capsys.readouterr().out


def test_a_long_subject_is_cut_on_a_terminal(repo: Any, capsys: Any) -> None:
    repo.git("commit", "-q", "--allow-empty", "-m", "word " * 50 + "\x1b[2J")
    main(["history", "-n", "1"])
    line = capsys.readouterr().out.splitlines()[1]
    assert line.endswith("word \\x1b[2J")
    (step,) = steps(Repository.discover(), "HEAD", most=1)
    found = Tally(step, (), ())
    assert plain([commit_row(found)]) == line + "\n"
    cut = plain([commit_row(found, 90)])
    assert len(cut) == 91 and cut.endswith("...\n") and line.startswith(cut[:-4])
