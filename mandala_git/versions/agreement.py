"""Agreement: whether a recorded version belongs to a world.

A recorded definition agrees with a meaning when some member of the meaning's class has the
same skeleton and each of its slots that was used leads to one that agrees with that member's
slot. This is a greatest fixed point over pairs (recorded definition, meaning): all reachable
pairs are assumed to agree, each with its alternatives, and those that cannot are taken out
until nothing changes. Cycles need no special care, and nothing here recurses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple, Protocol

from mandala_git.source.definitions import MODULE, Definition, Kind
from mandala_git.source.snapshot import Snapshot
from mandala_git.versions.classes import Classes
from mandala_git.versions.meanings import EVERYTHING, Meaning, Node, Ref, visible_name
from mandala_git.versions.recorded import (
    LeafEnd,
    LinkEnd,
    NodeEnd,
    Recorded,
    RecordedEnd,
    RecordedNode,
    Value,
    slot_name,
)
from mandala_git.versions.verdicts import Edge


class Belongs(Enum):
    """Whether a recorded version belongs to a world."""

    NO = 0
    UNKNOWN = 1  # the code agrees, but a value is not determined by source alone
    YES = 2


class Undetermined(Enum):
    """What a world answers about a value that its source does not determine."""

    UNDETERMINED = 0


UNDETERMINED = Undetermined.UNDETERMINED


class World(Protocol):
    """What agreement asks of a world; see worlds.py."""

    @property
    def snapshot(self) -> Snapshot:
        """The code."""

    @property
    def classes(self) -> Classes:
        """The classes of meanings."""

    @property
    def process(self) -> str:
        """Name of this process, "" where none runs."""

    def meaning(self, key: str) -> Meaning | None:
        """Return the meaning of a key here, None when there is no such definition."""

    def keys_of(self, meaning: Meaning) -> list[str]:
        """Return the keys of this world with a meaning."""

    def value(self, node: Node) -> str | Undetermined | None:
        """Return the content id (hex) of a global's value here."""

    def same(self, node: Node) -> object | None:
        """Return what tells one object from another for a value that may change in place."""

    def recorded(self, version: str) -> Recorded | None:
        """Return a recorded version by id."""

    def text(self, text_id: str) -> Definition | None:
        """Return the definition of a text."""

    def literal(self, source: str) -> str:
        """Return the content id (hex) of a literal."""


Pair = tuple[str, int, Meaning]
"""(version id, number of the node, meaning of the world)."""


@dataclass(slots=True)
class _Way:
    """One alternative by which a pair may agree: all these pairs must."""

    needs: tuple[Pair, ...]
    sure: bool = True
    # For a value that may change in place: which object it was, and which it is here.
    shared: tuple[str, object] | None = None


class Stop(NamedTuple):
    """A deepest pair at which the walk of a version stops.

    Attributes:
        key_old: of the recorded definition.
        text_old: its text id.
        key_new: of the definition in the world, "" when it is gone.
        text_new: its text id, "" when it is gone.
    """

    key_old: str
    text_old: str
    key_new: str
    text_new: str

    @property
    def edge(self) -> Edge:
        """The edge that a verdict about this stop would have."""
        return Edge(self.key_old, self.text_old, self.key_new, self.text_new)


@dataclass(slots=True)
class Outcome:
    """The answer about one version.

    Attributes:
        belongs: the answer.
        stops: if it does not, where the walk stopped.
        keys: if it does, the definitions of the world that the answer rests on; None when
            some cannot be told, and it rests on the whole static closure of the op.
    """

    belongs: Belongs
    stops: tuple[Stop, ...] = ()
    keys: frozenset[str] | None = None


