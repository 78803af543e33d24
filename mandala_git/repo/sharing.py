"""Stores of other clones, as far as they have been fetched; nothing here talks to a network.

Who fetches `refs/mandala/store:refs/mandala/store` has the other store in place at once. The
polite way keeps a tracking ref outside of `refs/remotes`, which `git fetch --prune` would
remove, and unites it with the local store: `refs/mandala-remote/<remote>/store`.
"""

from __future__ import annotations

from mandala_git.errors import StoreError
from mandala_git.repo.git_store import GitStore
from mandala_git.repo.repository import Repository

TRACKING = "refs/mandala-remote/"


def fetched_tips(repo: Repository) -> list[str]:
    """Return the commits that fetched stores are at, sorted, each once.

    Raises:
        StoreError: a tracking ref is broken.
    """
    if not _may_have_fetched(repo):
        return []
    answer = repo.ask(["for-each-ref", "--format=%(objectname) %(refname)", TRACKING])
    if answer.code:
        raise StoreError(
            f"a fetched store is broken: {answer.complaint()}",
            hint=f"see which: git for-each-ref {TRACKING}; then: git update-ref -d REF",
        )
    lines = (line.partition(b" ") for line in answer.out.splitlines())
    return sorted({tip.decode() for tip, _, ref in lines if ref.endswith(b"/store")})


def _may_have_fetched(repo: Repository) -> bool:
    """Tell whether git has to be asked; mostly its files say at once that there is nothing.

    The order matters: `git pack-refs` writes the second file before it removes the first.
    """
    if repo.has_reftable() or (repo.common_dir / TRACKING).exists():
        return True
    try:
        return f" {TRACKING}".encode() in (repo.common_dir / "packed-refs").read_bytes()
    except FileNotFoundError:
        return False
    except OSError:
        return True


def absorb(repo: Repository, store: GitStore) -> bool:
    """Unite the store with all that have been fetched; return whether that changed it.

    Without a store of its own the repository gets one.

    Raises:
        StoreError: a store is broken or of a newer format; the others have been united.
        StoreConflict: others kept moving or holding the ref.
    """
    before = store.tip()
    failure: StoreError | None = None
    for tip in fetched_tips(repo):
        if tip == before:
            continue
        try:
            store.merge(tip)
        except StoreError as error:
            failure = failure or error
    if failure is not None:
        raise failure
    return store.tip() != before
