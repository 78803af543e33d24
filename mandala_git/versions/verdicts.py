"""Verdicts: what people said about edits, as immutable events in the shared store.

An event is about one edge, (key, text) -> (key, text). A changed mind is a new event that
supersedes the old ones; events that disagree without superseding each other are a conflict,
and count as breaking until somebody settles it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Self

from mandala_git.errors import StoreError
from mandala_git.records import NamedTuple
from mandala_git.versions.digests import sha256


class Verdict(StrEnum):
    """An answer about one edge."""

    BREAKING = "breaking"
    COMPATIBLE = "compatible"
    RETRACTED = "retracted"  # takes earlier answers back and gives none


class Edge(NamedTuple):
    """One edit of one definition, by the lasting texts before and after."""

    key_old: str
    text_old: str
    key_new: str
    text_new: str

    @property
    def id(self) -> str:
        """sha256 (hex) of the edge, the folder of its events in the store."""
        parts = [self.key_old, self.text_old, self.key_new, self.text_new]
        return sha256(json.dumps(parts).encode())


class Event(NamedTuple):
    """One answer about one edge.

    Attributes:
        edge: the edit.
        verdict: the answer.
        context_old: id of the context: static closure of both texts in the old snapshot.
        context_new: the same in the new snapshot.
        author: `Name <email>`.
        time: seconds since 1970, for display only.
        note: free words.
        scheme: normal form of the package that wrote it, for display only.
        supersedes: ids of earlier events about the same edge.
    """

    edge: Edge
    verdict: Verdict
    context_old: str
    context_new: str
    author: str
    time: int
    note: str = ""
    scheme: str = ""
    supersedes: tuple[str, ...] = ()

    def to_bytes(self) -> bytes:
        """Write the event as canonical JSON."""
        fields = {
            "key_old": self.edge.key_old,
            "text_old": self.edge.text_old,
            "key_new": self.edge.key_new,
            "text_new": self.edge.text_new,
            "verdict": str(self.verdict),
            "context_old": self.context_old,
            "context_new": self.context_new,
            "author": self.author,
            "time": self.time,
            "note": self.note,
            "scheme": self.scheme,
            "supersedes": sorted(self.supersedes),
        }
        return json.dumps(fields, sort_keys=True, indent=1).encode() + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote.

        Raises:
            StoreError: the bytes are no event.
        """
        try:
            fields = json.loads(data)
            edge = Edge(
                fields["key_old"], fields["text_old"], fields["key_new"], fields["text_new"]
            )
            return cls(
                edge,
                Verdict(fields["verdict"]),
                fields["context_old"],
                fields["context_new"],
                str(fields["author"]),
                int(fields["time"]),
                str(fields.get("note", "")),
                str(fields.get("scheme", "")),
                tuple(fields.get("supersedes", ())),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"a verdict in the store cannot be read: {error!r}") from error

    @property
    def id(self) -> str:
        """sha256 (hex) of the event's bytes."""
        return sha256(self.to_bytes())

    @property
    def name(self) -> str:
        """Name of the event's file in the store."""
        edge = self.edge.id
        return f"v/{edge[:2]}/{edge}/{self.id}"


class Ledger:
    """All events, and what holds.

    Attributes:
        events: by id.
    """

    def __init__(self, events: Mapping[str, Event]) -> None:
        self.events = events

    @classmethod
    def of(cls, files: Mapping[str, bytes]) -> Self:
        """Read the events among files of the store."""
        return cls.of_events(Event.from_bytes(data) for data in files.values())

    @classmethod
    def of_events(cls, events: Iterable[Event]) -> Self:
        """Make a ledger from events."""
        return cls({event.id: event for event in events})

    def standing(self) -> dict[Edge, list[Event]]:
        """Return the events that no other event about the same edge supersedes, in order of id."""
        gone = {(old, event.edge) for event in self.events.values() for old in event.supersedes}
        found: dict[Edge, list[Event]] = {}
        for id, event in sorted(self.events.items()):
            if (id, event.edge) not in gone:
                found.setdefault(event.edge, []).append(event)
        return found

    def verdict(self, edge: Edge) -> Verdict | None:
        """Return what holds for an edge; None when nobody decided, or it was taken back."""
        return _settle(self.standing().get(edge, ()))

    def verdicts(self) -> dict[Edge, Verdict]:
        """Return what holds for every edge that somebody decided."""
        settled = ((edge, _settle(events)) for edge, events in self.standing().items())
        return {edge: verdict for edge, verdict in settled if verdict is not None}

    def compatible(self) -> list[Event]:
        """Return the events whose equations hold, in order of id."""
        found: list[Event] = []
        for events in self.standing().values():
            if _settle(events) is Verdict.COMPATIBLE:
                found += (e for e in events if e.verdict is Verdict.COMPATIBLE)
        return sorted(found, key=lambda event: event.id)

    def conflicts(self) -> dict[Edge, list[Event]]:
        """Return the edges about which standing events disagree."""
        return {
            edge: events
            for edge, events in self.standing().items()
            if len({e.verdict for e in events}) > 1
        }


def _settle(events: Iterable[Event]) -> Verdict | None:
    said = {event.verdict for event in events}
    if not said or said == {Verdict.RETRACTED}:
        return None
    return Verdict.COMPATIBLE if said == {Verdict.COMPATIBLE} else Verdict.BREAKING


def context_file(texts: Iterable[str]) -> tuple[str, str, bytes]:
    """Return (id, name in the store, bytes) of a context: sorted text ids, one a line."""
    data = "".join(f"{text}\n" for text in sorted(set(texts))).encode()
    id = sha256(data)
    return id, f"c/{id[:2]}/{id}", data


def text_name(text_id: str) -> str:
    """Return the name of a text in the store."""
    return f"t/{text_id[:2]}/{text_id}"
