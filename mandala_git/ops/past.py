"""The past: a storage as the world of a commit sees it."""

from __future__ import annotations

from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Any

from mandala_git.errors import MandalaError, MissingCall
from mandala_git.ops.context import begin, end
from mandala_git.ops.memo import Memo
from mandala_git.ops.op import Op
from mandala_git.ops.provenance import FRAMES
from mandala_git.ops.tables import op_table, result_rows
from mandala_git.ops.trouble import missing_call
from mandala_git.ops.versioned import Versioned
from mandala_git.ops.versioning import Before, CallVersion, Versioning
from mandala_git.results.calls import Session
from mandala_git.versions.agreement import Belongs
from mandala_git.versions.belonging import Belonging
from mandala_git.versions.indexed import IndexedTree
from mandala_git.versions.seen import Guard
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
        self._versioning = _PastVersioning(versioning, self.worlds, rev)
        self._memo = Memo(storage.results, self._versioning, transparent=storage.transparent)

    def __enter__(self) -> Past:
        """Begin a block in which calls are answered and none is made."""
        self._memo.enter()
        begin(self._memo)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the block."""
        end()
        self._memo.leave()

    def table(self, op: Op[..., Any] | str) -> DataFrame:
        """Return the recorded calls of an op that belong to this world; see `Storage.table`."""
        return op_table(self._versioning, op)

    def cf(self, source: Any = None) -> Any:
        """Return a ComputationFrame of the calls that belong to this world; see `Storage.cf`."""
        return import_module(FRAMES).ComputationFrame.of(self, self._versioning, source)

    def graph(self) -> str:
        """Return the computation graph of this world as text; see `graph.graph_text`."""
        from mandala_git.ops.graph import graph_text

        judge = self._versioning.judge()
        calls = {
            key: result_rows(self.results, {row: key}, key, judge)
            for row, key in self.results.ops()
        }
        return graph_text(self.results, {key: rows for key, rows in calls.items() if rows})

    def __repr__(self) -> str:
        return f"<storage at {self.rev} ({self.commit[:10]})>"


class _PastVersioning(Versioning):
    """Judges by the world of a commit.

    Args:
        present: the versioning of the storage.
        worlds: the commit's code, under each script.
        rev: what the user calls the commit.
    """

    def __init__(self, present: Versioned, worlds: Worlds, rev: str) -> None:
        super().__init__(present.results)
        self._lock = present._lock
        self._present = present
        self._worlds = worlds
        self._rev = rev
        self._admitted: dict[tuple[str, int], CallVersion | None] = {}
        self._generation = -1

    def name(self, obj: Any) -> str | None:
        """Return the project key of a function or class."""
        return self._present.name(obj)

    def enter(self) -> int:
        """Read verdicts that came in."""
        history = self._present.history
        history.refresh()
        if history.generation != self._generation:
            self._generation = history.generation
            self._admitted.clear()
        return self._generation

    def begin_anew(self) -> None:
        """Forget verdicts, and what was judged by them."""
        self._present.begin_anew()
        self._admitted.clear()

    def key(self, op: Op[..., Any]) -> str:
        """Return the key of an op."""
        return self._present.key(op)

    def admit(self, op: Op[..., Any], row: int) -> CallVersion | None:
        """Return the version of a recorded call if it belongs to the commit."""
        key = self.key(op)
        if (key, row) not in self._admitted:
            version = self.results.version(row)
            outcome = None
            if version is not None:
                outcome = self._worlds.judge(version.vid.hex(), key.partition(".<locals>")[0])
            belongs = outcome is not None and outcome.belongs is Belongs.YES
            self._admitted[key, row] = (
                CallVersion(row, version.vid, Guard(())) if belongs and version else None
            )
        return self._admitted[key, row]

    def shares(self) -> Belonging:
        """Return who tells which versions belong to the commit."""
        return Belonging.to(self._worlds, self.results)

    def before(self, op: Op[..., Any], arguments: object) -> Before:
        """Refuse to make a call: the loaded code is not that commit's."""
        raise self._missing(op)

    def record(self, op: Op[..., Any], *ran: object) -> CallVersion:
        """Refuse to make a call."""
        raise self._missing(op)

    def _missing(self, op: Op[..., Any]) -> MissingCall:
        return missing_call(
            op, f"To make it with the code of {self._rev}: git checkout {self._rev}, and run."
        )

    def session(self) -> Session:
        """Return where a lookup was made (alias calls are recorded)."""
        return self._present.session()
