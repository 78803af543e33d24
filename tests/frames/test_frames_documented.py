"""Programs of mandala's documentation that use frames, as they stand there."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score

from mandala_git.imports import Storage, op


@op
def load_data(n_class):
    return load_digits(n_class=n_class, return_X_y=True)


@op
def train_model(X, y, n_estimators=5):
    return RandomForestClassifier(n_estimators=n_estimators, max_depth=2, random_state=0).fit(X, y)


@op
def get_acc(model, X, y):
    return round(accuracy_score(y_pred=model.predict(X), y_true=y), 2)


GRAPH = """\
X@output_0, y@output_1 = load_data(n_class=n_class)
model@output_0 = train_model(X=X, y=y, n_estimators=n_estimators)
acc@output_0 = get_acc(model=model, X=X, y=y)"""


def ran(storage: Storage) -> tuple[list[Any], list[Any]]:
    with storage:
        accs, models = [], []
        for n_class in (2, 5):
            X, y = load_data(n_class)
            for n_estimators in (5, 10):
                model = train_model(X, y, n_estimators=n_estimators)
                acc = get_acc(model, X, y)
                models.append(model)
                accs.append(acc)
    return accs, models


def test_the_joint_history_of_groups_of_results(storage: Storage) -> None:
    accs, models = ran(storage)
    cf = storage.cf({"acc": accs, "model": models}).expand()
    assert cf.get_graph_desc() == GRAPH
    df = cf.df().drop(columns=["X", "y"])
    assert list(df.columns) == [
        "n_estimators", "n_class", "load_data", "train_model", "model", "get_acc", "acc",
    ]  # fmt: skip
    assert sorted(zip(df["n_class"], df["n_estimators"], strict=True)) == [
        (2, 5), (2, 10), (5, 5), (5, 10),
    ]  # fmt: skip
    assert df["n_estimators"].dtype == df["n_class"].dtype == "int64"
    assert df["acc"].tolist() == [acc.value for acc in accs]
    assert repr(df["load_data"][0]).startswith("Call(load_data, hid=")
    assert [type(model) for model in df["model"]] == [RandomForestClassifier] * 4
    assert df["load_data"].nunique() == 2


def test_the_history_of_one_result(storage: Storage) -> None:
    accs, _ = ran(storage)
    cf = storage.cf(accs[-1]).expand_back(recursive=True)
    assert cf.get_graph_desc() == GRAPH.replace("acc@", "v@")
    assert cf.df("n_class", "n_estimators", "v").to_dict("list") == {
        "n_class": [5], "n_estimators": [10], "v": [accs[-1].value],
    }  # fmt: skip


def test_the_words_of_a_table(storage: Storage, capsys: pytest.CaptureFixture[str]) -> None:
    accs, _ = ran(storage)
    cf = storage.cf({"acc": accs}).expand_back(recursive=True)
    cf.eval("n_class", "acc")
    lines = GRAPH.splitlines()
    said = "".join(f"    {line}\n" for line in lines)
    assert capsys.readouterr().out == f"Extracting tuples from the computation graph:\n{said}"


@op
def inc(x):
    return x + 1


@op
def add(y, z):
    return y + z


def test_inc_and_add(storage: Storage) -> None:
    with storage:
        for i in range(5):
            x = inc(i)
            if i % 2 == 0:
                add(i, x)
    cf = storage.cf(inc)
    assert (
        repr(cf)
        == """\
ComputationFrame with:
    2 variable(s) (10 unique refs)
    1 operation(s) (5 unique calls)
Computational graph:
    var_0@output_0 = inc(x=x)"""
    )
    cf = cf.expand_forward()
    assert (
        repr(cf)
        == """\
ComputationFrame with:
    3 variable(s) (13 unique refs)
    2 operation(s) (8 unique calls)
Computational graph:
    var_0@output_0 = inc(x=x)
    var_1@output_0 = add(y=x, z=var_0)"""
    )
    df = cf.df()
    assert list(df.columns) == ["x", "inc", "var_0", "add", "var_1"]
    assert df["x"].tolist() == [0, 1, 2, 3, 4]
    assert df["var_0"].dtype == "int64" and df["var_1"].dtype == "Int64"
    assert df["var_1"].dropna().tolist() == [1, 5, 9]


@op
def step(state, t):
    return state * 2 + t


def test_a_loop(storage: Storage) -> None:
    with storage:
        state = 0
        for t in range(4):
            state = step(state, t)
    cf = storage.cf(state).expand_back(recursive=True)
    assert cf.get_graph_desc() == "(state | v)@output_0 = step(state=state, t=t)"
    df = cf.df()
    assert repr(df["t"][0]) == "ValueCollection([0, 1, 2, 3])"
    assert repr(df["state"][0]) == "ValueCollection([0, 0, 1, 4])"
    assert df["v"].tolist() == [state.value] == [11]
