"""Belonging: which recorded calls belong to a world, version by version and op by op."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mandala_git.results.store import Results
from mandala_git.source.snapshot import Snapshot, is_gone
from mandala_git.versions.agreement import Belongs, Outcome
from mandala_git.versions.worlds import Worlds


@dataclass(frozen=True, slots=True)
class OpShare:
    """What of an op's recorded calls belongs to a world.

    Attributes:
        op: its key.
        calls: by answer, those that ran (no aliases).
        seconds: by answer, their computing time.
        versions: by answer, ids (hex) of their versions.
    """

    op: str
    calls: dict[Belongs, int]
    seconds: dict[Belongs, float]
    versions: dict[Belongs, list[str]]


class Belonging:
    """Judge the recorded versions in one world, each once.

    Args:
        snapshot: the code of the world.
        judge: (version id, key of the op in the world) -> whether it belongs there.
        results: where calls are recorded.
        ops: keys of all ops of the world; None to look for them in the snapshot.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        judge: Callable[[str, str], Outcome | None],
        results: Results,
        ops: Callable[[], list[str]] | None = None,
    ) -> None:
        self.snapshot = snapshot
        self._ops = ops or (lambda: [d.key for d in snapshot.definitions() if d.op])
        self.results = results
        self._ask = judge
        self._answers: dict[tuple[int, str], Belongs] = {}
        self._heirs: list[str] | None = None

    @classmethod
    def to(cls, worlds: Worlds, results: Results) -> Belonging:
        """Judge versions in the world of a commit, the index or the work tree."""
        return cls(worlds.seen_by("").snapshot, worlds.judge, results, worlds.tree.ops)

    def of(self, version: int, op: str) -> Belongs:
        """Tell whether a version belongs.

        Args:
            version: its row.
            op: key of its op; where that is gone, the ops that it may have become are tried.
        """
        asked = (version, op)
        if asked not in self._answers:
            self._answers[asked] = self._judge(version, op)
        return self._answers[asked]

    def home(self, version: int, op: str) -> tuple[Belongs, str]:
        """Tell whether a version belongs, and as which op.

        Args:
            version: its row.
            op: key of its op.

        Returns:
            The answer, and the key that the op has in the world: another one if it moved.
        """
        here, dot, inner = op.partition(".<locals>")
        if not is_gone(self.snapshot, here):
            return self.of(version, op), op
        found = self.results.version(version)
        best = Belongs.NO, op
        if found is None:
            return best
        for heir in self.heirs():
            answer = self._asked(found.vid.hex(), heir)
            if answer.value > best[0].value:
                best = answer, f"{heir}{dot}{inner}"
        return best

    def heirs(self) -> list[str]:
        """Return the keys of the ops of the world: what ops that are gone may have become."""
        if self._heirs is None:
            self._heirs = list(self._ops())
        return self._heirs

    def shares(self) -> list[OpShare]:
        """Return the share of every recorded op, in order of keys."""
        stats = self.results.stats()
        found: list[OpShare] = []
        for row, key in sorted(self.results.ops(), key=lambda op: op[1]):
            share = OpShare(
                key,
                dict.fromkeys(Belongs, 0),
                dict.fromkeys(Belongs, 0.0),
                {answer: [] for answer in Belongs},
            )
            for version in self.results.versions_of(row):
                calls, seconds = stats.get(version.id, (0, 0.0))
                if calls:
                    answer = self.of(version.id, key)
                    share.calls[answer] += calls
                    share.seconds[answer] += seconds
                    share.versions[answer].append(version.vid.hex())
            if any(share.calls.values()):
                found.append(share)
        return found

    def _judge(self, version: int, op: str) -> Belongs:
        found = self.results.version(version)
        if found is None:
            return Belongs.NO
        vid, here = found.vid.hex(), op.partition(".<locals>")[0]
        if not is_gone(self.snapshot, here):
            return self._asked(vid, here)
        answers = [self._asked(vid, other) for other in self.heirs()]
        return max(answers, key=lambda answer: answer.value, default=Belongs.NO)

    def _asked(self, vid: str, op: str) -> Belongs:
        outcome = self._ask(vid, op)
        return Belongs.NO if outcome is None else outcome.belongs
