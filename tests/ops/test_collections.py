"""Containers as structural values: Refs with Refs in them, their ids, histories and storage."""

from __future__ import annotations

import asyncio
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import pytest
from seeing import SEEN, see

from mandala_git.errors import MandalaWarning, UnhashableValue, UnstorableValue, UsageError
from mandala_git.imports import (
    DictRef,
    Ignore,
    ListRef,
    MDict,
    MList,
    MSet,
    MTuple,
    NewArgDefault,
    Ref,
    SetRef,
    Storage,
    Transient,
    TupleRef,
    ValuePointer,
    noop,
    op,
    superop,
    unwrap,
)

if TYPE_CHECKING:
    from nowhere import Tree  # type: ignore[import-not-found]


# Ops that are made in a test belong to it, and it looks at what was seen.
pytestmark = pytest.mark.filterwarnings("ignore:.*SEEN .* has no content that can be compared")


class Leaf:
    """Something that can be changed in place."""

    def __init__(self, size: Any) -> None:
        self.size = size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Leaf) and self.size == other.size

    def __hash__(self) -> int:
        return hash(str(self.size))


@op
def grow(count: int, start: int = 0) -> MList[Tree]:
    see("grow", count, start)
    return [Leaf([k] * 20) for k in range(start, start + count)]


@op
def plant(size: int) -> Any:
    see("plant", size)
    return Leaf([size] * 20)


@op
def judge(trees: MList[Tree]) -> Any:
    see("judge", len(trees))
    return sum(tree.size[0] for tree in trees)


@op
def size(tree: Any) -> int:
    see("size", tree.size[0])
    return len(tree.size)


@op
def count(things: Any) -> int:
    see("count", len(things))
    return len(things)


def ran(what: str) -> int:
    return sum(each[0] == what for each in SEEN)


def test_a_list_is_a_ref_of_refs(storage: Storage) -> None:
    with storage:
        trees = grow(5)
        assert type(trees) is ListRef and len(trees) == 5 and trees
        assert all(type(tree) is Ref for tree in trees)
        assert trees[0] is trees[0] and trees[-1].hid == trees[4].hid
        some = trees[1:3]
        assert type(some) is list and [tree.hid for tree in some] == [trees[1].hid, trees[2].hid]
        assert len({tree.hid for tree in trees}) == 5
        assert unwrap(trees) == [Leaf([k] * 20) for k in range(5)] == trees
        assert trees[3] in trees and Leaf([4] * 20) in trees and Leaf([5]) not in trees
        assert [tree.value.size[0] for tree in reversed(trees)] == [4, 3, 2, 1, 0]
        with pytest.raises(IndexError):
            trees[5]
        assert unwrap(judge(trees)) == 10
        assert unwrap(judge(some)) == 3
        assert unwrap(size(trees[2])) == 20
        assert ran("judge") == 2


def test_only_what_is_asked_for_is_loaded(storage: Storage, monkeypatch: Any) -> None:
    with storage:
        grow(5)
        trees = grow(5)  # found
    loaded: list[bytes] = []
    decode = pickle.loads

    def noted(data: Any, *rest: Any, **more: Any) -> Any:
        value = decode(data, *rest, **more)
        loaded.extend([value] if isinstance(value, Leaf) else [])
        return value

    monkeypatch.setattr(pickle, "loads", noted)
    assert repr(trees).endswith("..., in_memory=False)") and not loaded
    assert len(trees) == 5 and trees[1].hid and len(trees[2:]) == 3 and not loaded
    assert trees[3].value.size[0] == 3
    assert len(loaded) == 1


def test_lists_with_equal_elements_are_one_however_they_were_made(storage: Storage) -> None:
    with storage:
        trees = grow(3)
        one, two, three = (plant(k) for k in range(3))
        assert trees.cid != trees.hid
        first = judge(trees)
        assert judge([one, two, three]).cid == first.cid
        assert judge([*trees]).cid == first.cid
        assert judge([trees[0], two, Leaf([2] * 20)]).cid == first.cid
        assert judge(unwrap(trees)).cid == first.cid
        assert ran("judge") == 1
        judge([one, three, two])
        judge([one, two])
        assert ran("judge") == 3


