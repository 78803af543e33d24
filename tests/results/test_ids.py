"""Content ids: equal for equal contents, different for whatever a function could tell apart."""

from __future__ import annotations

import copy
import datetime as dt
import decimal
import enum
import fractions
import functools
import math
import operator
import os
import pathlib
import pickle
import re
import subprocess
import sys
import textwrap
import types
import uuid
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mandala_git.errors import UnhashableValue
from mandala_git.results.ids import (
    Found,
    call_hid,
    cid,
    lookup_key,
    output_hid,
    set_namer,
    value_hid,
)

pytestmark = pytest.mark.sweep

ROOT = Path(__file__).resolve().parents[2]

atoms = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    st.text(),
    st.characters(categories=["Cs"]),
    st.binary(),
    st.decimals(),
    st.fractions(),
    st.dates(),
    st.datetimes(),
    st.timedeltas(),
    st.uuids(),
)
keys = st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.binary())
values = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner),
        st.lists(inner).map(tuple),
        st.dictionaries(keys, inner),
        st.sets(keys),
        st.frozensets(keys),
    ),
    max_leaves=25,
)


def spelled(value: Any) -> Any:
    """A value as nested plain data that compares equal only where ids must be equal."""
    kind = type(value).__name__
    if isinstance(value, float):
        return kind, value.hex() if value == value else "nan"
    if isinstance(value, complex):
        return kind, spelled(value.real), spelled(value.imag)
    if isinstance(value, decimal.Decimal):
        return kind, str(value)
    if isinstance(value, dict):
        return kind, tuple((spelled(k), spelled(v)) for k, v in value.items())
    if isinstance(value, set | frozenset):
        return kind, frozenset(map(spelled, value))
    if isinstance(value, list | tuple):
        return kind, tuple(map(spelled, value))
    return kind, repr(value)


@given(values)
@settings(max_examples=150, deadline=None)
def test_copies_have_the_same_id(value: Any) -> None:
    assert cid(value) == cid(copy.deepcopy(value))
    assert cid(value) == cid(pickle.loads(pickle.dumps(value, 5)))
    assert cid([value, value]) == cid([value, copy.deepcopy(value)])
    assert len(cid(value)) == 16


@given(values, values)
@settings(max_examples=300, deadline=None)
def test_ids_differ_exactly_where_contents_do(one: Any, other: Any) -> None:
    assert (cid(one) == cid(other)) == (spelled(one) == spelled(other))


@given(st.lists(values, max_size=4), st.lists(values, max_size=4))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_concatenation_is_not_ambiguous(one: list[Any], other: list[Any]) -> None:
    assert (cid([one, other]) == cid([one + other])) is False
    assert (cid((one, other)) == cid((other, one))) == (spelled(one) == spelled(other))


class Color(enum.Enum):
    RED = 1
    ROSE = 2


class Shade(enum.IntEnum):
    RED = 1


class Bits(enum.Flag):
    A = 1
    B = 2


class Word(str):
    pass


class Slots:
    __slots__ = ("a", "b")

    def __init__(self, a: Any, b: Any) -> None:
        self.a, self.b = a, b


class Plain:
    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)


class Other(Plain):
    pass


@dataclass
class Point:
    x: Any
    y: Any = 0


@dataclass(frozen=True, slots=True)
class Frozen:
    x: Any
    tags: frozenset[str] = field(default_factory=frozenset)


Pair = namedtuple("Pair", "a b")
Twin = namedtuple("Twin", "a b")


class Items(list[Any]):
    pass


class Bag(set[Any]):
    pass


