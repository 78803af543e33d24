"""Refs, ops and storages that are sent to other processes, and what comes back."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from interpreters import HOUSE, finish, start

from mandala_git import Storage, op
from mandala_git.errors import MandalaError
from mandala_git.results import store
from mandala_git.results.store import Results

pytestmark = pytest.mark.sweep

if TYPE_CHECKING:
    from conftest import Project

OPS = """
import os
from mandala_git import Storage, op

def note(name):
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "ran"), "a") as file:
        file.write(f"{name}\\n")

@op
def make(n):
    note(f"make {n}")
    return list(range(n, n + 50))

@op
def large(n):
    import numpy
    note(f"large {n}")
    return numpy.arange(n, n + 100_000)

@op
def total(xs):
    note("total")
    return int(sum(xs))

def given_a_ref(ref):
    lazy = not ref.in_memory
    with Storage() as storage:
        result = total(ref)
    return result, lazy, ref.hid

def given_a_storage(storage, n):
    with storage:
        return make(n), (os.getpid(), id(storage))

def make_here(n):
    with Storage():
        return make(n)

def in_the_block_of_my_parent(n):
    ref = make(n)
    return ref, type(ref).__name__

class Model:
    def __init__(self, weight):
        self.weight = weight

    @op
    def scaled(self, n):
        note("scaled")
        return self.weight * n
"""

BEGIN = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # forks of a process with threads
import p
from mandala_git import Storage
"""

WORK = """
if __name__ == "__main__":
    storage = Storage()
    with storage:
        refs = [p.large(n) for n in range(3)]
    with POOL as pool:
        came = list(spread(pool, p.given_a_ref, refs))
        made = list(spread(pool, p.make_here, [7, 8, 7]))
        sent = list(spread(pool, p.given_a_storage, [storage] * 3, [20, 21, 22]))
    opened = {of for _, of in sent}
    assert len(opened) == len({process for process, _ in opened}), "one storage for each process"
    print({lazy for _, lazy, _ in came})
    assert [hid for _, _, hid in came] == [ref.hid for ref in refs]
    print([int(ref) for ref, _, _ in came])
    print([ref[0] for ref in made], [ref[0] for ref, _ in sent])
    with storage:
        before = storage.executed
        assert [p.total(ref) for ref in refs] == [ref for ref, _, _ in came]
        assert [p.make(n) for n in (7, 8, 20)] == [made[0], made[1], sent[0][0]]
        print(int(p.total(made[0])), storage.executed - before)
        print(storage.table(p.total).shape[0])
"""

PROCESSES = """
import multiprocessing
def spread(pool, f, *more): return pool.starmap(f, zip(*more))
POOL = multiprocessing.get_context({0!r}).Pool(2) if __name__ == "__main__" else None
"""
FUTURES = """
import concurrent.futures
def spread(pool, f, *more): return pool.map(f, *more)
POOL = concurrent.futures.{0}(2) if __name__ == "__main__" else None
"""
JOBLIB = """
import joblib
def spread(pool, f, *more): return pool(joblib.delayed(f)(*each) for each in zip(*more))
POOL = joblib.Parallel(2, backend={0!r})
"""
DASK = """
import distributed
def spread(pool, f, *more): return pool.gather(pool.map(f, *more, pure=False))
if __name__ == "__main__":
    POOL = distributed.Client(n_workers=2, threads_per_worker=1, dashboard_address=None)
"""

POOLS = {
    "fork": PROCESSES.format("fork"),
    "spawn": PROCESSES.format("spawn"),
    "futures": FUTURES.format("ProcessPoolExecutor"),
    "threads": FUTURES.format("ThreadPoolExecutor"),
    "loky": JOBLIB.format("loky"),
    "joblib threads": JOBLIB.format("threading"),
    "dask": DASK,
}


def run_script(project: Project, *arguments: str) -> list[str]:
    """Run `script.py` of a project, whose processes may import it; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "script.py", *arguments],
        cwd=project.root,
        env={**os.environ, "PYTHONPATH": f"{HOUSE}:{project.root}"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("kind", POOLS)
def test_refs_and_storages_go_there_and_come_back(project: Project, kind: str) -> None:
    if kind == "dask":
        pytest.importorskip("distributed")
    project.write(p=OPS, script=BEGIN + POOLS[kind] + WORK)
    assert run_script(project) == [
        "{True}",
        "[4999950000, 5000050000, 5000150000]",
        "[7, 8, 7] [20, 21, 22]",
        "1575 1",
        "4",
    ]


def test_pickles_of_all_kinds(project: Project) -> None:
    project.write(p=OPS)
    code = (
        BEGIN
        + """
import copy, pickle
storage = Storage()
with storage:
    small, large, text = p.make(1), p.large(1), p.total([1, 2])
    scaled = p.Model(3).scaled(4)