@dataclass(slots=True)
class Agreement:
    """Judge versions in one world.

    Args:
        world: the world.
        assume: edges to be read as if they were compatible with all else as in the world;
            for looking past an open question.
    """

    world: World
    assume: frozenset[Edge] = frozenset()
    _ways: dict[Pair, list[_Way]] = field(default_factory=dict)

    def judge(self, version: Recorded, op: str | None = None) -> Outcome:
        """Decide whether a version belongs to the world.

        Args:
            version: what a call ran.
            op: key of the op in the world, where it moved.
        """
        if version.volatile and version.volatile != self.world.process:
            return Outcome(Belongs.NO)
        roots, missing = self._roots(version, op or version.op)
        if missing:
            return Outcome(Belongs.NO, tuple(missing))
        reached = self._reach(roots)
        for belongs in (Belongs.YES, Belongs.UNKNOWN):
            sure = belongs is Belongs.YES
            dead = self._fall(reached, sure=sure)
            if not dead.intersection(roots):
                used = self._paired(roots, dead, sure=sure)
                if used is not None:
                    return Outcome(belongs, keys=self._keys(used))
        return Outcome(Belongs.NO, tuple(sorted(self._stops(roots, dead))))

    # -- building the pairs --------------------------------------------------------------

    def _roots(self, version: Recorded, op: str) -> tuple[list[Pair], list[Stop]]:
        """The op, what was reached by key alone, and nested calls reached by key alone."""
        pairs: list[Pair] = []
        missing: list[Stop] = []
        todo = [(version, op)]
        seen = {version.id}
        while todo:
            recorded, key = todo.pop()
            wanted = [(0, key), *((n, recorded.nodes[n].key) for n in recorded.roots)]
            for number, name in wanted:
                meaning = self.world.meaning(name)
                node = recorded.nodes[number]
                if meaning is None:
                    missing.append(Stop(node.key, node.text_id, "", ""))
                else:
                    pairs.append((recorded.id, number, meaning))
            for name, link in recorded.links:
                linked = self.world.recorded(link)
                if linked is None:
                    missing.append(Stop(name, "", "", ""))
                elif link not in seen:
                    seen.add(link)
                    todo.append((linked, name))
        return pairs, missing

    def _reach(self, roots: Iterable[Pair]) -> set[Pair]:
        seen: set[Pair] = set()
        todo = list(roots)
        while todo:
            pair = todo.pop()
            if pair in seen:
                continue
            seen.add(pair)
            if pair not in self._ways:
                self._ways[pair] = self._alternatives(pair)
            for way in self._ways[pair]:
                todo += way.needs
        return seen

    def _alternatives(self, pair: Pair) -> list[_Way]:
        version, number, meaning = pair
        recorded = self.world.recorded(version)
        if recorded is None:
            return []
        node = recorded.nodes[number]
        definition = self.world.text(node.text_id)
        if definition is None:
            return []
        extra: tuple[Pair, ...] = ()
        if number == 0 and recorded.roots:
            # A nested call that was reached by name brings what it reached by key.
            by_key: list[Pair] = []
            for root in recorded.roots:
                found = self.world.meaning(recorded.nodes[root].key)
                if found is None:
                    return []
                by_key.append((version, root, found))
            extra = tuple(by_key)
        ways = []
        for member in self.world.classes.members(meaning):
            other = self.world.classes.nodes[member]
            own = self.world.classes.nodes[meaning]
            way = self._compare(version, recorded, node, definition, other, own)
            if way is not None:
                way.needs += extra
                ways.append(way)
        if not ways and self.assume:
            assumed = self._assumed(version, recorded, node, definition, meaning)
            if assumed is not None:
                ways.append(_Way(assumed + extra))
        return ways

    def _compare(
        self,
        version: str,
        recorded: Recorded,
        node: RecordedNode,
        definition: Definition,
        other: Node,
        own: Node,
    ) -> _Way | None:
        """Return what must agree for a recorded definition to agree with a node.

        Args:
            version: id of the version.
            recorded: the version.
            node: one definition of it.
            definition: its text.
            other: a member of the class of the world's meaning: its code is compared.
            own: the world's meaning itself: its value is compared.
        """
        if definition.kind is not other.kind:
            return None
        way = _Way(())
        if definition.kind is Kind.CLASS and other.key != node.key:
            return None
        value = node.value
        if value is not None:
            here = self.world.value(own)
            if not self.world.process and self._mutated(value, definition):
                here = UNDETERMINED
            if value.same is not None and (object_here := self.world.same(own)) is not None:
                way.shared = (value.same, object_here)
            if value.plain and value.cid is not None and value.cid == here:
                return way  # equal plain data agrees wherever it came from
            if here is UNDETERMINED:
                way.sure = False
            elif not self._by_source(value.cid, here, definition, own) and value.cid != here:
                return None
        elif (
            definition.kind in (Kind.FUNCTION, Kind.CLASS)
            and own.key
            and self.world.value(own) not in (None, UNDETERMINED)
        ):
            return None  # it was as its text says, and is not any more
        if definition.skeleton != other.skeleton:
            return None
        slots = {str(slot): refs for slot, refs in other.slots}
        needs: list[Pair] = []
        for name, slot, called in self._used(definition):
            ends = node.slots.get(name, _UNKNOWN)
            if ends is _UNKNOWN:
                return None
            if ends is None:
                continue
            pairs = self._match(version, recorded, ends, slots.get(slot, ()), called)
            if pairs is None:
                return None
            needs += pairs
        way.needs = tuple(dict.fromkeys(needs))
        return way

    def _mutated(self, value: Value, definition: Definition) -> bool:
        """Whether a global was no more what its literal says: then no source tells its value."""
        return (
            definition.mutable
            and definition.literal is not None
            and value.cid != self.world.literal(definition.literal)
        )

    def _by_source(
        self, value: str | None, here: str | None, definition: Definition, own: Node
    ) -> bool:
        """Whether both values are what a literal in the source says."""
        if definition.literal is None or own.literal is None:
            return False
        return value == self.world.literal(definition.literal) and here == self.world.literal(
            own.literal
        )

    @staticmethod
    def _used(definition: Definition) -> Iterable[tuple[str, str, bool]]:
        """Yield (slot as recorded, slot in a node, only called) of all slots."""
        for number, hole in enumerate(definition.holes):
            yield slot_name(definition, number), str(number), hole.called
        if definition.kind is not Kind.MODULE:
            yield MODULE, MODULE, True
        for member in definition.members:
            name = "::" + member.rpartition(".")[2]
            yield name, name, True
        for attribute in definition.attrs:
            yield f".{attribute}", f".{attribute}", True
        if definition.dynamic:
            yield EVERYTHING, EVERYTHING, True

    def _match(
        self,
        version: str,
        recorded: Recorded,
        ends: tuple[RecordedEnd, ...],
        refs: tuple[Ref, ...],
        called: bool,
    ) -> list[Pair] | None:
        if any(isinstance(end, LinkEnd) for end in ends):
            # Several nested calls through one name: each of their versions must agree.
            if len(refs) != 1 or refs[0].leaf or refs[0].rest:
                return None
            return [(e.version, 0, refs[0].meaning) for e in ends if isinstance(e, LinkEnd)] + [
                (version, e.node, refs[0].meaning) for e in ends if isinstance(e, NodeEnd)
            ]
        if len(ends) != len(refs):
            return None
        pairs: list[Pair] = []
        for end, ref in zip(ends, refs, strict=True):
            match end:
                case LeafEnd(leaf, rest):
                    if leaf != ref.leaf or rest != ref.rest:
                        return None
                case NodeEnd(number, rest):
                    if ref.leaf or rest != ref.rest:
                        return None
                    if not called or "__doc__" in rest:
                        text = self.world.text(recorded.nodes[number].text_id)
                        if text is None or visible_name(text, called, rest) != ref.name:
                            return None
                    pairs.append((version, number, ref.meaning))
        return pairs

    def _assumed(
        self,
        version: str,
        recorded: Recorded,
        node: RecordedNode,
        definition: Definition,
        meaning: Meaning,
    ) -> tuple[Pair, ...] | None:
        """Read the recorded text in the world, as a compatible verdict would let us."""
        keys = self.world.keys_of(meaning)
        here = self.world.snapshot.definition(keys[0]) if keys else None
        if here is None:
            return None
        if Edge(node.key, node.text_id, here.key, here.text_id) not in self.assume:
            return None
        needs: list[Pair] = []
        for number in range(len(definition.holes)):
            ends = node.slots.get(slot_name(definition, number))
            if ends is None:
                continue
            there = self.world.snapshot.resolve(definition, number)
            for end, target in zip(ends, there, strict=False):
                found = self.world.meaning(target.key) if target.key else None
                if found is None:
                    continue
                if isinstance(end, NodeEnd):
                    needs.append((version, end.node, found))
                elif isinstance(end, LinkEnd):
                    needs.append((end.version, 0, found))
        return tuple(needs)

    # -- judging -------------------------------------------------------------------------

    def _fall(self, reached: set[Pair], *, sure: bool) -> set[Pair]:
        """Return the pairs that cannot agree."""
        alive: dict[Pair, int] = {}
        users: dict[Pair, list[tuple[Pair, int]]] = {}
        fallen: set[tuple[Pair, int]] = set()
        todo: list[Pair] = []
        for pair in reached:
            alive[pair] = 0
            for index, way in enumerate(self._ways[pair]):
                if sure and not way.sure:
                    fallen.add((pair, index))
                    continue
                alive[pair] += 1
                for need in way.needs:
                    users.setdefault(need, []).append((pair, index))
            if not alive[pair]:
                todo.append(pair)
        dead: set[Pair] = set()
        while todo:
            pair = todo.pop()
            if pair in dead:
                continue
            dead.add(pair)
            for user, index in users.get(pair, ()):
                if (user, index) in fallen:
                    continue
                fallen.add((user, index))
                alive[user] -= 1
                if not alive[user]:
                    todo.append(user)
        return dead

    def _keys(self, used: set[Pair]) -> frozenset[str] | None:
        keys: set[str] = set()
        for _, _, meaning in used:
            # Equal copies mean the same until one of them is exchanged: watch them all.
            found = self.world.keys_of(meaning)
            if not found:
                return None
            keys.update(found)
        return frozenset(keys)

    def _paired(self, roots: Iterable[Pair], dead: set[Pair], *, sure: bool) -> set[Pair] | None:
        """Return the pairs that the answer rests on.

        None if objects that may change in place are not paired one to one.
        """
        there: dict[str, object] = {}
        back: dict[object, str] = {}
        seen: set[Pair] = set()
        todo = list(roots)
        while todo:
            pair = todo.pop()
            if pair in seen:
                continue
            seen.add(pair)
            way = next(
                w
                for w in self._ways[pair]
                if (w.sure or not sure) and not dead.intersection(w.needs)
            )
            if way.shared is not None:
                old, new = way.shared
                if there.setdefault(old, new) != new or back.setdefault(new, old) != old:
                    return None
            todo += way.needs
        return seen

    def _stops(self, roots: Iterable[Pair], dead: set[Pair]) -> set[Stop]:
        """Return the deepest failing pairs that are definitions on both sides."""
        stops: set[Stop] = set()
        seen: set[Pair] = set()
        todo: list[tuple[Pair, Stop | None]] = [(pair, None) for pair in roots if pair in dead]
        while todo:
            pair, above = todo.pop()
            if pair in seen:
                continue
            seen.add(pair)
            here = self._stop(pair) or above
            ways = self._ways[pair]
            if not ways:
                if here is not None:
                    stops.add(here)
                continue
            best = min(ways, key=lambda way: sum(need in dead for need in way.needs))
            below = [need for need in best.needs if need in dead]
            if not below and here is not None:
                stops.add(here)
            todo += [(need, here) for need in below]
        if not stops:
            # Nothing failed by itself: the pairing did. The roots are what we can name.
            stops = {stop for pair in roots if (stop := self._stop(pair)) is not None}
        return stops

    def _stop(self, pair: Pair) -> Stop | None:
        version, number, meaning = pair
        recorded = self.world.recorded(version)
        keys = self.world.keys_of(meaning)
        here = self.world.snapshot.definition(keys[0]) if keys else None
        if recorded is None or here is None:
            return None
        node = recorded.nodes[number]
        return Stop(node.key, node.text_id, here.key, here.text_id)


class _Unknown(tuple[RecordedEnd, ...]):
    """The ends of a slot that the recording scheme did not know."""


_UNKNOWN: tuple[RecordedEnd, ...] = _Unknown()
