"""All recorded calls in columns: a handful of Python operations a call, the rest in numpy.

Nothing here is imported but by who asks for a frame.
"""

from __future__ import annotations

import gc
import sqlite3
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from mandala_git.results import packing
from mandala_git.results.built import BUILT, built
from mandala_git.results.calls import Edge
from mandala_git.results.containers import any_structures
from mandala_git.results.ids import ID_SIZE, MARK, output_hid, value_hid
from mandala_git.results.runs import Run, Runs
from mandala_git.results.store import Results

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
Bytes = NDArray[np.uint8]

_SIZES = np.array(
    [
        1 + (bare if bare < 64 else bare - 64 if bare < 127 else ID_SIZE) + ID_SIZE * (head > 127)
        for head in range(256)
        for bare in (head & 127,)
    ],
    dtype=np.int64,
)
"""Bytes of an edge, by its first one; see `packing`."""

_WRITTEN_ANEW = np.frombuffer(value_hid(bytes(range(256))), np.uint8)
_ID = np.arange(ID_SIZE)
_SOME = 20_000


class Columns:
    """The calls of a store, their edges, and the refs that these lead to, each once.

    Calls, edges and refs are numbered from 0: calls by their rows, edges by call and place (what
    was given first), refs by the edge that mentions them first. So a number that is greater is
    younger. Calls whose rows are damaged are left out, as everywhere.

    Args:
        runs: what calls have in common.
        rows: of each call, its row; -1: it is made up, see `built.py`.
        run: of each call, the place of its run in `runs`.
        hids: the history ids of the calls, one after the other.
        edges: the edges of the calls as `packing.Packing` makes them, one after the other.
        lengths: of each call, how many bytes these are.

    Attributes:
        runs, rows, run: as given.
        hids: of each call, its history id, 16 bytes a row.
        first: of each call, its first edge; one more at the end.
        ref: of each edge, the ref that it leads to.
        label: of each edge, the place of its name in `labels`.
        is_output: of each edge, whether the call returned that ref.
        labels: names of arguments and outputs.
        ref_hids: of each ref, its history id.
    """

    def __init__(
        self,
        runs: Sequence[Run],
        rows: Sequence[int],
        run: Sequence[int],
        hids: bytes,
        edges: bytes,
        lengths: Sequence[int],
    ) -> None:
        self.rows: Ints = np.array(rows, dtype=np.int64)
        self.run: Ints = np.array(run, dtype=np.int64)
        self.runs = list(runs)
        self.hids: Bytes = np.frombuffer(hids, np.uint8).reshape(-1, ID_SIZE)
        sizes = np.array(lengths, dtype=np.int64)
        starts = np.cumsum(sizes) - sizes
        self._data = edges
        counts = np.array([len(r.inputs) + len(r.outputs) for r in self.runs] or [0], np.int64)
        self.first: Ints = np.concatenate(([0], np.cumsum(counts[self.run]))).astype(np.int64)
        self.labels: list[str] = []
        total = int(self.first[-1])
        self._at: Ints = np.zeros(total, np.int64)
        self.label: Ints = np.zeros(total, np.int64)
        self.is_output: Mask = np.zeros(total, bool)
        edge_hids = np.zeros((total, ID_SIZE), np.uint8)
        self._parse(starts, edge_hids)
        self._intern(edge_hids)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def refs(self) -> int:
        """How many refs there are."""
        return len(self.ref_hids)

    def _parse(self, starts: Ints, hids: Bytes) -> None:
        """Cut the bytes of all calls into edges, those of a run at a time, place by place."""
        data = np.frombuffer(self._data, np.uint8)
        codes: dict[str, int] = {}
        plain: dict[bytes, bytes] = {}
        for place, run in enumerate(self.runs):
            calls = np.flatnonzero(self.run == place)
            at = starts[calls].copy()
            for number, name in enumerate((*run.inputs, *run.outputs)):
                edges = self.first[calls] + number
                heads = data[at]
                self._at[edges] = at
                self.label[edges] = codes.setdefault(name, len(codes))
                if number >= len(run.inputs):
                    self.is_output[edges] = True
                    name_bits = np.frombuffer(output_hid(bytes(ID_SIZE), name), np.uint8)
                    hids[edges] = self.hids[calls] ^ name_bits
                else:
                    hids[edges] = self._given(data, at, heads, plain)
                ends = at + _SIZES[heads]
                told = np.flatnonzero(heads > 127)
                if len(told):
                    hids[edges[told]] = data[(ends[told] - ID_SIZE)[:, None] + _ID]
                at = ends
        self.labels = list(codes)

    def _given(self, data: Bytes, at: Ints, heads: Bytes, plain: dict[bytes, bytes]) -> Bytes:
        """Return the history ids of arguments that no call made."""
        found = np.zeros((len(at), ID_SIZE), np.uint8)
        by_id = np.flatnonzero(heads == 127)
        found[by_id] = _WRITTEN_ANEW[data[at[by_id][:, None] + (_ID + 1)]]
        inside = np.flatnonzero(heads < 127)
        if len(inside):
            whole, ids = self._data, []
            ends = at[inside] + _SIZES[heads[inside]]
            for start, end in zip(at[inside].tolist(), ends.tolist(), strict=True):
                packed = whole[start:end]
                hid = plain.get(packed)
                if hid is None:
                    hid = plain[packed] = value_hid(packing.content_of(packed))
                ids.append(hid)
            found[inside] = np.frombuffer(b"".join(ids), np.uint8).reshape(-1, ID_SIZE)
        return found

    def _intern(self, hids: Bytes) -> None:
        """Number the refs by the edge that mentions them first."""
        halves = np.ascontiguousarray(hids).view("<u8").reshape(-1, 2)
        _, first, number = np.unique(halves[:, 1], return_index=True, return_inverse=True)
        self._alike = not np.array_equal(halves[first[number], 0], halves[:, 0])
        if self._alike:  # two ids end with the same eight bytes
            _, first, number = np.unique(halves, axis=0, return_index=True, return_inverse=True)
        order = np.argsort(first)
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        self.ref: Ints = rank[number.reshape(-1)].astype(np.int64)
        first = first[order]
        tails = halves[first, 1]
        by_tail = np.argsort(tails)
        self._tails = tails[by_tail], by_tail
        self.ref_hids: Bytes = hids[first]
        # An edge that has the value in it, where there is one.
        heads = np.frombuffer(self._data, np.uint8)[self._at]
        inside = np.flatnonzero((heads & 127) != 127)
        self._told = first
        self._told[self.ref[inside]] = inside

    def find(self, hids: Sequence[bytes]) -> Ints:
        """Return the numbers of refs by history id, -1 where there is none."""
        wanted = np.frombuffer(b"".join(hids), "<u8").reshape(-1, 2)
        if not self.refs:
            return np.full(len(hids), -1, np.int64)
        place = np.searchsorted(self._tails[0], wanted[:, 1]).clip(max=self.refs - 1)
        found: Ints = self._tails[1][place]
        own = np.ascontiguousarray(self.ref_hids[found]).view("<u8").reshape(-1, 2)
        found[(own != wanted).any(axis=1)] = -1
        if self._alike:
            every = np.ascontiguousarray(self.ref_hids).view("<u8").reshape(-1, 2)
            for number in np.flatnonzero(found < 0).tolist():
                same = np.flatnonzero((every == wanted[number]).all(axis=1))
                found[number] = same[0] if len(same) else -1
        return found

    def packed(self, ref: int) -> bytes:
        """Return the value of a ref as `packing.small` made it, or its content id behind a 127."""
        at = int(self._at[self._told[ref]])
        bare = self._data[at] & 127
        return bytes((bare,)) + self._data[at + 1 : at + int(_SIZES[bare])]

    def small_values(self, refs: Ints) -> tuple[list[Any], Mask]:
        """Return the values of refs that lie in calls, and of which refs they do not."""
        data = np.frombuffer(self._data, np.uint8)
        at = self._at[self._told[refs]]
        bare = data[at] & 127
        found = np.empty(len(refs), object)
        left = bare < 127
        for head in np.unique(bare[(bare > 64) & (bare <= 72)]).tolist():
            mine = np.flatnonzero(bare == head)
            whole = np.zeros((len(mine), 8), np.uint8)
            whole[:, : head - 64] = data[at[mine][:, None] + np.arange(1, head - 63)]
            whole[:, head - 64 :] = np.where(whole[:, head - 65] > 127, 255, 0)[:, None]
            found[mine] = whole.view("<i8").reshape(-1).astype(object)
            left[mine] = False
        mine = np.flatnonzero(bare == 9)
        mine = mine[data[at[mine] + 1] == ord("f")]
        doubles = np.ascontiguousarray(data[at[mine][:, None] + np.arange(2, 10)])
        found[mine] = doubles.view("<f8").reshape(-1).astype(object)
        left[mine] = False
        for place in np.flatnonzero(left).tolist():
            found[place] = packing.value_of(self.packed(int(refs[place])))
        return found.tolist(), bare == 127

    def content(self, ref: int) -> bytes:
        """Return the content id of a ref."""
        return packing.content_of(self.packed(ref))

    def large(self) -> list[tuple[bytes, bytes]]:
        """Return (history id, content id) of the refs whose values lie in no call."""
        heads = np.frombuffer(self._data, np.uint8)[self._at[self._told]]
        found = np.flatnonzero((heads & 127) == 127).tolist()
        return [(self.ref_hids[ref].tobytes(), self.content(ref)) for ref in found]

    def returned(self) -> set[bytes]:
        """Return the history ids of the refs that calls returned."""
        refs = np.unique(self.ref[self.is_output])
        return {hid.tobytes() for hid in self.ref_hids[refs]}

    def edge(self, ref: int) -> Edge:
        """Return a ref as an edge leads to it."""
        return Edge("", 0, self.ref_hids[ref].tobytes(), self.content(ref))


