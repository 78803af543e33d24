"""The store in git: one ref, `refs/mandala/store`, whose tree is the set of files.

The commits are a chain of their own that is never checked out. Objects are written by
`git fast-import`, a few of them loose and many as one pack, into no ref at all; then the ref
moves by compare-and-swap, so that whoever comes too late builds on what is there.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Mapping

from mandala_git.errors import StoreError
from mandala_git.records import NamedTuple
from mandala_git.repo.commits import Draft, write_commit
from mandala_git.repo.objects import blob_id, read_objects
from mandala_git.repo.repository import Repository
from mandala_git.repo.store import (
    FORMAT,
    FORMAT_BYTES,
    check_names,
    is_content,
    is_name,
    newer_format,
    no_store,
)
from mandala_git.repo.store_ref import REF, StoreRef

RETRY_SECONDS = 5.0
"""How long to try again when others move the ref."""

_ROOT_TIME = 1_000_000_000  # the same in every clone, so that all first commits are one


class _Listing(NamedTuple):
    """What the tree of a commit of the store holds.

    Attributes:
        entries: {name: blob id} of what can be a file of a store.
        form: blob id of FORMAT, "" when there is none.
        strange: whether there is anything else: it is ignored, and dropped by a merge.
    """

    entries: Mapping[str, str]
    form: str
    strange: bool


class GitStore:
    """The store of a repository, shared by its work trees, its branches and its clones.

    Args:
        repo: the repository.
    """

    def __init__(self, repo: Repository) -> None:
        self.repo = repo
        self.ref = StoreRef(repo)
        self._listed: tuple[str, _Listing] | None = None

    def exists(self) -> bool:
        """Tell whether the ref is there.

        Raises:
            StoreError: it is, and broken.
        """
        return self.tip() is not None

    def tip(self) -> str | None:
        """Return the commit that the ref is at, None when there is no store.

        Takes microseconds: a program asks whenever a block begins.

        Raises:
            StoreError: the ref is broken.
        """
        return self.ref.tip()

    def init(self) -> bool:
        """Make the store if there is none; return whether there was none.

        Works before the first commit of the repository, and gives the same commit everywhere.

        Raises:
            StoreError: the ref is broken or cannot be written.
        """
        draft = Draft([], "Start the store", _ROOT_TIME, {FORMAT: FORMAT_BYTES})
        return self._advance(lambda tip: draft if tip is None else None, "init") is not None

    def names(self, prefix: str = "") -> list[str]:
        """Return the names that begin with `prefix`, sorted."""
        tip = self.tip()
        if tip is None:
            return []
        return sorted(name for name in self._list(tip).entries if name.startswith(prefix))

    def read(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return {name: bytes} of those that are there, with two processes at most.

        Raises:
            StoreError: the store is broken.
        """
        tip = self.tip()
        return {} if tip is None else self._read(self._list(tip).entries, names)

    def read_all(self, prefix: str = "") -> dict[str, bytes]:
        """Return {name: bytes} of all whose name begins with `prefix`.

        Raises:
            StoreError: the store is broken.
        """
        return self.read(self.names(prefix))

    def added_since(self, tip: str | None) -> dict[str, bytes]:
        """Return {name: bytes} of what was added since the store had this tip.

        Args:
            tip: an earlier answer of `tip()`; None, or one that git has lost, for everything.

        Raises:
            StoreError: the store is broken.
        """
        now = self.tip()
        if now is None or now == tip:
            return {}
        entries = self._list(now).entries
        before: Mapping[str, str] = {}
        if tip is not None and self.repo.ask(["cat-file", "-e", tip + "^{tree}"]).code == 0:
            before = self._list_anew(tip).entries
        return self._read(
            entries, [name for name, blob in entries.items() if before.get(name) != blob]
        )

    def add(self, files: Mapping[str, bytes], *, message: str) -> str | None:
        """Add files in one commit.

        Args:
            files: {name: bytes}; those that are there already are fine.
            message: of the commit, one line.

        Returns:
            The new tip, None when nothing was new.

        Raises:
            StoreError: there is no store, it is broken or of a newer format, a name is
                wrong, or git cannot write.
            StoreConflict: others kept moving or holding the ref for `RETRY_SECONDS`.
        """
        check_names(files)
        ids = {name: blob_id(data, self.repo.object_format) for name, data in files.items()}
        when = int(time.time())

        def build(tip: str | None) -> Draft | None:
            if tip is None:
                raise no_store(str(self.repo.root))
            listing = self._list(tip)
            self._refuse_newer(listing)
            there = listing.entries
            new = {name: data for name, data in files.items() if there.get(name) != ids[name]}
            return Draft([tip], message, when, new) if new else None

        return self._advance(build, message)

    def merge(self, other: str) -> str:
        """Unite the store with another one that has been fetched.

        The result depends on the two commits alone: both clones come to the same commit.
        Entries whose bytes have another sha256 than their name says, or which are not plain
        files under a store's names, do not enter; what the other side deleted stays.

        Args:
            other: commit id of the other store's tip.

        Returns:
            The new tip.

        Raises:
            StoreError: one of the two is broken, incomplete or of a newer format.
            StoreConflict: others kept moving or holding the ref for `RETRY_SECONDS`.
        """
        moved = self._advance(lambda tip: self._unite(tip, other), "merge")
        return moved or self.tip() or other

    def _unite(self, ours: str | None, other: str) -> Draft | str:
        """Return the commit that holds both: one of them, or one to be written."""
        if ours == other:
            return other
        sides = [other] if ours is None else sorted((ours, other))
        listings = {side: self._list_anew(side) for side in sides}
        for listing in listings.values():
            self._refuse_newer(listing)
        united = self._union({side: listing.entries for side, listing in listings.items()})
        canonical = blob_id(FORMAT_BYTES, self.repo.object_format)
        whole = {
            side
            for side, listing in listings.items()
            if not listing.strange and listing.form == canonical and listing.entries == united
        }
        for side in sides:
            if side in whole and all(self._contains(side, one) for one in sides if one != side):
                return side
        first, kept = listings[sides[0]], united
        # Only what the first parent lacks is written down, unless something has to go.
        anew = first.strange or first.form != canonical or not first.entries.keys() <= united.keys()
        if not anew:
            kept = {n: blob for n, blob in united.items() if first.entries.get(n) != blob}
        files = {FORMAT: FORMAT_BYTES} if anew else {}
        return Draft(sides, "Merge stores", max(self._times(sides)), files, kept, anew)

    def _union(self, sides: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
        """Return {name: blob id} of what is in all sides, and of what is in one and right.

        Args:
            sides: {commit: its entries}.
        """
        common: dict[str, str] = {}
        if len(sides) > 1:
            first, *rest = sides.values()
            common = {
                name: blob
                for name, blob in first.items()
                if all(entries.get(name) == blob for entries in rest)
            }
        claims = [
            (name, blob, side)
            for side, entries in sides.items()
            for name, blob in entries.items()
            if common.get(name) != blob
        ]
        blobs = read_objects(self.repo, (blob for _, blob, _ in claims))
        for name, blob, side in claims:
            if blob not in blobs:
                raise self._fault(side, f"the content of {name} ({blob}) is missing")
            if is_content(name, blobs[blob]):
                common[name] = blob
        return common

    def _contains(self, commit: str, ancestor: str) -> bool:
        answer = self.repo.ask(["merge-base", "--is-ancestor", ancestor, commit])
        if answer.code not in (0, 1):
            raise self._fault(commit, answer.complaint())
        return answer.code == 0

    def _times(self, commits: list[str]) -> list[int]:
        """Return the committer times of commits, in seconds since 1970."""
        found = read_objects(self.repo, commits, "commit")
        times = []
        for commit in commits:
            line = re.search(rb"^committer .* (\d+) [+-]\d+$", found.get(commit, b""), re.MULTILINE)
            if line is None:
                raise self._fault(commit, "it is not a commit")
            times.append(int(line[1]))
        return times

    def _read(self, entries: Mapping[str, str], names: Iterable[str]) -> dict[str, bytes]:
        wanted = {name: entries[name] for name in names if name in entries}
        blobs = read_objects(self.repo, wanted.values())
        for name, blob in wanted.items():
            if blob not in blobs:
                raise self.ref.broken(f"the content of {name} ({blob}) is missing")
        return {name: blobs[b] for name, b in wanted.items() if is_content(name, blobs[b])}

    def _list(self, tip: str) -> _Listing:
        """Return what a commit holds; the last answer is kept."""
        if self._listed is None or self._listed[0] != tip:
            self._listed = (tip, self._list_anew(tip))
        return self._listed[1]

    def _list_anew(self, commit: str) -> _Listing:
        answer = self.repo.ask(
            ["ls-tree", "-r", "-z", "--full-tree", "--end-of-options", commit + "^{tree}"]
        )
        if answer.code:
            raise self._fault(commit, answer.complaint())
        entries: dict[str, str] = {}
        form, strange = "", False
        for line in answer.out.split(b"\0")[:-1]:
            # `100644 blob <id>\t<name>`
            head, _, raw = line.partition(b"\t")
            mode, kind, blob = head.decode().split()
            name = os.fsdecode(raw)
            if (mode, kind) != ("100644", "blob"):
                strange = True
            elif name == FORMAT:
                form = blob
            elif is_name(name):
                entries[name] = blob
            else:
                strange = True
        return _Listing(entries, form, strange)

    def _refuse_newer(self, listing: _Listing) -> None:
        if listing.form == blob_id(FORMAT_BYTES, self.repo.object_format):
            return
        form = read_objects(self.repo, [listing.form] if listing.form else []).get(
            listing.form, b""
        )
        if form.strip() != FORMAT_BYTES.strip():
            raise newer_format(REF, form)

    def _fault(self, commit: str, complaint: str) -> StoreError:
        """Say that a commit of a store cannot be read: of ours, or of a fetched one."""
        if commit == self.tip():
            return self.ref.broken(complaint)
        return StoreError(
            f"the fetched store {commit} is broken: {complaint}",
            hint="fetch it again: git fetch --refetch REMOTE "
            "'refs/mandala/*:refs/mandala-remote/REMOTE/*'",
        )

    def _advance(
        self, build: Callable[[str | None], Draft | str | None], reason: str
    ) -> str | None:
        """Move the ref to what `build` makes of its tip; again when it has moved meanwhile.

        Args:
            build: given the tip, returns what to move to: a commit to be written, one that
                is there, or None to stay.
            reason: for the reflog.

        Returns:
            The new tip, None when `build` stayed.
        """
        import random

        until = time.monotonic() + RETRY_SECONDS
        attempt = 0
        while True:
            tip = self.tip()
            step = build(tip)
            if step is None or step == tip:
                return None
            draft = step if isinstance(step, Draft) else None
            commit = write_commit(self.repo, draft) if draft else str(step)
            complaint = self.ref.move(tip, commit, reason)
            if not complaint:
                if draft:
                    self._make_sure(commit, draft)
                return commit
            if time.monotonic() > until:
                raise self.ref.conflict(complaint, RETRY_SECONDS)
            attempt += 1
            time.sleep(random.uniform(0.002, min(0.2, 0.01 * 2**attempt)))

    def _make_sure(self, commit: str, draft: Draft) -> None:
        """Check that what was written is there, and write it again if not.

        Until the ref moved nothing held the new objects: `git gc --prune=now` may have run.
        """
        names = [commit + "^{tree}"]
        names += [f"{commit}:{name}" for name in (*draft.files, *draft.links)]
        for _ in range(3):
            answer = self.repo.ask(
                ["cat-file", "--batch-check"], input="\n".join([*names, ""]).encode()
            )
            lines = answer.out.splitlines()
            if len(lines) == len(names) and not any(line.endswith(b" missing") for line in lines):
                return
            write_commit(self.repo, draft)
        raise self.ref.broken(f"objects of {commit} are missing")
