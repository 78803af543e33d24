"""What a storage tells of its Refs, calls and versions: what made them, and what code they ran."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from mandala_git.ops.calls import Call, Wanted
    from mandala_git.ops.op import Op
    from mandala_git.ops.program import Program
    from mandala_git.ops.refs import Ref
    from mandala_git.ops.sources import Sources
    from mandala_git.ops.versioning import Versioning
    from mandala_git.results.store import Results

FRAMES = "mandala_git.frames.frame"
"""Where frames are made, which is above: reached by who asks for one."""


class Provenance:
    """Questions about single Refs and calls; a history id is given as bytes, or in hex.

    They may be asked in a block, too, and see the calls that were made in it.

    Attributes:
        results: where calls are recorded.
        versioning: knows what they ran.
    """

    results: Results
    versioning: Versioning

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

    def provenance(self, ref: Wanted) -> Program:
        """Return how a value came about: the straight-line program of calls that made it.

        Args:
            ref: a Ref that an op returned, or its history id.

        Returns:
            An object that prints as the program, with when and where each call ran; `code` is the
            program alone, `calls` are its calls.

        Raises:
            UsageError: no recorded call made it.
        """
        from mandala_git.ops.program import Program

        return Program(self.results, self.load_ref(ref, in_memory=False))

    def cf(self, source: Any = None, versions: Literal["all"] | None = None) -> Any:
        """Return a ComputationFrame: recorded calls as a graph, and as tables of it.

        It may be asked for in a block, too, and sees the calls that were made in it.

        Args:
            source: an op (its calls), a Ref or several (the variable `v`), {name: Ref or Refs}
                (those variables), history ids, or another frame; None: all calls.
            versions: "all": calls that do not belong to the code as it is count, too.

        Raises:
            UsageError: no frame can be made of that.
        """
        return import_module(FRAMES).ComputationFrame.of(
            self, self.versioning, source, versions=versions
        )

    def prov(self, ref: Wanted) -> None:
        """Print the program that made a value."""
        import sys

        sys.stdout.write(self.provenance(ref).code)

    def code(self, version: str) -> str:
        """Return the code that a version ran: each definition that counts, with its key.

        Args:
            version: its id, or how that begins: `call.version`.

        Raises:
            UsageError: there is none, or there are several.
        """
        from mandala_git.ops.sources import code_of
        from mandala_git.versions.listing import code

        return code(code_of(self.versioning, version))

    def diff(self, old: str, new: str, context_lines: int = 2) -> str:
        """Return the unified diff of the code of two versions, definition by definition.

        Args:
            old, new: their ids, or how these begin.
            context_lines: lines around each difference.

        Raises:
            UsageError: there is none, or there are several.
        """
        from mandala_git.ops.sources import code_of
        from mandala_git.versions.listing import diff

        one, other = (code_of(self.versioning, each) for each in (old, new))
        return diff(one, other, context_lines)

    def sources(self, op: Op[..., Any]) -> Sources:
        """Return the texts that an op itself had in recorded calls, and the one it has now.

        Args:
            op: the op.

        Returns:
            A tuple, oldest first, that prints as a tree by what came from what.
        """
        from mandala_git.ops.op import is_given
        from mandala_git.ops.sources import sources

        is_given(op)
        self.versioning.enter()
        with self.versioning:
            return sources(self.versioning, op)
