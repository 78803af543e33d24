"""`git mandala why`: how a recorded value came about."""

from __future__ import annotations

import argparse
import ast
import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mandala_git.cli.desk import Desk
from mandala_git.cli.loading import Loader
from mandala_git.cli.verbs import describe
from mandala_git.errors import UsageError
from mandala_git.ops.calls import Call, calls_at, ref_by_id
from mandala_git.ops.program import Program
from mandala_git.ops.refs import Ref
from mandala_git.ops.special import TRANSIENT
from mandala_git.ops.tables import Row, find_ops, result_rows
from mandala_git.results.store import Results
from mandala_git.versions.belonging import Belonging
from mandala_git.versions.listing import code, listed
from mandala_git.views.console import Output
from mandala_git.views.tables import short
from mandala_git.views.text import visible

if TYPE_CHECKING:
    from mandala_git.cli.verbs import Subparsers

FORMAT = 1
"""Number of the JSON layout. Fields may be added under one number, never changed."""

_MOST = 10
"""Calls that are listed where several are meant."""


def add_parser(subparsers: Subparsers) -> None:
    """Add the arguments of `git mandala why`."""
    parser = describe(
        subparsers,
        "why",
        text="""
            Print the straight-line program that made a recorded value: every call it rests on,
            when it ran, how long, at which commit (`with changes`: of what was not committed), on
            which machine, and the version of its code. Nothing is computed.

            REF is the beginning of a history id (`git mandala results OP --json` has them, and
            `ref.hid.hex()` in a program), or the name of an op with NAME=VALUE for arguments,
            outputs or settings that tell its calls apart.
        """,
        example="""
            git mandala why get_acc n_estimators=20
            git mandala why 98c15a2f --code
        """,
    )
    parser.add_argument("--code", action="store_true", help="and the code of each version")
    parser.add_argument("--json", action="store_true", help='{"format": 1, "program", "calls"}')
    parser.add_argument("ref", metavar="REF", help="a history id, or an op")
    parser.add_argument("which", metavar="NAME=VALUE", nargs="*", help="which of its calls")


def run(args: argparse.Namespace) -> int:
    """Print the program."""
    out = Output()
    with Desk() as desk:
        results = desk.results
        if desk.results_error is not None:
            raise desk.results_error
        if results is None:
            raise UsageError("no calls are recorded here", hint="run a program that uses @op")
        loader = Loader(results, desk.repo.root)
        ref = _by_id(results, args.ref) if not args.which else None
        if ref is None:
            ref = _of_op(desk, results, loader, desk.key(args.ref), _wanted(args.which))
        program = Program(results, ref, loader.load)
        if args.json:
            found = {"format": FORMAT, "ref": ref.hid.hex(), "program": program.code}
            calls = [_entry(call) for call in program.calls]
            out.text(json.dumps({**found, "calls": calls}, indent=2) + "\n")
            return 0
        with out.paged():
            out.text(_shown(repr(program)))
            for version in (
                dict.fromkeys(call.version for call in program.calls) if args.code else ()
            ):
                out.text(f"\n# --- version {version[:12]}\n")
                out.text(_shown(code(listed(desk.history, version))))
        out.say(*(f"mandala: {note}" for note in desk.notes))
    return 0


def _shown(text: str) -> str:
    return "".join(visible(line) + "\n" for line in text.splitlines())


def _by_id(results: Results, word: str) -> Ref | None:
    """Return the value whose history id begins so; None where the word can be no id.

    Raises:
        UsageError: several do.
    """
    if not re.fullmatch("[0-9a-f]{4,32}", word):
        return None
    found = results.beginning(word)
    outputs: dict[bytes, Ref] = {}
    for call in calls_at(results, set(found.values())):
        for ref in call.outputs.values():
            if ref.hid in found or (call.hid in found and len(call.outputs) == 1):
                outputs[ref.hid] = ref
    if len(outputs) > 1:
        lines = [f"git mandala why {hid.hex()}" for hid in list(outputs)[:_MOST]]
        raise UsageError(
            f"{len(outputs)} values have a history id that begins with {word}",
            hint="\n".join(lines),
        )
    return next(iter(outputs.values()), None)


