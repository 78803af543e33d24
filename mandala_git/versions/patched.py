"""Modules whose functions are exchanged while they are loaded, as `%autoreload` does it.

What it saves by not running a module again, it takes from the proof that the module is what its
file said when it was imported. The file as it is now proves as much, if it differs from that one
in nothing but plain functions, and these are loaded.
"""

from __future__ import annotations

from mandala_git.source.codes import code_hash
from mandala_git.source.definitions import Definition, FileFacts, Kind
from mandala_git.versions.loaded import Loaded, Pinned
from mandala_git.versions.seen import functions_of, stat_of


def follow(loaded: Loaded) -> None:
    """Pin modules anew whose files were edited and whose code was exchanged accordingly."""
    for path, pinned in list(loaded.pinned.items()):
        if pinned.stat and path in loaded.modules():
            stat = stat_of(loaded.absolute(path))
            if stat and stat != pinned.stat:
                _follow(loaded, path, pinned)
                pinned.stat = stat  # tried


def _follow(loaded: Loaded, path: str, pinned: Pinned) -> None:
    before = loaded.facts(path)
    del loaded.pinned[path]
    found, after = loaded.pin(path), loaded.facts(path)
    if before and found and after and not after.error and _is_loaded(loaded, before, after):
        found.late = pinned.late
        loaded.forget_owners()
    else:
        loaded.pinned[path] = pinned


def _is_loaded(loaded: Loaded, before: FileFacts, after: FileFacts) -> bool:
    """Whether what differs is loaded as the new text says."""
    old = {d.qualname: d for d in before.definitions}
    return old.keys() <= {d.qualname for d in after.definitions} and all(
        ((known := old.get(d.qualname)) is not None and known.text_id == d.text_id)
        or (d.plain and (known is None or known.plain) and _is_proved(loaded, d))
        for d in after.definitions
    )


def _is_proved(loaded: Loaded, definition: Definition) -> bool:
    if definition.kind is not Kind.FUNCTION:
        return False
    codes = loaded.codes(definition.path)
    return any(
        (function.__code__.co_qualname, code_hash(function.__code__)) in codes
        for function in functions_of(loaded.find(definition))
        if function.__code__.co_qualname == definition.qualname
    )
