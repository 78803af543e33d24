"""Registered types: what instances stand for, and how they are stored, wherever they are."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mandala_git import register_type
from mandala_git.errors import UnhashableValue, UnstorableValue, UsageError, ValueLost
from mandala_git.results import codecs, custom
from mandala_git.results.ids import Found, cid, rounded_cid
from mandala_git.results.values import ValueFiles

ROOT = Path(__file__).resolve().parents[2]


class Handle:
    """Neither pickle nor an id can be made of it."""

    def __init__(self, name: str, weights: Any = None) -> None:
        self.name, self.weights = name, weights
        self.lock = threading.Lock()


class Special(Handle):
    pass


@pytest.fixture(autouse=True)
def nothing_registered() -> Iterator[None]:
    before = dict(custom.CUSTOM)
    yield
    custom.CUSTOM.clear()
    custom.CUSTOM.update(before)


def round_trip(folder: Path, value: Any, **options: Any) -> Any:
    encoded = codecs.encode(value, **options)
    if encoded.data is not None:
        return codecs.decode(encoded.codec, encoded.data)
    files = ValueFiles(folder)
    files.write(cid(value), encoded)
    return files.read(cid(value), encoded.codec)


def test_what_is_not_registered_is_refused() -> None:
    with pytest.raises(UnhashableValue, match="lock"):
        cid([Handle("a")])
    with pytest.raises(UnstorableValue, match=r"value\[0\]\.lock"):
        codecs.encode([Handle("a")])


def test_hash_says_what_an_instance_stands_for() -> None:
    register_type(Handle, hash=lambda handle: handle.name)
    found = Found()
    assert cid([Handle("a")], found=found) == cid([Handle("a")])
    assert (__name__, "Handle") in found.names
    assert cid(Handle("a")) != cid(Handle("b"))
    assert cid(Handle("a")) != cid("a")
    assert rounded_cid(Handle("a"), 3) == rounded_cid(Handle("a"), 3)
    with pytest.raises(UnstorableValue):
        codecs.encode(Handle("a"))


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_encode_and_decode_reach_parts(tmp_path: Path, compression: str | None) -> None:
    register_type(Handle, encode=lambda h: (h.name, h.weights), decode=lambda s: Handle(*s))
    big = np.arange(50_000.0)
    for value in (
        Handle("a"),
        {"in": [Handle("b", [1])]},
        {"in": [Handle("c", big)], "also": big[::2]},
    ):
        loaded = round_trip(tmp_path, value, compression=compression)
        assert type(loaded) is type(value)
        assert cid(loaded) == cid(value)
    assert cid(Handle("a", big)) != cid(Handle("a", big + 1))
    shared = Handle("a")
    one, other = round_trip(tmp_path, [shared, shared])
    assert one is other


def test_subclasses_count_only_when_asked() -> None:
    register_type(Handle, hash=lambda handle: handle.name)
    with pytest.raises(UnhashableValue):
        cid(Special("a"))
    register_type(Handle, hash=lambda handle: handle.name, subclasses=True)
    assert cid(Special("a")) == cid(Special("a"))
    assert cid(Special("a")) != cid(Handle("a"))
    register_type(Special, hash=lambda handle: 1)
    assert cid(Special("a")) == cid(Special("b"))


def test_a_stand_in_must_be_something_else() -> None:
    register_type(Handle, hash=lambda handle: handle)
    with pytest.raises(UnhashableValue, match="must return a value of another type"):
        cid(Handle("a"))
    register_type(Handle, encode=lambda h: Handle(h.name), decode=lambda s: s)
    with pytest.raises(UnstorableValue, match="must return a value of another type"):
        codecs.encode(Handle("a"))

    class Own:
        def __mandala_hash__(self) -> object:
            return self

    with pytest.raises(UnhashableValue, match="must return a value of another type"):
        cid(Own())


def test_a_function_that_fails_is_named_with_the_path() -> None:
    register_type(Handle, hash=lambda handle: handle.missing)
    with pytest.raises(UnhashableValue, match=r"value\['k'\].*AttributeError.*missing"):
        cid({"k": Handle("a")})
    register_type(Handle, encode=lambda handle: handle.missing, decode=lambda state: state)
    with pytest.raises(UnstorableValue, match=r"value\['k'\].*missing"):
        codecs.encode({"k": Handle("a")})


@pytest.mark.parametrize(
    ("cls", "functions", "said"),
    [
        ("Handle", {"hash": len}, "wants a class"),
        (dict, {"hash": len}, "rules of its own"),
        (str, {"hash": len}, "rules of its own"),
        (type, {"hash": len}, "rules of its own"),
        (Handle, {}, "says nothing"),
        (Handle, {"encode": len}, "belong together"),
        (Handle, {"decode": len}, "belong together"),
        (Handle, {"hash": "name"}, "no function"),
    ],
)
def test_bad_registrations(cls: Any, functions: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        register_type(cls, **functions)
    assert caught.value.hint


PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from mandala_git.errors import ValueLost
from mandala_git.results import codecs
data = sys.stdin.buffer.read()
try:
    print(codecs.decode(codecs.PICKLE, data).name)
except ValueLost as error:
    print("lost", error)
"""
DEFINED = """
from mandala_git import register_type
class Thing:
    def __init__(self, name): self.name = name
"""
REGISTERED = "register_type(Thing, encode=lambda t: t.name, decode=Thing)\n"


def test_another_process_finds_the_registration_where_the_class_is(tmp_path: Path) -> None:
    def read(data: bytes) -> str:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(tmp_path)],
            input=data,
            cwd=ROOT,
            capture_output=True,
        )
        assert not done.stderr, done.stderr
        return done.stdout.decode()

    (tmp_path / "things.py").write_text(DEFINED + REGISTERED)
    sys.path.insert(0, str(tmp_path))
    try:
        from things import Thing  # type: ignore[import-not-found]
    finally:
        sys.path.remove(str(tmp_path))
    data = codecs.encode(Thing("x")).data
    assert data is not None
    assert read(data) == "x\n"
    (tmp_path / "things.py").write_text(DEFINED + "# moved elsewhere\n")
    said = read(data)
    assert said.startswith("lost") and "things:Thing" in said and "register_type" in said
    with pytest.raises(ValueLost):
        custom.decoded("no_such_module:C", 1)