class _Read:
    """What was read of calls: few objects, for each of millions would count.

    Attributes:
        runs: what calls have in common.
        rows, run, lengths: of each call.
        hids, edges: joined, some thousand calls each.
    """

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.rows, self.run, self.lengths = array("q"), array("q"), array("q")
        self.hids: list[bytes] = []
        self.edges: list[bytes] = []

    def add(
        self, rows: Iterable[int], run: Iterable[int], hids: list[bytes], edges: list[bytes]
    ) -> None:
        """Add some calls."""
        self.rows.extend(rows)
        self.run.extend(run)
        self.lengths.extend(map(len, edges))
        self.hids.append(b"".join(hids))
        self.edges.append(b"".join(edges))

    def columns(self) -> Columns:
        """Return the columns."""
        hids, edges = b"".join(self.hids), b"".join(self.edges)
        return Columns(self.runs, self.rows, self.run, hids, edges, self.lengths)


def _read(connection: sqlite3.Connection, known: Runs) -> _Read:
    """Return the calls that are whole, oldest first."""
    read = _Read()
    begins: dict[int, tuple[Run, bytes, int] | None] = {}
    cursor = connection.execute("SELECT id, run, alias_of, hid, key, edges FROM calls ORDER BY id")
    hasher, usual = blake3, (ID_SIZE, ID_SIZE - MARK)
    while some := cursor.fetchmany(_SOME):
        rows: list[int] = []
        numbers: list[int] = []
        hids: list[bytes] = []
        edges: list[bytes] = []
        for id, number, alias, hid, key, stored in some:
            if number not in begins:
                run = known.get(connection, number)
                begins[number] = None
                if run is not None:
                    begins[number] = (
                        run,
                        packing.begins(run.proof, None, *usual),
                        len(read.runs),
                    )
                    read.runs.append(run)
            begin = begins[number]
            if begin is None:
                continue
            ordinary = (
                alias is None
                and type(hid) is type(key) is type(stored) is bytes
                and (len(hid), len(key)) == usual
            )
            if ordinary:
                bare = stored[:-4]
                if hasher(begin[1] + hid + key + bare).digest(4) != stored[-4:]:
                    continue
            else:
                found = packing.unsealed(stored, hid, key, alias, begin[0].proof)
                if found is None or len(hid) != ID_SIZE:
                    continue
                bare = found
            rows.append(id)
            numbers.append(begin[2])
            hids.append(hid)
            edges.append(bare)
        read.add(rows, numbers, hids, edges)
    return read


def all_columns(results: Results) -> tuple[Columns, tuple[int, int]]:
    """Return all recorded calls of a store, those that wait too, and what tells when others are.

    Containers are calls there as well, see `built.py`.

    Args:
        results: the store.
    """
    with results.looking() as database:
        when = moment(database)
        with uncollected():
            read = _read(database, results.runs)
        columns = read.columns()
        if any_structures(database):
            places: dict[Run, int] = {}
            more = built(results, columns.large(), columns.returned())
            numbers = [len(read.runs) + places.setdefault(m.run, len(places)) for m in more]
            read.runs += places
            read.add([BUILT] * len(more), numbers, [m.hid for m in more], [m.edges for m in more])
            columns = read.columns()
        return columns, when


@contextmanager
def uncollected() -> Iterator[None]:
    """Let no collector of garbage look through what is being made, over and over."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def moment(database: sqlite3.Connection) -> tuple[int, int]:
    """Return a number that changes with others' writes, and one that changes with ours."""
    return database.execute("PRAGMA data_version").fetchone()[0], database.total_changes
