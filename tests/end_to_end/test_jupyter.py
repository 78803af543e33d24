"""A real Jupyter kernel, spoken to as a notebook does: ops in its cells are found after a restart."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client import BlockingKernelClient

from mandala_git.repo.git_store import GitStore
from mandala_git.repo.repository import Repository

HOUSE = Path(__file__).parent.parent.parent
SAYS = "print(value.value, storage.executed, storage.found)"


class Kernel:
    """A kernel process.

    Args:
        cwd: where it runs.
        notebook: what the server tells it of its notebook.
        folder: for its own files.
    """

    def __init__(self, cwd: Path, notebook: Path, folder: Path) -> None:
        self._file = folder / f"{time.time_ns()}.json"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ipykernel_launcher", "-f", self._file],
            cwd=cwd,
            env={
                **os.environ,
                "PYTHONPATH": str(HOUSE),
                "IPYTHONDIR": str(folder),
                "JPY_SESSION_NAME": str(notebook),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while not (self._file.exists() and self._file.stat().st_size):
            assert self._process.poll() is None, "the kernel did not start"
            time.sleep(0.05)
        self._client = BlockingKernelClient(connection_file=str(self._file))
        self._client.load_connection_file()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=120)

    def __call__(self, cell: str) -> str:
        """Run a cell; return what it printed, or its error."""
        said: list[str] = []

        def hear(message: dict[str, Any]) -> None:
            content = message["content"]
            if message["msg_type"] == "stream" and content["name"] == "stdout":
                said.append(content["text"])
            elif message["msg_type"] == "error":
                said.append(f"{content['ename']}: {content['evalue']}")

        self._client.execute_interactive(cell, allow_stdin=False, output_hook=hear, timeout=120)
        return "".join(said).strip()

    def close(self) -> None:
        self._client.shutdown()
        self._process.wait(60)
        self._client.stop_channels()


@pytest.fixture
def kernel(
    git_repo: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Kernel]]:
    """Start kernels of one notebook in one repository."""
    repo = git_repo()
    GitStore(Repository.discover(repo.root)).init()
    notebook = repo.write("nb/analysis.ipynb", '{"cells": [], "nbformat": 4}')
    started: list[Kernel] = []

    def start() -> Kernel:
        cwd = repo.root if started else notebook.parent
        started.append(Kernel(cwd, notebook, tmp_path_factory.mktemp("kernel")))
        return started[-1]

    yield start
    for each in started:
        each.close()


CELLS = [
    "from mandala_git import Storage, op\n\nstorage = Storage()",
    "@op\ndef f(x, scale=False):\n    if scale:\n        x = other(x)\n    return helper(x) + K",
    "def other(x):\n    return x * 9",
    "%%time\ndef helper(x):\n    return x * 2",
    "K = 3",
]
CALL = f"import asyncio\nawait asyncio.sleep(0)\nwith storage:\n    value = f(3)\n{SAYS}"


def test_a_real_kernel(kernel: Callable[[], Kernel]) -> None:
    first = kernel()
    for cell in CELLS:
        assert "Error" not in first(cell)
    assert first(CALL) == "9 1 0"
    assert first("def helper(x):\n    return x * 5") == ""
    assert first(CALL) == "18 2 0"
    assert first(CELLS[3]).startswith("CPU times") and first(CALL) == "9 2 1"
    assert first("def other(x):\n    return x * 8") == ""
    assert first(CALL) == "9 2 2"  # it did not run
    second = kernel()  # beside the first, and elsewhere
    for cell in reversed(CELLS):
        second(cell)
    second(CELLS[1])
    assert second(CALL) == "9 0 1"
    assert second("print(*[key for _, key in storage.results.ops()])") == "nb/analysis.ipynb::f"
