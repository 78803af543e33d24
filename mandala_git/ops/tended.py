"""What looks after a storage: calls are deleted and renamed, values collected and verified."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mandala_git.errors import UsageError
from mandala_git.ops.op import Op

if TYPE_CHECKING:
    from pandas import DataFrame

    from mandala_git.ops.deleting import DeleteBlock, Deletion
    from mandala_git.ops.memo import Memo
    from mandala_git.ops.storage import Storage
    from mandala_git.ops.versioning import Versioning
    from mandala_git.results.collecting import Garbage
    from mandala_git.results.store import Results
    from mandala_git.results.verifying import Damage
    from mandala_git.results.watching import Watch


class Tended:
    """The verbs of a storage that nobody needs to compute or find anything."""

    results: Results
    versioning: Versioning
    _memo: Memo

    # -- deleting ------------------------------------------------------------------------

    def delete(self: Storage, *calls: object, dry_run: bool = False) -> DeleteBlock:  # type: ignore[misc]
        """Return a block whose calls are deleted when it ends: `with storage.delete():`.

        Inside, each call of an op is looked up and answered as ever; none runs. At the end they
        are deleted, with all that was computed from their results, in one step. If an exception
        leaves the block, nothing is. `with ... as deletion` tells what was deleted.

        Args:
            calls: none; what somebody has at hand is deleted by `drop_calls`.
            dry_run: delete nothing, only find out what would be.

        Raises:
            UsageError: something is given.
            MissingCall: (from a call in the block) it is not recorded. Whoever catches that in
                the block goes on without this call.
            ResultsError: (at the end) the database cannot be written; nothing was deleted.
        """
        from mandala_git.ops.deleting import DeleteBlock

        if calls:
            raise UsageError(
                "storage.delete() is a block, and deletes the calls that are made in it",
                hint="with storage.delete(): f(x)   or, of what is at hand: storage.drop_calls(ref)",
            )
        return DeleteBlock(self, self._memo, dry_run=dry_run)

    def drop_calls(self, calls: Any, delete_dependents: bool = False) -> int:
        """Delete recorded calls: they run again when they are needed.

        Values stay until `gc`. What other calls were given stays known to them.

        Args:
            calls: a Ref that an op returned (the calls that made it), the history id of a call or
                an output (hex), an op (all calls recorded under its key), or several of these.
            delete_dependents: delete as well what was computed from them, and so on.

        Returns:
            How many calls were deleted. A call that was found under other histories of its inputs
            counts once for each, and goes with all of them.

        Raises:
            UsageError: something in `calls` means no recorded call; nothing was deleted.
            ResultsError: the database cannot be written; nothing was deleted.
        """
        from mandala_git.ops.upkeep import calls_meant
        from mandala_git.results.deleting import delete

        rows = calls_meant(self.versioning, calls)
        deleted = delete(self.results, rows, dependents=delete_dependents, watch=watched())
        self._memo.forget()
        return deleted.total

    def versions(self, op: Op[..., Any] | str | None = None) -> DataFrame:
        """Return what is recorded, version by version of each op.

        Args:
            op: the op, or its name or key; None: all.

        Returns:
            A row a version that has calls: `op`, `version` (the first digits of its id), `calls`,
            `seconds` of computing, `size` in bytes of their values, `last` (when the last session
            with some began), `commit` (of then), `belongs` to the code as it is; of one op also
            `code`: the op and every definition that it ran, with their keys.

        Raises:
            UsageError: there is no such op.
        """
        import pandas

        from mandala_git.ops.tables import find_ops
        from mandala_git.ops.upkeep import SHORT, Stock, stock

        self.versioning.enter()
        name = self.versioning.key(op) if isinstance(op, Op) else op
        ops = dict(self.results.ops()) if name is None else find_ops(self.results, name)
        found = stock(self.results, self.versioning.belonging(), ops, watched())
        frame = pandas.DataFrame(
            [each._replace(version=each.version[:SHORT]) for each in found],
            columns=list(Stock._fields),
        )
        if op is not None:
            from mandala_git.ops.sources import code_of
            from mandala_git.versions.listing import code

            frame["code"] = [code(code_of(self.versioning, each.version)) for each in found]
        frame["last"] = pandas.to_datetime(frame["last"], unit="s", utc=True)
        return frame

    def drop_version(self, version: str, dry_run: bool = False) -> Deletion:
        """Delete all calls that a version of an op ran, and what was computed from them.

        What ran is remembered; that is only a few KB.

        Args:
            version: the first digits of its id, as `versions` shows it.
            dry_run: delete nothing, only find out what would be.

        Returns:
            What was deleted; it prints as that.

        Raises:
            UsageError: no version with calls has such an id, or several have.
            ResultsError: the database cannot be written; nothing was deleted.
        """
        from mandala_git.ops.deleting import Deletion
        from mandala_git.ops.upkeep import version_meant
        from mandala_git.results.deleting import of_versions

        deletion = Deletion(dry_run)
        rows = of_versions(self.results, [version_meant(self.results, version).id])
        deletion.delete(self.results, rows, watched())
        self._memo.forget()
        return deletion

    # -- names ---------------------------------------------------------------------------

    def rename_func(self, func: Op[..., Any] | str, new_name: Op[..., Any] | str) -> int:
        """Let all recorded calls of an op be those of another name.

        An op that was only renamed or moved needs nothing: its calls are found by what it means.
        This is for what that cannot see: the old name still exists, or two names were exchanged.
        Nothing becomes true by it: calls are found under the new name if their code belongs to
        it. If it was edited as well, say that the edit is compatible:
        `git mandala classify NEW --was OLD --compatible`.

        Args:
            func: the op, or its name or key.
            new_name: the new name, a key, or the op that has it now.

        Returns:
            How many calls have the new name now.

        Raises:
            UsageError: no calls of the op are recorded, or some are under the new name, or the
                code has an op of the old name still that they belong to; nothing was renamed.
            ResultsError: the database cannot be written; nothing was renamed.
        """
        from mandala_git.ops.upkeep import op_meant, other_key
        from mandala_git.results.names import rename_op

        self.versioning.enter()
        row, key = op_meant(self.versioning, func)
        new = (
            self.versioning.key(new_name) if isinstance(new_name, Op) else other_key(key, new_name)
        )
        if new != key and self.versioning.finds(row, key):
            raise UsageError(
                f"{key} is still there and finds its recorded calls: renamed, they would be lost "
                "to it",
                hint="Rename it in the code first; its calls are then found without this.",
            )
        renamed = rename_op(self.results, row, new)
        self.versioning.renamed(key, self.results.op_id(new), new)
        self._memo.forget()
        return renamed

    def rename_arg(self, op: Op[..., Any] | str, name: str, new_name: str) -> int:
        """Let an argument of an op's recorded calls have another name.

        For a parameter that was renamed in the code: say of that edit that it is compatible, then
        this, and the calls are found again. A renamed or moved op needs neither.

        Args:
            op: the op, or its name or key.
            name: of the argument, as it was recorded.
            new_name: as it is now.

        Returns:
            How many calls have the new name now.

        Raises:
            UsageError: some call has an argument of the new name already, or it is no name; nothing
                was renamed.
            ResultsError: the database cannot be written; nothing was renamed.
        """
        from mandala_git.ops.upkeep import argument_name, ops_meant
        from mandala_git.results.names import rename_argument

        self.versioning.enter()
        rows = ops_meant(self.versioning, op)
        beside = self._memo.beside(op) if isinstance(op, Op) else ()
        renamed = rename_argument(self.results, rows, name, argument_name(new_name), beside)
        self._memo.forget()
        return renamed

    # -- values --------------------------------------------------------------------------

    def gc(self, dry_run: bool = False) -> Garbage:
        """Remove stored values that no recorded call was given or returned.

        Args:
            dry_run: only say what would be removed.

        Returns:
            How many `values` that is, their `size` in bytes, and `kept`: bytes by op of those
            that stay.

        Raises:
            ResultsError: the database cannot be written; nothing was removed.
        """
        from mandala_git.results.collecting import Collection

        collection = Collection(self.results, watched())
        return collection.would() if dry_run else collection.collect()

    def vacuum(self) -> tuple[int, int]:
        """Give room in the database that is no longer used back to the disk.

        Returns:
            Bytes of the database before and after.

        Raises:
            ResultsError: another process is using it, or there is no room for a copy of it.
        """
        from mandala_git.results.collecting import vacuum

        return vacuum(self.results)

    def verify(self: Storage) -> Damage:  # type: ignore[misc]
        """Verify every recorded call and every stored value.

        Each is compared with its checksum; each value is then loaded, one at a time, and must
        have the content id that it is recorded by.

        Nothing has to be done about what is found: a damaged call is not found and recorded anew,
        a damaged value made again when it is needed.

        Returns:
            `calls`: rows of damaged calls, with their ops; `values`: what is wrong with one, by
            content id; `unproved`: why a value that is whole could not be shown to be what its id
            says (its class cannot be imported here, or has changed); `where`: op and output of
            both; `checked`: how many calls and values were looked at.
        """
        from mandala_git.results.verifying import verify

        with self:  # so that the classes in values have the names of this repository
            return verify(self.results, watch=watched())


def watched() -> Watch:
    """Return who draws a bar for long work where somebody sits at a terminal.

    The one door from here to a room above.
    """
    watch: Watch = import_module("mandala_git.views.progress").working
    return watch
