"""Evidence for a verdict: recorded calls run again with the code as it is, and are compared."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mandala_git.errors import MandalaError, UsageError
from mandala_git.ops.arguments import CAPTURED
from mandala_git.ops.context import CONTEXT
from mandala_git.ops.given import holds_pointers
from mandala_git.ops.op import AsyncOp, Op, decorated
from mandala_git.ops.refs import unwrap
from mandala_git.ops.special import TRANSIENT, ValuePointer, settled
from mandala_git.ops.versioning import Versioning
from mandala_git.records import NamedTuple
from mandala_git.results.calls import CallRecord
from mandala_git.results.differences import close, difference
from mandala_git.results.ids import cid
from mandala_git.results.store import Results
from mandala_git.versions.review import Question


class Compared(NamedTuple):
    """A recorded call, and what became of it.

    Attributes:
        op: name of the op.
        hid: history id of the recorded call, hex.
        same: whether all outputs are the same; None where it could not be told.
        ran: whether it ran for this; otherwise both versions had a result already.
        detail: which output differs and how, or why it could not be told.
    """

    op: str
    hid: str
    same: bool | None
    ran: bool
    detail: str = ""


class Evidence:
    """What recorded calls say about an edit; printed, it says so.

    Attributes:
        name: of what was edited.
        calls: how many recorded calls it puts in question.
        compared: those that were looked at.
    """

    def __init__(self, name: str, calls: int, compared: Sequence[Compared]) -> None:
        self.name = name
        self.calls = calls
        self.compared = tuple(compared)

    @property
    def same(self) -> int:
        """How many gave the same results."""
        return sum(each.same is True for each in self.compared)

    @property
    def different(self) -> int:
        """How many gave other results."""
        return sum(each.same is False for each in self.compared)

    def __bool__(self) -> bool:
        return bool(self.compared) and self.same == len(self.compared)

    def __repr__(self) -> str:
        if not self.calls:
            return f"{self.name}: no recorded call is in question"
        told = self.same + self.different
        known = sum(not each.ran and each.same is not None for each in self.compared)
        lines = [
            f"{self.name}: {self.same} of {told} sampled calls gave identical results "
            f"({self.calls} in question"
            + (f", {known} compared without running)" if known else ")")
        ]
        lines += [
            f"  {each.op} {each.hid[:12]}: {each.detail}"
            for each in self.compared
            if each.same is not True
        ]
        return "\n".join(lines)


def evidence(
    versioning: Versioning,
    name: str,
    questions: Iterable[Question],
    *,
    sample: int,
    tolerance: float | None,
) -> Evidence:
    """Run calls again that ran what was edited, and compare what they return.

    Each runs outside of any block: nothing is recorded, and ops inside run as plain functions.

    Args:
        versioning: of the storage; the ops must be loaded.
        name: what was edited.
        questions: what is open about it.
        sample: how many calls at most, chosen at random, the same ones each time.
        tolerance: floats count as the same if they differ by no more than this part of them;
            None: outputs must be identical.

    Raises:
        UsageError: `sample` or `tolerance` is no sensible number.
    """
    if sample < 1 or (tolerance is not None and not 0 <= tolerance < 1):
        raise UsageError(
            f"sample={sample!r}, tolerance={tolerance!r} make no sense",
            hint="Give a number of calls, and a tolerance such as 1e-6.",
        )
    results = versioning.results
    wanted = {version for question in questions for version in question.versions}
    records = list(_records(results, wanted))
    chosen = random.Random(0).sample(records, min(sample, len(records)))
    ops = dict(results.ops())
    compared = []
    for record in sorted(chosen, key=lambda each: each.row.id):
        key = ops[record.row.op]
        compared.append(_compared(versioning, record, key, tolerance))
    return Evidence(name, len(records), compared)


def _records(results: Results, versions: set[str]) -> Iterator[CallRecord]:
    """Yield the calls that ran some versions; not the repetitions."""
    for row, _ in results.ops():
        rows = {each.id for each in results.versions_of(row) if each.vid.hex() in versions}
        if rows:
            for record in results.calls_of([row]):
                if record.row.version in rows and record.row.alias_of is None:
                    yield record


def _compared(
    versioning: Versioning, record: CallRecord, key: str, tolerance: float | None
) -> Compared:
    name, hid = key.rpartition("::")[2], record.row.hid.hex()
    op = _op(versioning, record, name)
    if op is None:
        path = key.partition("::")[0]
        return Compared(name, hid, None, False, f"{path} is not loaded, or {name} is another there")
    results = versioning.results
    before = _outputs(record)
    other = _twin(versioning, op, record)
    if other is not None:
        after = {label: results.load(c, recover=False) for label, c in _outputs(other).items()}
        ran = False
    else:
        try:
            after = _again(results, op, record)
        except MandalaError as error:
            return Compared(name, hid, None, False, error.message)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it is the user's code
            text = f"it failed: {type(error).__name__}: {error}"
            return Compared(name, hid, False, True, text)
        ran = True
    for label in dict.fromkeys([*before, *after]):
        if label not in before or label not in after:
            return Compared(name, hid, False, ran, f"{label} came or went")
        if not _same(results, before[label], after[label], tolerance):
            return Compared(name, hid, False, ran, _told(results, label, before[label], after))
    return Compared(name, hid, True, ran)


def _op(versioning: Versioning, record: CallRecord, name: str) -> Op[..., Any] | None:
    """Return the op of this process that a recorded call's op is now."""
    for op in sorted(decorated(), key=lambda each: each.name != name):
        try:
            if record.row.op in versioning.ops(op):
                return op
        except MandalaError:
            continue  # of another repository
    return None