def test_the_elements_of_a_list_that_was_found_keep_their_own_history(storage: Storage) -> None:
    # F17 of mandala: a list found by content took over the element history of the other list.
    with storage:
        a, b = grow(2, 1), grow(2, start=unwrap(count([7])))
        assert a.hid == b.hid  # the same call: 1 is 1
        built = [plant(1), plant(2)]
        first, second = judge(a), judge(built)
        assert ran("judge") == 1 and first.hid != second.hid
    assert storage.get_ref_creator(a[0]).op == "grow"
    assert [call.op for call in storage.get_creators(built)] == ["plant", "plant"]
    for answer, makers in ((first, {"grow"}), (second, {"plant"})):
        (trees,) = storage.get_ref_creator(answer).inputs.values()
        assert type(trees) is ListRef
        assert {call.op for call in storage.get_creators(trees)} == makers
        assert unwrap(trees) == [Leaf([1] * 20), Leaf([2] * 20)]


@op
def same(trees: MList[Tree]) -> MList[Tree]:
    see("same")
    return [Leaf(tree.size) for tree in trees]


def test_outputs_found_by_content_have_elements_of_their_own(storage: Storage) -> None:
    with storage:
        a, b = same(grow(2)), same([plant(0), plant(1)])
        assert ran("same") == 1
        assert a.cid == b.cid and a.hid != b.hid
        assert {each.hid for each in a}.isdisjoint({each.hid for each in b})
        assert [each.cid for each in a] == [each.cid for each in b]
    for made, op_name in ((a, "grow"), (b, "plant")):
        call = storage.get_ref_creator(made[1])
        assert call == storage.get_ref_creator(made)
        (given,) = call.inputs.values()
        assert storage.get_ref_creator(given[1]).op == op_name


@op
def table(n: int) -> MDict[Any, MList[int]]:
    return {(k, "x"): list(range(k)) for k in range(n)}


@op
def pair(n: int) -> MTuple[int, MSet[int]]:
    return n, {1, 2, n}


@op
def both(n: int) -> tuple[MList[int], Optional[MDict[str, int]], int]:  # noqa: UP045
    return list(range(n)), {"n": n} if n else None, n


def test_dicts_sets_and_tuples(storage: Storage) -> None:
    # F23 of mandala: MSet and MTuple raised, a DictRef had neither keys nor iteration nor `in`.
    with storage:
        for _ in range(2):  # made, then found
            found = table(3)
            assert type(found) is DictRef and len(found) == 3
            assert found.keys() == [*found] == [(0, "x"), (1, "x"), (2, "x")]
            assert type(found[2, "x"]) is ListRef and unwrap(found[2, "x"][1]) == 1
            assert (1, "x") in found and (3, "x") not in found
            assert found.get((9, "x")) is None and found.get((9, "x"), 4) == 4
            assert [(key, unwrap(value)) for key, value in found.items()] == [
                ((0, "x"), []),
                ((1, "x"), [0]),
                ((2, "x"), [0, 1]),
            ]
            assert [len(each) for each in found.values()] == [0, 1, 2]
            assert found.get((2, "x")).hid == found[2, "x"].hid
            with pytest.raises(KeyError):
                found[7]
            held = pair(5)
            assert type(held) is TupleRef and unwrap(held) == (5, {1, 2, 5})
            assert type(held[1]) is SetRef and type(held[:1]) is tuple
            assert sorted(unwrap(list(held[1]))) == [1, 2, 5] and 5 in held[1]
            assert 7 not in held[1] and held[0] in held[1]
            several = both(2)
            assert type(several) is tuple and type(several[0]) is ListRef
            assert type(several[1]) is DictRef and type(several[2]) is Ref
            assert unwrap(several) == ([0, 1], {"n": 2}, 2)
            assert type(both(0)[1]) is Ref and unwrap(both(0)) == ([], None, 0)
            assert unwrap(pair(2)) == (2, {1, 2})


