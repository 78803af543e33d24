"""Refs and storages on their way to other processes: what is sent of them, and what arrives."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from mandala_git.errors import ResultsError, UnhashableValue, UsageError
from mandala_git.ops.refs import Ref
from mandala_git.results.atoms import CONSTANT
from mandala_git.results.calls import MISSING
from mandala_git.results.ids import cid
from mandala_git.results.places import Place
from mandala_git.results.store import Results
from mandala_git.results.structures import Structure

if TYPE_CHECKING:
    from mandala_git.ops.containers import CollectionRef
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


def sent_collection(ref: CollectionRef, loader: Any) -> tuple[Any, ...]:
    """Return what pickle makes the Ref of a container of.

    It is sent with the Refs of its elements if it cannot be loaded where it arrives; one that was
    changed here is sent as what it is now.

    Args:
        ref: the Ref.
        loader: where it is stored.
    """
    place = Place.of(loader) if isinstance(loader, Results) else loader
    changed = ref.load() if ref.changeable and not ref.unchanged() else MISSING
    if _is_stored(ref, loader):
        return arrived_collection, (ref.kind, ref.hid, ref.cid, place, changed, None, ())
    structure = ref.structure
    parts = (structure.kind, structure.keys, structure.contents(), structure.nested)
    return (
        arrived_collection,
        (ref.kind, ref.hid, ref.cid, place, changed, parts, ref.elements()),
    )


def arrived_collection(
    kind: str,
    hid: bytes,
    content: bytes,
    loader: Any,
    changed: Any,
    parts: tuple[Any, ...] | None,
    elements: list[Ref],
) -> Ref:
    """Return the Ref of a container that was sent."""
    from mandala_git.ops.containers import collection

    if isinstance(loader, Place):
        loader = loader.here() or loader
    structure = None
    if parts is not None:
        of, keys, cids, nested = parts
        structure = Structure(of, keys, cids, [_known(each) for each in elements], nested, content)
        structure.hid, structure.hids = hid, [element.hid for element in elements]
        structure.origin = structure.filled(elements)
    ref = collection(kind, hid, content, loader, structure)
    ref.adopt(elements)
    if changed is not MISSING:
        ref.change(changed)
    return ref


def _known(element: Ref) -> Any:
    """Return what came with the Ref of an element: it may have to be stored here."""
    if type(element) is not Ref:
        structure = element.at_hand  # type: ignore[attr-defined]
        return structure or MISSING
    known = element.in_memory and (not element.changeable or element.unchanged())
    return element.load() if known else MISSING


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
