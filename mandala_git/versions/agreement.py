"""Agreement: whether a recorded version belongs to a world.

A recorded definition agrees with a meaning when some member of the meaning's class has the
same skeleton and each of its slots that was used leads to one that agrees with that member's
slot. This is a greatest fixed point over pairs (recorded definition, meaning): all reachable
pairs are assumed to agree, each with its alternatives, and those that cannot are taken out
until nothing changes. Cycles need no special care, and nothing here recurses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING

from mandala_git.records import NamedTuple
from mandala_git.repo.data_files import Listing
from mandala_git.versions.recorded import Recorded
from mandala_git.versions.verdicts import Edge
from mandala_git.versions.ways import Pair, Ways

if TYPE_CHECKING:
    from mandala_git.versions.ways import World


class Belongs(Enum):
    """Whether a recorded version belongs to a world."""

    NO = 0
    UNKNOWN = 1  # the code agrees, but a value is not determined by source alone
    YES = 2


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


class Outcome(NamedTuple):
    """The answer about one version.

    Attributes:
        belongs: the answer.
        stops: if it does not, where the walk stopped.
        keys: if it does, the definitions of the world that the answer rests on; None when
            some cannot be told, and it rests on the whole static closure of the op.
        files: what was found in files that were looked at, by pattern.
    """

    belongs: Belongs
    stops: tuple[Stop, ...] = ()
    keys: frozenset[str] | None = None
    files: Mapping[str, Listing] = MappingProxyType({})


class Agreement:
    """Judge versions in one world.

    Args:
        world: the world.
        assume: edges to be read as if they were compatible with all else as in the world;
            for looking past an open question.
    """

    def __init__(self, world: World, assume: frozenset[Edge] = frozenset()) -> None:
        self.world = world
        self._ways = Ways(world, assume)

    def judge(self, version: str, op: str | None = None) -> Outcome | None:
        """Decide whether a version belongs to the world; None when it is not to be found.

        Args:
            version: id of the version, hex.
            op: key of the op in the world, where it moved.
        """
        recorded = self.world.recorded(version)
        if recorded is None:
            return None
        if recorded.volatile and recorded.volatile != self.world.process:
            return Outcome(Belongs.NO)
        roots, missing = self._roots(version, recorded, op or recorded.op)
        if missing:
            return Outcome(Belongs.NO, tuple(missing))
        reached = self._reach(roots)
        for belongs in (Belongs.YES, Belongs.UNKNOWN):
            sure = belongs is Belongs.YES
            dead = self._fall(reached, sure=sure)
            if not dead.intersection(roots):
                used = self._paired(roots, dead, sure=sure)
                if used is not None:
                    return Outcome(belongs, keys=self._keys(used), files=self._ways.files)
        stops = tuple(sorted(self._stops(roots, dead)))
        return Outcome(Belongs.NO, stops, files=self._ways.files)

    # -- building the pairs --------------------------------------------------------------

    def _roots(self, version: str, recorded: Recorded, op: str) -> tuple[list[Pair], list[Stop]]:
        """The op, what was reached by key alone, and nested calls reached by key alone."""
        pairs: list[Pair] = []
        missing: list[Stop] = []
        todo = [(version, recorded, op)]
        seen = {version}
        while todo:
            version, recorded, key = todo.pop()
            wanted = [(0, key), *((n, recorded.nodes[n].key) for n in recorded.roots)]
            for number, name in wanted:
                meaning = self.world.meaning(name)
                node = recorded.nodes[number]
                if meaning is None:
                    missing.append(Stop(node.key, node.text_id, "", ""))
                else:
                    pairs.append((version, number, meaning))
            for name, link in recorded.links:
                linked = self.world.recorded(link)
                if linked is None:
                    missing.append(Stop(name, "", "", ""))
                elif link not in seen:
                    seen.add(link)
                    todo.append((link, linked, name))
        return pairs, missing

    def _reach(self, roots: Iterable[Pair]) -> set[Pair]:
        seen: set[Pair] = set()
        todo = list(roots)
        while todo:
            pair = todo.pop()
            if pair in seen:
                continue
            seen.add(pair)
            for way in self._ways.of(pair):
                todo += way.needs
        return seen

    # -- judging -------------------------------------------------------------------------

    def _fall(self, reached: set[Pair], *, sure: bool) -> set[Pair]:
        """Return the pairs that cannot agree."""
        alive: dict[Pair, int] = {}
        users: dict[Pair, list[tuple[Pair, int]]] = {}
        fallen: set[tuple[Pair, int]] = set()
        todo: list[Pair] = []
        for pair in reached:
            alive[pair] = 0
            for index, way in enumerate(self._ways.of(pair)):
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
                for w in self._ways.of(pair)
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
            ways = self._ways.of(pair)
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
