"""Whole programs side by side: threads, processes, killed ones, and one that computes for all."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from interpreters import finish, start

from mandala_git.results import ids
from mandala_git.results.store import Results
from mandala_git.results.verifying import verify

if TYPE_CHECKING:
    from conftest import Project

pytestmark = pytest.mark.sweep

OPS = """
import os
import time
from mandala_git import op

def note(name):
    if "QUIET" in os.environ:
        return
    with open("ran", "a") as file:
        file.write(f"{name}\\n")

@op
def slow(n):
    note(f"slow {n}")
    time.sleep(0.05)
    return [n] * 10

@op
def total(xs):
    note("total")
    return sum(xs)

@op
def outer(n):
    return total(slow(n)) + 1
"""


def ran(project: Project) -> Counter[str]:
    path = project.root / "ran"
    return Counter(path.read_text().splitlines()) if path.exists() else Counter()


# threads ------------------------------------------------------------------------------------


@pytest.mark.parametrize("memory", [False, True])
def test_eight_threads_on_one_storage(project: Project, memory: bool) -> None:
    """Each in blocks of its own, some calls the same at the same time."""
    project.write(p=OPS)
    process = start(
        project.root,
        f"""
import sys, threading, os
sys.setswitchinterval(1e-5)
import p
from mandala_git import Storage
p.time.sleep = lambda seconds: None
if {memory}:
    os.chdir("/")
    os.environ["QUIET"] = "1"
storage = Storage()
wrong = []

def work(number):
    try:
        for n in range(40):
            assert p.total([n]) == n
            with storage:
                m = n if number % 2 else number * 1000 + n
                ref = p.outer(m)
                assert ref == 10 * m + 1, (ref, m)
                assert p.slow(m).value == [m] * 10
            assert type(p.slow(1)) is list
    except BaseException as error:
        wrong.append(repr(error))

threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(wrong)
with storage:
    before = storage.executed
    for number in range(8):
        for n in range(40):
            p.outer(n if number % 2 else number * 1000 + n)
    print(storage.executed - before)
    print(len(storage.table("outer")))
""",
    )
    assert finish(process) == ["[]", "0", "160"]


def test_tasks_of_one_thread_have_blocks_of_their_own(project: Project) -> None:
    project.write(p=OPS)
    process = start(
        project.root,
        """
import asyncio
import p
from mandala_git import Storage
storage, other = Storage(), Storage()

async def task(number):
    for n in range(3):
        with storage if number % 2 else other:
            await asyncio.sleep(0.001 * (number % 3))
            assert p.total([number, n]) == number + n
            assert type(p.total([number, n])).__name__ != "int"
            await asyncio.sleep(0.001 * (number % 4))
        assert type(p.total([1])) is int

async def main():
    await asyncio.gather(*(task(number) for number in range(8)))

asyncio.run(main())
assert type(p.total([1])) is int
print(storage._blocks, other._blocks, storage.executed, other.executed)
""",
    )
    assert finish(process) == ["0 0 12 12"]


# processes ----------------------------------------------------------------------------------


RACER = """
import sys
import p
from mandala_git import Storage
storage = Storage(single_flight={flight})
print("ready", flush=True)
sys.stdin.readline()
with storage:
    for n in range({count}):
        assert p.outer(n) == 10 * n + 1
print("done")
"""


@pytest.mark.parametrize("flight", ["False", "True", "60.0"])
def test_four_processes_make_the_same_calls(project: Project, flight: str) -> None:
    """Recorded once without an error; on request computed once."""
    project.write(p=OPS)
    code = RACER.format(flight=flight, count=8)
    racers = [start(project.root, code) for _ in range(4)]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("\n")
        racer.stdin.flush()
    for racer in racers:
        assert finish(racer) == ["done"]
    times = ran(project)
    if flight == "False":
        assert all(1 <= times[f"slow {n}"] <= 4 for n in range(8))
    else:
        assert times == {**{f"slow {n}": 1 for n in range(8)}, "total": 8}
        assert list((project.root / ".git/mandala/flights").iterdir()) == []
    assert len(project.table("outer")) == len(project.table("slow")) == 8
    project.reuses(*(f"p.outer({n})" for n in range(8)))


def test_threads_compute_a_call_once(project: Project) -> None:
    project.write(p=OPS)
    process = start(
        project.root,
        """
import threading
import p
from mandala_git import Storage
storage = Storage(single_flight=True)

def work():
    with storage:
        for n in range(3):
            assert p.outer(n) == 10 * n + 1

