"""A server of fresh processes: it imports the package once and forks for every job.

One JSON object a line on stdin is a job, one on stdout its answer. A job runs in a child that
has imported no project code before, so that it is what a new interpreter would be, without the
time that starting one takes.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

import libcst  # noqa: F401 - the children need them, and loading them takes long

import mandala_git.versions.loaded
from mandala_git import Storage
from mandala_git.ops import past  # noqa: F401
from mandala_git.repo import git_store, objects, snapshots  # noqa: F401
from mandala_git.source import scan, texts  # noqa: F401
from mandala_git.versions import review


class Plain:
    """What a program sees instead of a storage when it runs from scratch."""

    executed = 0
    found = 0

    def __enter__(self) -> Plain:
        return self

    def __exit__(self, *error: object) -> None: ...

    def unwrap(self, value: Any) -> Any:
        return value


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
        print(answer or json.dumps({"error": "the process died"}), flush=True)


def work(job: dict[str, Any]) -> dict[str, Any]:
    os.chdir(job["root"])
    sys.path.insert(0, job["root"])
    sys.dont_write_bytecode = True
    # This process starts now.
    mandala_git.versions.loaded._STARTED = time.time_ns() - 10_000_000
    outputs: list[str] = []
    storage: Any = Plain() if job["plain"] else Storage()

    def out(value: Any) -> None:
        outputs.append(repr(storage.unwrap(value)))

    notes: list[Any] = []

    def write(path: str, text: str) -> None:
        Path(job["root"], path).write_text(text)

    namespace = {"storage": storage, "out": out, "write": write, "note": notes.append}
    if job["script"]:
        # The code is a file of the project that runs as the script.
        filename = os.path.join(job["root"], job["script"])
        module = ModuleType("__main__")
        module.__file__ = filename
        vars(module).update(namespace)
        sys.modules["__main__"] = module
        exec(
            compile(Path(filename).read_bytes(), filename, "exec", dont_inherit=True), vars(module)
        )
    elif job["action"]:
        namespace["outputs"] = outputs
        outputs += globals()[job["action"]](storage, *job["arguments"])
    else:
        vars(sys.modules["__main__"]).pop("__file__", None)
        exec(compile(job["code"], "<test>", "exec"), namespace)
    counts = {"executed": storage.executed, "found": storage.found}
    return {"values": outputs, "notes": notes, **counts}


# -- what a test asks about verdicts ------------------------------------------------------


def _review(storage: Storage, since: str | None) -> review.Review:
    from mandala_git.versions.indexed import IndexedTree
    from mandala_git.versions.worlds import Worlds

    versioning: Any = storage.versioning
    versioning.history.refresh()
    repo = storage.repository
    assert repo is not None

    def worlds(tree: Any) -> Worlds:
        return Worlds(IndexedTree(tree, versioning.index), versioning.history)

    here = worlds(snapshots.work_tree(repo, versioning.index))
    before = None
    if since is not None:
        before = worlds(snapshots.commit_tree(repo, repo.resolve(since)))
    return review.Review(here, storage.results, before)


def questions(storage: Storage, since: str | None) -> list[str]:
    found = _review(storage, since).questions()
    return sorted(f"{q.edge.key_old} -> {q.edge.key_new} {q.verdict or 'open'}" for q in found)


def decide(storage: Storage, names: list[str], verdict: str, since: str | None) -> list[str]:
    from mandala_git.versions.verdicts import Verdict

    asked = _review(storage, since)
    chosen, missed = review.select(asked.questions(), names)
    assert not missed, (missed, [q.edge for q in asked.questions()])
    events = asked.decide(chosen, Verdict(verdict), author="A <a@example.org>")
    return [event.id for event in events]


def retract(storage: Storage, name: str) -> list[str]:
    from mandala_git.versions.verdicts import Verdict

    history = storage.versioning.history  # type: ignore[attr-defined]
    history.refresh()
    edges = [e for e in history.ledger.standing() if e.key_new.endswith(name)]
    assert edges, name
    events = history.decide(
        [(edge, [], []) for edge in edges], Verdict.RETRACTED, author="A <a@example.org>"
    )
    return [event.id for event in events]


def table(storage: Storage, name: str, rev: str | None) -> list[str]:
    frame = storage.table(name) if rev is None else storage.at(rev).table(name)
    return [repr(row) for row in frame.to_dict("records")]


if __name__ == "__main__":
    # What a child prints must not be taken for an answer.
    answers, sys.stdout = sys.stdout, sys.stderr
    _print = print

    def print(*args: Any, **kwargs: Any) -> None:
        _print(*args, file=answers, **kwargs)

    main()
