"""The block that is open in this thread or task, and the call that is running in it."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, Protocol

from mandala_git.records import NamedTuple
from mandala_git.results.naming import set_namer
from mandala_git.versions.tracker import OpenCall


class Block(Protocol):
    """What an op asks of the block that it is called in."""

    def call(self, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any], context: Context) -> Any:
        """Find the recorded call or make it."""

    async def call_async(
        self, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any], context: Context
    ) -> Any:
        """Find the recorded call of a coroutine function or make it."""

    opaque: bool = True  # whether the calls that it answers may hide what code they stand for

    def name(self, obj: Any) -> str | None:
        """Return the project key of a function or class, None for other people's."""


class Modes(NamedTuple):
    """How a block answers calls.

    Attributes:
        recompute_transient: whether outputs that are not stored are made again when needed.
        new_calls: whether calls may be made that are not recorded; None: as the storage says.
        tell: whether each call is told of.
    """

    recompute_transient: bool = False
    new_calls: bool | None = None
    tell: bool = False


PLAIN = Modes()


class Context(NamedTuple):
    """An open block.

    Attributes:
        block: who answers calls.
        running: the op call that is running, None at the top of the block.
        outer: the context in which the block was opened.
        modes: how calls are answered.
        refs: whether calls give Refs; inside an op they give plain values, inside a superop Refs.
    """

    block: Block
    running: OpenCall | None = None
    outer: Context | None = None
    modes: Modes = PLAIN
    refs: bool = True


CONTEXT: ContextVar[Context | None] = ContextVar("mandala_git_context", default=None)


def _name(obj: Any) -> str | None:
    context = CONTEXT.get()
    return None if context is None else context.block.name(obj)


# A process may have storages of several repositories: each block has its own names.
set_namer(_name)


def begin(block: Block, modes: Modes = PLAIN) -> None:
    """Open a block in this thread or task."""
    outer = CONTEXT.get()
    around = outer if block.opaque else None
    while around is not None:
        if around.running is not None:
            # An op that opens a block: what is found there ran unseen, and is no nested call.
            around.running.observed = False
        around = around.outer
    CONTEXT.set(Context(block, None, outer, modes))


def end() -> None:
    """Close the innermost block, whatever an interrupt left open inside it."""
    context = CONTEXT.get()
    if context is not None:
        CONTEXT.set(context.outer)
