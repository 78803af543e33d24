"""Data: the files that ops declare to depend on, as versions keep them and worlds have them.

A version keeps, for each pattern as it was declared, the files that it meant and git's ids of
what they held. Both are relative to the folder of the op's module, so that an op may move with
its files.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from mandala_git.repo.data_files import DataFiles, Listing, agrees, normal
from mandala_git.source.definitions import split_key
from mandala_git.versions.recorded import Files, LinkEnd, Recorded

if TYPE_CHECKING:
    from mandala_git.versions.ways import World


def folder_of(key: str) -> str:
    """Return the folder of the module that holds a definition."""
    return posixpath.dirname(split_key(key)[0])


def noted(key: str, listings: Mapping[str, Listing]) -> Files:
    """Return what a version keeps of files.

    Args:
        key: of the op.
        listings: by pattern as it was declared.
    """
    folder = folder_of(key)

    def short(path: str) -> str:
        return path if posixpath.isabs(path) else posixpath.relpath(path, folder or ".")

    return tuple(
        (pattern, tuple((short(path), blob) for path, blob in listing))
        for pattern, listing in sorted(listings.items())
    )


def agree(
    files: Files, folder: str, data: DataFiles | None, met: dict[str, Listing]
) -> bool | None:
    """Tell whether files hold what a version keeps of them; None when that cannot be told.

    Args:
        files: what the version keeps.
        folder: of the module.
        data: the files of a world; None where nobody knows them.
        met: is told what was found, by pattern.
    """
    sure = True
    for pattern, then in files:
        wanted = normal(folder, pattern)
        here = data.listing(wanted) if data is not None else None
        if here is not None:
            met[wanted] = here
        known = {normal(folder, name): blob for name, blob in then}
        answer = agrees(known, here, complete=data is not None and data.complete)
        if answer is False:
            return False
        sure = sure and answer is True
    return True if sure else None


def moved(world: World, version: str) -> list[str]:
    """Return the files that hold something else in a world than when a call ran, sorted."""
    found: set[str] = set()
    data = world.data
    for recorded in _with_nested(world, version):
        for node in recorded.nodes:
            folder = folder_of(node.key)
            for pattern, then in node.files:
                here = data.listing(normal(folder, pattern)) if data is not None else None
                if data is not None and here is not None:
                    known = {(normal(folder, name), blob) for name, blob in then}
                    differ = known ^ set(here) if data.complete else set(here) - known
                    found.update(path for path, _ in differ)
    return sorted(found)


def _with_nested(world: World, version: str) -> Iterator[Recorded]:
    """Yield a version and those of nested calls."""
    seen, todo = set[str](), [version]
    while todo:
        version = todo.pop()
        recorded = world.recorded(version) if version not in seen else None
        seen.add(version)
        if recorded is not None:
            yield recorded
            todo += (link for _, link in recorded.links)
            todo += _linked(recorded)


def _linked(recorded: Recorded) -> Iterable[str]:
    return (
        end.version
        for node in recorded.nodes
        for ends in node.slots.values()
        for end in ends or ()
        if isinstance(end, LinkEnd)
    )
