"""Large values are stored and loaded in little more memory than they take themselves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.sweep

ROOT = Path(__file__).resolve().parents[2]
MOST = 1.2

PROGRAM = """
import gc, resource, sys
from pathlib import Path
import numpy as np, pandas as pd
from mandala_git.results import codecs, pickled
from mandala_git.results.ids import cid
from mandala_git.results.values import ValueFiles

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

def array(size):
    return np.ones(size // 8)

MAKERS = {
    "array": array,
    "fortran": lambda size: array(size).reshape(50, -1).T,
    "one long row": lambda size: array(size).reshape(1, -1)[:, ::1],
    "in a dict": lambda size: {"weights": [array(size // 4) for _ in range(4)], "name": "m"},
    "scattered in a list": lambda size: [array(size).reshape(4, -1)[:, :-1].T],
    "frame": lambda size: pd.DataFrame({i: array(size // 4) for i in range(4)}, copy=False),
    "frame of one array": lambda size: pd.DataFrame(array(size).reshape(-1, 8)),
    "bytes": lambda size: bytes(size),
    "text": lambda size: "x" * size,
    "floats": lambda size: [float(i) for i in range(size // 36)],  # a list has some to spare
}

phase, kind, size, folder, compression = sys.argv[1:]
folder, size, compression = Path(folder), int(size), compression or None
files = ValueFiles(folder)
warm = {"a": np.arange(20_000), "b": [np.ones((9, 20_000))[:, ::2]]}
pd.DataFrame({"x": ["w"]})
for each in (warm, warm["a"]):
    encoded = codecs.encode(each, compression=compression)
    files.write(cid(each), encoded)
    files.read(cid(each), encoded.codec)
if phase == "store":
    value = MAKERS[kind](size)
    gc.collect()
    before = peak()
    content = cid(value)
    encoded = codecs.encode(value, compression=compression)
    files.write(content, encoded)
    more = peak() - before
    (folder / "stored").write_text(f"{content.hex()} {encoded.codec}")
    print((size + more) / size)
else:
    content, codec = (folder / "stored").read_text().split()
    before = peak()
    value = files.read(bytes.fromhex(content), codec)
    assert cid(value).hex() == content
    print((peak() - before) / size)
"""
KINDS = [
    "array", "fortran", "one long row", "in a dict", "scattered in a list", "frame",
    "frame of one array", "bytes", "text", "floats",
]  # fmt: skip


def assert_frugal(folder: Path, kind: str, size: int, compression: str = "") -> None:
    for phase in ("store", "load"):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, phase, kind, str(size), str(folder), compression],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert float(done.stdout) <= MOST, f"{phase} of {kind}: {done.stdout.strip()} x the value"


@pytest.mark.parametrize("kind", KINDS)
def test_a_hundred_megabytes(tmp_path: Path, kind: str) -> None:
    assert_frugal(tmp_path, kind, 100_000_000)


@pytest.mark.parametrize("kind", ["array", "in a dict", "text"])
def test_compressed(tmp_path: Path, kind: str) -> None:
    assert_frugal(tmp_path, kind, 100_000_000, "gzip")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_four_hundred_megabytes(tmp_path: Path, kind: str) -> None:
    assert_frugal(tmp_path, kind, 400_000_000)


OPS = """
import resource, sys
import numpy as np
from mandala_git import Storage, op

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

@op
def make(count):
    return np.ones(count)

@op
def total(values):
    return float(values.sum())

count = int(sys.argv[1])
storage = Storage()
with storage:
    make(10_000)
    before = peak()
    assert total(make(count)).value == count
    print((peak() - before) / (8 * count), storage.executed)
"""


@pytest.mark.slow
def test_through_ops(tmp_path: Path) -> None:
    """What an op returns is stored and handed on, in two processes, beside nothing else."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    script = tmp_path / "large.py"
    script.write_text(OPS)
    said = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, str(script), "50000000"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        said.append(done.stdout.split())
    assert [executed for _, executed in said] == ["3", "0"]
    # The first process has the array that was made and, mapped, the one that was recorded.
    assert float(said[0][0]) <= 2 * MOST
    assert float(said[1][0]) <= MOST
