"""The walk over the patterns of `match` (rule 16)."""

from __future__ import annotations

from typing import Any

from mandala_git.source.expressions import Expressions
from mandala_git.source.walk import END


class Patterns(Expressions):
    """Writes patterns; captures are local names."""

    def _MatchValue(self, node: Any) -> None:
        self.out.append(b"Mv")
        self.encode(node.value)

    def _MatchSingleton(self, node: Any) -> None:
        self.encode(node.value)

    def _MatchList(self, node: Any) -> None:
        self.out.append(b"Ml")  # rule 16: `[x, y]` is `(x, y)`
        self.sequence(node.patterns)

    _MatchTuple = _MatchList

    def _MatchSequenceElement(self, node: Any) -> None:
        self.encode(node.value)

    def _MatchStar(self, node: Any) -> None:
        self.out.append(b"M*")
        self._capture(node.name)

    def _capture(self, name: Any) -> None:
        if name is None:
            self.out.append(b"__")
        else:
            self.store(self.ident(name.value))

    def _MatchMapping(self, node: Any) -> None:
        self.out.append(b"Mm")
        for element in node.elements:
            self.encode(element.key)
            self.encode(element.pattern)
        self.out.append(END)
        self._capture(node.rest)

    def _MatchClass(self, node: Any) -> None:
        self.out.append(b"Mc")
        self.encode(node.cls)
        self.sequence(node.patterns)
        for element in node.kwds:
            name = self.ident(element.key.value)
            self.piece.attrs.add(name)
            self.string(name)
            self.encode(element.pattern)
        self.out.append(END)

    def _MatchAs(self, node: Any) -> None:
        self.out.append(b"Mz")
        self.optional(node.pattern)
        self._capture(node.name)

    def _MatchOr(self, node: Any) -> None:
        self.out.append(b"Mo")
        for element in node.patterns:
            self.encode(element.pattern)
        self.out.append(END)
