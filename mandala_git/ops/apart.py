"""Taking containers apart: those of arguments and outputs whose elements are values of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mandala_git.errors import UsageError
from mandala_git.ops.annotations import Spec
from mandala_git.ops.containers import CollectionRef
from mandala_git.ops.refs import Ref, bared, holds, unwrap
from mandala_git.ops.special import Transient
from mandala_git.results.atoms import ATOMS
from mandala_git.results.calls import MISSING
from mandala_git.results.ids import cid, value_hid
from mandala_git.results.naming import Found
from mandala_git.results.structures import NAMES, Structure


def structured(
    value: Any,
    spec: Spec | None,
    found: Found,
    path: str,
    transient: Mapping[bytes, bool] | None = None,
    *,
    returned: bool = False,
) -> Structure | None:
    """Return what a container holds, if its elements are values of their own.

    They are where an annotation says so, and where it holds Refs.

    Args:
        value: any value.
        spec: what the annotation says.
        found: collects the functions and classes met.
        path: how to call the value in error messages.
        transient: as for `given.Given`.
        returned: it is an output of an op: what must not be in one is refused.

    Returns:
        None where it is one value.

    Raises:
        UnhashableValue: an element has no content id.
        UsageError: what holds a Ref also holds itself, or is nested too deeply.
    """
    kind = type(value)
    if kind not in NAMES or not ((spec is not None and spec.has(kind)) or holds(value, Ref)):
        return None
    try:
        return _apart(value, spec, found, path, transient or {}, returned)
    except RecursionError as error:
        raise UsageError(
            f"{path}: the {kind.__name__} holds a Ref, and holds itself or is nested too deeply",
            hint="Replace the Ref by its value first: ref.value",
        ) from error


def _apart(
    value: Any,
    spec: Spec | None,
    found: Found,
    path: str,
    transient: Mapping[bytes, bool],
    returned: bool,
) -> Structure:
    kind = type(value)
    keys = [unwrap(key) for key in value] if kind is dict else None  # a key is plain
    cids: list[bytes] = []
    values: list[Any] = []
    nested: dict[int, str] = {}
    hids: dict[int, bytes] = {}  # of those that do not follow from contents
    for place, part in enumerate(value.values() if keys is not None else value):
        if type(part) in ATOMS:
            cids.append(cid(part))
            values.append(part)
            continue
        where = f"{path}[{place if keys is None else keys[place]!r}]"
        if isinstance(part, Ref):
            hid, content, known = given_ref(part, found, where, transient)
            if hid != value_hid(content):
                hids[place] = hid
            if isinstance(part, CollectionRef):
                nested[place] = part.kind
        else:
            inner = spec.at(kind, place) if spec is not None else None
            known = structured(part, inner, found, where, transient, returned=returned)
            if known is not None:
                content = known.cid
                nested[place] = known.name
                if known.hid is not None and known.hid != value_hid(content):
                    hids[place] = known.hid
            else:
                known = part if returned and type(part) is Transient else bared(part)
                content = cid(known, found=found, path=where)
        cids.append(content)
        values.append(known)
    key_cids = [cid(key, found=found, path=f"{path}: key") for key in keys or ()]
    histories = [hids.get(at) or value_hid(c) for at, c in enumerate(cids)] if hids else None
    made = Structure.made(kind, keys, key_cids, cids, values, nested, histories)
    made.origin = value
    if returned:
        made.forget_history()
    return made


def given_ref(
    ref: Ref, found: Found, path: str, transient: Mapping[bytes, bool]
) -> tuple[bytes, bytes, Any]:
    """Return (history id, content id, value or MISSING) of a Ref that is given to a call.

    One whose value was handed out is looked at again: what was changed in place since has no
    history.
    """
    if isinstance(ref, CollectionRef):
        changed = None
        if ref.changeable and not ref.unchanged():
            changed = structured(ref.load(), _like(ref.structure), found, path)
        if changed is None:
            return ref.hid, ref.cid, ref.at_hand or MISSING
        return changed.hid or value_hid(changed.cid), changed.cid, changed
    known, hid, content = ref.load() if ref.in_memory else MISSING, ref.hid, ref.cid
    if ref.changeable and not transient.get(content):
        content = cid(known, found=found, path=path)
        if content != ref.cid:
            hid = value_hid(content)
    return hid, content, known


def _like(structure: Structure) -> Spec:
    """Return what takes containers of a kind apart, one level deep."""
    return Spec({structure.kind: ((), None)})


def outputs_of(parts: Sequence[Any], specs: Any, name: str, *, refs: bool) -> tuple[Any, ...]:
    """Return the outputs of a call, those taken apart that are structural.

    Args:
        parts: the outputs.
        specs: what the op's annotations say; None: nothing.
        name: of the op.
        refs: whether it is a superop, whose Refs inside other values are replaced by theirs.
    """
    found: list[Any] = []
    for number, part in enumerate(parts):
        if isinstance(part, CollectionRef) and part.changeable and not part.unchanged():
            part = part.load()
        kind = type(part)
        if kind in NAMES:
            spec = specs.output(number) if specs is not None else None
            path = f"{name}: result" if len(parts) == 1 else f"{name}: result[{number}]"
            structure = structured(part, spec, Found(), path, returned=True)
            if structure is not None:
                found.append(structure)
                continue
        plain = refs and not isinstance(part, Ref) and kind is not Transient
        found.append(bared(part) if plain else part)
    return tuple(found)


def absorb(structure: Structure) -> None:
    """Let a structure know the values of those Refs in it that were loaded since it was made."""
    origin = structure.origin
    if structure.kind is set or origin is None:
        return
    parts = origin.values() if structure.keys is not None else origin
    values = list(structure.values)
    for place, part in enumerate(parts):
        if type(values[place]) is Structure:
            absorb(values[place])
        elif isinstance(part, CollectionRef):
            whole = part.whole
            values[place] = whole.with_values(whole.values, stored=False)
        elif values[place] is MISSING and isinstance(part, Ref) and part.in_memory:
            values[place] = part.load()
    structure.values = values
