"""The ledger of verdicts, and versions as bytes."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mandala_git.errors import StoreError
from mandala_git.repo.store import MemoryStore
from mandala_git.results.store import Results
from mandala_git.source.index import Index
from mandala_git.source.scan import scan_file
from mandala_git.versions.history import History
from mandala_git.versions.recorded import (
    LeafEnd,
    LinkEnd,
    NodeEnd,
    Recorded,
    RecordedNode,
    Value,
    slot_name,
)
from mandala_git.versions.verdicts import Edge, Event, Ledger, Verdict, context_file

EDGE = Edge("p.py::f", "0" * 64, "p.py::f", "1" * 64)
OTHER = Edge("p.py::g", "0" * 64, "p.py::g", "1" * 64)


def event(verdict: Verdict, *supersedes: Event, edge: Edge = EDGE, note: str = "") -> Event:
    gone = tuple(e.id for e in supersedes)
    return Event(edge, verdict, "c1", "c2", "A <a@example.org>", 7, note, "n2", gone)


def test_an_event_survives_its_bytes() -> None:
    one = event(Verdict.COMPATIBLE, note="weil's stimmt \u2028")
    assert Event.from_bytes(one.to_bytes()) == one
    assert one.name == f"v/{EDGE.id[:2]}/{EDGE.id}/{one.id}"


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b'{"key_old": 1}'])
def test_damaged_bytes_are_no_event(data: bytes) -> None:
    with pytest.raises(StoreError):
        Event.from_bytes(data)


def test_a_later_answer_supersedes() -> None:
    first = event(Verdict.BREAKING)
    second = event(Verdict.COMPATIBLE, first)
    ledger = Ledger.of_events([first, second])
    assert ledger.verdict(EDGE) is Verdict.COMPATIBLE
    assert ledger.compatible() == [second]
    assert not ledger.conflicts()


def test_answers_that_disagree_count_as_breaking_until_settled() -> None:
    one, other = event(Verdict.BREAKING), event(Verdict.COMPATIBLE)
    ledger = Ledger.of_events([one, other])
    assert ledger.verdict(EDGE) is Verdict.BREAKING
    assert ledger.compatible() == []
    assert set(ledger.conflicts()) == {EDGE}
    settled = Ledger.of_events([one, other, event(Verdict.COMPATIBLE, one, other, note="sure")])
    assert settled.verdict(EDGE) is Verdict.COMPATIBLE


def test_a_retraction_leaves_no_answer() -> None:
    first = event(Verdict.COMPATIBLE)
    ledger = Ledger.of_events([first, event(Verdict.RETRACTED, first)])
    assert ledger.verdict(EDGE) is None
    assert ledger.verdicts() == {}
    assert ledger.compatible() == []


def test_a_retraction_in_one_clone_and_a_new_answer_in_another_disagree() -> None:
    first = event(Verdict.COMPATIBLE)
    again = event(Verdict.COMPATIBLE, first, note="again")
    ledger = Ledger.of_events([first, event(Verdict.RETRACTED, first), again])
    assert ledger.verdict(EDGE) is Verdict.BREAKING
    assert ledger.compatible() == []


def test_an_event_supersedes_only_events_about_its_own_edge() -> None:
    first = event(Verdict.COMPATIBLE)
    ledger = Ledger.of_events([first, event(Verdict.BREAKING, first, edge=OTHER)])
    assert ledger.verdict(EDGE) is Verdict.COMPATIBLE
    assert ledger.verdict(OTHER) is Verdict.BREAKING


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(list(Verdict)), st.lists(st.integers(0, 5))), max_size=6),
    st.randoms(use_true_random=False),
)
def test_a_ledger_does_not_depend_on_the_order_of_its_events(
    steps: list[tuple[Verdict, list[int]]], rng: random.Random
) -> None:
    events: list[Event] = []
    for number, (verdict, gone) in enumerate(steps):
        before = [events[n] for n in gone if n < len(events)]
        events.append(event(verdict, *before, note=str(number)))
    one = Ledger.of_events(events)
    other = Ledger.of_events(rng.sample(events, len(events)))
    assert one.verdicts() == other.verdicts()
    assert one.compatible() == other.compatible()
    assert one.conflicts() == other.conflicts()
    files = {e.name: e.to_bytes() for e in events}
    assert Ledger.of(files).verdicts() == one.verdicts()


def test_a_context_is_named_by_its_texts_whatever_their_order() -> None:
    assert context_file(["b", "a", "b"]) == context_file(["a", "b"])
    assert context_file(["a"])[0] != context_file(["b"])[0]


# -- recorded versions ----------------------------------------------------------------------------

VERSION = Recorded(
    "p.py::f",
    "p.py",
    (
        RecordedNode("p.py::f", "t0", {"g": (NodeEnd(1, ("a",)),), "h": None, "k": ()}, None),
        RecordedNode(
            "h.py::K",
            "t1",
            {"np.pi": (LeafEnd(("outside", "numpy.pi"), ("x",)), LinkEnd("v1"))},
            Value("c1", True, "h.py::K"),
        ),
    ),
    (1,),
    (("p.py::inner", "v2"),),
    "",
    "context",
)


def test_a_version_survives_its_bytes() -> None:
    assert Recorded.from_bytes(VERSION.to_bytes()) == VERSION


def test_the_id_of_a_version_leaves_out_its_context_and_nothing_else() -> None:
    assert VERSION._replace(context="other").id == VERSION.id
    node = VERSION.nodes[0]
    changed = [
        VERSION._replace(op="p.py::g"),
        VERSION._replace(script=""),
        VERSION._replace(roots=()),
        VERSION._replace(links=()),
        VERSION._replace(volatile="here"),
        VERSION._replace(nodes=(node._replace(text_id="t9"), VERSION.nodes[1])),
        VERSION._replace(nodes=(node._replace(key="q.py::f"), VERSION.nodes[1])),
        VERSION._replace(nodes=(node._replace(slots={**node.slots, "h": ()}), VERSION.nodes[1])),
        VERSION._replace(nodes=(node._replace(value=Value(None, False)), VERSION.nodes[1])),
    ]
    assert len({VERSION.id, *(each.id for each in changed)}) == len(changed) + 1


def test_every_hole_of_a_definition_has_a_slot_of_its_own() -> None:
    source = (
        "try:\n    from a import x\nexcept ImportError:\n    from b import x\n"
        "def f():\n    import q\n    from a import y\n    return x, y, q.z, q\n"
    )
    for definition in scan_file("p.py", source.encode()).definitions:
        names = [slot_name(definition, n) for n in range(len(definition.holes))]
        assert len(set(names)) == len(names), names


def test_a_version_that_is_not_what_its_id_says_is_not_here() -> None:
    other = VERSION._replace(roots=())
    with Results(None) as results:
        history = History(MemoryStore(), results, Index(None))
        for id in (VERSION.id, other.id):
            results.version_id(bytes.fromhex(id), VERSION.op, VERSION.to_bytes())
        assert history.recorded(VERSION.id) == VERSION
        assert history.recorded(other.id) is None
