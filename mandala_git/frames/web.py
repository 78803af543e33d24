"""The web of calls and refs of a world: numbers, and what leads where."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from mandala_git.errors import ValueLost
from mandala_git.frames.elements import LazyCall, Shared
from mandala_git.ops.entries import refs_at
from mandala_git.ops.refs import Ref, unwrap, wrap_atom
from mandala_git.ops.special import TRANSIENT
from mandala_git.ops.versioning import Versioning
from mandala_git.results.built import BUILT, key_of
from mandala_git.results.calls import Edge
from mandala_git.results.columns import Columns, Ints, Mask, all_columns, moment
from mandala_git.results.containers import load_all
from mandala_git.results.store import Results
from mandala_git.versions.agreement import Belongs
from mandala_git.versions.belonging import Belonging

NONE: Ints = np.zeros(0, np.int64)
"""No numbers."""


class Web:
    """The calls that belong to a world, and how refs join them. It never changes.

    Calls, edges and refs have the numbers of `Columns`; a Ref that no recorded call knows gets
    one behind all others.

    Args:
        results: where calls are recorded.
        columns: all of them.
        homes: of each run, whether its calls belong, and the key that their op has in the world.
        apart: whether calls that are the same in this world stay apart.

    Attributes:
        homes: as given.
        ops: keys of the ops, as they are in the world.
        places: of each of these, its place.
        op: of each call, the place of its op in `ops`.
        counts: of each call, whether it is in this web.
        sure: of each call, whether it is known to belong.
        labels: names of arguments and outputs.
        label, ref, is_output: of each edge.
        call: of each edge, its call.
        strangers: Refs that no recorded call knows.
    """

    def __init__(
        self,
        results: Results,
        columns: Columns,
        homes: Sequence[tuple[Belongs, str]],
        *,
        apart: bool = False,
    ) -> None:
        self.results = results
        self.columns = columns
        self.homes = homes
        self.labels, self.label = columns.labels, columns.label
        self.ref, self.is_output = columns.ref, columns.is_output
        self.ops = list(dict.fromkeys(key for _, key in homes))
        self.places = {key: place for place, key in enumerate(self.ops)}
        of_run = np.array([self.places[key] for _, key in homes] or [0], np.int64)
        self.op: Ints = of_run[columns.run]
        belongs = np.array([answer is not Belongs.NO for answer, _ in homes] or [False])
        sure = np.array([answer is Belongs.YES for answer, _ in homes] or [False])
        self.counts: Mask = belongs[columns.run]
        self.sure: Mask = sure[columns.run]
        self.call: Ints = np.repeat(np.arange(len(columns)), np.diff(columns.first))
        hidden = np.array([name.startswith(TRANSIENT) for name in self.labels] or [False])
        self._shown: Mask = ~hidden[self.label]
        self.strangers: list[Ref] = []
        self._stranger: dict[bytes, int] = {}
        self._same_ref: Ints | None = None
        self._same_call: dict[int, int] = {}
        self._join()
        if not self.counts.all():
            self._leave_out_what_rests_on_others()
            self._join()
        if not apart:
            self._identify()

    def _join(self) -> None:
        """Find the edges that lead to each ref, among the calls that count."""
        edges = self.counts[self.call] & self._shown
        self._makers = _by_ref(np.flatnonzero(edges & self.is_output), self.ref, self.columns.refs)
        self._takers = _by_ref(np.flatnonzero(edges & ~self.is_output), self.ref, self.columns.refs)

    def _leave_out_what_rests_on_others(self) -> None:
        """Leave out calls that were given what only calls that do not belong have made."""
        out, refs = self.is_output & self._shown, self.columns.refs
        makers = np.bincount(self.ref[out & self.counts[self.call]], minlength=refs)
        lost = distinct(self.ref[out & ~self.counts[self.call]])
        lost = lost[makers[lost] == 0]
        while len(lost):
            calls = distinct(self.call[self.taken(lost)])
            calls = calls[self.counts[calls]]
            self.counts[calls] = False
            edges = self.edges_of(calls)
            edges = edges[out[edges]]
            np.subtract.at(makers, self.ref[edges], 1)
            lost = distinct(self.ref[edges])
            lost = lost[makers[lost] == 0]

    def _identify(self) -> None:
        """Let calls be one that are the same here: of one op, given the same, with equal results.

        A call that moved, or ran before an edit that is compatible, is recorded with another
        history once it is found. The youngest stands for all, and so do its outputs.
        """
        twins = self._twins()
        if not len(twins):
            return
        same = np.arange(self.columns.refs)
        self.ref = self.ref.copy()
        known: dict[object, int] = {}
        todo = twins.tolist()
        while todo:
            call = todo.pop()
            if not self.counts[call]:
                continue
            edges = self.edges_of_call(call)
            given = frozenset(
                (int(self.label[e]), int(self.ref[e])) for e in edges if not self.is_output[e]
            )
            made = [e for e in edges if self.is_output[e]]
            contents = tuple((int(self.label[e]), self.content(int(self.ref[e]))) for e in made)
            key = int(self.op[call]), given, contents
            other = known.setdefault(key, call)
            if other == call or not self.counts[other]:
                known[key] = call
                continue
            old, new = min(call, other), max(call, other)
            known[key] = new
            self.counts[old] = False
            self._same_call[old] = new
            outputs = {
                int(self.label[e]): int(self.ref[e])
                for e in self.edges_of_call(new)
                if self.is_output[e]
            }
            for edge in self.edges_of_call(old):
                ref, target = int(self.ref[edge]), outputs.get(int(self.label[edge]))
                if not self.is_output[edge] or target is None or ref == target:
                    continue
                same[ref] = target
                moved = self.makers(ref) + self.takers(ref)
                self.ref[moved] = target
                todo += [int(self.call[e]) for e in self.takers(ref) + self.takers(target)]
        while True:
            further = same[same]
            if np.array_equal(further, same):
                break
            same = further
        self._same_ref = same
        self.ref = same[self.columns.ref]
        self._join()

    def _twins(self) -> Ints:
        """Return the calls that may be the same as others, by a hash of what they were given."""
        edges = np.flatnonzero(self.counts[self.call] & self._shown & ~self.is_output)
        mixed = (self.ref[edges] + 1).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= (self.label[edges] + 1).astype(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F)
        mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
        sums = self.op.astype(np.uint64)
        np.add.at(sums, self.call[edges], mixed)
        calls = np.flatnonzero(self.counts)
        _, of, sizes = np.unique(sums[calls], return_inverse=True, return_counts=True)
        found: Ints = calls[sizes[of.reshape(-1)] > 1]
        return found

    # Where edges lead -----------------------------------------------------------------------

    def made(self, refs: Ints) -> Ints:
        """Return the edges by which calls returned some refs."""
        return _spread(self._makers, refs)

    def taken(self, refs: Ints) -> Ints:
        """Return the edges by which calls were given some refs."""
        return _spread(self._takers, refs)

    def is_made(self, refs: Ints) -> Mask:
        """Say of each ref whether a call returned it."""
        starts, _ = self._makers
        known = np.minimum(refs, len(starts) - 2)
        if len(starts) < 2:
            return np.zeros(len(refs), bool)
        found: Mask = (refs < len(starts) - 1) & (starts[known + 1] > starts[known])
        return found

    def edges_of(self, calls: Ints) -> Ints:
        """Return the edges of some calls, in their order."""
        first = self.columns.first
        edges = ranges(first[calls], first[calls + 1])
        return edges[self._shown[edges]]

    def home_of(self, op: str, recorded: Mapping[int, str]) -> str:
        """Return the key that an op has in this world, where it may be elsewhere.

        Args:
            op: its key now.
            recorded: keys of ops by row.
        """
        if not len(self.calls_of(op)):
            for run, home in zip(self.columns.runs, self.homes, strict=True):
                if recorded.get(run.op) == op and home[0] is not Belongs.NO:
                    return home[1]
        return op

    def calls_of(self, op: str) -> Ints:
        """Return the calls of an op, by its key."""
        if op not in self.places:
            return NONE
        return np.flatnonzero(self.counts & (self.op == self.places[op]))

    def makers(self, ref: int) -> list[int]:
        """Return the edges by which calls returned a ref."""
        return _of(self._makers, ref)

    def takers(self, ref: int) -> list[int]:
        """Return the edges by which calls were given a ref."""
        return _of(self._takers, ref)

    def edges_of_call(self, call: int) -> list[int]:
        """Return the edges of a call, in their order."""
        first = self.columns.first
        edges = range(int(first[call]), int(first[call + 1]))
        return [edge for edge in edges if self._shown[edge]]

    def order(self, op: str) -> dict[str, int]:
        """Return the names of the arguments and outputs of an op, with their places."""
        place = self.places.get(op, -1)
        names: dict[str, int] = {}
        for number in distinct(self.columns.run[self.op == place]).tolist()[::-1]:
            run = self.columns.runs[number]
            for name in (*run.inputs, *run.outputs):
                if not name.startswith(TRANSIENT):
                    names.setdefault(name, len(names))
        return names

    # Objects --------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """One more than the greatest number of a ref."""
        return self.columns.refs + len(self.strangers)

    def number_of(self, ref: Ref) -> int:
        """Return the number of a Ref."""
        found = self.numbers([ref.hid])[0]
        if found < 0:
            found = self._stranger[ref.hid] = self.size
            self.strangers.append(ref)
        return int(found)

    def numbers(self, hids: Sequence[bytes]) -> list[int]:
        """Return the numbers of refs by history id; -1: there is none."""
        known = self.columns.find(hids)
        if self._same_ref is not None:
            known[known >= 0] = self._same_ref[known[known >= 0]]
        found: list[int] = known.tolist()
        return [
            self._stranger.get(hid, -1) if number < 0 else number
            for hid, number in zip(hids, found, strict=True)
        ]

    def call_numbers(self, hids: Sequence[bytes]) -> list[int]:
        """Return the numbers of calls by history id; -1: there is none."""
        own = {hid.tobytes(): number for number, hid in enumerate(self.columns.hids)}
        found = [own.get(hid, -1) for hid in hids]
        return [self._last(number) for number in found]

    def _last(self, call: int) -> int:
        """Return the call that stands for one."""
        while call in self._same_call:
            call = self._same_call[call]
        return call

    def hid(self, ref: int) -> bytes:
        """Return the history id of a ref."""
        known = self.columns.refs
        return (
            self.columns.ref_hids[ref].tobytes() if ref < known else self.strangers[ref - known].hid
        )

    def content(self, ref: int) -> bytes:
        """Return the content id of a ref."""
        known = self.columns.refs
        return self.columns.content(ref) if ref < known else self.strangers[ref - known].cid

    def refs(self, numbers: Sequence[int]) -> list[Ref]:
        """Return Refs; their values are loaded when somebody looks at them."""
        known = self.columns.refs
        edges = [self.columns.edge(number) for number in numbers if number < known]
        found = iter(refs_at(self.results, edges))
        return [
            next(found) if number < known else self.strangers[number - known] for number in numbers
        ]

    def calls(self, numbers: Sequence[int]) -> list[LazyCall]:
        """Return calls, of which only what is asked for is read."""
        ops = self.op[np.asarray(numbers, np.int64)].tolist()
        shared = [Shared(self.results, self.columns, key) for key in self.ops]
        return [LazyCall(shared[op], number) for number, op in zip(numbers, ops, strict=True)]

    def values(self, numbers: Sequence[int]) -> list[Any]:
        """Return the values of refs; one that is lost is shown as a Ref without it."""
        wanted = np.asarray(numbers, np.int64)
        known = np.minimum(wanted, self.columns.refs - 1)
        if not self.columns.refs:
            return [self.strangers[number].value for number in numbers]
        found, large = self.columns.small_values(known)
        strange = wanted >= self.columns.refs
        for place in np.flatnonzero(strange).tolist():
            found[place] = self.strangers[numbers[place] - self.columns.refs].value
        places = np.flatnonzero(large & ~strange).tolist()
        if places:
            contents = [self.columns.content(numbers[place]) for place in places]
            try:
                values = load_all(self.results, contents)
            except ValueLost:
                values = [self._value(numbers[place]) for place in places]
            for place, value in zip(places, values, strict=True):
                found[place] = value
        return found

    def _value(self, number: int) -> Any:
        edge: Edge = self.columns.edge(number)
        try:
            return self.results.load(edge.cid)
        except ValueLost:
            return Ref(edge.hid, edge.cid, self.results)


class Applied(Web):
    """A web that shows other values: each is what a function makes of it.

    Args:
        web: the web.
        function: gets each value, or each Ref.
        refs: whether it gets Refs.
    """

    def __init__(self, web: Web, function: Callable[[Any], Any], *, refs: bool) -> None:
        vars(self).update(vars(web))
        self._web, self._function, self._of_refs = web, function, refs

    def values(self, numbers: Sequence[int]) -> list[Any]:
        """Return what the function makes of each."""
        found = self._web.refs(numbers) if self._of_refs else self._web.values(numbers)
        return [unwrap(self._function(each)) for each in found]

    def refs(self, numbers: Sequence[int]) -> list[Ref]:
        """Return the same as Refs that no storage keeps."""
        return [wrap_atom(value) for value in self.values(numbers)]


def distinct(numbers: Ints) -> Ints:
    """Return numbers sorted, each once: most are so already, and to sort beats a hash table."""
    if len(numbers) < 2 or bool((numbers[1:] > numbers[:-1]).all()):
        return numbers
    ordered = np.sort(numbers)
    first = np.ones(len(ordered), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


def _by_ref(edges: Ints, refs: Ints, count: int) -> tuple[Ints, Ints]:
    """Return edges sorted by ref, and of each ref the place of its first edge there (CSR)."""
    ends = refs[edges]
    starts = np.concatenate(([0], np.cumsum(np.bincount(ends, minlength=count))))
    return starts.astype(np.int64), edges[np.argsort(ends, kind="stable")]


def _spread(table: tuple[Ints, Ints], refs: Ints) -> Ints:
    starts, edges = table
    refs = refs[refs < len(starts) - 1]
    return edges[ranges(starts[refs], starts[refs + 1])]


def _of(table: tuple[Ints, Ints], ref: int) -> list[int]:
    starts, edges = table
    if ref >= len(starts) - 1:
        return []
    found: list[int] = edges[starts[ref] : starts[ref + 1]].tolist()
    return found


def ranges(starts: Ints, ends: Ints) -> Ints:
    """Return all numbers of some ranges, one range after the other."""
    sizes = ends - starts
    total = int(sizes.sum())
    if not total:
        return NONE
    before = np.cumsum(sizes) - sizes
    found: Ints = np.arange(total) + np.repeat(starts - before, sizes)
    return found


# What was read lasts until somebody writes; what belongs, until code or verdicts change.
_READ: WeakKeyDictionary[Results, tuple[tuple[int, int], Columns]] = WeakKeyDictionary()
_WEBS: WeakKeyDictionary[Columns, dict[object, Web]] = WeakKeyDictionary()


def forget() -> None:
    """Read calls anew when they are asked for next."""
    _READ.clear()


def web_of(versioning: Versioning, *, all_versions: bool = False) -> Web:
    """Return the web of the calls that belong to a world, those that wait to be written too.

    Args:
        versioning: judges in that world.
        all_versions: whether calls that do not belong count, too.
    """
    with versioning:
        return web_in(versioning.results, versioning.shares(), all_versions=all_versions)


def web_in(results: Results, shares: Belonging, *, all_versions: bool = False) -> Web:
    """Return the web of the calls that belong to a world; see `web_of`.

    Args:
        results: where calls are recorded.
        shares: judges in that world.
        all_versions: whether calls that do not belong count, too.
    """
    with results.looking() as database:
        known = _READ.get(results)
        if known is None or known[0] != moment(database):
            columns, when = all_columns(results)
            _READ[results] = when, columns
        else:
            columns = known[1]
    keys = dict(results.ops())
    homes = tuple(
        (Belongs.YES, key_of(run.op))
        if run.version == BUILT
        else shares.home(run.version, keys[run.op])
        for run in columns.runs
    )
    if all_versions:
        homes = tuple((Belongs.YES, key) for _, key in homes)
    webs = _WEBS.setdefault(columns, {})
    asked = homes, all_versions
    if asked not in webs:
        webs[asked] = Web(results, columns, homes, apart=all_versions)
    return webs[asked]
