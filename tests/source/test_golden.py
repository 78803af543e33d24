"""Golden cases: every rule of the normal form, with pairs of programs in rules/*.txt.

A file begins with the rule in words. A case is

    ==== LABEL: title
    the program before
    ----
    the program after
    ---- calls          (optional: expressions, one a line, to see what the programs do)
    ---- of NAME        (optional: the definition that it is about)
    ---- file PATH      (optional: where the program stands)
    ---- beside NAME    (optional: the source of a module that it imports)

The label says what holds of the definition `f` (or `C`, or `x`):

`equal`                         all digests are the same, and both programs do the same
`names`                         the same, but names differ: so does the exact digest
`different`                     the digests differ, and something shows that the programs do too
`equal only without the guard`  the digests differ, though the rule would call the pair equal if
                                it had no guard; and the programs do differ
`..., unseen`                   nothing that a run could show differs (the normal form does not
                                know, or sets are in another order only by their layout)
`..., with SETTING`             with a setting of [tool.mandala] equal; without it: different

Every pair is run, so that the label is not only claimed.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from probes import seen

from mandala_git.config import EQUALITIES, NO_RULES, UNKEYED_PARAMETERS, Rules
from mandala_git.source.definitions import Definition
from mandala_git.source.scan import scan_file, scan_texts
from mandala_git.source.texts import definition_from_text

FOLDER = Path(__file__).with_name("rules")
LABELS = ("equal", "names", "different", "equal only without the guard")


@dataclass(frozen=True)
class Case:
    """A pair of programs and what is claimed of it."""

    label: str
    title: str
    before: str
    after: str
    unseen: bool = False
    setting: str = ""
    calls: tuple[str, ...] = ()
    path: str = "m.py"
    of: str = ""
    beside: dict[str, str] = field(default_factory=dict)


def read_cases(file: Path) -> list[Case]:
    """Read the cases of a file."""
    _, *parts = re.split(r"^==== ", file.read_text("utf-8"), flags=re.MULTILINE)
    return [read_case(part) for part in parts]


def read_case(part: str) -> Case:
    head, _, rest = part.partition("\n")
    claim, _, title = head.partition(": ")
    label, *more = claim.split(", ")
    before, *sections = re.split(r"^----(.*)\n", rest, flags=re.MULTILINE)
    after, calls, path, of, beside = "", (), "m.py", "", {}
    for words, text in zip(sections[::2], sections[1::2], strict=True):
        match words.split():
            case []:
                after = text
            case ["calls"]:
                calls = tuple(text.split("\n")[:-1])
            case ["file", name]:
                path = name
            case ["of", name]:
                of = name
            case ["beside", module]:
                beside[module] = text
            case _:
                raise ValueError(f"an unknown section: {words!r}")
    setting = next((m.removeprefix("with ") for m in more if m.startswith("with ")), "")
    assert label in LABELS and {setting} <= {"", *EQUALITIES}, head
    assert before.strip() and after.strip(), head
    calls = tuple(call for call in calls if call)
    return Case(label, title, before, after, "unseen" in more, setting, calls, path, of, beside)


CASES = {
    f"{file.stem}-{number}{'-' * bool(case.title)}{case.title.replace(' ', '-')}": case
    for file in sorted(FOLDER.glob("*.txt"))
    for number, case in enumerate(read_cases(file), 1)
}


def facts(case: Case, source: str, rules: Rules) -> Definition:
    """Return the definition that a case is about; its text must tell the same."""
    found, texts = scan_texts(case.path, source.encode(), rules=rules)
    assert found.error == "", (found.error, found.error_line)
    named = {d.qualname: d for d in found.definitions}
    definition = next(named[n] for n in (case.of, "f", "A.f", "B.f", "C", "x") if n in named)
    derived = definition_from_text(texts[definition.text_id], rules=rules)
    assert (derived.digest, derived.skeleton) == (definition.digest, definition.skeleton)
    return definition


@pytest.mark.parametrize("name", CASES)
def test_digests(name: str) -> None:
    case = CASES[name]
    rules = Rules(equal=frozenset([case.setting] if case.setting else []))
    before, after = (facts(case, source, rules) for source in (case.before, case.after))
    if case.label in ("equal", "names"):
        assert before.digest == after.digest
        assert before.skeleton == after.skeleton
        assert (before.exact == after.exact) == (case.label == "equal")
    else:
        assert before.digest != after.digest
        if not name.startswith("10_"):  # there, the same hole leads elsewhere
            assert (before.skeleton, before.holes) != (after.skeleton, after.holes)
    if case.setting and case.label in ("equal", "names"):
        others = Rules(equal=frozenset(EQUALITIES) - {case.setting})
        for rules in (NO_RULES, others):
            one, two = (facts(case, source, rules) for source in (case.before, case.after))
            assert one.digest != two.digest


@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("name", CASES)
def test_what_programs_do(name: str) -> None:
    case = CASES[name]
    if name.startswith("17_") and sys.version_info < (3, 12):
        pytest.skip("this Python has no type parameters")
    before, after = (seen(s, case.calls, case.beside) for s in (case.before, case.after))
    if case.unseen or case.label in ("equal", "names"):
        assert before == after
    else:
        assert before != after


def test_every_rule_has_its_file() -> None:
    """The rows of the table in docs: see the rule's number in the first line of each file."""
    starts = [re.match(r"Rule (\w+): ", f.read_text("utf-8")) for f in FOLDER.glob("*.txt")]
    numbers = {start[1] for start in starts if start is not None}
    assert numbers >= {
        "1", "2", "3", "3b", "4", "4b", "5", "6", "7", "7b", "8", "8b", "8c", "8d", "8e", "8f",
        "8g", "8h", "9", "9b", "9c", "9d", "10", "10b", "10c", "11", "12", "13", "13b", "13c",
        "14", "15", "16", "17", "18", "19", "20", "21",
    }  # fmt: skip


def test_what_no_setting_touches_keeps_its_digest() -> None:
    code = b"def f(a, *b):\n    if a:\n        return a + 1\n    return 2 * a\n"
    every = Rules(equal=frozenset(EQUALITIES) - {UNKEYED_PARAMETERS})
    assert scan_file("m.py", code, rules=every) == scan_file("m.py", code)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"def f(a):\r\n    return a\r\n", b"def f(a):\n\treturn a\n"),
        (b"\xef\xbb\xbfdef f(a):\n    return a\n", b"def f(a):\n    return a\n"),
        (b"# coding: latin-1\nf = '\xe9'\n", "f = 'é'\n".encode()),
        (b"f = 'a\\\r\nb'\n", b"f = 'ab'\n"),
    ],
)
def test_bytes_of_a_file_that_do_not_count(before: bytes, after: bytes) -> None:
    one, two = (scan_file("m.py", data).definitions[0] for data in (before, after))
    assert (one.digest, one.skeleton, one.exact) == (two.digest, two.skeleton, two.exact)
