"""Random projects, edits, checkouts and verdicts; the oracle is to run everything from scratch.

A project is a handful of helpers, constants, a class and two ops over three files. Every helper
returns a sum of integer terms, so that some edits are known to change no result, wherever they
are met: only of these is said that they are compatible.
"""

from __future__ import annotations

import copy
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project

pytestmark = pytest.mark.sweep

FILES = ("a", "b", "p")
CALLS = tuple(f"p.f({x})" for x in (0, 2, 4)) + tuple(
    f"p.g({x}, {flag})" for x in (1, 3) for flag in (True, False)
)

Term = tuple[str, int]


@dataclass
class Helper:
    """A function of x.

    Attributes:
        terms: are added.
        file: where it is.
        style: how it is laid out.
        access: how other files reach it: 0 `from a import h`, 1 `import a as q`, 2 through `r`.
    """

    terms: list[Term]
    file: str
    style: int = 0
    access: int = 0


@dataclass
class State:
    """A project at one moment."""

    helpers: dict[str, Helper]
    constants: dict[str, int]
    settings: dict[str, int]
    rate: int = 2
    override: bool = False
    step: int = 1
    hides: set[str] = field(default_factory=set)
    order: list[str] = field(default_factory=list)
    f_terms: list[Term] = field(default_factory=list)
    g_terms: list[Term] = field(default_factory=list)


def begin(rng: random.Random) -> State:
    names = [f"h{n}" for n in range(5)]
    helpers = {}
    for number, name in enumerate(names):
        terms = [term(rng, number) for _ in range(rng.randint(1, 3))]
        helpers[name] = Helper(terms, rng.choice(FILES), access=rng.randrange(3))
    state = State(helpers, {"K0": 3, "K1": 5}, {"lr": 7})
    state.order = names
    state.f_terms = [("call", 4), term(rng, 5)]
    state.g_terms = [("call", 3), ("flagged", 2)]
    return state


def term(rng: random.Random, below: int) -> Term:
    """Make a term that calls only helpers with lower numbers (with x - 1: any)."""
    kinds = ["x", "const", "const", "K", "M", "max", "object", "default", "nested"]
    if below:
        kinds += ["call", "call", "some", "cached", "table"]
    if below < 5:
        kinds += ["rec"]
    kind = rng.choice(kinds)
    if kind in ("call", "some", "cached", "table"):
        return kind, rng.randrange(below)
    if kind == "rec":
        return kind, rng.randrange(5)
    return kind, rng.randrange(1, 9)


