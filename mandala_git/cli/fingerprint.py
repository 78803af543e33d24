"""`git mandala fingerprint`: the semantic digest of every definition of some files."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mandala_git.cli.boundary import complain
from mandala_git.cli.verbs import describe
from mandala_git.errors import MandalaError, NotARepository, SourceError, UsageError
from mandala_git.repo.repository import Repository
from mandala_git.source.definitions import Definition, Kind

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

            With --json each line is an object {"path", "qualname", "kind", "digest"}; paths are
            relative to the root of the repository, outside of one to the current folder.
            A file that cannot be read as Python is named on stderr, the others are printed, and
            the exit code is 1.
        """,
        example="""
            git mandala fingerprint src/train.py
            git mandala fingerprint --json --rev HEAD~1 src/*.py
        """,
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--rev", metavar="REV", help="read the files from this commit")
    parser.add_argument("files", metavar="FILE", nargs="+", help="a Python file")


def run(args: argparse.Namespace) -> int:
    """Print the digests of the files, and the complaints about those that are broken."""
    code = 0
    places = _Places()
    for file in args.files:
        try:
            definitions = _definitions(*places.read(Path(file), args.rev))
        except (NotARepository, UsageError):
            raise
        except MandalaError as error:
            sys.stdout.flush()
            complain(error)
            code = 1
            continue
        for definition in definitions:
            sys.stdout.write(_line(definition, args.json) + "\n")
    return code


def _definitions(path: str, data: bytes) -> list[Definition]:
    from mandala_git.source.scan import scan_file

    facts = scan_file(path, data)
    if facts.error:
        place = f"{path}:{facts.error_line}" if facts.error_line else path
        raise SourceError(f"{place}: {facts.error}", path=path, line=facts.error_line)
    return [d for d in facts.definitions if d.kind in LISTED]


def _line(definition: Definition, as_json: bool) -> str:
    if not as_json:
        return f"{definition.digest}  {definition.kind:8}  {definition.key}"
    return json.dumps(
        {
            "path": definition.path,
            "qualname": definition.qualname,
            "kind": str(definition.kind),
            "digest": definition.digest,
        }
    )


class _Places:
    """Where files are: the repository of each folder, asked for once."""

    def __init__(self) -> None:
        self._repositories: dict[Path, Repository | None] = {}
        self._commits: dict[Path, str] = {}

    def read(self, file: Path, rev: str | None) -> tuple[str, bytes]:
        """The path of a file in its repository, and its bytes (of a commit, if there is a rev)."""
        repo = self._repository(Path())
        path = repo.relative(file) if repo else None
        if path is None and file.parent.is_dir() and (other := self._repository(file.parent)):
            repo, path = other, other.relative(file)
        if rev is not None:
            if repo is None or path is None:
                raise NotARepository(
                    f"{file} is in no repository, so it has no revision {rev}",
                    hint="leave --rev out to read the file as it is",
                )
            return path, self._committed(repo, rev, path)
        return path or Path(os.path.relpath(file)).as_posix(), _bytes(file)

    def _repository(self, folder: Path) -> Repository | None:
        if folder not in self._repositories:
            try:
                self._repositories[folder] = Repository.discover(folder)
            except NotARepository:
                self._repositories[folder] = None
        return self._repositories[folder]

    def _committed(self, repo: Repository, rev: str, path: str) -> bytes:
        from mandala_git.repo.snapshots import file_at

        if repo.root not in self._commits:
            try:
                self._commits[repo.root] = repo.resolve(rev)
            except MandalaError as error:
                # Wrong for every file: said once, as a wrong command line.
                raise UsageError(error.message, hint=error.hint) from error
        return file_at(repo, self._commits[repo.root], path)


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise SourceError(f"{file}: {error.strerror}", path=str(file)) from error
