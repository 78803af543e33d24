"""The steps of history: each commit of a branch, and the project code that it changed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from mandala_git.records import NamedTuple
from mandala_git.repo.repository import Repository
from mandala_git.repo.snapshots import (
    ENVIRONMENTS,
    PATHSPECS,
    REGULAR,
    Tree,
    empty_tree,
    is_code,
    outside,
)


class Step(NamedTuple):
    """What a commit did to the project code, compared with its first parent.

    Attributes:
        commit: its id.
        parent: id of its first parent; "" when it has none.
        subject: first line of its message.
        before, after: the files that differ, as they were and as they are.
        cut: the clone is shallow and does not hold the parent: nothing is known.
        author: who wrote it.
        time: when it was written, seconds since 1970.
    """

    commit: str
    parent: str
    subject: str
    before: Tree
    after: Tree
    cut: bool = False
    author: str = ""
    time: int = 0


class _Side:
    """One side of a difference: its files, and the folders that are virtual environments."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.environments: set[str] = set()

    def add(self, path: str, mode: bytes, blob: bytes) -> None:
        folder, _, last = path.rpartition("/")
        if mode not in REGULAR:
            return
        if last == "pyvenv.cfg":
            self.environments.add(folder)
        elif is_code(path):
            self.files[path] = blob.decode()


def steps(repo: Repository, tip: str, *, exclude: Sequence[str] = (), most: int) -> Iterator[Step]:
    """Yield the last commits of a branch, newest first, along first parents.

    A merge is one step: all that it brought to the branch. Three git processes serve any number
    of commits.

    Args:
        tip: id of the newest commit.
        exclude: ids of commits that are left out, with all that they stand on.
        most: how many commits at most.

    Raises:
        MandalaError: git cannot read the history.
    """
    options = ("--first-parent", f"--max-count={most}", "--no-show-signature", "--encoding=UTF-8")
    ends = (tip, *("^" + commit for commit in exclude))
    out = repo.run(["log", "-z", "--format=%H%x01%P%x01%an%x01%at%x01%s", *options, *ends, "--"])
    entries = out.decode("utf-8", "replace").split("\0")
    listed = [entry.split("\1", 4) for entry in entries if entry]
    cut = _shallow(repo)
    firsts = [(commit, parents.partition(" ")[0]) for commit, parents, *_ in listed]
    differing = _differing(repo, [pair for pair in firsts if pair[0] not in cut])
    # Which folders are virtual environments is known of the tip; each step back undoes a commit.
    now = _environments(repo, tip) if listed else set()
    for (commit, parent), (_, _, author, time, subject) in zip(firsts, listed, strict=True):
        old, new = differing.get(commit, (_Side(), _Side()))
        was = (now - new.environments) | old.environments
        before, after = (
            Tree({p: blob for p, blob in side.files.items() if outside(p, folders)}, repo)
            for side, folders in ((old, was), (new, now))
        )
        yield Step(commit, parent, subject, before, after, commit in cut, author, int(time))
        now = was


def _differing(
    repo: Repository, pairs: Sequence[tuple[str, str]]
) -> dict[str, tuple[_Side, _Side]]:
    """Return both sides of each commit that differs from its parent."""
    if not pairs:
        return {}
    asked = "".join(f"{commit} {parent}".rstrip() + "\n" for commit, parent in pairs)
    options = ("--stdin", "-r", "--raw", "-z", "--no-renames", "--root")
    out = repo.run(["diff-tree", *options, "--", *PATHSPECS], input=asked.encode())
    found: dict[str, tuple[_Side, _Side]] = {}
    sides = _Side(), _Side()
    fields = iter(out.split(b"\0")[:-1])
    for field in fields:
        if not field.startswith(b":"):
            sides = found[field.decode()] = _Side(), _Side()
            continue
        modes, blobs = field[1:].split()[:2], field.split()[2:4]
        path = os.fsdecode(next(fields))
        for side, mode, blob in zip(sides, modes, blobs, strict=True):
            side.add(path, mode, blob)
    return found


def _environments(repo: Repository, commit: str) -> set[str]:
    options = ("-r", "--name-only", "-z", "--no-renames")
    sides = (empty_tree(repo), commit + "^{tree}")
    out = repo.run(["diff-tree", *options, *sides, "--", ENVIRONMENTS])
    return {path.rpartition("/")[0] for path in os.fsdecode(out).split("\0")[:-1]}


def _shallow(repo: Repository) -> set[str]:
    """Return the commits whose parents a shallow clone does not hold."""
    try:
        return set((repo.common_dir / "shallow").read_text("ascii").split())
    except FileNotFoundError:
        return set()
