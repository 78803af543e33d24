"""Two versions of the package on one repository: their digests differ, what they know does not.

`ours` and `theirs` work on the same repository. Theirs is a copy of the package whose scheme has
another name, writes every definition otherwise, does not know rule 9 (renamed locals), and knows
more decorators that keep nothing.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from conftest import Project

HOUSE = Path(__file__).parent.parent.parent
HELPER = "def g(x):\n    y = x * 3\n    return y\n"
REGISTERED = "import atexit\n\n@atexit.register\ndef bye():\n    pass\n\n"
PROGRAM = "from mandala_git import op\nfrom h import g\n\n@op\ndef f(x):\n    return g(x) + 1\n"

# What is written otherwise in the copy: file, old, new.
OTHER_RULES = [
    ("source/definitions.py", 'SCHEME = "', 'SCHEME = "other-'),
    ("source/normal.py", 'b"Pc"', 'b"Qc"'),
    (
        "source/normal.py",
        "_NAMED = frozenset([ScopeKind.FUNCTION, ScopeKind.COMPREHENSION])",
        "_NAMED: frozenset[ScopeKind] = frozenset()",
    ),
    (
        "source/neutral.py",
        '"dataclasses.dataclass",',
        '"dataclasses.dataclass", "atexit.register",',
    ),
]
OTHER_TEXTS = [*OTHER_RULES, ("source/texts.py", '"mandala text 1', '"mandala text 2')]
OTHER_INDEX = [*OTHER_RULES, ("source/index.py", "FORMAT = ", "FORMAT = 100 + ")]


def copy_of_the_package(folder: Path, changes: list[tuple[str, str, str]]) -> Path:
    """Copy the package with some lines exchanged; return the folder to find it in."""
    unwanted = shutil.ignore_patterns("__pycache__")
    shutil.copytree(HOUSE / "mandala_git", folder / "mandala_git", ignore=unwanted)
    for name, old, new in changes:
        file = folder / "mandala_git" / name
        text = file.read_text("utf-8")
        assert text.count(old) == 1, (name, old)
        file.write_text(text.replace(old, new), "utf-8")
    return folder


class Side(NamedTuple):
    """The repository as one version of the package sees it.

    Attributes:
        house: the folder of that version.
        project: runs programs and gives verdicts.
    """

    house: Path
    project: Project

    def command(self, *args: str, entry: str = "cli.main import entry; entry()") -> str:
        """Run `git mandala ARGS` of this version."""
        done = subprocess.run(
            [sys.executable, "-c", f"from mandala_git.{entry}", *args],
            cwd=self.project.root,
            env={**os.environ, "PYTHONPATH": str(self.house)},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def digests(self, path: str) -> dict[str, str]:
        """Return what this version calls the definitions of a file."""
        lines = self.command("fingerprint", path).splitlines()
        return {line.split()[-1]: line.split()[0] for line in lines}

    def commit_with_hook(self, message: str, policy: str) -> None:
        """Commit everything with the hook of this version; nobody can be asked."""
        repo = self.project.repo
        call = 'from mandala_git.cli.hook import entry; entry(\\"pre-commit\\")'
        script = f'#!/bin/sh\nPYTHONPATH="{self.house}" exec "{sys.executable}" -c "{call}"\n'
        repo.write(".git/hooks/pre-commit", script).chmod(0o755)
        repo.git("config", "mandala.onUnclassified", policy)
        self.project.commit(message)
        (self.project.root / ".git/hooks/pre-commit").unlink()


@pytest.fixture(scope="session")
def other_house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of_the_package(tmp_path_factory.mktemp("other"), OTHER_RULES)


@pytest.fixture(scope="session")
def other_forks(forks: object, other_house: Path) -> Iterator[object]:
    server = type(forks)(other_house)  # type: ignore[call-arg]
    yield server
    server.close()  # type: ignore[attr-defined]


@pytest.fixture
def ours(project: Project) -> Side:
    project.write(h=HELPER, p=PROGRAM)
    project.commit()
    return Side(HOUSE, project)


@pytest.fixture
def theirs(ours: Side, other_house: Path, other_forks: object) -> Side:
    return Side(other_house, type(ours.project)(ours.project.repo, other_forks))  # type: ignore[arg-type]


@pytest.fixture(params=["ours first", "theirs first"])
def sides(request: pytest.FixtureRequest, ours: Side, theirs: Side) -> tuple[Side, Side]:
    """Both sides, in both orders: what holds for one and the other holds when they are swapped."""
    return (ours, theirs) if request.param == "ours first" else (theirs, ours)


def test_the_copy_is_another_version(ours: Side, theirs: Side) -> None:
    one, two = ours.digests("h.py"), theirs.digests("h.py")
    assert one.keys() == two.keys() and one["h.py::g"] != two["h.py::g"]
    assert two["h.py::g"].startswith("other-") and not one["h.py::g"].startswith("other-")
    ours.project.edit("h", "y = x * 3\n    return y", "z = x * 3\n    return z")
    assert ours.digests("h.py") == one
    assert theirs.digests("h.py") != two


def test_results_of_one_are_found_under_the_other(sides: tuple[Side, Side]) -> None:
    one, other = sides
    one.project.runs("p.f(3)")
    other.project.reuses("p.f(3)")
    other.project.runs("p.f(4)")
    one.project.reuses("p.f(3)", "p.f(4)")
    one.project.edit("h", "    y = x * 3\n", "    '''Triple.'''\n    y = (x * 0x3)  # thrice\n")
    other.project.reuses("p.f(3)", "p.f(4)")
    one.project.reuses("p.f(3)", "p.f(4)")
    assert one.project.table("p.py::f") == other.project.table("p.py::f") != []


def test_a_compatible_verdict_of_one_holds_under_the_other(sides: tuple[Side, Side]) -> None:
    one, other = sides
    one.project.runs("p.f(3)")
    one.project.edit("h", "y = x * 3", "y = 3 * x")
    question = ["h.py::g -> h.py::g open"]
    assert one.project.questions() == other.project.questions() == question
    other.project.compatible("g")
    assert one.project.questions() == other.project.questions()
    one.project.reuses("p.f(3)")
    other.project.reuses("p.f(3)")
    # An answer taken back by one is none for the other.
    one.project.retract("g")
    other.project.runs("p.f(3)")
    one.project.reuses("p.f(3)")  # what the other has just computed


def test_a_breaking_verdict_of_a_hook_holds_under_the_other(sides: tuple[Side, Side]) -> None:
    one, other = sides
    one.project.runs("p.f(3)")
    one.project.edit("h", "x * 3", "x * 4")
    other.commit_with_hook("four", "breaking")
    answered = ["h.py::g -> h.py::g breaking"]
    assert one.project.questions("HEAD~1") == other.project.questions("HEAD~1") == answered
    one.project.runs("p.f(3)")
    other.project.reuses("p.f(3)")
    one.project.checkout("HEAD~1")
    other.project.reuses("p.f(3)")


def test_what_only_one_knows_to_be_equal(ours: Side, theirs: Side) -> None:
    """Ours sees that only a name changed; theirs asks, and its answer harms nobody."""
    theirs.project.runs("p.f(3)")
    ours.project.edit("h", "y = x * 3\n    return y", "z = x * 3\n    return z")
    assert ours.project.questions() == []
    ours.project.reuses("p.f(3)")
    assert theirs.project.questions() == ["h.py::g -> h.py::g open"]
    theirs.project.runs("p.f(3)")
    ours.project.reuses("p.f(3)")
    theirs.project.compatible("g")
    theirs.project.commit()
    theirs.project.checkout("HEAD~1")
    for side in (ours, theirs):
        side.project.reuses("p.f(3)")


def test_what_only_one_knows_to_be_kept(ours: Side, theirs: Side) -> None:
    """Ours counts what a decorator may keep: it was not recorded by who does not."""
    ours.project.write(h=REGISTERED + HELPER)
    ours.project.runs("p.f(3)")
    theirs.project.reuses("p.f(3)")
    theirs.project.runs("p.f(4)")
    ours.project.runs("p.f(4)")
    theirs.project.reuses("p.f(4)")
    # Nor does its verdict reach further than what it looked at; the verdict of ours does.
    ours.project.commit()
    ours.project.edit("h", "x * 3", "3 * x")
    theirs.project.compatible("g")
    theirs.project.reuses("p.f(3)", "p.f(4)")
    ours.project.compatible("g")
    ours.project.commit()
    ours.project.edit("h", "3 * x", "x + x + x")
    ours.project.compatible("g")
    for side in (ours, theirs):
        side.project.reuses("p.f(3)", "p.f(4)")


def test_breaking_is_no_word_about_what_one_can_prove(ours: Side, theirs: Side) -> None:
    """For ours the two texts are one meaning, whatever is said of the edit between them."""
    theirs.project.runs("p.f(3)")
    theirs.project.edit("h", "y = x * 3\n    return y", "z = x * 3\n    return z")
    theirs.project.breaking("g")
    ours.project.reuses("p.f(3)")
    theirs.project.runs("p.f(3)")


def test_the_index_is_shared_without_mixing(ours: Side, theirs: Side) -> None:
    file = ours.project.root / ".git" / "mandala" / "index.db"
    first = [side.digests("h.py") for side in (ours, theirs)]
    assert [side.digests("h.py") for side in (ours, theirs)] == first
    ours.project.runs("p.f(3)")
    theirs.project.reuses("p.f(3)")
    assert [side.digests("h.py") for side in (theirs, ours)] == first[::-1]
    with closing(sqlite3.connect(file)) as db:
        spaces = db.execute("SELECT space, count(*) FROM files GROUP BY space").fetchall()
        assert len(spaces) == 2 and min(count for _, count in spaces) > 1
        # One text serves both: texts are the lasting identity.
        ids = [
            {row[0] for row in db.execute("SELECT id FROM definitions WHERE space = ?", (space,))}
            for space, _ in spaces
        ]
        assert ids[0] == ids[1] != set()
    file.unlink()
    assert [side.digests("h.py") for side in (theirs, ours)] == first[::-1]


def test_an_index_of_another_layout_is_begun_anew(
    ours: Side, forks: object, tmp_path: Path
) -> None:
    with side_of(ours, forks, copy_of_the_package(tmp_path, OTHER_INDEX)) as theirs:
        ours.project.runs("p.f(3)")
        for turn, side in enumerate((theirs, ours, theirs)):
            side.project.reuses("p.f(3)")
            side.project.write(h=f"# {turn}\n{HELPER}")
        ours.project.reuses("p.f(3)")
        assert ours.digests("h.py") != theirs.digests("h.py")


def test_texts_that_one_cannot_read_are_none(ours: Side, forks: object, tmp_path: Path) -> None:
    """Texts in a form of the future: neither side finds what the other has, or fails at it."""
    with side_of(ours, forks, copy_of_the_package(tmp_path, OTHER_TEXTS)) as theirs:
        for side in (ours, theirs):
            side.project.runs("p.f(3)")
            side.project.reuses("p.f(3)")
        ours.project.edit("h", "x * 3", "3 * x")
        theirs.project.compatible("g")
        theirs.project.reuses("p.f(3)")
        assert ours.project.questions() == ["h.py::g -> h.py::g open"]
        ours.project.compatible("g")
        ours.project.reuses("p.f(3)")
        theirs.project.reuses("p.f(3)")


@contextmanager
def side_of(ours: Side, forks: object, house: Path) -> Iterator[Side]:
    """Let another version see the same repository."""
    server = type(forks)(house)  # type: ignore[call-arg]
    try:
        yield Side(house, type(ours.project)(ours.project.repo, server))  # type: ignore[arg-type]
    finally:
        server.close()  # type: ignore[attr-defined]