def _wanted(words: Sequence[str]) -> dict[str, str]:
    wanted = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name:
            raise UsageError(f"{word!r} is no NAME=VALUE", hint="git mandala help why")
        wanted[name] = text
    return wanted


def _of_op(
    desk: Desk, results: Results, loader: Loader, name: str, wanted: Mapping[str, str]
) -> Ref:
    """Return what the one call returned that is meant.

    Raises:
        UsageError: there is none, or there are several.
    """
    belonging = Belonging.to(desk.work, results)
    rows: list[Row] = []
    for number, key in find_ops(results, name).items():
        rows += result_rows(
            results, {number: key}, key, lambda call, op: belonging.of(call.version, op)
        )
    names = {label for row in rows for label in _edges(row)}
    for label in wanted.keys() - names if rows else ():
        raise UsageError(
            f"calls of {name} have no {label!r}",
            hint=f"they have: {', '.join(sorted(names))}",
        )
    found = [row for row in rows if _fits(row, wanted, loader)]
    if not found:
        raise UsageError(
            f"no recorded call of {name} with {_spoken(wanted)} belongs to the work tree"
            if wanted
            else f"no recorded call of {name} belongs to the work tree",
            hint=f"git mandala results {name} --all   shows every one",
        )
    refs = [ref for row in found for ref in _outputs(row)[:1]]
    if len(found) > 1:
        lines = [
            f"git mandala why {ref[:16]}   # {_told(row, loader)}"
            for row, ref in zip(found[:_MOST], refs, strict=False)
        ]
        raise UsageError(
            f"{len(found)} calls of {name} are meant: add NAME=VALUE, or ask for one",
            hint="\n".join([*lines, *["..."] * (len(found) > _MOST)]),
        )
    if not refs:
        raise UsageError(f"{name} returned nothing", hint=f"git mandala results {name}")
    return ref_by_id(results, refs[0], in_memory=False)


def _edges(row: Row) -> dict[str, Any]:
    edges = {**row.settings, **row.inputs, **row.outputs}
    return {label: edge for label, edge in edges.items() if not label.startswith(TRANSIENT)}


def _outputs(row: Row) -> list[str]:
    return [e.hid.hex() for label, e in row.outputs.items() if not label.startswith(TRANSIENT)]


def _fits(row: Row, wanted: Mapping[str, str], loader: Loader) -> bool:
    edges = _edges(row)
    for label, text in wanted.items():
        if label not in edges:
            return False
        value = loader.load(edges[label].cid)
        try:
            meant = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            meant = text
        try:
            same = str(value) == text or bool(type(value) is type(meant) and value == meant)
        except Exception:  # noqa: BLE001 - a class of the user, which cannot be shown or compared
            same = False
        if not same:
            return False
    return True


def _told(row: Row, loader: Loader) -> str:
    parts = []
    for label, edge in _edges(row).items():
        value = loader.load(edge.cid)
        if isinstance(value, int | float | str | bool):
            parts.append(f"{label}={visible(short(value))}")
    return ", ".join(parts)


def _spoken(wanted: Mapping[str, str]) -> str:
    return " ".join(f"{name}={text}" for name, text in wanted.items())


def _entry(call: Call) -> dict[str, Any]:
    session = call.session
    return {
        "op": call.op,
        "key": call.key,
        "hid": call.hid.hex(),
        "version": call.version,
        "started": call.started,
        "duration": call.duration,
        "repeats": call.repeats,
        "commit": session.commit_id if session else None,
        "dirty": session.dirty if session else None,
        "host": session.host if session else None,
        "script": session.script if session else None,
        "inputs": {label: ref.hid.hex() for label, ref in call.inputs.items()},
        "outputs": {label: ref.hid.hex() for label, ref in call.outputs.items()},
    }
