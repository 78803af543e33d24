"""History: all that is known beyond one snapshot. Texts, recorded versions, verdicts, classes.

One history serves every world of a process. It follows the shared store: `refresh` reads what
other clones and commands added, and keeps the classes in step with it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING

from mandala_git.config import NO_RULES, Rules
from mandala_git.errors import SourceError
from mandala_git.results.ids import cid
from mandala_git.results.store import Results
from mandala_git.source.definitions import SCHEME, Definition
from mandala_git.source.index import Index
from mandala_git.versions.classes import Classes
from mandala_git.versions.digests import sha256
from mandala_git.versions.meanings import Meaning, Node
from mandala_git.versions.recorded import Recorded
from mandala_git.versions.verdicts import (
    Edge,
    Event,
    Ledger,
    Verdict,
    context_file,
    text_name,
)

if TYPE_CHECKING:
    from typing import Protocol

    class Shared(Protocol):
        """The shared store, as far as verdicts need it (`repo.store`)."""

        def tip(self) -> str | None:
            """Return a name of the present content."""

        def read(self, names: Iterable[str]) -> dict[str, bytes]:
            """Return the named files that exist."""

        def read_all(self, prefix: str) -> dict[str, bytes]:
            """Return all files below a prefix."""

        def add(self, files: Mapping[str, bytes], *, message: str) -> str | None:
            """Add files; None when nothing was new."""


class History:
    """Texts, recorded versions and verdicts of one repository.

    Args:
        shared: the store that clones exchange.
        local: the results beside it; None when they cannot be read.
        index: cache of what texts and blobs define.
        rules: what the project adds to the rules of the normal form.
        untracked: names of globals that the project does not count.
        packages: versions of the distributions that count, by name; empty where no code runs.
    """

    def __init__(
        self,
        shared: Shared,
        local: Results | None,
        index: Index,
        *,
        rules: Rules = NO_RULES,
        untracked: frozenset[str] = frozenset(),
        packages: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.shared = shared
        self.local = local
        self.index = index
        self.rules = rules
        self.untracked = untracked
        self.packages = packages
        self.nodes: dict[Meaning, Node] = {}
        self.classes = Classes(self.nodes)
        self.ledger = Ledger({})
        self.generation = 0
        self._tip: str | None = None
        self._applied: set[str] = set()
        self._texts: dict[str, Definition | None] = {}
        self._recorded: dict[str, Recorded | None] = {}
        self._contexts: dict[str, list[Definition] | None] = {}
        self._literals: dict[str, str] = {}

    # -- verdicts ------------------------------------------------------------------------

    def refresh(self) -> bool:
        """Read what the shared store gained since last time.

        Returns:
            Whether the verdicts changed; then every judgement made before is void.
        """
        tip = self.shared.tip()
        if tip == self._tip:
            return False
        memo = f"verdicts {tip}"
        data = self.index.get(memo) if tip else b""
        if data is None:
            files = self.shared.read_all("v/")
            ledger = Ledger.of(files)
            self.index.put(memo, b"\0".join(sorted(files.values())))
        else:
            parts = data.split(b"\0") if data else []
            ledger = Ledger.of_events(Event.from_bytes(part) for part in parts)
        if ledger.events.keys() == self.ledger.events.keys():
            self._tip = tip
            return False
        self._contexts = {id: found for id, found in self._contexts.items() if found is not None}
        self._texts = {id: found for id, found in self._texts.items() if found is not None}
        self._follow(ledger)
        self._tip = tip  # not before: an interrupt must not pass for news that were read
        return True

    def begin_anew(self) -> None:
        """Forget the verdicts and what follows from them, until the next `refresh`."""
        self._tip, self.ledger = None, Ledger({})
        self.classes, self._applied = Classes(self.nodes), set()
        self.generation += 1

    def _follow(self, ledger: Ledger) -> None:
        """Bring the classes in step with a ledger: add what is new, rebuild after a retraction."""
        holds = {event.id: event for event in ledger.compatible()}
        if not self._applied <= holds.keys():
            self.classes = Classes(self.nodes)
            self._applied = set()
        for id, event in holds.items():
            if id not in self._applied:
                self._applied.add(id)
                from mandala_git.versions.equations import equations

                for one, other in equations(event, self.context, self.text, self.nodes):
                    self.classes.equate(one, other)
        self.ledger = ledger
        self.generation += 1

    def decide(
        self,
        edges: Iterable[tuple[Edge, Iterable[Definition], Iterable[Definition]]],
        verdict: Verdict,
        *,
        author: str,
        note: str = "",
    ) -> list[Event]:
        """Record one answer about several edges and write it to the shared store.

        Args:
            edges: each with the static closure of both texts in the old and the new snapshot.
            verdict: the answer.
            author: `Name <email>`.
            note: free words.

        Returns:
            The new events; edges about which the same answer stands with the same contexts
            need none.
        """
        files: dict[str, bytes] = {}
        events: list[Event] = []
        standing = self.ledger.standing()
        for edge, old, new in edges:
            old_id, old_name, old_data = context_file(d.text_id for d in old)
            new_id, new_name, new_data = context_file(d.text_id for d in new)
            before = standing.get(edge, [])
            if (
                any(
                    (e.verdict, e.context_old, e.context_new) == (verdict, old_id, new_id)
                    for e in before
                )
                and len({e.verdict for e in before}) == 1
            ):
                continue
            # The same answer in another context stands beside the first; another replaces it.
            supersedes = tuple(e.id for e in before if e.verdict is not verdict)
            event = Event(
                edge, verdict, old_id, new_id, author, int(time.time()), note, SCHEME, supersedes
            )
            files[event.name] = event.to_bytes()
            files[old_name], files[new_name] = old_data, new_data
            for text_id in {d.text_id for d in (*old, *new)} | {edge.text_old, edge.text_new}:
                body = self.body(text_id)
                if body is not None:
                    files[text_name(text_id)] = body
            events.append(event)
        if events:
            count = len(events)
            subject = f"{verdict}: {events[0].edge.key_new}"
            if count > 1:
                subject += f" and {count - 1} more"
            self.shared.add(files, message=subject)
            self.refresh()
        return events

    # -- texts and versions --------------------------------------------------------------

    def body(self, text_id: str) -> bytes | None:
        """Return a text from wherever it is: the index, the outbox, the shared store."""
        data = self.index.text(text_id)
        if data is None and self.local is not None:
            wanted = bytes.fromhex(text_id)
            data = self.local.outbox_texts([wanted]).get(wanted)
        if data is None:
            name = text_name(text_id)
            data = self.shared.read([name]).get(name)
        if data is not None and sha256(data) != text_id:
            return None
        return data

    def text(self, text_id: str) -> Definition | None:
        """Return the definition of a text, None when it is nowhere or cannot be read."""
        if text_id not in self._texts:
            definition = self.index.definition(text_id)
            if definition is None and (data := self.body(text_id)) is not None:
                from mandala_git.source.texts import definition_from_text

                # A newer version of this package may have written what this one cannot read.
                with suppress(SourceError):
                    definition = definition_from_text(data, rules=self.rules)
                    self.index.put_definition(text_id, definition)
            self._texts[text_id] = definition
        return self._texts[text_id]

    def know(self, definitions: Iterable[Definition]) -> None:
        """Take over definitions that were just scanned, so that no text is parsed again."""
        for definition in definitions:
            self._texts[definition.text_id] = definition

    def context(self, id: str) -> list[Definition] | None:
        """Return the definitions of a static closure; None when a text is missing."""
        if id not in self._contexts:
            name = f"c/{id[:2]}/{id}"
            ids: list[str] | None = None
            packed = self.local.context(bytes.fromhex(id)) if self.local is not None else None
            if packed is not None:
                ids = [packed[at : at + 32].hex() for at in range(0, len(packed), 32)]
            elif (data := self.shared.read([name]).get(name)) is not None:
                ids = data.decode().split()
            found: list[Definition] | None = None
            if ids is not None:
                texts = [self.text(each) for each in ids]
                if None not in texts:
                    found = [text for text in texts if text is not None]
            self._contexts[id] = found
        return self._contexts[id]

    def recorded(self, version: str) -> Recorded | None:
        """Return a recorded version by id, None when it is not here."""
        if self._recorded.get(version) is None:
            row = None
            if self.local is not None:
                row = self.local.version_by_vid(bytes.fromhex(version))
            recorded = Recorded.from_bytes(row.payload) if row else None
            # A newer version of this package may have written what this one cannot read.
            whole = recorded is not None and recorded.id == version
            self._recorded[version] = recorded if whole else None
        return self._recorded[version]

    def keep(self, version: str, recorded: Recorded) -> None:
        """Take over a version that was just recorded."""
        self._recorded[version] = recorded

    def literal(self, source: str) -> str:
        """Return the content id (hex) of a Python literal."""
        if source not in self._literals:
            import ast

            self._literals[source] = cid(ast.literal_eval(source)).hex()
        return self._literals[source]
