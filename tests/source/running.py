"""Runs made programs and tells what they did, so that two can be compared."""

from __future__ import annotations

import asyncio
import re
import signal
import types
import warnings
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import contextmanager
from typing import Any

CALLS = ((1, 2), (0, 7), (-3, 1))
SECONDS = 0.5  # of CPU; a mutated program may not end
# What Python says of names and types spells names of variables, which may be exchanged.
NAMELESS = (NameError, TypeError, AttributeError, SyntaxError)


class OutOfTime(BaseException):
    """A program did not end."""


def outcome(source: str, calls: Iterable[tuple[int, ...]] = CALLS) -> str | None:
    """Run a program and call its `main`; return all that can be seen of it.

    Returns:
        None: it does not end, so that nothing can be said of it.
    """
    log: list[str] = []
    try:
        with limited():
            names = environment(log)
            try:
                exec(compiled(source), names)
            except Exception as error:  # noqa: BLE001 - what is raised is compared
                log.append(f"import: {shown(error)}")
            for call in calls:
                if "main" not in names:
                    break
                try:
                    result = names["main"](*call)
                except Exception as error:  # noqa: BLE001
                    result = error
                log.append(f"main{call}: {shown(result)}")
            log.append(shown({n: v for n, v in names.items() if type(v) in (int, list)}))
    except (OutOfTime, RecursionError, MemoryError):
        return None
    return "\n".join(log)


def compiled(source: str | bytes) -> types.CodeType:
    """Compile a program; raise SyntaxError where it is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = source.encode() if isinstance(source, str) else source
        return compile(data, "<program>", "exec", dont_inherit=True)


@contextmanager
def limited() -> Iterable[None]:  # type: ignore[misc]
    """Stop what takes too much time of the processor."""

    def stop(*_: object) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS, 0.05)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def shown(value: Any) -> str:
    """Write a value without addresses, and without names that mean nothing."""
    if isinstance(value, BaseException):
        if isinstance(value, NAMELESS):
            return type(value).__name__
        return f"{type(value).__name__}{shown(value.args)}"
    if isinstance(value, (list, tuple, set, dict, str, int, float, complex, type(None))):
        return re.sub(" at 0x[0-9a-f]+", "", repr(value))
    return type(value).__name__


def environment(log: list[str]) -> dict[str, Any]:
    """Return the globals of a program."""
    left = [200]

    def note(*values: Any) -> None:
        log.append(" ".join(map(shown, values)))

    def tick(value: Any) -> bool:
        left[0] -= 1
        return left[0] > 0

    @contextmanager
    def ctx(value: Any) -> Any:
        note("enter", value)
        try:
            yield value
        finally:
            note("exit", value)

    def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run(coroutine)

    async def later(values: Iterable[Any]) -> AsyncIterator[Any]:
        for value in values:
            yield value

    return {"__name__": "program", "note": note, "tick": tick, "ctx": ctx, "run": run,
            "later": later}  # fmt: skip
