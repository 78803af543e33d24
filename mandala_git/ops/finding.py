"""Finding: which recorded calls were given the same, and which of them belongs here and now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mandala_git.ops.context import Block
from mandala_git.ops.given import Given, Input, is_default, rounded
from mandala_git.ops.keeping import Keeper
from mandala_git.ops.op import Op
from mandala_git.ops.versioning import CallVersion, Versioning
from mandala_git.results.calls import Candidate
from mandala_git.results.ids import lookup_key
from mandala_git.results.store import Results

_SHAPE, _CONTAINERS = "<outputs>", "<containers>"
"""Under these names declared outputs stand among what a call is looked up by, and which of them
are containers of values of their own: what was recorded otherwise is none of them."""


class Finder(Block):
    """Looks calls up in the results.

    Attributes:
        results: where calls are recorded.
        versioning: which versions count.
        transparent: whether plain annotations say that containers are made of values.
    """

    results: Results
    versioning: Versioning
    transparent: bool
    _keeper: Keeper

    def _matching(
        self, op: Op[..., Any], key: bytes, given: Given
    ) -> tuple[list[Candidate], tuple[Candidate, CallVersion] | None]:
        rows = self.versioning.ops(op)
        candidates = self.results.candidates(rows, key)
        choice = self._choose(op, candidates) if candidates else None
        if choice is None and op.plan.defaults:
            choice = self._earlier(op, rows, given)
        return candidates, choice

    def look(
        self, op: Op[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Given, list[Candidate], Candidate | None]:
        """Look for a call, and leave everything as it is.

        Returns:
            What it is given, the recorded calls that were given the same, and the one of them
            that would be found.
        """
        specs = op.specs(self.transparent)
        given = Given(op, op.bind(args, kwargs), self._keeper.transient, specs)
        with self.versioning:
            candidates, choice = self._matching(op, self._key(op, given.inputs), given)
        return given, candidates, None if choice is None else choice[0]

    def answers(
        self, op: Op[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> list[Candidate]:
        """Return all recorded calls that may answer a call, the one that does first."""
        specs = op.specs(self.transparent)
        given = Given(op, op.bind(args, kwargs), self._keeper.transient, specs)
        with self.versioning:
            rows = self.versioning.ops(op)
            key = self._key(op, given.inputs)
            found: list[Candidate] = []
            for each in (key, *self._earlier_keys(op, given)):
                candidates = self.results.candidates(rows, each)
                choice = self._choose(op, candidates) if candidates else None
                found += [choice[0]] if choice else []
                found += [c for c in candidates if self.versioning.admit(op, c.version)]
        return found

    def _choose(
        self, op: Op[..., Any], candidates: list[Candidate]
    ) -> tuple[Candidate, CallVersion] | None:
        """Return the preferred call that belongs here: of equal texts, then the most recent."""
        found: tuple[Candidate, CallVersion] | None = None
        for candidate in reversed(candidates):
            version = self.versioning.admit(op, candidate.version)
            if version is None or (found is not None and not version.exact):
                continue
            if self._keeper.complete(candidate):
                found = candidate, version
                if version.exact:
                    break
        return found

    def _earlier(
        self, op: Op[..., Any], rows: list[int], given: Given
    ) -> tuple[Candidate, CallVersion] | None:
        """Return a call from before parameters were added, if their defaults are passed now.

        Whether the old code means the same is for its version to say: a verdict must have
        called the added parameter compatible.
        """
        for key in self._earlier_keys(op, given):
            choice = self._choose(op, self.results.candidates(rows, key))
            if choice is not None:
                return choice
        return None

    def _earlier_keys(self, op: Op[..., Any], given: Given) -> Iterator[bytes]:
        """Yield under which keys the call was found before the parameters were added."""
        defaults, specs = op.plan.defaults, op.specs(self.transparent)
        if not defaults:
            return
        known = {each.name: each.cid for each in given.inputs}
        for added in self.versioning.added(op):
            if all(
                is_default(defaults[name], name, known[name], specs)
                if name in known
                else given.ignored(name)
                for name in added
            ):
                yield self._key(op, [i for i in given.inputs if i.name not in added])

    def _key(self, op: Op[..., Any], inputs: list[Input]) -> bytes:
        """Return the key under which a call with these inputs is found."""
        digits = op.round_floats
        if digits is None:
            parts = [(name, content) for name, _, content, _ in inputs]
        else:
            parts = [(i.name, rounded(i, digits, self.results.load)) for i in inputs]
        return lookup_key(parts + self.beside(op))

    def beside(self, op: Op[..., Any]) -> list[tuple[str, bytes]]:
        """Return what calls of an op are found by beside their arguments."""
        shape, specs = op.shape, op.specs(self.transparent)
        parts = [] if shape is None else [(_SHAPE, shape)]
        if specs is not None and specs.shape is not None:
            parts.append((_CONTAINERS, specs.shape))
        return parts
