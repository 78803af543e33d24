"""Making a call: its function run under observation, and what it changed."""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from mandala_git.errors import MandalaError, ResultsError, UnhashableValue
from mandala_git.ops.arguments import Bound
from mandala_git.ops.context import CONTEXT, Context
from mandala_git.ops.given import Given, Input, unvalued
from mandala_git.ops.op import Op
from mandala_git.ops.refs import Ref
from mandala_git.ops.special import ValuePointer
from mandala_git.ops.versioning import CallVersion, Versioning
from mandala_git.records import NamedTuple
from mandala_git.results.atoms import CONSTANT
from mandala_git.results.calls import MISSING
from mandala_git.results.ids import cid
from mandala_git.results.naming import note
from mandala_git.results.structures import Structure
from mandala_git.versions.tracker import OpenCall

if TYPE_CHECKING:
    from mandala_git.ops.intact import Watch


class Made(NamedTuple):
    """A call that was made.

    Attributes:
        returned: what the function returned.
        inputs: what it was given, of which those that it changed have no value.
        version: of the call; None when it cannot be recorded.
        changed: whether it changed an argument.
        why: what to tell the user of a call that nobody will find; "" when somebody may.
        started: seconds since 1970.
        duration: seconds.
        refusal: why its version cannot be recorded.
    """

    returned: Any
    inputs: list[Input]
    version: CallVersion | None
    changed: bool
    why: str
    started: float
    duration: float
    refusal: ResultsError | None = None

    @property
    def reusable(self) -> bool:
        """Whether a later call may be answered with this one."""
        return self.version is not None and self.version.reusable and not self.changed


_made = partial(tuple.__new__, Made)
_context = partial(tuple.__new__, Context)


class Making:
    """A call on its way: what is looked at before its function runs, and what afterwards.

    Args:
        op: the op.
        given: what it is given; classes inside Refs are added to those that were met.
        versioning: says which version ran.
        context: where the call is made.

    Attributes:
        inside: the context in which the function runs.
        passed: what it gets for each argument.

    Raises:
        MissingCall: no calls are made here.
    """

    __slots__ = (
        "_before",
        "_call",
        "_clock",
        "_context",
        "_given",
        "_lent",
        "_op",
        "_started",
        "_versioning",
        "inside",
        "passed",
    )

    def __init__(
        self, op: Op[..., Any], given: Given, versioning: Versioning, context: Context
    ) -> None:
        self._op = op
        self._given = given
        self._versioning = versioning
        self._context = context
        values = _refs(given, versioning) if op.refs else given.values()
        self._lent = [] if given.exact else _lent(op, given, values)
        with versioning:
            self._before = versioning.before(op, given.met.names)
        self._call = OpenCall(context.running)
        self.inside = _context((context.block, self._call, context.outer, context.modes, op.refs))
        self.passed = given.passed(values)
        self._started, self._clock = time.time(), time.perf_counter()

    def run(self) -> Any:
        """Run the function; return what it returns."""
        return run(self._op, self._given.bound, self.passed, self._versioning, self.inside)

    async def run_async(self) -> Any:
        """Run a coroutine function; return what it returns."""
        op, tracker, call = self._op, self._versioning.tracker, self._call
        args, kwargs = op.plan.passed(self._given.bound, self.passed)
        reset = CONTEXT.set(self.inside)
        try:
            if tracker is None:
                return await op.func(*args, **kwargs)
            return await tracker.run_async(call, op.func, args, kwargs)
        finally:
            # A coroutine that nobody finishes may be closed somewhere else.
            with suppress(ValueError):
                CONTEXT.reset(reset)

    def fail(self) -> None:
        """Note that the function raised."""
        _expose(self._given.bound)
        if self._context.running is not None:
            self._context.running.absorb(self._call)  # whoever catches this depends on what ran

    def finish(self, returned: Any) -> Made:
        """Return the call, now that its function has returned."""
        duration = time.perf_counter() - self._clock
        given, inputs, versioning = self._given, self._given.inputs, self._versioning
        op, lent, changed = self._op, self._lent, []
        if lent:
            changed = [place for place, value, content in lent if not _is(value, content)]
        changed += [place for place in op.rebound(given.kept) if place not in changed]
        if changed:
            _expose(given.bound)
        for place, value, _ in lent:
            if isinstance(value, Ref):  # it was looked into: its classes count
                value.meet(given.met, f"{op.name}: argument {inputs[place].name}")
        if op.func is not op.own and id(op.own.__code__) not in self._call.codes:
            self._call.observed = False  # a decorator answered: what it knows came about before
        version = refusal = None
        try:
            with versioning:
                version = versioning.record(op, self._call, given.met.names, self._before)
        except BaseException as error:
            if self._context.running is not None:
                self._context.running.absorb(self._call)
            if not isinstance(error, ResultsError):
                raise
            refusal = error
        why = "" if version is None else version.why
        if changed:
            # To find the result would not change them again.
            why = _changes(op, [each for each in lent if each[0] in changed], given, versioning)
            for place in changed:
                inputs[place] = unvalued(inputs[place])
        elif version is None or not version.reusable:
            _expose(given.bound)  # it may have kept what it was given, to change it later
        made = (returned, inputs, version, bool(changed), why, self._started, duration, refusal)
        return _made(made)


def make(op: Op[..., Any], given: Given, versioning: Versioning, context: Context) -> Made:
    """Run a call; see `Making`."""
    making = Making(op, given, versioning, context)
    try:
        returned = making.run()
    except BaseException:
        making.fail()
        raise
    return making.finish(returned)