LOOK_ALIKES: list[Any] = [
    None, False, True, 0, 1, -1, 0.0, -0.0, 1.0, math.nan, math.inf, -math.inf, 0j, 1 + 0j,
    complex(0.0, -0.0), complex(-0.0, 0.0), "", "1", "1.0", "None", b"", b"1", bytearray(b"1"),
    2**63, -(2**63), 2**63 - 1, 2**64, 256, 2**10000, -(2**10000), "\ud800", "é", "e\u0301",
    "x" * 127, "x" * 128, "x" * 129, b"x" * 129, "x" * 100_000,
    (), [], {}, set(), frozenset(), (1,), [1], {1}, frozenset({1}), {1: None}, {"1": None},
    [[]], [()], ([],), ((),), [[], []], [[[]]], {1: 2, 3: 4}, {3: 4, 1: 2}, {1: 4, 3: 2},
    [1, 2, 3, 4], [(1, 2), (3, 4)], OrderedDict({1: 2, 3: 4}), defaultdict(int, {1: 2, 3: 4}),
    defaultdict(float, {1: 2, 3: 4}), Counter([1]), deque([1]), deque([1], maxlen=2),
    range(3), range(0, 3, 2), [0, 1, 2], slice(0, 3), slice(None, 3), ..., NotImplemented,
    decimal.Decimal(1), decimal.Decimal("1.0"), decimal.Decimal("-0"), fractions.Fraction(1),
    fractions.Fraction(1, 2), uuid.UUID(int=1), pathlib.PurePosixPath("a"), pathlib.Path("a"),
    pathlib.PureWindowsPath("a"), "a", re.compile("a"), re.compile("a", re.I), re.compile(b"a"),
    dt.date(2020, 1, 1), dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 1, fold=1),
    dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2020, 1, 1, microsecond=1), dt.time(1),
    dt.datetime(2020, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1))), dt.timedelta(1),
    dt.timedelta(0, 1), dt.UTC,
    Color.RED, Color.ROSE, Shade.RED, Bits.A, Bits.A | Bits.B, Bits(0), Word("1"),
    Slots(1, 2), Slots(2, 1), Plain(a=1, b=2), Plain(b=2, a=1), Plain(a=1), Other(a=1, b=2), Plain(),
    Point(1), Point(1, 1), Point(1.0), Frozen(1), Frozen(1, frozenset("a")), Pair(1, 2),
    Twin(1, 2), (1, 2), [1, 2], Items([1, 2]), Bag({1, 2}), {1, 2},
    np.int64(1), np.int32(1), np.float64(1), np.float32(1), np.bool_(True), np.str_("1"),
    np.datetime64("2020-01-01"), np.datetime64("2020-01-01", "s"), np.datetime64("NaT", "s"),
    np.array(1), np.array([1]), np.array([[1]]), np.array([1], "i4"), np.array([1.0]),
    np.array([True]), np.array([1], ">i8"), np.array([1], "u8"), np.array(["1"]), np.array([b"1"]),
    np.array([], "i8"), np.array([], "f8"), np.zeros((0, 2)), np.zeros((2, 0)), np.array([-0.0]),
    np.array([0.0]), np.array([math.nan]), np.array([1], object), np.array([1.0], object),
    np.array([[1], [2]], object), np.array([1, 2], object), np.array([1], "m8[s]"),
    np.array([1], "m8[ms]"), np.array([1], "M8[s]"), np.array([(1,)], [("a", "i8")]),
    np.array([(1,)], [("b", "i8")]), np.array([(1,)], [("a", "i4")]), np.dtype("i8"),
    np.array([1], np.longdouble), np.array([1], np.clongdouble), np.array([1], "f2"),
    np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 2], mask=[1, 0]), np.ma.array([1, 2]),
    np.random.RandomState(0), np.random.RandomState(1), np.random.default_rng(0),
    len, max, math.sin, np.sin, np.cos, operator.add, [].append, [1].append, "".join, str.upper,
    str, int, Point, Pair, Color, functools.partial(max, 1), functools.partial(max, 2),
    functools.partial(max, 1, key=abs), Point(1).__eq__, Point(2).__eq__, math, os,
    operator.itemgetter(1), operator.attrgetter("a"),
]  # fmt: skip


def test_look_alikes_differ() -> None:
    seen: dict[bytes, Any] = {}
    for value in LOOK_ALIKES:
        this = cid(value)
        assert this not in seen, (value, seen[this])
        seen[this] = value


@pytest.mark.parametrize(
    "value", LOOK_ALIKES, ids=lambda value: re.sub(" at 0x.*", "", repr(value), flags=re.I)[:40]
)
def test_look_alikes_survive_a_round_trip(value: Any) -> None:
    found = Found()
    this = cid(value, found=found)
    assert cid(value) == this
    if not isinstance(value, types.ModuleType):
        assert cid(pickle.loads(pickle.dumps(value, 5))) == this
    assert found.fallbacks == []