def test_a_set_is_known_by_its_elements(storage: Storage) -> None:
    @op
    def total(numbers: MSet[int]) -> int:
        see("total")
        return sum(numbers)

    with storage:
        one, two = plant(1), both(2)[2]
        first = total({1, 2, 5})
        assert total({5, 2, 1}).hid == first.hid
        assert total({5, two, 1}).cid == first.cid
        assert total(pair(5)[1]).cid == first.cid
        assert unwrap(first) == 8 and ran("total") == 1
        assert unwrap(count({one, plant(1)})) == 1  # of equal contents there is one in a set


def test_containers_that_hold_refs_are_structural(storage: Storage) -> None:
    with storage:
        trees, one = grow(3), plant(9)
        before = storage.gc(dry_run=True)
        count([one, *trees])
        count({"a": one, "b": [trees[0], {"c": (trees[2], 1)}], "d": [1, 2]})
        after = storage.gc(dry_run=True)
        assert after.values == before.values == 0
        assert sum(after.kept.values()) - sum(before.kept.values()) < 700  # no tree twice
    assert ran("count") == 2
    (first, second) = sorted(
        (call.inputs["things"] for call in storage.get_consumers([one])), key=len, reverse=True
    )
    assert type(first) is ListRef and first[0].hid == one.hid and first[1].hid == trees[0].hid
    assert type(second) is DictRef and second["b"][1]["c"][0].hid == trees[2].hid
    assert unwrap(second["d"]) == [1, 2] and type(second["d"]) is Ref
    assert unwrap(second["b"]) == unwrap([trees[0], {"c": (trees[2], 1)}])


def test_plain_annotations_are_one_value(storage: Storage) -> None:
    @op
    def plain(n: int) -> list[int]:
        return list(range(n))

    with storage:
        assert type(plain(3)) is Ref and list(plain(3)) == [0, 1, 2]


def test_plain_annotations_may_be_transparent(storage: Storage) -> None:
    @op
    def plain(items: list[int], more: Any = None) -> tuple[list[int], dict[str, list[int]]]:
        return items, {"a": items}

    with Storage(plain_collections="transparent"):
        items, named = plain([3, 4])
        assert type(items) is ListRef and type(named) is DictRef and type(named["a"]) is ListRef
        assert unwrap((items[1], named)) == (4, {"a": [3, 4]})
        assert type(plain(items[:1])[0]) is ListRef
    with storage:
        assert type(plain([3, 4])[0]) is Ref
    with pytest.raises(UsageError, match="plain_collections='no'"):
        Storage(plain_collections="no")  # type: ignore[arg-type]


def test_what_was_declared_otherwise_is_not_found(storage: Storage) -> None:
    def made(annotation: Any) -> Any:
        def listed(n: int) -> Any:
            see("listed")
            return [n]

        listed.__annotations__["return"] = annotation
        return op(listed)

    with storage:
        kinds = [type(made(each)(1)) for each in (Any, MList[int], MList[str], Any)]
        assert kinds == [Ref, ListRef, ListRef, Ref]
        assert ran("listed") == 2


@superop
def forest(trees: MList[Tree], n: int) -> Any:
    assert type(trees) is ListRef
    sizes = [size(tree) for tree in trees]
    return trees[: unwrap(n)], {"sizes": sizes, "all": trees}


def test_superops_get_and_return_them(storage: Storage) -> None:
    with storage:
        trees = grow(3)
        for _ in range(2):
            some, more = forest(trees, 2)
            assert type(some) is ListRef and len(some) == 2 and some[0].cid == trees[0].cid
            assert type(more) is DictRef and type(more["all"]) is ListRef
            assert unwrap(more["sizes"]) == [20, 20, 20]
            assert more["all"].cid == trees.cid
            assert unwrap(judge(some)) == 1
        assert ran("size") == 3 and ran("judge") == 1
        forest([*trees[:2], plant(7)], 1)
        assert ran("size") == 4
        forest([Leaf([1] * 20)], 0)
        assert ran("size") == 4  # by content
    sized = [call for call in storage.get_consumers([trees[1]]) if call.op == "size"]
    assert len(sized) == 1  # the history of what is passed on goes through