async def make_async(
    op: Op[..., Any], given: Given, versioning: Versioning, context: Context
) -> Made:
    """Run a call of a coroutine function; see `Making`."""
    making = Making(op, given, versioning, context)
    try:
        returned = await making.run_async()
    except BaseException:
        making.fail()
        raise
    return making.finish(returned)


def run(
    op: Op[..., Any], bound: Bound, values: list[Any], versioning: Versioning, inside: Context
) -> Any:
    """Run the function of an op under observation.

    Args:
        op: the op.
        bound: its arguments and captured values.
        values: what to pass for each of them.
        versioning: whose tracker observes.
        inside: the context in which the function runs.

    Returns:
        What it returns.
    """
    args, kwargs = op.plan.passed(bound, values)
    function, tracker, call = op.func, versioning.tracker, inside.running
    reset = CONTEXT.set(inside)
    try:
        if tracker is None or call is None:
            return function(*args, **kwargs)
        return tracker.run(call, function, args, kwargs)
    finally:
        CONTEXT.reset(reset)


def _lent(
    op: Op[..., Any], given: Given, values: list[Any]
) -> list[tuple[int, Any, bytes | Watch]]:
    """Return (place, value, content id) of the inputs that the op's function could change.

    Containers whose elements are values of their own have a watch instead of a content id.

    Finds the classes inside arguments that came as Refs, too: their ids hide them.
    """
    lent: list[tuple[int, Any, bytes | Watch]] = []
    for place, value in enumerate(values):
        if type(value) in CONSTANT:
            continue
        known = given.inputs[place]
        content = known.cid
        if isinstance(value, Ref):
            lent.append((place, value, content))
            continue
        known_as = given.kept[place][1]
        if type(known.value) is Structure or (
            isinstance(known_as, Ref) and type(known_as) is not Ref
        ):
            lent.append((place, value, _watch(given, place, value)))
            continue
        if known.name in given.special:
            if type(known.value) is ValuePointer:
                continue  # its name is all that counts
            value = known.value  # what is around the pointers is a copy; what is beside them is not
        elif given.transient.get(content):
            note(type(value), given.met)
            continue  # it has no id by which a change could be told
        elif isinstance(given.kept[place][1], Ref) and not _is_plain_array(value):
            content = cid(value, found=given.met, path=f"{op.name}: argument {known.name}")
        lent.append((place, value, content))
    return lent


def _watch(given: Given, place: int, value: Any) -> Watch:
    """Return who notices that a container was changed whose elements are values of their own."""
    from mandala_git.ops.containers import CollectionRef
    from mandala_git.ops.intact import Watch

    known, ref = given.inputs[place].value, given.kept[place][1]
    if isinstance(ref, CollectionRef) and known in (MISSING, ref.at_hand):
        return Watch(ref.whole, value, given.met, given.transient)
    # The ids of what came in Refs hide their classes.
    met = given.met if known.hids is not None else None
    return Watch(known, value, met, given.transient)


def _refs(given: Given, versioning: Versioning) -> list[Any]:
    """Return what a superop gets for each argument that is kept: Refs."""
    refs: list[Any] = []
    for known, (_, value) in zip(given.inputs, given.kept, strict=True):
        if known.name in given.special:
            refs.append(given.special[known.name])
        elif isinstance(value, Ref) and value.hid == known.hid:
            refs.append(value)
        elif type(known.value) is Structure:
            from mandala_git.ops.containers import collection_of

            refs.append(collection_of(known.value, versioning.results))
        else:
            refs.append(Ref(known.hid, known.cid, versioning.results, known.value))
    return refs


def _is_plain_array(value: Any) -> bool:
    """Whether a value is numpy's and has no objects in it."""
    dtype = getattr(value, "dtype", None)
    return type(value).__module__ == "numpy" and not getattr(dtype, "hasobject", True)


def _is(value: Any, content: bytes | Watch) -> bool:
    """Whether a value still has a content id."""
    if not isinstance(content, bytes):
        return content.intact()
    if isinstance(value, Ref):
        return not value.changeable or value.unchanged()
    try:
        return cid(value) == content
    except UnhashableValue:
        return False


_CHANGES: WeakKeyDictionary[Op[..., Any], dict[tuple[int, ...], str]] = WeakKeyDictionary()
"""What was said of ops that change arguments: to look where they do takes long."""


def _changes(
    op: Op[..., Any],
    changed: list[tuple[int, Any, bytes | Watch]],
    given: Given,
    versioning: Versioning,
) -> str:
    """Say which arguments a call changed, and where in them as far as they are recorded."""
    said = _CHANGES.setdefault(op, {})
    places = tuple([place for place, _, _ in changed])
    if places not in said:
        names = []
        for place, value, content in changed:
            name = where = given.inputs[place].name
            if isinstance(content, bytes):
                from mandala_git.results.differences import difference

                with suppress(MandalaError):  # it is not recorded, or cannot be hashed any more
                    recorded = versioning.results.load(content, recover=False)
                    now = value.value if isinstance(value, Ref) else value
                    where, _, _ = difference(recorded, now, name)
            names.append(name if where == name else f"{name} (at {where})")
        said[places] = f"it changes its argument {', '.join(names)}; let it work on a copy"
    return said[places]


def _expose(bound: Bound) -> None:
    """Have the Refs among arguments looked at again before they are inputs."""
    for _, value in bound:
        if isinstance(value, Ref):
            value.expose()
