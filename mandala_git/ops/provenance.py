"""What a storage tells of its Refs: the calls that made them, and those that were given them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mandala_git.ops.calls import Call, Wanted
    from mandala_git.ops.refs import Ref
    from mandala_git.results.store import Results


class Provenance:
    """Questions about single Refs and calls; a history id is given as bytes, or in hex.

    They may be asked in a block, too, and see the calls that were made in it.

    Attributes:
        results: where calls are recorded.
    """

    results: Results

    def load_ref(self, hid: Wanted, in_memory: bool = True) -> Ref:
        """Return the Ref of a history id.

        Args:
            hid: `ref.hid`, or that in hex.
            in_memory: whether its value is loaded now; otherwise when somebody looks at it.

        Raises:
            UsageError: no recorded call made it or was given it.
        """
        from mandala_git.ops.calls import ref_by_id

        return ref_by_id(self.results, hid, in_memory=in_memory)

    def get_call(self, hid: Wanted) -> Call:
        """Return a recorded call by its history id.

        Raises:
            UsageError: there is none.
        """
        return self.mget_call([hid])[0]

    def mget_call(self, hids: Iterable[Wanted]) -> list[Call]:
        """Return recorded calls by their history ids, in that order.

        Raises:
            UsageError: there is none with one of them.
        """
        from mandala_git.ops.calls import calls_by_id

        return calls_by_id(self.results, hids)

    def get_ref_creator(self, ref: Wanted) -> Call | None:
        """Return the call that made a Ref; None for a value that no recorded call made."""
        made = self.get_creators([ref])
        return made[0] if made else None

    def get_creators(self, refs: Iterable[Wanted]) -> list[Call]:
        """Return the calls that made some Refs, each once, oldest first."""
        from mandala_git.ops.calls import creators

        return creators(self.results, refs)

    def get_consumers(self, refs: Iterable[Wanted]) -> list[Call]:
        """Return the calls that were given some Refs, each once, oldest first."""
        from mandala_git.ops.calls import consumers

        return consumers(self.results, refs)
