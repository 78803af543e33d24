"""The program that made a value, and the code of versions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mandala_git import Storage, op
from mandala_git.errors import UsageError

SCALE = 2


def helper(x: Any) -> Any:
    return x * SCALE


@op(output_names=["X", "y"])
def load(n_class: int) -> tuple[list[int], list[int]]:
    return list(range(n_class)), [1] * n_class


@op
def train(X: list[int], y: list[int], rate: float = 0.1) -> dict[str, float]:
    return {"w": helper(sum(X)) * rate}


@op(output_names=["acc"])
def get_acc(model: dict[str, float], X: list[int], y: list[int]) -> float:
    return model["w"] / len(y)


@op
def listing(*accs: Any, title: str = "t", **more: Any) -> str:
    return f"{title} {accs} {more}"


@op
def step(x: int) -> int:
    return x + 1


def test_it_is_a_program(storage: Storage) -> None:
    with storage:
        X, y = load(10)
        accs = [get_acc(train(X, y, rate=rate), X, y) for rate in (0.1, 0.2)]
        last = listing(*accs, title="both", kind=None)
        get_acc(train(X, y, rate=0.3), X, y)  # not its business
    program = storage.provenance(last)
    assert program.code == (
        "X, y = load(n_class=10)\n"
        "model = train(X=X, y=y, rate=0.1)\n"
        "acc = get_acc(model=model, X=X, y=y)\n"
        "model_2 = train(X=X, y=y, rate=0.2)\n"
        "acc_2 = get_acc(model=model_2, X=X, y=y)\n"
        "a0 = listing(acc, acc_2, title='both', kind=None)\n"
    )
    names: dict[str, Any] = {each.name: each.func for each in (load, train, get_acc, listing)}
    exec(program.code, names)
    assert names["a0"] == last.value
    assert [call.op for call in program.calls][:2] == ["load", "train"]
    shown = repr(program)
    assert shown.count("# get_acc  20") == 2
    assert f"version {program.calls[0].version[:12]}" in shown
    assert storage.provenance(last.hid.hex()).code == program.code


def test_prov_prints_it(storage: Storage, capsys: pytest.CaptureFixture[str]) -> None:
    with storage:
        storage.prov(step(1))
    assert capsys.readouterr().out == "a0 = step(x=1)\n"


def test_what_is_no_literal_has_a_line(storage: Storage) -> None:
    array, text = np.zeros((3, 2)), "word " * 20
    with storage:
        ref = listing(array, text, [1, 2], more=array)
    lines = storage.provenance(ref).code.splitlines()
    assert lines[0].startswith("accs = ...  # ndarray (3, 2), content ")
    assert lines[1] == f"accs_2 = {text!r}"
    assert lines[2] == "a0 = listing(accs, accs_2, [1, 2], title='t', more=accs)"


def test_a_long_chain(storage: Storage) -> None:
    with storage:
        x = step(0)
        for _ in range(300):
            x = step(x)
    program = storage.provenance(x)
    assert len(program.calls) == 301 == len(program.code.splitlines())
    assert program.code.endswith("x_301 = step(x=x_300)\n") or program.code.count("step(") == 301


def test_captured_values_are_no_arguments(storage: Storage) -> None:
    def made(k: int) -> Any:
        @op
        def inner(x: int) -> int:
            return x * k

        return inner

    with storage:
        ref = made(3)(2)
    assert storage.provenance(ref).code.endswith("inner(x=2)\n")


def test_a_repetition_says_when_it_ran(storage: Storage) -> None:
    with storage:
        one, two = load(3), load(3)
        first = train(*one)
        other = train(storage.unwrap(two[0]), storage.unwrap(two[1]))
    (repeated,) = storage.get_creators([other])
    (ran,) = storage.get_creators([first])
    assert repeated.repeats and not ran.repeats
    assert (repeated.started, repeated.duration) == (ran.started, ran.duration)


def test_values_without_a_history(storage: Storage) -> None:
    with storage:
        ref = step(1)
    (call,) = storage.get_creators([ref])
    with pytest.raises(UsageError, match="no recorded call made"):
        storage.provenance(call.inputs["x"])
    with pytest.raises(UsageError):
        storage.provenance("00" * 16)


def test_the_code_of_a_version(storage: Storage) -> None:
    with storage:
        X, y = load(2)
        version = storage.get_creators([train(X, y)])[0].version
    text = storage.code(version[:10])
    assert "test_program.py::train\n@op\ndef train(" in text
    assert "def helper(x: Any) -> Any:\n    return x * SCALE\n" in text
    assert "SCALE = 2\n" in text and "get_acc" not in text
    assert storage.diff(version, version) == ""
    table = storage.versions(train)
    assert list(table["code"]) == [text] and list(table["version"]) == [version[:12]]
    assert "code" not in storage.versions()
    other = storage.get_creators([X])[0].version
    both = storage.diff(version, other)
    assert "-def train(" in both and "+def load(" in both
    for wrong in ("", "zz", "0" * 70):
        with pytest.raises(UsageError):
            storage.code(wrong)


def test_the_texts_of_an_op(storage: Storage) -> None:
    with storage:
        step(1)
        step(2)
    (source,) = storage.sources(step)
    assert source.here and source.calls == 2 and source.before == "" == source.said
    assert source.code == "@op\ndef step(x: int) -> int:\n    return x + 1"
    shown = repr(storage.sources(step))
    assert shown.splitlines()[0].endswith("test_program.py::step")
    assert "2 calls  ===HEAD===" in shown
    never: Callable[..., Any] = get_acc
    (unrun,) = storage.sources(never)  # type: ignore[arg-type]
    assert unrun.calls == 0 and unrun.since is None and unrun.here
