"""Special arguments and outputs: what is part of a call, and what a function gets."""

from __future__ import annotations

import time
from typing import Any

import pytest
from seeing import SEEN, see

from mandala_git import Ignore, NewArgDefault, Storage, Transient, ValuePointer, op
from mandala_git.errors import MandalaWarning, UnhashableValue, UsageError, ValueLost


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    SEEN.clear()


# -- Ignore ------------------------------------------------------------------------------------


@op
def work(x: Any, how: Any = None, *rest: Any, **options: Any) -> Any:
    see(how, rest, options)
    return x * 10


def test_what_is_ignored_is_passed_and_does_not_count(storage: Storage) -> None:
    with storage:
        first = work(1, Ignore("a"))
        assert SEEN == [("a", (), {})]
        assert work(1, Ignore("b")) == work(1, how=Ignore(object())) == first
        assert len(SEEN) == 1
        other = work(2, Ignore("b"))  # the value of this call, not of the one that was recorded
        assert SEEN[1:] == [("b", (), {})]
    assert [storage.unwrap(ref) for ref in (first, other)] == [10, 20]


def test_an_ignored_argument_is_none_that_is_passed(storage: Storage) -> None:
    with storage:
        work(1, Ignore("a"))
        work(1, "a")
        work(1)
        work(1, None)
    assert [how for how, _, _ in SEEN] == ["a", "a", None]


def test_which_argument_is_left_counts(storage: Storage) -> None:
    with storage:
        work(1, Ignore(2), 3)
        work(1, 3, Ignore(2))
        work(1, Ignore(2), Ignore(3))
        work(1, Ignore(2))
        work(1, Ignore(2), a=3)
        work(1, Ignore(2), a=Ignore(3))
    assert len(SEEN) == 4


def test_a_ref_that_is_ignored_is_loaded(storage: Storage) -> None:
    with storage:
        ref = work(4)
        work(1, Ignore(ref))
        work(2, Ignore([ref, {"a": ref}]))
    assert SEEN[1:] == [(40, (), {}), ([40, {"a": 40}], (), {})]


def test_what_has_no_id_may_be_ignored(storage: Storage) -> None:
    with storage, open(__file__) as file:
        assert storage.unwrap(work(1, Ignore(file))) == 10
        assert SEEN[0][0] is file


def grow(x: Any, cache: Any) -> Any:
    cache.append(x)
    return x


def test_what_is_ignored_may_be_changed(storage: Storage) -> None:
    cache: list[int] = []
    made = op(ignore_args=["cache"])(grow)
    with storage:
        made(1, cache)
        made(1, cache)
        made(2, cache)
    assert cache == [1, 2]


@op
def told(x: Any, verbose: Any = Ignore(True)) -> Any:  # noqa: B008 - what it is for
    see(verbose)
    return x


def test_an_ignored_default_holds_where_nothing_is_passed(storage: Storage) -> None:
    with storage:
        told(1)
        told(1)
        told(1, Ignore(False))
        told(1, True)  # this is an argument like any other
        told(1, verbose=False)
    assert SEEN == [(True,), (True,), (False,)]


def test_special_defaults_are_plain_outside_a_block() -> None:
    assert told(1) == 1
    assert told(2, Ignore("x")) == 2
    assert late(1) == (1, 0)
    assert late(1, ValuePointer("p", 5)) == (1, 5)
    assert SEEN == [(True,), ("x",), (1, 0), (1, 5)]


@pytest.mark.parametrize(
    "names", ["x", ["nobody"], [1], ["how", "nobody"]], ids=["string", "other", "number", "one"]
)
@pytest.mark.parametrize("setting", ["ignore_args", "unstored_args"])
def test_names_of_no_argument(setting: str, names: Any) -> None:
    def f(x: Any, how: Any) -> None: ...

    with pytest.raises(UsageError, match=setting) as caught:
        op(**{setting: names})(f)
    assert caught.value.hint


def test_ignored_by_name(storage: Storage) -> None:
    made = op(ignore_args=("how", "rest", "slow"))(work.func)
    with storage:
        for how, rest, options in [
            (1, (), {}),
            (2, (3,), {"slow": 1}),
            (Ignore(5), (4, 5), {"slow": 2}),
        ]:
            assert storage.unwrap(made(7, how, *rest, **options)) == 70
        assert SEEN == [(1, (), {})]
        assert storage.unwrap(made(7, 1, slow=1, fast=2)) == 70
        assert storage.unwrap(made(7, 1, fast=2, slow=9)) == 70
        assert SEEN[1:] == [(1, (), {"slow": 1, "fast": 2})]
        made(7, 1, b=1, slow=0, a=1)
        made(7, 1, slow=0, b=1, a=1)
        made(7, 1, a=1, b=1)
    assert len(SEEN) == 4