def test_a_nan_is_itself_by_bits() -> None:
    assert cid(math.nan) == cid(float("nan"))
    assert cid(math.nan) != cid(-math.nan)


# arrays ---------------------------------------------------------------------------------------


def test_layout_does_not_matter() -> None:
    array = np.arange(60.0).reshape(3, 4, 5)
    wide = np.zeros((6, 4, 10))
    wide[::2, :, ::2] = array
    for same in (np.asfortranarray(array), wide[::2, :, ::2], array[::-1][::-1], array.copy()):
        assert cid(same) == cid(array)
    assert cid(array.T) != cid(array)
    assert cid(array.reshape(-1)) != cid(array)


def test_large_and_strided_arrays_hash_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    from mandala_git.results import arrays

    array = np.arange(30_000).reshape(100, 300)
    expected = cid(array)
    monkeypatch.setattr(arrays, "CHUNK", 5_000)
    assert cid(np.asfortranarray(array)) == expected


def test_padding_is_not_content() -> None:
    dtype = np.dtype([("a", "i1"), ("b", "i8")], align=True)
    raw_one, raw_two = bytearray(16), bytearray(b"\xff" * 16)
    one, two = np.frombuffer(raw_one, dtype), np.frombuffer(raw_two, dtype)
    one["a"], one["b"], two["a"], two["b"] = 1, 2, 1, 2
    assert raw_one != raw_two
    assert cid(one) == cid(two)
    long_one, long_two = (
        np.frombuffer(bytearray(16), np.longdouble),
        np.frombuffer(bytearray(b"\xff" * 16), np.longdouble),
    )
    long_one[...], long_two[...] = 1.5, 1.5
    assert cid(long_one) == cid(long_two)


def test_objects_in_arrays_and_fields() -> None:
    one = np.array([("x", [1])], [("a", "U3"), ("b", object)])
    two = np.array([("x", [2])], [("a", "U3"), ("b", object)])
    assert cid(one) == cid(copy.deepcopy(one))
    assert cid(one) != cid(two)
    assert cid(np.array([None, one], object)) != cid(np.array([None, two], object))


def test_metadata_of_a_dtype_counts() -> None:
    assert cid(np.zeros(2, np.dtype("f8", metadata={"unit": "m"}))) != cid(np.zeros(2))


def test_a_memory_map_is_its_array(tmp_path: Path) -> None:
    array = np.arange(10)
    np.save(tmp_path / "a.npy", array)
    assert cid(np.load(tmp_path / "a.npy", mmap_mode="r")) == cid(array)


def test_an_array_is_hashed_without_a_copy() -> None:
    import tracemalloc

    array = np.zeros(4_000_000)
    cid(array)
    tracemalloc.start()
    cid(array)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


# sharing and cycles ---------------------------------------------------------------------------


def test_sharing_leaves_no_trace() -> None:
    part = [1, 2]
    inner = {"k": part, "l": part}
    assert cid([inner, inner, part]) == cid([copy.deepcopy(inner), inner, [1, 2]])
    shared = Plain(x=part)
    assert cid([shared, part]) == cid([Plain(x=[1, 2]), [1, 2]])


def test_sharing_costs_no_time() -> None:
    value: list[Any] = []
    for _ in range(200):
        value = [value, value]
    assert len(cid(value)) == 16


def test_deep_nesting_is_no_recursion() -> None:
    value: Any = 1
    for _ in range(50_000):
        value = [value]
    assert len(cid(value)) == 16
    try:
        assert cid({"x": value}) == cid({"x": value})
    finally:
        while isinstance(value, list):  # freed level by level
            value = value.pop()


def ring(length: int, payload: Any = None) -> list[Any]:
    first: list[Any] = [payload]
    last = first
    for _ in range(length - 1):
        last.append([payload])
        last = last[1]
    last.append(first)
    return first


