"""Project code at one moment: the Python files and notebooks of a commit, the index, the work tree."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mandala_git.errors import MandalaError
from mandala_git.repo.data_files import (
    DataFiles,
    DiskFiles,
    TreeFiles,
    fixed_part,
    is_inside,
)
from mandala_git.repo.objects import blob_id, object_id, read_objects
from mandala_git.repo.repository import CODE, Repository

if TYPE_CHECKING:
    from mandala_git.repo.project import Project

Stat = tuple[int, int, int, int]
"""What tells that a file was touched: mtime_ns, ctime_ns, size in bytes, inode."""

# What git is asked for: project code, and what marks a virtual environment.
ENVIRONMENTS = ":(glob)**/pyvenv.cfg"
PATHSPECS = (*CODE, ENVIRONMENTS)
REGULAR = (b"100644", b"100755")  # not symbolic links (120000), not submodules (160000)
_REGULAR = ("100644", "100755")

# A file may change once more within one tick of the clock of its file system, which is 2 s
# on the coarsest. Until that has passed its times do not prove that it is unchanged.
_SETTLED_NS = 2_000_000_000

_KEPT = 1_000_000
"""Bytes of a file that are kept once it was read; a notebook with its outputs may be larger."""


class BlobCache(Protocol):
    """What remembers the blob ids of work-tree files between processes."""

    def blobs_of(self, stats: Mapping[str, Stat]) -> dict[str, str]:
        """Return the blob ids that were remembered for exactly these states of files."""

    def remember_blobs(self, blobs: Mapping[str, tuple[Stat, str]]) -> None:
        """Keep the blob ids of these states of files."""


class Tree:
    """The project code of one snapshot. Submodules are not looked into.

    Attributes:
        entries: {path: blob id}, paths relative to the repository with `/`; bytes that are
            not UTF-8 are surrogates.
        unmerged: paths in conflict, which therefore are in no entry (only in an index).
        data: the other files of the snapshot, which ops may depend on; None where nobody asks.
    """

    __slots__ = ("_bytes", "_repo", "data", "entries", "unmerged")

    def __init__(
        self,
        entries: Mapping[str, str],
        repo: Project,
        unmerged: tuple[str, ...] = (),
        contents: Mapping[str, bytes] | None = None,
        data: DataFiles | None = None,
    ) -> None:
        self.entries = entries
        self.unmerged = unmerged
        self.data = data
        self._repo = repo
        # Work tree only: bytes that were read to name them, so that few are read twice.
        self._bytes = contents

    def read(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Read files of this snapshot.

        Args:
            paths: some of `entries`; others are left out.

        Returns:
            {path: bytes}, each with the blob id in `entries`. A file of the work tree that
            has changed since the snapshot was taken is left out: take a new one.

        Raises:
            MandalaError: git lacks an object that it should have.
        """
        wanted = [path for path in paths if path in self.entries]
        if self._bytes is not None:
            return self._read_files(self._repo, self._bytes, wanted)
        assert isinstance(self._repo, Repository)  # else nothing but a folder's files is read
        blobs = read_objects(self._repo, (self.entries[path] for path in wanted))
        for path in wanted:
            if self.entries[path] not in blobs:
                raise MandalaError(
                    f"git has lost the content of {shown(path)} ({self.entries[path]})",
                    hint="see what is broken: git fsck",
                )
        return {path: blobs[self.entries[path]] for path in wanted}

    def _read_files(
        self, repo: Project, known: Mapping[str, bytes], wanted: list[str]
    ) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for path in wanted:
            data = known.get(path)
            if data is None:
                try:
                    data = (repo.root / path).read_bytes()
                except OSError:
                    continue
                # The id must be the id of these very bytes, or an index of definitions by
                # blob would learn something false for ever.
                if blob_id(data, repo.object_format) != self.entries[path]:
                    continue
            found[path] = data
        return found


