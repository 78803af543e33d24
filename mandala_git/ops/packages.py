"""Packages: the installed distributions that count for results."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mandala_git.errors import UsageError


def installed(names: Iterable[str], root: Path) -> dict[str, str]:
    """Return the versions of installed distributions.

    Args:
        names: of the distributions, as `[tool.mandala] packages` has them.
        root: top folder of the project, for the message.

    Raises:
        UsageError: one is not installed here.
    """
    found = {}
    for name in names:
        from importlib.metadata import PackageNotFoundError, version

        try:
            found[name] = version(name)
        except (PackageNotFoundError, ValueError) as error:
            raise UsageError(
                f"packages in [tool.mandala] of {root / 'pyproject.toml'} has {name!r}, "
                "which is not installed here",
                hint="Install it, or take it out of the list; names are those of `pip list`.",
            ) from error
    return found
