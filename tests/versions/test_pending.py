"""Which open questions are asked: none that a chain of answers leads around."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mandala_git.source.definitions import Definition, Kind
from mandala_git.versions.pending import sort_out
from mandala_git.versions.review import Question
from mandala_git.versions.verdicts import Edge, Event, Ledger, Verdict

B, C, R = Verdict.BREAKING, Verdict.COMPATIBLE, Verdict.RETRACTED


def edge(old: str, new: str) -> Edge:
    return Edge("m.py::f", old, "m.py::f", new)


def question(old: str, new: str, calls: int = 1) -> Question:
    definition = Definition("m.py", "f", Kind.FUNCTION, old, old, "n2:" + old, old)
    other = definition._replace(text_id=new)
    versions = (f"{old}{new}",)
    return Question(edge(old, new), definition, other, ("m.py::f",), calls, calls, None, versions)


def ledger(*said: tuple[str, str, Verdict]) -> Ledger:
    times = itertools.count()
    return Ledger.of_events(
        Event(edge(old, new), verdict, "", "", "a", next(times)) for old, new, verdict in said
    )


def asked(open_edges: list[str], *said: tuple[str, str, Verdict]) -> list[str]:
    found = sort_out([question(*pair) for pair in open_edges], ledger(*said))
    return sorted(q.edge.text_old + q.edge.text_new for q in found.asked)


@pytest.mark.parametrize(
    ("open_edges", "said", "left"),
    [
        (["ab"], [], ["ab"]),
        (["ac"], [("a", "b", B)], ["ac"]),  # another branch decided something else
        (["ac", "bc"], [("a", "b", B)], ["bc"]),  # a was left for good
        (["ac", "bc"], [("a", "b", C)], ["bc"]),  # both mean the same
        (["ac"], [("a", "b", B), ("b", "c", C)], []),
        (["ac"], [("a", "b", C), ("b", "c", C)], []),  # another context: recompute, not ask
        (["ac"], [("a", "b", C), ("b", "c", R)], ["ac"]),
        (["ba"], [("a", "b", B)], []),  # gone back to what was left
        (["ca"], [("a", "b", B)], ["ca"]),
        (["ad", "bd", "cd"], [("a", "b", B), ("b", "c", C)], ["cd"]),
    ],
)
def test_roads(
    open_edges: list[str], said: list[tuple[str, str, Verdict]], left: list[str]
) -> None:
    found = asked(open_edges, *said)
    # Of two texts that mean the same either one may be asked about.
    assert found == left or (open_edges, found) in [
        (["ac", "bc"], ["ac"]),
        (["ad", "bd", "cd"], ["bd"]),
    ]


def test_the_one_that_is_asked_stands_for_the_calls_of_both() -> None:
    found = sort_out([question("a", "c", 3), question("b", "c", 2)], ledger(("a", "b", C)))
    (one,) = found.asked
    assert (one.calls, one.seconds, len(one.versions)) == (5, 5, 2)
    assert len(found.behind) == 1


def test_answered_questions_are_no_longer_open() -> None:
    decided = dataclasses.replace(question("a", "b"), verdict=B)
    found = sort_out([decided, question("c", "b")], ledger(("a", "b", B)))
    assert found.decided == (decided,) and [q.edge.text_old for q in found.asked] == ["c"]


texts = st.sampled_from("abcde")
said = st.lists(st.tuples(texts, texts, st.sampled_from([B, C])).filter(lambda t: t[0] != t[1]))


@given(st.sets(texts.filter(lambda t: t != "e"), min_size=1), said)
def test_an_answer_to_all_that_is_asked_leaves_nothing_open(
    olds: set[str], said: list[tuple[str, str, Verdict]]
) -> None:
    known = ledger(*said)
    questions = [
        dataclasses.replace(question(old, "e"), verdict=known.verdict(edge(old, "e")))
        for old in sorted(olds)
    ]
    first = sort_out(questions, known)
    together = (*first.asked, *first.behind, *first.decided)
    assert {q.edge for q in together} == {q.edge for q in questions}
    assert len(together) == len(questions)
    for verdict in (B, C):
        answers = [(q.edge.text_old, "e", verdict) for q in first.asked]
        after = ledger(*said, *answers)
        left = sort_out(
            [dataclasses.replace(q, verdict=after.verdict(q.edge)) for q in questions], after
        )
        assert not left.asked