def test_cycles() -> None:
    for length in (1, 2, 3, 5):
        assert cid(ring(length)) == cid(ring(length)) == cid(copy.deepcopy(ring(length)))
    assert len({cid(ring(length)) for length in range(1, 6)}) == 5
    assert cid(ring(2, 0)) != cid(ring(2, 1))
    one = ring(3)
    assert cid([one, one[1]]) == cid([copy.deepcopy(one), copy.deepcopy(one)[1]])
    assert cid([one, one]) == cid([one, ring(3)])
    assert cid(ring(1)) != cid([None, [None]])


def test_parents_and_children() -> None:
    def tree() -> Plain:
        root = Plain(name="root", parent=None)
        vars(root)["children"] = [Plain(name=n, parent=root, children=[]) for n in "abc"]
        return root

    assert cid(tree()) == cid(tree())
    other = tree()
    vars(vars(other)["children"][1])["name"] = "x"
    assert cid(other) != cid(tree())


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20))
@settings(max_examples=150, deadline=None)
def test_any_graph_of_lists_equals_its_copy(edges: list[tuple[int, int]]) -> None:
    def build() -> list[list[Any]]:
        nodes: list[list[Any]] = [[number] for number in range(8)]
        for a, b in edges:
            nodes[a].append(nodes[b])
        return nodes

    one, other = build(), build()
    assert cid(one) == cid(other)
    for a, b in zip(one, other, strict=True):
        assert cid(a) == cid(b) == cid(copy.deepcopy(a))
    # Whether parts are shared with the neighbour or not is no content.
    assert cid([one[0], one[1]]) == cid([build()[0], build()[1]])


def test_a_set_on_a_cycle_falls_back_to_its_pickle() -> None:
    thing = Plain()
    vars(thing)["friends"] = {thing}
    found = Found()
    assert len(cid([thing], found=found, path="argument 'x'")) == 16
    assert found.fallbacks
    assert found.fallbacks[0].startswith("argument 'x'")


# objects --------------------------------------------------------------------------------------


class Unstable:
    def __init__(self, value: Any, cache: Any) -> None:
        self.value, self.cache = value, cache

    def __mandala_hash__(self) -> object:
        return self.value


class Stateful:
    def __init__(self, kept: Any, dropped: Any) -> None:
        self.kept, self.dropped = kept, dropped

    def __getstate__(self) -> Any:
        return {"kept": self.kept}


class Handle:
    def __init__(self) -> None:
        self.lock = __import__("threading").Lock()


def test_a_class_may_say_what_it_stands_for() -> None:
    assert cid(Unstable(1, "a")) == cid(Unstable(1, "b")) != cid(Unstable(2, "a"))
    assert cid(Unstable(1, 0)) != cid(1)


def test_state_is_what_pickle_keeps() -> None:
    assert cid(Stateful(1, 2)) == cid(Stateful(1, 3)) != cid(Stateful(2, 2))


def test_sets_inside_instances() -> None:
    words = [f"w{i}" for i in range(50)]
    assert cid(Bag(words)) == cid(Bag(reversed(words)))
    words_backwards = sorted(words, reverse=True)
    assert cid(Plain(s=set(words))) == cid(Plain(s=set(words_backwards)))


def test_what_has_no_id_is_named_by_its_path() -> None:
    value = {"model": Plain(layers=[1, Plain(hook=Handle())])}
    with pytest.raises(UnhashableValue) as caught:
        cid(value, path="argument")
    assert "argument['model'].layers[1].hook.lock" in caught.value.message
    assert "lock" in caught.value.message
    assert caught.value.hint


def test_generators_have_no_id() -> None:
    def numbers() -> Iterator[int]:
        yield 1

    with pytest.raises(UnhashableValue):
        cid(numbers(), path="argument 'xs'")


def test_found_names_the_classes_and_functions_met() -> None:
    found = Found()
    cid([Other(f=textwrap.dedent, c=Point), {1: Color.RED}], found=found)
    module = __name__
    assert {
        (module, "Other"),
        (module, "Plain"),
        (module, "Point"),
        (module, "Color"),
    } <= found.names
    assert ("textwrap", "dedent") in found.names
    assert not any(name == "builtins" for name, _ in found.names)


def outer(k: int, default: int = 0) -> Any:
    def inner(x: int, d: int = default) -> int:
        return x + k + d

    return inner


