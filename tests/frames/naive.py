"""Frames computed the slow way, from their names, edges and calls: what the fast one has to equal."""

from __future__ import annotations

from itertools import product
from typing import Any

from mandala_git.frames.frame import ComputationFrame

Elements = dict[str, set[str]]
Row = dict[str, frozenset[str]]


class Naive:
    """A frame as sets of history ids, and as pairs that edges join."""

    def __init__(self, cf: ComputationFrame) -> None:
        self.sets: Elements = cf.sets
        self.vars = set(cf.vnames)
        self.edges = cf.edges()
        calls = {call.hid.hex(): call for some in cf.calls_by_func().values() for call in some}
        self.pairs: dict[Any, set[tuple[str, str]]] = {}
        for source, target, label in self.edges:
            out = source not in self.vars
            func, var = (source, target) if out else (target, source)
            found = set()
            for hid in self.sets[func]:
                refs = calls[hid].outputs if out else calls[hid].inputs
                if label in refs and refs[label].hid.hex() in self.sets[var]:
                    ref = refs[label].hid.hex()
                    found.add((hid, ref) if out else (ref, hid))
            self.pairs[source, target, label] = found

    def sources(self) -> Elements:
        met = {node: set() for node in self.sets}
        for edge, pairs in self.pairs.items():
            met[edge[1]] |= {target for _, target in pairs}
        return {node: self.sets[node] - met[node] for node in self.sets}

    def sinks(self) -> Elements:
        met = {node: set() for node in self.sets}
        for edge, pairs in self.pairs.items():
            met[edge[0]] |= {source for source, _ in pairs}
        return {node: self.sets[node] - met[node] for node in self.sets}

    def history(self, node: str, element: str) -> Row:
        found: Elements = {node: {element}}
        todo = [(node, element)]
        while todo:
            here, one = todo.pop()
            for (source, target, _), pairs in self.pairs.items():
                for before, after in pairs:
                    met = found.setdefault(source, set())
                    if target == here and after == one and before not in met:
                        met.add(before)
                        todo.append((source, before))
        return {name: frozenset(each) for name, each in found.items() if each}

    def rows(self, order: list[str]) -> list[Row]:
        """The rows of all ends, joined one table after the other on what they share."""
        whole: list[Row] | None = None
        columns: set[str] = set()
        sinks = self.sinks()
        for node in order:
            if not sinks[node]:
                continue
            table = [self.history(node, element) for element in sinks[node]]
            names = {name for row in table for name in row}
            whole = table if whole is None else outer(whole, table, columns & names)
            columns |= names
        return whole or []

    def reached(self, start: Elements, *, back: bool, strong: bool) -> Elements:
        found = {node: set(start.get(node, ())) for node in self.sets}
        while True:
            before = sum(map(len, found.values()))
            for node in self.sets:
                needs: dict[str, set[str]] = {}
                has: dict[str, set[str]] = {}
                for (source, target, label), pairs in self.pairs.items():
                    if back:
                        source, target = target, source
                        pairs = {(b, a) for a, b in pairs}
                    if target == node:
                        for one, other in pairs:
                            needs.setdefault(other, set()).add(label)
                            if one in found[source]:
                                has.setdefault(other, set()).add(label)
                for element, labels in has.items():
                    if node in self.vars or not strong or labels == needs[element]:
                        found[node].add(element)
            if sum(map(len, found.values())) == before:
                return found


def outer(left: list[Row], right: list[Row], shared: set[str]) -> list[Row]:
    def key(row: Row) -> tuple[frozenset[str] | None, ...] | None:
        found = tuple(row.get(name) for name in sorted(shared))
        return found if any(found) else None

    joined = []
    met_left, met_right = set(), set()
    for (a, one), (b, other) in product(enumerate(left), enumerate(right)):
        if key(one) is not None and key(one) == key(other):
            joined.append({**one, **other})
            met_left.add(a)
            met_right.add(b)
    joined += [row for place, row in enumerate(left) if place not in met_left]
    return joined + [row for place, row in enumerate(right) if place not in met_right]


def cells(df: Any) -> list[Row]:
    """The rows of `df(values="refs")` as sets of history ids."""
    rows = []
    for record in df.to_dict("records"):
        row = {}
        for name, cell in record.items():
            if cell is None:
                continue
            several = list(cell) if type(cell).__name__.endswith("Collection") else [cell]
            row[name] = frozenset(each.hid.hex() for each in several)
        rows.append(row)
    return rows
