"""Upkeep of a storage, in the user's words: which calls, versions and ops are meant."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mandala_git.errors import UsageError
from mandala_git.ops.op import Op
from mandala_git.ops.refs import Ref
from mandala_git.ops.tables import find_ops
from mandala_git.ops.versioning import Versioning
from mandala_git.records import NamedTuple
from mandala_git.results.calls import Version
from mandala_git.results.collecting import Collection
from mandala_git.results.store import Results
from mandala_git.results.watching import Watch
from mandala_git.versions.agreement import Belongs

SHORT = 12
"""Hex digits of a version's id that people see; fewer will do where they name one."""


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


def ops_meant(versioning: Versioning, what: Op[..., Any] | str) -> list[int]:
    """Return the rows of the ops whose calls may be those of an op, or of all of a name.

    Raises:
        UsageError: no calls of such an op are recorded.
    """
    if not isinstance(what, Op):
        return list(find_ops(versioning.results, what))
    with versioning:
        return list(versioning.ops(what))


def op_meant(versioning: Versioning, what: Op[..., Any] | str) -> tuple[int, str]:
    """Return row and key of an op with recorded calls.

    Raises:
        UsageError: there are none, or the name means several ops.
    """
    name = versioning.key(what) if isinstance(what, Op) else what
    found = {
        row: key
        for row, key in find_ops(versioning.results, name).items()
        if versioning.results.stats([row])
    }
    if len(found) == 1:
        return found.popitem()
    if found:
        raise UsageError(
            f"{name!r} means {len(found)} ops: {', '.join(found.values())}",
            hint="Give one of these keys.",
        )
    raise UsageError(f"no calls of {name} are recorded", hint="storage.versions()   shows what is.")


def other_key(key: str, name: str) -> str:
    """Return the key that an op gets by another name; a key stays as it is.

    Raises:
        UsageError: it is no name.
    """
    if isinstance(name, str) and "::" in name:
        return name
    if not isinstance(name, str) or not all(part.isidentifier() for part in name.split(".")):
        raise UsageError(
            f"{name!r} is no name of an op",
            hint='Give a name ("train"), or a key ("src/model.py::train").',
        )
    path, _, qualname = key.rpartition("::")
    around = "" if "." in name else "".join(qualname.rpartition(".")[:2])
    return f"{path}::{around}{name}"


def argument_name(name: str) -> str:
    """Return the name of an argument as it is.

    Raises:
        UsageError: it is none.
    """
    # `args.0` and `options.key` are names too, of what `*args` and `**options` took.
    if isinstance(name, str) and all(p.isidentifier() or p.isdigit() for p in name.split(".")):
        return name
    raise UsageError(
        f"{name!r} is no name of an argument", hint="Give the name that the parameter has now."
    )


class Stock(NamedTuple):
    """A version of an op, and what is recorded of it.

    Attributes:
        op: key of the op.
        version: id of the version, hex.
        calls: how many ran.
        seconds: how long.
        size: bytes of the values that they made, or were given first; small ones, which lie in
            their calls, are not counted.
        last: when the last session began that has some, seconds since 1970; None: not known.
        commit: the commit that was checked out then.
        belongs: whether the calls belong to the code as it is: yes, no or unknown.
    """

    op: str
    version: str
    calls: int
    seconds: float
    size: int
    last: float | None
    commit: str | None
    belongs: str


def stock(
    results: Results,
    belongs: Callable[[int, str], Belongs],
    ops: Mapping[int, str],
    watch: Watch,
) -> list[Stock]:
    """Return the versions of some ops that have calls: ops by key, versions oldest first.

    Args:
        results: where they are recorded.
        belongs: (row of a version, key of its op) -> whether it belongs.
        ops: {row: key}.
        watch: is told of each call.
    """
    sizes, stats = Collection(results, watch).sizes(), results.stats()
    found: list[Stock] = []
    for row, key in sorted(ops.items(), key=lambda op: op[1]):
        for version in results.versions_of(row):
            calls, seconds = stats.get(version.id, (0, 0.0))
            if calls:
                last = results.last_session(version.id)
                found.append(
                    Stock(
                        key,
                        version.vid.hex(),
                        calls,
                        seconds,
                        sizes.get(version.id, 0),
                        last and last.started,
                        last and last.commit_id,
                        belongs(version.id, key).name.lower(),
                    )
                )
    return found


def version_meant(results: Results, text: str) -> Version:
    """Return the version with calls whose id begins with some hex digits.

    Raises:
        UsageError: there is none, or several.
    """
    if not isinstance(text, str):
        raise UsageError(
            f"{text!r} names no version", hint="Give the first digits of its id, as a string."
        )
    start = text.lower()
    versions = [results.version(row) for row, (calls, _) in results.stats().items() if calls]
    found = [v for v in versions if v is not None and start and v.vid.hex().startswith(start)]
    if len(found) == 1:
        return found[0]
    keys = dict(results.ops())
    if not found:
        raise UsageError(
            f"no recorded calls have a version {text!r}",
            hint="git mandala drop --list   or storage.versions()   shows them all.",
        )
    raise UsageError(
        f"the versions of {len(found)} ops begin with {text!r}"
        if len({v.op for v in found}) == len(found)
        else f"{len(found)} versions begin with {text!r}",
        hint="Give more digits: "
        + ", ".join(f"{v.vid.hex()[:SHORT]} ({keys[v.op].rpartition('::')[2]})" for v in found[:4]),
    )
