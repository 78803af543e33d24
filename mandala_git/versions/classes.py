"""Classes: meanings made equal by verdicts, kept as a congruence closure.

Two nodes are congruent when their skeletons are equal and all that they refer to is in the
same classes; equations between meanings are closed under this rule with a union-find over the
hash-consed nodes and a table of signatures (Nelson and Oppen 1980; Downey, Sethi and Tarjan
1980). Adding a node or an equation is incremental; taking one back means building anew.
"""

from __future__ import annotations

from collections.abc import Iterable

from mandala_git.versions.meanings import Meaning, Node, reachable

_Signature = tuple[object, ...]


class Classes:
    """The classes of the meanings that were added.

    Args:
        nodes: the table that tells what a meaning is made of.
    """

    def __init__(self, nodes: dict[Meaning, Node]) -> None:
        self.nodes = nodes
        self.equations = 0
        self._parent: dict[Meaning, Meaning] = {}
        self._members: dict[Meaning, list[Meaning]] = {}
        self._users: dict[Meaning, list[Meaning]] = {}
        self._signatures: dict[_Signature, Meaning] = {}

    def add(self, meaning: Meaning) -> None:
        """Add a meaning and all below it.

        New nodes of a cycle are signed only when all of them are known, so that the order of
        adding makes no difference.
        """
        if meaning in self._parent:
            return
        new = [m for m in reachable(self.nodes, [meaning]) if m not in self._parent]
        for each in new:
            self._parent[each] = each
            self._members[each] = [each]
            self._users[each] = []
        for each in new:
            for child in dict.fromkeys(self.nodes[each].children()):
                self._users[self._find(child)].append(each)
        self._close(new)

    def equate(self, one: Meaning, other: Meaning) -> None:
        """Make two meanings equal, and all that becomes congruent by it."""
        self.add(one)
        self.add(other)
        self.equations += 1
        self._close(self._union(one, other))

    def same(self, one: Meaning, other: Meaning) -> bool:
        """Whether two meanings are equal or in one class."""
        if one == other:
            return True
        if one not in self._parent or other not in self._parent:
            return False
        return self._find(one) == self._find(other)

    def members(self, meaning: Meaning) -> list[Meaning]:
        """Return all meanings of the class, the asked one first."""
        if meaning not in self._parent:
            return [meaning]
        found = self._members[self._find(meaning)]
        return [meaning, *(m for m in found if m != meaning)] if len(found) > 1 else found

    def _find(self, meaning: Meaning) -> Meaning:
        parent = self._parent
        while parent[meaning] != meaning:
            parent[meaning] = parent[parent[meaning]]
            meaning = parent[meaning]
        return meaning

    def _union(self, one: Meaning, other: Meaning) -> list[Meaning]:
        """Join two classes and return the nodes whose signatures change by it."""
        one, other = self._find(one), self._find(other)
        if one == other:
            return []
        if len(self._members[one]) < len(self._members[other]):
            one, other = other, one
        self._parent[other] = one
        self._members[one] += self._members.pop(other)
        users = self._users.pop(other)
        self._users[one] += users
        return users

    def _close(self, changed: Iterable[Meaning]) -> None:
        todo = list(changed)
        while todo:
            meaning = todo.pop()
            signature = self._sign(meaning)
            twin = self._signatures.setdefault(signature, meaning)
            if self._find(twin) != self._find(meaning):
                todo += self._union(twin, meaning)

    def _sign(self, meaning: Meaning) -> _Signature:
        node = self.nodes[meaning]
        return (
            node.shape(),
            tuple(
                (
                    slot,
                    tuple(
                        (
                            self._find(ref.meaning) if ref.meaning else "",
                            ref.leaf,
                            ref.rest,
                            ref.name,
                        )
                        for ref in refs
                    ),
                )
                for slot, refs in node.slots
            ),
        )
