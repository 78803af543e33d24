"""Why a call is found or runs: which argument, or which definition, down to the changed line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from reprlib import Repr
from typing import TYPE_CHECKING, Any

from mandala_git.errors import MandalaError
from mandala_git.ops.memo import Memo
from mandala_git.ops.op import Op
from mandala_git.ops.refs import unwrap
from mandala_git.ops.versioned import Versioned
from mandala_git.repo.snapshots import work_tree
from mandala_git.results.calls import MISSING, CallRecord, Candidate, Edge
from mandala_git.results.containers import kinds
from mandala_git.results.structures import Structure
from mandala_git.source.outline import Mark
from mandala_git.versions.agreement import Stop
from mandala_git.versions.comparison import Comparison
from mandala_git.versions.data import moved
from mandala_git.versions.indexed import IndexedTree
from mandala_git.versions.worlds import Worlds

if TYPE_CHECKING:
    from mandala_git.ops.given import Input

_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = 40


class Explanation:
    """Whether a call would be found, and why; printed, it says so.

    Attributes:
        call: name of the op.
        found: whether a recorded call would answer it.
        reasons: lines of text, most important first; indented ones belong to the line above.
    """

    def __init__(self, call: str, found: bool, reasons: Iterable[str]) -> None:
        self.call = call
        self.found = found
        self.reasons = tuple(reasons)

    def __repr__(self) -> str:
        said = "would be found" if self.found else "would run"
        return "\n".join((f"{self.call} {said}", *(f"  {line}" for line in self.reasons)))


def explain(
    memo: Memo, op: Op[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Explanation:
    """Explain what a call of an op would meet in an open block; nothing runs or is recorded.

    Args:
        memo: answers calls.
        op: the op.
        args: arguments by place.
        kwargs: arguments by name.

    Raises:
        CallError: the arguments do not fit the signature.
    """
    given, candidates, found = memo.look(op, args, kwargs)
    if found is not None:
        return Explanation(op.name, True, [_ran(memo, found.id)])
    with memo.versioning:
        if candidates:
            lines = [*_other_code(memo, op, candidates)]
        else:
            lines = [*_other_arguments(memo, memo.versioning.ops(op), given.inputs)]
    return Explanation(op.name, False, lines)


def _ran(memo: Memo, call: int) -> str:
    """Say when, where and for how long a recorded call ran."""
    (record,) = memo.results.calls([call])
    if record.row.alias_of is not None:
        (record,) = memo.results.calls([record.row.alias_of])
    row = record.row
    sessions = memo.results.sessions([row.session] if row.session is not None else [])
    commit = next((s.commit_id for s in sessions.values()), None)
    when = datetime.fromtimestamp(row.started, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    where = f" at {commit[:10]}" if commit else ""
    return f"ran {when}{where}, {row.duration:.3g} s"


# -- arguments ---------------------------------------------------------------------------


def _other_arguments(memo: Memo, rows: Iterable[int], inputs: list[Input]) -> Iterator[str]:
    """Say in what the nearest recorded call differs."""
    records = memo.results.calls_of(rows)
    if not records:
        yield "no call of it is recorded"
        return
    now = {each.name: each for each in inputs}

    def alike(record: CallRecord) -> int:
        return sum(name in now and now[name].cid == e.cid for name, e in record.inputs.items())

    nearest = max(records, key=lambda record: (alike(record), record.row.id))
    count = f"the {len(records)} recorded calls" if len(records) > 1 else "the recorded call"
    yield f"{count} had other arguments; the nearest differs in"
    for name in {**nearest.inputs, **now}:
        then, here = nearest.inputs.get(name), now.get(name)
        if then is None or here is None or then.cid != here.cid:
            yield f"  {name}: {_now(memo, here)} now, {_then(memo, then)} then"


def _then(memo: Memo, edge: Edge | None) -> str:
    if edge is None:
        return "not there"
    (kind,) = kinds(memo.results, [edge.cid]) or [None]
    try:
        return _shown(memo.results.load(edge.cid, recover=False), kind)
    except MandalaError:
        return f"a value that is not stored ({edge.cid.hex()[:8]})"


def _now(memo: Memo, given: Input | None) -> str:
    if given is None:
        return "not there"
    if given.value is MISSING:
        return _then(memo, Edge(given.name, 0, given.hid, given.cid))
    if type(given.value) is Structure:
        return _shown(unwrap(given.value.origin), given.value.name)
    return _SHORT.repr(given.value)


def _shown(value: Any, kind: str | None) -> str:
    """Show a value; of a container whose elements are values of their own say that it is one."""
    return f"{kind} {_SHORT.repr(value)}" if kind else _SHORT.repr(value)


# -- code --------------------------------------------------------------------------------


def _other_code(memo: Memo, op: Op[..., Any], candidates: list[Candidate]) -> Iterator[str]:
    """Say what stands between the calls that had these arguments and the code as it is."""
    versioning = memo.versioning
    calls = Counter(candidate.version for candidate in candidates if candidate.alias_of is None)
    if not isinstance(versioning, Versioned):
        yield "the op was another function when calls with these arguments ran"
        return
    index, rules = versioning.index, versioning.rules
    tree = IndexedTree(work_tree(versioning.repo, index), index, rules=rules)
    worlds = Worlds(tree, versioning.history)
    comparison = Comparison(None, worlds)
    key = versioning.key(op).partition(".<locals>")[0]
    told: set[Stop | str] = set()
    for row in sorted(calls, reverse=True):
        version = memo.results.version(row)
        outcome = version and versioning.world.judge(version.vid.hex(), key)
        recorded = version and versioning.history.recorded(version.vid.hex())
        if outcome is None or recorded is None:
            yield "the code that calls with these arguments ran is not known here"
        elif recorded.volatile:
            yield "a call with these arguments ran code that no file tells, or changed its inputs"
        elif not outcome.stops:
            yield "a recorded call with these arguments has lost its result"
        around = [*_around(versioning, version.vid.hex())] if version else []
        for line in around:
            if line not in told:
                told.add(line)
                yield line
        for stop in outcome.stops if outcome is not None else ():
            # Equal code stops at a value, or at what is around it.
            if stop not in told and not (around and stop.text_old == stop.text_new):
                told.add(stop)
                yield from _stopped(versioning, comparison, worlds, stop)


def _around(versioning: Versioned, version: str) -> Iterator[str]:
    """Say what is not as it was when a call ran, beside code and values."""
    recorded = versioning.history.recorded(version)
    known = dict(recorded.packages) if recorded is not None else {}
    for name, now in versioning.history.packages.items():
        if known.get(name) != now:
            then = known.get(name) or "not looked at"
            yield f"{name} is {now}; when a call with these arguments ran it was {then}"
    for path in moved(versioning.world, version):
        yield f"{path} is not as it was when a call with these arguments ran"


def _stopped(
    versioning: Versioned, comparison: Comparison, worlds: Worlds, stop: Stop
) -> Iterator[str]:
    """Say how a definition differs from what ran."""
    name = stop.key_old
    old, new = versioning.history.text(stop.text_old), worlds.definition(stop.key_new)
    if not stop.text_new:
        yield f"{name} is no more" if stop.text_old else f"{name} ran, and its code is not known"
        return
    if stop.text_old == stop.text_new or old is None or new is None:
        yield f"{name} has another value than when a call with these arguments ran"
        return
    change = comparison.change_of(old, new)
    verdict = versioning.history.ledger.verdict(stop.edge)
    said = verdict or f"not decided: git mandala classify {new.key} --breaking|--compatible"
    reasons = f": {', '.join(change.reasons)}" if change.reasons else ""
    yield f"{new.path}:{new.lines[0]} {new.name} changed{reasons}, {said}"
    for hunk in comparison.hunks(change, context=0):
        for line in hunk.lines:
            if line.mark is not Mark.CONTEXT:
                yield f"  {line.mark} {line.text}"
