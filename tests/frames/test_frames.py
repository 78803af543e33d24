"""Frames: what they are made of, corners of their tables, changes by hand, and what is refused."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mandala_git.errors import UsageError
from mandala_git.frames.elements import CallCollection, RefCollection, ValueCollection
from mandala_git.frames.frame import ComputationFrame
from mandala_git.imports import Call, Ref, Storage, Transient, op, wrap_atom


@op
def inc(x):
    return x + 1


@op
def add(y, z):
    return y + z


@op(output_names=["low", "high"])
def bounds(values, width):
    return min(values) - width, max(values) + width


@op
def never(k, level=3):
    return k, level


@op
def name_of(n):
    return f"n{n}"


@op
def half(n):
    return n / 2


@op
def is_even(n):
    return n % 2 == 0


@op
def none_if_odd(n):
    return None if n % 2 else n


@op
def array(n):
    return np.arange(n)


@op
def passing(n):
    return Transient(n + 100)


def filled(storage: Storage) -> ComputationFrame:
    with storage:
        for i in range(5):
            x = inc(i)
            if i % 2 == 0:
                add(i, x)
    return storage.cf(inc).expand_forward()


# -- making --------------------------------------------------------------------------------


def test_an_op_without_calls_has_a_frame_and_an_empty_table(storage: Storage) -> None:
    cf = storage.cf(never)
    assert cf.get_graph_desc() == "var_0@output_0 = never(k=k, level=level)"
    assert list(cf.df().columns) == ["k", "level", "never", "var_0"]
    assert len(cf.df()) == len(cf.df("k")) == len(cf.df("k", "never")) == 0
    assert cf.expand_all() == cf and cf.ops().keys() == {"never"}
    names = storage.cf(bounds).get_graph_desc()
    assert names == "low@low, high@high = bounds(values=values, width=width)"
    assert cf.cleanup().nodes == set()
    assert (
        repr(cf.cleanup())
        == """\
ComputationFrame with:
    0 variable(s) (0 unique refs)
    0 operation(s) (0 unique calls)