@superop
def nested(rows: MList[MList[int]]) -> Any:
    return [count(row) for row in rows], rows[0], [rows[1][0], 5]


def test_superops_and_nested_lists(storage: Storage) -> None:
    with storage:
        for _ in range(2):
            counts, first, mixed = nested([[1, 2], [3]])
            assert unwrap((counts, first, mixed)) == ([2, 1], [1, 2], [3, 5])
            assert type(first) is ListRef and type(mixed) is ListRef
    assert ran("count") == 2


def test_methods_async_ops_and_variadic_arguments(storage: Storage) -> None:
    class Maker:
        def __init__(self, start: int) -> None:
            self.start = start

        @op
        def make(self, n: int) -> MList[int]:
            return [self.start + k for k in range(n)]

    @op
    async def wait(n: int, *parts: MList[int], **named: MDict[str, int]) -> MList[int]:
        see("wait")
        return [n, *[each for part in parts for each in part], *named["k"].values()]

    async def all_of_them(*lists: Any) -> Any:
        return await asyncio.gather(*(wait(1, each, [9], k={"a": 7}) for each in lists))

    with storage:
        made = Maker(5).make(2)
        assert type(made) is ListRef and unwrap(made) == [5, 6]
        found = asyncio.run(all_of_them(made, [5, 6], [*made]))
        assert [unwrap(each) for each in found] == [[1, 5, 6, 9, 7]] * 3
        assert type(found[0]) is ListRef
        asyncio.run(all_of_them(made))
        assert ran("wait") <= 3
        before = ran("wait")
        asyncio.run(all_of_them([made[0], 6]))
        assert ran("wait") == before


def test_ops_inside_ops_see_plain_values(storage: Storage) -> None:
    @op
    def outer(n: int) -> int:
        trees = grow(n)
        assert type(trees) is list and type(trees[0]) is Leaf
        return judge(trees[1:])

    with storage:
        assert unwrap(outer(3)) == 3
        assert unwrap(judge(grow(3)[1:])) == 3
        assert (ran("grow"), ran("judge")) == (1, 1)
    with noop():
        assert type(grow(2)) is list
    assert type(grow(2)) is list


def test_special_arguments_in_and_around_them(storage: Storage) -> None:
    four: Any = NewArgDefault([4])

    @op
    def work(items: MList[Any], extra: Any = None, more: MList[int] = four) -> Any:
        see("work", items[-1], more)
        return len(items)

    big = object()
    with storage:
        one = plant(1)
        work([one, ValuePointer("a", big)])
        work([one, ValuePointer("a", 5)])
        work([Leaf([1] * 20), ValuePointer("a", None)], more=[4])
        assert [each[1] is big for each in SEEN if each[0] == "work"] == [True]
        work([one, 1], Ignore([one, {"a": one}]))
        work([one, 1], Ignore(7), [4])
        assert ran("work") == 2
        work([one, 1], more=[5])
        assert ran("work") == 3
        with pytest.raises(UsageError, match="Ignore"):
            work([one, Ignore(2)])


def test_transient_elements_and_lists(storage: Storage) -> None:
    @op
    def lost(n: int) -> Any:
        see("lost")
        return Transient(Leaf(n))

    @op
    def bad() -> MList[Any]:
        return [Transient(1)]

    @op
    def whole(n: int) -> MList[int]:
        return Transient(list(range(n)))

    with storage:
        count([lost(1), plant(2)])
        count([lost(1), plant(2)])
        assert (ran("count"), ran("lost")) == (1, 1)
        assert storage.gc(dry_run=True).values == 0
        assert unwrap(count(whole(3))) == 3
        with pytest.raises(UnhashableValue, match=r"bad: result\[0\]"):
            bad()


