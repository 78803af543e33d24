"""Worlds: a snapshot read through all verdicts, and which recorded versions belong to it."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from mandala_git.repo.data_files import DataFiles
from mandala_git.source.definitions import Definition
from mandala_git.source.snapshot import Snapshot
from mandala_git.versions.agreement import Agreement, Outcome
from mandala_git.versions.classes import Classes
from mandala_git.versions.history import History
from mandala_git.versions.indexed import IndexedTree
from mandala_git.versions.meanings import Meaning, Meanings, Node
from mandala_git.versions.recorded import Recorded
from mandala_git.versions.verdicts import Edge
from mandala_git.versions.ways import UNDETERMINED, Undetermined


class SnapshotWorld:
    """A snapshot read through the verdicts of a history.

    Args:
        snapshot: the code; its `script` is the file whose left-over statements do not count.
        history: texts, recorded versions and verdicts.
        data: the files that ops may depend on; None where nobody knows them.

    Attributes:
        declaring: patterns of files by key of the op that declares them, where ops are loaded.
    """

    process: str = ""

    def __init__(self, snapshot: Snapshot, history: History, data: DataFiles | None = None) -> None:
        self.snapshot = snapshot
        self.data = data
        self.declaring: Mapping[str, AbstractSet[str]] = {}
        self.history = history
        self._meanings = Meanings(snapshot, history.nodes)
        self._added: set[Meaning] = set()
        self._generation = history.generation

    @property
    def left_out(self) -> frozenset[str]:
        """Names of globals that the project does not count."""
        return self.history.untracked

    @property
    def packages(self) -> Mapping[str, str]:
        """Versions of the installed distributions that count; empty where no code runs."""
        return self.history.packages

    @property
    def classes(self) -> Classes:
        """The classes of all meanings, with those of this world among them."""
        return self.history.classes

    def meaning(self, key: str) -> Meaning | None:
        """Return the meaning of a key, None when there is no such definition."""
        meaning = self._meanings.of_key(key)
        if meaning is not None:
            if self._generation != self.history.generation:
                self._generation = self.history.generation
                self._added.clear()
            if meaning not in self._added:
                self._added.add(meaning)
                # Without an equation every class is one meaning: nothing can become congruent.
                if self.history.classes.equations:
                    self.history.classes.add(meaning)
        return meaning

    def keys_of(self, meaning: Meaning) -> list[str]:
        """Return the keys of this world with a meaning."""
        return self._meanings.keys_of(meaning)

    def value(self, node: Node) -> str | Undetermined | None:
        """Return the content id of a literal; other values are not determined by source."""
        return UNDETERMINED if node.literal is None else self.history.literal(node.literal)

    def same(self, node: Node) -> object | None:
        """Return the key of a literal: every literal makes an object of its own."""
        return node.key or None if node.literal is not None else None

    def recorded(self, version: str) -> Recorded | None:
        """Return a recorded version by id."""
        return self.history.recorded(version)

    def text(self, text_id: str) -> Definition | None:
        """Return the definition of a text."""
        return self.history.text(text_id)

    def literal(self, source: str) -> str:
        """Return the content id (hex) of a literal."""
        return self.history.literal(source)

    def judge(
        self, version: str, op: str | None = None, *, assume: frozenset[Edge] = frozenset()
    ) -> Outcome | None:
        """Decide whether a recorded version belongs here; None when it is not to be found.

        Args:
            version: id of the version, hex.
            op: key of the op here, where it moved.
            assume: edges to be read as compatible.
        """
        return Agreement(self, assume).judge(version, op)


class Worlds:
    """One snapshot as every script sees it: a version is judged under the script that ran it.

    Args:
        tree: the files.
        history: texts, recorded versions and verdicts.
    """

    def __init__(self, tree: IndexedTree, history: History) -> None:
        self.tree = tree
        self.history = history
        self._worlds: dict[str, SnapshotWorld] = {}

    def seen_by(self, script: str) -> SnapshotWorld:
        """Return the world in which a file is the script ("" for none)."""
        if script not in self._worlds:
            known = script if script in self.tree.tree.entries else None
            self._worlds[script] = SnapshotWorld(
                self.tree.snapshot(known), self.history, self.tree.tree.data
            )
        return self._worlds[script]

    def definition(self, key: str) -> Definition | None:
        """Return the definition of a key."""
        return self.seen_by("").snapshot.definition(key)

    def judge(
        self, version: str, op: str | None = None, *, assume: frozenset[Edge] = frozenset()
    ) -> Outcome | None:
        """Decide whether a recorded version belongs here; see `SnapshotWorld.judge`."""
        recorded = self.history.recorded(version)
        if recorded is None:
            return None
        return self.seen_by(recorded.script).judge(version, op, assume=assume)
