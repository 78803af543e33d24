"""A value as canonical bytes: equal for equal contents, different for different ones.

The parts of a value form a directed graph. Where it is a tree, or shares parts (`[x, x]`),
only contents count. Where it has cycles, each strongly connected component is written out
from the part by which it is entered, its members numbered in the order of first sight; what
lies outside the component is encoded on its own. So aliasing outside a true cycle leaves no
trace, and the work is linear for all but the strangest graphs.

Source: R. Tarjan, Depth-first search and linear graph algorithms, SIAM J. Comput. 1 (1972);
written with an explicit stack, because values may be nested deeper than Python may recurse.
"""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from blake3 import blake3

from mandala_git.errors import UnhashableValue
from mandala_git.results.atoms import ATOMS, digest_frame, frame
from mandala_git.results.naming import Found
from mandala_git.results.paths import Trail
from mandala_git.results.shapes import HEADS, NoShape, Shape, shape_of

MANY = 4096
"""Parts beyond which it is tried to hash an object without keeping their encodings; at least
`LONG`, as only what is longer stands as its hash."""

SMALL = 32
"""Parts of a container up to which it is encoded without looking whether it occurs again."""


class _Node:
    """One object on its way: its shape, and what is known of its parts so far."""

    __slots__ = ("done", "index", "low", "members", "obj", "shape")

    def __init__(self, obj: Any, shape: Shape, index: int) -> None:
        self.obj = obj
        self.shape = shape
        self.index = index
        self.low = index
        # Encodings of the parts; a node stands for a part in the same component.
        self.done: list[bytes | _Node] = []
        self.members = False  # known to lie on a cycle


def encode(value: Any, found: Found, path: str = "value", digits: int | None = None) -> bytes:
    """Encode any value canonically.

    Args:
        value: the value.
        found: collects functions, classes and fallbacks.
        path: how to call the value in messages.
        digits: significant decimal digits to which floats count; None: all.

    Returns:
        Prefix-free bytes, at most a few hundred whatever the size of the value.

    Raises:
        UnhashableValue: some part can be neither taken apart nor pickled.
    """
    encoder = _Encoder(found, path, digits)
    atom = encoder.atoms.get(type(value))
    return encoder.encode(value) if atom is None else atom(value)


