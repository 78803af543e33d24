"""What happens when the code of recorded calls has changed, and nobody has said what that means."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from mandala_git.errors import CodeChanged, UsageError
from mandala_git.ops.op import Op
from mandala_git.ops.versioned import Versioned
from mandala_git.results.calls import Candidate
from mandala_git.versions.comparison import Comparison
from mandala_git.versions.pending import sort_out
from mandala_git.versions.review import Question, Review, select
from mandala_git.versions.verdicts import Verdict
from mandala_git.versions.worlds import Worlds

if TYPE_CHECKING:
    from mandala_git.source.changes import Change
    from mandala_git.source.outline import Hunk
    from mandala_git.versions.process import ProcessWorld
    from mandala_git.versions.worlds import SnapshotWorld

    Ask = Callable[
        [
            Sequence[tuple[Question, Change]],
            Callable[[Change, int | None], Sequence[Hunk]],
            Callable[[Sequence[Question], Verdict], object],
        ],
        bool | None,
    ]

ASKING = "mandala_git.cli.asking"
"""Who asks: a room above this one, named and not imported until there is a question."""


class Here(Worlds):
    """The loaded code, as a review looks at a world.

    Args:
        world: of the process.
    """

    def __init__(self, world: ProcessWorld) -> None:
        super().__init__(world.tree, world.history)
        self._world = world

    def seen_by(self, script: str) -> SnapshotWorld:
        """Return the one world there is: here the script is the one that runs."""
        return self._world


class Changed:
    """Tells, asks or refuses when calls are not found because code has changed.

    Args:
        policy: what to do, one of `storage.POLICIES`.
        versioning: of the storage.
    """

    def __init__(self, policy: str, versioning: Versioned) -> None:
        self.policy = policy
        self._versioning = versioning
        self._met: set[tuple[int, int]] = set()
        self._told: set[tuple[str, str]] = set()
        self._left = False

    def met(self, op: Op[..., Any], candidates: Iterable[Candidate]) -> bool:
        """Take note that calls with the same arguments ran other code.

        Args:
            op: the op that is called.
            candidates: those calls.

        Returns:
            Whether something was said about them, so that it is worth looking again.

        Raises:
            CodeChanged: that is the policy, or whoever was asked wants to stop.
        """
        versioning = self._versioning
        generation = versioning.history.generation
        # The last one tells what was edited since; who passed over older edits did not mind.
        last = max((each for each in candidates if each.alias_of is None), key=_row, default=None)
        if last is None or (self.policy != "raise" and (generation, last.version) in self._met):
            return False
        self._met.add((generation, last.version))
        review = self._review(last.version)
        questions = self._open(review)
        if not questions:
            return False
        if self.policy == "raise":
            raise _refusal(op, questions)
        if self.policy == "ask" and not self._left:
            return self._ask(op, review, questions)
        self._tell(questions)
        return False

    def questions(self) -> tuple[Review, list[Question]]:
        """Return what is open about all recorded calls, seen from the loaded code."""
        versioning = self._versioning
        review = Review(Here(versioning.world), versioning.results)
        return review, self._open(review)

    def decide(self, review: Review, questions: Sequence[Question], verdict: Verdict) -> None:
        """Keep an answer, and look at everything anew."""
        versioning = self._versioning
        store = versioning.repo.store()
        if not store.exists():
            store.init()
        review.decide(questions, verdict, author=versioning.repo.author())
        versioning.enter()

    def _review(self, row: int) -> Review:
        versioning = self._versioning
        version = versioning.results.version(row)
        versions = [] if version is None else [version.vid.hex()]
        return Review(Here(versioning.world), versioning.results, versions=versions)

    def _open(self, review: Review) -> list[Question]:
        asked = sort_out(review.questions(), self._versioning.history.ledger).asked
        # What is loaded and is not what its file says is another thing in each process.
        return [question for question in asked if not question.new.note]

    def _tell(self, questions: Iterable[Question]) -> None:
        for question in questions:
            edge = question.edge
            if (edge.text_old, edge.text_new) not in self._told:
                self._told.add((edge.text_old, edge.text_new))
                sys.stderr.write(f"mandala: {_said(question)} run again; {_ways(question)}\n")

    def _ask(self, op: Op[..., Any], review: Review, questions: list[Question]) -> bool:
        comparison = Comparison(None, review.worlds)
        ask: Ask = import_module(ASKING).ask_in_program
        given: list[Verdict] = []

        def decide(chosen: Sequence[Question], verdict: Verdict) -> None:
            given.append(verdict)
            self.decide(review, chosen, verdict)

        going_on = ask(
            [(q, comparison.change_of(q.old, q.new)) for q in questions],
            lambda change, context: comparison.hunks(change, context=context),
            decide,
        )
        if going_on is False:
            raise _refusal(op, questions)
        if going_on is None:  # nobody is there
            self._left = True
            self._tell(questions)
        return Verdict.COMPATIBLE in given


def somebody_types() -> bool:
    """Tell whether somebody types into this program: at a prompt, or into a notebook."""
    if not hasattr(sys, "ps1"):
        return False
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    kernel = getattr(shell, "kernel", None)
    if kernel is not None:  # a notebook that runs alone takes no input
        return bool(getattr(kernel, "_allow_stdin", False))
    try:
        return sys.stdin.isatty()
    except (AttributeError, ValueError):  # it is closed, or there is none
        return False


def _row(candidate: Candidate) -> int:
    return candidate.id


def verdict_of(word: str) -> Verdict:
    """Return the verdict of a word.

    Raises:
        UsageError: it is none.
    """
    if word not in ("breaking", "compatible"):
        raise UsageError(
            f"{word!r} is no verdict", hint='Say "breaking" (results change) or "compatible".'
        )
    return Verdict(word)


def chosen(questions: Sequence[Question], names: Sequence[str]) -> list[Question]:
    """Return the questions that names mean.

    Raises:
        UsageError: a name means none.
    """
    found, missed = select(questions, names)
    if missed:
        known = ", ".join(sorted(question.edge.key_new for question in questions))
        raise UsageError(
            f"nothing is open about {', '.join(map(repr, missed))}",
            hint=f"Open are: {known}." if known else "Nothing is open.",
        )
    return found


def _said(question: Question) -> str:
    calls = "1 call" if question.calls == 1 else f"{question.calls} calls"
    ops = ", ".join(key.rpartition("::")[2] for key in question.ops)
    return f"{question.new.place} {question.new.qualname} has changed: {calls} of {ops}"


def _ways(question: Question) -> str:
    return f'to keep them: storage.classify("{question.edge.key_new}", "compatible")'


def _refusal(op: Op[..., Any], questions: Sequence[Question]) -> CodeChanged:
    keys = dict.fromkeys(question.edge.key_new for question in questions)
    ways = [f'storage.classify("{key}", "breaking")   or "compatible"' for key in keys]
    return CodeChanged(
        f"{op.name} would run again: " + "; ".join(_said(question) for question in questions),
        hint="\n".join(["Say what it means:", *ways]),
    )
