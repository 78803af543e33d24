"""`git mandala classify`: decide whether edits change results."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from mandala_git.cli.desk import Desk
from mandala_git.cli.verbs import describe
from mandala_git.errors import UsageError
from mandala_git.source.definitions import Definition, Kind
from mandala_git.versions.comparison import Comparison
from mandala_git.versions.pending import Pending, sort_out
from mandala_git.versions.review import Question, select
from mandala_git.versions.verdicts import Edge, Verdict
from mandala_git.versions.worlds import Worlds
from mandala_git.views.console import Output
from mandala_git.views.questions import VERDICT_STYLES, stake
from mandala_git.views.text import Row, Style, plural, row, visible

if TYPE_CHECKING:
    from mandala_git.cli.verbs import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Add the arguments of `git mandala classify`."""
    parser = describe(
        subparsers,
        "classify",
        text="""
            Decide edits of the work tree, or with --staged of the index that will be committed.
            Breaking: results change, calls that ran the old code run again. Compatible: this
            edit alone changes no result, they are kept. The verdicts are shared with whoever
            fetches refs/mandala/store.

            KEY is a key (`src/train.py::fit`), a qualified name or a file. Without KEY all open
            edits are decided. A named edit may be decided anew, and before anything ran.
            --retract takes verdicts about the code as it is now back: the edits are open again.

            --was says what KEY was before it got its name or place and its new text, in HEAD or
            in REV. Breaking or compatible then is about that edit; with compatible, calls
            recorded under the old name are kept.
        """,
        example="""
            git mandala classify src/train.py::fit --compatible --note "only logs"
            git mandala classify --staged --breaking
            git mandala classify fit --retract
            git mandala classify src/train.py::fit_model --was src/train.py::fit --compatible
        """,
    )
    answer = parser.add_mutually_exclusive_group(required=True)
    for verdict, words in (
        (Verdict.BREAKING, "results change: compute again"),
        (Verdict.COMPATIBLE, "results stay: keep them"),
    ):
        answer.add_argument(
            f"--{verdict}", dest="verdict", action="store_const", const=verdict, help=words
        )
    answer.add_argument(
        "--retract",
        dest="verdict",
        action="store_const",
        const=Verdict.RETRACTED,
        help="take verdicts back",
    )
    parser.add_argument("--staged", action="store_true", help="the index, not the work tree")
    parser.add_argument("--note", metavar="TEXT", default="", help="why, kept with the verdict")
    parser.add_argument("--was", metavar="[REV:]OLD", help="the definition that KEY was before")
    parser.add_argument(
        "--all", action="store_true", help="also what is decided already, and what nothing ran"
    )
    parser.add_argument("keys", metavar="KEY", nargs="*", help="what to decide; else all open")


def run(args: argparse.Namespace) -> int:
    """Write the verdicts and say which."""
    out = Output()
    verdict: Verdict = args.verdict
    with Desk() as desk:
        desk.require_store()
        worlds = desk.staged if args.staged else desk.work
        keys = [desk.key(word) for word in args.keys]
        before = desk.head
        if args.was is not None and verdict is Verdict.RETRACTED:
            raise UsageError("--retract needs no --was", hint="git mandala classify KEY --retract")
        if args.was is not None:
            before, question = _renamed(desk, worlds, keys, args.was)
            chosen = [question]
        else:
            pending = sort_out(desk.review(worlds).questions(), desk.history.ledger)
            choice = _Choice(desk, worlds, pending, verdict)
            chosen = choice.named(keys) if keys else choice.unnamed(everything=args.all)
        review = desk.review(worlds, before)
        events = review.decide(chosen, verdict, author=desk.repo.author(), note=args.note)
        written = {event.edge for event in events}
        out.show(_line(q, verdict, q.edge in written) for q in chosen)
        if not chosen:
            out.say("nothing to take back" if verdict is Verdict.RETRACTED else "nothing is open")
        left = sort_out(desk.review(worlds).questions(), desk.history.ledger).asked
        if left:
            out.say(f"{plural(len(left), 'edit')} without a verdict: git mandala status")
        out.say(*(f"mandala: {note}" for note in desk.notes))
    return 0


def _line(question: Question, verdict: Verdict, new: bool) -> Row:
    edge = question.edge
    was = f" (was {edge.key_old})" if edge.key_old != edge.key_new else ""
    return row(
        (f"{verdict:10}", VERDICT_STYLES[verdict]),
        "  ",
        (visible(edge.key_new + was), Style.HEAD),
        (f"   {stake(question)}" if question.calls else "", Style.COST),
        ("" if new else "   (decided so already)", Style.DIM),
    )


