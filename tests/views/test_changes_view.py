"""How changes look: golden files of everything a person reads."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest

from mandala_git.source.changes import Change, ChangeKind, compare, hunks, with_guesses
from mandala_git.source.definitions import Definition, Kind
from mandala_git.source.outline import Hunk, Line, Mark
from mandala_git.source.pieces import Sources
from mandala_git.source.scan import scan_file
from mandala_git.views.changes import Consequence, claim_command, concise, full
from mandala_git.views.changes_data import as_github, as_json
from mandala_git.views.console import Output
from mandala_git.views.text import plain

GOLDEN = Path(__file__).parent / "golden"
SIDES = [
    {
        file.relative_to(GOLDEN / side).as_posix().removesuffix(".txt"): file.read_bytes()
        for file in sorted((GOLDEN / side).rglob("*.txt"))
    }
    for side in ("old", "new")
]
BEFORE, AFTER = (Sources(lambda path, files=files: files.get(path)) for files in SIDES)
COSTS = {
    "prep.py::N_CLASS": Consequence(("train_model",), 40, 7500.0, "breaking"),
    "prep.py::scale_data": Consequence(("train_model", "get_acc"), 4, 12.3),
    "prep.py::norm": Consequence(("get_acc",), 0, 0.0),
    "prep.py::Model.fit": Consequence(("train_model",), 1, 0.84, "compatible"),
    "train.py::gone": Consequence((), 12, 300.0),
    "train.py::evaluate": Consequence(("get_acc",), 3, 2.5),
}


@pytest.fixture(scope="module")
def changes() -> tuple[Change, ...]:
    old, new = ([scan_file(path, data) for path, data in files.items()] for files in SIDES)
    found = compare(old, new, before=BEFORE, after=AFTER)
    return with_guesses(found, BEFORE, AFTER)


def lines_of(change: Change) -> tuple[Hunk, ...]:
    return hunks(change, BEFORE, AFTER)


def golden(name: str, text: str) -> None:
    """Compare with a golden file; `MANDALA_GOLDEN=write` writes it instead."""
    file = GOLDEN / name
    if WRITE:
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


WRITE = os.environ.get("MANDALA_GOLDEN") == "write"


def test_full(changes: tuple[Change, ...]) -> None:
    rows = full(changes, hunks=lines_of, consequences=COSTS, claim=claim_command)
    golden("full.txt", plain(rows))


def test_full_with_cosmetic_changes(changes: tuple[Change, ...]) -> None:
    quiet = [c for c in changes if c.kind.quiet]
    golden("cosmetic.txt", plain(full(quiet, hunks=lines_of, cosmetic=True)))


def test_concise(changes: tuple[Change, ...]) -> None:
    golden("concise.txt", plain(concise(changes, consequences=COSTS)))


def test_github(changes: tuple[Change, ...]) -> None:
    golden("github.txt", as_github(changes, consequences=COSTS))
    assert as_github(changes, cosmetic=True).count("only") == 1  # names only


def test_colour(changes: tuple[Change, ...]) -> None:
    output = Output(io.StringIO(), io.StringIO(), color=True)
    output.show(full(changes, hunks=lines_of, consequences=COSTS, claim=claim_command))
    assert isinstance(output.stdout, io.StringIO)
    golden("colour.txt", output.stdout.getvalue().replace("\x1b", "<ESC>"))


def test_json_is_complete(changes: tuple[Change, ...]) -> None:
    data = json.loads(as_json(changes, hunks=lines_of, consequences=COSTS))
    assert data["format"] == 1
    assert len(data["changes"]) == len(changes)
    first = data["changes"][0]
    assert set(first) == {
        "kind", "key", "old", "new", "reasons", "suggestion", "why", "told", "guess", "consequence",
        "hunks",
    }  # fmt: skip
    assert first["new"]["line"] == 6
    assert first["consequence"] == {
        "ops": ["train_model"], "calls": 40, "seconds": 7500.0, "verdict": "breaking",
    }  # fmt: skip
    assert first["hunks"][0][0] == {
        "mark": "-", "old": 6, "new": None, "text": "N_CLASS = 10", "spans": [[10, 12]], "note": "",
    }  # fmt: skip


def test_guesses_are_told_on_both_sides(changes: tuple[Change, ...]) -> None:
    data = json.loads(as_json(changes, hunks=lines_of, consequences=COSTS))
    found = {c["key"]: c for c in data["changes"] if c["guess"] is not None}
    assert found["train.py::score"]["kind"] == "added" and found["train.py::score"]["old"] is None
    assert found["train.py::score"]["guess"] == {"key": "train.py::evaluate", "score": 0.8}
    assert found["train.py::evaluate"]["guess"] == {"key": "train.py::score", "score": 0.8}
    # A command is offered only where recorded calls are lost.
    offered = "git mandala classify train.py::score --was train.py::evaluate --compatible"
    assert offered in plain(full(changes, consequences=COSTS, claim=claim_command))
    assert offered not in plain(full(changes, claim=claim_command))


def test_nothing_is_silent() -> None:
    assert full([]) == []
    assert concise([]) == []
    assert as_github([]) == ""
    assert json.loads(as_json([])) == {"format": 1, "changes": [], "unreadable": []}


def define(name: str, kind: Kind = Kind.FUNCTION, **more: object) -> Definition:
    path = str(more.pop("path", "m.py"))
    return Definition(path, name, kind, "t", "s", "n2:d", "e", lines=(3, 4), **more)  # type: ignore[arg-type]


def test_what_came_or_went_together_is_one_line() -> None:
    found = [
        Change(ChangeKind.ADDED, None, define("C", Kind.CLASS)),
        Change(ChangeKind.ADDED, None, define("C.m", parent="C")),
        Change(ChangeKind.ADDED, None, define("C.n", parent="C")),
        *(
            Change(ChangeKind.MOVED, define(f"f{n}", path="a.py"), define(f"f{n}", path="b.py"))
            for n in range(3)
        ),
    ]
    assert plain(full(found)) == (
        "+ m.py:3 class C   with 2 members\n> 3 definitions moved from a.py to b.py\n"
    )
    # What has a price is never folded away.
    assert "b.py:3 f1" in plain(
        full(found, consequences={"b.py::f1": Consequence(("f1",), 1, 1.0)})
    )


def test_told_imports_are_left_out_unless_they_cost() -> None:
    found = [Change(ChangeKind.CHANGED, define("np"), define("np", Kind.IMPORT), ("x",), told=True)]
    assert full(found) == []
    assert as_github(found) == ""
    assert "import np" in plain(full(found, consequences={"m.py::np": Consequence((), 1, 1.0)}))


def test_source_cannot_steer_the_terminal() -> None:
    change = Change(ChangeKind.CHANGED, define("f"), define("f"), ("value '\x1b[2J' -> 1",))
    line = Line(Mark.ADDED, 0, 3, "\tx = '\x1b]0;title\x07\udc80'", ((5, 6),))
    text = plain(full([change], hunks=lambda _: [Hunk((line,))]))
    assert "\x1b" not in text
    assert "\\x1b]0;title\\x07\\udc80" in text
    assert "    x = " in text


def test_github_escapes() -> None:
    change = Change(ChangeKind.CHANGED, None, define("f", path="a,b:c.py"), ("100%\nsure",))
    assert as_github([change]) == (
        "::notice file=a%2Cb%3Ac.py,line=3,title=f changed::100%25%0Asure\n"
    )
