"""Growing a frame: the calls that made its refs, and those that were given them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np

from mandala_git.frames.state import Edge, Func, State, base_of, fresh, func_name
from mandala_git.frames.web import NONE, Web, distinct
from mandala_git.results.columns import Ints, Mask

Direction = Literal["back", "forward"]

FEW = 24
"""So many refs at most are followed one by one: numpy would take longer to begin."""


class Members:
    """Elements of a node that grows.

    Args:
        numbers: those that it has.
        size: one more than the greatest number.
    """

    __slots__ = ("has", "mask")

    def __init__(self, numbers: Ints, size: int) -> None:
        self.has = bytearray(size)
        self.mask: Mask = np.frombuffer(self.has, np.bool_)
        self.mask[numbers] = True

    def add(self, numbers: Ints) -> Ints:
        """Add elements; return those that are new."""
        new = numbers[~self.mask[numbers]]
        self.mask[new] = True
        return new

    def numbers(self) -> Ints:
        """Return all elements, sorted."""
        return np.flatnonzero(self.mask)


class Growth:
    """A frame that grows.

    Args:
        state: the frame.
        skip_existing: leave out calls that are in some function node already.
        reuse_existing: let calls join a function node of their op; else each group makes one.
    """

    def __init__(self, state: State, *, skip_existing: bool, reuse_existing: bool) -> None:
        self.web = web = state.web
        self._skip, self._reuse = skip_existing, reuse_existing
        self._calls = len(web.op)
        self.vars = {name: Members(refs, web.size) for name, refs in state.vars.items()}
        self.funcs = {
            name: (func.op, Members(func.calls, self._calls)) for name, func in state.funcs.items()
        }
        self.edges: dict[Edge, None] = {}
        # Of each function node and label, the variables that the label leads to.
        self.inputs: dict[tuple[str, int], list[str]] = {}
        self.outputs: dict[tuple[str, int], list[str]] = {}
        self._codes = {name: code for code, name in enumerate(web.labels)}
        for edge in state.edges:
            self._edge(edge)
        self.fresh: dict[str, list[Ints]] = {}

    def state(self) -> State:
        """Return what has grown."""
        return State(
            self.web,
            {name: members.numbers() for name, members in self.vars.items()},
            {name: Func(op, members.numbers()) for name, (op, members) in self.funcs.items()},
            tuple(self.edges),
        )

    # -- waves ---------------------------------------------------------------------------

    def grow(
        self, direction: Direction, start: dict[str, list[Ints]], *, recursive: bool
    ) -> dict[str, list[Ints]]:
        """Add the calls that made some refs, or were given them, and what these need.

        Args:
            direction: "back" to makers, "forward" to takers.
            start: the refs, by variable.
            recursive: go on with the refs that were added.

        Returns:
            All refs that were added.
        """
        added: dict[str, list[Ints]] = {}
        wave = start
        while wave:
            self.fresh = {}
            if recursive and self._reuse and not self._skip:
                wave = self._follow(direction, wave)
            if wave:
                self._wave(direction, wave)
            for name, parts in self.fresh.items():
                added.setdefault(name, []).extend(parts)
            wave = self.fresh if recursive else {}
        return added

    def _wave(self, direction: Direction, wave: dict[str, list[Ints]]) -> None:
        web, back = self.web, direction == "back"
        found: list[Ints] = []
        for name, parts in wave.items():
            refs = np.concatenate(parts)
            edges = web.made(refs) if back else web.taken(refs)
            found.append(self._unjoined(name, edges, back=back))
        edges = np.concatenate(found) if found else NONE
        if not len(edges):
            return
        ops = web.op[web.call[edges]]
        _, first = np.unique(ops, return_index=True)
        for op in ops[np.sort(first)].tolist():
            calls = distinct(web.call[edges[ops == op]])
            for name, some in self._grouped(web.ops[op], calls, back=back):
                self._take(name, some, back=back)

    def _unjoined(self, var: str, edges: Ints, *, back: bool) -> Ints:
        """Leave out the edges that lead from a variable to calls joined to it already."""
        web = self.web
        left = np.ones(len(edges), bool)
        if self._skip:
            for _, members in self.funcs.values():
                left &= ~members.mask[web.call[edges]]
            return edges[left]
        plain = np.zeros(len(edges), bool) if back else ~web.is_made(web.ref[edges])
        for (func, label), names in (self.outputs if back else self.inputs).items():
            here = self.funcs[func][1].mask[web.call[edges]] & (web.label[edges] == label)
            if var not in names:
                # A plain value is one and the same wherever it is given: one link is enough.
                refs = web.ref[edges]
                here &= plain
                held = np.zeros(len(edges), bool)
                for name in names:
                    held |= self.vars[name].mask[refs]
                here &= held
            left &= ~here
        return edges[left]

    def _grouped(self, op: str, calls: Ints, *, back: bool) -> Iterable[tuple[str, Ints]]:
        """Return the function nodes that calls of an op go to."""
        own = [name for name, (key, _) in self.funcs.items() if key == op]
        if self._reuse:
            yield self._node(op, own, calls), calls
            return
        web = self.web
        signs: dict[int, list[tuple[int, str]]] = {int(call): [] for call in calls}
        edges = web.edges_of(calls)
        edges = edges[web.is_output[edges] == back]
        for name, members in self.vars.items():
            for edge in edges[members.mask[web.ref[edges]]].tolist():
                signs[int(web.call[edge])].append((int(web.label[edge]), name))
        groups: dict[tuple[tuple[int, str], ...], list[int]] = {}
        for call, sign in signs.items():
            groups.setdefault(tuple(sorted(sign)), []).append(call)
        for group in groups.values():
            yield self._node(op, [], NONE), np.array(group, np.int64)

    def _node(self, op: str, own: list[str], calls: Ints) -> str:
        """Return the node that calls of an op join, made if there is none."""
        for name in own:
            mask = self.funcs[name][1].mask
            inside = int(mask[calls].sum())
            if inside == len(calls) or inside == int(mask.sum()):
                return name
        if own:
            return own[0]
        name = fresh(func_name(op), {*self.vars, *self.funcs})
        self.funcs[name] = op, Members(NONE, self._calls)
        return name

    def node(self, op: str) -> str:
        """Return the first node of an op, made if there is none."""
        own = [name for name, (key, _) in self.funcs.items() if key == op]
        return self._node(op, own, NONE)

    def take(self, func: str, calls: Ints) -> None:
        """Let calls join a node, with all that they were given and returned."""
        self._take(func, calls, back=False)

    def _take(self, func: str, calls: Ints, *, back: bool) -> None:
        """Let calls join a node, and let its variables have what they were given or returned."""
        web = self.web
        self.funcs[func][1].add(calls)
        edges = web.edges_of(calls)
        for out in (True, False) if back else (False, True):
            side = edges[web.is_output[edges] == out]
            labels, first = np.unique(web.label[side], return_index=True)
            for label in labels[np.argsort(first)].tolist():
                refs = distinct(web.ref[side[web.label[side] == label]])
                if out == back:  # where we come from
                    made = refs[web.is_made(refs)]
                    for name, members in self.vars.items():
                        if members.mask[made].any():
                            self._join(func, label, name, out=out)
                if not (back and out):
                    self._place(func, label, refs, out=out)

    def complete(self, func: str) -> None:
        """Give each label of a node's calls a variable that holds what it leads to."""
        edges = self.web.edges_of(self.funcs[func][1].numbers())
        for out in (False, True):
            side = edges[self.web.is_output[edges] == out]
            for label in distinct(self.web.label[side]).tolist():
                refs = distinct(self.web.ref[side[self.web.label[side] == label]])
                self._place(func, label, refs, out=out)

    # -- where refs go -------------------------------------------------------------------

    def _place(self, func: str, label: int, refs: Ints, *, out: bool) -> None:
        """See that refs which a label leads to are in variables joined to it."""
        names = (self.outputs if out else self.inputs).setdefault((func, label), [])
        for name in names:
            refs = refs[~self.vars[name].mask[refs]]
        made = self.web.is_made(refs)
        for some, plain in ((refs[made], False), (refs[~made], True)):
            if not len(some):
                continue
            name = self._holder(label, some, names, plain=plain)
            self._join(func, label, name, out=out)
            new = self.vars[name].add(some)
            if len(new):
                self.fresh.setdefault(name, []).append(new)

    def _holder(self, label: int, refs: Ints, joined: list[str], *, plain: bool) -> str:
        """Return the variable that refs belong in: one that has them all, or only such, or new.

        A value that no call made may be equal to another one by chance: it joins those of another
        name only where all of them are known there.
        """
        if plain and joined:
            return joined[0]
        base = base_of(self.web.labels[label])
        found: list[tuple[bool, str]] = []
        for name, members in self.vars.items():
            inside = int(members.mask[refs].sum())
            own = name == base or (
                name.startswith(f"{base}_") and name[len(base) + 1 :].isdecimal()
            )
            if inside == len(refs) or (
                not joined and inside and (own or not plain) and inside == members.has.count(1)
            ):
                found.append((own, name))
        if found:
            return next((name for own, name in found if own), found[0][1])
        if joined:
            return joined[0]
        name = fresh(base, {*self.vars, *self.funcs})
        self.vars[name] = Members(NONE, self.web.size)
        return name

    def _join(self, func: str, label: int, var: str, *, out: bool) -> None:
        name = self.web.labels[label]
        self._edge((func, var, name) if out else (var, func, name))

    def _edge(self, edge: Edge) -> None:
        if edge in self.edges:
            return
        self.edges[edge] = None
        source, target, label = edge
        code = self._codes.get(label, -1)
        if source in self.funcs:
            self.outputs.setdefault((source, code), []).append(target)
        else:
            self.inputs.setdefault((target, code), []).append(source)

    # -- one by one ----------------------------------------------------------------------

    def _follow(self, direction: Direction, wave: dict[str, list[Ints]]) -> dict[str, list[Ints]]:
        """Follow a few refs through nodes that are there already; return what is left.

        What needs another node, edge or a closer look is left for a wave. A loop that ran ten
        thousand times is followed here.
        """
        if sum(len(part) for parts in wave.values() for part in parts) > FEW:
            return wave
        web, back = self.web, direction == "back"
        table = web.makers if back else web.takers
        todo = [
            (name, ref) for name, parts in wave.items() for part in parts for ref in part.tolist()
        ]
        left: dict[str, list[Ints]] = {}
        nodes: dict[int, list[str]] = {}
        for name, (op, _) in self.funcs.items():
            if op in web.places:
                nodes.setdefault(web.places[op], []).append(name)
        while todo and len(todo) <= FEW:
            var, ref = todo.pop()
            new = self._step(var, ref, table(ref), nodes, back=back)
            if new is None:
                left.setdefault(var, []).append(np.array([ref]))
                continue
            todo += new
            for name, each in new:
                self.fresh.setdefault(name, []).append(np.array([each]))
        for name, ref in todo:
            left.setdefault(name, []).append(np.array([ref]))
        return left

    def _step(
        self, var: str, ref: int, edges: list[int], nodes: dict[int, list[str]], *, back: bool
    ) -> list[tuple[str, int]] | None:
        """Add the calls at the other end of some edges; None where that changes the graph."""
        web = self.web
        near, far = (self.outputs, self.inputs) if back else (self.inputs, self.outputs)
        plan: list[tuple[bytearray, int]] = []
        new: dict[tuple[str, int], None] = {}
        for edge in edges:
            call, label = int(web.call[edge]), int(web.label[edge])
            names = nodes.get(int(web.op[call]), ())
            if len(names) != 1:
                return None
            func = names[0]
            if var not in near.get((func, label), ()):
                return None
            has = self.funcs[func][1].has
            if has[call]:
                continue
            plan.append((has, call))
            for other in web.edges_of_call(call):
                code, target = int(web.label[other]), int(web.ref[other])
                out = bool(web.is_output[other])
                held = [name for name, members in self.vars.items() if members.has[target]]
                joined = (near if out == back else far).get((func, code), [])
                made = out or bool(web.makers(target))
                if made and out == back and any(name not in joined for name in held):
                    return None
                if back and out:
                    continue
                if any(name in joined for name in held):
                    continue
                if not joined or (made and held):
                    return None
                new[joined[0], target] = None
        for has, call in plan:
            has[call] = 1
        for name, target in new:
            self.vars[name].has[target] = 1
        return list(new)


