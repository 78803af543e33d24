"""The block that is open in this thread or task, and the call that is running in it."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol

from mandala_git.versions.tracker import OpenCall


class Block(Protocol):
    """What an op asks of the block that it is called in."""

    def call(self, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any], context: Context) -> Any:
        """Find the recorded call or make it."""


class Context(NamedTuple):
    """An open block.

    Attributes:
        block: who answers calls.
        running: the op call that is running, None at the top of the block.
        outer: the context in which the block was opened.
    """

    block: Block
    running: OpenCall | None = None
    outer: Context | None = None


CONTEXT: ContextVar[Context | None] = ContextVar("mandala_git_context", default=None)


def begin(block: Block) -> None:
    """Open a block in this thread or task."""
    CONTEXT.set(Context(block, None, CONTEXT.get()))


def end() -> None:
    """Close the innermost block, whatever an interrupt left open inside it."""
    context = CONTEXT.get()
    if context is not None:
        CONTEXT.set(context.outer)
