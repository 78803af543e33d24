"""Settings of a project: the table `[tool.mandala]` of its pyproject.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mandala_git.errors import UsageError
from mandala_git.records import NamedTuple

CONSTANT_FOLDING = "constant-folding"
ELSE_AFTER_RETURN = "else-after-return"
UNKEYED_PARAMETERS = "unkeyed-parameters"
RELATIVE_IMPORTS = "relative-imports"
ANNOTATIONS = "annotations"

EQUALITIES = {
    CONSTANT_FOLDING: "`60 * 60` is `3600`",
    ELSE_AFTER_RETURN: "an `else` after a branch that always leaves is none",
    UNKEYED_PARAMETERS: "names of `*args`, `**kw`, parameters before `/` and of lambdas",
    RELATIVE_IMPORTS: "`from .m import f` is `from package.m import f`",
    ANNOTATIONS: "annotations of functions without decorators",
}
"""Rules of the normal form that a project may ask for: each gives up a difference."""


class Rules(NamedTuple):
    """What a project adds to the rules of the normal form.

    Attributes:
        neutral: dotted names of further decorators and bases that neither read the name or
            docstring of what they stand at nor hide its calls.
        equal: those of EQUALITIES that it asks for.
    """

    neutral: tuple[str, ...] = ()
    equal: frozenset[str] = frozenset()

    def spelled(self) -> str:
        """Write the rules so that only equal ones are written alike."""
        return "\0".join((*sorted(self.neutral), "", *sorted(self.equal)))


NO_RULES = Rules()


MARKED = "@track"
"""Among untracked names: project code counts only where it is an op or marked with `@track`."""


class Settings(NamedTuple):
    """What a project sets.

    Attributes:
        rules: of the normal form.
        untracked: globals that do not count for any op, as `NAME` or `pkg.mod.NAME`.
        packages: installed distributions of which another version is another world.
        track_packages: installed distributions or packages whose code counts as the project's.
    """

    rules: Rules = NO_RULES
    untracked: frozenset[str] = frozenset()
    packages: tuple[str, ...] = ()
    track_packages: tuple[str, ...] = ()


def read_settings(root: Path) -> Settings:
    """Read the settings of the project in a folder.

    Args:
        root: top folder of the work tree.

    Raises:
        UsageError: the table holds something that it should not.
    """
    try:
        data = (root / "pyproject.toml").read_bytes()
    except OSError:
        return Settings()
    if b"tool.mandala" not in data and b"mandala" not in data:
        return Settings()
    import tomllib

    try:
        table = tomllib.loads(data.decode()).get("tool", {}).get("mandala", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{root / 'pyproject.toml'} cannot be read: {error}", hint="Mend the file."
        ) from error
    unknown = set(table) - {
        "neutral",
        "equal",
        "untracked",
        "packages",
        "track_packages",
        "tracking",
    }
    if unknown:
        raise UsageError(
            f"[tool.mandala] in {root / 'pyproject.toml'} has unknown settings: "
            + ", ".join(sorted(unknown)),
            hint="Known: neutral, equal, untracked, packages, track_packages, each a list of names; "
            'tracking = "all" or "decorated".',
        )
    neutral = _names(root, table, "neutral", "package.decorator")
    equal = _names(root, table, "equal", CONSTANT_FOLDING)
    unknown = set(equal) - set(EQUALITIES)
    if unknown:
        raise UsageError(
            f"equal in [tool.mandala] of {root / 'pyproject.toml'} has unknown rules: "
            + ", ".join(sorted(unknown)),
            hint=f"Known: {', '.join(EQUALITIES)}.",
        )
    untracked = _names(root, table, "untracked", "package.module.CACHE")
    packages = _names(root, table, "packages", "numpy")
    if (tracking := table.get("tracking", "all")) not in ("all", "decorated"):
        raise UsageError(
            f"tracking = {tracking!r} in [tool.mandala] of {root / 'pyproject.toml'} is not known",
            hint='Use "all", or "decorated": only ops and what @track marks.',
        )
    if tracking == "decorated":
        untracked = [*untracked, MARKED]
    rules = Rules(tuple(neutral), frozenset(equal))
    tracked = _names(root, table, "track_packages", "mylib")
    return Settings(
        rules, frozenset(untracked), tuple(sorted(set(packages))), tuple(sorted(set(tracked)))
    )


def _names(root: Path, table: dict[str, Any], key: str, example: str) -> list[str]:
    names = table.get(key, [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UsageError(
            f"{key} in [tool.mandala] of {root / 'pyproject.toml'} is no list of names",
            hint=f'Write {key} = ["{example}"].',
        )
    return names
