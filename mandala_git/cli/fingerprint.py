"""`git mandala fingerprint`: the semantic digest of every definition of some files."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from mandala_git.cli.verbs import describe
from mandala_git.config import Settings, read_settings
from mandala_git.errors import MandalaError, NotARepository, SourceError, UsageError
from mandala_git.records import NamedTuple
from mandala_git.repo.repository import Repository
from mandala_git.repo.snapshots import file_at, shown
from mandala_git.source.definitions import Definition, FileFacts, Kind
from mandala_git.views.console import Output

if TYPE_CHECKING:
    from mandala_git.cli.verbs import Subparsers

LISTED = (Kind.FUNCTION, Kind.CLASS, Kind.GLOBAL)


def add_parser(subparsers: Subparsers) -> None:
    """Add the arguments of `git mandala fingerprint`."""
    parser = describe(
        subparsers,
        "fingerprint",
        text="""
            Print the semantic digest of every function, method, class and module-level name of
            some files, in the order of the source. Equal digests mean the same code: formatting,
            comments and docstrings do not count. Imports and nested functions are not listed.
            The code cells of a notebook are one file.

            With --json each line is an object {"path", "qualname", "kind", "digest"}; paths are
            relative to the root of the repository, outside of one to the current folder.
            A file (or a cell) that cannot be read as Python is named on stderr, the others are
            printed, and the exit code is 1.
        """,
        example="""
            git mandala fingerprint src/train.py
            git mandala fingerprint --json --rev HEAD~1 src/*.py
        """,
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--rev", metavar="REV", help="read the files from this commit")
    parser.add_argument("files", metavar="FILE", nargs="+", help="a Python file or a notebook")


def run(args: argparse.Namespace) -> int:
    """Print the digests of the files, and the complaints about those that are broken."""
    out, code = Output(), 0
    places = _Places()
    for file in args.files:
        try:
            facts = _facts(places.read(Path(file), args.rev))
        except (NotARepository, UsageError):
            raise
        except MandalaError as error:
            out.error(error)
            code = 1
            continue
        for definition in facts.definitions:
            if definition.kind in LISTED:
                out.text(_line(definition, args.json) + "\n")
        for complaint in facts.complaints:
            out.error(SourceError(shown(complaint), path=facts.path))
            code = 1
    return code


class _File(NamedTuple):
    """A file to scan, and what its project sets."""

    path: str
    data: bytes
    settings: Settings


def _facts(file: _File) -> FileFacts:
    from mandala_git.source.scan import scan_file

    facts = scan_file(file.path, file.data, rules=file.settings.rules)
    if facts.error:
        raise SourceError(shown(facts.complaints[0]), path=file.path, line=facts.error_line)
    return facts


def _line(definition: Definition, as_json: bool) -> str:
    if not as_json:
        return f"{definition.digest}  {definition.kind:8}  {shown(definition.key)}"
    return json.dumps(
        {
            "path": definition.path,
            "qualname": definition.qualname,
            "kind": str(definition.kind),
            "digest": definition.digest,
        }
    )


class _Places:
    """Where files are: each folder's repository is asked for once."""

    def __init__(self) -> None:
        self._repositories: dict[Path | None, Repository | None] = {}
        self._settings: dict[Path, Settings] = {}

    def read(self, file: Path, rev: str | None) -> _File:
        """A file with its path in its repository; its bytes are of a commit, if there is a rev.

        Raises:
            SourceError: there is no such file.
            NotARepository: a revision of a file that is in no repository.
            UsageError: there is no such revision.
        """
        repo, path = self._repository_of(file)
        if rev is None:
            return _File(path or _from_here(file), _bytes(file), self._settings_of(repo))
        if repo is None or path is None:
            raise NotARepository(
                f"{shown(str(file))} is in no repository, so it has no revision {rev}",
                hint="leave --rev out to read the file as it is",
            )
        data = file_at(repo, rev, path)
        if data is None:
            raise SourceError(f"{shown(path)}: no such file in {rev}", path=path)
        return _File(path, data, self._settings_of(repo))

    def _settings_of(self, repo: Repository | None) -> Settings:
        # Those of now for any revision: digests of two revisions must be comparable.
        root = repo.root if repo else Path()
        if root not in self._settings:
            self._settings[root] = read_settings(root)
        return self._settings[root]

    def _repository_of(self, file: Path) -> tuple[Repository | None, str | None]:
        # None: where we are, and what GIT_DIR says; a file elsewhere may be in another one.
        for folder in (None, file.parent):
            if folder not in self._repositories:
                try:
                    self._repositories[folder] = Repository.discover(folder)
                except NotARepository:
                    self._repositories[folder] = None
            repo = self._repositories[folder]
            if repo is not None and (path := repo.relative(file)) is not None:
                return repo, path
        return None, None


def _from_here(file: Path) -> str:
    try:
        return Path(os.path.relpath(file)).as_posix()
    except OSError:  # the current folder has been deleted
        return file.as_posix()


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise SourceError(f"{shown(str(file))}: {error.strerror}", path=str(file)) from error