def test_functions_made_in_a_function() -> None:
    assert cid(outer(1)) == cid(outer(1))
    assert cid(outer(1)) != cid(outer(2))
    assert cid(outer(1)) != cid(outer(1, 5))
    assert cid(outer) != cid(outer(1))
    pair = (lambda x: x + 1, lambda x: x + 2)
    assert cid(pair[0]) != cid(pair[1])
    assert cid(lambda x: x + 1) == cid(lambda x: x + 1)


def test_classes_made_in_a_function() -> None:
    def make(k: int) -> Any:
        class Local:
            def method(self) -> int:
                return k

        return Local

    assert cid(make(1)()) == cid(make(1)())
    assert cid(make(1)()) != cid(make(2)())
    assert cid(make(1)) != cid(make(2))


def test_classes_with_parts_of_all_kinds() -> None:
    def make(k: int) -> Any:
        class Local(enum.Enum):
            A = k
            B = 2

            @functools.cached_property
            def cached(self) -> int:
                return k

            @classmethod
            def made(cls) -> Any:
                return super().__new__

            @property
            def value_twice(self) -> int:
                return self.value * 2

        return Local

    assert cid(make(1).A) == cid(make(1).A)
    assert cid(make(1).A) != cid(make(1).B)
    assert cid(make(1).B) != cid(make(3).B)
    assert cid(make(1)(1)) == cid(make(1).A)


def test_a_namer_gives_project_keys() -> None:
    def namer(obj: Any) -> str | None:
        return f"t.py::{obj.__qualname__}" if obj.__module__ == __name__ else None

    bare = cid(Point(1)), cid(outer), cid(textwrap.dedent)
    previous = set_namer(namer)
    try:
        assert cid(Point(1)) != bare[0]
        assert cid(outer) != bare[1]
        assert cid(textwrap.dedent) == bare[2]
        assert cid(outer(1)) != cid(outer(2))
        outer.__defaults__, kept = (7,), outer.__defaults__
        changed = cid(outer)
        outer.__defaults__ = kept
        assert changed != cid(outer)
    finally:
        set_namer(previous)
    assert (cid(Point(1)), cid(outer), cid(textwrap.dedent)) == bare


@functools.lru_cache
def cached(x: int) -> int:
    return x


def test_cached_functions() -> None:
    assert cid(cached) == cid(cached)
    assert cid(cached) != cid(cached.__wrapped__)


# processes ------------------------------------------------------------------------------------

PROGRAM = """
import sys, datetime, decimal, pathlib
import numpy as np
from mandala_git.results.ids import cid
words = [f"w{i}" for i in range(40)]
class C: pass
c = C(); c.x = set(words); c.y = [c]
values = [
    set(words), frozenset(words), {"a": {w: i for i, w in enumerate(words)}}, {(1, "a"), (2, None)},
    [frozenset({w}) for w in words], {frozenset({"a", "b"}), frozenset({"c", "d"})},
    c, np.array(words), np.array([{w} for w in words], object), datetime.datetime(2020, 1, 1),
    decimal.Decimal("1.5"), pathlib.Path("a/b"), len, dict.fromkeys(words), words,
    type("Made", (), {"s": frozenset(words)})(),
]
print("".join(cid(v).hex() for v in values))
"""


def test_hash_seeds_and_processes() -> None:
    answers = set()
    for seed in ("0", "1", "2", "77"):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        answers.add(done.stdout)
    assert len(answers) == 1
    assert answers != {"\n"}


def test_ids_are_final() -> None:
    """The encoding is data at rest: a change here needs another scheme byte."""
    assert cid(None).hex() == NONE_ID
    assert cid({"a": [1, 2.5, "x", b"y", (True, None)]}).hex() == DICT_ID
    assert cid(np.arange(6).reshape(2, 3)).hex() == ARRAY_ID
    everything = [
        Color.RED, Plain(a=[1]), Slots(1, {"x"}), Point(1), pathlib.PurePosixPath("a/b"), dt.UTC,
        dt.datetime(2020, 1, 2, 3), decimal.Decimal("1.50"), fractions.Fraction(1, 3), len, str.upper,
        re.compile("a"), OrderedDict(a=1), ring(3, "x"), Bag("ab"),
        np.float32(1), np.array(["a", "b"]), np.array([(1, "x")], [("a", "i4"), ("b", "U2")]), 10**30,
    ]  # fmt: skip
    assert cid(everything).hex() == EVERYTHING_ID  # on every Python


