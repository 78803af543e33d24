"""A stored text as a file of its own: the same lines differ as in the file that it came from."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mandala_git.source.changes import Change, compare, hunks
from mandala_git.source.outline import Hunk, Mark
from mandala_git.source.pieces import Sources
from mandala_git.source.scan import scan_texts
from mandala_git.source.stored import alone

OLD = b'''"""Module."""

import math

A = 1
A += 2


@decorated
def f(x):
    """Doc."""
    y = math.sqrt(x)
    return [
        y,
        1,
    ]


class C(Base):
    """Doc."""

    size = 3

    def m(self):
        if self.size:
            return 1
        return 2

    class D:
        def n(self): return 1


def f(x):
    return 2


async def g():
    async with a as b:
        await b
'''
NEW = (
    OLD.replace(b"A += 2", b"A += 3")
    .replace(b"        1,\n", b"        10,\n")
    .replace(b"size = 3", b"size = 4")
    .replace(b"return 1\n        return 2", b"return 5\n        return 2")
    .replace(b"def n(self): return 1", b"def n(self): return 6")
    .replace(b"return 2\n\n\nasync", b"return 7\n\n\nasync")
    .replace(b"await b", b"await b.c")
)


def marked(found: tuple[Hunk, ...]) -> list[tuple[Mark, str]]:
    lines = [line for hunk in found for line in hunk.lines]
    return [(line.mark, line.text.strip()) for line in lines if line.mark is not Mark.CONTEXT]


def changes() -> tuple[tuple[Change, ...], dict[str, bytes], Sources, Sources]:
    old, texts = scan_texts("m.py", OLD)
    new, _ = scan_texts("m.py", NEW)
    before, after = Sources(lambda path: OLD), Sources(lambda path: NEW)
    return compare([old], [new], before=before, after=after), texts, before, after


CHANGED = ["A", "f", "C", "C.m", "C.D.n", "f#2", "g"]


def test_what_changed() -> None:
    assert sorted(c.definition.qualname for c in changes()[0]) == sorted(CHANGED)


@pytest.mark.parametrize("name", CHANGED)
def test_the_same_lines_differ(name: str) -> None:
    found, texts, before, after = changes()
    change = next(c for c in found if c.definition.qualname == name)
    assert change.old is not None
    there, sources = alone(change.old, texts[change.old.text_id])
    expected = marked(hunks(change, before, after))
    assert len(expected) >= 2
    assert marked(hunks(replace(change, old=there), sources, after)) == expected


def test_a_text_that_is_lost_is_an_empty_file() -> None:
    found, _, _, after = changes()
    change = next(c for c in found if c.definition.qualname == "f")
    assert change.old is not None
    there, sources = alone(change.old, b"")
    hunks(replace(change, old=there), sources, after)
