"""The memo: finds recorded calls, makes new ones, and records them.

A call is looked up three times, each time more thoroughly: in the table of this process by its
arguments' identity (a hit costs microseconds: one dictionary and the guard); in the results by
the contents of its inputs; and if nothing that belongs here is found, it runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mandala_git.errors import MandalaWarning, ResultsError, UnhashableValue, ValueLost
from mandala_git.ops.arguments import Bound
from mandala_git.ops.context import Context
from mandala_git.ops.entries import (
    Entry,
    Search,
    output_container,
    refs_of,
    returned,
    token_of,
    token_of_bound,
)
from mandala_git.ops.finding import Finder
from mandala_git.ops.given import Given, Input
from mandala_git.ops.keeping import Keeper, Outputs, content_of, differ, ordered
from mandala_git.ops.making import Made, make, make_async
from mandala_git.ops.op import Op
from mandala_git.ops.refs import Ref, unwrap
from mandala_git.ops.special import Transient, settled
from mandala_git.ops.trouble import Trouble, missing_call
from mandala_git.ops.versioning import CallVersion, Versioning
from mandala_git.results.atoms import CONSTANT
from mandala_git.results.calls import MISSING, Candidate
from mandala_git.results.ids import ID_SIZE, call_hid, output_hid, value_hid
from mandala_git.results.store import Results
from mandala_git.results.structures import Structure

if TYPE_CHECKING:
    import asyncio

    from mandala_git.results.flights import Flights

_MANY = 200_000
"""Entries of the table in memory; beyond, it starts over."""


class Memo(Finder):
    """Answers calls of ops in a block.

    What the disk refuses never stops a program: a call that cannot be looked up or recorded
    runs all the same, and `trouble` says so.

    Args:
        results: where calls are recorded.
        versioning: which versions count.
        flights: sees to it that a call is computed once; None: who needs it computes it.
        transparent: whether elements of plain containers are values of their own, where
            annotations say that there are containers.

    Attributes:
        changed: is told of recorded calls that were given the same and ran other code; says
            whether it is worth looking again.
        new_calls: whether calls may be made that are not recorded.
        executed, found: how many calls ran, and how many were found instead.
        trouble: tells the user what does not work.
    """

    def __init__(
        self,
        results: Results,
        versioning: Versioning,
        flights: Flights | None = None,
        *,
        transparent: bool = False,
    ) -> None:
        self.results = results
        self.transparent = transparent
        self.versioning = versioning
        self.flights = flights
        self.changed: Callable[[Op[..., Any], Sequence[Candidate]], bool] | None = None
        self.new_calls = True
        self.executed = 0
        self.found = 0
        self.trouble = Trouble()
        self._table: dict[object, Entry] = {}
        self._said: set[tuple[Op[..., Any], str]] = set()
        self._keeper = Keeper(results, versioning, self.trouble)
        self._generation: tuple[object, int] | None = None
        self._airborne: dict[tuple[int, bytes], asyncio.Event] = {}  # calls that tasks are making

    def name(self, obj: Any) -> str | None:
        """Return the project key of a function or class, None for other people's."""
        return self.versioning.name(obj)

    def enter(self) -> None:
        """Begin a block: others may have recorded calls or given verdicts."""
        written: object
        try:
            written = self.results.generation()[0]
        except ResultsError as error:
            self.trouble.unfound(error)
            written = None
        with self.versioning:
            generation = written, self.versioning.enter()
        if generation != self._generation:
            self._table.clear()
        self._generation = generation
        self._keeper.session = None

    def leave(self) -> None:
        """End a block: what waits is written."""
        self.settle()
        self.versioning.leave()

    def settle(self) -> None:
        """Write what waits."""
        try:
            self.results.flush()
        except ResultsError as error:
            self.trouble.waiting(error)

    # -- a call --------------------------------------------------------------------------

    def call(
        self, op: Op[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], context: Context
    ) -> Any:
        """Find the recorded call of an op or make it.

        Returns:
            Refs at the top of a block; plain values inside another op.
        """
        if len(args) == op.arity and not kwargs:
            bound, token = None, token_of(op, args)
        else:
            bound = op.bind(args, kwargs)
            token = token_of_bound(op, bound)
        entry = self._table.get(token)
        if entry is not None:
            if entry.guard.holds():
                self.found += 1
                try:
                    return self._answer(entry, context)
                except ValueLost:  # somebody deleted it since
                    self.found -= 1
            else:
                with self.versioning:
                    self.versioning.renew()
            self._table.clear()
        if bound is None:
            bound = tuple(zip(op.plan.names or (), args, strict=True))
        return self._call(op, bound, token, context)

    def _answer(self, entry: Entry, context: Context) -> Any:
        if context.running is not None:
            self._link(entry.key, entry.vid, context)
        results = self.results
        if entry.kinds is not None:
            found = refs_of(entry.outputs, entry.kinds, results)
            return returned(found if context.refs else [ref.load() for ref in found])
        if len(entry.outputs) == 1:
            hid, content = entry.outputs[0]
            ref = Ref(hid, content, results)
            return ref if context.refs else ref.load()
        if not entry.outputs:
            return None
        refs = [Ref(hid, content, results) for hid, content in entry.outputs]
        return tuple(refs) if context.refs else tuple(ref.load() for ref in refs)

    def _link(self, key: str, vid: str, context: Context) -> None:
        tracker = self.versioning.tracker
        if tracker is not None:
            tracker.link(key.partition(".<locals>")[0], vid, context.running)

    def _call(self, op: Op[..., Any], bound: Bound, token: object | None, context: Context) -> Any:
        search = self._search(op, bound, token)
        if search.entry is None:
            self._check_new(op, context)
        if search.entry is None and self.flights is None:
            return self._made(search, make(op, search.given, self.versioning, context), context)
        if search.entry is None and self.flights is not None:
            with self.flights.alone(self._flight(search)):
                self._look(search)
                if search.entry is None:
                    try:
                        made = make(op, search.given, self.versioning, context)
                        return self._made(search, made, context)
                    finally:
                        self.settle()  # so that who waits for it finds it
        return self._hit_answer(search, context)

    def _check_new(self, op: Op[..., Any], context: Context) -> None:
        """Refuse to make a call where none may be made.

        Raises:
            MissingCall: new calls are not allowed here.
        """
        allowed = context.modes.new_calls
        if not (self.new_calls if allowed is None else allowed):
            raise missing_call(
                op, "Make it in a block that allows it: with storage(allow_new_calls=True): ..."
            )

    async def call_async(
        self, op: Op[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], context: Context
    ) -> Any:
        """Find the recorded call of a coroutine function or make it; see `call`."""
        bound = op.bind(args, kwargs)
        token = token_of_bound(op, bound)
        entry = self._table.get(token)
        if entry is not None and entry.guard.holds():
            self.found += 1
            return self._answer(entry, context)
        search = self._search(op, bound, token)
        if search.entry is None:
            self._check_new(op, context)
        if search.entry is None and self.flights is not None:
            return await self._alone(search, context)
        if search.entry is not None:
            return self._hit_answer(search, context)
        made = await make_async(op, search.given, self.versioning, context)
        return self._made(search, made, context)

    async def _alone(self, search: Search, context: Context) -> Any:
        """Make a call that no other task of this event loop is making."""
        import asyncio

        flight = id(asyncio.get_running_loop()), self._flight(search)
        while (other := self._airborne.get(flight)) is not None:
            await other.wait()
            self._look(search)
            if search.entry is not None:
                return self._hit_answer(search, context)
        here = self._airborne[flight] = asyncio.Event()
        try:
            made = await make_async(search.op, search.given, self.versioning, context)
            return self._made(search, made, context)
        finally:
            del self._airborne[flight]
            here.set()

    def _flight(self, search: Search) -> bytes:
        """Return what tells a call that is being made from others."""
        return output_hid(search.key, self.versioning.key(search.op))

    def _search(self, op: Op[..., Any], bound: Bound, token: object | None) -> Search:
        """Look a call up; in results, too, if the table of this process does not have it."""
        given = Given(op, bound, self._keeper.transient, op.specs(self.transparent))
        if token is None:
            token = (op, "hids", *((each.name, each.hid) for each in given.inputs))
            entry = self._table.get(token)
            if entry is not None and entry.guard.holds():
                return Search(op, given, token, b"", entry)
        search = Search(op, given, token, self._key(op, given.inputs))
        self._look(search)
        return search

    def _look(self, search: Search) -> None:
        """Look a call up in results."""
        search.entry, search.candidates = self._find(search.op, search.key, search.given)
        if search.entry is None and search.candidates and self.changed is not None:
            with self.versioning:
                worth = self.changed(search.op, search.candidates)
            if worth:
                search.entry, search.candidates = self._find(search.op, search.key, search.given)

    def _hit_answer(self, search: Search, context: Context) -> Any:
        """Answer with the recorded call that a search came upon."""
        assert search.entry is not None
        self.found += 1
        self._remember(search.token, search.entry)
        return self._answer(search.entry, context)

    def _find(
        self, op: Op[..., Any], key: bytes, given: Given
    ) -> tuple[Entry | None, list[Candidate]]:
        """Return the entry of a recorded call that belongs here, and all that were looked at."""
        candidates: list[Candidate] = []
        try:
            with self.versioning:
                if self.flights is not None:
                    self.results.catch_up()  # with whoever has just made this call
                candidates, choice = self._matching(op, key, given)
                return choice and self._hit(op, key, given.inputs, candidates, *choice), candidates
        except UnhashableValue:
            raise
        except ResultsError as error:
            self.trouble.unfound(error)
            return None, candidates

    def forget(self) -> None:
        """Look all calls up again: what the table of this process says may not be true."""
        self._table.clear()

    def _hit(
        self,
        op: Op[..., Any],
        key: bytes,
        inputs: list[Input],
        candidates: list[Candidate],
        chosen: Candidate,
        version: CallVersion,
    ) -> Entry:
        """Return the entry of a recorded call, under these inputs' history ids."""
        name = self.versioning.key(op)
        hid = call_hid(name, [(label, ref) for label, ref, _, _ in inputs], version.vid, key)
        edges = ordered(op, chosen.outputs)
        if chosen.hid != hid:
            outputs: Outputs = [
                (edge.label, output_hid(hid, edge.label), edge.cid, MISSING) for edge in edges
            ]
            known = next((other for other in candidates if other.hid == hid), None)
            if known is None:
                self._keeper.alias(op, key, hid, inputs, outputs, version, chosen)
            elif differ(known.outputs, edges):
                # It lost its values, and other ones were made when it ran again.
                outputs = [(edge.label, edge.hid, edge.cid, MISSING) for edge in edges]
            made = tuple([(h, c) for _, h, c, _ in outputs])
        else:
            made = tuple([(ref, content) for _, _, ref, content in edges])
        return Entry(version.guard, made, version.vid.hex(), name, self.kinds(op, made))

    def kinds(
        self, op: Op[..., Any], outputs: tuple[tuple[bytes, bytes], ...]
    ) -> tuple[str | None, ...] | None:
        """Return of each output that is a container the name of its kind; None: none is one."""
        specs = op.specs(self.transparent)
        if not op.refs and (specs is None or specs.shape is None):
            return None  # it returns none
        from mandala_git.results import containers

        return containers.kinds(self.results, [content for _, content in outputs])

    def _made(self, search: Search, made: Made, context: Context) -> Any:
        """Record a call that ran, and answer with it."""
        op = search.op
        self.executed += 1
        entry, version = None, made.version
        if version is not None and context.running is not None:
            self._link(self.versioning.key(op), version.vid.hex(), context)
        specs = op.specs(self.transparent)
        parts = op.split(made.returned, specs)
        if op.refs or specs is not None:
            from mandala_git.ops.apart import outputs_of

            parts = outputs_of(parts, specs, op.name, refs=op.refs)
        if version is not None:
            ids = self._keeper.keep(op, search.key, made, parts, version, search.candidates)
            if ids is not None:
                kinds = self.kinds(op, ids)
                key = self.versioning.key(op)
                entry = Entry(version.guard, ids, version.vid.hex(), key, kinds)
        elif made.refusal is not None:
            self.trouble.unkept(made.refusal)
        if entry is None:
            return self._unkept(op, made.returned, parts, context)
        if made.why:
            self._say(op, made.why)
        if made.reusable:
            self._remember(search.token, entry)
        plain = not context.refs
        if plain and (made.why or all(type(part) in CONSTANT for part in parts)):
            return _plainly(op, made.returned)
        refs = [self._output(*each, part) for each, part in zip(entry.outputs, parts, strict=True)]
        if not plain:
            return returned(refs)
        # Arguments, globals or caches may share what the function returned, which could be changed
        # through them: what is given is what will be found.
        try:
            load = self.results.load
            return returned([r.load() if r.in_memory else load(r.cid, recover=False) for r in refs])
        except ResultsError:
            return _plainly(op, made.returned)

    def _output(self, hid: bytes, content: bytes, part: Any) -> Ref:
        """Return the Ref of an output that was just recorded."""
        if isinstance(part, Ref):
            if type(part) is not Ref:
                return part.under(hid, self.results)
            part = part.load() if part.in_memory else MISSING
        elif type(part) is Structure:
            return output_container(hid, part.lasting(), self.results)
        elif type(part) is Transient:
            part = part.value
        unhashable = self._keeper.transient.get(content)
        if unhashable is None or part is MISSING:
            # What can change may be held by somebody else: a Ref has its recorded form.
            return Ref(hid, content, self.results, part if type(part) in CONSTANT else MISSING)
        ref = Ref(hid, content, self.results, part)
        if not unhashable:
            ref.expose()  # nothing but this very object holds the value
        return ref

    def _say(self, op: Op[..., Any], why: str) -> None:
        """Tell the user, once, why calls of an op are not found again."""
        if (op, why) not in self._said:
            self._said.add((op, why))
            import warnings

            warnings.warn(
                f"calls of {op.name} are recorded, but not found again: {why}",
                MandalaWarning,
                stacklevel=6,
            )

    def _unkept(
        self, op: Op[..., Any], value: Any, parts: tuple[Any, ...], context: Context
    ) -> Any:
        """Answer with what a call returned that is not recorded."""
        if not context.refs:
            return _plainly(op, value)
        refs = []
        for number, part in enumerate(parts):
            content = content_of(op, number, parts) or os.urandom(ID_SIZE)
            if type(part) is Structure:
                refs.append(output_container(value_hid(content), part, self.results))
                continue
            held = part.load() if isinstance(part, Ref) else settled(part)
            refs.append(Ref(value_hid(content), content, self.results, held))
            refs[-1].expose()  # nothing but this very object holds the value
        return returned(refs)

    def _remember(
        self,
        token: object,
        entry: Entry,
    ) -> None:
        if len(self._table) >= _MANY:
            self._table.clear()
        self._table[token] = entry


def _plainly(op: Op[..., Any], value: Any) -> Any:
    """Return what a function returned, without Refs and marks."""
    return settled(unwrap(value) if op.refs else value)
