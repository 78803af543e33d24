"""Equations: what a compatible verdict claims, as pairs of equal meanings.

The claim is that the edit alone changes no result, both with all else old and with all else
new. So each context gives one equation: the text that belongs there means the same as the
other text put in its place. Elsewhere the verdict says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from mandala_git.source.definitions import Definition, split_key
from mandala_git.source.snapshot import Snapshot
from mandala_git.versions.meanings import Meaning, Meanings, Node
from mandala_git.versions.verdicts import Event

LoadContext = Callable[[str], "list[Definition] | None"]
"""The definitions of a context id; None when the store does not have all of them."""


def equations(
    event: Event,
    load: LoadContext,
    text: Callable[[str], Definition | None],
    nodes: dict[Meaning, Node],
) -> Iterator[tuple[Meaning, Meaning]]:
    """Yield the pairs of meanings that a compatible event makes equal.

    Args:
        event: the verdict with its contexts.
        load: definitions of a context.
        text: the definition of one text id.
        nodes: table to which the meanings' nodes are added.
    """
    edge = event.edge
    old, new = text(edge.text_old), text(edge.text_new)
    context_old, context_new = load(event.context_old), load(event.context_new)
    if old is None or new is None or context_old is None or context_new is None:
        return
    # A file's definitions mean something else when the file is the script, see Snapshot.
    scripts = dict.fromkeys((None, split_key(edge.key_old)[0], split_key(edge.key_new)[0]))
    for script in scripts:
        yield from _equation(context_old, old, new, context_new, script, nodes)
        yield from _equation(context_new, new, old, context_old, script, nodes)


def _equation(
    context: list[Definition],
    home: Definition,
    guest: Definition,
    elsewhere: Iterable[Definition],
    script: str | None,
    nodes: dict[Meaning, Node],
) -> Iterator[tuple[Meaning, Meaning]]:
    """Yield `home` = `guest` as they mean in `context`, where `home` lives."""
    here = Snapshot.of_definitions([home, *_without(context, home.key)], script=script)
    moved = transplant(context, home, guest, script)
    there = Snapshot.of_definitions([guest, *_without(elsewhere, guest.key)], script=script)
    for number in range(len(guest.holes)):
        # A guest that looks for what only its own snapshot has would not run here at all: an
        # equation about it could only mislead.
        if any(end.key for end in there.resolve(guest, number)) and not all(
            end.key for end in moved.resolve(guest, number)
        ):
            return
    yield Meanings(here, nodes).of(home), Meanings(moved, nodes).of(guest)


def transplant(
    context: Iterable[Definition], home: Definition, guest: Definition, script: str | None
) -> Snapshot:
    """Return a snapshot in which `guest` stands where `home` stood."""
    rest = [d for d in _without(context, home.key) if d.key != guest.key]
    aliases = {home.key: guest} if home.key != guest.key else {}
    return Snapshot.of_definitions([guest, *rest], script=script, aliases=aliases)


def _without(context: Iterable[Definition], key: str) -> list[Definition]:
    return [d for d in context if d.key != key]