def test_ignoring_all_options(storage: Storage) -> None:
    made = op(ignore_args=["options"])(work.func)
    with storage:
        made(1, b=1, a=1)
        made(1, a=1, b=1)
        made(1, c=3)
        made(1)
    assert SEEN == [(None, (), {"b": 1, "a": 1})]


def test_ignore_inside_an_argument_is_refused(storage: Storage) -> None:
    with storage, pytest.raises(UsageError, match="inside another argument"):
        work([1, Ignore(2)])


# -- NewArgDefault -------------------------------------------------------------------------------


@op(nout=1)
def late(x: Any, a: Any = NewArgDefault(0)) -> Any:  # noqa: B008
    see(x, a)
    return x, a


def test_the_function_gets_the_default_itself(storage: Storage) -> None:
    with storage:
        zero = work(0)
        assert storage.unwrap(late(1)) == (1, 0)
        assert storage.unwrap(late(1, 0)) == (1, 0)
        assert storage.unwrap(late(1, a=zero)) == (1, 0)
        assert storage.unwrap(late(1, NewArgDefault(0))) == (1, 0)
        assert storage.unwrap(late(1, False)) == (1, False)
        assert storage.unwrap(late(1, 0.0)) == (1, 0.0)
    assert [each for each in SEEN if len(each) == 2] == [(1, 0), (1, False), (1, 0.0)]


# -- ValuePointer --------------------------------------------------------------------------------


