"""What looks after a storage: calls are deleted and renamed, values collected and verified."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mandala_git.ops.op import Op

if TYPE_CHECKING:
    from mandala_git.ops.deleting import DeleteBlock
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

    def delete(self: Storage, dry_run: bool = False) -> DeleteBlock:  # type: ignore[misc]
        """Return a block whose calls are deleted when it ends: `with storage.delete():`.

        Inside, each call of an op is looked up and answered as ever; none runs. At the end they
        are deleted, with all that was computed from their results, in one step. If an exception
        leaves the block, nothing is. `with ... as deletion` tells what was deleted.

        Args:
            dry_run: delete nothing, only find out what would be.

        Raises:
            MissingCall: (from a call in the block) it is not recorded. Whoever catches that in
                the block goes on without this call.
            ResultsError: (at the end) the database cannot be written; nothing was deleted.
        """
        from mandala_git.ops.deleting import DeleteBlock

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

    # -- names ---------------------------------------------------------------------------

    def rename_arg(self, op: Op[..., Any], name: str, new_name: str) -> int:
        """Let an argument of an op's recorded calls have another name.

        For a parameter that was renamed in the code: say of that edit that it is compatible, then
        this, and the calls are found again. A renamed or moved op needs neither.

        Args:
            op: the op.
            name: of the argument, as it was recorded.
            new_name: as it is now.

        Returns:
            How many calls have the new name now.

        Raises:
            UsageError: some call has an argument of the new name already; nothing was renamed.
            ResultsError: the database cannot be written; nothing was renamed.
        """
        from mandala_git.results.names import rename_argument

        self.versioning.enter()
        with self.versioning:
            rows = self.versioning.ops(op)
        renamed = rename_argument(self.results, rows, name, new_name)
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
