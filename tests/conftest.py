"""Shared fixtures: a git that knows nobody's configuration, and scratch repositories."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

IDENTITY = {
    "GIT_AUTHOR_NAME": "Ada Author",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_AUTHOR_DATE": "1700000000 +0000",
    "GIT_COMMITTER_NAME": "Carl Committer",
    "GIT_COMMITTER_EMAIL": "carl@example.org",
    "GIT_COMMITTER_DATE": "1700000000 +0000",
}
# A test run started from a hook, in CI or by somebody with MANDALA_PROMPT set must not differ.
FOREIGN = ("GIT_", "MANDALA_", "PRE_COMMIT", "XDG_CONFIG_HOME", "EMAIL")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--share", metavar="K/N", help="of all sweeps, run every N-th, from the K-th")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deal sweeps and tests of programs among runs that together do them once, such as one for each Python."""
    if not (share := config.getoption("--share")):
        return
    first, step = map(int, share.split("/"))
    sweeps = [item for item in items if _is_dealt(item)]
    others = {item for number, item in enumerate(sweeps, 1) if (number - first) % step}
    config.hook.pytest_deselected(items=[item for item in items if item in others])
    items[:] = [item for item in items if item not in others]


def _is_dealt(item: pytest.Item) -> bool:
    """Tell the sweeps, and the tests that start programs and commands: they take most of the time."""
    dealt = item.path.parent.name in ("cli", "end_to_end")
    return dealt or item.get_closest_marker("sweep") is not None


class ScratchRepo:
    """A repository of its own for one test, driven by the real git.

    Attributes:
        root: the work tree (or the repository itself when bare).
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def git(self, *args: str, input: bytes | None = None, env: dict[str, str] | None = None) -> str:
        """Run git here and return its output without the last newline; a failure raises."""
        done = subprocess.run(
            ["git", *args],
            cwd=self.root,
            input=input,
            capture_output=True,
            env={**os.environ, **(env or {})},
        )
        if done.returncode:
            said = os.fsdecode(done.stderr + done.stdout)
            raise AssertionError(f"git {' '.join(args)} ended with {done.returncode}:\n{said}")
        return os.fsdecode(done.stdout).removesuffix("\n")

    def write(self, path: str, text: str | bytes) -> Path:
        """Write a file of the work tree, making its folders."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    def commit(self, message: str = "c") -> str:
        """Stage everything, commit, and return the commit's id."""
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")


@pytest.fixture(scope="session", autouse=True)
def quiet_git(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Shield every test from the configuration, identity and hooks of who runs it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(FOREIGN) or name == "CI":
                patch.delenv(name)
        patch.setenv("TERM", "xterm")
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        patch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
        for name, value in IDENTITY.items():
            patch.setenv(name, value)
        yield


@pytest.fixture
def git_repo(tmp_path: Path) -> Callable[..., ScratchRepo]:
    """Make repositories: `git_repo("name", "--bare")` runs `git init --bare` in a new folder."""

    def make(name: str = "repo", *options: str) -> ScratchRepo:
        root = (tmp_path / name).resolve()
        root.mkdir(parents=True)
        repo = ScratchRepo(root)
        repo.git("init", "-q", "-b", "main", *options)
        repo.git("config", "gc.auto", "0")  # no collector in the background of a test
        return repo

    return make
