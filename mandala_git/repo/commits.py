"""Writing a commit of the store: its files, trees and itself, without touching any ref."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from mandala_git.errors import StoreError
from mandala_git.records import NamedTuple
from mandala_git.repo.repository import Repository, is_object_id

IDENTITY = b"git-mandala <mandala@localhost>"

_LOOSE = 500  # more objects than this are written as one pack


class Draft(NamedTuple):
    """A commit to be written. Equal drafts give the same commit in every clone.

    Attributes:
        parents: commit ids; the first one's tree is built upon.
        message: one line.
        when: its time, in seconds since 1970.
        files: {name: bytes} to put into the tree.
        links: {name: id of an existing blob} to put into the tree.
        anew: begin with an empty tree, not with that of the first parent.
    """

    parents: Sequence[str]
    message: str
    when: int
    files: Mapping[str, bytes] = MappingProxyType({})
    links: Mapping[str, str] = MappingProxyType({})
    anew: bool = False

    def stream(self) -> bytes:
        """Return the draft in the language of `git fast-import`."""
        note = self.message.encode("utf-8", "backslashreplace") + b"\n"
        # fast-import wants a ref to commit to. Resetting it to nothing before the end makes
        # it forget that name without ever touching a ref; `get-mark` tells us the commit.
        name = f"refs/mandala-writing/{os.getpid()}".encode()
        parts = [
            b"feature done\ncommit %s\nmark :1\n" % name,
            b"committer %s %d +0000\ndata %d\n%s\n" % (IDENTITY, self.when, len(note), note),
        ]
        parts += [
            b"%s %s\n" % (b"merge" if at else b"from", parent.encode())
            for at, parent in enumerate(self.parents)
        ]
        if self.anew:
            parts.append(b"deleteall\n")
        parts += [
            b"M 100644 %s %s\n" % (blob.encode(), file.encode())
            for file, blob in sorted(self.links.items())
        ]
        parts += [
            b"M 100644 inline %s\ndata %d\n%s\n" % (file.encode(), len(data), data)
            for file, data in sorted(self.files.items())
        ]
        parts.append(b"get-mark :1\nreset %s\n\ndone\n" % name)
        return b"".join(parts)


def write_commit(repo: Repository, draft: Draft) -> str:
    """Write the objects of a commit, few of them loose and many as one pack; return its id.

    Raises:
        StoreError: git cannot write.
    """
    settings = (
        "core.fsync=committed",
        "core.fsyncMethod=batch",  # one sync for all loose objects, where git knows how
        f"fastimport.unpackLimit={_LOOSE}",
    )
    options = [word for setting in settings for word in ("-c", setting)]
    answer = repo.ask([*options, "fast-import", "--quiet", "--done"], input=draft.stream())
    commit = answer.out.strip()
    if answer.code or not is_object_id(commit):
        raise StoreError(
            f"git cannot write to {repo.common_dir}: {answer.complaint()}",
            hint=f"see: df {repo.common_dir}; git fsck",
        )
    return commit.decode()
