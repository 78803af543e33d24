"""Calls as objects: what made a Ref, and what it was given to."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from seeing import SEEN, see

from mandala_git import Call, Ref, Storage, op, pprint_dict, sess, wrap_atom
from mandala_git.errors import UnhashableValue, UsageError


@op
def sum_args(a: Any, *args: Any, b: int = 1, **kwargs: Any) -> Any:
    see("sum_args")
    return a + sum(args) + b + sum(kwargs.values())


@op(output_names=["half", "rest"])
def halves(x: int) -> tuple[int, int]:
    see("halves")
    return x // 2, x % 2


def test_the_call_that_made_a_ref(storage: Storage) -> None:
    before = time.time()
    with storage:
        s = sum_args(6, 7, 8, 9, c=11)
        inside = storage.get_ref_creator(s)  # also in a block, before it is written
    call = storage.get_ref_creator(s)
    assert call is not None and call == inside
    assert repr(call) == f"Call(sum_args, hid={call.hid.hex()[:3]}...)"
    assert call.op == "sum_args" and call.key.endswith("test_calls.py::sum_args")
    values = {name: ref.value for name, ref in call.inputs.items()}
    assert values == {"a": 6, "args.0": 7, "args.1": 8, "args.2": 9, "b": 1, "kwargs.c": 11}
    assert {name: ref.value for name, ref in call.outputs.items()} == {"output_0": 42}
    assert call.outputs["output_0"].hid == s.hid
    assert before - 1 < call.started < time.time() + 1 and call.duration >= 0
    assert call.session is not None and call.session.commit_id is None
    assert len(call.version) == 64
    assert storage.get_ref_creator(call.inputs["a"]) is None


def test_histories_and_contents(storage: Storage) -> None:
    with storage:
        one, two = halves(7), halves(13)  # 3, 1 and 6, 1
        first, second = sum_args(one[1]), sum_args(two[1])
    assert SEEN == [("halves",), ("halves",), ("sum_args",)]
    left, right = storage.get_creators([first])[0], storage.get_creators([second])[0]
    assert left.hid != right.hid and left.cid == right.cid
    assert right.repeats and (right.started, right.duration) == (left.started, left.duration)
    (maker,) = storage.get_creators(one)  # of both its outputs, once
    assert list(maker.outputs) == ["half", "rest"]
    assert storage.get_consumers([one[1]]) == [left]
    assert storage.get_consumers(one + two) == [left, right]
    assert storage.get_consumers([first]) == []


def test_by_history_id(storage: Storage) -> None:
    with storage:
        half, rest = halves(7)
    call = storage.get_ref_creator(rest)
    assert call is not None
    for hid in (call.hid, call.hid.hex(), call):
        assert storage.get_call(hid) == call
    assert storage.mget_call([call.hid, call.hid]) == [call, call]
    ref = storage.load_ref(half.hid)
    assert ref.in_memory and ref.value == 3 and ref.hid == half.hid
    assert not storage.load_ref(half.hid.hex(), in_memory=False).in_memory
    assert storage.load_ref(call.inputs["x"].hid).value == 7
    with storage:
        assert sum_args(storage.load_ref(half)).value == 4
    assert hash(call) == hash(storage.get_call(call))


@pytest.mark.parametrize("wrong", ["zz", b"", "00" * 16, 3])
def test_there_is_none(storage: Storage, wrong: Any) -> None:
    with pytest.raises(UsageError):
        storage.load_ref(wrong)
    with pytest.raises(UsageError):
        storage.get_call(wrong)


def test_a_wrapped_value_is_hashed_once_and_is_the_value(storage: Storage) -> None:
    data = np.arange(10)
    ref = wrap_atom(data)
    assert isinstance(ref, Ref) and wrap_atom(ref) is ref
    with storage:
        assert sum_args(ref).hid == sum_args(np.arange(10)).hid
    assert len(SEEN) == 1
    data[0] = 5  # what is changed in place is another value
    with storage:
        assert sum_args(ref).value[0] == 6
    assert len(SEEN) == 2
    with pytest.raises(UnhashableValue):
        wrap_atom(x for x in ())
    with pytest.raises(UsageError, match="in no storage"):
        _ = wrap_atom(1).detached().value


def test_wrapped_values_of_an_origin_of_their_own(storage: Storage) -> None:
    one, two = wrap_atom(3, "left"), wrap_atom(3, history_id="right")
    assert len({one.hid, two.hid, wrap_atom(3).hid, wrap_atom(4, "left").hid}) == 4
    with storage:
        first, second = halves(one)[0], halves(two)[0]
    assert SEEN == [("halves",)]
    assert first.hid != second.hid and first.cid == second.cid
    assert [call.inputs["x"].hid for call in storage.get_creators([first, second])] == [
        one.hid,
        two.hid,
    ]


def test_copies_of_refs(storage: Storage) -> None:
    with storage:
        ref = sum_args(np.zeros(3))
    assert ref.value is ref.obj is not None
    bare = ref.detached()
    assert not bare.in_memory and bare.obj is None and bare.hid == ref.hid
    assert bare.attached(np.ones(3)).in_memory
    with pytest.raises(UsageError, match="not the value"):
        bare.attached(np.zeros(3))
    with pytest.raises(UsageError, match="not the value"):
        wrap_atom(1).attached(2)
    copy = bare.attached(np.ones(3)).shallow_copy()
    with storage:
        assert halves(copy)[1].hid == halves(ref)[1].hid
        copy.value[0] = 9
        assert list(halves(copy)[1].value) == [1, 1, 1]
        assert list(halves(copy)[0].value) == [4, 0, 0]


def test_what_is_changed_through_a_copy_is_seen(storage: Storage) -> None:
    with storage:
        ref = sum_args(np.zeros(3)).attached(np.ones(3))
        halves(ref)
        ref.shallow_copy().value[0] = 8
        assert list(halves(ref)[0].value) == [4, 0, 0]


def test_things_at_hand() -> None:
    assert pprint_dict({"a": 1, "bc": [2]}) == "    a: 1\n    bc: [2]"
    assert sess.items == []
    sess.items.append(3)
    assert sess.items.pop() == 3
    assert Call.__doc__