@op
def spoil(trees: MList[Tree], how: str) -> int:
    if how == "append":
        trees.append(1)
    elif how == "inside":
        trees[1].size.append(1)
    elif how == "swap":
        trees[0], trees[1] = trees[1], trees[0]
    return len(trees)


@pytest.mark.parametrize("how", ["append", "inside", "swap", "not"])
@pytest.mark.parametrize("given", ["ref", "refs", "values", "mixed"])
def test_a_list_that_is_changed_in_place(storage: Storage, how: str, given: str) -> None:
    def trees() -> Any:
        found = grow(2)
        return {
            "ref": found,
            "refs": [*found],
            "values": [Leaf([0] * 20), Leaf([1] * 20)],
            "mixed": [found[0], Leaf([1] * 20)],
        }[given]

    with storage:
        if how == "not":
            spoil(trees(), how)
        else:
            with pytest.warns(MandalaWarning, match="changes its argument trees"):
                spoil(trees(), how)
        before = storage.executed
        spoil(trees(), how)
        assert storage.executed == before + (how != "not")
        assert unwrap(grow(2)) == [Leaf([0] * 20), Leaf([1] * 20)]
        assert unwrap(judge(grow(2))) == 1


def test_what_was_changed_after_it_was_handed_out_is_another_value(storage: Storage) -> None:
    with storage:
        trees = grow(2)
        trees.value.append(Leaf([5]))
        assert unwrap(judge(trees)) == 6
        again = grow(2)
        again[1].value.size[0] = 10
        assert unwrap(judge([*again])) == 10
        assert unwrap(judge(again)) == 1  # the list is what it was
        assert unwrap(judge(grow(2))) == 1
        nested = table(3)
        nested.value[2, "x"].append(4)
        assert unwrap(count(nested)) == 3 and count(nested).cid == count(table(3)).cid
        assert ran("count") == 2


def test_errors_name_the_element(storage: Storage) -> None:
    @op
    def unstorable() -> MDict[str, Any]:
        return {"a": 1, "b": [2, lambda: None]}

    class Never:
        def __reduce__(self) -> Any:
            raise TypeError("never")

    with storage:
        with pytest.raises(UnstorableValue, match=r"unstorable: result\['b'\]"):
            unstorable()
        with pytest.raises(UnhashableValue, match=r"count: argument things\[1\]"):
            count([plant(1), Never()])
        itself: list[Any] = [plant(1)]
        itself.append(itself)
        with pytest.raises(UsageError, match="holds itself"):
            count(itself)


def test_the_same_element_twice(storage: Storage) -> None:
    with storage:
        one = plant(1)
        assert unwrap(judge([one, one, one])) == 3
        assert unwrap(judge([one, one])) == 2
        assert unwrap(count({"a": one, "b": one})) == 2
    (trees, *_) = (
        call.inputs["trees"] for call in storage.get_consumers([one]) if call.op == "judge"
    )
    assert {each.hid for each in trees} == {one.hid}


def test_representations(storage: Storage) -> None:
    with storage:
        numbers, _, _ = both(2)
        assert repr(numbers) == (
            f"ListRef([AtomRef(0, hid={numbers[0].hid.hex()[16:19]}...), "
            f"AtomRef(1, hid={numbers[1].hid.hex()[16:19]}...)], hid={numbers.hid.hex()[16:19]}...)"
        )
        assert repr(both(20)[0]).count("AtomRef") == 6
        assert repr(table(1)).startswith("DictRef({(0, 'x'): ListRef([], hid=")
        held = pair(1)
        assert repr(held).startswith("TupleRef((AtomRef(1, ")
        assert repr(held[1]).startswith("SetRef({AtomRef(")
        shown = table(2)._repr_html_()
        assert "<table>" in shown and "ListRef" in shown and shown.count("AtomRef(0") == 1


