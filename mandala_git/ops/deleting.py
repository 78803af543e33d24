"""`with storage.delete():` the calls that are made in a block are deleted when it ends."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from mandala_git.errors import CallError, MissingCall
from mandala_git.ops.context import CONTEXT, PLAIN, Block, Context
from mandala_git.ops.entries import refs_of, returned
from mandala_git.ops.keeping import ordered
from mandala_git.ops.memo import Memo
from mandala_git.ops.tended import watched
from mandala_git.results.deleting import delete
from mandala_git.results.store import Results
from mandala_git.results.watching import Watch

if TYPE_CHECKING:
    from mandala_git.ops.op import Op
    from mandala_git.ops.storage import Storage


class Deletion:
    """What is deleted; printed, it says so.

    Attributes:
        dry_run: whether it is only found out.
        done: whether the block has ended, and so the rest of this is known.
        calls: {key of an op: how many of its calls that ran}, those computed from them too.
        aliases: how many times these were found under other histories of their inputs.
        seconds: how long the calls ran.
    """

    def __init__(self, dry_run: bool) -> None:
        self.dry_run = dry_run
        self.done = False
        self.calls: dict[str, int] = {}
        self.aliases = 0
        self.seconds = 0.0

    @property
    def total(self) -> int:
        """How many calls that ran."""
        return sum(self.calls.values())

    def delete(self, results: Results, rows: Iterable[int], watch: Watch) -> None:
        """Delete calls and what was computed from them.

        Args:
            results: where they are recorded.
            rows: of the calls.
            watch: is told of each.

        Raises:
            ResultsError: the database cannot be written; nothing was deleted.
        """
        found = delete(results, rows, dependents=True, dry_run=self.dry_run, watch=watch)
        keys = dict(results.ops())
        self.calls = {keys[op]: count for op, count in sorted(found.calls.items())}
        self.aliases, self.seconds, self.done = found.aliases, found.seconds, True

    def __repr__(self) -> str:
        if not self.done:
            return "Deletion(nothing yet: the block has not ended, or ended with an exception)"
        verb = "would delete" if self.dry_run else "deleted"
        counts = [f"{key.rpartition('::')[2]} {count}" for key, count in self.calls.items()]
        ops = f": {', '.join(counts)}" if counts else ""
        calls = "1 call" if self.total == 1 else f"{self.total} calls"
        return f"{verb} {calls}, {self.seconds:.3g} s of computing{ops}"


class DeleteBlock:
    """A block that deletes the calls made in it; it may be entered again.

    Args:
        storage: whose calls.
        memo: finds them.
        dry_run: delete nothing.
    """

    def __init__(self, storage: Storage, memo: Memo, *, dry_run: bool) -> None:
        self._storage = storage
        self._memo = memo
        self._dry_run = dry_run

    def __repr__(self) -> str:
        return "<a block; it deletes the calls that are made in it: with storage.delete(): f(x)>"

    def __enter__(self) -> Deletion:
        """Begin the block."""
        naming = Naming(self._memo, Deletion(self._dry_run))
        self._storage.begin(PLAIN, naming)
        return naming.deletion

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the block: delete, unless an exception leaves it."""
        context = CONTEXT.get()
        naming = None if context is None else context.block
        self._storage.__exit__(kind, error, trace)
        if isinstance(naming, Naming):
            naming.end(delete=kind is None)


class Naming(Block):
    """Answers calls with what is recorded, and notes which they were.

    Args:
        memo: finds them.
        deletion: gets to know what was deleted.
    """

    def __init__(self, memo: Memo, deletion: Deletion) -> None:
        self.memo = memo
        self.deletion = deletion
        self._rows: set[int] = set()
        self._lock = threading.Lock()
        self._ended = False

    def name(self, obj: Any) -> str | None:
        """Return the project key of a function or class, None for other people's."""
        return self.memo.name(obj)

    def call(self, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any], context: Context) -> Any:
        """Find the recorded calls that would answer a call.

        Raises:
            MissingCall: there is none.
            CallError: the block has ended.
        """
        answers = self.memo.answers(op, args, kwargs)
        if not answers:
            raise _missing(op)
        with self._lock:
            if self._ended:
                raise CallError(
                    f"{op.name} is called in a `with storage.delete():` that has ended",
                    hint="Await every task that calls ops before the block ends.",
                )
            self._rows.update(each.id for each in answers)
        edges = ordered(op, answers[0].outputs)
        outputs = tuple([(edge.hid, edge.cid) for edge in edges])
        return returned(refs_of(outputs, self.memo.kinds(op, outputs), self.memo.results))

    async def call_async(
        self, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any], context: Context
    ) -> Any:
        """Find the recorded calls that would answer a call; see `call`."""
        return self.call(op, args, kwargs, context)

    def end(self, *, delete: bool) -> None:
        """Take no more calls, and delete those that were made.

        Raises:
            ResultsError: the database cannot be written; nothing was deleted.
        """
        with self._lock:
            self._ended = True
        if not delete:
            return
        self.deletion.delete(self.memo.results, self._rows, watched())
        self.memo.forget()


def _missing(op: Op[..., Any]) -> MissingCall:
    return MissingCall(
        f"Call to {op.own.__name__} is not recorded, so there is nothing to delete.",
        hint="Nothing was deleted. storage.explain(op, ...) says in what the recorded calls "
        "differ; to go on without this one, catch mandala_git.errors.MissingCall in the block.",
    )
