"""What the names of a file are bound to at module level."""

from __future__ import annotations

from dataclasses import dataclass, field

from mandala_git.source.builtin_names import BUILTINS
from mandala_git.source.definitions import Binding

GLOBAL: Binding = ("global",)


@dataclass(slots=True)
class BindingTable:
    """Every module-level binding of a file, in source order.

    Attributes:
        entries: per name its bindings, each with whether it is conditional.
        stars: the `import *` statements.
        last_star: how many bindings had been entered before the last `import *`.
    """

    entries: dict[str, list[tuple[Binding, bool, int]]] = field(default_factory=dict)
    stars: list[Binding] = field(default_factory=list)
    last_star: int = -1
    count: int = 0

    def add(self, name: str, binding: Binding, conditional: bool) -> None:
        """Enter a binding."""
        self.entries.setdefault(name, []).append((binding, conditional, self.count))
        self.count += 1

    def add_star(self, binding: Binding) -> None:
        """Enter an `import *`."""
        self.stars.append(binding)
        self.last_star = self.count

    def lookup(self, name: str) -> Binding:
        """Say what a name means at module level (see `Binding` in definitions.py)."""
        fallback: Binding = ("builtin",) if name in BUILTINS else ("absent",)
        entries = self.entries.get(name)
        if entries is None:
            return ("star", fallback) if self.stars else fallback
        found = tuple(entry[0] for entry in entries)
        if any(entry[2] < self.last_star for entry in entries):
            # A later `import *` may have replaced it.
            return ("many", (*found, ("star", fallback)))
        if len(found) == 1 and found[0] == GLOBAL:
            return GLOBAL
        same = all(binding == found[0] for binding in found)
        if same and found[0] != GLOBAL and not all(entry[1] for entry in entries):
            return found[0]
        return ("many", found)
