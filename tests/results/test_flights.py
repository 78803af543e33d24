"""Who computes a call is alone with it, lets others in when it ends or dies, and leaves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from mandala_git.results.flights import Flights

ROOT = Path(__file__).resolve().parents[2]
KEY, OTHER = b"k" * 16, b"o" * 16

HOLDER = """
import sys, os
from pathlib import Path
from mandala_git.results.flights import Flights
flights = Flights(Path(sys.argv[1]))
with flights.alone(b"k" * 16) as alone:
    if len(sys.argv) > 2 and not os.fork():
        sys.stdin.read()  # a child that lives on
        os._exit(0)
    print(alone, flush=True)
    sys.stdin.read()
"""


def holder(folder: Path, *more: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", HOLDER, str(folder), *more],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == b"True\n"
    return process


def let_go(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.close()
    process.wait()
    process.stdout.close()


@pytest.fixture(params=["files", "here"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Flights]:
    folder = tmp_path / "flights" if request.param == "files" else None
    return lambda seconds=None: Flights(folder, seconds)


def test_one_at_a_time(make: Callable[..., Flights]) -> None:
    flights, inside, most, turns = make(), 0, 0, 0

    def work() -> None:
        nonlocal inside, most, turns
        for _ in range(20):
            with flights.alone(KEY) as alone:
                assert alone
                inside += 1
                most = max(most, inside)
                turns += 1
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, turns) == (1, 160)
    assert len(flights._here) == 0
    if flights.folder is not None:
        assert list(flights.folder.iterdir()) == []
        assert flights._held == set()


def test_other_calls_do_not_wait_and_a_call_inside_itself_neither(
    make: Callable[..., Flights],
) -> None:
    flights = make()
    with flights.alone(KEY) as first, flights.alone(OTHER) as second, flights.alone(KEY) as again:
        assert (first, second, again) == (True, True, True)


def test_the_longest_wait(make: Callable[..., Flights]) -> None:
    flights = make(0.05)
    answers: list[bool] = []

    def wait() -> None:
        with flights.alone(KEY) as alone:
            answers.append(alone)

    with flights.alone(KEY):
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join()
    wait()
    assert answers == [False, True]


def test_a_failure_lets_the_next_one_in(make: Callable[..., Flights]) -> None:
    flights = make(0.0001)
    with pytest.raises(KeyboardInterrupt), flights.alone(KEY):
        raise KeyboardInterrupt
    with flights.alone(KEY) as alone:
        assert alone


def test_another_process_is_waited_for(tmp_path: Path) -> None:
    process = holder(tmp_path)
    with Flights(tmp_path, 0.05).alone(KEY) as alone:
        assert not alone
    let_go(process)
    with Flights(tmp_path).alone(KEY) as alone:
        assert alone
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("more", [(), ("child",)])
def test_who_is_killed_is_not_waited_for(tmp_path: Path, more: tuple[str, ...]) -> None:
    """Not even when a child lives on that it forked meanwhile."""
    process = holder(tmp_path, *more)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with Flights(tmp_path).alone(KEY) as alone:
        assert alone
    assert list(tmp_path.iterdir()) == []  # what the killed one left was used again
    assert process.stdin is not None and process.stdout is not None
    process.stdin.close()
    process.stdout.close()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_does_not_keep_its_parent_s_flight(tmp_path: Path) -> None:
    flights = Flights(tmp_path)
    reading, writing = os.pipe()
    with flights.alone(KEY):
        child = os.fork()
        if not child:
            os.close(writing)
            os.read(reading, 1)
            os._exit(0)
    os.close(reading)
    with Flights(tmp_path, 5).alone(KEY) as alone:
        assert alone
    os.close(writing)
    os.waitpid(child, 0)


def test_where_no_lock_can_be_made_everybody_computes(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with Flights(tmp_path / "file" / "flights").alone(KEY) as alone:
        assert not alone