threads = [threading.Thread(target=work) for _ in range(6)]
for thread in threads: thread.start()
for thread in threads: thread.join()
""",
    )
    finish(process)
    assert ran(project) == {"slow 0": 1, "slow 1": 1, "slow 2": 1, "total": 3}


def test_a_killed_owner_is_not_waited_for(project: Project) -> None:
    project.write(p=OPS.replace("time.sleep(0.05)", "os.path.exists('hang') and time.sleep(600)"))
    (project.root / "hang").write_text("")
    code = "import p\nfrom mandala_git import Storage\nwith Storage(single_flight=True): print(p.outer(1).value)"
    owner = start(project.root, code)
    while not ran(project):
        assert owner.poll() is None
        time.sleep(0.01)
    waiting = start(project.root, code)
    (project.root / "hang").unlink()
    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    assert finish(waiting) == ["11"]
    assert ran(project)["slow 1"] == 2


def test_a_time_to_wait_that_makes_no_sense(project: Project) -> None:
    process = start(project.root, "from mandala_git import Storage\nStorage(single_flight=-1)")
    _, said = process.communicate()
    assert "single_flight=-1 is no time to wait" in said


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_pools_of_processes(project: Project, method: str) -> None:
    """Workers open the storage of their own; what is pickled to them comes as it was."""
    project.write(
        p=OPS,
        work="""
        import p
        from mandala_git import Storage

        def here(n):
            with Storage():
                return p.outer(n).value

        def there(job):
            storage, n = job
            with storage:
                return p.outer(n).value
        """.replace("\n        ", "\n"),
    )
    process = start(
        project.root,
        f"""
import multiprocessing, warnings
warnings.simplefilter("ignore", DeprecationWarning)
import p, work
from mandala_git import Storage

if __name__ == "__main__":
    storage = Storage(single_flight=True)
    with storage:
        p.outer(100)
        with multiprocessing.get_context({method!r}).Pool(3) as pool:
            print(pool.map(work.here, [1, 2, 3, 1]))
            print(pool.map(work.there, [(storage, n) for n in (1, 2, 4, 4)]))
        before = storage.executed
        print([p.outer(n).value for n in (1, 2, 3, 4, 100)], storage.executed - before)
""",
    )
    assert finish(process) == ["[11, 21, 31, 11]", "[11, 21, 41, 41]", "[11, 21, 31, 41, 1001] 0"]


# killed programs -----------------------------------------------------------------------------


KILLED = """
import sys
import p
from mandala_git import Storage

first = int(sys.argv[1])
storage = Storage()
with storage:
    for n in range(first, first + 100000):
        p.small(n)
        p.large(n)
        print(n, flush=True)
"""

WRITER = """
import time
from mandala_git import op

@op
def inner(n):
    return n * 2

@op
def small(n):
    time.sleep(0.0011)
    return [n, inner(n)]

@op
def large(n):
    time.sleep(0.0011)
    return list(range(n, n + 6000))
"""


class Killer:
    """Kills programs that record, at random moments, and checks what they leave.

    The programs are forked by a server that has imported all, so that many can be killed.
    """

    SERVER = """
import os, sys
import mandala_git.ops.storage, mandala_git.versions.recording, mandala_git.results.pickled
import mandala_git.ops.versioned, mandala_git.repo.git_store
for line in sys.stdin:
    child = os.fork()
    if not child:
        os.setpgid(0, 0)
        sys.argv = ["-c", line.strip()]
        sys.path.insert(0, os.getcwd())
        import mandala_git.versions.loaded, time
        mandala_git.versions.loaded._STARTED = time.time_ns() - 10_000_000
        exec(compile(CODE, "<killed>", "exec"), {"__name__": "killed"})
        os._exit(0)
    print("pid", child, flush=True)
    os.waitpid(child, 0)
    print("gone", flush=True)
