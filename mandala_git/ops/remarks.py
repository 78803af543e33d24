"""Remarks: what is said once about the globals that calls rest on."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

from mandala_git.errors import MandalaWarning
from mandala_git.ops.trouble import outside
from mandala_git.source.definitions import Kind
from mandala_git.versions.process import ProcessWorld
from mandala_git.versions.recorded import NodeEnd, Recorded, RecordedNode


class Remarks:
    """What has been said in this process."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def about(self, recorded: Recorded, world: ProcessWorld, op: str) -> None:
        """Speak of globals that cannot be compared, and of names that mean none.

        Args:
            recorded: a new version.
            world: the process.
            op: key of the definition that holds the op.
        """
        for name in world.untracked.unknown(op):
            self._say(f"untracked={name!r} of {op} means no global that it reads")
        for node in _named(recorded):
            definition = world.snapshot.definition(node.key)
            if node.value is None or node.value.cid is not None or definition is None:
                continue
            if definition.kind is Kind.GLOBAL:
                kind = type(world.loaded.find(definition)).__name__
                self._say(
                    f"{node.key} ({kind}) has no content that can be compared: calls rest on the "
                    "code that makes it, not on what it holds; where it does not matter, say "
                    f"@op(untracked=[{definition.name!r}])"
                )

    def unobserved(self, obstacle: str) -> None:
        """Say that what calls run cannot be told from what they could run."""
        self._say(
            f"{obstacle}, so what a call runs cannot be observed: it counts with all code that it "
            "could run, and runs again when any of that changes"
        )

    def _say(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            warnings.warn(text, MandalaWarning, stacklevel=outside())


def _named(recorded: Recorded) -> Iterator[RecordedNode]:
    """Yield the definitions to which names lead from the op; others are there to be sure."""
    seen, todo = {0}, [0]
    while todo:
        node = recorded.nodes[todo.pop()]
        yield node
        for slot, ends in node.slots.items():
            if slot.startswith((".", "<")):
                continue  # any method of that name; the statements of a module
            found = {end.node for end in ends or () if isinstance(end, NodeEnd)} - seen
            seen |= found
            todo += sorted(found)
