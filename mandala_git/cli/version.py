"""`git mandala version`: the versions of this program and of what it stands on."""

from __future__ import annotations

import argparse
import json
import platform
from typing import TYPE_CHECKING

from mandala_git import __version__
from mandala_git.cli.verbs import describe
from mandala_git.views.console import Output

if TYPE_CHECKING:
    from mandala_git.cli.verbs import Subparsers

PARTS = ("blake3", "joblib", "libcst", "numpy", "pandas", "pre-commit", "rich")
"""Distributions whose version matters for a report."""


def add_parser(subparsers: Subparsers) -> None:
    """Add the arguments of `git mandala version`."""
    parser = describe(
        subparsers,
        "version",
        text="Print the versions of this program, of Python, git and the libraries it stands on.",
        example="git mandala version --json",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print the versions."""
    found = versions()
    if args.json:
        Output().text(json.dumps({"format": 1, **found}) + "\n")
    else:
        width = max(map(len, found))
        Output().text("".join(f"{name:{width}}  {value}\n" for name, value in found.items()))
    return 0


def versions() -> dict[str, str]:
    """What is installed: name to version, `missing` where there is none."""
    from importlib.metadata import PackageNotFoundError, version

    found = {
        "mandala_git": __version__,
        "python": platform.python_version(),
        "git": _git_version(),
    }
    for part in PARTS:
        try:
            found[part] = version(part)
        except PackageNotFoundError:
            found[part] = "missing"
    return found


def _git_version() -> str:
    import subprocess

    try:
        said = subprocess.run(["git", "version"], capture_output=True, check=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "missing"
    return said.removeprefix("git version ").strip()
