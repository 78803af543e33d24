"""Refs and storages on their way to other processes: what is sent of them, and what arrives."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from mandala_git.errors import ResultsError, UnhashableValue, UsageError
from mandala_git.ops.refs import CONSTANT, Ref
from mandala_git.results.calls import MISSING
from mandala_git.results.ids import cid
from mandala_git.results.places import Place
from mandala_git.results.store import Results

if TYPE_CHECKING:
    from mandala_git.ops.storage import Storage


def sent(ref: Ref, loader: Any) -> tuple[Any, ...]:
    """Return what pickle makes a Ref of.

    It is sent without its value if that can be loaded where it arrives: it is stored on disk, and
    nobody has changed it here.

    Args:
        ref: the Ref.
        loader: where its value comes from.
    """
    value = ref.load() if ref.in_memory else MISSING
    if isinstance(loader, Results):
        if loader.in_memory and value is MISSING:
            value = loader.load(ref.cid)
        place = Place.of(loader)
    else:
        place = loader
    if type(value) not in CONSTANT and not _is_changed(ref, value) and _is_stored(ref, loader):
        value = MISSING
    return arrived, (ref.hid, ref.cid, place, value, ref.changeable)


def arrived(hid: bytes, content: bytes, loader: Any, value: Any, changeable: bool) -> Ref:
    """Return a Ref that was sent."""
    if isinstance(loader, Place):
        loader = loader.here() or loader
    ref = Ref(hid, content, loader, value)
    if changeable and value is not MISSING:
        ref.expose()
    return ref


def _is_stored(ref: Ref, loader: Any) -> bool:
    """Tell whether other processes can load the value of a Ref."""
    if not isinstance(loader, Results | Place):
        return False
    try:
        if isinstance(loader, Results):
            loader.flush()  # who gets it may ask at once
            return not loader.in_memory and loader.has_value(ref.cid)
        return loader.has_value(ref.cid)
    except ResultsError:
        return False


def _is_changed(ref: Ref, value: Any) -> bool:
    """Tell whether the value of a Ref may not be the recorded one any more."""
    if not ref.changeable:
        return False
    try:
        return cid(value) != ref.cid
    except UnhashableValue:
        return True


_storages: WeakValueDictionary[tuple[object, ...], Storage] = WeakValueDictionary()
_kept: list[Storage] = []


def sent_storage(storage: Storage, settings: dict[str, Any]) -> tuple[Any, ...]:
    """Return what pickle makes a storage of: another process opens the same.

    Raises:
        UsageError: it is in memory, and no other process can.
    """
    if storage.results.in_memory:
        raise UsageError(
            "a storage in memory cannot be sent to another process",
            hint='Keep it in a file, which all processes share: Storage("calls.db").',
        )
    found = dict(settings)
    # Relative to where this process is; the other may be elsewhere.
    if storage.repository is not None and found["db_path"] is None:
        found["path"] = str(storage.repository.root)
    else:
        found["db_path"] = os.path.abspath(str(storage.results.path))
        for name in ("path", "deps_path"):
            if found[name] not in (None, "__main__"):
                found[name] = os.path.abspath(str(found[name]))
    _storages[_key(found)] = storage
    return arrived_storage, (found,)


def arrived_storage(settings: dict[str, Any]) -> Storage:
    """Return a storage that was sent: one for all in a process, for to open it takes long."""
    key = _key(settings)
    found = _storages.get(key)
    if found is None or found.results.closed:
        from mandala_git.ops.storage import Storage

        found = _storages[key] = Storage(**settings)
        _kept.append(found)
    return found


def _key(settings: dict[str, Any]) -> tuple[object, ...]:
    return tuple(sorted((name, str(value)) for name, value in settings.items()))
