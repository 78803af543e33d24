"""Containers as calls: of a list that was built of refs, and of each element that one was taken for.

They are made up when all calls are read, so that what leads through a container is found like what
leads through a call.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from blake3 import blake3

from mandala_git.results import codecs, packing
from mandala_git.results.calls import MISSING, Edge
from mandala_git.results.containers import kinds, structures_of
from mandala_git.results.histories import element_histories, histories
from mandala_git.results.ids import ID_SIZE, SCHEME, cid, value_hid
from mandala_git.results.runs import Run
from mandala_git.results.store import Results
from mandala_git.results.structures import Structure

BUILT = -1
"""The version and row of calls that are made up."""

_SHORT = {name: kind.__name__ for name, kind in codecs.CONTAINERS.items()}

OPS = tuple(f"__make_{short}__" for short in _SHORT.values()) + tuple(
    f"__{short}_getitem__" for short in _SHORT.values()
)
"""Names of their ops; that of row -1 is the first."""

ELEMENTS = "elts"
"""How each element is given to what makes a container."""


def key_of(op: int) -> str:
    """Return the name of an op by its row, which is below 0."""
    return OPS[-1 - op]


class Built:
    """A call that is made up, as `Columns` takes it.

    Attributes:
        run: what it has in common with others.
        hid: history id.
        edges: as `packing.Packing` makes them.
    """

    __slots__ = ("edges", "hid", "run")

    def __init__(self, run: Run, hid: bytes, edges: bytes) -> None:
        self.run = run
        self.hid = hid
        self.edges = edges


def built(
    results: Results, refs: Collection[tuple[bytes, bytes]], made: Collection[bytes]
) -> list[Built]:
    """Return the calls for containers among some refs, and for those in them.

    Args:
        results: where they are recorded.
        refs: (history id, content id) of refs that are not small values.
        made: history ids of those that a call returned.
    """
    found: list[Built] = []
    met: set[bytes] = set()
    todo = list(refs)
    returned = set(made)
    while todo:
        todo = [(hid, content) for hid, content in todo if hid not in met]
        met.update(hid for hid, _ in todo)
        names = kinds(results, [content for _, content in todo]) or ()
        known = [ref for ref, name in zip(todo, names, strict=False) if name is not None]
        structures = structures_of(results, [content for _, content in known])
        composed = histories(results, [hid for hid, _ in known])
        todo = []
        for hid, content in known:
            structure = structures.get(content)
            if structure is None:
                continue
            hids = element_histories(results, hid, structure)
            whole = hid in composed or hid == value_hid(content)
            if whole and hid not in returned:
                found.append(_made(structure, hid, hids))
            else:
                found += _taken(structure, hid, hids)
                returned.update(hids)
            todo += [(hids[place], structure.content(place)) for place in structure.nested]
    return found


def _made(structure: Structure, hid: bytes, hids: Sequence[bytes]) -> Built:
    short = _SHORT[structure.name]
    names = (ELEMENTS,) * len(structure)
    parts = [_element(structure, place, each) for place, each in enumerate(hids)]
    run = _run(f"__make_{short}__", names, (short,))
    return Built(run, _id(b"make", hid), b"".join([*parts, _edge(structure.cid, hid)]))


def _taken(structure: Structure, hid: bytes, hids: Sequence[bytes]) -> Iterator[Built]:
    short = _SHORT[structure.name]
    place_name = "key" if structure.keys is not None else "i"
    item = "dict_value" if structure.keys is not None else f"{short}_item"
    run = _run(f"__{short}_getitem__", (short, place_name), (item,))
    for place, each in enumerate(hids):
        key = place if structure.keys is None else structure.keys[place]
        small = packing.small(key)
        label = small if small is not None else _HEAD + cid(key)
        yield Built(
            run,
            _id(b"take", hid, place.to_bytes(8, "little")),
            _edge(structure.cid, hid) + label + _element(structure, place, each),
        )


_HEAD = bytes((127,))
_TOLD = 128


def _edge(content: bytes, hid: bytes) -> bytes:
    return bytes((127 + _TOLD,)) + content + hid


def _element(structure: Structure, place: int, hid: bytes) -> bytes:
    value = structure.values[place]
    small = None if value is MISSING or place in structure.nested else packing.small(value)
    if small is None:
        return _edge(structure.content(place), hid)
    return bytes((small[0] + _TOLD,)) + small[1:] + hid


def _id(*parts: bytes) -> bytes:
    return blake3(SCHEME + b"".join(parts)).digest(length=ID_SIZE)


def _run(op: str, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> Run:
    return Run(-1 - OPS.index(op), BUILT, None, inputs, outputs, b"")


def shown(names: Sequence[Edge]) -> list[Edge]:
    """Return edges with names that differ: `elts_0`, `elts_1`, ..."""
    return [
        edge._replace(label=f"{ELEMENTS}_{place}") if edge.label == ELEMENTS else edge
        for place, edge in enumerate(names)
    ]
