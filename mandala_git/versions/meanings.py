"""Meanings: what a definition amounts to in a snapshot, hash-consed.

A node is a skeleton together with the meanings of all that it refers to. Nodes that lie on no
cycle are hashed from their parts. The nodes of a cycle are told apart by partition refinement
(Moore 1956): colours start as skeletons and are refined by the colours of their children until
no class splits any more; a node of the cycle is then hashed from its colour together with the
whole table of colours and transitions, so that two nodes share a hash exactly when their
unfoldings are equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from blake3 import blake3

from mandala_git.records import NamedTuple
from mandala_git.source.definitions import MODULE, Definition, Kind
from mandala_git.source.snapshot import Snapshot

Slot = int | str
"""A place in a node: the number of a hole, `<module>`, `::member`, `.attribute`."""

Meaning = str
"""Hash of a node, hex."""

EVERYTHING = "<everything>"


class Ref(NamedTuple):
    """One end of a slot: the meaning of a definition, or a leaf.

    Attributes:
        meaning: "" for a leaf.
        leaf: () for a definition.
        rest: attributes read from it.
        name: the definition's own name where the code can tell (the hole is not only called).
    """

    meaning: Meaning
    leaf: tuple[str, ...]
    rest: tuple[str, ...]
    name: str


class Node(NamedTuple):
    """A definition reduced to what it means.

    Attributes:
        skeleton: of the definition.
        kind: of the definition.
        key: for a class, and a global that may change in place or is not a literal: identity
            counts. Else "".
        literal: for a global that is one literal, its source.
        slots: where its holes lead.
    """

    skeleton: str
    kind: Kind
    key: str
    literal: str | None
    slots: tuple[tuple[Slot, tuple[Ref, ...]], ...]

    def children(self) -> Iterator[Meaning]:
        """Iterate over the meanings that this one refers to."""
        for _, refs in self.slots:
            for ref in refs:
                if ref.meaning:
                    yield ref.meaning

    def shape(self) -> tuple[object, ...]:
        """Everything but the slots."""
        return (self.skeleton, str(self.kind), self.key, self.literal)


# A child before hashes are known: (key of the definition or "", leaf, rest, name).
_Edge = tuple[str, tuple[str, ...], tuple[str, ...], str]
_Slots = tuple[tuple[Slot, tuple[_Edge, ...]], ...]


class Meanings:
    """The meanings of one snapshot, computed on demand.

    Args:
        snapshot: where names lead.
        nodes: table shared by all snapshots; new nodes are added to it.
    """

    def __init__(self, snapshot: Snapshot, nodes: dict[Meaning, Node]) -> None:
        self.snapshot = snapshot
        self.nodes = nodes
        self._of: dict[str, Meaning] = {}
        self._keys: dict[Meaning, list[str]] = {}

    def of(self, definition: Definition) -> Meaning:
        """Return the meaning of a definition (it need not be of this snapshot).

        A transplanted definition, one that is not what the snapshot holds under its key, must
        be asked for in a snapshot that was made with it (see `equations.transplant`).
        """
        meaning = self._of.get(definition.key)
        if meaning is None:
            self._compute(definition)
            meaning = self._of[definition.key]
        return meaning

    def of_key(self, key: str) -> Meaning | None:
        """Return the meaning of a key, or None when the snapshot has no such definition."""
        if key in self._of:
            return self._of[key]
        definition = self.snapshot.definition(key)
        return None if definition is None else self.of(definition)

    def keys_of(self, meaning: Meaning) -> list[str]:
        """Return the keys of this snapshot with a meaning, among those computed so far."""
        return self._keys.get(meaning, [])

    # -- building ------------------------------------------------------------------------

    def _edges(self, definition: Definition) -> _Slots:
        snapshot = self.snapshot
        slots: list[tuple[Slot, tuple[_Edge, ...]]] = []
        for number, hole in enumerate(definition.holes):
            edges: list[_Edge] = []
            for end in snapshot.resolve(definition, number):
                if end.key and (target := snapshot.definition(end.key)) is not None:
                    name = visible_name(target, hole.called, end.rest)
                    edges.append((end.key, (), end.rest, name))
                else:
                    edges.append(("", end.leaf or ("absent", end.key), end.rest, ""))
            slots.append((number, tuple(edges)))
        if definition.kind is not Kind.MODULE:
            module = snapshot.left_over(definition.path)
            if module is not None:
                slots.append((MODULE, ((module.key, (), (), ""),)))
        for member in definition.members:
            key = f"{definition.path}::{member}"
            if snapshot.definition(key) is not None:
                name = member.rpartition(".")[2]
                slots.append((f"::{name}", ((key, (), (), ""),)))
        for attribute in definition.attrs:
            keys = snapshot.methods(attribute, definition.path)
            if keys:
                slots.append((f".{attribute}", tuple((key, (), (), "") for key in keys)))
        if definition.dynamic:
            # Code that looks names up at run time can reach whatever there is.
            slots.append((EVERYTHING, (("", ("everything", snapshot.identity()), (), ""),)))
        return tuple(slots)

    def _compute(self, root: Definition) -> None:
        """Tarjan's strongly connected components (1972), iterative; children first."""
        edges: dict[str, _Slots] = {}
        found: dict[str, Definition] = {root.key: root}
        order: dict[str, int] = {}
        low: dict[str, int] = {}
        stack: list[str] = []
        on_stack: set[str] = set()
        work: list[tuple[str, Iterator[str]]] = []

        def enter(key: str) -> None:
            definition = found[key]
            edges[key] = self._edges(definition)
            order[key] = low[key] = len(order)
            stack.append(key)
            on_stack.add(key)
            targets = dict.fromkeys(edge[0] for _, slot in edges[key] for edge in slot if edge[0])
            work.append((key, iter(targets)))

        enter(root.key)
        while work:
            key, targets = work[-1]
            for target in targets:
                if target in self._of:
                    continue
                if target not in order:
                    definition = found.get(target) or self.snapshot.definition(target)
                    assert definition is not None
                    found[target] = definition
                    enter(target)
                    break
                if target in on_stack:
                    low[key] = min(low[key], order[target])
            else:
                work.pop()
                if work:
                    above = work[-1][0]
                    low[above] = min(low[above], low[key])
                if low[key] == order[key]:
                    component = []
                    while True:
                        member = stack.pop()
                        on_stack.discard(member)
                        component.append(member)
                        if member == key:
                            break
                    self._finish(component, found, edges)

    def _finish(
        self, component: list[str], found: dict[str, Definition], edges: dict[str, _Slots]
    ) -> None:
        inside = set(component)
        shapes = {key: _shape(found[key]) for key in component}
        cyclic = len(component) > 1 or any(
            edge[0] in inside for _, slot in edges[component[0]] for edge in slot
        )
        if cyclic:
            names = _refine(component, shapes, edges, self._of)
        else:
            key = component[0]
            names = {key: _digest(shapes[key], _spell(edges[key], self._of))}
        self._of.update(names)
        for key, meaning in names.items():
            self._keys.setdefault(meaning, []).append(key)
            if meaning not in self.nodes:
                skeleton, kind, identity, literal = shapes[key]
                slots = tuple(
                    (
                        slot,
                        tuple(
                            Ref(self._of[target] if target else "", leaf, rest, name)
                            for target, leaf, rest, name in ends
                        ),
                    )
                    for slot, ends in edges[key]
                )
                self.nodes[meaning] = Node(skeleton, Kind(kind), identity, literal, slots)