def render(state: State) -> dict[str, str]:
    files: dict[str, list[str]] = {name: [] for name in FILES}
    used: dict[str, set[str]] = {name: set() for name in FILES}
    imports: dict[str, set[str]] = {name: set() for name in FILES}
    order = state.order

    def reach(target: str, source: str, here: str, access: int) -> str:
        if source == here:
            return target
        if source == "p":  # nobody imports the file of the ops: such a helper moves along
            raise AssertionError((target, here))
        if access == 1:
            imports[here].add(f"import {source} as q_{source}")
            return f"q_{source}.{target}"
        module = "r" if access == 2 and here == "p" else source
        imports[here].add(f"from {module} import {target}")
        return target

    def spell(kind: str, number: int, here: str) -> str:
        if kind == "x":
            return "x"
        if kind == "const":
            return str(number)
        if kind == "K":
            return reach(f"K{number % 2}", "a", here, number % 3)
        if kind == "M":
            return reach("M", "b", here, number % 3) + "['lr']"
        if kind == "max":
            return f"max(x, {number})"
        if kind == "object":
            name = reach("Sub" if number % 2 else "Base", "a", here, number % 3)
            return f"{name}().run(x)"
        if kind == "default":
            used[here].add("default")
            imports[here].add("from a import K0")
            return "with_default(x)"
        if kind == "nested":
            return f"(lambda y: y + {number})(x)"
        name = order[number]
        helper = state.helpers[name]
        if kind == "rec" and helper.file != here:
            # Only inside one file: two files that import each other do not load.
            return f"({number} if x > 0 else 0)"
        reached = reach(name, helper.file, here, helper.access)
        if kind == "call":
            return f"{reached}(x)"
        if kind == "some":
            return f"({reached}(x) if x > 2 else 0)"
        if kind == "rec":
            return f"({reached}(x - 1) if x > 0 else 0)"
        if kind == "table":
            return f"[{reached}][0](x)"
        if kind == "cached":
            used[here].add("cached")
            return f"cached({reached}, x)"
        assert kind == "flagged"
        return f"({reached}(x) if flag else 0)"

    for name, helper in state.helpers.items():
        parts = [spell(kind, number, helper.file) for kind, number in helper.terms]
        files[helper.file].append(function(name, "x", parts, helper.style))
    f = [spell(kind, number, "p") for kind, number in state.f_terms]
    g = [spell(kind, number, "p") for kind, number in state.g_terms]
    files["p"].append("@op\n" + function("f", "x", f, 0))
    files["p"].append("@op\n" + function("g", "x, flag", [*g, "f(x)"], 0))
    run = "" if not state.override else "    def step(self, x):\n        return x\n"
    classes = (
        f"class Base:\n    rate = {state.rate}\n    def run(self, x):\n"
        f"        return self.step(x) * self.rate\n"
        f"    def step(self, x):\n        return x + {state.step}\n\n"
        f"class Sub(Base):\n    pass\n{run}"
    )
    constants = "".join(f"{name} = {value}\n" for name, value in state.constants.items())
    heads = {
        "a": constants + "\n" + classes,
        "b": f"M = {state.settings!r}\n",
        "p": "",
    }
    texts = {}
    for name in FILES:
        lines = ["from mandala_git import op\n"] if name == "p" else []
        lines += [f"{line}\n" for line in sorted(imports[name])]
        if "cached" in used[name]:
            lines.append(
                "from functools import lru_cache\n\n@lru_cache\ndef cached(fn, x):\n"
                "    return fn(x)\n"
            )
        if "default" in used[name] and name != "a":
            lines.append("\ndef with_default(x, k=K0):\n    return x + k\n")
        if name in state.hides:
            lines.append("\ndef max(a, b):\n    return a + b\n")
        lines.append(heads[name])
        if "default" in used[name] and name == "a":
            lines.append("\ndef with_default(x, k=K0):\n    return x + k\n")
        lines += files[name]
        texts[name] = "\n".join(lines)
    texts["a"] = texts["a"].replace("from a import K0\n", "")
    exported = [f"from {h.file} import {n}\n" for n, h in state.helpers.items() if h.file != "p"]
    texts["r"] = "from a import K0, K1, Base, Sub\nfrom b import M\n" + "".join(exported)
    return texts


def function(name: str, parameters: str, parts: list[str], style: int) -> str:
    total = " + ".join(parts)
    if style == 1:
        return (
            f'def {name}({parameters}):\n    """{name}."""\n    # a comment\n    return ({total})\n'
        )
    if style == 2:
        lines = "\n        + ".join(parts)
        return f"def {name}(\n    {parameters},\n):\n    return (\n        {lines}\n    )\n\n\n"
    return f"def {name}({parameters}):\n    return {total}\n"


# -- edits ----------------------------------------------------------------------------------


def sound(state: State) -> State:
    """Move helpers so that files import each other in one direction: b < a < p."""
    rank = {"b": 0, "a": 1, "p": 2}
    for _ in range(len(state.helpers)):
        for helper in state.helpers.values():
            low = 0
            for kind, number in helper.terms:
                if kind in ("call", "some", "cached", "table"):
                    low = max(low, rank[state.helpers[state.order[number]].file])
                elif kind in ("K", "object", "default"):
                    low = max(low, 1)
            if rank[helper.file] < low:
                helper.file = "bap"[low]
    return state


def cosmetic(state: State, rng: random.Random) -> None:
    rng.choice(list(state.helpers.values())).style = rng.randrange(3)


def change_import(state: State, rng: random.Random) -> None:
    rng.choice(list(state.helpers.values())).access = rng.randrange(3)


def rename(state: State, rng: random.Random) -> None:
    number = rng.randrange(len(state.order))
    old, new = state.order[number], f"n{rng.randrange(1000)}"
    state.order[number] = new
    state.helpers = {new if n == old else n: helper for n, helper in state.helpers.items()}


def move(state: State, rng: random.Random) -> None:
    rng.choice(list(state.helpers.values())).file = rng.choice(FILES)


def change_constant(state: State, rng: random.Random) -> None:
    state.constants[rng.choice(list(state.constants))] = rng.randrange(3, 6)


def change_setting(state: State, rng: random.Random) -> None:
    state.settings["lr"] = rng.randrange(3, 6)


def change_class(state: State, rng: random.Random) -> None:
    what = rng.randrange(3)
    if what == 0:
        state.rate = rng.randrange(2, 4)
    elif what == 1:
        state.step = rng.randrange(1, 3)
    else:
        state.override = not state.override


def hide_builtin(state: State, rng: random.Random) -> None:
    state.hides ^= {rng.choice(FILES)}


