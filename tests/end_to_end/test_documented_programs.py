"""Programs as people write them for mandala: they run here with another import line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from interpreters import HOUSE

pytestmark = pytest.mark.sweep

STORAGE_AND_OPS = """
import os
from mandala_git.imports import Storage, op

if os.path.exists('calls.db'):
    os.remove('calls.db')
storage = Storage(db_path='calls.db', deps_path='__main__')

@op
def sum_args(a, *args, b=1, **kwargs):
    print('runs')
    return sum([a, b, *args, *kwargs.values()])

for _ in range(2):
    with storage:
        s = sum_args(6, 7, 8, 9, c=11)
        print(s)

print(storage.unwrap(s))
print(storage.attach(obj=s, inplace=False))
print(storage.load_ref(s.hid))
call = storage.get_ref_creator(ref=s)
print(call)
print(list(call.inputs), list(call.outputs))
"""

RETRACING = """
from mandala_git.imports import *

@op
def load_data(n_class=2):
    print('Loading data')
    return [[i % n_class] for i in range(20)], [i % n_class for i in range(20)]

@op
def train_model(X, y, n_estimators=5):
    print('Training model')
    return {'seen': dict(zip((x[0] for x in X), y)), 'n': n_estimators}

@op
def get_acc(model, X, y):
    print('Getting accuracy')
    return sum(model['seen'].get(x[0]) == t for x, t in zip(X, y)) / len(y)

storage = Storage()
for _ in range(2):
    with storage:
        X, y = load_data()
        model = train_model(X, y)
        acc = get_acc(model, X, y)
    print(acc, acc.in_memory)

with storage:
    for n_class in (2, 5):
        X, y = load_data(n_class)
        for n_estimators in (5, 10):
            acc = get_acc(train_model(X, y, n_estimators=n_estimators), X, y)
            if acc > 0.8:
                print('good')
"""

VERSIONS = """
from mandala_git.imports import Storage, op, track

storage = Storage(deps_path='__main__')
N_CLASS = 4

@track
def scale_data(X):
    return [x / max(X) for x in X]

@op
def load_data():
    return [float(i) for i in range(1, 20)], [i % N_CLASS for i in range(1, 20)]

@op
def train_model(X, y, scale=False):
    if scale:
        X = scale_data(X)
    return dict(zip(X, y))

@op
def eval_model(model, X, y, scale=False):
    if scale:
        X = scale_data(X)
    return sum(model.get(x) == t for x, t in zip(X, y)) / len(y)

with storage:
    X, y = load_data()
    for scale in [False, True]:
        acc = eval_model(train_model(X, y, scale=scale), X, y, scale=scale)

for f in (load_data, train_model, eval_model):
    versions = storage.versions(f)
    print(f.name, len(versions), sorted('def scale_data' in c for c in versions.code))
print(storage.sources(train_model))
"""

COLLECTIONS = """
from mandala_git.imports import Storage, op, MList

storage = Storage()

@op
def average(nums: MList[float]) -> float:
    return sum(nums) / len(nums)

with storage:
    for _ in range(2):
        a = average([1, 2, 3, 4, 5])
print(storage.unwrap(a), storage.executed)
"""

CAVEATS = """
from mandala_git.utils import get_content_hash, serialize, deserialize

def same(a, b):
    return get_content_hash(a) == get_content_hash(b)

value = {'a': [1, 2.5], 'b': {3}}
print(1 == True, same(1, True), 23 == 23.0, same(23, 23.0), same(42.0, 42.00000000001))
print(same(value, deserialize(serialize(value))))
"""


def run(folder: Path, program: str) -> list[str]:
    (folder / "program.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "-W", "error::mandala_git.errors.MandalaWarning", "program.py"],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(HOUSE),
            "GIT_CEILING_DIRECTORIES": str(folder.parent),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture(params=["in a repository", "outside of any"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "in a repository":
        subprocess.run(["git", "init", "-q", tmp_path], check=True)
    return tmp_path


def test_storage_and_ops(folder: Path) -> None:
    for _ in range(2):  # it removes its database, and so begins anew
        lines = run(folder, STORAGE_AND_OPS)
        assert lines[0] == "runs" and lines.count("runs") == 1
        assert lines[1].startswith("AtomRef(42, hid=")
        assert lines[2].startswith("AtomRef(hid=") and lines[2].endswith("in_memory=False)")
        assert lines[3] == "42"
        assert lines[4] == lines[5] == lines[1]
        assert lines[6].startswith("Call(sum_args, hid=")
        assert lines[7].endswith("['output_0']")


def test_retracing(folder: Path) -> None:
    lines = run(folder, RETRACING)
    assert lines[:3] == ["Loading data", "Training model", "Getting accuracy"]
    assert lines[3].startswith("AtomRef(1.0, hid=") and lines[3].endswith(" True")
    assert lines[4].startswith("AtomRef(hid=") and lines[4].endswith(" False")
    assert lines.count("good") == 4
    assert lines.count("Loading data") == 2
    assert lines.count("Training model") == lines.count("Getting accuracy") == 4


def test_versions(folder: Path) -> None:
    lines = run(folder, VERSIONS)
    assert lines[:3] == [
        "load_data 1 [False]",
        "train_model 2 [False, True]",
        "eval_model 2 [False, True]",
    ]
    assert lines[3].endswith("program.py::train_model") and "===HEAD===" in lines[4]


def test_collections(folder: Path) -> None:
    assert run(folder, COLLECTIONS)[-1] in ("3.0 1", "3.0 0")


def test_caveats(folder: Path) -> None:
    assert run(folder, CAVEATS) == ["True False True False False", "True"]
