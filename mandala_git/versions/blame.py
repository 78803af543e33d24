"""Blame: the commit that last changed what a definition means, for an op and all that it uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mandala_git.config import NO_RULES, Rules
from mandala_git.records import NamedTuple
from mandala_git.repo.steps import Step
from mandala_git.source.changes import Change
from mandala_git.source.definitions import Definition
from mandala_git.source.index import Index
from mandala_git.versions.tally import tally
from mandala_git.versions.verdicts import Edge, Ledger, Verdict


class Blamed(NamedTuple):
    """A definition and the commit that made it mean what it means.

    Attributes:
        key: where it is now.
        was: where it was before that commit; "" where it is new.
        step: the commit; None where the known history does not reach so far back.
        reasons: what changed, in words.
    """

    key: str
    was: str
    step: Step | None
    reasons: tuple[str, ...]


def blame(
    definitions: Iterable[Definition],
    steps: Iterable[Step],
    index: Index,
    ledger: Ledger,
    rules: Rules = NO_RULES,
) -> Iterator[Blamed]:
    """Yield the definitions, each when the commit is found, newest first.

    What only looks different, is only elsewhere, or was called compatible, is passed over.

    Args:
        definitions: as they are in the newest commit.
        steps: commits from there on back.
        index: what is known of contents, and learns the rest.
        ledger: what was said about edits.
        rules: under which definitions are derived.
    """
    open_: dict[str, list[str]] = {}  # {key at the commit that is looked at: keys now}
    for definition in definitions:
        open_.setdefault(definition.key, []).append(definition.key)
    for step in steps:
        if not open_:
            return
        if step.cut or not (step.before.entries or step.after.entries):
            continue
        found = {
            change.new.key: change
            for change in tally(step, index, rules).changes
            if change.new is not None and change.new.key in open_
        }
        taken = {key: open_.pop(key) for key in found}
        for key, change in found.items():
            if change.old is not None and _same(change, ledger):
                open_.setdefault(change.old.key, []).extend(taken[key])
                continue
            was = change.old.key if change.old is not None else ""
            reasons = change.reasons or (str(change.kind),)
            for now in taken[key]:
                yield Blamed(now, was, step, reasons)
    for keys in open_.values():
        for key in keys:
            yield Blamed(key, "", None, ())


def _same(change: Change, ledger: Ledger) -> bool:
    """Tell whether a definition means after a change what it meant before."""
    old, new = change.old, change.new
    if old is None or new is None:
        return False
    if change.kind.quiet or old.digest == new.digest:
        return True
    edge = Edge(old.key, old.text_id, new.key, new.text_id)
    return ledger.verdict(edge) is Verdict.COMPATIBLE