def whole(web: Web) -> State:
    """Return the frame of all calls of a world: a function node an op."""
    growth = Growth(State(web), skip_existing=False, reuse_existing=True)
    counting = np.flatnonzero(web.counts)
    last: dict[int, int] = dict(zip(web.op[counting].tolist(), counting.tolist(), strict=True))
    # What is used by others ran before them: those name what they were given.
    for op in sorted(last, key=last.__getitem__, reverse=True):
        calls = counting[web.op[counting] == op]
        growth.take(growth.node(web.ops[op]), calls)
    return growth.state()


def grown(
    state: State,
    directions: tuple[Direction, ...],
    varnames: Iterable[str] | None,
    *,
    recursive: bool,
    skip_existing: bool,
    reuse_existing: bool,
) -> State:
    """Return a frame with the makers of its refs, their takers, or both until nothing is new."""
    growth = Growth(state, skip_existing=skip_existing, reuse_existing=reuse_existing)
    names = list(state.vars) if varnames is None else list(varnames)
    start = {name: [state.vars[name]] for name in names}
    waiting = dict.fromkeys(directions, start)
    while any(waiting.values()):
        for direction in directions:
            wave, waiting[direction] = waiting[direction], {}
            added = growth.grow(direction, wave, recursive=recursive)
            # In its own direction a recursion has followed them to the end.
            for other in directions:
                if other != direction:
                    more = {name: list(parts) for name, parts in waiting[other].items()}
                    for name, parts in added.items():
                        more.setdefault(name, []).extend(parts)
                    waiting[other] = more
    return growth.state()