class Opaque:
    """Something without a content id."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __reduce__(self) -> Any:
        raise TypeError("never")


@op
def measure(thing: Any) -> Any:
    see(thing)
    return thing.size if isinstance(thing, Opaque) else str(type(thing))


def test_a_pointer_is_its_name(storage: Storage) -> None:
    small, large = Opaque(1), Opaque(2)
    with storage:
        assert storage.unwrap(measure(ValuePointer("a", small))) == 1
        assert storage.unwrap(measure(ValuePointer("a", large))) == 1  # as its user wants it
        assert storage.unwrap(measure(ValuePointer("b", large))) == 2
        assert storage.unwrap(measure("a")) == "<class 'str'>"
    assert [(small,), (large,), ("a",)] == SEEN
    table = storage.table(measure)
    assert [repr(each) for each in table["thing"]][:2] == [
        "ValuePointer('a', None)",
        "ValuePointer('b', None)",
    ]


@pytest.mark.parametrize(
    ("wrap", "seen"),
    [
        (lambda p: [1, p], lambda o: [1, o]),
        (lambda p: {"k": (p, 2)}, lambda o: {"k": (o, 2)}),
        (lambda p: {p}, lambda o: {o}),
    ],
    ids=["list", "dict", "set"],
)
def test_pointers_inside_containers(storage: Storage, wrap: Any, seen: Any) -> None:
    one, two = Opaque(1), Opaque(2)
    with storage:
        first = measure(wrap(ValuePointer("a", one)))
        assert measure(wrap(ValuePointer("a", two))) == first
        assert seen(one) == SEEN[0][0]
        measure(wrap(ValuePointer("b", two)))
        measure(wrap("a"))
    assert len(SEEN) == 3


def test_a_pointer_beside_a_ref(storage: Storage) -> None:
    thing = Opaque(3)
    with storage:
        ref = work(4)
        SEEN.clear()
        measure([ref, ValuePointer("a", thing)])
        measure([ref, ValuePointer("a", None)])
        measure(ValuePointer("r", ref))
    assert [([40, thing],), (40,)] == SEEN


@op
def add(things: Any) -> Any:
    things[0].append(1)
    return len(things)


def test_a_change_beside_a_pointer_is_seen(storage: Storage) -> None:
    with storage:
        with pytest.warns(MandalaWarning, match="changes its argument things"):
            add([[], ValuePointer("a", None)])
        before = storage.executed
        add([[], ValuePointer("a", None)])
    assert storage.executed == before + 1


@op
def pointed(x: Any, thing: Any = ValuePointer("t", [1])) -> Any:  # noqa: B008
    return [x, thing]


@op
def points(x: Any) -> Any:
    return ValuePointer("same", x)


@op
def points_inside(x: Any) -> Any:
    return {"a": ValuePointer("same", x)}


def test_a_pointer_as_a_default(storage: Storage) -> None:
    assert pointed(1) == [1, [1]]
    with storage:
        for _ in range(2):
            assert storage.unwrap(pointed(1)) == [1, [1]]
            assert storage.unwrap(pointed(1, ValuePointer("u", [2]))) == [1, [2]]
    assert storage.executed == 2


@pytest.mark.parametrize("made", [points, points_inside])
def test_a_pointer_is_no_output(storage: Storage, made: Any) -> None:
    """Two outputs of one name would be one value."""
    with storage, pytest.raises(UnhashableValue, match="is an argument"):
        made(1)


@op
def wrapped(x: Any) -> Any:
    return [Ignore(x), NewArgDefault(x)]


def test_what_is_returned_is_never_ignored(storage: Storage) -> None:
    with storage:
        first, second = wrapped(1), wrapped(2)
        assert first.cid != second.cid
        assert [repr(each.value) for each in (first, second)] == [
            "[Ignore(1), NewArgDefault(1)]",
            "[Ignore(2), NewArgDefault(2)]",
        ]


def test_a_pointer_has_a_name() -> None:
    with pytest.raises(UsageError, match="no string"):
        ValuePointer(3, 4)  # type: ignore[arg-type]


# -- inputs that are not stored -------------------------------------------------------------------


def test_inputs_out_of_storage(storage: Storage) -> None:
    made = op(unstored_args=["how", "rest", "k"])(work.func)
    with storage:
        made(1, [2], (3,), k=[4], m=[5])
        made(1, [2], (3,), k=[4], m=[5])
        made(1, [0], (3,), k=[4], m=[5])
    assert len(SEEN) == 2
    record = storage.results.calls_of([row for row, _ in storage.results.ops()])[0]
    kept = {name: storage.results.has_value(edge.cid) for name, edge in record.inputs.items()}
    assert kept == {
        "x": True, "how": False, "rest.0": False, "options.k": False, "options.m": True,
    }  # fmt: skip


# -- Transient -----------------------------------------------------------------------------------


@op
def frame(n: Any) -> Any:
    see(n)
    return Transient(list(range(n))), n


@op
def size(values: Any) -> Any:
    see("size")
    return len(values)


@op
def inside(n: Any) -> Any:
    values, _ = frame(n)
    return len(values)


def test_a_transient_output_is_found_and_not_stored(storage: Storage) -> None:
    with storage:
        values, n = frame(3)
        assert storage.unwrap((values, n)) == ([0, 1, 2], 3)
        again, n = frame(3)
        assert again == values  # by what they are: neither is loaded
        assert storage.unwrap(n) == 3
        assert not again.in_memory
        assert storage.unwrap(size(values)) == 3
        assert storage.unwrap(size(again)) == 3  # found without the value
    assert SEEN == [(3,), ("size",)]
    assert not storage.results.has_value(values.cid)
    assert list(storage.table(frame).columns[:3]) == ["n", "output_0", "output_1"]


def test_who_needs_it_again_has_to_say_so(storage: Storage) -> None:
    with storage:
        frame(3)
    with storage:
        values, _ = frame(3)
        with pytest.raises(ValueLost, match="an output of frame is not stored") as caught:
            size(values)
        assert "recompute_transient" in caught.value.hint
        with pytest.raises(ValueLost, match="not stored"):
            storage.unwrap(values)
    assert SEEN == [(3,)]
    with storage(recompute_transient=True):
        assert storage.unwrap(values) == [0, 1, 2]
        assert storage.unwrap(size(values)) == 3
        assert storage.unwrap(size(frame(3)[0])) == 3
    assert SEEN == [(3,), (3,), ("size",)]
    assert not storage.results.has_value(values.cid)


def test_ops_inside_ops_get_it_made_again(storage: Storage) -> None:
    with storage:
        frame(3)
        with pytest.raises(ValueLost, match="not stored"):
            inside(3)
    with storage(recompute_transient=True):
        assert storage.unwrap(inside(3)) == 3
    assert storage.unwrap(inside.func(2)) == 2


@op
def moody(n: Any) -> Any:
    see(n)
    return Transient([n, time.perf_counter_ns()])


def test_it_must_come_out_the_same(storage: Storage) -> None:
    with storage:
        moody(1)
        ref = moody(1)
    with storage(recompute_transient=True), pytest.raises(ValueLost, match="another value"):
        storage.unwrap(ref)


@op
def opaque(n: Any) -> Any:
    see(n)
    return Transient(Opaque(n), unhashable=True)


@op
def broken(n: Any) -> Any:
    return [Transient(n)]


def test_it_may_have_no_id(storage: Storage) -> None:
    with storage:
        first, second = opaque(1), opaque(2)
        assert first.cid != second.cid
        assert storage.unwrap(measure(first)) == 1
        assert storage.unwrap(measure(second)) == 2
    SEEN.clear()
    with storage(recompute_transient=True):
        again = opaque(1)
        assert again.cid == first.cid
        assert storage.unwrap(measure(again)) == 1
        assert SEEN == []
        assert storage.unwrap(again).size == 1
        assert SEEN == [(1,)]
        assert storage.unwrap(measure(again)) == 1  # still the same, to all that can be told
        assert not storage.results.has_value(again.cid)


def test_it_is_an_output_of_its_own(storage: Storage) -> None:
    with storage, pytest.raises(UnhashableValue, match="output of its own"):
        broken(1)
    assert frame(2) == ([0, 1], 2)  # outside a block it is nothing special
