"""What the code of an op was over time: the texts that its recorded calls had, and what was said of them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from mandala_git.errors import MandalaError, UsageError
from mandala_git.ops.op import Op
from mandala_git.ops.versioned import Versioned
from mandala_git.records import NamedTuple
from mandala_git.source.texts import source_of
from mandala_git.versions.listing import MISSING, Listed, listed

if TYPE_CHECKING:
    from rich.tree import Tree

    from mandala_git.ops.versioning import Versioning
    from mandala_git.versions.history import History

HERE = "===HEAD==="
"""What stands at the text that is loaded now, as the peer writes it."""


class Source(NamedTuple):
    """One text of an op.

    Attributes:
        id: of the text, hex.
        code: its source.
        calls: how many calls ran it, under any versions of what it calls.
        since: when it was first recorded, seconds since 1970; None where no call ran it.
        before: id of the text that it came from; "" for the first.
        said: what was said of the edit from that one: "breaking", "compatible", or "" for nothing.
        here: whether it is what is loaded now.
    """

    id: str
    code: str
    calls: int
    since: float | None
    before: str
    said: str
    here: bool


class Sources(tuple[Source, ...]):
    """The texts of an op, oldest first; printed, a tree by what came from what."""

    key: str

    def __repr__(self) -> str:
        from io import StringIO

        from rich.console import Console

        out = StringIO()
        Console(file=out, width=100, color_system=None).print(self._tree())
        return out.getvalue().rstrip("\n")

    def _tree(self) -> Tree:
        from rich.text import Text
        from rich.tree import Tree

        root = Tree(Text(self.key))
        nodes: dict[str, Tree] = {}
        for each in self:
            when = time.strftime("%Y-%m-%d %H:%M", time.localtime(each.since)) if each.since else ""
            parts = [each.id[:8], when, f"{each.calls} calls", each.said, HERE * each.here]
            text = Text("  ".join(part for part in parts if part) + "\n" + each.code)
            nodes[each.id] = nodes.get(each.before, root).add(text)
        return root


def sources(versioning: Versioning, op: Op[..., object]) -> Sources:
    """Return the texts that an op had in recorded calls, and the one it has now.

    Each comes from the one that a verdict joins it to, else from the one recorded before it.

    Args:
        versioning: of the storage.
        op: the op.
    """
    if not isinstance(versioning, Versioned):
        raise MandalaError(
            "a commit has one text of each op",
            hint="Ask the storage itself: storage.sources(op).",
        )
    history, results = versioning.history, versioning.results
    stats = results.stats()
    calls: dict[str, int] = {}
    since: dict[str, float] = {}
    for row in versioning.ops(op):
        for version in results.versions_of(row):
            recorded = history.recorded(version.vid.hex())
            if recorded is not None:
                text = recorded.nodes[0].text_id
                calls[text] = calls.get(text, 0) + stats.get(version.id, (0, 0.0))[0]
                since[text] = min(since.get(text, version.created), version.created)
    key = versioning.key(op)
    now = versioning.world.snapshot.definition(key.partition(".<locals>")[0])
    here = "" if now is None else now.text_id
    order = sorted(since, key=since.__getitem__)
    if here and here not in since:
        order.append(here)
    edges = {
        (edge.text_old, edge.text_new): str(verdict)
        for edge, verdict in history.ledger.verdicts().items()
    }
    found = Sources(
        Source(
            text,
            _source(history, text),
            calls.get(text, 0),
            since.get(text),
            *_before(order[:at], text, edges),
            text == here,
        )
        for at, text in enumerate(order)
    )
    found.key = key
    return found


def _before(earlier: list[str], text: str, edges: Mapping[tuple[str, str], str]) -> tuple[str, str]:
    for other in reversed(earlier):
        said = edges.get((other, text)) or edges.get((text, other))
        if said:
            return other, said
    return (earlier[-1] if earlier else ""), ""


def _source(history: History, text: str) -> str:
    body = history.body(text)
    return MISSING if body is None else source_of(body).strip()


def code_of(versioning: Versioning, version: str) -> list[Listed]:
    """Return the definitions of a version, by the beginning of its id.

    Raises:
        UsageError: there is none, or there are several.
    """
    if not isinstance(version, str):
        raise UsageError(
            f"{version!r:.80} names no version",
            hint="Give the first digits of its id, as a string.",
        )
    history = getattr(versioning, "history", None)
    results = versioning.results
    found = sorted(
        vid
        for row, _ in results.ops()
        for each in results.versions_of(row)
        if (vid := each.vid.hex()).startswith(version.lower()) and version
    )
    if len(found) != 1 or history is None:
        raise UsageError(
            f"{len(found)} versions begin with {version!r}" if found else f"no version {version!r}",
            hint=", ".join(vid[:16] for vid in found[:5])
            or "A call tells its version: storage.get_ref_creator(ref).version.",
        )
    return listed(history, found[0])
