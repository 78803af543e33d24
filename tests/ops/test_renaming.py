"""Names of ops, arguments and versions, as somebody types them: which are taken, which refused.

What is found under other names, process by process: `end_to_end/test_upkeep_in_a_repository.py`.
"""

from __future__ import annotations

from typing import Any

import pytest

from mandala_git import Storage, op
from mandala_git.errors import UsageError
from mandala_git.ops.upkeep import argument_name, other_key


@op
def one(n):
    return [n] * 30


@op
def two(xs):
    return [sum(xs)] * 30


@op
def never(n):
    return n


class Model:
    @op
    def fit(self):
        return 1


class Other:
    @op
    def fit(self):
        return 2


def test_calls_of_another_name(storage: Storage) -> None:
    with storage:
        refs = [two(one(n)) for n in range(3)]
    versions = storage.versions()
    with pytest.raises(UsageError, match="one is still there and finds its recorded calls") as said:
        storage.rename_func(one, "three")
    assert "Rename it in the code first" in said.value.hint
    assert storage.versions().equals(versions)
    assert storage.rename_func(one, "one") == 0
    with storage:
        assert [two(one(n)) for n in range(3)] == refs
    assert storage.executed == 6


@pytest.mark.parametrize(
    ("what", "name", "said"),
    [
        (one, "no name", "'no name' is no name of an op"),
        (one, "", "'' is no name of an op"),
        (one, 3, "3 is no name of an op"),
        (never, "new", "no calls of an op .*::never' are recorded"),
        ("never", "new", "no calls of an op 'never' are recorded"),
        ("fit", "train", r"'fit' means 2 ops: .*::Model\.fit, .*::Other\.fit"),
        ("two", "three", "no calls of two are recorded"),
    ],
)
def test_names_that_are_refused(storage: Storage, what: Any, name: Any, said: str) -> None:
    with storage:
        two(one(1))
        Model().fit(), Other().fit()
    storage.drop_calls(two)
    before = storage.versions()
    with pytest.raises(UsageError, match=said) as caught:
        storage.rename_func(what, name)
    assert caught.value.hint
    assert storage.versions().equals(before)


def test_the_key_of_another_name() -> None:
    assert other_key("a/b.py::f", "g") == "a/b.py::g"
    assert other_key("a/b.py::Model.fit", "train") == "a/b.py::Model.train"
    assert other_key("a/b.py::Model.fit", "Other.train") == "a/b.py::Other.train"
    assert other_key("a/b.py::f.<locals>.g", "h") == "a/b.py::f.<locals>.h"
    assert other_key("a/b.py::f", "c.py::g") == "c.py::g"


def test_names_of_arguments(storage: Storage) -> None:
    with storage:
        one(1)
    for name in ("", "no name", 3, "a.", ".a"):
        with pytest.raises(UsageError, match="is no name of an argument"):
            storage.rename_arg(one, "n", name)  # type: ignore[arg-type]
    for name in ("m", "args.0", "options.size"):
        assert argument_name(name) == name
    with pytest.raises(UsageError, match="no calls of an op 'three'"):
        storage.rename_arg("three", "n", "m")
    assert storage.rename_arg(one, "absent", "m") == 0
    assert storage.rename_arg(one, "n", "k") == 1
    assert storage.rename_arg("one", "k", "m") == 1
    assert list(storage.table(one)["m"]) == [1]


def test_a_call_is_recorded_again_under_the_name_that_the_code_has(storage: Storage) -> None:
    """Its history is that of the renamed one, which nobody finds now."""
    with storage:
        before = one(1)
    assert storage.rename_arg(one, "n", "mistyped") == 1
    for _ in range(2):
        storage._memo.forget()
        with storage:
            assert one(1) == before
            two(one(1))
    assert storage.executed == 3
    assert list(storage.versions()["calls"]) == [2, 1]
    assert storage.verify()[:3] == ({}, {}, {})
    with storage.delete() as deletion:
        one(1)
    assert deletion.total == 2


def test_versions_and_dropping_them(storage: Storage) -> None:
    with storage:
        for n in range(3):
            two(one(n))
    frame = storage.versions()
    assert list(frame.columns) == [
        "op", "version", "calls", "seconds", "size", "last", "commit", "belongs"
    ]  # fmt: skip
    assert [key.rpartition("::")[2] for key in frame["op"]] == ["one", "two"]
    assert list(frame["calls"]) == [3, 3]
    assert list(frame["belongs"]) == ["yes", "yes"]
    assert all(frame["size"] > 3 * 30)
    version = frame["version"][0]
    would = storage.drop_version(version, dry_run=True)
    assert repr(would).startswith("would delete 6 calls")
    assert storage.versions().equals(frame)
    assert storage.drop_version(frame["version"][1][:6]).total == 3
    assert list(storage.versions()["calls"]) == [3]
    with storage:
        two(one(1))
    assert storage.executed == 7
    assert storage.drop_version(version.upper()).total == 4
    assert len(storage.versions()) == 0
    with pytest.raises(UsageError, match="no recorded calls have a version") as caught:
        storage.drop_version(version)
    assert "storage.versions()" in caught.value.hint
    with pytest.raises(UsageError, match="3 names no version"):
        storage.drop_version(3)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no calls of an op 'three'"):
        storage.versions("three")
    with storage:
        one(1)
    assert len(storage.versions("one")) == len(storage.versions(one)) == 1