def _renamed(desk: Desk, worlds: Worlds, keys: Sequence[str], was: str) -> tuple[Worlds, Question]:
    """Return the world of the commit that has the old definition, and the edit from there.

    Raises:
        UsageError: one of both is not there, or the old one still is.
    """
    if len(keys) != 1:
        raise UsageError("--was tells of one KEY what it was", hint="git mandala help classify")
    head, colons, qualname = was.partition("::")
    rev, _, path = head.rpartition(":")
    before = desk.at(rev or "HEAD")
    changes = Comparison(before, worlds).changes
    old = _only(before, desk.key(path + colons + qualname), [c.old for c in changes])
    new = _only(worlds, keys[0], [c.new for c in changes])
    if worlds.definition(old.key) is not None:
        raise UsageError(
            f"{old.key} is still there: it has not become {new.key}",
            hint=f"its own edit: git mandala classify {old.key} --breaking|--compatible",
        )
    edge = Edge(old.key, old.text_id, new.key, new.text_id)
    return before, Question(edge, old, new, (), 0, 0.0, None, ())


def _only(worlds: Worlds, name: str, candidates: Sequence[Definition | None]) -> Definition:
    """Return the definition with a key, or the one among candidates with a name.

    Raises:
        UsageError: there is none, or there are several.
    """
    there = worlds.definition(name)
    if there is not None:
        return there
    named = [d for d in candidates if d is not None and name in (d.qualname, d.name)]
    found = {d.key: d for d in named if d.kind is not Kind.IMPORT}
    if len(found) == 1:
        return next(iter(found.values()))
    raise UsageError(
        f"{name!r} is {'several definitions' if found else 'no definition'} there",
        hint="\n".join(sorted(found)) or "in full it is for example src/train.py::Model.fit",
    )


class _Choice:
    """What can be decided in a world."""

    def __init__(self, desk: Desk, worlds: Worlds, pending: Pending, verdict: Verdict) -> None:
        self._desk = desk
        self._worlds = worlds
        self._pending = pending
        self._retract = verdict is Verdict.RETRACTED

    def unnamed(self, *, everything: bool) -> list[Question]:
        """Return what is decided when nothing is named.

        Raises:
            UsageError: all verdicts would be taken back, and that was not said.
            ResultsError: nobody knows what is open, for the recorded calls cannot be read.
        """
        if self._retract:
            if not everything:
                raise UsageError(
                    "--retract needs to know what to take back",
                    hint="git mandala classify KEY... --retract, or with --all for everything\n"
                    "git mandala log   lists what was decided",
                )
            return self._standing()
        if self._desk.results_error is not None:
            raise self._desk.results_error  # "nothing is open" would not be true
        if not everything:
            return list(self._pending.asked)
        return _once(
            (
                *self._pending.asked,
                *self._pending.behind,
                *self._pending.decided,
                *self._unused(),
            )
        )

    def named(self, names: Sequence[str]) -> list[Question]:
        """Return what some names mean, for each the first of: open, unused, decided.

        Raises:
            UsageError: a name means nothing that can be decided here.
        """
        decided = [*self._pending.decided, *self._standing()]
        layers: list[Sequence[Question]] = [decided]
        if not self._retract:
            layers = [self._pending.asked, self._pending.behind, self._unused(), decided]
        chosen: list[Question] = []
        for name in names:
            found = next((f for layer in layers if (f := select(layer, [name])[0])), [])
            if not found:
                raise self._unknown(name)
            chosen += found
        return _once(chosen)

    def _unknown(self, name: str) -> UsageError:
        if self._retract:
            return UsageError(
                f"no verdict about {name!r} leads to the code as it is now",
                hint="git mandala log   lists what was decided",
            )
        open_keys = [q.edge.key_new for q in self._pending.asked]
        hint = "open are:\n" + "\n".join(f"  {key}" for key in open_keys)
        return UsageError(
            f"{name!r} is no edit that can be decided",
            hint=hint if open_keys else "nothing is open: git mandala status",
        )

    def _standing(self) -> list[Question]:
        """Return the edits with a verdict whose new text is in the world."""
        ledger = self._desk.history.ledger
        known = {q.edge: q for q in (*self._pending.decided, *self._pending.behind)}
        found = []
        for edge, verdict in sorted(ledger.verdicts().items()):
            new = self._worlds.definition(edge.key_new)
            old = self._desk.history.text(edge.text_old)
            if edge in known:
                found.append(known[edge])
            elif new is not None and new.text_id == edge.text_new and old is not None:
                found.append(Question(edge, old, new, (), 0, 0.0, verdict, ()))
        return found

    def _unused(self) -> list[Question]:
        """Return the edits since HEAD on which no recorded call depends."""
        ledger = self._desk.history.ledger
        found = []
        for change in Comparison(self._desk.head, self._worlds).changes:
            if change.old is not None and change.new is not None and not change.kind.quiet:
                old, new = change.old, change.new
                edge = Edge(old.key, old.text_id, new.key, new.text_id)
                if ledger.verdict(edge) is None:
                    found.append(Question(edge, old, new, (), 0, 0.0, None, ()))
        return found


def _once(questions: Iterable[Question]) -> list[Question]:
    found: dict[Edge, Question] = {}
    for question in questions:
        found.setdefault(question.edge, question)
    return list(found.values())
