"""The pre-commit hook: what the commit that git is about to make changes, and what to decide."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mandala_git.cli.asking import Answers
    from mandala_git.cli.desk import Desk
    from mandala_git.repo.repository import Repository
    from mandala_git.source.changes import Change
    from mandala_git.source.outline import Hunk
    from mandala_git.versions.comparison import Comparison
    from mandala_git.versions.review import Question, Review
    from mandala_git.versions.verdicts import Verdict
    from mandala_git.views.questions import Asked
    from mandala_git.views.text import Row

POLICIES = ("pending", "block", "breaking")
"""Values of `mandala.onUnclassified`: what becomes of open questions that cannot be asked."""

MOST_QUESTIONS = 10
"""More questions are not asked at a prompt."""

MOST_CHANGES = 20
"""More changes are listed a line each, and not all of them."""


def run(argv: Sequence[str]) -> int:
    """Show what the commit changes, ask what it means for results, or say that it is open.

    Args:
        argv: pre-commit passes nothing at this stage.

    Returns:
        0: the commit may go on; 1: somebody stopped it.
    """
    from mandala_git.repo.git_store import GitStore
    from mandala_git.repo.repository import Repository

    # Without a path: a hook works on the repository and the index that git tells it.
    repo = Repository.discover()
    if not GitStore(repo).exists() or not _touches_code(repo):
        return 0
    from mandala_git.cli.desk import Desk

    with Desk(repo) as desk:
        return _Commit(desk).handle()


def _touches_code(repo: Repository) -> bool:
    """Tell whether the commit changes code, or files that ops depend on; the common way out, so it must be fast."""
    from mandala_git.repo.snapshots import index_differs, index_tree

    head = repo.discovered_head
    if head:
        return index_differs(repo, head, repo.data_patterns())
    return bool(index_tree(repo).entries)


class _Commit:
    """The commit that git is about to make.

    Args:
        desk: of the repository that is committed to.
    """

    def __init__(self, desk: Desk) -> None:
        from mandala_git.versions.comparison import Comparison
        from mandala_git.views.console import Output

        self.desk = desk
        self.out = Output()
        self.comparison: Comparison = Comparison(desk.head, desk.staged)
        self.review: Review = desk.review(desk.staged, desk.head)
        self.merging = self._is_merge()

    def _is_merge(self) -> bool:
        import os

        # Before `git merge` has written MERGE_HEAD, only this tells.
        action = os.environ.get("GIT_REFLOG_ACTION", "").split(" ")[0]
        return action in ("merge", "pull") or self.desk.repo.in_progress() == "merge"

    def handle(self) -> int:
        """Show and ask; return the exit code."""
        from mandala_git.repo.snapshots import shown
        from mandala_git.repo.surroundings import Surroundings
        from mandala_git.versions.pending import sort_out
        from mandala_git.views.questions import moved_rows

        policy = self._policy()
        pending = sort_out(self.review.questions(), self.desk.history.ledger, self.desk.head)
        asked = [(q, self.comparison.change_of(q.old, q.new)) for q in pending.asked]
        self.out.say(
            *(f"mandala: {shown(words)}" for _, words in self.comparison.unreadable),
            *(f"mandala: {note}" for note in self.desk.notes),
        )
        self.out.show(moved_rows(self.review.moved()))
        if not asked:
            self.out.show(self._rows((), pending.decided))
            return 0
        reason = ""
        if len(asked) > MOST_QUESTIONS:
            reason = f"{len(asked)} questions are too many for a prompt"
        else:
            around = Surroundings.look(self.desk.repo)
            reason = "" if around.can_prompt else around.reason
        if not reason:
            return self._ask(asked, pending.decided)
        self.out.show(self._rows([q for q, _ in asked], pending.decided))
        return self._leave(asked, policy, reason)

    def _policy(self) -> str:
        """Return `mandala.onUnclassified`.

        Raises:
            UsageError: it has a value that means nothing.
        """
        policy = self.desk.repo.config("mandala.onUnclassified") or POLICIES[0]
        if policy not in POLICIES:
            from mandala_git.errors import UsageError

            raise UsageError(
                f"mandala.onUnclassified is {policy!r}, not one of {', '.join(POLICIES)}",
                hint=f"git config mandala.onUnclassified {POLICIES[0]}",
            )
        return policy

    # -- the semantic diff ---------------------------------------------------------------

    def _rows(
        self,
        asked: Iterable[Question],
        decided: Iterable[Question],
        *,
        without: Iterable[Question] = (),
    ) -> list[Row]:
        """Return the changes of the commit, with what hangs on them.

        Args:
            asked: questions that are open.
            decided: questions that have been answered.
            without: questions that are shown otherwise.
        """
        from functools import partial

        from mandala_git.views.changes import claim_command, concise, full
        from mandala_git.views.questions import consequences
        from mandala_git.views.text import row

        open_questions = list(asked)
        elsewhere = {q.edge.key_new for q in without}
        changes = [c for c in self.comparison.changes if c.key not in elsewhere]
        costs = consequences(
            (*decided, *open_questions), changes, self.desk.history.ledger, self.review.gone()
        )
        if self.merging:
            # Everything of the other side shows up: only what has to be decided matters.
            keys = {q.edge.key_new for q in open_questions}
            changes = [c for c in changes if c.key in keys]
        hint = "git mandala diff --staged --cosmetic"
        loud = [c for c in changes if not c.kind.quiet and (not c.told or c.key in costs)]
        if len(loud) <= MOST_CHANGES:
            return full(
                changes,
                hunks=self.comparison.hunks,
                consequences=costs,
                hint=hint,
                claim=partial(claim_command, staged=True),
            )
        kept = [c for c in loud if c.key in costs]
        kept += [c for c in loud if c.key not in costs][: max(MOST_CHANGES - len(kept), 0)]
        quiet = [c for c in changes if c.kind.quiet]
        rows = concise(kept, consequences=costs)
        rows.append(row(f"... and {len(loud) - len(kept)} more (git mandala diff --staged)"))
        return rows + concise(quiet, hint=hint)

    # -- with somebody there -------------------------------------------------------------

    def _ask(self, asked: list[Asked], decided: Iterable[Question]) -> int:
        from mandala_git.cli.asking import Asker, End, from_terminal
        from mandala_git.repo.surroundings import open_tty
        from mandala_git.views.console import Output
        from mandala_git.views.text import Style, plural, row

        with open_tty() as (reader, writer):
            terminal = Output(writer, writer)
            rows = self._rows((), decided, without=[q for q, _ in asked])
            count = plural(len(asked), "changed definition")
            needs = "needs" if len(asked) == 1 else "need"
            # pre-commit has left the cursor behind the name of the hook.
            terminal.show([(), *rows, *([()] if rows else [])])
            terminal.show([row((f"mandala: {count} {needs} a verdict", Style.HEAD))])
            asker = Asker(
                from_terminal(reader, terminal), terminal, hunks=self._hunks, decide=self._decide
            )
            answers = asker.ask(asked)
            if answers.end is not End.DONE:
                terminal.show([row("the commit is stopped; the answers given are kept")])
        self.out.show([row(_summary(answers, len(asked)))])
        return 0 if answers.end is End.DONE else 1

    def _hunks(self, change: Change, context: int | None) -> Sequence[Hunk]:
        return self.comparison.hunks(change, context=context)

    def _decide(self, questions: Sequence[Question], verdict: Verdict) -> None:
        self.review.decide(questions, verdict, author=self.desk.repo.author())

    # -- with nobody to ask --------------------------------------------------------------

    def _leave(self, asked: list[Asked], policy: str, reason: str) -> int:
        from mandala_git.versions.verdicts import Verdict
        from mandala_git.views.questions import question_rows
        from mandala_git.views.text import Style, plural, row

        have, stay = ("has", "it stays") if len(asked) == 1 else ("have", "they stay")
        count = plural(len(asked), "changed definition")
        rows = [(), row((f"mandala: {count} {have} no verdict", Style.HEAD))]
        rows += question_rows(asked)
        if policy == "breaking":
            self._decide([q for q, _ in asked], Verdict.BREAKING)
            rows.append(
                row(
                    "Recorded as breaking: mandala.onUnclassified = breaking, "
                    f"and this run cannot ask ({reason})."
                )
            )
            rows.append(row("  change it:     git mandala classify KEY... --compatible"))
        elif policy == "block":
            rows.append(
                row(
                    ("Commit stopped: ", Style.BAD),
                    f"mandala.onUnclassified = block, and this run cannot ask ({reason}).",
                )
            )
            rows += _ways("--staged ")
            rows.append(row("  or later:      git -c mandala.onUnclassified=pending commit ..."))
            rows.append(
                row("  skip once:     SKIP=mandala git commit ...   |   git commit --no-verify")
            )
        else:
            rows.append(row(f"The commit goes on, {stay} open: this run cannot ask ({reason})."))
            rows.append(row("Calls that ran the old code are not reused until you decide."))
            rows += _ways("")
        self.out.show(rows)
        return int(policy == "block")


def _ways(more: str) -> list[Row]:
    """Say how to decide in one go, or one by one."""
    from mandala_git.views.text import row

    return [
        row(f"  decide:        git mandala classify {more}KEY... --breaking|--compatible"),
        row(f"  or in one go:  git mandala classify {more}--breaking     (recompute)"),
        row(f"                 git mandala classify {more}--compatible   (keep results)"),
    ]


def _summary(answers: Answers, count: int) -> str:
    """Say what was decided, in one line."""
    words: dict[str, int] = {}
    for _, verdict in answers.given:
        words[str(verdict)] = words.get(str(verdict), 0) + 1
    left = count - len(answers.given)
    parts = [f"{number} {word}" for word, number in words.items()]
    parts += [f"{left} open (git mandala status)"] if left else []
    return "mandala: " + ", ".join(parts)