def change_body(state: State, rng: random.Random) -> None:
    number = rng.randrange(len(state.order))
    terms = state.helpers[state.order[number]].terms
    terms[rng.randrange(len(terms))] = term(rng, number)


def change_op(state: State, rng: random.Random) -> None:
    state.f_terms = [("call", rng.randrange(5)), term(rng, 5)]


def commute(state: State, rng: random.Random) -> None:
    """True: integers are added in any order."""
    rng.shuffle(rng.choice([*(h.terms for h in state.helpers.values()), state.f_terms]))


def split(state: State, rng: random.Random) -> None:
    """True: a number is the sum of two."""
    for helper in state.helpers.values():
        for at, (kind, number) in enumerate(helper.terms):
            if kind == "const" and number > 1:
                helper.terms[at : at + 1] = [("const", 1), ("const", number - 1)]
                return


def inline(state: State, rng: random.Random) -> None:
    """True where the helper is what is put in its place."""
    for name in rng.sample(state.order, len(state.order)):
        helper = state.helpers[name]
        for at, (kind, number) in enumerate(helper.terms):
            inner = state.helpers[state.order[number]] if kind == "call" else None
            if inner is None or len(helper.terms) + len(inner.terms) > 6:
                continue
            # In another file a name may mean something else.
            if inner.file == helper.file and not any(k in ("rec",) for k, _ in inner.terms):
                helper.terms[at : at + 1] = inner.terms
                return


NEUTRAL = (cosmetic, change_import, rename)
TRUE = (commute, split, inline)
BREAKING = (
    move, change_constant, change_setting, change_class, hide_builtin, change_body, change_op
)  # fmt: skip


class Session:
    """One random history of a project."""

    def __init__(self, project: Project, seed: int) -> None:
        self.project = project
        self.rng = random.Random(seed)
        self.state = sound(begin(self.rng))
        self.past: list[State] = []
        self.ran: dict[str, set[str]] = {}
        self.hits: dict[str, set[str]] = {}
        self.counts = {"runs": 0, "executed": 0, "verdicts": 0, "bridged": 0}

    def write(self) -> str:
        texts = render(self.state)
        for name in FILES:
            (self.project.root / f"{name}.py").unlink(missing_ok=True)
        self.project.write(**texts)
        return repr(sorted(texts.items()))

    def look(self, bridged: bool = False) -> None:
        """Run all calls in the present state and check what was found."""
        name = self.write()
        executed = self.project.each(CALLS)
        self.counts["runs"] += len(CALLS)
        self.counts["executed"] += sum(executed.values())
        again = {call for call in self.ran.get(name, ()) if executed[call]}
        assert not again, f"{again} ran again in a state in which they ran before"
        again = {call for call in self.hits.get(name, ()) if executed[call]}
        assert not again, f"{again} ran again in a state in which they were found before"
        self.ran.setdefault(name, set()).update(c for c in CALLS if executed[c])
        self.hits.setdefault(name, set()).update(c for c in CALLS if not executed[c])
        if bridged:
            self.counts["bridged"] += sum(not ran for ran in executed.values())

    def step(self) -> None:
        rng = self.rng
        self.project.commit()
        self.past.append(copy.deepcopy(self.state))
        choice = rng.random()
        if choice < 0.25:
            self.state = copy.deepcopy(rng.choice(self.past))
            self.look()
        elif choice < 0.35 and self.counts["verdicts"]:
            self.project.retract("")
            self.hits.clear()
            self.look()
        elif choice < 0.7:
            for _ in range(6):  # until something that calls ran has changed
                rng.choice(TRUE)(self.state, rng)
                sound(self.state)
                self.write()
                if self.project.questions():
                    self.project.compatible()
                    self.counts["verdicts"] += 1
                    break
            self.look(bridged=True)
        else:
            for _ in range(rng.randint(1, 2)):
                rng.choice(NEUTRAL if rng.random() < 0.4 else BREAKING)(self.state, rng)
            sound(self.state)
            if rng.random() < 0.2:
                self.write()
                self.project.breaking()
                self.hits.clear()  # of edits about which both was said, breaking counts
            self.look()


@pytest.mark.parametrize("seed", range(3))
def test_no_lookup_differs_from_running_from_scratch(project: Project, seed: int) -> None:
    session = Session(project, seed)
    session.look()
    for _ in range(14):
        session.step()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 160))
def test_no_lookup_differs_in_long_histories(project: Project, seed: int) -> None:
    session = Session(project, seed)
    session.look()
    for _ in range(40):
        session.step()
