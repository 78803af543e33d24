"""Meanings, classes and equations: laws, each against the slow way to say the same."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mandala_git.source.definitions import Definition
from mandala_git.source.scan import scan_file
from mandala_git.source.snapshot import Snapshot
from mandala_git.versions.classes import Classes
from mandala_git.versions.equations import equations
from mandala_git.versions.meanings import Meaning, Meanings, Node, reachable
from mandala_git.versions.verdicts import Edge, Event, Verdict

HOUSE = Path(__file__).parent.parent.parent


def snapshot(**files: str) -> Snapshot:
    """A project of modules: `snapshot(h="...")` has `h.py`."""
    facts = {f"{n}.py": scan_file(f"{n}.py", text.encode()) for n, text in files.items()}
    return Snapshot(facts, facts.get)


def meaning(key: str, nodes: dict[Meaning, Node] | None = None, **files: str) -> Meaning:
    found = Meanings(snapshot(**files), {} if nodes is None else nodes).of_key(key)
    assert found is not None
    return found


CALLER = "from h import g\ndef f(x): return g(x) + 1\n"


def test_a_meaning_is_code_and_what_it_leads_to() -> None:
    one = meaning("p.py::f", p=CALLER, h="def g(x): return x * 3\n")
    assert one == meaning("p.py::f", p=CALLER, h="def g(x):\n    # words\n    return (x * 0x3)\n")
    assert one != meaning("p.py::f", p=CALLER, h="def g(x): return x * 4\n")


def test_a_renamed_and_moved_helper_changes_no_meaning_of_its_caller() -> None:
    one = meaning("p.py::f", p=CALLER, h="def g(x): return x * 3\n")
    other = "from k import better\ndef f(x): return better(x) + 1\n"
    assert one == meaning("p.py::f", p=other, k="def better(x): return x * 3\n")


def test_equal_copies_mean_the_same() -> None:
    nodes: dict[Meaning, Node] = {}
    text = "def g(x): return k(x)\ndef k(x): return x * 3\n"
    meanings = Meanings(snapshot(h=text, h2=text.replace("k", "other")), nodes)
    assert meanings.of_key("h.py::g") == meanings.of_key("h2.py::g")


EVEN = "def even(n): return n == 0 or odd(n - 1)\ndef odd(n): return n != 0 and even(n - 1)\n"


def test_a_cycle_that_is_renamed_means_the_same() -> None:
    other = EVEN.replace("even", "gerade").replace("odd", "ungerade")
    assert meaning("p.py::even", p=EVEN) == meaning("p.py::gerade", p=other)
    assert meaning("p.py::odd", p=EVEN) == meaning("p.py::ungerade", p=other)
    assert meaning("p.py::odd", p=EVEN) != meaning("p.py::even", p=EVEN)


def test_a_cycle_entered_elsewhere_means_the_same() -> None:
    for first, second in itertools.permutations(["even", "odd"]):
        meanings = Meanings(snapshot(p=EVEN), {})
        meanings.of_key(f"p.py::{first}")
        assert meanings.of_key(f"p.py::{second}") == meaning(f"p.py::{second}", p=EVEN)


def test_a_change_inside_a_cycle_reaches_all_of_it() -> None:
    other = EVEN.replace("n != 0 and", "n != 1 and")
    assert meaning("p.py::even", p=EVEN) != meaning("p.py::even", p=other)


def ring(length: int, odd_one: int | None = None) -> str:
    lines = []
    for n in range(length):
        body = "x + 2" if n == odd_one else "x + 1"
        lines.append(f"def f{n}(x): return f{(n + 1) % length}({body})")
    return "\n".join(lines) + "\n"


def test_rings_mean_what_their_unfoldings_mean() -> None:
    # In a ring of equal functions each unfolds to the same endless chain, whatever its length.
    assert meaning("p.py::f0", p=ring(2)) == meaning("p.py::f1", p=ring(2))
    assert meaning("p.py::f0", p=ring(4, 1)) != meaning("p.py::f1", p=ring(4, 1))
    assert len({meaning(f"p.py::f{n}", p=ring(5, 2)) for n in range(5)}) == 5


def test_meanings_do_not_depend_on_the_seed_of_hashes() -> None:
    code = (
        "from mandala_git.source.scan import scan_file\n"
        "from mandala_git.source.snapshot import Snapshot\n"
        "from mandala_git.versions.meanings import Meanings\n"
        f"facts = {{'p.py': scan_file('p.py', {(EVEN + ring(4, 1)).encode()!r})}}\n"
        "m = Meanings(Snapshot(facts, facts.get), {})\n"
        "print([m.of(d) for d in facts['p.py'].definitions])\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(HOUSE)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


# -- random graphs ----------------------------------------------------------------------------

graphs = st.lists(
    st.tuples(st.integers(0, 2), st.lists(st.integers(0, 6), max_size=2)), min_size=7, max_size=7
)


def program(graph: list[tuple[int, list[int]]], names: list[str]) -> str:
    return "".join(
        f"def {names[n]}(x): return x + {label}"
        + "".join(f" + {names[child]}(x)" for child in children)
        + "\n"
        for n, (label, children) in enumerate(graph)
    )


def unfold(graph: list[tuple[int, list[int]]], depth: int) -> list[object]:
    """What each node looks like down to a depth: the definition of equal meanings."""
    views: list[object] = [0] * len(graph)
    for _ in range(depth):
        # A name that is used twice is one hole: which of them are the same counts too.
        views = [
            (label, tuple(children.index(c) for c in children), tuple(views[c] for c in children))
            for label, children in graph
        ]
        numbers = {view: n for n, view in enumerate(sorted(set(map(repr, views))))}
        views = [numbers.setdefault(repr(view), -1) for view in views]
    return views


@settings(max_examples=30, deadline=None)
@given(graphs, st.randoms(use_true_random=False))
def test_meanings_are_equal_exactly_where_unfoldings_are(
    graph: list[tuple[int, list[int]]], rng: random.Random
) -> None:
    names = [f"f{n}" for n in range(len(graph))]
    meanings = Meanings(snapshot(p=program(graph, names)), {})
    order = rng.sample(names, len(names))
    found = {name: meanings.of_key(f"p.py::{name}") for name in order}
    views = unfold(graph, 2 * len(graph))
    for one, other in itertools.combinations(range(len(graph)), 2):
        # A call of itself is spelled by its name or not: equal unfoldings may differ in that.
        if views[one] != views[other]:
            assert found[f"f{one}"] != found[f"f{other}"]
    renamed = [f"g{n}" for n in rng.sample(range(100), len(graph))]
    again = Meanings(snapshot(p=program(graph, renamed)), {})
    for name, new in zip(names, renamed, strict=True):
        assert again.of_key(f"p.py::{new}") == found[name]


def congruent(
    nodes: dict[Meaning, Node], pairs: list[tuple[Meaning, Meaning]]
) -> set[frozenset[Meaning]]:
    """The congruence closure by its definition: repeat until nothing changes."""
    group = {m: n for n, m in enumerate(sorted(nodes))}

    def join(one: Meaning, other: Meaning) -> bool:
        if group[one] == group[other]:
            return False
        gone, kept = group[one], group[other]
        for m, number in group.items():
            if number == gone:
                group[m] = kept
        return True

    for pair in pairs:
        join(*pair)
    changed = True
    while changed:
        changed = False
        seen: dict[object, Meaning] = {}
        for m, node in nodes.items():
            signature = (
                node.shape(),
                tuple(
                    (slot, tuple((group.get(r.meaning), r.leaf, r.rest, r.name) for r in refs))
                    for slot, refs in node.slots
                ),
            )
            changed = join(m, seen.setdefault(signature, m)) or changed
            if changed:
                break
    classes: dict[int, set[Meaning]] = {}
    for m, number in group.items():
        classes.setdefault(number, set()).add(m)
    return {frozenset(c) for c in classes.values()}


@settings(max_examples=30, deadline=None)
@given(
    graphs,
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=4),
    st.randoms(use_true_random=False),
)
def test_classes_are_the_congruence_closure_in_any_order(
    graph: list[tuple[int, list[int]]], pairs: list[tuple[int, int]], rng: random.Random
) -> None:
    nodes: dict[Meaning, Node] = {}
    meanings = Meanings(snapshot(p=program(graph, [f"f{n}" for n in range(7)])), nodes)
    found = [meanings.of_key(f"p.py::f{n}") for n in range(7)]
    known = [m for m in found if m is not None]
    wanted = congruent(nodes, [(known[a], known[b]) for a, b in pairs])
    for _ in range(2):
        classes = Classes(nodes)
        steps: list[tuple[int, ...]] = [*pairs, *((n,) for n in range(7))]
        for step in rng.sample(steps, len(steps)):
            if len(step) == 1:
                classes.add(known[step[0]])
            else:
                classes.equate(known[step[0]], known[step[1]])
        groups = {frozenset(classes.members(m)) for m in reachable(nodes, known)}
        assert groups == {g for g in wanted if g & set(reachable(nodes, known))}


# -- equations ----------------------------------------------------------------------------------


def claims(
    old: Snapshot, new: Snapshot, key: str, nodes: dict[Meaning, Node], key_new: str = ""
) -> list[tuple[Meaning, Meaning]]:
    """The equations of a compatible verdict about one definition in two projects."""
    from mandala_git.versions.review import closure_of_both

    one, other = old.definition(key), new.definition(key_new or key)
    assert one is not None and other is not None
    contexts: dict[str, list[Definition]] = {
        "old": closure_of_both(old, one, other),
        "new": closure_of_both(new, other, one),
    }
    edge = Edge(one.key, one.text_id, other.key, other.text_id)
    event = Event(edge, Verdict.COMPATIBLE, "old", "new", "A <a@example.org>", 0)
    texts = {one.text_id: one, other.text_id: other}
    return list(equations(event, contexts.get, texts.get, nodes))


def bridge(key: str, old: dict[str, str], new: dict[str, str], world: dict[str, str]) -> bool:
    """Whether the old meaning is in a class with that of a third world, after a verdict."""
    nodes: dict[Meaning, Node] = {}
    classes = Classes(nodes)
    for pair in claims(snapshot(**old), snapshot(**new), key, nodes):
        classes.equate(*pair)
    one = Meanings(snapshot(**old), nodes).of_key(key)
    other = Meanings(snapshot(**world), nodes).of_key(key)
    assert one is not None and other is not None
    classes.add(one)
    classes.add(other)
    return classes.same(one, other)


def test_a_verdict_bridges_its_edit_and_nothing_else() -> None:
    old = {"p": CALLER, "h": "def g(x): return x * 3\n"}
    new = {**old, "p": CALLER.replace("g(x) + 1", "1 + g(x)")}
    assert bridge("p.py::f", old, new, new)
    assert not bridge("p.py::f", old, new, {**new, "h": "def g(x): return x * 4\n"})
    assert not bridge("p.py::f", old, new, {**new, "p": CALLER.replace("+ 1", "+ 2")})


def test_a_verdict_reaches_callers_by_congruence() -> None:
    outer = "from p import f\ndef top(x): return f(x)\n"
    old = {"p": CALLER, "h": "def g(x): return x * 3\n", "t": outer}
    nodes: dict[Meaning, Node] = {}
    new = {**old, "p": CALLER.replace("g(x) + 1", "1 + g(x)")}
    classes = Classes(nodes)
    for pair in claims(snapshot(**old), snapshot(**new), "p.py::f", nodes):
        classes.equate(*pair)
    one = Meanings(snapshot(**old), nodes).of_key("t.py::top")
    other = Meanings(snapshot(**new), nodes).of_key("t.py::top")
    assert one is not None and other is not None and one != other
    classes.add(one)
    classes.add(other)
    assert classes.same(one, other)


@pytest.mark.parametrize("backwards", [False, True])
def test_a_guest_that_looks_for_what_is_not_there_makes_no_equation(backwards: bool) -> None:
    old = snapshot(p="def f(x): return x * 3 + 1\n")
    new = snapshot(p="def g(x): return x * 3\ndef f(x): return g(x) + 1\n")
    nodes: dict[Meaning, Node] = {}
    pair = (new, old) if backwards else (old, new)
    found = claims(*pair, "p.py::f", nodes)
    # The caller would not run among the old code, so only the new context says anything.
    direct = Meanings(old, nodes).of_key("p.py::f"), Meanings(new, nodes).of_key("p.py::f")
    assert len(found) == 2  # one for each way to run: imported, and as the script
    assert set(found[0]) == set(direct)
    assert not bridge(
        "p.py::f",
        {"p": "def f(x): return x * 3 + 1\n"},
        {"p": "def g(x): return x * 3\ndef f(x): return g(x) + 1\n"},
        {"p": "def g(x): return x * 4\ndef f(x): return g(x) + 1\n"},
    )
