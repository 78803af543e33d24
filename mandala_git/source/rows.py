"""What the index keeps of files, as rows of its tables: made where a file is read, in any process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mandala_git.source.definitions import FileFacts, pack, pack_definition


@dataclass(slots=True)
class Rows:
    """Rows of four tables (see the schema in `index.py`)."""

    files: list[tuple[bytes, str, str, bytes]] = field(default_factory=list)
    methods: list[tuple[bytes, str, str, str]] = field(default_factory=list)
    texts: list[tuple[bytes, bytes]] = field(default_factory=list)
    definitions: list[tuple[bytes, bytes, bytes]] = field(default_factory=list)

    def add(self, other: Rows) -> None:
        """Take the rows of other files."""
        self.files += other.files
        self.methods += other.methods
        self.texts += other.texts
        self.definitions += other.definitions


def file_rows(
    space: bytes, path: str, blob: str, facts: FileFacts, texts: Mapping[str, bytes]
) -> Rows:
    """Return the rows of one file.

    Args:
        space: of the index (`Index.space`).
        path: of the file.
        blob: id of its bytes.
        facts: what it defines.
        texts: the lasting texts by id, hex.
    """
    names = sorted({d.name for d in facts.definitions if d.parent is not None})
    return Rows(
        [(space, path, blob, pack(facts))],
        [(space, name, path, blob) for name in names],
        [(bytes.fromhex(id), data) for id, data in texts.items()],
        [(space, bytes.fromhex(d.text_id), pack_definition(d)) for d in facts.definitions],
    )
