"""Ways: how one recorded definition can agree with one meaning of a world.

A recorded definition agrees with a meaning when some member of the meaning's class has the
same skeleton, and each of its slots that was used leads to one that agrees with that member's
slot. A way is such a member, with the pairs that must agree for it; `agreement.py` finds out
which of all these can hold together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import TYPE_CHECKING

from mandala_git.records import NamedTuple
from mandala_git.repo.data_files import DataFiles, Listing
from mandala_git.source.definitions import MODULE, Definition, Kind
from mandala_git.source.snapshot import Snapshot
from mandala_git.versions.classes import Classes
from mandala_git.versions.data import agree, folder_of
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


class Undetermined(Enum):
    """What a world answers about a value that its source does not determine."""

    UNDETERMINED = 0


UNDETERMINED = Undetermined.UNDETERMINED


if TYPE_CHECKING:
    from typing import Protocol

    class World(Protocol):
        """What agreement asks of a world; see worlds.py."""

        @property
        def snapshot(self) -> Snapshot:
            """The code."""

        @property
        def classes(self) -> Classes:
            """The classes of meanings."""

        @property
        def data(self) -> DataFiles | None:
            """The files that ops may depend on; None where nobody knows them."""

        @property
        def left_out(self) -> frozenset[str]:
            """Names of globals that the project does not count."""

        @property
        def packages(self) -> Mapping[str, str]:
            """Versions of the installed distributions that count; empty where no code runs."""

        @property
        def declaring(self) -> Mapping[str, AbstractSet[str]]:
            """Patterns of files by key of the op that declares them, where ops are loaded."""

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


class Way(NamedTuple):
    """One alternative by which a pair may agree.

    Attributes:
        needs: the pairs that must agree.
        sure: False when it takes a value that the source does not determine.
        shared: for a value that may change in place: which object it was, and which it is here.
    """

    needs: tuple[Pair, ...]
    sure: bool = True
    shared: tuple[str, object] | None = None


class Ways:
    """The alternatives of all pairs that were asked for.

    Args:
        world: the world.
        assume: edges to be read as if they were compatible with all else as in the world.

    Attributes:
        files: what was found in the files that ops declare, by pattern.
    """

    def __init__(self, world: World, assume: frozenset[Edge]) -> None:
        self.world = world
        self.assume = assume
        self.files: dict[str, Listing] = {}
        self._known: dict[Pair, list[Way]] = {}

    def of(self, pair: Pair) -> list[Way]:
        """Return the alternatives of a pair; none when it cannot agree by itself."""
        known = self._known.get(pair)
        if known is None:
            known = self._known[pair] = self._alternatives(pair)
        return known

    def _alternatives(self, pair: Pair) -> list[Way]:
        version, number, meaning = pair
        recorded = self.world.recorded(version)
        if recorded is None:
            return []
        if recorded.volatile and recorded.volatile != self.world.process:
            return []  # a nested call, too, whose code no text tells
        if recorded.untracked and not self.world.left_out.issuperset(recorded.untracked):
            return []  # nobody looked at what counts again
        if self.world.packages and not self.world.packages.items() <= set(recorded.packages):
            return []
        node = recorded.nodes[number]
        definition = self.world.text(node.text_id)
        if definition is None:
            return []
        files = self._agree_on_files(node, meaning)
        if files is False:
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
        own = self.world.classes.nodes[meaning]
        ways = []
        for member in self.world.classes.members(meaning):
            other = self.world.classes.nodes[member]
            way = self._compare(version, recorded, node, definition, other, own)
            if way is not None:
                ways.append(way._replace(needs=way.needs + extra) if extra else way)
        if not ways and self.assume:
            assumed = self._assumed(version, recorded, node, definition, meaning)
            if assumed is not None:
                ways.append(Way(assumed + extra))
        return ways if files else [way._replace(sure=False) for way in ways]

    def _agree_on_files(self, node: RecordedNode, meaning: Meaning) -> bool | None:
        """Tell whether the files that an op declares hold what they held; None for unknown."""
        declaring = self.world.declaring
        if not node.files and not declaring:
            return True
        keys = self.world.keys_of(meaning)
        here = {pattern for key in keys for pattern in declaring.get(key, ())}
        if not here <= {pattern for pattern, _ in node.files}:
            return False  # it was not looked at then
        # Equal copies have files of their own: whichever of them is meant, it agrees.
        answers = {
            agree(node.files, folder, self.world.data, self.files)
            for folder in {folder_of(key) for key in keys}
        }
        return False if False in answers else answers == {True} or None

    def _compare(
        self,
        version: str,
        recorded: Recorded,
        node: RecordedNode,
        definition: Definition,
        other: Node,
        own: Node,
    ) -> Way | None:
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
        if definition.kind is Kind.CLASS and other.key != node.key:
            return None
        sure, shared = True, None
        value = node.value
        if value is not None:
            here = self.world.value(own)
            if not self.world.process and self._mutated(value, definition):
                here = UNDETERMINED
            if value.same is not None and (object_here := self.world.same(own)) is not None:
                shared = (value.same, object_here)
            if value.plain and value.cid is not None and value.cid == here:
                return Way((), sure, shared)  # equal plain data agrees wherever it came from
            if here is UNDETERMINED:
                sure = False
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
        return Way(tuple(dict.fromkeys(needs)), sure, shared)

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


class _Unknown(tuple[RecordedEnd, ...]):
    """The ends of a slot that the recording scheme did not know."""


_UNKNOWN: tuple[RecordedEnd, ...] = _Unknown()