def commit_tree(repo: Repository, commit: str) -> Tree:
    """Return the project code of a commit.

    Args:
        commit: a commit id, as `Repository.resolve` gives it.

    Raises:
        MandalaError: there is no such commit here.
    """
    options = ("-r", "--raw", "-z", "--no-renames", "--end-of-options")
    sides = (empty_tree(repo), commit + "^{tree}")
    return _listed(repo, ["diff-tree", *options, *sides])


def index_tree(repo: Repository) -> Tree:
    """Return the project code of the index that git is about to commit.

    That is the one that GIT_INDEX_FILE names (`commit -a` and `commit FILE` commit a
    temporary index), when the repository was discovered without a path. A file that is only
    intended to be added is not in it.
    """
    # Compared with nothing, an index shows all that it holds. `ls-files -s` would show files
    # that are only intended to be added as empty ones.
    options = ("--cached", "--raw", "-z", "--no-renames", "--ita-invisible-in-index")
    return _listed(repo, ["diff-index", *options, empty_tree(repo)])


def index_differs(repo: Repository, commit: str, data: Iterable[str] = ()) -> bool:
    """Tell whether the index that git is about to commit has other project code than a commit.

    Many times faster than reading both; a hook that has nothing to do ends here.

    Args:
        commit: a commit id.
        data: patterns of other files that matter.

    Raises:
        MandalaError: git cannot compare them.
    """
    options = ("--cached", "--quiet", "--no-renames", "--ita-invisible-in-index")
    tops = {fixed_part(pattern) for pattern in data if is_inside(pattern)}
    others = [f":(top,literal){top}" if top not in ("", ".") else ":/" for top in sorted(tops)]
    answer = repo.ask(["diff-index", *options, commit, "--", *PATHSPECS, *others])
    if answer.code not in (0, 1):
        raise MandalaError(
            f"the index cannot be read: {answer.complaint()}", hint="see: git status"
        )
    return answer.code == 1


def work_tree(repo: Project, blobs: BlobCache) -> Tree:
    """Return the project code of the work tree as it is now: every file git does not ignore.

    Args:
        repo: the repository, or a folder outside of any.
        blobs: asked for, and told, the blob ids of files, so that unchanged files are not
            read again.
    """
    paths = sorted(filter(is_code, repo.code_files()))
    folders = _Folders(repo.root)
    states: dict[str, Stat] = {}
    for path in paths:
        try:
            if not folders.is_project(path.rpartition("/")[0]):
                continue
            seen = os.lstat(f"{repo.root}/{path}")
        except FileNotFoundError:
            continue  # deleted, but not for git yet
        except OSError as error:
            raise _refused(path, error) from error
        if stat.S_ISREG(seen.st_mode):
            states[path] = _state(seen)
    entries = blobs.blobs_of(states)
    contents: dict[str, bytes] = {}
    settled: dict[str, tuple[Stat, str]] = {}
    for path in states.keys() - entries.keys():
        file, state = f"{repo.root}/{path}", states[path]
        try:
            data = Path(file).read_bytes()
            if len(data) <= _KEPT:
                contents[path] = data
            entries[path] = blob_id(data, repo.object_format)
            if time.time_ns() - max(state[:2]) > _SETTLED_NS and _state(os.lstat(file)) == state:
                settled[path] = (state, entries[path])
        except FileNotFoundError:
            continue
        except OSError as error:
            raise _refused(path, error) from error
    blobs.remember_blobs(settled)
    in_order = {path: entries[path] for path in states if path in entries}
    return Tree(in_order, repo, contents=contents, data=DiskFiles(repo.root, repo.object_format))


def _refused(path: str, error: OSError) -> MandalaError:
    return MandalaError(
        f"{shown(path)} cannot be read: {error.strerror}", hint=f"see: ls -l {shown(path)}"
    )


def changed_paths(a: Tree, b: Tree) -> list[str]:
    """Return the paths whose bytes differ, sorted, with those that only one of the two has."""
    return sorted(
        path
        for path in a.entries.keys() | b.entries.keys()
        if a.entries.get(path) != b.entries.get(path)
    )


