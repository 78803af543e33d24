"""Asking about edits on the terminal, one after the other; each answer is kept at once."""

from __future__ import annotations

import select
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from io import TextIOWrapper

from mandala_git.source.changes import Change
from mandala_git.source.outline import Hunk
from mandala_git.versions.review import Question
from mandala_git.versions.verdicts import Verdict
from mandala_git.views.changes import full
from mandala_git.views.console import Output
from mandala_git.views.questions import Asked, consequences
from mandala_git.views.text import Style, plural, row

PATIENCE = 600.0
"""Seconds without an answer after which nobody is taken to be there."""

WHOLE = 100_000
"""Lines around a difference that are as good as all."""

_HELP = (
    "  b  breaking: results change, calls that ran the old code run again",
    "  c  compatible: this edit alone changes no result, they are kept",
    "  d  show the diff of the whole definition",
    "  s  skip: leave it open; its calls are not reused until it is decided",
    "  A  all the rest are breaking",
    "  q  quit: {}; answers given so far are kept",
)


class End(Enum):
    """How the asking ended."""

    DONE = "done"
    QUIT = "quit"
    LEFT = "left"  # the terminal closed, or nobody answered


@dataclass(slots=True)
class Answers:
    """What was answered.

    Attributes:
        given: each decided question with its verdict.
        skipped: how many were left open on purpose.
        end: how it ended.
    """

    given: list[tuple[Question, Verdict]] = field(default_factory=list)
    skipped: int = 0
    end: End = End.DONE


class Asker:
    """Ask questions on a terminal.

    Args:
        read: returns the next line, "" when somebody left.
        out: the terminal.
        hunks: the lines that tell a change, with so many lines around.
        decide: keeps an answer.
        last: what `q` does, for the help.
    """

    def __init__(
        self,
        read: Callable[[], str],
        out: Output,
        *,
        hunks: Callable[[Change, int | None], Sequence[Hunk]],
        decide: Callable[[Sequence[Question], Verdict], object],
        last: str = "stop the commit",
    ) -> None:
        self._read = read
        self._out = out
        self._hunks = hunks
        self._decide = decide
        self._last = last

    def ask(self, asked: Sequence[Asked]) -> Answers:
        """Ask one question after the other until all are answered or somebody leaves."""
        answers = Answers()
        for number, (question, change) in enumerate(asked):
            self._show(question, change, f"{number + 1} of {len(asked)}")
            word = self._answer(question, change)
            if word in ("q", ""):
                answers.end = End.QUIT if word else End.LEFT
                return answers
            if word == "s":
                answers.skipped += 1
                continue
            verdict = Verdict.COMPATIBLE if word == "c" else Verdict.BREAKING
            chosen = [q for q, _ in asked[number:]] if word == "A" else [question]
            self._decide(chosen, verdict)
            answers.given += [(each, verdict) for each in chosen]
            if word == "A":
                break
        return answers

    def _show(self, question: Question, change: Change, count: str) -> None:
        self._out.show([(), row((f"-- {count} --", Style.DIM))])
        self._diff(question, change, None)

    def _diff(self, question: Question, change: Change, context: int | None) -> None:
        self._out.show(
            full(
                [change],
                hunks=lambda c: self._hunks(c, context),
                consequences=consequences([question]),
            )
        )

    def _answer(self, question: Question, change: Change) -> str:
        """Return `b`, `c`, `s`, `A`, `q`, or "" when nobody is there any more."""
        while True:
            self._out.stdout.write("breaking or compatible? [b/c/d/s/A/q] ")
            self._out.stdout.flush()
            line = self._read()
            if not line:
                self._out.text("\n")
                return ""
            word = line.strip()
            word = word if word == "A" else word.lower()
            if word in ("b", "breaking"):
                return "b"
            if word in ("c", "compatible"):
                return "c"
            if word in ("s", "skip"):
                return "s"
            if word in ("q", "quit"):
                return "q"
            if word == "A":
                return "A"
            if word in ("d", "diff"):
                self._diff(question, change, WHOLE)
            else:
                self._out.show(row(text.format(self._last)) for text in _HELP)


def from_terminal(
    reader: TextIOWrapper, out: Output, patience: float = PATIENCE
) -> Callable[[], str]:
    """Return what reads lines from a terminal.

    Args:
        reader: the terminal; its end means that somebody left.
        out: the same, to write to.
        patience: seconds to wait for an answer.
    """

    def read() -> str:
        # A terminal gives one line at a time, so that nothing waits behind the reader's back.
        ready, _, _ = select.select([reader], [], [], patience)
        if not ready:
            out.text(f"\nno answer in {plural(round(patience / 60), 'minute')}")
            return ""
        return reader.readline()

    return read


def ask_in_program(
    asked: Sequence[Asked],
    hunks: Callable[[Change, int | None], Sequence[Hunk]],
    decide: Callable[[Sequence[Question], Verdict], object],
) -> bool | None:
    """Ask whoever types into this program: at a prompt, in a notebook.

    Returns:
        Whether to go on; None where nobody is there.
    """
    out = Output()

    def read() -> str:
        try:
            return input() + "\n"
        except (EOFError, OSError, RuntimeError):  # no stdin, as in a notebook that runs alone
            return ""

    count = plural(len(asked), "changed definition")
    needs = "needs" if len(asked) == 1 else "need"
    out.show([row((f"mandala: {count} {needs} a verdict", Style.HEAD))])
    asker = Asker(read, out, hunks=hunks, decide=decide, last="stop here")
    answers = asker.ask(asked)
    if answers.end is End.DONE:
        return True
    return False if answers.end is End.QUIT else None