def size(what): return len(pickle.dumps(what))

def again(what): return pickle.loads(pickle.dumps(what))

for ref in (small, large, text, scaled):
    for twin in (again(ref), copy.copy(ref), copy.deepcopy(ref)):
        assert (twin.hid, twin.cid) == (ref.hid, ref.cid)
        assert storage.unwrap(twin) is not None
assert again(text).in_memory and not again(small).in_memory
large.value
assert size(large) < 1000, "it is loaded where it arrives"
assert size([small] * 50) < size(small) + 500
with storage:
    many = [p.make(n) for n in range(50)]
assert size(many) < size(small) + 50 * 120, "where they are is said once"
large.value[0] = 99
assert size(large) > 100_000 and again(large).value[0] == 99
with storage:
    assert p.total(again(large)) == p.total(large) == 5000050098
for op in (p.make, p.Model.scaled):
    assert again(op) is op and copy.deepcopy(op) is op
assert again(p.Model(3).scaled)(4) == 12
assert again(storage) is storage is copy.deepcopy(storage)
print(again(storage).executed)
"""
    )
    assert finish(start(project.root, code)) == ["54"]


def test_a_store_that_is_not_there(project: Project) -> None:
    """Nothing is made where it would have to be: it is on another machine."""
    project.write(p=OPS)
    finish(
        start(
            project.root,
            BEGIN + "import pickle\nwith Storage(): r = p.make(1)\n"
            "open('sent', 'wb').write(pickle.dumps((r, p.make)))",
        )
    )
    (project.root / ".git" / "mandala").rename(project.root / "elsewhere")
    code = (
        BEGIN
        + """
import os, pickle
from mandala_git import MandalaError
ref, op = pickle.load(open("sent", "rb"))
print(repr(ref).partition("(")[0], op is p.make)
try:
    ref.value
except MandalaError as error:
    print(error)
print(os.path.exists(".git/mandala"))
"""
    )
    said = finish(start(project.root, code))
    place = project.root / ".git" / "mandala" / "results.db"
    assert said == [
        "AtomRef True",
        f"a Ref came here from a store that is not on this machine: {place}",
        "  Load it before it is sent (ref.value), or work where the store is.",
        "False",
    ]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_block_that_is_open_while_processes_begin(project: Project, method: str) -> None:
    """A fork is in the block, too, and records in the same store; a new process is in none."""
    project.write(p=OPS)
    project.write(
        script=BEGIN
        + f"""
import multiprocessing
if __name__ == "__main__":
    storage = Storage()
    with storage:
        before = p.make(1)
        with multiprocessing.get_context({method!r}).Pool(2) as pool:
            came = pool.map(p.in_the_block_of_my_parent, [1, 2, 3])
        print([kind for _, kind in came], [ref[0] for ref, _ in came])
        after = storage.executed
        same = [p.make(n).value for n in (1, 2, 3)] == [list(ref) for ref, _ in came]
        print(same, storage.executed - after)
    print(storage._blocks, type(p.make(5)).__name__)
"""
    )
    said = run_script(project)
    if method == "fork":
        assert said[:2] == ["['Ref', 'Ref', 'Ref'] [1, 2, 3]", "True 0"]
    else:
        assert said[:2] == ["['list', 'list', 'list'] [1, 2, 3]", "True 2"]
    assert said[2] == "0 list"


MAIN = """
import sys
import p
from mandala_git import Storage, op
FACTOR = 10

def near(n):
    return n * FACTOR

@op(output_names=["low", "high"], ignore_args=["verbose"])
def here(n, verbose=False):
    p.note(f"here {n}")
    return near(n), near(n) + 1

@op
async def later(n):
    return n

def work(n):
    with Storage() as storage:
        low, high = here(n, verbose=True)
        return int(low), int(high), storage.executed
"""


@pytest.mark.parametrize("backend", ["loky", "cloudpickle"])
def test_ops_of_a_script_are_sent_as_their_code(project: Project, backend: str) -> None:
    """Their globals come with them, and need not be those of the file: they run, and are right."""
    pytest.importorskip("joblib")
    project.write(p=OPS)
    sending = {
        "loky": "got = joblib.Parallel(2)(joblib.delayed(work)(n) for n in (1, 2))",
        "cloudpickle": """
try:
    import cloudpickle
except ImportError:
    from joblib.externals import cloudpickle
data = cloudpickle.dumps((work, later, here))
code = "import pickle, sys, asyncio, script; work, later, here = pickle.load(sys.stdin.buffer); " \\
    "print([work(1), work(2)], asyncio.run(later(3)), here.output_names)"
import subprocess
got = eval(subprocess.run([sys.executable, "-W", "ignore", "-c", code], input=data, check=True,
                     stdout=subprocess.PIPE).stdout.decode().partition(" 3 (")[0])
