"""What the index keeps of files, as rows of its tables: made where a file is read, in any process."""

from __future__ import annotations

from collections.abc import Mapping

from mandala_git.records import NamedTuple
from mandala_git.source.definitions import FileFacts, pack, pack_definition


class Rows(NamedTuple):
    """Rows of four tables (see the schema in `index.py`)."""

    files: list[tuple[bytes, str, str, bytes]]
    methods: list[tuple[bytes, str, str, str]]
    texts: list[tuple[bytes, bytes]]
    definitions: list[tuple[bytes, bytes, bytes]]

    @classmethod
    def none(cls) -> Rows:
        """Return no rows, to which others are added."""
        return cls([], [], [], [])

    def add(self, other: Rows) -> None:
        """Take the rows of other files."""
        self.files.extend(other.files)
        self.methods.extend(other.methods)
        self.texts.extend(other.texts)
        self.definitions.extend(other.definitions)


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
