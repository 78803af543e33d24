"""Tally: what single commits changed, counted by what it means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from mandala_git.config import NO_RULES, Rules
from mandala_git.repo.steps import Step
from mandala_git.source.changes import Change, ChangeKind, compare
from mandala_git.source.definitions import FileFacts
from mandala_git.source.index import Index
from mandala_git.source.pieces import Sources
from mandala_git.versions.indexed import IndexedTree

if TYPE_CHECKING:
    from mandala_git.versions.indexed import Tree


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of definitions, each in one of them.

    Attributes:
        real: changed in meaning, added or removed.
        layout: only what formatters do and Python can see: the order of imports inside a block,
            blanks in a docstring that something may read.
        moved: moved or renamed, the same.
        names: only names of locals differ, or how an import is spelled.
        cosmetic: only formatting, comments, docstrings differ.
        unreadable: not definitions but files (or cells) of which nothing is known.
    """

    real: int = 0
    layout: int = 0
    moved: int = 0
    names: int = 0
    cosmetic: int = 0
    unreadable: int = 0

    def __add__(self, other: Counts) -> Counts:
        """Add each number."""
        names = [field.name for field in fields(self)]
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in names})


@dataclass(frozen=True, slots=True)
class Tally:
    """What a commit changed.

    Attributes:
        step: the commit.
        changes: of its definitions, most important first.
        complaints: what could not be read, a line each with its place.
    """

    step: Step
    changes: tuple[Change, ...]
    complaints: tuple[str, ...]

    @property
    def counts(self) -> Counts:
        """The changes, counted. An import that another change speaks of counts with that."""
        found = Counts(unreadable=len(self.complaints))
        for change in self.changes:
            if not change.told:
                found += Counts(**{_column(change): 1})
        return found


def tally(step: Step, index: Index, rules: Rules = NO_RULES, *, brief: bool = False) -> Tally:
    """Compare a commit with its parent; only files that differ are looked at.

    Args:
        step: the commit.
        index: what is known of contents, and learns the rest.
        rules: under which definitions are derived.
        brief: leave out reasons that make no difference to the counts.
    """
    old, new = _Read(step.before), _Read(step.after)
    with index.batch():
        facts = [_facts(IndexedTree(side, index, rules=rules)) for side in (old, new)]
    changes = compare(*facts, before=Sources(old.get), after=Sources(new.get), brief=brief)
    return Tally(step, changes, tuple(complaint for _, complaint in unreadable(*facts)))


def unreadable(old: Iterable[FileFacts], new: Iterable[FileFacts]) -> Iterator[tuple[str, str]]:
    """Say what cannot be read now, and what could not be read before, so that it was not compared.

    Args:
        old, new: facts of the files that differ.

    Returns:
        (path, what is wrong where).
    """
    now = {facts.path: facts for facts in new}
    for path, facts in now.items():
        yield from ((path, complaint) for complaint in facts.complaints)
    for was in old:
        if was.error and (was.path not in now or not now[was.path].error):
            yield was.path, f"{was.path} could not be read before: {was.error}"


def _facts(tree: IndexedTree) -> list[FileFacts]:
    return [facts for facts in map(tree.facts, tree.tree.entries) if facts is not None]


def _column(change: Change) -> str:
    if change.kind in (ChangeKind.MOVED, ChangeKind.RENAMED):
        return "moved"
    if change.kind.quiet:
        return str(change.kind)
    return "layout" if change.layout else "real"


class _Read:
    """The files of one side, all read at once when the first is asked for."""

    def __init__(self, tree: Tree) -> None:
        self.entries = tree.entries
        self.data = tree.data
        self._tree = tree
        self._contents: Mapping[str, bytes] | None = None

    def read(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Return the bytes of files."""
        if self._contents is None:
            self._contents = self._tree.read(self.entries)
        return {path: self._contents[path] for path in paths if path in self._contents}

    def get(self, path: str) -> bytes | None:
        """Return the bytes of a file, None when it is not on this side."""
        return self.read([path]).get(path)
