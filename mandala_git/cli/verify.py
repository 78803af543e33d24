"""`git mandala verify`: run recorded calls again with edited code, and compare their results."""

from __future__ import annotations

import argparse
import importlib
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mandala_git.cli.desk import Desk
from mandala_git.cli.loading import project
from mandala_git.cli.verbs import describe
from mandala_git.errors import MandalaError, UsageError
from mandala_git.ops.evidence import Evidence
from mandala_git.versions.pending import sort_out
from mandala_git.versions.review import Question, select
from mandala_git.views.console import Output
from mandala_git.views.text import visible

if TYPE_CHECKING:
    from mandala_git.cli.verbs import Subparsers

FORMAT = 1
"""Number of the JSON layout. Fields may be added under one number, never changed."""

_GUARD = re.compile(rb"^if __name__ == ", re.MULTILINE)
"""What a script has that can be imported without running."""


def add_parser(subparsers: Subparsers) -> None:
    """Add the arguments of `git mandala verify`."""
    parser = describe(
        subparsers,
        "verify",
        text="""
            Before you call an edit compatible: run some of the recorded calls that it puts in
            question again with the code of the work tree, and compare what they return with what
            is recorded. Where both versions have results for the same inputs, these are compared
            and nothing runs. Nothing is recorded.

            This imports the modules of the ops, with the Python of this command. Exits with 1
            when a result differs, or could not be told.
        """,
        example="""
            git mandala verify scale_data
            git mandala verify src/train.py::fit --sample 20 --tolerance 1e-9
        """,
    )
    parser.add_argument("--sample", metavar="N", type=int, default=5, help="so many calls; 5")
    parser.add_argument(
        "--tolerance", metavar="T", type=float, help="floats may differ by this part of them"
    )
    parser.add_argument("--json", action="store_true", help='{"format": 1, "calls", ...}')
    parser.add_argument("name", metavar="NAME", help="name, key or file of what was edited")


def run(args: argparse.Namespace) -> int:
    """Print what was found."""
    out = Output()
    with Desk() as desk:
        if desk.results_error is not None:
            raise desk.results_error
        if desk.results is None:
            raise UsageError("no calls are recorded here", hint="run a program that uses @op")
        name = desk.key(args.name)
        questions = _questions(desk, name)
        root = desk.repo.root
        with project(root):
            _load(desk, questions, root)
            from mandala_git.ops.storage import Storage

            found = Storage(root, on_change="recompute").evidence(
                name, sample=args.sample, tolerance=args.tolerance
            )
        if args.json:
            out.text(json.dumps(_entry(found), indent=2) + "\n")
        else:
            out.text("".join(visible(line) + "\n" for line in repr(found).splitlines()))
            if found:
                out.say(f"mandala: git mandala classify {args.name} --compatible   keeps them all")
    return 0 if found else 1


def _questions(desk: Desk, name: str) -> list[Question]:
    """Return what is open about a definition in the work tree.

    Raises:
        UsageError: nothing is.
    """
    asked = sort_out(desk.review(desk.work).questions(), desk.history.ledger).asked
    found, missed = select(asked, [name])
    if missed:
        known = ", ".join(sorted(question.edge.key_new for question in asked))
        raise UsageError(
            f"no recorded call waits for a verdict about {name!r}",
            hint=f"some do for: {known}" if known else "git mandala status",
        )
    return found


def _load(desk: Desk, questions: Iterable[Question], root: Path) -> None:
    """Import the modules of the ops whose calls are in question.

    Raises:
        UsageError: one is a script or a notebook, which to import is to run.
        MandalaError: one cannot be imported.
    """
    paths = {key.partition("::")[0] for question in questions for key in question.ops}
    for question in questions:
        for version in question.versions:
            recorded = desk.history.recorded(version)
            script = recorded.script if recorded is not None else ""
            if script in paths and not _GUARD.search((root / script).read_bytes()):
                raise UsageError(
                    f"{script} was run as a script: to import it would run it",
                    hint='Write what it does under: if __name__ == "__main__":   '
                    "or ask in it: print(storage.evidence(NAME))",
                )
    for path in sorted(paths):
        top, dotted = _module(root, path)
        sys.path.insert(0, str(top))
        try:
            importlib.import_module(dotted)
        except Exception as error:
            raise MandalaError(
                f"{path} cannot be imported as {dotted}: {type(error).__name__}: {error}",
                hint="Run this with the Python of the project, and where its packages are: "
                "python -m mandala_git.cli.main verify ...",
            ) from error


def _module(root: Path, path: str) -> tuple[Path, str]:
    """Return the folder from which a file is imported, and its dotted name."""
    file = root / path
    folder, parts = file.parent, [file.stem]
    while (folder / "__init__.py").exists() and folder != root:
        parts.insert(0, folder.name)
        folder = folder.parent
    if parts[-1] == "__init__":
        parts.pop()
    return folder, ".".join(parts)


def _entry(found: Evidence) -> dict[str, object]:
    return {
        "format": FORMAT,
        "name": found.name,
        "calls": found.calls,
        "same": found.same,
        "different": found.different,
        "compared": [dict(zip(each._fields, each, strict=True)) for each in found.compared],
    }