"""

    def __init__(self, project: Project, program: str = KILLED) -> None:
        self.project = project
        self.finished: list[int] = []
        code = f"CODE = {program!r}\n{self.SERVER}"
        self._server = start(project.root, code)

    def kill(self, first: int, delay: float) -> None:
        """Start a program and kill it some time after its first finished call."""
        stdin, stdout = self._server.stdin, self._server.stdout
        assert stdin is not None and stdout is not None
        stdin.write(f"{first}\n")
        stdin.flush()
        pid = int(stdout.readline().split()[1])
        line = stdout.readline()
        time.sleep(delay)
        os.kill(pid, signal.SIGKILL)
        while line != "gone\n":
            # The last line may have been cut by the kill.
            if line.strip().isdigit():
                self.finished.append(int(line))
            line = stdout.readline()
            if line.endswith("gone\n") and line != "gone\n":
                break

    def close(self) -> None:
        self._server.communicate()

    def check(self) -> None:
        """Each finished call is there, nothing is half, and the next program finds it all."""
        self.check_whole()
        with Results(self.project.root / ".git" / "mandala") as results:
            ops = {key.rpartition("::")[2]: row for row, key in results.ops()}
            found: dict[str, dict[int, Any]] = {"small": {}, "large": {}}
            for name, calls in found.items():
                for record in results.calls_of([ops[name]]):
                    assert set(record.inputs) == {"n"}
                    (n,) = [results.load(edge.cid) for edge in record.inputs.values()]
                    (y,) = [results.load(edge.cid) for edge in record.outputs.values()]
                    assert ids.cid(y) == record.outputs["output_0"].cid
                    assert y == ([n, 2 * n] if name == "small" else list(range(n, n + 6000)))
                    calls[n] = y
            for name in ("small", "large"):
                assert set(self.finished) <= found[name].keys()

    def check_whole(self) -> None:
        """There is all of each call or nothing: what it is found by, too, and what calls add up to."""
        with Results(self.project.root / ".git" / "mandala") as results:
            assert verify(results)[:3] == ({}, {}, {})
            database = results._database
            assert database is not None
            sums = "SELECT sum(calls) FROM runs"
            rows = "SELECT count(*) FROM calls WHERE alias_of IS NULL"
            assert database.execute(sums).fetchone() == database.execute(rows).fetchone()
            assert database.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


@pytest.mark.parametrize("kills", [40, pytest.param(500, marks=pytest.mark.slow)])
@pytest.mark.timeout(1800)
def test_killed_programs_lose_no_finished_long_call(project: Project, kills: int) -> None:
    project.write(p=WRITER)
    killer, chance = Killer(project), random.Random(kills)
    for number in range(kills):
        killer.kill(number * 1000, chance.random() * 0.06)
        if number % 100 == 99:
            killer.check()
    killer.close()
    assert len(killer.finished) >= kills
    killer.check()
    calls = [
        f"p.{name}({n})"
        for n in killer.finished[:3] + killer.finished[-3:]
        for name in ("small", "large")
    ]
    project.reuses(*calls)


TENDING = """
import sys
import p
from mandala_git import Storage

first = int(sys.argv[1])
storage = Storage()
while True:
    with storage:
        for n in range(first, first + 8):
            p.large(n)
            p.small(n)
            storage.unwrap(p.inner(p.small(n)[0]))
    print(first, flush=True)
    with storage.delete():
        p.inner(first)
        p.small(first + 1)
        p.large(first + 2)
    storage.rename_arg(p.large, "n", "m")
    storage.drop_calls(p.small)
    storage.gc()
    storage.rename_arg(p.large, "m", "n")
"""


@pytest.mark.parametrize("kills", [25, pytest.param(300, marks=pytest.mark.slow)])
@pytest.mark.timeout(1800)
def test_killed_upkeep_leaves_all_or_nothing(project: Project, kills: int) -> None:
    project.write(p=WRITER)
    killer, chance = Killer(project, TENDING), random.Random(kills)
    for number in range(kills):
        killer.kill(number % 3 * 100, chance.random() * 0.1)
        if number % 5 == 4:
            killer.check_whole()
    killer.close()
    with Results(project.root / ".git" / "mandala") as results:
        for record in results.calls_of(row for row, _ in results.ops()):
            for edge in record.outputs.values():
                assert ids.cid(results.load(edge.cid)) == edge.cid
    again = "out(p.large(n)[5]); out(p.small(n)[1])"
    project.program(f"import p\nwith storage:\n    for n in range(9): {again}")


def test_a_short_call_is_kept_soon(project: Project) -> None:
    """One that takes less than a millisecond waits for others, but not for the program."""
    project.write(p=WRITER)
    process = start(
        project.root,
        "import p, sys\nfrom mandala_git import Storage\n"
        "with Storage():\n    p.inner(21)\n    print('made', flush=True)\n    sys.stdin.read()",
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "made\n"
    deadline = time.monotonic() + 60
    with Results(project.root / ".git" / "mandala") as results:
        while not (ops := dict(results.ops())) or not results.calls_of(ops):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    project.reuses("p.inner(21)")