Computational graph:"""
    )
    assert cf.cleanup().df().shape == (0, 0)


def test_without_a_source_all_calls_are_there(storage: Storage) -> None:
    assert storage.cf().df().shape == (0, 0)
    filled(storage)
    with storage:
        bounds((1, 2), 3)
    cf = storage.cf()
    assert cf.get_graph_desc().splitlines() == [
        "low@low, high@high = bounds(values=values, width=width)",
        "z@output_0 = inc(x=x)",
        "var_0@output_0 = add(y=y, z=z)",
    ]
    assert len(cf.calls) == 9


def test_calls_of_an_open_block_are_seen(storage: Storage) -> None:
    with storage:
        y = inc(1)
        assert storage.cf(inc).df()["var_0"].tolist() == [2]
        inc(2)
        assert storage.cf(inc).df()["var_0"].tolist() == [2, 3]
        assert len(storage.cf(y).expand_back().calls) == 1


def test_what_frames_are_made_of(storage: Storage) -> None:
    with storage:
        refs = [inc(i) for i in range(3)]
    same = storage.cf(refs)
    assert same.vs == {"v": {ref.hid.hex() for ref in refs}}
    assert storage.cf([*refs, *refs]) == same  # one that is repeated counts once
    assert storage.cf(ref for ref in refs) == same
    assert storage.cf(tuple(ref.hid.hex() for ref in refs)) == same
    assert storage.cf(refs[0].hid) == storage.cf(refs[0]) == storage.cf({"v": refs[0]})
    assert storage.cf(same) == same and storage.cf(same) is not same
    given = {"a": refs[0], "b": refs[1:]}
    assert storage.cf(given).vnames == {"a", "b"} and set(given) == {"a", "b"}
    assert ComputationFrame.from_refs(storage, refs) == same
    assert ComputationFrame.from_vars(storage, given) == storage.cf(given)
    assert ComputationFrame.from_op(storage, inc) == storage.cf(inc)
    stranger = wrap_atom("nobody knows it")
    assert storage.cf({"s": [stranger, refs[0]]}).df()["s"].tolist() == [1, "nobody knows it"]
    assert storage.cf(stranger).expand_all().fnames == set()
    assert storage.cf([]).df().shape == (0, 1)


@pytest.mark.parametrize("source", [3, "00" * 16, "no hex", b"short", [None], {"a": 1}, {1: []}])
def test_of_anything_else_no_frame_is_made(storage: Storage, source: Any) -> None:
    with pytest.raises(UsageError):
        storage.cf(source)


def test_two_ops_of_one_name_stay_apart(storage: Storage) -> None:
    def one() -> Any:
        @op
        def same(a):
            return a + 1

        return same

    def other() -> Any:
        @op
        def same(b):
            return b * 2

        return same

    f, g = one(), other()
    with storage:
        x = f(1)
        y = g(x)
    cf = storage.cf(y).expand_back(recursive=True)
    assert cf.fnames == {"same", "same_0"}
    assert len(set(cf.ops().values())) == 2
    assert cf.df().to_dict("list")["v"] == [4]
    assert storage.cf(f).df()["var_0"].tolist() == [2]


def test_outputs_that_are_not_stored_have_no_variable_of_their_own(storage: Storage) -> None:
    with storage:
        passing(1)
    cf = storage.cf(passing)
    assert cf.get_graph_desc() == "var_0@output_0 = passing(n=n)"
    assert isinstance(cf.df()["var_0"][0], Ref)


# -- growing -------------------------------------------------------------------------------


def test_long_loops_are_followed_to_the_end(storage: Storage) -> None:
    with storage:
        refs: list[Any] = [0]
        for _ in range(600):
            refs.append(inc(refs[-1]))
    end = storage.cf(refs[-1])
    cf = end.expand_back(recursive=True)
    assert len(cf.calls) == 600 and cf.fnames == {"inc"}
    assert cf.get_graph_desc() == "(v | x)@output_0 = inc(x=x)"
    assert len(end.expand_back().calls) == 1
    df = cf.df()
    assert df["v"].tolist() == [600] and list(df["x"][0]) == list(range(600))
    assert len(df["inc"][0]) == 600 and isinstance(df["inc"][0], CallCollection)
    begin = storage.cf({"x": refs[1]})
    assert len(begin.expand_forward(recursive=True).calls) == 599
    assert len(begin.expand_all().calls) == 600
    assert len(end.expand_back(recursive=True, reuse_existing=False).fnames) == 600


def test_the_second_taker_of_a_ref_is_found(storage: Storage) -> None:
    with storage:
        x = inc(0)
        add(x, 1)
    cf = storage.cf(x).expand_forward()
    with storage:
        add(x, 2)
        inc(x)
    grown = storage.cf(cf).refs["".join(x.hid.hex())]
    assert len(storage.cf(grown).expand_forward().calls) == 3
    both = storage.cf(x).expand_all()
    assert both.fnames == {"inc", "add"} and len(both.calls) == 4


def test_refs_stay_in_the_variables_where_they_are(storage: Storage) -> None:
    with storage:
        a, b, c = (half(n) for n in range(3))
        for each in (a, b, c):
            inc(each)
    start = storage.cf({"a": a, "b": b, "c": c})
    cf = start.expand_all()
    assert cf.get_graph_desc().splitlines() == [
        "(a | b | c)@output_0 = half(n=n)", "var_0@output_0 = inc(x=(a | b | c))",
    ]  # fmt: skip
    assert {name: cf.vs[name] for name in "abc"} == start.vs


def test_calls_that_are_there_can_be_skipped_and_nodes_reused_or_not(storage: Storage) -> None:
    with storage:
        a, b = inc(1), add(1, 2)
        inc(b)
    cf = storage.cf({"a": a, "b": b})
    whole = cf.expand_all()
    assert whole.expand_back(skip_existing=True) == whole
    assert cf.expand_back("a").fnames == {"inc"}
    assert cf.expand_back(["b"]).fnames == {"add"}
    with pytest.raises(UsageError):
        cf.expand_back("nobody")
    here = cf.copy()
    assert here.expand_back(inplace=True) is None  # type: ignore[func-returns-value]
    assert here == cf.expand_back() and cf.fnames == set()


def test_equal_numbers_are_not_mixed_up_where_they_play_other_parts(storage: Storage) -> None:
    with storage:
        for width in (5, 10):
            low, _ = bounds((1, 5), width)
            add(low, 5)
    cf = storage.cf(add).expand_all()
    assert cf.get_graph_desc().splitlines() == [
        "y@low = bounds(values=values, width=width)",
        "var_0@output_0 = add(y=y, z=z)",
    ]
    df = cf.df()
    assert df[["width", "z"]].to_dict("list") == {"width": [5, 10], "z": [5, 5]}


# -- tables --------------------------------------------------------------------------------


def test_types_of_columns_stay(storage: Storage) -> None:
    with storage:
        for n in range(4):
            x = inc(n)
            for f in (name_of, half, is_even, none_if_odd):
                if n:
                    f(x)
    cf = storage.cf(inc).expand_forward()
    df = cf.df()
    assert [str(df[c].dtype) for c in ("x", "var_0")] == ["int64", "int64"]
    func = {name: next(iter(cf.out_neighbors(name))) for name in cf.fnames}
    assert str(df[func["half"]].dtype) == "float64" and df[func["half"]].isna().sum() == 1
    assert str(df[func["is_even"]].dtype) == "boolean"
    assert df[func["name_of"]].tolist()[1:] == ["n2", "n3", "n4"]
    assert df[func["none_if_odd"]].tolist() == [None, 2, None, 4]
    whole = storage.cf(half).df()
    assert str(whole["n"].dtype) == "int64" and str(whole["var_0"].dtype) == "float64"


def test_nodes_that_are_asked_for(storage: Storage) -> None:
    cf = filled(storage)
    assert cf.df("x").to_dict("list") == {"x": [0, 1, 2, 3, 4]}
    assert [type(ref) for ref in cf.df("x", values="refs")["x"]] == [Ref] * 5
    calls = cf.df("add")["add"].tolist()
    assert [type(c).__mro__[1] for c in calls] == [Call] * 3
    assert [call.inputs["y"].value for call in calls] == [0, 2, 4]
    assert cf.df("x", "var_1").dropna().to_dict("list") == {"x": [0, 2, 4], "var_1": [1, 5, 9]}
    assert list(cf.df(include_calls=False).columns) == ["x", "var_0", "var_1"]
    lazy = cf.df("x", "var_0", lazy_vars=["x"])
    assert isinstance(lazy["x"][0], Ref) and lazy["var_0"][0] == 1
    assert lazy["x"][0].in_memory is False
    shown = cf.eval_df(cf.df(values="refs"), skip_cols=["x"], skip_calls=True)
    assert isinstance(shown["x"][0], Ref) and str(shown["var_1"].dtype) == "Int64"
    pd.testing.assert_frame_equal(cf.eval_df(cf.df(values="refs")), cf.df())


def test_siblings_are_related_by_what_they_have_in_common(storage: Storage) -> None:
    with storage:
        for n in range(3):
            half(n)
            is_even(n)
    cf = storage.cf(half).expand_forward()
    cf = storage.cf({"n": list(cf.refs_by_var()["n"])}).expand_forward()
    df = cf.df(*sorted(cf.vnames - {"n"}))
    assert sorted(map(tuple, df.to_numpy().tolist()), key=str) == [
        (0.0, True), (0.5, False), (1.0, True),
    ]  # fmt: skip


def test_inputs_are_related_by_what_they_led_to(storage: Storage) -> None:
    with storage:
        for y, z in ((1, 2), (1, 3), (4, 5)):
            inc(add(y, z))
            half(add(y, z))
    cf = storage.cf(add).expand_forward()
    assert cf.df("y", "z").to_dict("list") == {"y": [1, 1, 4], "z": [2, 3, 5]}
    assert cf.df("z", "y").equals(cf.df("y", "z"))


def test_what_nothing_relates_stays_apart(storage: Storage) -> None:
    with storage:
        cf = storage.cf({"z": [inc(0), inc(1)], "w": [half(7)]})
    df = cf.df()
    assert df["z"].tolist() == [1, 2, pd.NA] and df["w"].tolist()[2] == 3.5
    assert len(cf.df("z", "w", join_how="inner")) == 0
    with pytest.raises(UsageError):
        cf.df(join_how="sideways")  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        cf.df(values="lazily")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="'nobody'"):
        cf.df("nobody")


def test_what_is_given_to_a_call_without_a_variable_for_its_result_is_shown(
    storage: Storage,
) -> None:
    cf = filled(storage).drop_var("var_1")
    df = cf.df()
    assert df["x"].tolist() == [0, 1, 2, 3, 4] and df["add"].notna().sum() == 3


def test_several_refs_in_a_cell_stand_in_order(storage: Storage) -> None:
    with storage:
        total: Any = 0
        for n in (7, 3, 5):
            total = add(total, n)
    df = storage.cf(total).expand_back(recursive=True).df()
    assert df["z"][0] == ValueCollection([7, 3, 5])
    refs = storage.cf(total).expand_back(recursive=True).df(values="refs")["z"][0]
    assert isinstance(refs, RefCollection) and [ref.value for ref in refs] == [7, 3, 5]
    assert refs[1:] == RefCollection(list(refs)[1:]) and len({refs, refs}) == 1
    assert sum(df["z"][0]) == 15


def test_arrays_are_values_like_others(storage: Storage) -> None:
    with storage:
        arrays = [array(3), array(3), array(4)]
    df = storage.cf({"a": arrays}).expand_back().df()
    assert [value.tolist() for value in df["a"]] == [[0, 1, 2], [0, 1, 2, 3]]
    assert len(storage.cf({"a": arrays})["a"].isin([np.arange(4)]).refs) == 1


def test_histories(storage: Storage) -> None:
    cf = filled(storage)
    w = cf.refs_by_var()["var_1"][0]
    direct = cf.get_direct_history("var_1", [w])
    assert list(direct.columns) == ["x", "var_0", "add", "var_1"]
    total = cf.get_total_history("var_1", [w], include_calls=False)
    assert list(total.columns) == ["x", "var_0", "var_1"] and len(total) == 1
    assert len(cf.get_history_df("var_0")) == 5
    assert len(cf.get_joint_history_df(["var_0", "var_1"])) == 5
    assert len(cf.get_joint_history_df(["var_0", "var_1"], how="inner")) == 3


# -- selection -----------------------------------------------------------------------------


def test_rows_are_chosen_by_what_they_hold(storage: Storage) -> None:
    cf = filled(storage)
    part = cf[cf["var_1"] > 1]
    assert part.df()["x"].tolist() == [2, 4]
    assert cf[(cf["var_1"] > 1) & (cf["x"] < 4)].df()["x"].tolist() == [2]
    assert cf[(cf["x"] == 1) | (cf["x"] >= 4)].df()["x"].tolist() == [1, 4]
    assert cf[~(cf["x"] <= 3)].df()["x"].tolist() == [4]
    assert cf[cf["x"] != 0].df()["x"].tolist() == [1, 2, 3, 4]
    assert cf.query("var_1 > 1 and x == 4").df()["x"].tolist() == [4]
    assert cf[cf.df()["x"] > 2].df()["x"].tolist() == [3, 4]
    assert cf[cf["x"].isin([1, 2, 9])].df()["x"].tolist() == [1, 2]
    ref = cf.refs_by_var()["x"][3]
    assert cf[cf["x"].isin([ref], by="hid")].df()["x"].tolist() == [3]
    assert cf[cf["x"].isin([ref.cid], by="cid")].df()["x"].tolist() == [3]
    call = cf.calls_by_func()["add"][1]
    assert cf[cf["add"].isin([call], by="hid", node_class="func")].df()["x"].tolist() == [2]
    assert cf.isin([3]).sets["inc"] == {c.hid.hex() for c in cf.isin([3]).calls_by_func()["inc"]}
    with pytest.raises(UsageError):
        cf[cf["x"].isin([1]) & cf["var_1"].isin([2])]
    with pytest.raises(UsageError):
        bool(cf["x"] > 1)
    with pytest.raises(UsageError):
        cf > 1  # noqa: B015 - it raises
    with pytest.raises(UsageError):
        cf["x"] > "a"  # noqa: B015 - it raises
    for wrong in ("nobody > 1", "1", "x >"):
        with pytest.raises(UsageError):
            cf.query(wrong)
    assert cf.query("var_1 == var_1").df()["x"].tolist() == [0, 2, 4]
    with pytest.raises(UsageError):
        cf.isin([1], by="hid_")  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        cf[np.array([True])]


def test_parts_of_a_frame(storage: Storage) -> None:
    cf = filled(storage)
    assert cf["x"].nodes == {"x"} and cf[["x", "inc"]].edges() == [("x", "inc", "x")]
    ref, call = cf.refs_by_var()["x"][2], cf.calls_by_func()["inc"][2]
    part = cf.select_subsets({"x": [ref], "inc": [call]})
    assert part.df().shape == (1, 2)
    assert cf.get([ref, call]) == part and cf.get(ref).nodes == {"x"}
    assert cf.get_adj_elts("x", [ref], "forward")["inc"] == {call.hid.hex()}
    assert cf.get_adj_elts_edge(("x", "inc", "x"), [call]) == {ref.hid.hex()}
    assert cf.get_creators("var_0") == cf.calls_by_func()["inc"]
    assert len(cf.get_consumers(ref)) == 2
    assert cf.get_var_values("x") == [0, 1, 2, 3, 4] == cf.values["x"]
    table = cf.get_func_table("add")
    assert table.to_dict("list") == {"y": [0, 2, 4], "z": [1, 3, 5], "output_0": [1, 5, 9]}
    assert cf.sources == {"x"} and cf.sinks == {"var_1"}
    assert cf.in_neighbors("add") == {"x", "var_0"} and cf.out_neighbors("x") == {"inc", "add"}
    assert cf.sort_nodes(["add", "x"]) == ["x", "add"] and cf.is_acyclic
    assert len(cf.get_all_edges_on_paths_between("x", "var_0")) == 2
    for wrong in (lambda: cf["nobody"], lambda: cf.in_edges("nobody")):
        with pytest.raises(UsageError):
            wrong()


def test_upstream_counts_what_all_of_a_call_leads_to(storage: Storage) -> None:
    with storage:
        low, high = bounds((1, 2), 1)
        low, high = inc(low), half(high)
    cf = storage.cf(bounds).expand_forward()
    weak = cf.upstream("low", how="weak")
    assert weak.nodes == {"low", "bounds", "values", "width"}
    assert cf.downstream("values").nodes == cf.nodes - {"width"}
    with storage:
        total = add(low, high)
    cf = storage.cf(total).expand_back()
    start = {"y": cf.refs_by_var()["y"]}
    assert not cf.get_reachable_elts(start, "forward")["v"]
    assert cf.get_reachable_elts(start, "forward", how="weak")["v"] == cf.vs["v"]
    assert cf.drop_unreachable("forward") == cf == cf.drop_unreachable("back")


# -- changes by hand -----------------------------------------------------------------------


def test_what_is_dropped_leaves_nothing_behind(storage: Storage) -> None:
    cf = filled(storage)
    left = cf.drop_var("x").drop_func("inc")
    assert left.get_graph_desc() == "var_1@output_0 = add(z=var_0)"
    assert left.sources == {"var_0"} and left.sinks == {"var_1"}
    assert cf.drop_var("var_0").get_graph_desc() == "inc(x=x)\nvar_1@output_0 = add(y=x)"
    assert cf.drop("inc", with_dependents=True).nodes == {"x"}
    assert cf.drop(["inc", "add"]).get_graph_desc() == "x, var_0, var_1"
    call, ref = cf.calls_by_func()["inc"][0], cf.refs_by_var()["x"][0]
    assert len(cf.drop_call("inc", call.hid).fs["inc"]) == 4
    assert len(cf.drop_ref("x", ref).vs["x"]) == 4
    assert len(cf.vs["x"]) == 5
    with pytest.raises(UsageError):
        cf.drop_ref("var_1", ref)
    with pytest.raises(UsageError):
        cf.drop_var("inc")


def test_nodes_get_other_names(storage: Storage) -> None:
    cf = filled(storage)
    new = cf.rename(vars={"x": "n", "var_1": "x"}, funcs={"inc": "plus"})
    assert new.get_graph_desc() == "var_0@output_0 = plus(x=n)\nx@output_0 = add(y=n, z=var_0)"
    assert cf.rename_var("x", "n").rename_var("n", "x") == cf
    with pytest.raises(UsageError, match="two nodes"):
        cf.rename_var("x", "var_0")
    with pytest.raises(UsageError):
        cf.rename(vars={"nobody": "x"})
    here = cf.copy()
    here.rename_var("x", "n", inplace=True)
    assert "n" in here.vnames and "n" not in cf.vnames


def test_nodes_are_merged_and_moved_without_loss(storage: Storage) -> None:
    cf = filled(storage)
    merged = cf.merge_into("var_1", "var_0")
    assert merged.vs["var_0"] == cf.vs["var_0"] | cf.vs["var_1"] and "var_1" in cf.vnames
    assert merged.get_graph_desc().endswith("var_0@output_0 = add(y=x, z=var_0)")
    assert cf.merge(["x", "var_0"], new_name="numbers").vnames == {"numbers", "var_1"}
    ref = cf.refs_by_var()["x"][0]
    moved = cf.move_ref("x", "var_0", ref)
    assert ref.hid.hex() in moved.vs["var_0"] - moved.vs["x"] and ref.hid.hex() in cf.vs["x"]
    assert cf.move_ref("x", "x", ref) == cf
    refs = cf.refs_by_var()
    twice = storage.cf({"a": refs["var_0"], "b": refs["var_0"][:2], "c": refs["x"]})
    assert twice.merge_vars().vnames == {"a", "c"}
    with pytest.raises(UsageError):
        cf.merge_into("x", "inc")
    with pytest.raises(UsageError):
        cf.merge_into("inc", "add")


def test_other_values_can_be_shown(storage: Storage) -> None:
    cf = filled(storage)
    squares = cf.apply(lambda value: value * value)
    assert squares.df()["x"].tolist() == [0, 1, 4, 9, 16]
    assert squares.df()["inc"].notna().all() and cf.df()["x"].tolist() == [0, 1, 2, 3, 4]
    ids = cf["x"].apply(lambda ref: ref.hid.hex(), to="refs")
    assert set(ids.df()["x"]) == cf.vs["x"]
    assert squares[squares["x"] > 3].df()["x"].tolist() == [4, 9, 16]
    with pytest.raises(UsageError):
        cf.apply(abs, to="cells")  # type: ignore[arg-type]


def test_names_of_one_frame_that_mean_something_else_in_another(storage: Storage) -> None:
    cf = filled(storage)
    with pytest.raises(UsageError, match="function in the other"):
        cf | cf.drop_func("inc").rename_var("x", "inc")
    with pytest.raises(UsageError, match="rename"):
        _ = cf | cf.drop_func("inc").rename(funcs={"add": "inc"})


def test_frames_from_before_and_after_new_calls_can_be_united(storage: Storage) -> None:
    before = filled(storage)
    with storage:
        add(inc(7), 1)
    after = storage.cf(inc).expand_forward()
    assert before | after == after | before
    assert len((before | after).calls) == 10
    assert before & after == before or before.sets.items() <= (before & after).sets.items()
    assert len((after - before).calls) == 2
    assert len(after[before["x"]].df()) == 5


def test_frames_can_be_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Storage(db_path=tmp_path / "calls.db") as storage:
        for n in range(3):
            add(inc(n), 1)
    cf = storage.cf(inc).expand_forward()
    assert copy.copy(cf) == copy.deepcopy([cf])[0] == cf
    again = pickle.loads(pickle.dumps(cf))
    assert again == cf and again.df().equals(again.df())
    assert again.df()["var_1"].tolist() == cf.df()["var_1"].tolist()
    with pytest.raises(UsageError):
        pickle.dumps(cf.apply(str))


# -- deleting ------------------------------------------------------------------------------


def test_calls_of_a_frame_are_deleted_and_run_again(storage: Storage) -> None:
    cf = filled(storage)
    df = cf.df()
    assert cf.delete_calls_from_df(df[df["x"] == 2]) == 2
    assert storage.cf(inc).df()["x"].tolist() == [0, 1, 3, 4]
    ran = storage.executed
    with storage:
        assert add(2, inc(2)).value == 5
    assert storage.executed == ran + 2
    assert storage.cf(inc).delete_calls() == 8
    assert storage.cf(inc).df().shape == (0, 3) and cf["x"].delete_calls() == 0


# -- words ---------------------------------------------------------------------------------


def test_what_is_said_of_nodes(storage: Storage, capsys: pytest.CaptureFixture[str]) -> None:
    cf = filled(storage)
    cf.info("x", "add")
    cf.print_graph()
    assert (
        capsys.readouterr().out
        == """\
variable x: 5 values (5 sources, 0 sinks)
    given to inc as x: 5 of 5
    given to add as y: 3 of 5
function add: 3 calls of KEY::add
    var_1@output_0 = add(y=x, z=var_0)
    takes x as y: 3 of 3
    takes var_0 as z: 3 of 3
    makes var_1 as output_0: 3 of 3
var_0@output_0 = inc(x=x)
var_1@output_0 = add(y=x, z=var_0)
""".replace("KEY::add", cf.ops()["add"])
    )
    cf.info()
    assert capsys.readouterr().out == f"{cf!r}\n"
    stats = cf.get_var_stats().set_index("variable")
    assert stats.loc["var_0"].tolist() == [5, 0, 2]
    assert cf.get_func_stats()["calls"].tolist() == [5, 3]
    assert cf._ipython_key_completions_() == ["x", "var_0", "var_1", "inc", "add"]
    with pytest.raises(UsageError):
        cf.var_info("inc")
    cf.expand_back(verbose=True)
    assert "ComputationFrame with" in capsys.readouterr().out