def _outputs(record: CallRecord) -> dict[str, bytes]:
    return {
        label: edge.cid for label, edge in record.outputs.items() if not label.startswith(TRANSIENT)
    }


def _twin(versioning: Versioning, op: Op[..., Any], record: CallRecord) -> CallRecord | None:
    """Return a call with inputs of the same contents that ran the code as it is."""
    inputs = {label: edge.cid for label, edge in record.inputs.items()}
    results = versioning.results
    if any(not results.has_value(content) for content in _outputs(record).values()):
        return None
    for other in reversed(results.calls_of(versioning.ops(op))):
        if (
            other.row.id != record.row.id
            and {label: edge.cid for label, edge in other.inputs.items()} == inputs
        ):
            version = versioning.admit(op, other.row.version)
            if version is not None and all(map(results.has_value, _outputs(other).values())):
                return other
    return None


def _again(results: Results, op: Op[..., Any], record: CallRecord) -> dict[str, Any]:
    """Run a recorded call with the code that is loaded; return its outputs.

    Raises:
        MandalaError: it cannot run: an input is not stored, or the parameters are others.
    """
    given = {
        label: results.load(edge.cid, recover=False)
        for label, edge in record.inputs.items()
        if not label.startswith(CAPTURED)
    }
    if any(isinstance(value, ValuePointer) or holds_pointers(value) for value in given.values()):
        raise UsageError("it was given a ValuePointer, which is not stored")
    bound = op.plan.again(given)
    if bound is None:
        raise UsageError("the op has other parameters now, or was given something ignored")
    args, kwargs = op.plan.passed(bound, [value for _, value in bound])
    token = CONTEXT.set(None)
    try:
        returned = op.func(*args, **kwargs)
        if isinstance(op, AsyncOp):
            import asyncio

            returned = asyncio.run(returned)
    finally:
        CONTEXT.reset(token)
    parts = op.split(unwrap(returned))
    return {op.label(number): settled(part) for number, part in enumerate(parts)}


def _same(results: Results, content: bytes, value: Any, tolerance: float | None) -> bool:
    try:
        if cid(value) == content:
            return True
        before = results.load(content, recover=False)
        # The id of a container whose elements are values of their own is another one.
        return cid(before) == cid(value) or (
            tolerance is not None and close(before, value, tolerance)
        )
    except MandalaError:
        return False


def _told(results: Results, label: str, before: bytes, after: Mapping[str, Any]) -> str:
    """Say what differs, and where in the value."""
    from reprlib import repr as short

    try:
        recorded = results.load(before, recover=False)
    except MandalaError:
        gone = f"a value that is not stored ({before.hex()[:8]})"
        return f"{label} was {gone}, now {short(after[label])}"
    path, was, now = difference(recorded, after[label], label)
    return f"{path} was {short(was)}, now {short(now)}"
