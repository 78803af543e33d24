"""Frames of random programs against the naive ones, and the laws that they obey."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from naive import Naive, cells

from mandala_git.frames.frame import ComputationFrame
from mandala_git.imports import Storage, op


@op
def make(k):
    return k % 3  # many of one content


@op
def one(a):
    return a + 1


@op
def pair(a, b):
    return a + b, a - b


@op(output_names=["mean"])
def mix(a, b, c):
    return (a + b + c) % 5


pytestmark = pytest.mark.sweep

OPS = {make: 1, one: 1, pair: 2, mix: 3}
Program = list[tuple[int, list[int]]]

programs = st.lists(
    st.tuples(st.integers(0, 3), st.lists(st.integers(0, 30), min_size=3, max_size=3)),
    min_size=1,
    max_size=12,
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("place"))
        yield


def run(program: Program) -> tuple[Storage, list[Any]]:
    storage = Storage()
    refs: list[Any] = []
    with storage:
        for number, choices in program:
            chosen = list(OPS)[number]
            given_: list[Any] = [
                refs[choice % len(refs)] if refs and choice % 4 else choice % 4 + choice // 8
                for choice in choices[: OPS[chosen]]
            ]
            made = chosen(*given_)
            refs += made if isinstance(made, tuple) else [made]
    return storage, refs


LAW = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def frames(storage: Storage, refs: list[Any], program: Program) -> list[ComputationFrame]:
    chosen = list(OPS)[program[-1][0]]
    return [
        storage.cf(chosen).expand_back(),
        storage.cf(chosen).expand_forward(recursive=True),
        storage.cf(refs[-1]).expand_back(recursive=True),
        storage.cf({"first": refs[0], "last": refs[-1]}).expand_all(),
        storage.cf(refs[0]).expand_forward(recursive=True, reuse_existing=False),
    ]


def check(cf: ComputationFrame) -> Naive:
    """The invariants of every frame."""
    naive = Naive(cf)
    assert cf.nodes == cf.vnames | cf.fnames and not cf.vnames & cf.fnames
    for source, target, _ in cf.edges():
        assert (source in cf.vnames) != (target in cf.vnames)
        assert {source, target} <= cf.nodes
    assert len(set(cf.edges())) == len(cf.edges())
    assert cf.get_source_elts() == naive.sources()
    assert cf.get_sink_elts() == naive.sinks()
    return naive


@LAW
@given(programs)
def test_every_maker_and_taker_is_found(place: None, program: Program) -> None:
    storage, refs = run(program)
    for cf in (
        storage.cf(refs[-1]).expand_all(),
        storage.cf({"a": refs[:1], "b": refs[-1:]}).expand(),
        storage.cf(refs[0]).expand_all(reuse_existing=False),
    ):
        check(cf)
        calls = set().union(*cf.fs.values())
        for name, some in cf.refs_by_var().items():
            for ref in some:
                made = {call.hid.hex() for call in storage.get_creators([ref])}
                taken = {call.hid.hex() for call in storage.get_consumers([ref])}
                assert made | taken <= calls
                assert made == {
                    call.hid.hex() for call in cf[[name, *cf.fnames]].get_creators([ref])
                }
                assert taken <= {call.hid.hex() for call in cf.get_consumers([ref])}
        if cf.fnames:  # what calls were given is there
            for call in cf.calls.values():
                assert {ref.hid.hex() for ref in call.inputs.values()} <= set(cf.refs)
    back = storage.cf(refs[-1]).expand_back(recursive=True)
    for some in back.refs_by_var().values():
        for ref in some:
            assert {c.hid.hex() for c in storage.get_creators([ref])} <= back.calls.keys()


@LAW
@given(programs)
def test_a_few_refs_are_followed_as_many_are(place: None, program: Program) -> None:
    storage, refs = run(program)
    starts = [storage.cf(refs[-1]), storage.cf({"a": refs[0], "b": refs[-1]}), storage.cf(one)]
    few = [start.expand_all() for start in starts]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mandala_git.frames.growing.FEW", 0)
        many = [start.expand_all() for start in starts]
    for one_by_one, in_waves in zip(few, many, strict=True):
        assert one_by_one.calls.keys() == in_waves.calls.keys()
        assert one_by_one.refs.keys() == in_waves.refs.keys()
        assert one_by_one.ops().keys() == in_waves.ops().keys()


@LAW
@given(programs)
def test_tables_agree_with_the_naive_ones(place: None, program: Program) -> None:
    storage, refs = run(program)
    for cf in frames(storage, refs, program):
        naive = check(cf)
        order = cf.topsort_modulo_sccs()
        found = cells(cf.df(values="refs"))
        assert list(cf.df().columns) == order
        assert Counter(map(_row, found)) == Counter(map(_row, naive.rows(order)))
        for name in sorted(cf.vnames):
            table = cells(cf.get_history_df(name))
            expected = [naive.history(name, element) for element in naive.sets[name]]
            assert Counter(map(_row, table)) == Counter(map(_row, expected))


def _row(row: Any) -> Any:
    return tuple(sorted((name, tuple(sorted(each))) for name, each in row.items()))


@LAW
@given(programs, st.data())
def test_streams_agree_with_the_naive_ones(place: None, program: Program, data: Any) -> None:
    storage, refs = run(program)
    for cf in frames(storage, refs, program):
        naive = check(cf)
        node = data.draw(st.sampled_from(sorted(cf.nodes)))
        some = set(data.draw(st.lists(st.sampled_from(sorted(naive.sets[node]) or [""])))) - {""}
        for direction in ("back", "forward"):
            for how in ("strong", "weak"):
                found = cf.get_reachable_elts({node: some}, direction, how)
                back, strong = direction == "back", how == "strong"
                assert found == naive.reached({node: some}, back=back, strong=strong)
        for part in (cf.upstream(node), cf.downstream(node, how="weak"), cf.midstream(node)):
            check(part)
            assert part - cf == part - part
            assert part.sets.get(node) == naive.sets[node]


@LAW
@given(programs)
def test_the_laws_of_sets(place: None, program: Program) -> None:
    storage, refs = run(program)
    a, b, c, *_ = (f for f in frames(storage, refs, program))
    a, b, c = (a.rename(vars={n: f"v_{n}" for n in a.vnames}), b, c)
    b, c = (f.rename(vars={n: f"v_{n}" for n in f.vnames}) for f in (b, c))
    assert a | b == b | a and a & b == b & a
    assert (a | b) | c == a | (b | c) and (a & b) & c == a & (b & c)
    assert a | a == a and a & a == a
    assert a | (a & b) == a and a & (a | b) == a
    assert (a - b) | (a & b) == a
    assert not (a - a).nodes
    for frame in (a | b, a & b, a - b):
        check(frame)
    assert ComputationFrame.union(a, b, c) == a | b | c
    assert ComputationFrame.intersection(a, b, c) == a & b & c


@LAW
@given(programs, st.integers(0, 4))
def test_what_is_selected_is_what_is_in_those_rows(
    place: None, program: Program, bound: int
) -> None:
    storage, refs = run(program)
    cf = storage.cf({"last": refs[-1], "first": refs[0]}).expand_all()
    rows = cells(cf.df(values="refs"))
    values = {hid: ref.value for hid, ref in cf.refs.items()}
    kept = [row for row in rows if any(values[h] > bound for h in row.get("last", ()))]
    part = cf[cf["last"] > bound]
    check(part)
    for name in cf.nodes:
        assert part.sets[name] == set().union(*(row.get(name, set()) for row in kept))
    assert cf[~(cf["last"] > bound) | (cf["last"] > bound)] == cf


@LAW
@given(programs)
def test_changes_by_hand_keep_the_invariants(place: None, program: Program) -> None:
    storage, refs = run(program)
    for cf in frames(storage, refs, program):
        before, naive = cf.copy(), check(cf)
        for name in sorted(cf.vnames):
            left = cf.drop_var(name)
            check(left)
            assert left.nodes == cf.nodes - {name}
            check(left.cleanup())
            parts = cf.split(name)
            check(parts)
            new = {name, *(parts.vnames - cf.vnames)}
            assert set().union(*(parts.vs[each] for each in new)) == cf.vs[name]
            assert sum(len(parts.vs[each]) for each in new) == len(cf.vs[name])
            again = parts.merge([name, *sorted(new - {name})])
            assert again.sets == cf.sets
            assert {edge for edge in cf.edges() if naive.pairs[edge]} <= set(again.edges())
        for name in sorted(cf.fnames):
            check(cf.drop_func(name))
            whole = cf.complete_func(name)
            check(whole)
            for call in whole.calls_by_func()[name]:
                assert {r.hid.hex() for r in call.inputs.values()} <= set(whole.refs)
                assert {r.hid.hex() for r in call.outputs.values()} <= set(whole.refs)
        check(cf.merge_vars())
        check(cf.simplify())
        assert cf == before
