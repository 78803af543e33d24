"""Recorded versions: the code that a call really ran, as it is kept beside the call.

A version holds, for each definition that counts, its lasting text and where the names that it
used led. It cites texts and spelled names alone, so that any scheme of the normal form can
read it. Its id leaves out the context: two runs of the same code have one version, whatever
else the project held.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Self

from mandala_git.records import NamedTuple
from mandala_git.source.definitions import Binding, Definition
from mandala_git.versions.digests import sha256


class NodeEnd(NamedTuple):
    """A name led to another definition of the same version."""

    node: int
    rest: tuple[str, ...] = ()


class LeafEnd(NamedTuple):
    """A name led out of the project."""

    leaf: tuple[str, ...]
    rest: tuple[str, ...] = ()


class LinkEnd(NamedTuple):
    """A name led to another op, whose call had a version of its own.

    Attributes:
        version: id of that version, hex.
    """

    version: str


RecordedEnd = NodeEnd | LeafEnd | LinkEnd


class Value(NamedTuple):
    """The value of a global when its first reader started.

    Attributes:
        cid: content id, hex; None when it has none.
        plain: equal data alone makes it agree, wherever it came from.
        same: for a value that may change in place, the first key under which the very same
            object was known; None for immutable values.
    """

    cid: str | None
    plain: bool
    same: str | None = None


Files = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
"""(pattern as declared, (path, git's id of the content) of each file); see `data.py`."""


class RecordedNode(NamedTuple):
    """One definition of a version.

    Attributes:
        key: where it was.
        text_id: what it was.
        slots: {slot: ends}; None for a slot that provably was not used. A slot that is not
            in here at all is unknown to the scheme that recorded it, and never agrees.
        value: for globals, and classes with attributes that are not literal.
        files: for ops, what the files held that they declare to depend on.
    """

    key: str
    text_id: str
    slots: Mapping[str, tuple[RecordedEnd, ...] | None]
    value: Value | None = None
    files: Files = ()


class Recorded(NamedTuple):
    """The version of a call.

    Attributes:
        op: key of the op; its node is the first.
        script: path of the file that ran as `__main__`, "" when it is no project code.
        nodes: definitions that ran, or count with their static closure.
        roots: numbers of the nodes that no name led to; they are looked up by key.
        links: versions of nested calls that no name led to.
        volatile: not "" when the code cannot be told again by its text: then this version
            belongs only to the process with this name.
        context: id of the static closure; not part of the version's own id.
        untracked: names by which the project left globals out that the code reads.
        packages: (name, version) of the installed distributions that count in the project.
    """

    op: str
    script: str
    nodes: tuple[RecordedNode, ...]
    roots: tuple[int, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    volatile: str = ""
    context: str = ""
    untracked: tuple[str, ...] = ()
    packages: tuple[tuple[str, str], ...] = ()

    def to_bytes(self) -> bytes:
        """Write the version as canonical JSON."""
        return json.dumps(
            {"context": self.context, **self._identity()}, sort_keys=True, separators=(",", ":")
        ).encode("utf-8", "surrogatepass")

    @property
    def id(self) -> str:
        """sha256 (hex) of all but the context."""
        data = json.dumps(self._identity(), sort_keys=True, separators=(",", ":"))
        return sha256(data.encode("utf-8", "surrogatepass"))

    def _identity(self) -> dict[str, object]:
        return {
            "op": self.op,
            "script": self.script,
            "nodes": [
                {
                    "key": node.key,
                    "text": node.text_id,
                    "slots": {
                        slot: None if ends is None else [_pack(end) for end in ends]
                        for slot, ends in node.slots.items()
                    },
                    "value": None
                    if (value := node.value) is None
                    else [value.cid, value.plain, value.same],
                    # Only where there are some: what has none keeps its id.
                    **({"files": node.files} if node.files else {}),
                }
                for node in self.nodes
            ],
            "roots": self.roots,
            "links": self.links,
            "volatile": self.volatile,
            **({"untracked": self.untracked} if self.untracked else {}),
            **({"packages": self.packages} if self.packages else {}),
        }

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote."""
        fields = json.loads(data)
        return cls(
            fields["op"],
            fields["script"],
            tuple(
                RecordedNode(
                    node["key"],
                    node["text"],
                    {
                        slot: None if ends is None else tuple(_unpack(end) for end in ends)
                        for slot, ends in node["slots"].items()
                    },
                    None if node["value"] is None else Value(*node["value"]),
                    tuple(
                        (pattern, tuple((name, blob) for name, blob in files))
                        for pattern, files in node.get("files", ())
                    ),
                )
                for node in fields["nodes"]
            ),
            tuple(fields["roots"]),
            tuple((op, version) for op, version in fields["links"]),
            fields["volatile"],
            fields["context"],
            tuple(fields.get("untracked", ())),
            tuple((name, version) for name, version in fields.get("packages", ())),
        )


def _pack(end: RecordedEnd) -> list[object]:
    match end:
        case NodeEnd(node, rest):
            return ["n", node, *rest]
        case LeafEnd(leaf, rest):
            return ["l", leaf, *rest]
        case LinkEnd(version):
            return ["v", version]


def _unpack(fields: list[object]) -> RecordedEnd:
    match fields:
        case ["n", int(node), *rest]:
            return NodeEnd(node, tuple(str(part) for part in rest))
        case ["l", list(leaf), *rest]:
            return LeafEnd(tuple(str(part) for part in leaf), tuple(str(part) for part in rest))
        case ["v", str(version)]:
            return LinkEnd(version)
        case _:
            raise ValueError(f"unknown end {fields!r} in a recorded version")


def slot_name(definition: Definition, number: int) -> str:
    """Return the slot of a hole: its chain as spelled; for an import inside, what it imports."""
    hole = definition.holes[number]
    if hole.name == "<import>":
        return f"<import> {_spelled(hole.binding)}"
    if sum(other.chain == hole.chain for other in definition.holes) > 1:
        # One spelling with two meanings, as in `try: from a import x` / `except: from b ...`.
        return f"{hole.chain} {_spelled(hole.binding)}"
    return hole.chain


def _spelled(binding: Binding) -> str:
    parts = (f"({_spelled(p)})" if isinstance(p, tuple) else str(p) for p in binding)
    return " ".join(parts)
