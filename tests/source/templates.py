"""Templates of Python programs: one program, many ways to write it.

A template is text with variables that have no name yet and with choices between spellings that
mean the same. `render` picks the spellings; `fresh_names` and `shared_names` give names to the
variables. Every rendering of a template does the same: that is the claim to be tested.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

Choose = Callable[[int], int]
"""Gives a number below its argument: drawn by hypothesis, or random."""


@dataclass(eq=False)
class Frame:
    """A scope of names: of a module, class, function or comprehension."""

    kind: str
    parent: Frame | None = None


@dataclass(eq=False)
class Var:
    """A variable.

    Attributes:
        fixed: its name, if that is no matter of taste (a parameter, a global, an attribute).
        through: scopes from which it is used without being theirs: in none of them may another
            variable have its name.
    """

    frame: Frame
    fixed: str = ""
    kind: str = "int"
    through: set[Frame] = field(default_factory=set)


@dataclass(eq=False)
class Ref:
    """A function of an imported module; how it is spelled depends on how it is imported."""

    module: str
    name: str


@dataclass(eq=False)
class Alt:
    """Spellings that mean the same."""

    ways: tuple[Part, ...]


Part = str | Var | Ref | Alt | Sequence["Part"]


@dataclass(eq=False)
class Line:
    """A simple statement, or a decorator (`simple` is False)."""

    part: Part
    simple: bool = True


@dataclass(eq=False)
class Block:
    """A header and what is indented below it."""

    header: Part
    body: Body


@dataclass(eq=False)
class Ways:
    """Bodies that mean the same."""

    ways: tuple[Body, ...]


Body = list["Line | Block | Ways"]


class Names:
    """Names for the variables of a template."""

    def __init__(self, variables: Iterable[Var]) -> None:
        self.variables = list(variables)
        self.names = {v: v.fixed for v in self.variables if v.fixed}

    def fresh(self, stem: str) -> Names:
        """Give every variable a name of its own."""
        for number, variable in enumerate(self.variables):
            self.names.setdefault(variable, f"{stem}{number}")
        return self

    def shared(self, choose: Choose, pool: Sequence[str]) -> Names:
        """Let variables share names of a pool wherever no use could mean another of them."""
        for number, variable in enumerate(self.variables):
            if variable.fixed:
                continue
            wanted = (pool[choose(len(pool))] for _ in range(3))
            name = next((n for n in wanted if self.free(variable, n)), f"v{number}")
            self.names[variable] = name
        return self

    def free(self, variable: Var, name: str) -> bool:
        return not any(
            taken == name
            and (
                other.frame is variable.frame
                or not other.through.isdisjoint(homes(variable))
                or not variable.through.isdisjoint(homes(other))
            )
            for other, taken in self.names.items()
        )


def homes(variable: Var) -> set[Frame]:
    """Return the scopes in which a name is bound.

    CPython 3.12 and 3.13 run comprehensions in the function around them, and there the variable
    of a comprehension ends one of the same name that an inner function reads from further out.
    """
    frames = {variable.frame}
    frame = variable.frame
    while frame.kind == "comprehension" and frame.parent is not None:
        frame = frame.parent
        frames.add(frame)
    return frames


class Renderer:
    """Writes a template.

    Args:
        spellings: for every imported module, 0 to 3: see `imports`.
    """

    def __init__(self, names: Names, choose: Choose, spellings: dict[str, int]) -> None:
        self.names = names.names
        self.choose = choose
        self.spellings = spellings
        self.tab = ("    ", "  ", "\t")[choose(3)]

    def text(self, part: Part) -> str:
        if isinstance(part, str):
            return part
        if isinstance(part, Var):
            return self.names[part]
        if isinstance(part, Alt):
            return self.text(part.ways[self.choose(len(part.ways))])
        if isinstance(part, Ref):
            way = self.spellings[part.module]
            if way < 2:
                return f"{(part.module, short(part.module))[way]}.{part.name}"
            return part.name if way == 2 else short(part.name)
        return "".join(map(self.text, part))

    def body(self, body: Body, depth: int) -> list[str]:
        """Write statements, each a list of lines without a line end."""
        lines: list[str] = []
        joinable = False
        for item in body:
            if isinstance(item, Ways):
                lines += self.body(item.ways[self.choose(len(item.ways))], depth)
                joinable = False
            elif isinstance(item, Line):
                text = self.text(item.part)
                if joinable and item.simple and self.choose(6) == 5:
                    lines[-1] += "; " + text
                else:
                    lines += self.between(depth)
                    lines.append(self.tab * depth + text)
                joinable = item.simple
            else:
                lines += self.between(depth)
                lines += self.block(item, depth)
                joinable = False
        return lines

    def block(self, block: Block, depth: int) -> list[str]:
        header = self.tab * depth + self.text(block.header)
        inner = self.body(block.body, depth + 1)
        simple = len(block.body) == 1 and isinstance(block.body[0], Line) and block.body[0].simple
        if simple and len(inner) == 1 and self.choose(4) == 3:
            return [f"{header} {inner[0].strip()}"]
        return [header + (" # and so on" if self.choose(12) == 11 else ""), *inner]

    def between(self, depth: int) -> list[str]:
        """Write what may stand between two statements."""
        at = self.choose(30)
        return {27: ["", ""], 28: [self.tab * depth + "# note: x = 1"], 29: ["\f"]}.get(at, [])


def short(name: str) -> str:
    """Name an imported module or function otherwise."""
    return f"{name}_"


def imports(module: str, names: Sequence[str], way: int) -> str:
    """Import a module in one of four ways."""
    return (
        f"import {module}",
        f"import {module} as {short(module)}",
        f"from {module} import {', '.join(names)}",
        f"from {module} import ({', '.join(f'{n} as {short(n)}' for n in names)},)",
    )[way]


def plainly(count: int) -> int:
    """Choose the first of everything."""
    return 0