class _Encoder:
    def __init__(self, found: Found, path: str, digits: int | None) -> None:
        self.found = found
        self.path = path
        self.digits = digits
        self.atoms: Mapping[type, Callable[[Any], bytes]] = ATOMS
        if digits is not None:
            from mandala_git.results import rounding

            self.atoms = rounding.atoms(digits)
        # id -> (object, encoding); the object is kept so that its id is not given away.
        self.closed: dict[int, tuple[Any, bytes]] = {}
        self.open: dict[int, _Node] = {}
        self.cyclic: dict[int, _Node] = {}
        self.work: list[_Node] = []
        self.component: list[_Node] = []
        self.count = 0

    def encode(self, value: Any) -> bytes:
        self._push(value)
        closed, open_, cyclic, atoms = self.closed, self.open, self.cyclic, self.atoms
        while True:
            node = self.work[-1]
            parts, done = node.shape.parts, node.done
            flat = self._flat(node.shape) if len(parts) > MANY and not done else None
            for at in range(len(done), len(parts) if flat is None else 0):
                part = parts[at]
                atom = atoms.get(type(part))
                if atom is not None:
                    done.append(atom(part))
                    continue
                leaf = self._leaf(part)
                if leaf is not None:
                    done.append(leaf)
                    continue
                here = id(part)
                if here in closed:
                    done.append(closed[here][1])
                elif here in open_:
                    other = open_[here]
                    node.low = min(node.low, other.index)
                    node.members = other.members = True
                    done.append(other)
                elif here in cyclic:
                    done.append(self._close_cyclic(cyclic[here]))
                else:
                    self._push(part)
                    break
            else:
                self.work.pop()
                encoded = self._finish(node, flat)
                if not self.work:
                    assert isinstance(encoded, bytes)
                    return encoded
                self.work[-1].done.append(encoded)

    def _push(self, obj: Any) -> None:
        try:
            # Shapes stand for themselves where a reduction nests one in another.
            shape = shape_of(obj, self.found, self.digits)
        except NoShape as error:
            raise self._unhashable(obj, str(error)) from error
        node = _Node(obj, shape, self.count)
        self.count += 1
        self.open[id(obj)] = node
        self.work.append(node)
        self.component.append(node)

    def _leaf(self, part: Any) -> bytes | None:
        """Encode a small container of atoms alone at once; None for anything else.

        Whether it is shared is not asked: to encode it again costs less.
        """
        kind = type(part)
        if kind is dict:
            parts: Iterable[Any] = itertools.chain.from_iterable(part.items())
            count = 2 * len(part)
        elif kind is list or kind is tuple:
            parts, count = part, len(part)
        else:
            return None
        if count > SMALL:
            return None
        atoms = self.atoms
        try:
            done = b"".join([atoms[type(each)](each) for each in parts])
        except KeyError:
            return None
        return frame(b"(", b"%b%d;%b" % (HEADS[kind], count, done))

    def _flat(self, shape: Shape) -> bytes | None:
        """Encode an object of many atoms and leaves in the memory of a few; None: has others."""
        if shape.unordered:
            return None
        atoms, parts = self.atoms, shape.parts
        hasher = blake3(b"%b%d;" % (shape.head, len(parts)))
        for start in range(0, len(parts), MANY):
            some = parts[start : start + MANY]
            try:
                done: list[bytes | None] = [atoms[type(part)](part) for part in some]
            except KeyError:
                done = [atoms[type(p)](p) if type(p) in atoms else self._leaf(p) for p in some]
            if None in done:
                return None
            hasher.update(b"".join(done))  # type: ignore[arg-type]
        return digest_frame(b"(", hasher.digest())

    def _finish(self, node: _Node, flat: bytes | None) -> bytes | _Node:
        if node.low < node.index:
            parent = self.work[-1]
            parent.low = min(parent.low, node.low)
            parent.members = node.members = True
            return node
        if not node.members:
            self.component.pop()
            del self.open[id(node.obj)]
            encoded = _closed(node.shape, node.done) if flat is None else flat
            self.closed[id(node.obj)] = (node.obj, encoded)
            return encoded
        while True:
            member = self.component.pop()
            del self.open[id(member.obj)]
            self.cyclic[id(member.obj)] = member
            if member is node:
                return self._close_cyclic(node)

    def _close_cyclic(self, entry: _Node) -> bytes:
        written = _written(entry)
        encoded = frame(b"C", written) if written is not None else self._pickled(entry.obj)
        self.closed[id(entry.obj)] = (entry.obj, encoded)
        return encoded

    def _pickled(self, obj: Any) -> bytes:
        """Encode what has no canonical form (a set on a cycle through itself) by its pickle."""
        try:
            data = pickle.dumps(obj, protocol=4)
        except RecursionError as error:
            raise self._unhashable(obj, "it is nested too deeply for pickle") from error
        except Exception as error:
            raise self._unhashable(obj, str(error)) from error
        self.found.fallbacks.append(self._where())
        return frame(b"P", data)

    def _where(self) -> str:
        """Name the part that is being looked at, from the value down."""
        trail = Trail(self.path)
        for node in self.work:
            at = len(node.done)
            if at >= len(node.shape.parts):
                break
            trail.step(node.obj, node.shape, at)
        return trail.text

    def _unhashable(self, obj: Any, why: str) -> UnhashableValue:
        cls = type(obj)
        return UnhashableValue(
            f"{self._where()} has no content id: {cls.__module__}.{cls.__qualname__} "
            f"cannot be taken apart ({why})",
            hint="Give its class a method __mandala_hash__(self) that returns what it stands for, "
            "or pass plain data instead.",
        )


def _closed(shape: Shape, done: list[Any]) -> bytes:
    parts = sorted(done) if shape.unordered else done
    return frame(b"(", b"%b%d;%b" % (shape.head, len(parts), b"".join(parts)))


def _written(entry: _Node) -> bytes | None:
    """Write a component out from one of its members; None where a set makes that ambiguous."""
    numbers = {id(entry): 0}
    out: list[bytes] = []
    todo: list[bytes | _Node] = [entry]
    while todo:
        item = todo.pop()
        if isinstance(item, bytes):
            out.append(item)
            continue
        number = numbers.get(id(item))
        if number is not None and (number or out):
            out.append(b"R%d;" % number)
            continue
        numbers.setdefault(id(item), len(numbers))
        shape = item.shape
        parts: Sequence[bytes | _Node] = item.done
        if shape.unordered:
            closed = [part for part in parts if isinstance(part, bytes)]
            if len(closed) < len(parts):
                return None
            parts = sorted(closed)
        out.append(b"(%b%d;" % (shape.head, len(parts)))
        todo.extend(reversed(parts))
    return b"".join(out)
