"""`git mandala`: read the command line and run one verb."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from mandala_git.cli.boundary import guarded
from mandala_git.cli.verbs import load, parser_of, program, split
from mandala_git.errors import MandalaError


def entry() -> NoReturn:
    """Run `git-mandala` with the arguments of this process and exit."""
    sys.exit(main(sys.argv[1:]))


def main(argv: Sequence[str]) -> int:
    """Run `git mandala ARGV`.

    Args:
        argv: the words behind the program's name.

    Returns:
        The exit code; nothing is raised.
    """
    return guarded(lambda: _run(argv), argv).code


def _run(argv: Sequence[str]) -> int:
    before, name, rest = split(argv)
    try:
        options = program().parse_args(before)
        for directory in options.directories:
            _enter(directory)
        if options.version:
            name, rest = "version", []
        if name is None:
            program().print_help(sys.stderr)
            return 2
        args = parser_of(name).read(rest)
    except SystemExit:  # argparse has printed the page that was asked for
        return 0
    return load(name).run(args)


def _enter(directory: str) -> None:
    try:
        os.chdir(directory or ".")  # as git: `-C ""` changes nothing
    except OSError as error:
        raise MandalaError(
            f"cannot change to {directory!r}: {error.strerror}",
            code=128,
            hint="git mandala -C DIR VERB",
        ) from error
