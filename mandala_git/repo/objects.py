"""Git objects: naming bytes as git would, and reading many objects with one process."""

from __future__ import annotations

from collections.abc import Iterable

from mandala_git.errors import MandalaError
from mandala_git.repo.repository import Repository


def object_id(kind: str, data: bytes, object_format: str = "sha1") -> str:
    """Return git's id of an object.

    Args:
        kind: "blob", "tree" or "commit".
        data: its bytes.
        object_format: "sha1" or "sha256", as the repository says.
    """
    import hashlib

    digest = hashlib.new(object_format, f"{kind} {len(data)}\0".encode(), usedforsecurity=False)
    digest.update(data)
    return digest.hexdigest()


def blob_id(data: bytes, object_format: str = "sha1") -> str:
    """Return git's id of a file's bytes as they are, without filters or line-end conversion."""
    return object_id("blob", data, object_format)


def read_objects(repo: Repository, ids: Iterable[str], kind: str = "blob") -> dict[str, bytes]:
    """Read objects with one process; those that a partial clone lacks are fetched by git.

    Args:
        ids: full object ids.
        kind: "blob", "tree" or "commit".

    Returns:
        {id: bytes} of those that exist and are of this kind.

    Raises:
        MandalaError: git could not read an object that exists.
    """
    wanted = list(dict.fromkeys(ids))
    if not wanted:
        return {}
    answer = repo.ask(["cat-file", "--batch"], input="\n".join([*wanted, ""]).encode())
    found: dict[str, bytes] = {}
    at = 0
    for asked in wanted:
        end = answer.out.find(b"\n", at)
        if end < 0:
            raise MandalaError(
                f"git cannot read the object {asked}: {answer.complaint()}",
                hint="see what is broken: git fsck",
            )
        # `<id> blob <size>`, or `<id> missing`
        words = answer.out[at:end].split()
        at = end + 1
        if len(words) != 3:
            continue
        size = int(words[2])
        if words[1] == kind.encode():
            found[asked] = answer.out[at : at + size]
        at += size + 1
    return found