def identity(definition: Definition) -> str:
    """Return the key of a definition whose identity counts, else ""."""
    if definition.kind is Kind.CLASS:
        return definition.key
    if definition.kind is Kind.FUNCTION and (
        definition.mutable or not definition.plain or None in definition.values.values()
    ):
        return definition.key  # decorators or defaults may hold what the text does not tell
    if definition.kind is Kind.GLOBAL and (definition.mutable or definition.literal is None):
        return definition.key
    return ""


def visible_name(target: Definition, called: bool, rest: tuple[str, ...]) -> str:
    """Return what code that leads to a definition can see of it beside what it does.

    Args:
        target: the definition.
        called: whether the code only calls it.
        rest: the attributes that it reads from it.
    """
    if "__doc__" in rest:
        return f"{target.name} {target.text_id}"  # docstrings are no part of a skeleton
    return "" if called else target.name


def _shape(definition: Definition) -> tuple[str, str, str, str | None]:
    return (
        definition.skeleton,
        str(definition.kind),
        identity(definition),
        definition.literal,
    )


def _spell(slots: _Slots, names: dict[str, str]) -> tuple[object, ...]:
    """Write slots down with every definition replaced by its name in `names`."""
    return tuple(
        (
            str(slot),
            tuple((names[k] if k else "", leaf, rest, name) for k, leaf, rest, name in ends),
        )
        for slot, ends in slots
    )


def _digest(*parts: object) -> str:
    # repr of nested tuples of strings, integers and None is injective.
    return blake3(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _refine(
    component: list[str],
    shapes: dict[str, tuple[str, str, str, str | None]],
    edges: dict[str, _Slots],
    outside: dict[str, Meaning],
) -> dict[str, Meaning]:
    """Name the nodes of a cycle by their unfoldings (partition refinement)."""
    colours = {key: _digest(shapes[key]) for key in component}
    classes = len(set(colours.values()))
    while True:
        lookup = _Both(colours, outside)
        finer = {key: _digest(shapes[key], _spell(edges[key], lookup)) for key in component}
        count = len(set(finer.values()))
        if count == classes:
            break
        colours, classes = finer, count
    table = _digest(sorted({(colours[key], finer[key]) for key in component}))
    return {key: _digest("cycle", finer[key], table) for key in component}


class _Both(dict[str, str]):
    """Two tables read as one, without a copy of the larger."""

    def __init__(self, first: dict[str, str], second: dict[str, str]) -> None:
        super().__init__(first)
        self._second = second

    def __missing__(self, key: str) -> str:
        return self._second[key]


def reachable(nodes: dict[Meaning, Node], roots: Iterable[Meaning]) -> Iterator[Meaning]:
    """Iterate over these meanings and all below them, each once."""
    seen: set[Meaning] = set()
    todo = list(roots)
    while todo:
        meaning = todo.pop()
        if meaning in seen:
            continue
        seen.add(meaning)
        yield meaning
        todo += nodes[meaning].children()
