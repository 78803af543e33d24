"""The code of recorded versions, to be read: each definition that counts, with its source."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from mandala_git.errors import SourceError, UsageError
from mandala_git.records import NamedTuple
from mandala_git.source.texts import source_of
from mandala_git.versions.history import History

MISSING = "# its text is not here: git fetch origin 'refs/mandala/*:refs/mandala/*'"


class Listed(NamedTuple):
    """A definition of a version.

    Attributes:
        key: where it was, `file.py::name`.
        source: what it was; a line that says so where that is not known.
        value: content id (hex) of a global's value; "" for what has none.
    """

    key: str
    source: str
    value: str


def listed(history: History, version: str) -> list[Listed]:
    """Return the definitions of a version, the op first, then by key.

    Args:
        history: of the repository.
        version: its id, in hex.

    Raises:
        UsageError: it is not known here.
    """
    recorded = history.recorded(version)
    if recorded is None:
        raise UsageError(
            f"no version {version[:12]} is recorded here",
            hint="List those of an op: storage.versions(op).",
        )
    found = []
    for node in recorded.nodes:
        body = history.body(node.text_id)
        try:
            source = MISSING if body is None else source_of(body)
        except SourceError as error:
            source = f"# {error.message}"
        value = node.value.cid if node.value is not None else None
        found.append(Listed(node.key, source, value or ""))
    return [*found[:1], *sorted(found[1:])]


def code(definitions: Sequence[Listed]) -> str:
    """Write definitions one below the other, each under a line with its key."""
    shown = [each for each in definitions if each.source.strip()]
    return "\n\n".join(f"# {each.key}\n{each.source.strip()}" for each in shown) + "\n"


def diff(old: Sequence[Listed], new: Sequence[Listed], context: int = 2) -> str:
    """Return the unified diff of two versions, definition by definition.

    Args:
        old, new: their definitions.
        context: lines around each difference.

    Returns:
        Text as `diff -u` writes it; "" where nothing differs. A global whose source is the same
        and whose value is another is a line of its own.
    """
    before = {each.key: each for each in old}
    after = {each.key: each for each in new}
    parts: list[str] = []
    for key in sorted(before.keys() | after.keys()):
        was, now = before.get(key), after.get(key)
        parts += difflib.unified_diff(
            was.source.splitlines() if was else [],
            now.source.splitlines() if now else [],
            key if was else "/dev/null",
            key if now else "/dev/null",
            lineterm="",
            n=context,
        )
        if was and now and was.source == now.source and was.value != now.value:
            parts.append(f"# {key} has another value: {was.value[:12]} -> {now.value[:12]}")
    return "".join(f"{line}\n" for line in parts)
