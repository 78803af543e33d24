"""The ref of the store, `refs/mandala/store`: reading it, moving it, and when it is broken."""

from __future__ import annotations

import re

from mandala_git.errors import StoreConflict, StoreError
from mandala_git.repo.repository import Repository, is_object_id

REF = "refs/mandala/store"

# What trying again does not cure; git says it in the C locale.
_HOPELESS = (b"Permission denied", b"Read-only file system", b"No space left", b"quota")


class StoreRef:
    """The ref of the store of a repository.

    Args:
        repo: the repository.
    """

    def __init__(self, repo: Repository) -> None:
        self.repo = repo
        self._place = repo.common_dir / REF
        self._reftable = repo.has_reftable()

    def tip(self) -> str | None:
        """Return the commit that the ref is at, None when there is no store.

        Takes microseconds: a program asks whenever a block begins.

        Raises:
            StoreError: the ref is broken.
        """
        if not self._reftable:
            try:
                found = self._tip_from_files()
            except OSError:
                found = b"?"
            if found is None:
                return None
            if found != b"?":
                return found.decode()
        answer = self.repo.ask(["rev-parse", "-q", "--verify", "--end-of-options", REF])
        if answer.code == 0:
            return answer.out.decode().strip()
        # Not there is silence; broken is a warning and not there.
        if re.search(rb"^(warning|error|fatal): ", answer.err, re.MULTILINE):
            raise self.broken(answer.complaint())
        return None

    def move(self, old: str | None, new: str, reason: str) -> str:
        """Move the ref if it still is where the caller believes.

        Args:
            old: commit it should be at, None when it should not exist.
            new: commit to move it to.
            reason: for the reflog, from which `broken` recovers.

        Returns:
            "" when it has moved, else git's word why not; trying again may help.

        Raises:
            StoreError: trying again would not help.
        """
        # Without `core.fsync` git syncs no ref, and an empty ref after a power cut makes the
        # user's own `git gc` and `git fetch` fail.
        words = ["-c", "core.fsync=committed", "update-ref", "--no-deref", "--create-reflog"]
        zeros = "0" * len(new)
        answer = self.repo.ask(
            [*words, "-m", f"git-mandala: {reason}", REF, new, zeros if old is None else old]
        )
        if answer.code == 0:
            return ""
        if any(word in answer.err for word in _HOPELESS):
            raise StoreError(
                f"{REF} cannot be moved: {answer.complaint()}",
                hint=f"see: ls -ld {self._place.parent}; df {self.repo.common_dir}",
            )
        return answer.complaint()

    def conflict(self, complaint: str, seconds: float) -> StoreConflict:
        """Say that others held or moved the ref for all of this time."""
        from shlex import quote

        lock = self.repo.common_dir / f"{REF}.lock"
        if lock.exists():
            return StoreConflict(
                f"{REF} is locked: {lock} exists",
                hint=f"when no git is running here, a crash has left it: rm {quote(str(lock))}",
            )
        return StoreConflict(
            f"{REF} could not be moved for {seconds:g} s: {complaint}", hint="try again"
        )

    def broken(self, complaint: str) -> StoreError:
        """Say that the store is broken, and how to get back to its last good state."""
        from shlex import quote

        remove = f"rm {quote(str(self._place))} && " if self._place.is_file() else ""
        try:
            log = (self.repo.common_dir / "logs" / REF).read_bytes()
        except OSError:
            log = b""
        # `<old id> <new id> <who> <when>\t<why>`, the latest last
        past = [line.split(b" ")[1] for line in log.splitlines() if line.count(b" ") > 1]
        for value in reversed(past):
            if not is_object_id(value):
                continue
            commit = value.decode()
            if self.repo.ask(["rev-list", "--objects", "--quiet", commit]).code == 0:
                return StoreError(
                    f"{REF} is broken: {complaint}",
                    hint=f"go back to its last good state: {remove}git update-ref {REF} {commit}",
                )
        return StoreError(
            f"{REF} is broken: {complaint}",
            hint=f"get it from another clone: {remove}git fetch origin +{REF}:{REF}",
        )

    def _tip_from_files(self) -> bytes | None:
        """Return the tip as git's ref files have it, None when they have none, b"?" to ask git.

        The order matters: `git pack-refs` writes the second file before it removes the first.
        """
        try:
            value = self._place.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            pass
        else:
            if value.startswith(b"ref:"):
                return b"?"
            if not is_object_id(value.rstrip(b"\n")):
                raise self.broken("its file holds no commit id")
            return value.rstrip(b"\n")
        try:
            packed = (self.repo.common_dir / "packed-refs").read_bytes()
        except FileNotFoundError:
            return None
        end = packed.find(f" {REF}\n".encode())
        if end < 0:
            return None
        value = packed[packed.rfind(b"\n", 0, end) + 1 : end]
        return value if is_object_id(value) else b"?"