""",
    }[backend]
    project.write(
        script=f"{MAIN}\nif __name__ == '__main__':\n    FACTOR = int(sys.argv[1])\n"
        "    import joblib, warnings\n    "
        + sending.strip().replace("\n", "\n    ")
        + "\n    print(got)\n"
    )
    for factor in (10, 11, 10):
        said = run_script(project, str(factor))
        assert said == [str([(n * factor, n * factor + 1, 1) for n in (1, 2)])]


def test_what_was_sent_without_its_module_is_said(project: Project) -> None:
    project.write(p=OPS, script=MAIN)
    code = """
import types, warnings
import script
from mandala_git import Storage, op
warnings.simplefilter("always")

def sent(factor):
    own = dict(vars(script), FACTOR=factor, __name__="__main__")
    own["near"] = types.FunctionType(script.near.__code__, own, "near")
    found = types.FunctionType(script.here.func.__code__, own, "here", (False,))
    found.__module__ = "__main__"
    return op(found)

with warnings.catch_warnings(record=True) as said, Storage() as storage:
    for factor in (10, 11):
        for _ in range(2):
            print(storage.unwrap(sent(factor)(1)))
    print(storage.executed)
print(said[0].message)
"""
    lines = finish(start(project.root, code))
    assert lines[:5] == ["(10, 11)", "(10, 11)", "(11, 12)", "(11, 12)", "4"]
    assert (
        "it came here without its module: define it in one that is imported here, too" in lines[5]
    )


def test_what_is_in_memory_stays_in_its_process(project: Project) -> None:
    project.write(p=OPS)
    code = (
        BEGIN
        + """
import os, pickle
from mandala_git import MandalaError
storage = Storage(db_path=":memory:")
with storage: large, small = p.large(1), p.total([1])
try:
    pickle.dumps(storage)
except MandalaError as error:
    print(error)
print(pickle.loads(pickle.dumps(large))._loader is storage.results)
def work(ref):
    with storage: return p.make(int(ref[0])), p.total(ref)
import multiprocessing
with multiprocessing.get_context("fork").Pool(1) as pool:
    made, total = pool.map(work, [large])[0]
with storage:
    before = storage.executed
    print(made[0], int(total), int(p.total(made)), storage.executed - before)
open("sent", "wb").write(pickle.dumps(large))
import subprocess, sys
there = "import pickle; r = pickle.load(open('sent', 'rb')); print(r.in_memory, r[0])"
print(subprocess.run([sys.executable, "-c", there], stdout=subprocess.PIPE, text=True).stdout, end="")
"""
    )
    assert finish(start(project.root, code)) == [
        "a storage in memory cannot be sent to another process",
        '  Keep it in a file, which all processes share: Storage("calls.db").',
        "True",
        "1 5000050000 1275 1",
        "True 1",
    ]


@op
def squares(n: int) -> list[int]:
    return [n * n] * 50


def test_what_a_ref_stands_for_is_written_before_it_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PATIENCE", 60.0)
    monkeypatch.chdir(tmp_path)
    storage = Storage("calls.db")
    with storage:
        ref = squares(3)
        assert storage.results.waiting == 1
        assert pickle.loads(pickle.dumps(ref)) == ref
        assert storage.results.waiting == 0
        with Results(storage.results.folder, database=storage.results.path) as there:
            assert there.load(ref.cid) == [9] * 50
    storage.results.close()


def test_an_op_that_is_sent_has_all_its_settings() -> None:
    import inspect

    settings: dict[str, Any] = {
        "nout": 2,
        "output_names": ["a", "b"],
        "ignore_args": ["k"],
        "unstored_args": ["n"],
        "round_floats": 3,
        "depends_on": ["data.csv"],
        "untracked": ["OPS"],
    }
    assert settings.keys() == inspect.signature(op).parameters.keys() - {"func"}

    @op(**settings)
    def sent(n: int, k: int = 0) -> tuple[int, int]:
        return n, k

    again = pickle.loads(pytest.importorskip("cloudpickle").dumps(sent))
    assert again is not sent
    for name in (
        "nout",
        "output_names",
        "unstored",
        "round_floats",
        "refs",
        "depends_on",
        "untracked",
    ):
        assert getattr(again, name) == getattr(sent, name)
    assert repr(again.bind((1,), {"k": 2})) == repr(sent.bind((1,), {"k": 2}))
    assert type(again.plan) is type(sent.plan)


def subclasses(error: type[MandalaError]) -> list[type[MandalaError]]:
    return [error, *(each for sub in error.__subclasses__() for each in subclasses(sub))]


@pytest.mark.parametrize("kind", subclasses(MandalaError), ids=lambda kind: kind.__name__)
def test_errors_come_back_whole(kind: type[MandalaError]) -> None:
    error = kind("what happened", hint="what helps")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert vars(again) == vars(error)
    assert str(again) == "what happened\n  what helps"
