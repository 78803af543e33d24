"""A server of fresh IPython kernels: it imports IPython once and forks for every job.

One JSON object a line on stdin is a job, a list of cells; one on stdout its answer. A job runs in
a child that has a shell of its own, as a kernel that was just started has.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
import warnings
from typing import Any

import libcst  # noqa: F401 - the children need it, and loading it takes long
from forks import Plain
from ipykernel.compiler import XCachingCompiler
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import mandala_git.versions.kernel
import mandala_git.versions.loaded
from mandala_git import Storage
from mandala_git.repo import git_store, objects, snapshots  # noqa: F401
from mandala_git.source import scan, texts  # noqa: F401
from mandala_git.versions import recording  # noqa: F401


class KernelShell(InteractiveShell):
    """A shell that names its cells as a Jupyter kernel does."""

    compiler_class = XCachingCompiler


def main() -> None:
    for line in sys.stdin:
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(reading)
            try:
                answer = work(json.loads(line))
            except BaseException:  # noqa: BLE001 - the test shall see it
                answer = {"error": traceback.format_exc()}
            data = json.dumps(answer).encode()
            while data:
                data = data[os.write(writing, data) :]
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            answer = pipe.read().decode()
        os.waitpid(child, 0)
        print(answer, flush=True)


def work(job: dict[str, Any]) -> dict[str, Any]:
    """Run cells; `out(value)` is what they print, `Storage()` their storage."""
    mandala_git.versions.loaded._STARTED = time.time_ns() - 10_000_000
    os.chdir(job["cwd"])
    sys.path.insert(0, job["cwd"])
    sys.dont_write_bytecode = True
    sys.stdout = sys.stderr  # what cells print is nobody's
    warnings.simplefilter("ignore")
    config = Config()
    config.HistoryManager.enabled = False
    shell = (KernelShell if job["jupyter"] else InteractiveShell).instance(config=config)
    shell.showtraceback = lambda *args, **kwargs: None
    shell.user_ns.update(job["variables"])
    values: list[str] = []
    storage: Any = Plain()

    def make() -> Any:
        nonlocal storage
        if not job["plain"]:
            storage = Storage(job["root"])
        return storage

    def out(value: Any) -> None:
        values.append(repr(storage.unwrap(value)))

    given = {"Storage": make, "out": out}
    if not job["late"]:
        given["storage"] = make()
    shell.user_ns.update(given)
    shell.user_ns_hidden.update(given)
    counts: list[tuple[int, int]] = []
    for cell in job["cells"]:
        before = storage.executed, storage.found
        result = shell.run_cell(cell, store_history=True)
        error = result.error_in_exec or result.error_before_exec
        if error is not None:
            values.append(f"{type(error).__name__}: {error}")
        counts.append((storage.executed - before[0], storage.found - before[1]))
    answer: dict[str, Any] = {"values": values, "counts": counts}
    if not job["plain"]:
        answer["ops"] = sorted(key for _, key in storage.results.ops())
        storage.results.flush()
    return answer


if __name__ == "__main__":
    main()