def file_at(repo: Repository, rev: str, path: str) -> bytes | None:
    """Return the bytes of a regular file in a commit, None when it is not there.

    Args:
        rev: anything `Repository.resolve` understands.
        path: relative to the top of the repository, with `/`.

    Raises:
        UsageError: there is no such commit.
        MandalaError: git has lost the file's content.
    """
    commit = repo.resolve(rev)
    if not path or "\0" in path:
        return None
    out = repo.run(["ls-tree", "--full-tree", "-z", commit, "--", path])
    # `100644 blob <id>\t<path>`; a path with a `/` at its end would list a folder.
    head, _, name = out.partition(b"\t")
    if name != os.fsencode(path) + b"\0" or head.split()[0] not in REGULAR:
        return None
    blob = head.split()[2].decode()
    data = read_objects(repo, [blob]).get(blob)
    if data is None:
        raise MandalaError(
            f"git has lost the content of {shown(path)} in {rev} ({blob})",
            hint="see what is broken: git fsck",
        )
    return data


def shown(path: str) -> str:
    """Return a path as text that can be printed anywhere: bytes that are not UTF-8 escaped."""
    return path.encode("utf-8", "backslashreplace").decode()


def is_code(path: str) -> bool:
    """Tell Python files and notebooks from the rest, and from the copies that Jupyter keeps."""
    return path.endswith((".py", ".ipynb")) and "/.ipynb_checkpoints/" not in f"/{path}"


class _Folders:
    """Which folders of a work tree hold project code, looked at once each."""

    def __init__(self, root: Path) -> None:
        self._root = root
        # The top is one in any case: who makes a virtual environment right there still
        # has a project there.
        self._known = {"": True}

    def is_project(self, folder: str) -> bool:
        """Tell whether no part of the way is a symbolic link or a virtual environment."""
        known = self._known.get(folder)
        if known is None:
            place = self._root / folder
            known = (
                self.is_project(folder.rpartition("/")[0])
                and place.is_dir()
                and not place.is_symlink()
                and not (place / "pyvenv.cfg").exists()
            )
            self._known[folder] = known
        return known


def _state(seen: os.stat_result) -> Stat:
    return (seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size, seen.st_ino)


def empty_tree(repo: Repository) -> str:
    """Return the id of a tree without any file."""
    return object_id("tree", b"", repo.object_format)


def _listed(repo: Repository, command: list[str]) -> Tree:
    """Read the project code that a comparison with an empty tree shows."""

    def below(path: str) -> Iterator[tuple[str, str, str]]:
        out = repo.run([*command, "--", f":(top,literal){path}" if path else ":/"])
        for mode, blob, _, name in _raw(out):
            yield mode, blob, name

    entries: dict[str, str] = {}
    unmerged: set[str] = set()
    environments: set[str] = set()
    for mode, blob, status, path in _raw(repo.run([*command, "--", *PATHSPECS])):
        if status == "U":
            unmerged.add(path)
        if path.endswith("/pyvenv.cfg"):
            environments.add(path.removesuffix("/pyvenv.cfg"))
        elif mode in _REGULAR and is_code(path):
            entries[path] = blob
    kept = entries
    if unmerged or environments:
        kept = {
            path: blob
            for path, blob in entries.items()
            if path not in unmerged and outside(path, environments)
        }
    conflicts = (path for path in unmerged if is_code(path) and outside(path, environments))
    return Tree(kept, repo, tuple(sorted(conflicts)), data=TreeFiles(below))


def _raw(out: bytes) -> Iterator[tuple[str, str, str, str]]:
    """Read `:000000 100644 <zeros> <id> A`, then the path, each ended by NUL.

    Yields:
        Mode, blob id, status, path.
    """
    fields = os.fsdecode(out).split("\0")
    for head, path in zip(fields[0:-1:2], fields[1::2], strict=True):
        _, mode, _, blob, status = head.split()
        yield mode, blob, status, path


def outside(path: str, environments: Collection[str]) -> bool:
    """Tell whether a file is in no virtual environment; the top of a repository is none."""
    return not any(folder and path.startswith(folder + "/") for folder in environments)
