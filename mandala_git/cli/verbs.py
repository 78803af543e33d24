"""The verbs of `git mandala`: their table, and the parsers of the chosen ones."""

from __future__ import annotations

import argparse
import difflib
import importlib
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn, Protocol, cast

from mandala_git.errors import UsageError

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction["Parser"]

VERBS = {
    "init": "prepare this repository to keep verdicts and results",
    "status": "show what is recorded, what of it holds now, and what is to decide",
    "diff": "show what changed, definition by definition, and what it would cost",
    "history": "count what each of the last commits changed in meaning, in any repository",
    "classify": "decide whether edits change results (breaking) or not (compatible)",
    "verify": "run recorded calls again with edited code, and compare their results",
    "log": "list the verdicts, newest first",
    "world": "show which recorded calls belong to a state of the code",
    "results": "print the recorded calls of an op as a table",
    "table": "print recorded calls as a table of variables: what led to what",
    "graph": "show the recorded calls as a graph of variables and ops, or draw it",
    "drop": "list versions of ops, and delete their calls with what was computed from them",
    "gc": "remove stored values that no recorded call has",
    "fsck": "verify every recorded call and every stored value",
    "why": "print the program that made a recorded value: its calls, and where they ran",
    "blame": "show which commits made a function mean what it means",
    "fingerprint": "print the semantic digest of every definition of some files",
    "version": "print the versions of this program and of what it stands on",
    "help": "explain a verb, or list them all",
}
"""Every verb and its summary, in the order of the help page; each is a module of this folder."""

_CODES = """\
exit codes:
  0    fine
  1    there is something to report
  2    the command line is wrong
  3    a bug of this program; the message names a report file
  128  no repository here
  130  interrupted"""


class Verb(Protocol):
    """What the module of a verb offers."""

    def add_parser(self, subparsers: Subparsers) -> None:
        """Hang the parser of the verb into `subparsers`, by `describe`."""

    def run(self, args: argparse.Namespace) -> int:
        """Do the work and return the exit code."""


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are UsageErrors that name the page to read.

    Attributes:
        behind: the name of what gets the words behind `--`; None when `--` only ends the options.
    """

    behind: str | None = None

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """Read a command line; options may stand anywhere before `--`."""
        at = list(words).index("--") if self.behind and "--" in words else len(words)
        args = self.parse_intermixed_args(words[:at])
        if self.behind:
            setattr(args, self.behind, list(words[at + 1 :]) if at < len(words) else None)
        return args

    def error(self, message: str) -> NoReturn:
        verb = self.prog.removeprefix("git mandala").strip()
        raise UsageError(
            f"{verb}: {message}" if verb else message,
            hint=f"{self.format_usage().strip()}\ngit mandala help{' ' * bool(verb)}{verb}",
        )


def load(name: str) -> Verb:
    """Import the module of one verb, and of no other.

    Raises:
        UsageError: there is no such verb.
    """
    if name not in VERBS:
        close = difflib.get_close_matches(name, VERBS, n=1)
        hint = f"git mandala {close[0]}   did you mean this?" if close else "git mandala help"
        raise UsageError(f"no such verb: {name}", hint=hint)
    return cast(Verb, importlib.import_module(f"mandala_git.cli.{name}"))


def describe(subparsers: Subparsers, name: str, *, text: str, example: str) -> Parser:
    """Make the parser of a verb.

    Args:
        subparsers: where it belongs.
        name: a key of VERBS.
        text: what the verb does, in a paragraph or two.
        example: one command line and more, each on its own line.
    """
    return subparsers.add_parser(
        name,
        help=VERBS[name],
        description=textwrap.dedent(text).strip(),
        epilog="example:\n" + textwrap.indent(textwrap.dedent(example).strip(), "  "),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def program() -> Parser:
    """Build the parser of what stands before the verb, whose help page lists the verbs."""
    width = max(map(len, VERBS))
    listing = "\n".join(f"  {name:{width}}  {summary}" for name, summary in VERBS.items())
    parser = Parser(
        prog="git mandala",
        usage="git mandala [-C DIR] VERB [...]",
        description="Results of Python functions that follow the meaning of the code in git.",
        epilog=f"verbs (`git mandala help VERB` tells more):\n{listing}\n\n{_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "-C",
        dest="directories",
        metavar="DIR",
        action="append",
        default=[],
        help="run as if started in DIR; may be repeated",
    )
    parser.add_argument("--version", action="store_true", help="the same as `git mandala version`")
    return parser


def parser_of(verb: str) -> Parser:
    """Build the parser of one verb, importing its module and no other."""
    subparsers = program().add_subparsers(prog="git mandala")
    load(verb).add_parser(subparsers)
    return subparsers.choices[verb]


def split(argv: Sequence[str]) -> tuple[list[str], str | None, list[str]]:
    """Cut a command line into what stands before the verb, the verb, and the rest."""
    words = list(argv)
    at = 0
    while at < len(words) and words[at].startswith("-"):
        at += 2 if words[at] == "-C" else 1
    return words[:at], words[at] if at < len(words) else None, words[at + 1 :]
