"""Blocks with modes: `with storage(allow_new_calls=False):`, `with noop():`."""

from __future__ import annotations

import reprlib
import sys
from contextvars import ContextVar
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Any

from mandala_git.ops.context import CONTEXT, PLAIN, Block, Context, Modes, begin, end

if TYPE_CHECKING:
    from mandala_git.ops.storage import Storage


class ModedBlock:
    """A block of a storage that answers calls in a mode of its own; it may be entered again.

    Args:
        storage: the storage.
        modes: how calls are answered.
    """

    def __init__(self, storage: Storage, modes: Modes) -> None:
        self._storage = storage
        self._modes = modes

    def __enter__(self) -> Storage:
        """Begin the block."""
        return self._storage.begin(self._modes)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the block; see `Storage`."""
        self._storage.__exit__(kind, error, trace)


class NoopBlock:
    """A block in which ops are the plain functions; it may be entered again.

    Args:
        storage: what `with ... as` gives.
    """

    def __init__(self, storage: Storage | None = None) -> None:
        self._storage = storage

    def __enter__(self) -> Storage | None:
        """Begin the block."""
        begin(_NOOP, PLAIN)
        return self._storage

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the block."""
        end()


def noop() -> NoopBlock:
    """Return a block in which ops run plainly: `with noop():`.

    Arguments are unwrapped, nothing is looked up and nothing recorded, inside another block too.
    """
    return NoopBlock()


class _Noop(Block):
    """Answers calls with what the plain function returns."""

    opaque = False

    def call(self, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any], context: Context) -> Any:
        """Run the function."""
        return op.run_plainly(args, kwargs)

    async def call_async(
        self, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any], context: Context
    ) -> Any:
        """Run the coroutine function."""
        return await op.await_plainly(args, kwargs)

    def name(self, obj: Any) -> str | None:
        """Return what the block around this one calls a function or class."""
        context = CONTEXT.get()
        while context is not None and context.block is self:
            context = context.outer
        return None if context is None else context.block.name(obj)


_NOOP = _Noop()

_depth: ContextVar[int] = ContextVar("mandala_git_depth", default=0)


class Telling(Block):
    """Answers calls as another block does, and tells of each on stderr.

    Args:
        block: who answers; counts what it executes.
    """

    def __init__(self, block: Any) -> None:
        self.block = block

    def name(self, obj: Any) -> str | None:
        """Return the project key of a function or class, None for other people's."""
        name: str | None = self.block.name(obj)
        return name

    def call(self, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any], context: Context) -> Any:
        """Find the recorded call of an op or make it."""
        told = _Told(self.block, op, args, kwargs)
        with told:
            told.answer = self.block.call(op, args, kwargs, context)
        return told.answer

    async def call_async(
        self, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any], context: Context
    ) -> Any:
        """Find the recorded call of a coroutine function or make it."""
        told = _Told(self.block, op, args, kwargs)
        with told:
            told.answer = await self.block.call_async(op, args, kwargs, context)
        return told.answer


class _Told:
    """One call that is told of: `found  0.000 s  f(1, k=2) -> AtomRef(3, hid=...)`."""

    def __init__(self, block: Any, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.block = block
        given = [*map(reprlib.repr, args)]
        given += [f"{name}={reprlib.repr(value)}" for name, value in kwargs.items()]
        self.text = f"{op.name}({', '.join(given)})"
        self.answer: Any = None

    def __enter__(self) -> None:
        self.executed = self.block.executed
        self.depth = _depth.set(_depth.get() + 1)
        self.began = perf_counter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        seconds = perf_counter() - self.began
        _depth.reset(self.depth)
        if error is not None:
            verb, outcome = "failed", f"raises {type(error).__name__}"
        else:
            # What is found runs nothing; what another thread runs meanwhile may mislead this.
            verb = "found " if self.block.executed == self.executed else "ran   "
            outcome = f"-> {reprlib.repr(self.answer)}"
        indent = "  " * _depth.get()
        sys.stderr.write(f"{verb} {seconds:8.3f} s  {indent}{self.text} {outcome}\n")
