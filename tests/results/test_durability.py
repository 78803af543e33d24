"""Killed writers, forked children, several processes: no finished long call is ever lost."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mandala_git.results import ids, store
from mandala_git.results.calls import NewCall
from mandala_git.results.store import Results

ROOT = Path(__file__).resolve().parents[2]

WRITER = """
import sys
from pathlib import Path
from mandala_git.results.store import Results
from tests.results.conftest import make_call

results = Results(Path(sys.argv[1]))
start = int(sys.argv[2])
for x in range(start, start + 100000):
    large = x % 3 == 0
    value = list(range(x, x + 4000)) if large else x + 1
    # Every other call is short and may be lost; it is not announced.
    results.record(make_call(results, x, value, duration=1.0 if x % 2 else 0.0))
    if x % 2:
        print(x, flush=True)
"""


def write_and_kill(folder: Path, start: int, delay: float) -> list[int]:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(start)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    first = process.stdout.readline()
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read()
    process.wait()
    process.stdout.close()
    return [int(line) for line in (first + rest).split(b"\n")[:-1] if line]


def check(folder: Path, announced: list[int]) -> None:
    with Results(folder) as results:
        for x in announced:
            key = ids.lookup_key([("x", ids.cid(x))])
            (row,) = results.candidates([1], key)
            (output,) = results.outputs(row.id)
            assert results.load(output.cid) == (list(range(x, x + 4000)) if x % 3 == 0 else x + 1)
        for record in results.calls_of([1]):
            assert set(record.inputs) == {"x"}
            assert set(record.outputs) == {"output_0"}
            for edge in (*record.inputs.values(), *record.outputs.values()):
                assert ids.cid(results.load(edge.cid)) == edge.cid
    connection = sqlite3.connect(folder / "results.db")
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    connection.close()


@pytest.mark.parametrize("sweep", [4, pytest.param(150, marks=pytest.mark.slow)])
def test_killed_writers_lose_no_finished_long_call(tmp_path: Path, sweep: int) -> None:
    chance, announced = random.Random(0), []
    for number in range(sweep):
        announced += write_and_kill(tmp_path, number * 100_000, chance.random() * 0.1)
    assert announced
    check(tmp_path, announced)


RACER = """
import sys
from pathlib import Path
from mandala_git.results.store import Results
from tests.results.conftest import make_call

results = Results(Path(sys.argv[1]))
sys.stdin.readline()
for x in range(300):
    value = list(range(x, x + 6000)) if x % 10 == 0 else x + 1
    results.record(make_call(results, x, value, duration=1.0 if x % 7 == 0 else 0.0))
results.close()
"""


def test_processes_recording_the_same_calls(tmp_path: Path) -> None:
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(tmp_path)],
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdin=subprocess.PIPE,
        )
        for _ in range(3)
    ]  # fmt: skip
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write(b"\n")
        racer.stdin.close()
    for racer in racers:
        assert racer.wait(timeout=120) == 0
    with Results(tmp_path) as results:
        records = results.calls_of([1])
        assert len(records) == 300
        for record in records:
            x = results.load(record.inputs["x"].cid)
            y = results.load(record.outputs["output_0"].cid)
            assert y == (list(range(x, x + 6000)) if x % 10 == 0 else x + 1)


def in_child(work: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("folder", [True, False])
def test_a_forked_child_has_a_store_of_its_own(
    tmp_path: Path, new_call: Callable[..., NewCall], monkeypatch: pytest.MonkeyPatch, folder: bool
) -> None:
    monkeypatch.setattr(store, "PATIENCE", 60.0)
    with Results(tmp_path if folder else None) as results:
        results.record(new_call(results, "large", list(range(9000)), duration=1.0))
        results.record(new_call(results, 1, 2))

        parents = results._database

        def work() -> None:
            assert len(results._buffer) == 0
            # SQLite forbids to use a connection on both sides of a fork.
            assert (results._database is None) == folder
            assert results.load(ids.cid(list(range(9000)))) == list(range(9000))
            results.record(new_call(results, 3, 4, duration=1.0))
            assert len(results.calls_of([1])) == 2
            assert (results._database is parents) is not folder
            results.close()

        assert len(results._buffer) == 1
        assert in_child(work) == 0
        assert len(results._buffer) == 1
        found = {results.load(record.inputs["x"].cid) for record in results.calls_of([1])}
        assert found == ({"large", 1, 3} if folder else {"large", 1})
        assert results.load(ids.cid(list(range(9000)))) == list(range(9000))


def record_one(folder: Path, x: int) -> None:
    from tests.results.conftest import make_call

    results = Results(folder)
    results.record(make_call(results, x, x))  # short; the process ends at once


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_worker_flushes_when_it_ends(tmp_path: Path, method: str) -> None:
    context = multiprocessing.get_context(method)
    workers = [context.Process(target=record_one, args=(tmp_path, x)) for x in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    with Results(tmp_path) as results:
        assert len(results.calls_of([1])) == 2


def test_a_program_flushes_when_it_ends(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from mandala_git.results.store import Results\n"
        "from tests.results.conftest import make_call\n"
        "r = Results(Path(sys.argv[1])); r.record(make_call(r, 1, 2)); sys.exit(3)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    with Results(tmp_path) as results:
        assert len(results.calls_of([1])) == 1


def test_opening_imports_nothing_heavy(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from mandala_git.results import ids, store\n"
        "r = store.Results(Path(sys.argv[1])); ids.cid(1); ids.cid([1]); r.close()\n"
        "heavy = {'numpy', 'pandas', 'joblib', 'libcst', 'pygit2', 'rich', 'asyncio', 'subprocess'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, check=True)
