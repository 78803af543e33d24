"""A small project in a scratch repository, whose programs run in processes of their own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pytest
from serving import Forks

from mandala_git.repo.git_store import GitStore
from mandala_git.repo.repository import Repository


class Repo(Protocol):
    """The scratch repository of the shared fixtures."""

    root: Path

    def git(self, *args: str) -> str: ...

    def write(self, path: str, text: str) -> Path: ...

    def commit(self, message: str = "c") -> str: ...


class Run(NamedTuple):
    """What a program printed and how much of it ran."""

    values: list[str]
    executed: int
    found: int


class Project:
    """A project under test.

    Every run is compared with the same program run from scratch, without a storage.
    """

    def __init__(self, repo: Repo, forks: Forks) -> None:
        self.repo = repo
        self.root = repo.root
        self._forks = forks

    def write(self, **files: str) -> None:
        """Write modules: `write(h="...")` is `h.py`; `**{"pkg/h": "..."}` is `pkg/h.py`."""
        for name, text in files.items():
            self.repo.write(f"{name}.py", text)
        time.sleep(0.012)  # a process that starts at once takes such a file for edited later

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a piece of a module."""
        path = self.root / f"{name}.py"
        text = path.read_text()
        assert old in text, (old, text)
        self.write(**{name: text.replace(old, new)})

    def commit(self, message: str = "c") -> str:
        return self.repo.commit(message)

    def checkout(self, *args: str) -> None:
        self.repo.git("checkout", "-q", *args)
        time.sleep(0.012)

    # -- programs ------------------------------------------------------------------------

    def program(self, code: str, *, script: str = "", oracle: bool = True) -> Run:
        """Run a program that uses `storage` and `out(value)`, in a process of its own.

        Args:
            code: the program; with `script` it becomes that file of the project.
            script: path of the file.
            oracle: whether running it from scratch must print the same.
        """
        if script and code:
            self.write(**{script.removesuffix(".py"): code})
        job = {"root": str(self.root), "code": code, "script": script, "action": ""}
        found = self._forks.ask({**job, "plain": False})
        if oracle:
            plain = self._forks.ask({**job, "plain": True})
            assert found["values"] == plain["values"], "a stale answer"
        return Run(found["values"], found["executed"], found["found"])

    def each(self, calls: Sequence[str]) -> dict[str, bool]:
        """Run calls in one block and tell of each whether it executed (or one inside it did)."""
        lines = ["import p", "with storage:"]
        for call in calls:
            lines += ["    before = storage.executed", f"    out({call})"]
            lines += ["    note(storage.executed > before)"]
        job = {"root": str(self.root), "code": "\n".join(lines), "script": "", "action": ""}
        found = self._forks.ask({**job, "plain": False})
        plain = self._forks.ask({**job, "plain": True})
        assert found["values"] == plain["values"], "a stale answer"
        return dict(zip(calls, found["notes"], strict=True))

    def run(self, *calls: str, imports: str = "") -> Run:
        """Run calls like `p.f(3)` in one block."""
        modules = {call.partition("(")[0].partition(".")[0] for call in calls}
        lines = [f"import {module}" for module in sorted(modules)]
        lines += [imports, "with storage:", *(f"    out({call})" for call in calls)]
        return self.program("\n".join(lines) + "\n")

    def reuses(self, *calls: str, imports: str = "") -> Run:
        """Run calls of which none may execute."""
        run = self.run(*calls, imports=imports)
        assert run.executed == 0, f"{run.executed} calls ran again"
        return run

    def runs(self, *calls: str, times: int | None = None, imports: str = "") -> Run:
        """Run calls that must execute (some are found only if `times` says so)."""
        run = self.run(*calls, imports=imports)
        assert run.executed == (len(calls) if times is None else times)
        return run

    # -- verdicts ------------------------------------------------------------------------

    def _act(self, action: str, *arguments: Any) -> list[str]:
        job = {"root": str(self.root), "code": "", "script": "", "plain": False}
        values: list[str] = self._forks.ask({**job, "action": action, "arguments": arguments})[
            "values"
        ]
        return values

    def questions(self, since: str | None = "HEAD") -> list[str]:
        """Return what a commit of the work tree would be asked: `old -> new verdict`."""
        return self._act("questions", since)

    def compatible(self, *names: str, since: str | None = "HEAD") -> list[str]:
        """Answer questions about the work tree."""
        return self._act("decide", list(names), "compatible", since)

    def breaking(self, *names: str, since: str | None = "HEAD") -> list[str]:
        """Answer questions about the work tree."""
        return self._act("decide", list(names), "breaking", since)

    def retract(self, name: str) -> list[str]:
        """Take back all that was said about edits to a definition."""
        return self._act("retract", name)

    def table(self, name: str, rev: str | None = None) -> list[str]:
        """Return the rows of an op's table."""
        return self._act("table", name, rev)


@pytest.fixture(scope="session")
def forks(quiet_git: None) -> Iterator[Forks]:
    server = Forks()
    yield server
    server.close()


@pytest.fixture
def project(git_repo: Callable[..., Repo], forks: Forks) -> Project:
    found = Project(git_repo(), forks)
    GitStore(Repository.discover(found.root)).init()
    return found
