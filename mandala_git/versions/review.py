"""Review: which edits stand between recorded results and a world, and what hangs on each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from mandala_git.results.store import Results
from mandala_git.source.definitions import Definition
from mandala_git.source.snapshot import Snapshot, is_gone
from mandala_git.versions.agreement import Belongs, Outcome, Stop
from mandala_git.versions.data import moved
from mandala_git.versions.history import History
from mandala_git.versions.verdicts import Edge, Event, Verdict
from mandala_git.versions.worlds import Worlds


@dataclass(frozen=True, slots=True)
class Question:
    """One edit at which recorded calls stop.

    Attributes:
        edge: the edit.
        old: the definition that calls ran.
        new: the definition of the world.
        ops: keys of the ops whose calls stop here, sorted.
        calls: how many recorded calls stop here.
        seconds: their recorded computing time.
        verdict: what holds for the edge; None while it is open. A compatible one was given in
            another context and says nothing here.
        versions: ids of the versions that stop here.
    """

    edge: Edge
    old: Definition
    new: Definition
    ops: tuple[str, ...]
    calls: int
    seconds: float
    verdict: Verdict | None
    versions: tuple[str, ...]

    @property
    def open(self) -> bool:
        """Nobody has answered it."""
        return self.verdict is None


@dataclass(frozen=True, slots=True)
class Gone:
    """A definition that calls ran and that the world has no more.

    Attributes:
        key: what it was.
        ops: keys of the ops whose calls need it, sorted.
        calls: how many recorded calls need it.
        seconds: their recorded computing time.
    """

    key: str
    ops: tuple[str, ...]
    calls: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Moved:
    """A file that calls depend on and that holds something else in the world.

    Attributes:
        path: of the file.
        ops: keys of the ops whose calls depend on it, sorted.
        calls: how many recorded calls depend on it.
        seconds: their recorded computing time.
    """

    path: str
    ops: tuple[str, ...]
    calls: int
    seconds: float


@dataclass(slots=True)
class _Stake:
    versions: dict[str, tuple[str, int, float]] = field(default_factory=dict)

    @property
    def ops(self) -> tuple[str, ...]:
        return tuple(sorted({op for op, _, _ in self.versions.values()}))

    @property
    def calls(self) -> int:
        return sum(calls for _, calls, _ in self.versions.values())

    @property
    def seconds(self) -> float:
        return sum(seconds for _, _, seconds in self.versions.values())


class Review:
    """What is open in a world.

    Args:
        worlds: the world, as each script sees it.
        results: recorded calls; None when they cannot be read (costs are unknown then).
        before: the world that the work started from; then only calls that belong to it count.
        versions: ids (hex) of the versions that count; None for all.
    """

    def __init__(
        self,
        worlds: Worlds,
        results: Results | None,
        before: Worlds | None = None,
        *,
        versions: Collection[str] | None = None,
    ) -> None:
        self.worlds = worlds
        self.before = before
        self.results = results
        self.history: History = worlds.history
        self._only = versions
        self.lost = 0
        self.lost_seconds = 0.0
        self.kept = 0
        self.unknown = 0
        self._gone: dict[str, _Stake] = {}
        self._moved: dict[str, _Stake] = {}
        self._questions: dict[Edge, Question] | None = None

    # -- what is open --------------------------------------------------------------------

    def questions(self) -> list[Question]:
        """Return the edits at which calls stop, open or decided, dearest first.

        The walk goes on behind an open edit as if it were compatible, so that all that would
        be asked sooner or later is asked at once.
        """
        if self._questions is None:
            self._questions = self._ask()
        return sorted(
            self._questions.values(), key=lambda q: (-q.seconds, -q.calls, q.edge.key_new)
        )

    def gone(self) -> list[Gone]:
        """Return the definitions that calls ran and that are no more."""
        self.questions()
        return [
            Gone(key, stake.ops, stake.calls, stake.seconds)
            for key, stake in sorted(self._gone.items())
        ]

    def moved(self) -> list[Moved]:
        """Return the files for whose sake calls do not belong here, sorted."""
        self.questions()
        return [
            Moved(path, stake.ops, stake.calls, stake.seconds)
            for path, stake in sorted(self._moved.items())
        ]

    def _versions(self) -> dict[str, tuple[str, int, float]]:
        """Return {version id: (op, calls, seconds)} of the versions that are in question."""
        if self.results is None:
            return {}
        ops = dict(self.results.ops())
        found: dict[str, tuple[str, int, float]] = {}
        for row, (calls, seconds) in self.results.stats().items():
            version = self.results.version(row)
            if version is None or not calls:
                continue
            vid = version.vid.hex()
            if self._only is not None and vid not in self._only:
                continue
            if self.before is not None:
                outcome = self.before.judge(vid)
                if outcome is None or outcome.belongs is Belongs.NO:
                    continue
            found[vid] = (ops[version.op], calls, seconds)
        return found

    def _judge(self, vid: str, op: str, assume: frozenset[Edge] = frozenset()) -> Outcome | None:
        """Judge a version; where its op is gone, as the op that it became."""
        outcome = self.worlds.judge(vid, assume=assume)
        key = op.partition(".<locals>")[0]
        if outcome is not None and is_gone(self.worlds.seen_by("").snapshot, key):
            for other in self.worlds.tree.ops():
                found = self.worlds.judge(vid, other, assume=assume)
                if found is not None and found.belongs is not Belongs.NO:
                    return found
        return outcome

    def _ask(self) -> dict[Edge, Question]:
        versions = self._versions()
        stakes: dict[Edge, _Stake] = {}
        stopped: dict[str, tuple[str, int, float]] = {}
        for vid, cost in versions.items():
            outcome = self._judge(vid, cost[0])
            if outcome is None:
                continue
            if outcome.belongs is Belongs.NO:
                stopped[vid] = cost
                self.lost += cost[1]
                self.lost_seconds += cost[2]
                self._note_moved(vid, cost)
            else:
                self.kept += cost[1]
                self.unknown += cost[1] * (outcome.belongs is Belongs.UNKNOWN)
        assume: frozenset[Edge] = frozenset()
        while stopped:
            for vid, cost in stopped.items():
                outcome = self._judge(vid, cost[0], assume)
                for stop in outcome.stops if outcome is not None else ():
                    self._note(stop, vid, cost, stakes)
            if stakes.keys() <= assume:
                break
            assume = frozenset(stakes)
        return {
            edge: question
            for edge, stake in stakes.items()
            if (question := self._question(edge, stake)) is not None
        }

    def _note_moved(self, vid: str, cost: tuple[str, int, float]) -> None:
        recorded = self.history.recorded(vid)
        if recorded is not None:
            for path in moved(self.worlds.seen_by(recorded.script), vid):
                self._moved.setdefault(path, _Stake()).versions[vid] = cost

    def _note(
        self,
        stop: Stop,
        vid: str,
        cost: tuple[str, int, float],
        stakes: dict[Edge, _Stake],
    ) -> None:
        if not stop.text_new:
            self._gone.setdefault(stop.key_old, _Stake()).versions[vid] = cost
        elif stop.text_old != stop.text_new:
            # Equal texts stop at a value, which no verdict is about.
            stakes.setdefault(stop.edge, _Stake()).versions[vid] = cost

    def _question(self, edge: Edge, stake: _Stake) -> Question | None:
        old, new = self.history.text(edge.text_old), self.worlds.definition(edge.key_new)
        if old is None or new is None:
            return None
        return Question(
            edge,
            old,
            new,
            stake.ops,
            stake.calls,
            stake.seconds,
            self.history.ledger.verdict(edge),
            tuple(stake.versions),
        )

    # -- answers -------------------------------------------------------------------------

    def decide(
        self, questions: Iterable[Question], verdict: Verdict, *, author: str, note: str = ""
    ) -> list[Event]:
        """Answer questions and write the answers to the shared store.

        Args:
            questions: about this review's world.
            verdict: the answer to all of them.
            author: `Name <email>`.
            note: free words.
        """
        asked = list(questions)
        if self.results is not None:
            self.results.flush()
        edges = [(q.edge, self._old_context(q), self._new_context(q)) for q in asked]
        events = self.history.decide(edges, verdict, author=author, note=note)
        self._questions = None
        self._gone.clear()
        self._moved.clear()
        self.lost = self.kept = self.unknown = 0
        self.lost_seconds = 0.0
        return events

    def _new_context(self, question: Question) -> list[Definition]:
        snapshot = self.worlds.seen_by("").snapshot
        return closure_of_both(snapshot, question.new, question.old)

    def _old_context(self, question: Question) -> list[Definition]:
        """Return what surrounded the old text: in the world before, else where a call ran it."""
        if self.before is not None:
            there = self.before.definition(question.edge.key_old)
            if there is not None and there.text_id == question.edge.text_old:
                snapshot = self.before.seen_by("").snapshot
                return closure_of_both(snapshot, there, question.new)
        for vid in question.versions:
            recorded = self.history.recorded(vid)
            found = self.history.context(recorded.context) if recorded is not None else None
            if found is not None and recorded is not None:
                snapshot = Snapshot.of_definitions(found)
                if snapshot.definition(question.edge.key_old) is not None:
                    return closure_of_both(snapshot, question.old, question.new)
        return [question.old]


def closure_of_both(snapshot: Snapshot, home: Definition, guest: Definition) -> list[Definition]:
    """Return the static closure of a definition and of another one put in its place.

    Args:
        snapshot: where `home` lives.
        home: a definition of the snapshot.
        guest: the text that a verdict compares it with.
    """
    found = snapshot.closure([home])
    for key, definition in snapshot.closure([guest]).items():
        if definition is not guest:
            found.setdefault(key, definition)
    return list(found.values())


def select(questions: Sequence[Question], names: Sequence[str]) -> tuple[list[Question], list[str]]:
    """Choose questions by name.

    Args:
        questions: what is asked.
        names: keys, qualified names, or paths of files; empty for all.

    Returns:
        The questions, and the names that match none.
    """
    if not names:
        return list(questions), []
    chosen: dict[Edge, Question] = {}
    missed = []
    for name in names:
        found = [q for q in questions if is_named(q.edge, name)]
        if not found:
            missed.append(name)
        chosen.update((q.edge, q) for q in found)
    return list(chosen.values()), missed


def is_named(edge: Edge, name: str) -> bool:
    """Tell whether a key, a qualified name or a path means one side of an edge."""
    for key in (edge.key_new, edge.key_old):
        path, _, qualname = key.rpartition("::")
        if name in (key, path, qualname, qualname.rpartition(".")[2]):
            return True
    return False
