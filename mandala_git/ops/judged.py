"""What a storage knows of edits: what they mean, what recorded calls say of them, what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from mandala_git.ops.op import Op

if TYPE_CHECKING:
    from mandala_git.ops.changed import Changed
    from mandala_git.ops.evidence import Evidence
    from mandala_git.ops.memo import Memo
    from mandala_git.ops.versioning import Versioning
    from mandala_git.results.calls import Candidate


class Judged:
    """Verdicts, and evidence for them.

    Attributes:
        versioning: knows what calls ran, and what is loaded.
    """

    versioning: Versioning
    _memo: Memo
    _settings: dict[str, Any]
    _follower: Changed | None = None

    if TYPE_CHECKING:

        def __enter__(self) -> Any: ...

        def __exit__(self, *exception: Any) -> None: ...

    def _changed(self, op: Op[..., Any], candidates: Sequence[Candidate]) -> bool:
        return self._changes().met(op, candidates)

    def _changes(self) -> Changed:
        if self._follower is None:
            from mandala_git.ops.changed import Changed, somebody_types
            from mandala_git.ops.versioned import Versioned

            policy = self._settings["on_change"] or ("ask" if somebody_types() else "recompute")
            assert isinstance(self.versioning, Versioned)
            self._follower = Changed(policy, self.versioning)
        return self._follower

    def classify(
        self, name: str | Callable[..., Any], verdict: Literal["breaking", "compatible"]
    ) -> int:
        """Say what the edits of a definition mean, between what calls ran and what is loaded.

        As `git mandala classify` does for what is in files; this is for a prompt, a notebook, and
        code outside of a repository.

        Args:
            name: of the definition, its key or file; or the function or class itself.
            verdict: "breaking" (calls that ran the old code run again) or "compatible".

        Returns:
            How many edits that was.

        Raises:
            UsageError: nothing is open about it, or that is no verdict.
        """
        from mandala_git.ops.changed import chosen, verdict_of

        word = _word(name)
        said = verdict_of(verdict)
        self.versioning.enter()
        with self.versioning:
            changes = self._changes()
            review, questions = changes.questions()
            found = chosen(questions, [word])
            changes.decide(review, found, said)
        self._memo.forget()
        return len(found)

    def evidence(
        self, name: str | Callable[..., Any], sample: int = 5, tolerance: float | None = None
    ) -> Evidence:
        """Run recorded calls again with the loaded code, and compare what they return.

        For an edit about which nothing was said. Nothing is recorded; ops run as plain functions.

        Args:
            name: of the edited definition, its key or file; or the function or class itself.
            sample: how many calls at most.
            tolerance: floats count as equal if they differ by no more than this part of them;
                None: results must be identical.

        Returns:
            An object that prints as the answer: "5 of 5 sampled calls gave identical results". It
            is true if all did.

        Raises:
            UsageError: nothing is open about it.
        """
        from mandala_git.ops.changed import chosen
        from mandala_git.ops.evidence import evidence

        word = _word(name)
        self.versioning.enter()
        with self.versioning:
            _, questions = self._changes().questions()
            found = chosen(questions, [word])
        with self:  # where classes in values have the names that they are recorded with
            return evidence(self.versioning, word, found, sample=sample, tolerance=tolerance)


def _word(name: str | Callable[..., Any]) -> str:
    """Return the name of a definition, given that or what it defines."""
    if isinstance(name, Op):
        return name.name
    return name if isinstance(name, str) else getattr(name, "__qualname__", str(name))
