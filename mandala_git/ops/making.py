"""Making a call: what it is given, its function run under observation, and what it changed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from mandala_git.errors import ResultsError, UnhashableValue
from mandala_git.ops.arguments import Bound
from mandala_git.ops.context import CONTEXT, Context
from mandala_git.ops.op import Op
from mandala_git.ops.refs import CONSTANT, Ref, unwrap
from mandala_git.ops.versioning import CallVersion, Versioning
from mandala_git.records import NamedTuple
from mandala_git.results.calls import MISSING
from mandala_git.results.ids import Found, cid, rounded_cid, value_hid
from mandala_git.versions.tracker import OpenCall

EXACT = frozenset({int, bool, str, bytes, type(None)})
"""Types whose equal instances no function can tell apart (a float has two zeros)."""


class Input(NamedTuple):
    """What a call is given: an argument or a captured value.

    Attributes:
        name: of the argument.
        hid: history id.
        cid: content id.
        value: MISSING when it would have to be loaded.
    """

    name: str
    hid: bytes
    cid: bytes
    value: Any


def input_of(op: Op[..., Any], name: str, value: Any, met: Found) -> Input:
    """Return what an op is given under a name.

    Args:
        op: the op.
        name: of the argument.
        value: it, or a Ref of it.
        met: gets the functions and classes inside a plain value.
    """
    if type(value) in EXACT:
        content = cid(value)
        return Input(name, value_hid(content), content, value)
    path = f"{op.name}: argument {name}"
    if not isinstance(value, Ref):
        value = unwrap(value)
        content = cid(value, found=met, path=path)
        return Input(name, value_hid(content), content, value)
    if value.changeable:
        content = cid(value.load(), found=met, path=path)
        if content != value.cid:  # changed in place since: it has no history now
            return Input(name, value_hid(content), content, value.load())
    return Input(name, value.hid, value.cid, value.load() if value.in_memory else MISSING)


def rounded(given: Input, digits: int, load: Callable[[bytes], Any]) -> bytes:
    """Return the id by which an input is looked up where floats count to so many digits.

    What surely has no float in it keeps its content id.
    """
    value = load(given.cid) if given.value is MISSING else given.value
    return given.cid if type(value) in EXACT else rounded_cid(value, digits)


class Made(NamedTuple):
    """A call that was made.

    Attributes:
        returned: what the function returned.
        version: of the call; None when it cannot be recorded.
        changed: whether it changed an argument.
        why: what to tell the user of a call that nobody will find; "" when somebody may.
        started: seconds since 1970.
        duration: seconds.
        refusal: why its version cannot be recorded.
    """

    returned: Any
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


def make(
    op: Op[..., Any],
    bound: Bound,
    inputs: list[Input],
    met: Found,
    versioning: Versioning,
    context: Context,
) -> Made:
    """Run a call.

    Args:
        op: the op.
        bound: its arguments and captured values.
        inputs: of each of them, what is known; an input that the call changed loses its value.
        met: the functions and classes inside the arguments; those inside Refs are added.
        versioning: says which version ran.
        context: where the call is made.

    Raises:
        MissingCall: no calls are made here.
    """
    values = [
        value.load() if isinstance(value, Ref) else given.value
        for given, (_, value) in zip(inputs, bound, strict=True)
    ]
    lent = _lent(op, bound, inputs, values, met)
    with versioning:
        before = versioning.before(op)
    call = OpenCall(context.running)
    started, clock = time.time(), time.perf_counter()
    try:
        returned = run(op, bound, values, versioning, Context(context.block, call, context.outer))
    except BaseException:
        _expose(bound)
        if context.running is not None:
            context.running.absorb(call)  # whoever catches this depends on what ran
        raise
    duration = time.perf_counter() - clock
    changed = [place for place, content in lent if not _is(values[place], content)]
    if changed:
        _expose(bound)
    version = refusal = None
    try:
        with versioning:
            version = versioning.record(op, call, met.names, before)
    except BaseException as error:
        if context.running is not None:
            context.running.absorb(call)
        if not isinstance(error, ResultsError):
            raise
        refusal = error
    why = "" if version is None else version.why
    if changed:
        # To find the result would not change them again.
        why = f"it changes its argument {', '.join(inputs[place].name for place in changed)}"
        for place in changed:
            inputs[place] = inputs[place]._replace(value=MISSING)
    elif version is None or not version.reusable:
        _expose(bound)  # it may have kept what it was given, to change it later
    return Made(returned, version, bool(changed), why, started, duration, refusal)


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
    op: Op[..., Any], bound: Bound, inputs: list[Input], values: list[Any], met: Found
) -> list[tuple[int, bytes]]:
    """Return (place, content id) of the arguments that the op's function could change.

    Finds the classes inside arguments that came as Refs, too: their ids hide them.
    """
    lent = []
    for place, value in enumerate(values):
        if type(value) in CONSTANT:
            continue
        content = inputs[place].cid
        if isinstance(bound[place][1], Ref) and not _is_plain_array(value):
            path = f"{op.name}: argument {inputs[place].name}"
            content = cid(value, found=met, path=path)
        lent.append((place, content))
    return lent


def _is_plain_array(value: Any) -> bool:
    """Whether a value is numpy's and has no objects in it."""
    dtype = getattr(value, "dtype", None)
    return type(value).__module__ == "numpy" and not getattr(dtype, "hasobject", True)


def _is(value: Any, content: bytes) -> bool:
    """Whether a value still has a content id."""
    try:
        return cid(value) == content
    except UnhashableValue:
        return False


def _expose(bound: Bound) -> None:
    """Have the Refs among arguments looked at again before they are inputs."""
    for _, value in bound:
        if isinstance(value, Ref):
            value.expose()
