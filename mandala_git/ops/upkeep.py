"""Upkeep of a storage, in the user's words: which calls are meant, and what is left to do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mandala_git.errors import UsageError
from mandala_git.ops.op import Op
from mandala_git.ops.refs import Ref
from mandala_git.ops.versioning import Versioning
from mandala_git.results.store import Results


def calls_meant(versioning: Versioning, what: Any) -> set[int]:
    """Return the rows of the calls that somebody means.

    Args:
        versioning: knows the keys of ops, and where calls are recorded.
        what: a Ref (the calls that made it), the history id of a call or of an output in hex, an
            op (all its calls, of any version), or several of these.

    Raises:
        UsageError: something in it means no calls.
    """
    results = versioning.results
    if isinstance(what, Ref):
        return _made(results, what.hid, f"{what!r}")
    if isinstance(what, Op):
        return _of_op(results, versioning.key(what))
    if isinstance(what, str):
        return _by_id(results, what)
    if not isinstance(what, Iterable):
        raise UsageError(
            f"{what!r} means no calls",
            hint="Give a Ref that an op returned, an op, a history id, or a list of these.",
        )
    return set().union(*(calls_meant(versioning, each) for each in what))


def _of_op(results: Results, key: str) -> set[int]:
    rows = [row for row, name in results.ops() if name == key]
    return {record.row.id for record in results.calls_of(rows)}


def _by_id(results: Results, text: str) -> set[int]:
    try:
        hid = bytes.fromhex(text)
    except ValueError:
        hid = b""
    call = results.call(hid)
    return {call.id} if call is not None else _made(results, hid, text)


def _made(results: Results, hid: bytes, name: str) -> set[int]:
    calls = {call for call, _ in results.creators([hid]).get(hid, ())}
    if not calls:
        raise UsageError(
            f"no recorded call made {name}",
            hint="Give a Ref that an op returned, an op, a history id, or a list of these.",
        )
    return calls
