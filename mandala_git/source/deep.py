"""What parsing needs of the interpreter: a big stack for deep sources, no garbage collection."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

_STACK = 512 * 1024 * 1024  # address space, touched only as far as it is needed
_LIMIT = 200_000
_lock = threading.Lock()
_here = threading.local()


@contextmanager
def uncollected() -> Iterator[None]:
    """Make no search for reference cycles inside: a syntax tree has many objects and no cycle."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def has_room() -> bool:
    """Tell whether this thread is one with a big stack."""
    return getattr(_here, "roomy", False)


def deeply(work: Callable[[], T]) -> T:
    """Run `work`; when it recurses too deeply, run it again with room for it.

    Raises:
        RecursionError: even that was not enough.
    """
    try:
        return work()
    except RecursionError:
        if has_room():
            raise
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        _here.roomy = True
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            errors.append(error)

    with _lock:
        size, limit = threading.stack_size(_STACK), sys.getrecursionlimit()
        sys.setrecursionlimit(max(limit, _LIMIT))
        try:
            thread = threading.Thread(target=run, name="mandala deep source")
            thread.start()
            thread.join()
        finally:
            threading.stack_size(size)
            sys.setrecursionlimit(limit)
    if errors:
        raise errors[0]
    return results[0]
