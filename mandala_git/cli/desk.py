"""The desk of a command: the repository, its verdicts and results, opened when first needed."""

from __future__ import annotations

import contextlib
from functools import cached_property
from pathlib import Path

from mandala_git.config import Rules, Settings, read_settings
from mandala_git.errors import ResultsError, StoreError, UsageError
from mandala_git.repo.git_store import GitStore
from mandala_git.repo.repository import Repository
from mandala_git.repo.sharing import absorb
from mandala_git.repo.snapshots import Tree, commit_tree, index_tree, work_tree
from mandala_git.repo.store import no_store
from mandala_git.results.filesystems import network_type
from mandala_git.results.store import Results
from mandala_git.source.index import Index
from mandala_git.versions.history import History
from mandala_git.versions.indexed import IndexedTree
from mandala_git.versions.review import Review
from mandala_git.versions.worlds import Worlds
from mandala_git.views.progress import reading

INDEX = "index.db"
RESULTS = "results.db"


class Desk:
    """What a command works with; user code is never imported here.

    Args:
        repo: the repository; None to find the one we are in, as git does.

    Attributes:
        repo: the repository.
        store: its shared store.
        notes: what could not be had, in lines for the user.
    """

    def __init__(self, repo: Repository | None = None) -> None:
        self.repo = repo or Repository.discover(settings=True)
        self.store = GitStore(self.repo)
        self.notes: list[str] = []
        self._commits: dict[str, str] = {}
        self.results_error: ResultsError | None = None

    def require_store(self) -> None:
        """Refuse to work without a store.

        Raises:
            StoreError: there is none; the hint makes one.
        """
        if not self.store.exists():
            raise no_store(str(self.repo.root))

    @cached_property
    def settings(self) -> Settings:
        """What the project sets."""
        return read_settings(self.repo.root)

    @property
    def rules(self) -> Rules:
        """What the project adds to the rules of the normal form."""
        return self.settings.rules

    @cached_property
    def index(self) -> Index:
        """What is known of sources; in memory where nothing has been set up yet."""
        folder = self.repo.mandala_dir()
        if self.store.exists():
            with contextlib.suppress(OSError):  # then the index is in memory
                folder.mkdir(parents=True, exist_ok=True)
        if not folder.is_dir():
            return Index(None, rules=self.rules)
        return Index(folder / INDEX, rules=self.rules, wal=not network_type(folder))

    @cached_property
    def results(self) -> Results | None:
        """The recorded calls; None where there are none, or where they cannot be read."""
        folder = self.repo.mandala_dir()
        if not (folder / RESULTS).is_file():
            return None
        try:
            return Results(folder)
        except ResultsError as error:
            self.results_error = error
            self.notes.append(f"costs unknown: {error.message}")
            return None

    def require_results(self) -> Results:
        """Return the recorded calls.

        Raises:
            UsageError: there are none.
            ResultsError: they cannot be read.
        """
        results = self.results
        if self.results_error is not None:
            raise self.results_error
        if results is None:
            raise UsageError("no calls are recorded here", hint="run a program that uses @op")
        return results

    @cached_property
    def history(self) -> History:
        """Texts, recorded versions and verdicts, those of fetched stores too."""
        try:
            absorb(self.repo, self.store)
        except StoreError as error:
            self.notes.append(f"a fetched store was left out: {error.message}")
        history = History(
            self.store,
            self.results,
            self.index,
            rules=self.rules,
            untracked=self.settings.untracked,
        )
        history.refresh()
        return history

    def key(self, word: str) -> str:
        """Return a key or a path as the repository has it, where it begins with a file from here.

        Args:
            word: as the user wrote it; names without a file stay as they are.
        """
        path, colons, qualname = word.partition("::")
        inside = self.repo.relative(Path(path)) if Path(path).is_file() else None
        return word if inside is None else inside + colons + qualname

    # -- worlds --------------------------------------------------------------------------

    @cached_property
    def head(self) -> Worlds | None:
        """The world of HEAD; None before the first commit."""
        head = self.repo.head()
        return self._worlds(commit_tree(self.repo, head)) if head else None

    @cached_property
    def staged(self) -> Worlds:
        """The world of the index that git commits."""
        return self._worlds(index_tree(self.repo))

    @cached_property
    def work(self) -> Worlds:
        """The world of the work tree as it is now."""
        return self._worlds(work_tree(self.repo, self.index))

    def at(self, rev: str) -> Worlds:
        """Return the world of a revision.

        Raises:
            UsageError: there is no such commit.
        """
        return self._worlds(commit_tree(self.repo, self.resolve(rev)))

    def resolve(self, rev: str) -> str:
        """Return the id of the commit that a revision names, the same as long as we work.

        Raises:
            UsageError: there is no such commit.
        """
        if rev not in self._commits:
            self._commits[rev] = self.repo.resolve(rev)
        return self._commits[rev]

    def _worlds(self, tree: Tree) -> Worlds:
        indexed = IndexedTree(tree, self.index, rules=self.rules, watch=reading)
        return Worlds(indexed, self.history)

    def review(self, worlds: Worlds, before: Worlds | None = None) -> Review:
        """Return the review of a world; see `Review`."""
        return Review(worlds, self.results, before)

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *exception: object) -> None:
        if "results" in self.__dict__ and self.results is not None:
            self.results.close()
        if "index" in self.__dict__:
            self.index.close()
