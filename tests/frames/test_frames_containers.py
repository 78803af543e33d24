"""Frames through containers: what led to a list leads to what was made of it."""

from __future__ import annotations

from mandala_git.frames.picture import Arrow, picture
from mandala_git.imports import MDict, MList, Ref, Storage, op


@op
def inc(x):
    return x + 1


@op
def mean(xs: MList[int]):
    return sum(xs) / len(xs)


@op
def halves(n) -> MList[int]:
    return [n // 2, n - n // 2]


@op
def table(n) -> MDict[str, MList[int]]:
    return {"one": [n, n + 1], "two": [2 * n]}


def test_a_list_that_was_built_of_results(storage: Storage) -> None:
    with storage:
        v = mean([inc(i) for i in (3, 1, 2)])
    cf = storage.cf(v).expand_back(recursive=True)
    assert cf.get_graph_desc().splitlines() == [
        "elts@output_0 = inc(x=x)",
        "xs@list = __make_list__(elts=elts)",
        "v@output_0 = mean(xs=xs)",
    ]
    df = cf.df()
    assert list(df["x"][0]) == [3, 1, 2] and list(df["elts"][0]) == [4, 2, 3]
    assert df["xs"][0] == [4, 2, 3] and df["v"].tolist() == [3.0]
    assert Arrow("elts", "__make_list__", ("*elts",)) in picture(cf._state).arrows
    (call,) = cf.calls_by_func()["__make_list__"]
    assert list(call.inputs) == ["elts_0", "elts_1", "elts_2"]
    assert [ref.value for ref in call.inputs.values()] == [4, 2, 3]
    assert call.outputs["list"].value == [4, 2, 3] and call.is_built and call.session is None
    forward = storage.cf({"first": call.inputs["elts_0"]}).expand_forward(recursive=True)
    assert forward.df()["var_0"].tolist() == [3.0]


def test_elements_of_a_list_that_was_returned(storage: Storage) -> None:
    with storage:
        low, high = halves(7)
        v = mean([inc(low), high])
    cf = storage.cf(v).expand_back(recursive=True)
    assert cf.get_graph_desc().splitlines() == [
        "list@output_0 = halves(n=n)",
        "(elts | x)@list_item = __list_getitem__(list=list, i=i)",
        "elts@output_0 = inc(x=x)",
        "xs@list = __make_list__(elts=elts)",
        "v@output_0 = mean(xs=xs)",
    ]
    assert cf.df("n", "v").to_dict("list") == {"n": [7], "v": [4.0]}
    (element,) = (r for r in cf.refs_by_var()["x"])
    assert isinstance(element, Ref) and element.hid == low.hid
    assert cf.delete_calls() == 3  # lists have no calls of their own to delete


def test_containers_in_containers(storage: Storage) -> None:
    with storage:
        found = table(4)
        v = inc(found["one"][1])
    cf = storage.cf(v).expand_back(recursive=True)
    assert cf.get_graph_desc().splitlines() == [
        "dict@output_0 = table(n=n)",
        "list@dict_value = __dict_getitem__(dict=dict, key=key)",
        "x@list_item = __list_getitem__(list=list, i=i)",
        "v@output_0 = inc(x=x)",
    ]
    assert cf.df("key", "i", "v").to_dict("list") == {"key": ["one"], "i": [1], "v": [6]}


def test_lists_of_equal_content_keep_their_own_histories(storage: Storage) -> None:
    with storage:
        a, b = [inc(1)], [inc(inc(0))]
        one, other = mean(a), mean(b)
    chains = [storage.cf(each).expand_back(recursive=True) for each in (one, other)]
    assert [len(cf.fs["inc"]) for cf in chains] == [1, 2]
    assert one.cid == other.cid and storage.executed == 3
