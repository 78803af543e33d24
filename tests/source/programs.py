"""Random Python programs that end, tell what they do, and can be written in many ways.

`program(choose)` makes a template (see templates.py); `Program.write` renders it. A program is a
module: imports, constants, decorators, functions, classes, and at last `main(a, b)`. Loops are
short and nothing recurses. What it does is what it passes to `note`, what `main` returns or
raises and what its globals hold then; see running.py for the names that it is given.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from made_expressions import MODULES, Expressions, Signature, listed, number, paren, string
from templates import (
    Alt,
    Block,
    Body,
    Choose,
    Line,
    Names,
    Part,
    Renderer,
    Var,
    Ways,
    imports,
    plainly,
)

# Names that variables may share, with each other and with globals and builtins.
POOL = ["a", "b", "c", "x", "y", "k", "n", "total", "items", "max", "len", "f1", "K", "é", "m"]
NEW_SYNTAX = sys.version_info >= (3, 12)
PARAMETERS = ["a", "b", "c"]


@dataclass
class Program:
    """A template and the variables in it."""

    body: Body
    variables: list[Var]

    def write(self, choose: Choose = plainly, *, stem: str = "v", pool: Sequence[str] = ()) -> str:
        """Write the program.

        Args:
            choose: picks the spellings; by default the first of all.
            stem: variables are named by it and a number, if no pool is given.
            pool: names that variables share where that changes no meaning.
        """
        names = Names(self.variables)
        names = names.shared(choose, pool) if pool else names.fresh(stem)
        spellings = {module: choose(4) for module in MODULES}
        lines = [imports(m, MODULES[m], spellings[m]) for m in MODULES]
        lines += Renderer(names, choose, spellings).body(self.body, 0)
        return "\n".join(lines) + "\n"


def program(choose: Choose) -> Program:
    """Make a program."""
    maker = Maker(choose)
    body = maker.module()
    return Program(body, maker.variables)


class Maker(Expressions):
    """Makes statements, functions, classes and a module of them."""

    loops = 0
    nesting = 0
    budget = 25  # statements; then no more compound ones

    # --- the module ------------------------------------------------------------------------

    def module(self) -> Body:
        body: Body = [Line(["K = ", number(3)]), Line(["total = ", number(0)])]
        body.append(Line(["items = [", listed([number(1), number(2)]), "]"]))
        body += self.decorator()
        self.seen = [self.new("int", "K"), self.new("int", "total"), self.new("list", "items")]
        for var in self.seen:
            self.globals[var.fixed] = var
        for _ in range(1 + self.choose(3)):
            body += self.definition()
        self.tame = not self.flip(4)
        body.append(self.function("main", ["a", "b"], "function")[-1])
        return body

    def decorator(self) -> Body:
        """Return a decorator that tells of every call."""
        inner: Body = [
            Line("note('call', len(args))"),
            Line(["return ", paren("function(*args, **keys)")]),
        ]
        body: Body = [Block("def wrapper(*args, **keys):", inner), Line("return wrapper")]
        return [Block("def deco(function):", body)]

    def definition(self) -> Body:
        self.tame = not self.flip(4)
        match self.choose(6):
            case 0:
                return self.class_def(self.serial("C"))
            case 1:
                return self.function(self.serial("f"), self.arguments(), "generator")
            case 2:
                return self.function(self.serial("f"), self.arguments(), "async")
            case _:
                return self.function(self.serial("f"), self.arguments(), "function")

    def arguments(self) -> list[str]:
        return PARAMETERS[: 1 + self.choose(3)]

    # --- functions and classes -----------------------------------------------------------------

    def function(self, name: str, params: list[str], kind: str, *, method: bool = False) -> Body:
        """Make a function; it can be called by what follows."""
        optional = self.choose(len(params) + 1) if name != "main" else 0
        keyword = name != "main" and self.flip(3)
        header: list[Part] = []
        for number_, param in enumerate(params):
            default: Part = ""
            if number_ >= len(params) - optional:
                default = ["=", self.default(1)]
            annotation = self.pick(["", "", ": int"]) if self.nesting == 0 else ""
            header.append([param, annotation, default])
        if keyword:
            header += ["*", ["key=", self.default(1)]]
        if method:
            header.insert(0, "self")
        var = self.new("function", name)
        decorators: Body = []
        if not self.tame and kind == "function" and not method and self.flip():
            decorators.append(Line(["@", self.name("deco")], simple=False))
        generic = NEW_SYNTAX and not method and self.flip(6)
        with self.scope("function"), self.inside(kind):
            known = [Var(self.frame, param) for param in params]
            others = ["key"] * keyword + ["self"] * method + ["T"] * generic
            self.variables += known
            self.variables += [Var(self.frame, other, "other") for other in others]
            self.seen += known
            body = self.function_body(kind)
        start = "async def " if kind == "async" else "def "
        types = Alt(("[T]", "[ T ]")) if generic else ""
        end = self.pick(["):", ") -> int:"]) if self.nesting == 0 else "):"
        block = Block([start, var, types, "(", listed(header), end], body)
        if not method:
            signature = Signature(var, len(params) - optional, optional, keyword, kind)
            self.signatures.append(signature)
        return [*decorators, block]

    @contextmanager
    def inside(self, kind: str) -> Iterator[None]:
        loops, nesting, self.loops, self.nesting = self.loops, self.nesting, 0, self.nesting + 1
        count = len(self.signatures)
        self.kind = kind
        yield
        del self.signatures[count:]
        self.loops, self.nesting = loops, nesting

    def function_body(self, kind: str) -> Body:
        body: Body = []
        if self.tame:
            body.append(Ways(([], [Line("'''Say what it does.'''")], [Line(r"r'\d' 'ocs'")])))
        if self.flip(6):
            body.append(Line(["global ", self.name("total")]))
            body.append(Line([self.name("total"), " += ", number(1)]))
        body += self.suite(2 + self.choose(3))
        if kind == "generator":
            body.append(Line(["yield ", self.integer()]))
        elif not self.flip(6):
            body.append(Line(["return ", self.result()]))
            return body
        body.append(Ways(([Line("pass")], [Line("return")], [Line("return None")])))
        return body

    def result(self) -> Part:
        one = self.integer()
        if self.nesting == 1 and self.flip(4):
            two = [one, ", ", self.integer()]
            return Alt((two, ["(", two, ")"], ["(", two, ",)"]))
        return paren(one)

    def class_def(self, name: str) -> Body:
        bases = [v for v in self.seen if v.kind == "class" and v.frame is self.top]
        base = self.use(self.pick(bases)) if bases and self.nesting == 0 and self.flip() else None
        head: Part = Alt(("", "()", "(object)")) if base is None else ["(", base, ")"]
        var = self.new("class", name)
        body: Body = []
        with self.scope("class"):
            value = self.integer(1)
            one = self.new("int", "first")
            body.append(Line([one, " = ", value]))
            self.seen.append(one)
            if self.flip():
                body.append(Line(["second: int = ", paren(one), " + 1"]))
            else:
                two = self.sequence(1)
                body.append(Line(["second = ", self.name("sum"), "(", two, ")"]))
            del self.seen[-1]
            method = self.function("get", ["a"], "function", method=True)
        body += method
        self.seen.append(var)
        return [Block(["class ", var, head, ":"], body)]

    # --- statements ---------------------------------------------------------------------------

    def suite(self, count: int) -> Body:
        """Make statements."""
        body: Body = []
        for _ in range(count):
            if body and self.flip(8):
                body.append(Ways(([], [Line("pass")], [Line("0")], [Line("...")], [Line("'-'")])))
            self.budget -= 1
            room = self.budget > 0 and self.nesting + self.loops < 4
            body += self.pick(self.SIMPLE + self.COMPOUND if room else self.SIMPLE)(self)
        return body

    def branch(self, count: int = 1) -> Body:
        """Make statements that may not run; what they bind is mostly not read later."""
        known = len(self.seen)
        body = self.suite(count + self.choose(2))
        if not self.flip(20):
            del self.seen[known:]
        return body

    def target(self) -> Var:
        """Return a variable to be assigned: a new one, or one of this scope."""
        own = [v for v in self.seen if v.frame is self.frame and v.kind == "int" and not v.fixed]
        if own and self.flip():
            return self.pick(own)
        return self.new()

    def bound(self, var: Var) -> Var:
        if var not in self.seen:
            self.seen.append(var)
        return var

    def assign(self) -> Body:
        value = self.integer()
        var = self.bound(self.target())
        spaced = Alt((" = ", "=", " = \\\n  "))
        if var.frame.kind != "function" or var in self.loose:
            return [Line([var, spaced, value])]
        return [Line([var, Alt(("", ": int", " : 'T'")), spaced, value])]

    loose: tuple[Var, ...] = ()  # declared nonlocal here: no annotations

    def assign_list(self) -> Body:
        value = self.sequence(2)
        return [Line([self.bound(self.new("list")), " = ", value])]

    def augment(self) -> Body:
        own = [v for v in self.seen if v.frame is self.frame and v.kind == "int" and not v.fixed]
        if not own:
            return self.assign()
        return [Line([self.pick(own), self.pick([" += ", " -= ", " %= "]), self.integer(1)])]

    def unpack(self) -> Body:
        values = [self.integer(1), self.integer(1)]
        one, two = self.bound(self.target()), self.bound(self.new())
        left = Alt(([one, ", ", two], ["(", one, ", ", two, ")"]))
        return [Line([left, " = ", values[0], ", ", values[1]])]

    def tell(self) -> Body:
        value = self.pick([self.integer, self.sequence, self.formatted])()
        return [Line([self.name("note"), "(", listed([string(self.pick(["1", "ü"])), value]), ")"])]

    def bare(self) -> Body:
        return [
            Line(
                [
                    "assert ",
                    paren(["(", self.boolean(), " or ", self.name("K"), ")"]),
                    ", ",
                    string("-"),
                ]
            )
        ]

    def delete(self) -> Body:
        one, two = self.new(), self.new()
        names = [one, ", ", two]
        return [
            Line([one, " = ", two, " = ", self.integer(1)]),
            Line([self.name("note"), "(", one, ")"]),
            Line(["del ", Alt((names, ["(", names, ")"]))]),
        ]

    def walrus_later(self) -> Body:
        """Bind a variable in a comprehension and read it outside."""
        values = self.iterable(1)
        with self.scope("comprehension"):
            item = self.new()
            var = self.new(frame=self.binding_frame())
            self.use(var)
            self.seen.append(item)
        test = ["(", var, " := ", item, ") < ", number(7)]
        line: Part = ["[", item, " for ", item, " in ", values, " if ", test, "]"]
        return [Line([self.name("note"), "(", line, ")"]), Line([self.name("note"), "(", var, ")"])]

    def import_as(self) -> Body:
        var = self.new("other")
        use: Part = [self.name("note"), "(", paren(var), ".", "sqrt(", number(7), "))"]
        self.name("math")
        return [Line(["import math as ", var]), Line(use)]

    def leave(self) -> Body:
        """Leave the loop or the function; mostly under a condition."""
        if self.loops and self.flip():
            return [Block(["if ", self.boolean(), ":"], [Line(self.pick(["break", "continue"]))])]
        if self.kind in ("function", "async"):
            return [Block(["if ", self.boolean(), ":"], [Line(["return ", self.integer(1)])])]
        return self.tell()

    def fail(self) -> Body:
        error = self.pick(["ValueError", "KeyError"])
        raised = Line(["raise ", self.name(error), "(", self.integer(1), ")"])
        return [Block(["if ", self.boolean(), ":"], [raised])]

    def close(self) -> Body:
        """Assign a lambda that reads what is around it, and call it."""
        with self.scope("function"):
            body = self.integer(1)
        var = self.new("other")
        return [
            Line([var, " = lambda: ", body]),
            *self.assign(),
            Line([self.name("note"), "(", paren(var), "())"]),
        ]

    def member(self) -> Body:
        classes = [v for v in self.seen if v.kind == "class" and v.frame is self.top]
        if not classes:
            return self.tell()
        made = [self.use(self.pick(classes)), "()"]
        value = self.pick([[made, ".first"], [made, ".get(", self.integer(1), ")"]])
        return [Line([self.name("note"), "(", value, ")"])]

    def conditional(self) -> Body:
        test, one = self.boolean(), self.branch()
        if self.flip(3):
            return [Block(["if ", paren(test), ":"], one)]
        if self.flip():
            nothing: Body = [Line("pass")]
            simple = Block(["if ", test, ":"], one)
            return [Ways(([simple], [Block(["if ", test, ":"], one), Block("else:", nothing)]))]
        other, two, three = self.boolean(), self.branch(), self.branch()
        start = Block(["if ", test, ":"], one)
        inner: Body = [Block(["if ", other, ":"], two), Block("else:", three)]
        flat: Body = [start, Block(["elif ", other, ":"], two), Block("else:", three)]
        return [Ways((flat, [start, Block("else:", inner)]))]

    def loop(self) -> Body:
        values = self.sequence()
        known = len(self.seen)
        var = self.target()
        self.bound(var)
        self.loops += 1
        body = self.branch(1)
        self.loops -= 1
        pair = Alt((["for ", var], ["for ", "(", var, ")"]))
        loop: Body = [Block([pair, " in ", values, ":"], body)]
        if self.flip(4):
            loop.append(Block("else:", self.branch()))
        del self.seen[known:]
        return loop

    def count_down(self) -> Body:
        var = self.new()
        self.seen.append(var)
        self.loops += 1
        body = self.branch()
        self.loops -= 1
        self.seen.remove(var)
        loop = Block(["while ", self.name("tick"), "(", var, ") and ", var, " > ", number(0), ":"],
                     [Line([var, " -= ", number(1)]), *body])  # fmt: skip
        return [Line([var, " = ", number(2)]), loop]

    def attempt(self) -> Body:
        body = self.branch(2)
        error = self.new("other")
        kinds = ["(", listed([self.name("ValueError"), self.name("KeyError")]), ")"]
        told = Line([self.name("note"), "(", self.name("str"), "(", error, "))"])
        handler: Body = [told, *self.branch(1)]
        out: Body = [Block("try:", body), Block(["except ", kinds, " as ", error, ":"], handler)]
        if self.flip(3):
            out.append(Block("else:", self.branch()))
        if self.flip(3):
            out.append(Block("finally:", self.tell()))
        return out

    def managed(self) -> Body:
        one, two = self.new(), self.new()
        left = [self.name("ctx"), "(", self.integer(1), ") as ", one]
        right = [self.name("ctx"), "(", number(2), ") as ", two]
        known = len(self.seen)
        self.seen += [one, two]
        body = self.branch(1)
        del self.seen[known:]
        nested: Body = [Block(["with ", left, ":"], [Block(["with ", right, ":"], body)])]
        return [Ways((
            [Block(["with ", left, ", ", right, ":"], body)],
            nested,
            [Block(["with (", left, ",\n      ", right, ",):"], body)],
        ))]  # fmt: skip

    def matched(self) -> Body:
        subject = ["(", self.integer(1), ", ", self.integer(1), ")"]
        known = len(self.seen)
        one, two = self.new(), self.new()
        self.seen += [one, two]
        pair = [one, ", ", self.pick(["", "*"]), two]
        guard: Part = [" if ", self.boolean(0)] if self.flip() else ""
        first: Body = [Line([self.name("note"), "(", one, ")"]), *self.branch(1)]
        del self.seen[known:]
        three = self.new("other")
        last: Body = [Line([self.name("note"), "(", three, ")"])]
        cases: Body = [
            Block(["case [", number(0), ", ", Alt(("_", "(_)")), "]:"], self.branch(1)),
            Block(["case ", Alt((pair, ["[", pair, "]"], ["(", pair, ")"])), guard, ":"], first),
            Block(["case ", three, ":"], last),
        ]
        return [Block(["match ", subject, ":"], cases)]

    def inner_function(self) -> Body:
        """Define a function in a function, perhaps one that assigns a variable around it."""
        own = [v for v in self.seen if v.frame is self.frame and v.kind == "int" and not v.fixed]
        if self.frame.kind != "function":
            return self.assign()
        name = self.serial("g")
        var = self.new("function", name)
        param = self.pick(PARAMETERS)
        default = self.default(1)
        with self.scope("function"), self.inside("function"):
            parameter = Var(self.frame, param)
            self.variables.append(parameter)
            body: Body = []
            changed = self.pick(own) if own and self.flip() else None
            if changed is not None:
                self.use(changed)
                body.append(Line(["nonlocal ", changed]))
                body.append(Line([changed, " += ", number(1)]))
            self.seen.append(parameter)
            body += self.suite(1 + self.choose(2))
            body.append(Line(["return ", self.integer(1)]))
        decorators: Body = []
        if not self.tame and self.flip():
            decorators.append(Line(["@", self.name("deco")], simple=False))
        call = [var, "(", self.pick([self.integer(1), ""]), ")"]
        return [
            *decorators,
            Block(["def ", var, "(", param, "=", default, "):"], body),
            *self.tell(),
            Line([self.name("note"), "(", call, ")"]),
        ]

    def inner_class(self) -> Body:
        if self.frame.kind != "function":
            return self.assign()
        return self.class_def(self.serial("C"))

    def asynchronous(self) -> Body:
        if self.kind != "async":
            return self.close()
        values = self.sequence(1)
        known = len(self.seen)
        var = self.new()
        self.seen.append(var)
        self.loops += 1
        body = self.branch()
        self.loops -= 1
        del self.seen[known:]
        return [Block(["async for ", var, " in ", self.name("later"), "(", values, "):"], body)]

    def give(self) -> Body:
        if self.kind != "generator":
            return self.tell()
        return [Line(self.pick([["yield ", self.integer(1)], ["yield from ", self.sequence(1)]]))]

    def start(self) -> Body:
        """Run a coroutine to its end."""
        known = [s for s in self.signatures if s.kind == "async"]
        if not known or self.kind == "async":
            return self.assign_list()
        call = self.call_of(self.pick(known), 1)
        return [Line([self.name("note"), "(", self.name("run"), "(", call, "))"])]

    SIMPLE = (assign, assign, assign, assign_list, augment, unpack, tell, tell, bare, delete,
              walrus_later, import_as, leave, fail, close, member, give, start)  # fmt: skip
    COMPOUND = (conditional, conditional, loop, loop, count_down, attempt, managed, matched,
                inner_function, inner_function, inner_class, asynchronous)  # fmt: skip
