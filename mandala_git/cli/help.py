"""`git mandala help`: explain a verb, or list them all."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from mandala_git.cli.verbs import describe, parser_of, program

if TYPE_CHECKING:
    from mandala_git.cli.verbs import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Add the arguments of `git mandala help`."""
    parser = describe(
        subparsers,
        "help",
        text="""
            Explain a verb, or list them all.

            `git mandala --help` makes git look for a manual page, which a Python package
            cannot install; use `git mandala help`, `git mandala -h` or `git-mandala --help`.
        """,
        example="git mandala help fingerprint",
    )
    parser.add_argument("name", metavar="VERB", nargs="?", help="the verb to explain")


def run(args: argparse.Namespace) -> int:
    """Print the page that was asked for."""
    if args.name is None:
        program().print_help()
        return 0
    parser_of(args.name).print_help()
    return 0