def test_attach_load_ref_and_copies(storage: Storage) -> None:
    with storage:
        grow(3)
        trees = storage.attach(grow(3))
        assert type(trees) is ListRef and all(tree.in_memory for tree in trees)
    again = storage.load_ref(trees[1].hid)
    assert again.cid == trees[1].cid and again.value == Leaf([1] * 20)
    assert type(storage.load_ref(trees.hid.hex())) is ListRef
    assert type(storage.load_ref(trees.hid, in_memory=False).detached()) is ListRef
    assert unwrap(trees.shallow_copy()) == unwrap(trees.detached()) == unwrap(trees)
    with storage:
        assert trees.attached(unwrap(trees)) == trees
        with pytest.raises(UsageError):
            trees.attached([1])


def test_rounding_looks_into_them(storage: Storage) -> None:
    @op(round_floats=3)
    def mean(numbers: MList[float]) -> float:
        see("mean")
        return sum(numbers) / len(numbers)

    with storage:
        mean([1.0, 2.0])
        mean([1.0000001, 2.0])
        mean([1.1, 2.0])
        assert ran("mean") == 2


def test_a_storage_that_is_opened_again(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    SEEN.clear()
    with Storage(db_path=tmp_path / "r.db") as storage:
        trees = grow(300)
        judge(trees[:200])
        judge(trees[:200])
    assert ran("judge") == 1
    with Storage(db_path=tmp_path / "r.db") as other:
        found = grow(300)
        assert found.hid == trees.hid and [t.hid for t in found] == [t.hid for t in trees]
        assert unwrap(judge(found[:200])) == sum(range(200))
        assert unwrap(found[299]).size[0] == 299
        assert ran("grow") == ran("judge") == 1
        assert not other.verify().values and other.gc().values == 0
        assert len(unwrap(found)) == 300
    storage.results.close()
    other.results.close()


def test_big_elements_are_stored_once(storage: Storage) -> None:
    import numpy as np

    @op
    def arrays(n: int) -> MList[Any]:
        return [np.full(50_000, k) for k in range(n)]

    with storage:
        some = arrays(3)
        count(some[:2])
        count([some[0], some[0]])
        kept = storage.gc(dry_run=True)
    assert sum(kept.kept.values()) < 3 * 400_000 + 20_000
    assert unwrap(some[2])[0] == 2


def test_refs_of_containers_are_sent(storage: Storage, tmp_path: Path, monkeypatch: Any) -> None:
    with Storage(db_path=tmp_path / "r.db") as kept:
        for _ in range(2):
            trees = grow(2)
            sent = pickle.loads(pickle.dumps((trees, trees[1], [trees[0]])))
            assert type(sent[0]) is ListRef and sent[0].hid == trees.hid
            assert len(pickle.dumps(trees)) < 500
            assert sent[0][1].hid == sent[1].hid == trees[1].hid
            assert unwrap(judge(sent[0])) == 1 and unwrap(judge(sent[2])) == 0
            assert ran("judge") == 2
        changed = grow(2)
        changed.value.append(Leaf([7]))
        assert unwrap(judge(pickle.loads(pickle.dumps(changed)))) == 8
    kept.results.close()
    with storage:
        trees, mixed = grow(2), table(3)
        data = pickle.dumps((trees, mixed))
        judge(trees)
        before = ran("judge")
    with Storage(db_path=tmp_path / "other.db") as other:
        found, named = pickle.loads(data)
        assert unwrap(named[2, "x"]) == [0, 1] and type(named[2, "x"]) is ListRef
        assert [each.hid for each in found] == [each.hid for each in trees]
        assert unwrap(judge(found)) == 1 and ran("judge") == before + 1
        assert unwrap(count(named)) == 3
    assert not other.verify().values
    (call,) = other.get_consumers([trees[1]])
    assert unwrap(call.inputs["trees"]) == [Leaf([0] * 20), Leaf([1] * 20)]
    other.results.close()