NONE_ID = "033c6a6ff1314ba77e19ff2b3d03c37d"
DICT_ID = "b4984fcc85c9d087ac43ef68d04db913"
ARRAY_ID = "4f69ed13e52b0d495e2deed1070aba5f"
EVERYTHING_ID = "1ad91104f1f0cf1ddbc1ebce9e967efe"


# hids and keys --------------------------------------------------------------------------------


ids = st.binary(min_size=16, max_size=16)
given_calls = st.tuples(
    st.text(max_size=3),
    st.dictionaries(st.text(max_size=3), ids, max_size=3),
    st.binary(max_size=5),
)


@given(given_calls, given_calls)
def test_parts_are_kept_apart(
    one: tuple[str, dict[str, bytes], bytes], other: tuple[str, dict[str, bytes], bytes]
) -> None:
    ids = [call_hid(key, inputs.items(), version) for key, inputs, version in (one, other)]
    assert (ids[0] == ids[1]) == (one == other)
    keys = [lookup_key(inputs.items()) for _, inputs, _ in (one, other)]
    assert (keys[0] == keys[1]) == (one[1] == other[1])
    assert not {*ids} & {*keys}


def test_hids_of_today_are_those_of_yesterday() -> None:
    a, b = cid(1), cid(2)
    assert value_hid(a).hex() == "e9ad98023c7fa0539562c783c205ef37"
    assert output_hid(a, "output_0").hex() == "2e225133c44c5e4ad99d09df4a01c3bf"
    call = call_hid("p.py::f", [("y", b), ("x\udcff", a)], b"v" * 32)
    assert call.hex() == "d62c35200ad0bdf92324e443232d75a0"
    marked = call_hid("p.py::f", [("y", b), ("x\udcff", a)], b"v" * 32, b"key of the call.")
    assert marked == b"key " + call[:12]
    assert lookup_key([("y", b), ("x", a)]).hex() == "785fe9d2d29cc9cfb080bd1d97f15133"


def test_hids() -> None:
    a, b = cid(1), cid(2)
    # A value that has no content id is known by this of its history id: it must not lead back,
    # for it would be taken for a plain value then, whose history id follows from its content.
    hids = [a]
    for _ in range(4):
        hids.append(value_hid(hids[-1]))
    assert len({*hids}) == 5
    assert lookup_key([("x", a), ("y", b)]) == lookup_key([("y", b), ("x", a)])
    assert lookup_key([("x", a), ("y", b)]) != lookup_key([("x", b), ("y", a)])
    calls = {
        call_hid("f", [("x", a)], b"v"),
        call_hid("g", [("x", a)], b"v"),
        call_hid("f", [("y", a)], b"v"),
        call_hid("f", [("x", b)], b"v"),
        call_hid("f", [("x", a)], b"w"),
        call_hid("f", [], b"v"),
        lookup_key([("x", a)]),
    }
    assert len(calls) == 7
    call = calls.pop()
    assert output_hid(call, "output_0") != output_hid(call, "output_1")


@pytest.mark.parametrize("kind", ["KDTree", "BallTree"])
def test_a_tree_of_neighbours_is_the_same_when_it_was_asked(kind: str) -> None:
    neighbours = pytest.importorskip("sklearn.neighbors")
    points = np.arange(300.0).reshape(100, 3)
    tree = getattr(neighbours, kind)(points, leaf_size=5)
    before = cid(tree)
    tree.query(points[:7] + 0.1, k=2)
    assert tree.get_n_calls() > 0
    assert cid(tree) == before == cid(pickle.loads(pickle.dumps(tree)))
    assert cid(getattr(neighbours, kind)(points, leaf_size=6)) != before
    assert cid(getattr(neighbours, kind)(points + 1, leaf_size=5)) != before
    assert cid(getattr(neighbours, kind)(points, leaf_size=5, metric="chebyshev")) != before
