"""Values through ops: rounded lookups, what cannot be stored, options of the storage."""

from __future__ import annotations

import pickle
import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from seeing import SEEN, see

from mandala_git import Storage, op
from mandala_git.errors import UnhashableValue, UnstorableValue, UsageError


@op(round_floats=4)
def scaled(x: Any, by: int = 2) -> Any:
    see(x)
    return np.asarray(x) * by


@op
def exact(x: Any) -> Any:
    see(x)
    return x


@op
def total(values: Any) -> float:
    return float(np.sum(values))


@op
def full(number: int) -> Any:
    return np.full(30_000, float(number))


def test_calls_are_found_by_rounded_floats(storage: Storage) -> None:
    with storage:
        first = scaled(0.1 + 0.2)
        again = scaled(0.3)
        assert scaled(np.float64(0.3)).value == 0.6  # of another type, and so another call
        other = scaled(0.3001)
    assert [(0.1 + 0.2,), (np.float64(0.3),), (0.3001,)] == SEEN  # what it was given, not rounded
    assert first.cid == again.cid != other.cid
    assert first.hid != again.hid  # the histories tell what was really given
    with storage:
        assert scaled(0.3).hid == again.hid
        assert scaled([{"a": (0.1 + 0.2,)}][0]["a"]).cid == scaled((0.3,)).cid
        assert scaled(np.array([0.1 + 0.2, 1])).cid == scaled(np.array([0.3, 1])).cid
        assert scaled(1).cid != scaled(1.0).cid
        assert scaled(0.3, 3).value == pytest.approx(0.9)
    table = storage.table(scaled)
    assert {0.1 + 0.2, 0.3} <= {each for each in table["x"] if isinstance(each, float)}


def test_refs_are_rounded_too(storage: Storage) -> None:
    with storage:
        one, two = exact(0.1 + 0.2), exact(0.3)
        assert one.cid != two.cid
        SEEN.clear()
        first = scaled(one)
        assert scaled(two).cid == first.cid
        assert scaled(total([0.1, 0.2])).cid == first.cid
    assert SEEN == [(0.1 + 0.2,)]


def test_rounding_is_no_part_of_other_calls(storage: Storage) -> None:
    """What was found by rounding is never taken for a result of the very number."""

    def f(x: float) -> float:
        return x * 1e6

    rounding, plain, finer = op(f, round_floats=3), op(f), op(f, round_floats=12)
    with storage:
        assert rounding(0.10001).value == 0.10001 * 1e6
        assert rounding(0.1).value == 0.10001 * 1e6
        assert plain(0.1).value == 0.1 * 1e6
        assert finer(0.1).value == 0.1 * 1e6


@pytest.mark.parametrize("digits", [0, 16, -1, True, 2.0, "3"])
def test_digits_that_make_no_sense(digits: Any) -> None:
    with pytest.raises(UsageError, match="round_floats"):
        op(round_floats=digits)(lambda x: x)


class Model:
    def __init__(self, hook: Any) -> None:
        self.hook = hook


@op
def makes(kind: str) -> Any:
    hook = {"lock": threading.Lock(), "local": lambda: 1, "none": None}[kind]
    return {"model": Model(hook)}


@op
def makes_two(kind: str) -> Any:
    return 1, {"model": Model(threading.Lock() if kind == "lock" else lambda: 1)}


def test_what_cannot_be_stored_fails_its_own_call_only(storage: Storage) -> None:
    with storage:
        good = makes("none")
        with pytest.raises(
            UnhashableValue, match=r"^makes: result\['model'\]\.hook has no content id"
        ):
            makes("lock")
        with pytest.raises(
            UnstorableValue, match=r"^makes: result\['model'\]\.hook cannot be stored"
        ):
            makes("local")
        with pytest.raises(UnhashableValue, match=r"^makes_two: result\[1\]\['model'\]\.hook "):
            makes_two("lock")
        with pytest.raises(UnstorableValue, match=r"^makes_two: result\[1\]\['model'\]\.hook "):
            makes_two("local")
        with pytest.raises(UnhashableValue, match=r"^total: argument values\[0\]\.hook "):
            total([Model(threading.Lock())])
        later = exact(7)
    assert good.value["model"].hook is None
    assert later.value == 7
    executed = storage.executed
    with storage:
        makes("none")
        exact(7)
    assert storage.executed == executed


def test_options(git_repo: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    repo = git_repo()
    monkeypatch.chdir(repo.root)
    kinds: list[tuple[Any, str]] = [
        ({}, "npy"),
        ({"compression": "gzip"}, "parts.gzip"),
        ({"compression": "xz"}, "parts.xz"),
        ({"mapped": False}, "npy"),
    ]
    for number, (options, suffix) in enumerate(kinds):
        storage = Storage(**options)
        again = pickle.loads(pickle.dumps(storage))
        with storage:
            ref = full(number)
        (path,) = repo.root.glob(f".git/mandala/values/*/{ref.cid.hex()}.{suffix}")
        if "compression" in options:
            assert path.stat().st_size < 24_000
        for each in (storage, again, Storage()):
            assert np.array_equal(each.results.load(ref.cid), np.full(30_000, float(number)))
    with pytest.raises(UsageError, match="zip"):
        Storage(compression="zip")  # type: ignore[arg-type]


@op
def made_of(n: int) -> Any:
    return {"rows": [[n], [n]]}


@op
def spoils(table: Any) -> int:
    table["rows"][1].append(0)
    return len(table["rows"])


def test_it_is_said_where_an_argument_was_changed(storage: Storage) -> None:
    with storage, warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        spoils(made_of(1))
        spoils(made_of(2))
        spoils({"rows": [[1], [1]]})
    said = [str(each.message) for each in seen]
    assert said == [
        "calls of spoils are recorded, but not found again: it changes its argument table "
        "(at table['rows'][1]); let it work on a copy"
    ]
