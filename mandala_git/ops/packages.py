"""Packages: the installed distributions that count for results."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
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


def places_of(names: Iterable[str]) -> dict[str, str]:
    """Return where the code of installed packages is.

    Args:
        names: of distributions, or of what is imported.

    Returns:
        Folders and single files, with their path in keys.

    Raises:
        UsageError: one is not installed here, or has no Python code.
    """
    found = {}
    for name in names:
        places = [*_distributed(name), *_importable(name)]
        if not places:
            raise UsageError(
                f"track_packages has {name!r}, which is not installed here as Python code",
                hint="Install it, or take it out of the list.",
            )
        for place in places:
            found[place] = f"site-packages/{os.path.basename(place)}"
    return found


def _distributed(name: str) -> Iterator[str]:
    """Yield the folders and modules that a distribution has installed."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        installed = distribution(name)
    except (PackageNotFoundError, ValueError):
        return
    files = [file for file in installed.files or () if file.suffix == ".py"]
    for top in sorted({file.parts[0] for file in files if file.parts[0] not in ("..", "/")}):
        yield str(installed.locate_file(top))


def _importable(name: str) -> Iterator[str]:
    """Yield the folder or file that an import would find."""
    from importlib.util import find_spec

    try:
        spec = find_spec(name) if "." not in name and name.isidentifier() else None
    except (ImportError, ValueError):
        return
    if spec is not None and spec.submodule_search_locations is not None:
        yield from spec.submodule_search_locations
    elif spec is not None and spec.origin is not None and spec.origin.endswith(".py"):
        yield spec.origin
