"""Values that were lost: the calls that made them run again when somebody needs them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from mandala_git.errors import MandalaError, ResultsError, ValueLost, VersionError
from mandala_git.ops.apart import outputs_of
from mandala_git.ops.arguments import CAPTURED, Bound
from mandala_git.ops.context import CONTEXT, Context, Modes
from mandala_git.ops.given import content_of_plain, holds_pointers
from mandala_git.ops.making import run
from mandala_git.ops.op import AsyncOp, Op, decorated
from mandala_git.ops.refs import Ref, unwrap
from mandala_git.ops.special import TRANSIENT, Transient, ValuePointer, settled
from mandala_git.records import NamedTuple
from mandala_git.results.calls import MISSING, CallRecord
from mandala_git.results.containers import load_all, lost_part, makers_of, structures_of
from mandala_git.results.structures import Structure, is_small
from mandala_git.versions.tracker import OpenCall

if TYPE_CHECKING:
    from mandala_git.ops.memo import Memo


class _Maker(NamedTuple):
    """A recorded call that made a value, and the op that can make it again."""

    op: Op[..., Any]
    record: CallRecord


class Recovery:
    """Makes the values of content ids anew.

    Args:
        memo: answers calls, and runs those of ops whose code still means the same.
        block: makes a block of the memo, with modes.
    """

    def __init__(
        self, memo: Memo, block: Callable[[Modes], AbstractContextManager[object]]
    ) -> None:
        self._memo = memo
        self._block = block
        self._again = False  # whether transient outputs are made again

    def value(self, content: bytes, lost: ValueLost) -> Any:
        """Return a value whose stored form is lost.

        Args:
            content: its content id.
            lost: what is wrong with the stored form.

        Raises:
            ValueLost: its call cannot run again, or makes another value.
        """
        context = CONTEXT.get()
        self._again = context is not None and context.modes.recompute_transient
        with self._block(Modes(recompute_transient=self._again)):
            try:
                return self._made(content, lost)
            except ValueLost:
                self._memo.forget()
                raise

    def _made(self, content: bytes, lost: ValueLost) -> Any:
        # What cannot be stored again now, on a full disk, is needed nevertheless.
        made: dict[bytes, Any] = {}
        todo = [content]
        useless: set[int] = set()  # calls that need what they made
        while todo:
            maker = self._maker(todo[-1], todo, useless, lost)
            given: dict[str, Any] = {}
            for name, edge in maker.record.inputs.items():
                if name.startswith(CAPTURED):
                    continue
                try:
                    given[name] = self._stored(edge.cid, made)
                except ValueLost:
                    part = lost_part(self._memo.results, edge.cid, made)
                    if part in todo:
                        useless.add(maker.record.row.id)
                    else:
                        todo.append(part)
                    break
            else:
                self._run(maker, given, todo.pop(), lost, made)
        return self._stored(content, made)

    def _stored(self, content: bytes, made: Mapping[bytes, Any]) -> Any:
        return load_all(self._memo.results, [content], known=made, recover=False)[0]

    def _maker(
        self, content: bytes, todo: list[bytes], useless: Collection[int], lost: ValueLost
    ) -> _Maker:
        """Return a call that made a value and can run again; the last recorded one first."""
        why, superop = lost, None
        results = self._memo.results
        for record in sorted(
            results.calls(makers_of(results, content)), key=lambda found: found.row.id, reverse=True
        ):
            if record.row.id in useless or any(e.cid in todo for e in record.inputs.values()):
                continue  # it needs itself
            key = dict(results.ops())[record.row.op]
            if not self._again and self._is_transient(record, content):
                name = key.rpartition("::")[2]
                why = ValueLost(
                    f"an output of {name} is not stored: it is transient",
                    hint="with storage(recompute_transient=True): ...  makes it again.",
                )
                continue
            ops = self._ops(record.row.op, key)
            for op in ops:
                if self._is_of(op, record):
                    if not op.refs:
                        return _Maker(op, record)
                    superop = superop or _Maker(op, record)  # it may have passed on what it got
                    break
            if superop is not None and superop.record is record:
                continue
            why = self._impossible(record, key, lost, loaded=bool(ops))
        if superop is None:
            raise why
        return superop

    @staticmethod
    def _is_transient(record: CallRecord, content: bytes) -> bool:
        """Say whether an output of a call was not meant to be stored."""
        return any(
            edge.cid == content and TRANSIENT + label in record.outputs
            for label, edge in record.outputs.items()
        )

    def _is_of(self, op: Op[..., Any], record: CallRecord) -> bool:
        """Say whether an op is the one that made a call, as far as results can depend on it."""
        if self._memo.versioning.admit(op, record.row.version) is None:
            return False
        recorded = {n: edge.cid for n, edge in record.inputs.items() if n.startswith(CAPTURED)}
        return recorded == {name: self._cid(value, name) for name, value in op.captured()}

    def _ops(self, row: int, key: str) -> list[Op[..., Any]]:
        """Return the ops of this process whose calls a recorded op's may be."""
        name = key.rpartition("::")[2]
        found = []
        for op in sorted(decorated(), key=lambda each: each.name != name):
            try:
                if row in self._memo.versioning.ops(op):
                    found.append(op)
            except VersionError:
                continue  # of another repository
        return found

    def _impossible(
        self, record: CallRecord, key: str, lost: ValueLost, *, loaded: bool
    ) -> ValueLost:
        path, _, name = key.rpartition("::")
        if not loaded:
            return ValueLost(
                f"{lost.message}, and {name} of {path}, which made it, is not loaded here",
                hint=f"Import {path} in this program: {name} then runs again.",
            )
        sessions = self._memo.results.sessions([record.row.session or 0])
        commit = next((session.commit_id for session in sessions.values()), None)
        return ValueLost(
            f"{lost.message}, and the code of {name} has changed since it made it",
            hint=f"Make it with the code of then: git checkout {commit[:12]}"
            if commit
            else f"Call {name} again with the same arguments: a new value is then recorded.",
        )

    def _run(
        self,
        maker: _Maker,
        given: dict[str, Any],
        content: bytes,
        lost: ValueLost,
        made: dict[bytes, Any],
    ) -> None:
        """Run a call again and store its lost outputs."""
        op, memo = maker.op, self._memo
        if any(
            isinstance(value, ValuePointer) or holds_pointers(value) for value in given.values()
        ):
            raise ValueLost(
                f"{lost.message}, and {op.name} made it of a ValuePointer, which is not stored",
                hint=f"Call {op.name} again with what the pointer stands for.",
            )
        bound = op.plan.again(given)
        if bound is None:
            raise ValueLost(
                f"{lost.message}, and {op.name} now has other parameters than when it made it, "
                "or it was given something that is ignored, and so not kept",
                hint=f"Call {op.name} anew with what it should be made of.",
            )
        context = CONTEXT.get()
        call = OpenCall(context.running if context is not None else None)
        outer = context.outer if context is not None else None
        inside = Context(memo, call, outer, Modes(recompute_transient=self._again), op.refs)
        values = [unwrap(value) for _, value in bound]
        if isinstance(op, AsyncOp):
            returned = _awaited(op, bound, values, inside)
        else:
            returned = run(op, bound, values, memo.versioning, inside)
        memo.executed += 1
        outputs = self._outputs(maker, returned, content, lost)
        if content not in outputs:
            raise ValueLost(
                f"{lost.message}, and {op.name} made another value when it ran again",
                hint=f"It is not deterministic: call {op.name} again with the same arguments, "
                "and what it then makes is recorded.",
            )
        if self._is_transient(maker.record, content):
            made[content] = outputs[content]
            return
        memo.trouble.remade(op.name, lost)
        for each in self._recorded(maker.record, outputs):
            if each != content and (is_small(outputs[each]) or self._is_whole(each, outputs)):
                continue
            try:
                memo.results.restore(each, outputs[each])
            except ResultsError as error:
                memo.trouble.unkept(error)
                value = outputs[each]
                made[each] = unwrap(value.origin) if type(value) is Structure else value

    def _outputs(
        self, maker: _Maker, returned: Any, content: bytes, lost: ValueLost
    ) -> dict[bytes, Any]:
        """Return what a call returned by content id, with all that is in containers.

        Raises:
            ValueLost: it has the value from where nobody can make it.
        """
        op, specs = maker.op, maker.op.specs(self._memo.transparent)
        parts = outputs_of(op.split(returned, specs), specs, op.name, refs=op.refs)
        outputs: dict[bytes, Any] = {}
        for number, value in enumerate(parts):
            edge = maker.record.outputs.get(op.label(number))
            if isinstance(value, Ref):
                if value.cid == content:
                    raise lost
                value = unwrap(value)
            if type(value) is Structure:
                for each, _ in value.levels():
                    outputs[each.cid] = each
                    found = zip(each.contents(), each.values, strict=True)
                    outputs |= {c: v for c, v in found if v is not MISSING and c not in outputs}
            elif type(value) is Transient and value.unhashable and edge is not None:
                outputs[edge.cid] = value.value
            else:
                outputs[self._cid(settled(value))] = settled(value)
        return outputs

    def _is_whole(self, content: bytes, outputs: Mapping[bytes, Any]) -> bool:
        """Say whether a value is stored, and can be read."""
        results = self._memo.results
        if type(outputs[content]) is Structure:
            return content in structures_of(results, [content])
        if not results.has_value(content):
            return False
        try:
            self._stored(content, {})
        except ValueLost:
            return False
        return True

    def _recorded(self, record: CallRecord, outputs: Mapping[bytes, Any]) -> set[bytes]:
        """Return the content ids of what a call returned that is meant to be stored."""
        found = {
            edge.cid
            for edge in record.outputs.values()
            if edge.cid in outputs and not self._is_transient(record, edge.cid)
        }
        for each in list(found):
            if type(outputs[each]) is Structure:
                for level, _ in outputs[each].levels():
                    found.update(c for c in (level.cid, *level.contents()) if c in outputs)
        return found

    @staticmethod
    def _cid(value: Any, name: str = "") -> bytes:
        try:
            return content_of_plain(value, name, None)
        except MandalaError:
            return b""


def _awaited(op: Op[..., Any], bound: Bound, values: list[Any], inside: Context) -> Any:
    """Run a coroutine function to its end; in a thread, for this one may have a loop that runs."""
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    args, kwargs = op.plan.passed(bound, values)

    def work() -> Any:
        CONTEXT.set(inside)
        return asyncio.run(op.func(*args, **kwargs))

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()
