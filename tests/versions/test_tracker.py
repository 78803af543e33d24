"""The tracker: what ran while a call was open, whatever ran it."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mandala_git.versions import tracker as tracking
from mandala_git.versions.tracker import OpenCall, Tracker

MONITORING = sys.version_info >= (3, 12)


def helper(x: int) -> int:
    return x


def deeper(x: int) -> int:
    return helper(x) + 1


def generator() -> Iterator[int]:
    yield 1
    yield helper(2)


async def coroutine() -> int:
    await asyncio.sleep(0)
    return helper(3)


@pytest.fixture
def tracker() -> Iterator[Tracker]:
    found = Tracker(lambda filename: filename == __file__)
    yield found
    found.pause()


def ran(
    tracker: Tracker, work: Callable[[], object], parent: OpenCall | None = None
) -> tuple[set[str], OpenCall]:
    call = OpenCall(parent)
    tracker.run(call, work, (), {})
    return names_of(call), call


def names_of(call: OpenCall) -> set[str]:
    return {code.co_name for code in call.codes.values()}


def test_functions_that_ran_and_no_others(tracker: Tracker) -> None:
    names, call = ran(tracker, lambda: deeper(1))
    assert {"deeper", "helper"} <= names
    assert call.observed
    names, _ = ran(tracker, lambda: helper(1))
    assert "deeper" not in names and "helper" in names


def test_again_and_again(tracker: Tracker) -> None:
    for _ in range(3):
        assert "helper" in ran(tracker, lambda: helper(1))[0]
        tracker.pause()


def test_code_outside_the_project_is_left_out(tracker: Tracker) -> None:
    names, _ = ran(tracker, lambda: os.path.join("a", "b"))
    assert "join" not in names
    assert "helper" in ran(tracker, lambda: list(map(helper, [1])))[0]


def test_a_generator_that_goes_on(tracker: Tracker) -> None:
    started = generator()
    next(started)
    names, _ = ran(tracker, lambda: next(started))
    assert {"generator", "helper"} <= names


def test_a_generator_that_is_thrown_into(tracker: Tracker) -> None:
    started = generator()
    next(started)

    def throw() -> None:
        with contextlib.suppress(KeyError):
            started.throw(KeyError())

    assert "generator" in ran(tracker, throw)[0] or not MONITORING


def test_coroutines(tracker: Tracker) -> None:
    assert {"coroutine", "helper"} <= ran(tracker, lambda: asyncio.run(coroutine()))[0]


def test_a_thread_that_starts_inside(tracker: Tracker) -> None:
    def work() -> None:
        thread = threading.Thread(target=deeper, args=(1,))
        thread.start()
        thread.join()

    names, call = ran(tracker, work)
    assert {"deeper", "helper"} <= names
    assert call.observed


def test_a_thread_that_was_there_before(tracker: Tracker) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()
        names, call = ran(tracker, lambda: pool.submit(helper, 1).result())
    # Where its events cannot be had, nothing may be left out.
    assert "helper" in names or not call.observed
    assert call.observed == MONITORING


def test_nested_calls_have_what_ran_in_them_to_themselves(tracker: Tracker) -> None:
    outer, inner = OpenCall(), set()

    def work() -> None:
        helper(1)
        inner.update(ran(tracker, lambda: deeper(1), outer)[0])
        tracker.link("p.py::inner", "v1", outer)
        next(generator())

    tracker.run(outer, work, (), {})
    assert "deeper" in inner and "generator" not in inner
    assert "deeper" not in names_of(outer)
    assert {"work", "helper", "generator"} <= names_of(outer)
    assert outer.links == {("p.py::inner", "v1"): None}
    assert outer.observed


def test_two_calls_in_two_threads_both_have_what_both_ran(tracker: Tracker) -> None:
    barrier = threading.Barrier(2)
    calls = []

    def work(function: Callable[[int], int]) -> None:
        barrier.wait()
        function(1)
        barrier.wait()

    def call(function: Callable[[int], int]) -> None:
        calls.append(ran(tracker, lambda: work(function)))

    threads = [threading.Thread(target=call, args=(f,)) for f in (helper, deeper)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 2
    for names, found in calls:
        assert {"helper", "deeper"} <= names or not found.observed


def test_a_link_without_a_context_counts_for_every_open_call(tracker: Tracker) -> None:
    other = OpenCall()

    def work() -> None:
        tracker.run(other, lambda: tracker.link("p.py::inner", "v1", None), (), {})

    _, one = ran(tracker, work)
    assert one.links == other.links == {("p.py::inner", "v1"): None}


@pytest.mark.skipif(MONITORING, reason="sys.setprofile is not used")
def test_a_profiler_in_the_way(tracker: Tracker) -> None:
    def profiler(frame: object, event: str, arg: object) -> None: ...

    sys.setprofile(profiler)
    try:
        _, call = ran(tracker, lambda: helper(1))
        assert not call.observed
        assert "profiler" in tracker.obstacle
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)


@pytest.mark.skipif(MONITORING, reason="sys.setprofile is not used")
def test_a_profiler_that_is_taken_away_inside(tracker: Tracker) -> None:
    def work() -> None:
        sys.setprofile(None)
        helper(1)

    _, call = ran(tracker, work)
    assert not call.observed


@pytest.mark.skipif(MONITORING, reason="sys.setprofile is not used")
def test_a_thread_that_outlives_the_call_is_let_go(tracker: Tracker) -> None:
    begun, ended, found = threading.Event(), threading.Event(), []

    def outlive() -> None:
        begun.set()
        ended.wait()
        helper(1)
        found.append(sys.getprofile())

    thread = threading.Thread(target=outlive)
    names, _ = ran(tracker, lambda: (thread.start(), begun.wait()))
    assert "outlive" in names
    ended.set()
    thread.join()
    assert found == [None]


@pytest.mark.skipif(not MONITORING, reason="sys.monitoring is not there")
def test_all_tools_in_use(tracker: Tracker) -> None:
    free = [n for n in range(6) if sys.monitoring.get_tool(n) is None]
    for number in free:
        sys.monitoring.use_tool_id(number, "other")
    try:
        _, call = ran(tracker, lambda: helper(1))
        assert not call.observed
        assert tracker.obstacle
    finally:
        for number in free:
            sys.monitoring.free_tool_id(number)
    assert ran(tracker, lambda: helper(1))[1].observed


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_what_other_processes_run_is_not_seen(tracker: Tracker) -> None:
    def fork() -> None:
        child = os.fork()
        if not child:
            os._exit(0)
        os.waitpid(child, 0)

    assert not ran(tracker, fork)[1].observed

    def process() -> None:
        child = multiprocessing.get_context("fork").Process(target=helper, args=(1,))
        child.start()
        child.join()

    assert not ran(tracker, process)[1].observed
    assert ran(tracker, lambda: helper(1))[1].observed


def test_an_error_closes_the_call(tracker: Tracker) -> None:
    with pytest.raises(ZeroDivisionError):
        ran(tracker, lambda: helper(1) // 0)
    assert sys.getprofile() is None
    assert "helper" in ran(tracker, lambda: helper(1))[0]


# -- what is seen often is left out for a while --------------------------------------------


def one() -> None:
    """Project code."""


def two() -> None:
    """Project code."""


def three() -> None:
    """Project code."""


FUNCTIONS: tuple[Callable[[], None], ...] = (one, two, three)
Step = int | list["Step"]  # a function that runs, or a call that opens inside


def steps() -> st.SearchStrategy[list[Step]]:
    return st.recursive(
        st.lists(st.integers(0, 2), max_size=12),
        lambda inner: st.lists(st.integers(0, 2) | inner, max_size=8),
        max_leaves=20,
    )


@settings(deadline=None)
@given(program=steps(), quiet=st.integers(0, 3))
def test_each_call_sees_all_that_ran_in_it(program: list[Step], quiet: int) -> None:
    """However soon what is known is left out, and calls open and end in between."""
    found = Tracker(lambda filename: filename == __file__)

    def work(inner: list[Step], call: OpenCall) -> None:
        for step in inner:
            if isinstance(step, int):
                FUNCTIONS[step]()
            else:
                nested = OpenCall(call)
                found.run(nested, work, (step, nested), {})
                check(step, nested)

    def check(inner: list[Step], call: OpenCall) -> None:
        expected = {FUNCTIONS[step].__name__ for step in inner if isinstance(step, int)}
        seen = names_of(call) & {"one", "two", "three"}
        # On Python 3.11 nothing is left out, and who has seen enough says so.
        assert seen == expected or (not call.observed and seen <= expected)

    call = OpenCall()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tracking, "QUIET", quiet)
        patch.setattr(tracking, "ENOUGH", 20 * quiet)
        found.run(call, work, (program, call), {})
        check(program, call)
        again = OpenCall()
        found.run(again, work, (program, again), {})
        check(program, again)
    found.pause()


def test_long_loops_of_small_functions(tracker: Tracker) -> None:
    def work() -> None:
        for _ in range(60_000):
            one()
        deeper(1)

    names, call = ran(tracker, work)
    if MONITORING:
        assert {"one", "deeper", "helper"} <= names and call.observed
    else:
        assert not call.observed  # the static closure counts
    names, call = ran(tracker, lambda: one())
    assert "one" in names and call.observed


def test_calls_of_other_threads_see_what_was_left_out(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not MONITORING:
        pytest.skip("nothing is left out")
    monkeypatch.setattr(tracking, "QUIET", 0)
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            one()
            two()

    def short() -> bool:
        names, call = ran(tracker, lambda: (one(), two(), three()))
        return call.observed and {"one", "two", "three"} <= names

    with ThreadPoolExecutor(2) as pool:
        hot = pool.submit(ran, tracker, busy)
        try:
            assert all(short() for _ in range(500))
        finally:
            stop.set()
        assert {"one", "two"} <= hot.result()[0]


def test_who_awaits_a_call_is_no_part_of_it(tracker: Tracker) -> None:
    call = OpenCall()

    async def work() -> int:
        await asyncio.sleep(0)
        return await coroutine()

    async def waits() -> int:
        found = await tracker.run_async(call, work, (), {})
        return found + helper(1)

    assert asyncio.run(waits()) == 4
    assert {"work", "coroutine", "helper"} <= names_of(call)
    assert "waits" not in names_of(call) and call.above == frozenset()
