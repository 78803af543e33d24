"""Comparison: what changed between two worlds, definition by definition, with its lines."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import cached_property

from mandala_git.source.changes import Change, ChangeKind, compare, hunks, with_guesses
from mandala_git.source.definitions import Definition, FileFacts
from mandala_git.source.outline import CONTEXT, Hunk
from mandala_git.source.pieces import Sources
from mandala_git.source.reasons import explain
from mandala_git.source.stored import alone
from mandala_git.versions.history import History
from mandala_git.versions.tally import unreadable
from mandala_git.versions.worlds import Worlds

AHEAD = 30
"""Files that are read together with one: git starts once for them."""


class Comparison:
    """Two worlds side by side. Only files that differ are looked at.

    Args:
        before: the old world; None for one without any file.
        after: the new one.
    """

    def __init__(self, before: Worlds | None, after: Worlds) -> None:
        self.before = before
        self.after = after
        self.history: History = after.history
        self._standing: dict[str, dict[str, str]] = {}  # path -> text ids by key
        self._old_sources = _sources(before, lambda: self.paths)
        self._new_sources = _sources(after, lambda: self.paths)

    @cached_property
    def paths(self) -> list[str]:
        """The files that differ, sorted."""
        old = self.before.tree.tree.entries if self.before is not None else {}
        new = self.after.tree.tree.entries
        return sorted(path for path in {*old, *new} if old.get(path) != new.get(path))

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """The changes, most important first, with guesses; see `compare`."""
        before, after = self._old_sources, self._new_sources
        return with_guesses(compare(*self._facts, before=before, after=after), before, after)

    @cached_property
    def _facts(self) -> tuple[list[FileFacts], list[FileFacts]]:
        return _facts(self.before, self.paths), _facts(self.after, self.paths)

    @cached_property
    def unreadable(self) -> list[tuple[str, str]]:
        """What cannot be read in the changed files: path, and what is wrong where."""
        return list(unreadable(*self._facts))

    def change_of(self, old: Definition, new: Definition) -> Change:
        """Return the change from one definition to another, which may be of any time.

        Args:
            old: of the old world, or one that was recorded at some time.
            new: of the new world.
        """
        for change in self.changes:
            if (
                change.old is not None
                and change.new is not None
                and (change.old.key, change.old.text_id) == (old.key, old.text_id)
                and (change.new.key, change.new.text_id) == (new.key, new.text_id)
            ):
                return change
        there, sources = self._old_side(old)
        here, news = self._new_side(new)
        found = explain(there, here, sources[old.path], news[new.path])
        words = found.words if old.key == new.key else (*found.words, f"was {old.key}")
        return Change(ChangeKind.CHANGED, old, new, words, found.suggestion, found.why)

    def hunks(self, change: Change, *, context: int | None = None) -> tuple[Hunk, ...]:
        """Return the source lines that tell a change.

        Args:
            change: of this comparison.
            context: lines around a difference; None for a few.
        """
        around = CONTEXT if context is None else context
        old, news = change.old, self._new_sources
        if change.new is not None:
            new, news = self._new_side(change.new)
            change = replace(change, new=new)
        if (old is None or self._stands(old)) and news is self._new_sources:
            return hunks(change, self._old_sources, news, context=around)
        olds = self._old_sources
        if old is not None:
            there, olds = self._old_side(old)
            change = replace(change, old=there)
        # The lines of a stored text have no numbers in any file.
        before, after = olds is self._old_sources, news is self._new_sources
        return tuple(
            Hunk(tuple(replace(n, old=n.old * before, new=n.new * after) for n in hunk.lines))
            for hunk in hunks(change, olds, news, context=around)
        )

    def _old_side(self, old: Definition) -> tuple[Definition, Sources]:
        """Return a definition, and files that it stands in."""
        if self._stands(old):
            return old, self._old_sources
        return alone(old, self.history.body(old.text_id) or b"")

    def _new_side(self, new: Definition) -> tuple[Definition, Sources]:
        """The same for what is new: a process may have loaded what no file says (any more)."""
        if new.path not in self._standing:
            facts = self.after.tree.facts(new.path)
            found = facts.definitions if facts is not None else ()
            self._standing[new.path] = {each.key: each.text_id for each in found}
        if self._standing[new.path].get(new.key) != new.text_id:
            body = self.history.body(new.text_id)
            if body is not None:
                return alone(new, body)
        return new, self._new_sources

    def _stands(self, old: Definition) -> bool:
        """Whether a definition is of the old world, so that its file is at hand."""
        there = self.before.definition(old.key) if self.before is not None else None
        return there is not None and there.text_id == old.text_id


def _facts(worlds: Worlds | None, paths: Collection[str]) -> list[FileFacts]:
    if worlds is None:
        return []
    worlds.tree.warm(paths)
    return [facts for facts in map(worlds.tree.facts, paths) if facts is not None]


def _sources(worlds: Worlds | None, paths: Callable[[], list[str]]) -> Sources:
    """Return the files of one side; with one that differs, the next of them are read at once."""
    if worlds is None:
        return Sources(lambda path: None)
    tree = worlds.tree.tree
    ahead: dict[str, bytes] = {}

    def read(path: str) -> bytes | None:
        if path not in ahead:
            place = bisect(paths(), path)
            ahead.update(tree.read([path, *paths()[place : place + AHEAD]]))
        return ahead.pop(path, None)

    return Sources(read)
