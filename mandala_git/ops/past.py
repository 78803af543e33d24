"""Views of a storage through a world: a commit's, or that of the code that is loaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextvars import Token
from types import TracebackType
from typing import TYPE_CHECKING, Any

from mandala_git.errors import MandalaError, MissingCall
from mandala_git.ops.context import CONTEXT, Context
from mandala_git.ops.memo import Memo
from mandala_git.ops.op import Op
from mandala_git.ops.tables import Judge, Row, data_frame, find_ops, result_rows
from mandala_git.ops.versioning import CallVersion, Unversioned, Versioned
from mandala_git.results.calls import CallRow, Session
from mandala_git.versions.agreement import Belongs
from mandala_git.versions.belonging import Belonging
from mandala_git.versions.indexed import IndexedTree
from mandala_git.versions.process import Reading
from mandala_git.versions.seen import Guard
from mandala_git.versions.tracker import OpenCall, Tracker
from mandala_git.versions.worlds import Worlds

if TYPE_CHECKING:
    from pandas import DataFrame

    from mandala_git.ops.storage import Storage


class Past:
    """A storage as the world of a commit sees it.

    `with storage.at(rev):` answers calls of ops from that world and makes none; `table` lists
    the calls that belong to it.

    Args:
        storage: the storage.
        rev: anything that `git rev-parse` understands.
    """

    def __init__(self, storage: Storage, rev: str) -> None:
        versioning = storage.versioning
        repo = storage.repository
        if not isinstance(versioning, Versioned) or repo is None:
            raise MandalaError(
                "this storage is in memory and has no past",
                hint="Work inside a git repository: git init.",
            )
        from mandala_git.repo.snapshots import commit_tree

        self.rev = rev
        self.commit = repo.resolve(rev)
        self.results = storage.results
        versioning.history.refresh()
        tree = commit_tree(repo, self.commit)
        indexed = IndexedTree(tree, versioning.index, rules=versioning.rules)
        self.worlds = Worlds(indexed, versioning.history)
        self._memo = _PastMemo(storage.results, _PastVersioning(versioning, self.worlds), rev)
        self._tokens: list[Token[Context | None]] = []

    def __enter__(self) -> Past:
        """Begin a block in which calls are answered and none is made."""
        self._memo.enter()
        self._tokens.append(CONTEXT.set(Context(self._memo)))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the block."""
        CONTEXT.reset(self._tokens.pop())
        self._memo.leave()

    def table(self, op: Op[..., Any] | str) -> DataFrame:
        """Return the recorded calls of an op that belong to this world; see `Storage.table`."""
        rows = self._rows(find_ops(self.results, _name(self._memo, op)))
        return data_frame(self.results, [row for found in rows.values() for row in found])

    def graph(self) -> str:
        """Return the computation graph of this world as text; see `graph.graph_text`."""
        from mandala_git.ops.graph import graph_text

        calls = self._rows(dict(self.results.ops()))
        return graph_text(self.results, {key: rows for key, rows in calls.items() if rows})

    def _rows(self, ops: Mapping[int, str]) -> dict[str, list[Row]]:
        """Return the calls of some ops that belong to this world, by key of the op."""
        belonging = Belonging.to(self.worlds, self.results)

        def judge(row: CallRow, here: str) -> Belongs:
            return belonging.of(row.version, here)

        return {key: result_rows(self.results, {row: key}, key, judge) for row, key in ops.items()}

    def __repr__(self) -> str:
        return f"<storage at {self.rev} ({self.commit[:10]})>"


class Present:
    """A storage as the loaded code sees it.

    Args:
        storage: the storage.
    """

    def __init__(self, storage: Storage) -> None:
        self.results = storage.results
        self.versioning = storage.versioning
        self._memo = Memo(storage.results, storage.versioning)

    def table(self, op: Op[..., Any] | str) -> DataFrame:
        """Return the recorded calls of an op that belong to the loaded code."""
        self.versioning.enter()
        judge = self._judge()
        rows = []
        for number, key in find_ops(self.results, _name(self._memo, op)).items():
            rows += result_rows(self.results, {number: key}, key, judge)
        return data_frame(self.results, rows)

    def _judge(self) -> Judge:
        if isinstance(self.versioning, Unversioned):
            return lambda row, here: Belongs.YES
        assert isinstance(self.versioning, Versioned)
        world = self.versioning.world
        belonging = Belonging(world.snapshot, world.judge, self.results)
        return lambda row, here: belonging.of(row.version, here)


def _name(memo: Memo, op: Op[..., Any] | str) -> str:
    return memo.versioning.key(op) if isinstance(op, Op) else op


class _PastMemo(Memo):
    """Answers calls and refuses to make new ones: the loaded code is not that commit's."""

    def __init__(self, results: Any, versioning: _PastVersioning, rev: str) -> None:
        super().__init__(results, versioning)
        self._rev = rev

    def _before(self, op: Op[..., Any]) -> None:
        raise MissingCall(
            f"Call to {op.name} does not exist and new calls are not allowed.",
            hint=f"To make it with the code of {self._rev}: git checkout {self._rev}, and run.",
        )


class _PastVersioning:
    """Judges by the world of a commit."""

    tracker: Tracker | None = None

    def __init__(self, versioning: Versioned, worlds: Worlds) -> None:
        self._versioning = versioning
        self._worlds = worlds
        self._admitted: dict[tuple[str, int], CallVersion | None] = {}
        self._generation = -1

    def enter(self) -> bool:
        """Read verdicts that came in."""
        history = self._versioning.history
        history.refresh()
        if history.generation == self._generation:
            return False
        self._generation = history.generation
        self._admitted.clear()
        return True

    def leave(self) -> None:
        """End the block."""

    def key(self, op: Op[..., Any]) -> str:
        """Return the key of an op."""
        return self._versioning.key(op)

    def ops(self, op: Op[..., Any]) -> list[int]:
        """Return the row of the op."""
        return [self._versioning.results.op_id(self.key(op))]

    def added(self, op: Op[..., Any]) -> Iterable[frozenset[str]]:
        """Return nothing: a call is looked up with the arguments that the commit knows."""
        return ()

    def admit(self, op: Op[..., Any], row: int) -> CallVersion | None:
        """Return the version of a recorded call if it belongs to the commit."""
        key = self.key(op)
        if (key, row) not in self._admitted:
            version = self._versioning.results.version(row)
            outcome = None
            if version is not None:
                outcome = self._worlds.judge(version.vid.hex(), key.partition(".<locals>")[0])
            belongs = outcome is not None and outcome.belongs is Belongs.YES
            self._admitted[key, row] = (
                CallVersion(row, version.vid, Guard(())) if belongs and version else None
            )
        return self._admitted[key, row]

    def renew(self) -> None:
        """A commit does not change."""

    def before(self, op: Op[..., Any]) -> Mapping[str, Reading | None]:
        """Read nothing: nothing runs."""
        return {}

    def record(
        self,
        op: Op[..., Any],
        call: OpenCall | None,
        arguments: Iterable[tuple[str, str]],
        before: Mapping[str, Reading | None],
    ) -> CallVersion:
        """Nothing runs in the past."""
        raise AssertionError("a call ran in the past")

    def session(self) -> Session:
        """Return where a lookup was made (alias calls are recorded)."""
        return self._versioning.session()
