"""What a call may change, as it was before the call ran.

A value that a call reads counts as it was when the call began; one that is not any more what it
was then was changed by the call, whose result is found by nobody. So all that its code may lead to
is looked at beforehand: through the names in it, through the functions and classes inside its
arguments, and where it computes names, whatever has one. What calls of the op read nevertheless
(callbacks that the standard library keeps) is looked at from the next call on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mandala_git.source.definitions import Definition, Kind, split_key
from mandala_git.versions.dynamic import only_attributes
from mandala_git.versions.process import ProcessWorld
from mandala_git.versions.readings import Reading
from mandala_git.versions.recorded import Recorded
from mandala_git.versions.seen import Check

_Watched = tuple[list[str], list[tuple[str, Check, Reading]]]


class Beforehand:
    """What is looked at before calls of an op run, as long as nothing else has changed.

    Args:
        world: the process.
        op: key of the definition of the op.
        learned: keys of what earlier calls read.
    """

    def __init__(self, world: ProcessWorld, op: str, learned: Iterable[str]) -> None:
        self._world = world
        self._op = op
        self._learned = sorted(learned)
        self._watched: dict[tuple[str, ...], _Watched] = {}
        self._bindings = world.bindings(op)

    @property
    def holds(self) -> bool:
        """Whether all names and functions are what they were when this was made."""
        return self._bindings.holds()

    def readings(self, arguments: tuple[str, ...]) -> dict[str, Reading | None]:
        """Return the values that a call may read, by key; None where there is none.

        Args:
            arguments: keys of the functions and classes inside its arguments.
        """
        watched = self._watched.get(arguments)
        if watched is None:
            reach = self._reach(arguments)
            watched = self._world.changeable(reach), self._world.fixed(reach)
            self._watched[arguments] = watched
        read_now = self._world.read_now
        readings = {key: read_now(key) for key in watched[0]}
        for key, check, reading in watched[1]:
            readings[key] = reading if check.holds() else read_now(key)
        return readings

    def _reach(self, arguments: tuple[str, ...]) -> Mapping[str, Definition]:
        untracked, snapshot = self._world.untracked, self._world.snapshot
        found = untracked.counting(self._op)
        out = untracked.by_op(self._op)
        more = [k for k in arguments if not untracked.only_marked or untracked.is_marked(k)]
        if more or self._learned:
            found = dict(found)
            for key in (*more, *self._learned):
                for each, definition in untracked.counting(key).items():
                    if each not in out:
                        found[each] = definition
        if not untracked.only_marked and any(map(_names_things, found.values())):
            found = dict(found)
            for key in self._world.reachable_by_name():
                value = snapshot.definition(key)
                if value is not None and key not in out and not untracked.by_project(key):
                    found[key] = value
        return found


def with_bound(
    world: ProcessWorld, op: str, before: Mapping[str, Reading | None], loaded: frozenset[str]
) -> Mapping[str, Reading | None]:
    """Return what was looked at before, and of what names were bound to then what is remembered.

    Args:
        world: the process, in the epoch of then.
        op: key of the definition of the op.
        before: what was looked at.
        loaded: paths of the modules that were there.
    """
    found = dict(before)
    for key, definition in world.untracked.counting(op).items():
        if definition.kind in (Kind.FUNCTION, Kind.GLOBAL) and split_key(key)[0] in loaded:
            found.setdefault(key, world.reading(key))
    return found


def _names_things(definition: Definition) -> bool:
    """Tell whether code reaches values by their names."""
    return definition.dynamic and not only_attributes(definition)


def unforeseen(
    world: ProcessWorld,
    recorded: Recorded,
    before: Mapping[str, Reading | None],
    loaded: frozenset[str],
) -> tuple[list[str], list[str]]:
    """Return the keys of values that a call read and that nobody looked at before it ran.

    Args:
        world: the process.
        recorded: the version of the call.
        before: what was looked at.
        loaded: paths of the modules that were there.

    Returns:
        Those that were there, and those that have come with their modules since.
    """
    there: list[str] = []
    came: list[str] = []
    closure = world.closure(recorded.nodes[0].key)
    for node in recorded.nodes:
        key = node.key
        if key in before or key in closure:
            continue
        reading, definition = world.reading(key), world.snapshot.definition(key)
        if reading is None or definition is None:
            continue  # it is as its source says
        if not world.changeable({key: definition}) and (
            definition.kind is not Kind.GLOBAL or _as_written(world, definition, reading)
        ):
            continue
        (there if split_key(key)[0] in loaded else came).append(key)
    return there, came


def _as_written(world: ProcessWorld, definition: Definition, reading: Reading) -> bool:
    """Tell whether a value that nobody can change in place is the literal in its source."""
    return definition.literal is not None and reading.cid == world.literal(definition.literal)


def known_from(versions: Iterable[Recorded | None], world: ProcessWorld, op: str) -> set[str]:
    """Return what recorded versions of an op read that its code does not lead to."""
    closure = world.closure(op)
    return {
        node.key
        for recorded in versions
        for node in (recorded.nodes if recorded is not None else ())
        if node.key not in closure and world.snapshot.definition(node.key) is not None
    }
