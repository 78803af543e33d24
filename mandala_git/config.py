"""Settings of a project: the table `[tool.mandala]` of its pyproject.toml."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mandala_git.errors import UsageError


@dataclass(frozen=True, slots=True)
class Settings:
    """What a project sets.

    Attributes:
        neutral: dotted names of further decorators that neither read the name or docstring of
            what they decorate nor hide its calls.
    """

    neutral: tuple[str, ...] = ()


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
    unknown = set(table) - {"neutral"}
    if unknown:
        raise UsageError(
            f"[tool.mandala] in {root / 'pyproject.toml'} has unknown settings: "
            + ", ".join(sorted(unknown)),
            hint="Known: neutral = [...].",
        )
    neutral = table.get("neutral", [])
    if not isinstance(neutral, list) or not all(isinstance(name, str) for name in neutral):
        raise UsageError(
            f"neutral in [tool.mandala] of {root / 'pyproject.toml'} is no list of names",
            hint='Write neutral = ["package.decorator"].',
        )
    return Settings(tuple(neutral))
