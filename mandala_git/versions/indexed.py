"""Snapshots read through the index: a file is parsed once for each content that it ever had."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from mandala_git.config import NO_RULES, Rules
from mandala_git.source.definitions import FileFacts, is_notebook
from mandala_git.source.index import Index
from mandala_git.source.snapshot import Snapshot

if TYPE_CHECKING:
    from typing import Protocol

    from mandala_git.repo.data_files import DataFiles
    from mandala_git.source.bulk import Watch
    from mandala_git.source.notebooks import Notebook

    class Tree(Protocol):
        """Paths, blob ids and bytes of project code (`repo.snapshots`)."""

        @property
        def entries(self) -> Mapping[str, str]:
            """Blob id by path."""

        @property
        def data(self) -> DataFiles | None:
            """The other files, which ops may depend on."""

        def read(self, paths: Iterable[str]) -> dict[str, bytes]:
            """Return the bytes of files."""


class IndexedTree:
    """The facts of a tree's files, from the index or scanned and put there.

    Args:
        tree: the files.
        index: cache by path and blob.
        rules: what the project adds to the rules of the normal form.
        watch: shows the progress where much has to be read; None for nothing to be shown.
    """

    def __init__(
        self, tree: Tree, index: Index, *, rules: Rules = NO_RULES, watch: Watch | None = None
    ) -> None:
        self.tree = tree
        self.index = index
        self.rules = rules
        self.watch = watch
        self._methods: dict[str, list[str]] = {}
        self._ops: list[str] | None = None
        self._unread: dict[str, bytes] | None = None

    def warm(self, paths: Iterable[str]) -> None:
        """Let the index learn files that will be asked for, all at once; see `bulk.read_all`."""
        entries = {path: self.tree.entries[path] for path in paths if path in self.tree.entries}
        known = self.index.known(entries)
        missing = {path: blob for path, blob in entries.items() if path not in known}
        if missing:
            from mandala_git.source.bulk import read_all

            read_all(missing, self.tree.read, self.index, self.rules, self.watch)

    def facts(self, path: str) -> FileFacts | None:
        """Return what a file of the tree defines."""
        blob = self.tree.entries.get(path)
        if blob is None:
            return None
        facts = self.index.facts(path, blob)
        if facts is None:
            data = self.tree.read([path]).get(path)
            if data is None:
                return None
            facts = scan_into(self.index, path, blob, data, self.rules)
        return facts

    def methods(self, name: str) -> list[str]:
        """Return the keys of all methods and nested classes with a name, in all modules.

        Files that the index does not know yet are parsed only if their bytes can define it.
        What notebooks hold is for `Snapshot.methods` to say.
        """
        if name not in self._methods:
            entries = self.tree.entries
            paths = {
                path
                for path, blob in self.index.methods(name)
                if entries.get(path) == blob and not is_notebook(path)
            }
            candidates = self._candidates(name)
            self.warm(candidates)
            paths.update(candidates)
            self._methods[name] = [
                d.key
                for path in paths
                if (facts := self.facts(path)) is not None
                for d in facts.definitions
                if d.parent is not None and d.name == name
            ]
        return self._methods[name]

    def ops(self) -> list[str]:
        """Return the keys of all ops in the whole tree.

        Files that the index does not know yet are parsed only if their bytes name this package.
        """
        if self._ops is None:
            known = self.index.facts_many(self.tree.entries)
            # A decorator is known as ours by an import of the same file.
            hints = (b"mandala_git", b"coding", b"\0")
            found = [
                path for path, data in self._missing().items() if any(h in data for h in hints)
            ]
            found += self._notebooks()
            self.warm(found)
            read = [facts for path in found if (facts := self.facts(path)) is not None]
            self._ops = sorted(
                d.key for facts in (*known.values(), *read) for d in facts.definitions if d.op
            )
        return self._ops

    def _missing(self) -> dict[str, bytes]:
        """Return the bytes of the modules that the index does not know."""
        if self._unread is None:
            known = self.index.known(self.tree.entries)
            missing = [p for p in self.tree.entries if p not in known and not is_notebook(p)]
            self._unread = self.tree.read(missing) if missing else {}
        return self._unread

    def _notebooks(self) -> Iterator[str]:
        """Yield the notebooks that the index does not know and that can hold ops.

        They may be large, so they are read one at a time, and once.
        """
        entries = {p: blob for p, blob in self.tree.entries.items() if is_notebook(p)}
        for path in entries.keys() - self.index.known(entries):
            memo = f"no ops in {entries[path]}"
            if self.index.get(memo) is None:
                data = self.tree.read([path]).get(path, b"")
                if b"mandala_git" in data or b"\0" in data:
                    yield path
                else:
                    self.index.put(memo, b"")

    def _candidates(self, name: str) -> list[str]:
        if not self._missing():
            return []
        # A definition inside a class is indented; a name beyond ASCII may normalize to this one.
        inside = re.compile(
            rb"^[ \t\f]+(?:async\b\s*)?(?:def|class)(?:\s|\\\r?\n)+(?:%s\b|[^\s(:]*[\x80-\xff])"
            % re.escape(name.encode("utf-8", "surrogatepass")),
            re.MULTILINE,
        )
        return [
            path
            for path, data in self._missing().items()
            if inside.search(data) or b"coding" in data[:200] or b"\0" in data[:4]
        ]

    def identity(self, loaded: Mapping[str, str] | None = None) -> str:
        """Return a name that only trees with the very same files share.

        Args:
            loaded: blob ids of files that are loaded as something else, by path.
        """
        from hashlib import sha256

        # A notebook is no part of what other code can reach, and is saved all the time.
        entries = {p: blob for p, blob in self.tree.entries.items() if not is_notebook(p)}
        entries.update(loaded or {})
        listed = "".join(f"{path}\0{blob}\0" for path, blob in sorted(entries.items()))
        return sha256(listed.encode("utf-8", "surrogateescape")).hexdigest()

    def snapshot(self, script: str | None = None) -> Snapshot:
        """Return the tree as a snapshot."""
        return Snapshot(
            self.tree.entries.keys(),
            self.facts,
            methods=self.methods,
            script=script,
            identity=self.identity,
        )


def scan_into(index: Index, path: str, blob: str, data: bytes, rules: Rules) -> FileFacts:
    """Scan a file and put what it defines into the index."""
    from mandala_git.source.scan import scan_texts

    facts, texts = scan_texts(path, data, rules=rules)
    index.put(path, blob, facts, texts)
    return facts


def scan_cells(index: Index, path: str, notebook: Notebook, rules: Rules) -> FileFacts:
    """Scan the cells of a running notebook and put their texts into the index.

    Its facts replace those of its last state: there is a new one with every cell that runs.
    """
    from mandala_git.source.scan import scan_texts

    facts, texts = scan_texts(path, notebook, rules=rules)
    index.put(path, "cells", facts, texts)
    return facts
