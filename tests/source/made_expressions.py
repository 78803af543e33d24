"""Random expressions for programs.py: each with the spellings that mean the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from templates import Alt, Choose, Frame, Part, Ref, Var

T = TypeVar("T")

# No word of these may be the name of a variable: such a name counts (rule 9).
STRINGS = ["", "1-2", "ü!", "{", "%d:", "3\n4", "'\"", "\\", "\t", "0x1"]
MODULES = {"math": ("floor", "gcd", "sqrt"), "operator": ("add", "sub", "neg")}


def paren(part: Part) -> Part:
    return Alt((part, ["(", part, ")"]))


def listed(parts: Sequence[Part]) -> list[Part]:
    """Write parts with commas between them, and perhaps after the last."""
    out: list[Part] = []
    for part in parts:
        out += [part, Alt((", ", ",", " , ", ",\n        "))]
    if out:
        out[-1] = Alt(("", ",", ", "))
    return out


def number(value: int) -> Part:
    ways = [str(value), hex(value), f"0B{value:b}", oct(value)]
    if value >= 10:
        ways.append(f"{value // 10}_{value % 10}")
    return Alt(tuple(ways))


def string(value: str) -> Part:
    """Write a string constant in many ways (rule 5)."""
    escaped = "".join(f"\\x{ord(c):02x}" for c in value)
    half = len(value) // 2
    ways = [
        repr(value),
        f'"{escaped}"',
        f"u{value!r}",
        f"({value[:half]!r}\n {value[half:]!r})",
        f"{value[:half]!r} {value[half:]!r}",
        "F" + repr(value.replace("{", "{{")),
    ]
    if not set(value) & set('\\"'):
        ways += [f'"""{value}"""', f'R"""{value}"""']
    return Alt(tuple(ways))


@dataclass
class Signature:
    """How a function can be called."""

    var: Var
    required: int
    optional: int
    keyword: bool  # a keyword-only parameter `key`
    kind: str = "function"  # or "async" or "generator"


@dataclass
class Expressions:
    """Makes expressions; keeps the scopes and what can be read where.

    Attributes:
        seen: variables that can be read here.
        tame: names may be exchanged and docstrings put in here: no foreign decorator or base.
    """

    choose: Choose
    variables: list[Var] = field(default_factory=list)
    signatures: list[Signature] = field(default_factory=list)
    seen: list[Var] = field(default_factory=list)
    globals: dict[str, Var] = field(default_factory=dict)
    top: Frame = field(default_factory=lambda: Frame("module"))
    kind: str = "module"
    tame: bool = True
    counter: int = 0
    header: int = 0  # of functions that we are in: their defaults
    iterables: int = 0  # of comprehensions that we are in: no walrus there

    def __post_init__(self) -> None:
        self.frame = self.top

    def flip(self, odds: int = 2) -> bool:
        return self.choose(odds) == 0

    def pick(self, items: Sequence[T]) -> T:
        return items[self.choose(len(items))]

    # --- names ---------------------------------------------------------------------------

    def new(self, kind: str = "int", fixed: str = "", frame: Frame | None = None) -> Var:
        """Make a variable of the current scope."""
        if not fixed and not self.tame:
            fixed = self.serial("w")
        var = Var(frame or self.frame, fixed, kind)
        self.variables.append(var)
        return var

    def serial(self, stem: str) -> str:
        self.counter += 1
        return f"{stem}{self.counter}"

    def use(self, var: Var) -> Var:
        """Use a variable here: note the scopes in which its name must stay free."""
        frame: Frame | None = self.frame
        while frame is not None and frame is not var.frame:
            var.through.add(frame)
            frame = frame.parent
        return var

    def name(self, name: str) -> Var:
        """Use a global, or a builtin, by its name."""
        if name not in self.globals:
            self.globals[name] = self.new("other", name, self.top)
        return self.use(self.globals[name])

    def ref(self, module: str, name: str) -> Part:
        """Use a function of a module; all its spellings must stay free here."""
        for spelled in (module, module + "_", name, name + "_"):
            self.name(spelled)
        return Ref(module, name)

    def binding_frame(self) -> Frame:
        """Return the scope in which a walrus here would bind."""
        frame = self.frame
        while frame.kind == "comprehension" and frame.parent is not None:
            frame = frame.parent
        return frame

    def readable(self, kind: str) -> list[Var]:
        """Return what can be read here: not what is hidden by a parameter or belongs to a class."""
        found: dict[Var | str, Var] = {}
        for var in self.seen:
            if var.kind == kind and (var.frame.kind != "class" or var.frame is self.frame):
                found[var.fixed or var] = var
        return list(found.values())

    @contextmanager
    def scope(self, kind: str) -> Iterator[Frame]:
        """Enter a scope; what is bound in it cannot be read afterwards."""
        outer, kept, count = self.frame, self.kind, len(self.seen)
        self.frame, self.kind = Frame(kind, outer), "function"
        yield self.frame
        self.frame, self.kind = outer, kept
        del self.seen[count:]

    # --- expressions -----------------------------------------------------------------------

    def integer(self, depth: int = 2) -> Part:
        """Make an expression whose value is a number."""
        known = self.readable("int")
        if depth <= 0 or self.flip(4):
            if known and not self.flip(4):
                return paren(self.use(self.pick(known)))
            return number(self.pick([0, 1, 2, 3, 7, 12, 255]))
        return self.pick(self.INTEGERS)(self, depth - 1)

    def arithmetic(self, depth: int) -> Part:
        left = self.integer(depth)
        sign = self.pick(["+", "-", "*", "//", "%"])
        right = self.integer(depth) if sign in "+-" else number(self.pick([2, 3, 7]))
        return ["(", left, Alt((f" {sign} ", sign, f" {sign}  ")), right, ")"]

    def choice(self, depth: int) -> Part:
        yes = self.integer(depth)
        test, no = self.boolean(depth), self.integer(depth)
        return ["(", yes, " if ", test, " else ", no, ")"]

    def call(self, depth: int) -> Part:
        """Call a function of the program."""
        known = [s for s in self.signatures if s.kind == "function"]
        if self.kind == "async":
            known += [s for s in self.signatures if s.kind == "async"]
        if not known:
            return self.builtin(depth)
        signature = self.pick(known)
        call = self.call_of(signature, depth)
        return ["(await ", call, ")"] if signature.kind == "async" else call

    def call_of(self, signature: Signature, depth: int) -> Part:
        count = signature.required + self.choose(signature.optional + 1)
        values = [self.integer(depth) for _ in range(count)]
        parts: list[Part] = list(values)
        if signature.keyword and self.flip():
            parts.append(["key=", self.integer(depth)])
        if values and self.flip(8):
            parts[0] = ["*[", parts[0], "]"]
        return [self.use(signature.var), "(", listed(parts), ")"]

    def builtin(self, depth: int) -> Part:
        match self.choose(4):
            case 0:
                return [self.name("len"), "(", self.sequence(depth), ")"]
            case 1:
                return [self.name("sum"), Alt(("(", "(\n")), self.sequence(depth), ")"]
            case 2:
                parts = [self.integer(depth), self.integer(depth)]
                return [self.name(self.pick(["max", "min"])), "(", listed(parts), ")"]
            case _:
                return [self.name("len"), "(", self.formatted(), ")"]

    def foreign(self, depth: int) -> Part:
        """Call a function of an imported module."""
        if self.header or self.frame.kind == "class":
            return self.builtin(depth)  # rule 10b holds for calls in bodies
        name = self.pick(["floor", "gcd", "add", "sub", "neg"])
        module = next(m for m, names in MODULES.items() if name in names)
        count = 1 if name in ("floor", "neg") else 2
        values = [self.integer(depth) for _ in range(count)]
        return [paren(self.ref(module, name)), "(", listed(values), ")"]

    def walrus(self, depth: int) -> Part:
        frame = self.binding_frame()
        if frame.kind != "function" or self.iterables:
            return self.arithmetic(depth)
        value = self.integer(depth)
        var = self.new(frame=frame)
        return ["(", self.use(var), " := ", value, ")"]

    def called_lambda(self, depth: int) -> Part:
        default = self.default(depth)
        with self.scope("function") as frame:
            one, two = self.new("int", "p", frame), self.new("int", "q", frame)
            self.seen += [one, two]
            body = self.integer(depth)
        call = self.pick([["(", self.integer(depth), ")"], ["(q=", self.integer(depth), ", p=1)"]])
        return ["(lambda ", one, ", ", two, "=", default, ": ", body, ")", call]

    def default(self, depth: int) -> Part:
        """Make the default of a parameter."""
        self.header += 1
        value = self.integer(depth)
        self.header -= 1
        return value

    def looked_up(self, depth: int) -> Part:
        key = self.pick(STRINGS)
        entries: list[Part] = [[string("9"), ": ", self.integer(depth)]]
        entries.append([string(key), ": ", self.integer(depth)])
        return ["{", listed(entries), "}[", paren(string(key)), "]"]

    def at(self, depth: int) -> Part:
        return [self.sequence(depth), "[", number(0), "]"]

    INTEGERS = (arithmetic, arithmetic, choice, call, call, builtin, foreign, walrus,
                called_lambda, looked_up, at)  # fmt: skip

    def boolean(self, depth: int = 1) -> Part:
        """Make a test."""
        match self.choose(6 if depth > 0 else 2):
            case 0 | 1:
                sign = self.pick(["<", "<=", "==", "!=", ">"])
                return ["(", self.integer(depth - 1), f" {sign} ", self.integer(depth - 1), ")"]
            case 2:
                left, right = self.integer(depth - 1), self.sequence(depth - 1)
                denied = (["(not ", left, " in ", right, ")"], ["(", left, " not in ", right, ")"])
                return self.pick([Alt(denied), ["(", left, " in ", right, ")"]])
            case 3:
                sign = self.pick([" and ", " or "])
                a, b, c = (self.boolean(depth - 1) for _ in range(3))
                flat: Part = ["(", a, sign, b, sign, c, ")"]
                return Alt((flat, ["((", a, sign, b, ")", sign, c, ")"],
                            ["(", a, sign, "(", b, sign, c, "))"]))  # fmt: skip
            case 4:
                return ["(not ", self.boolean(depth - 1), ")"]
            case _:
                parts = [self.integer(depth - 1) for _ in range(3)]
                return ["(", parts[0], " <= ", parts[1], " < ", parts[2], ")"]

    def sequence(self, depth: int = 1) -> Part:
        """Make an expression whose value is a short list or tuple."""
        known = self.readable("list")
        if known and self.flip(3):
            return self.use(self.pick(known))
        if depth <= 0:
            return self.display([number(self.choose(4)) for _ in range(2)])
        match self.choose(6):
            case 0:
                return self.display([self.integer(depth - 1) for _ in range(1 + self.choose(3))])
            case 1:
                return [self.name("range"), "(", number(1 + self.choose(2)), ")"]
            case 2:
                generators = [s for s in self.signatures if s.kind == "generator"]
                if generators:
                    call = self.call_of(self.pick(generators), depth - 1)
                    return [self.name("list"), "(", call, ")"]
                return [self.name("sorted"), "(", self.sequence(depth - 1), ")"]
            case 3:
                bounds = self.pick([["1:"], [":2"], [number(0), ":", number(2)], ["::-1"]])
                return [self.sequence(depth - 1), "[", bounds, "]"]
            case _:
                return self.comprehension(depth - 1)

    def display(self, parts: list[Part]) -> Part:
        if self.flip(4):
            return ["(", parts[0], ", ", listed(parts[1:]), ")"]
        return ["[", listed(parts), "]"]

    def comprehension(self, depth: int) -> Part:
        """Make a list; its first iterable belongs to the scope around it."""
        first = self.iterable(depth)
        with self.scope("comprehension"):
            var = self.new()
            self.seen.append(var)
            clauses: list[Part] = [" for ", paren(var), " in ", first]
            if self.flip(3):
                clauses += [" if ", self.boolean(depth)]
            if self.flip(4):
                second, inner = self.iterable(depth), self.new()
                self.seen.append(inner)
                clauses += [" for ", inner, " in ", second]
            result = self.integer(depth)
        loop: Part = [result, clauses]
        match self.choose(4):
            case 0:
                return [self.name("list"), "(", Alt((loop, ["(", loop, ")"])), ")"]
            case 1:
                return [self.name("sorted"), "({", loop, "})"]
            case _:
                return ["[", loop, "]"]

    def iterable(self, depth: int) -> Part:
        self.iterables += 1
        part = self.sequence(depth)
        self.iterables -= 1
        return part

    def formatted(self) -> Part:
        """Make a string, perhaps with values in it (rule 6)."""
        known = self.readable("int")
        if not known or self.flip(3):
            return string(self.pick(STRINGS))
        var = self.use(self.pick(known))
        match self.choose(4):
            case 0:
                return Alt((["f'-{", var, "}.'"], ["'-' f'{ ", var, " }' '.'"]))
            case 1:
                return Alt((["f'{", var, "!r}'"], ['F"{', var, '!r}"']))
            case 2:
                return ["f'{", var, ":>4}'"]
            case _:
                inner = ["f'{", var, " + 1}'"]
                return Alt((inner, ["f'''{", var, "+1}'''"]))
