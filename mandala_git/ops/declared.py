"""What ops declare: the files that their results depend on, the globals that do not matter."""

from __future__ import annotations

import os
import re
import weakref
from collections.abc import Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any

from mandala_git.errors import UsageError
from mandala_git.ops.wrapped import own_function

if TYPE_CHECKING:
    from mandala_git.ops.op import Op
    from mandala_git.versions.loaded import Loaded

Path = str | os.PathLike[str]

_declaring: weakref.WeakSet[Op[..., Any]] = weakref.WeakSet()
_marked: weakref.WeakSet[Any] = weakref.WeakSet()
_made = 0


def mark(obj: Any) -> None:
    """Note a function or class under `@track`."""
    global _made
    found = getattr(obj, "__func__", obj)
    if isinstance(found, type | FunctionType):
        _made += 1
        _marked.add(found)
    elif (own := own_function(found)) is not None:
        _made += 1
        _marked.add(own)


def declared_files(op: Op[..., Any], depends_on: Sequence[Path]) -> tuple[str, ...]:
    """Return the files that an op depends on, and note that it declares something.

    Args:
        op: the op.
        depends_on: paths and patterns, relative to the folder of its module.

    Returns:
        The patterns, with `/`.

    Raises:
        UsageError: they are none.
    """
    from mandala_git.repo.data_files import matcher

    if isinstance(depends_on, str | os.PathLike):
        raise UsageError(
            f"{op.name}: depends_on={depends_on!r} is one path, not a list of them",
            hint=f"Write depends_on=[{depends_on!r}].",
        )
    patterns = []
    for each in depends_on:
        path = os.fspath(each) if isinstance(each, str | os.PathLike) else each
        if not isinstance(path, str) or not path or "\0" in path:
            raise UsageError(
                f"{op.name}: depends_on has {each!r}, which is no path",
                hint='Write depends_on=["conf.yaml", "data/*.csv"].',
            )
        path = path.replace(os.sep, "/")
        try:
            matcher(path)
        except re.error as error:
            raise UsageError(
                f"{op.name}: depends_on has {path!r}, which is no pattern: {error}",
                hint="In a pattern * ? [...] and ** are special; [[] is a plain [.",
            ) from error
        patterns.append(path)
    _note(op)
    return tuple(patterns)


def declared_globals(op: Op[..., Any], untracked: Sequence[str]) -> tuple[str, ...]:
    """Return the globals that do not count for an op, and note that it declares something.

    Args:
        op: the op.
        untracked: names of its module, or `pkg.mod.NAME`.

    Raises:
        UsageError: they are none.
    """
    good = not isinstance(untracked, str) and all(
        isinstance(name, str) and all(part.isidentifier() for part in name.split("."))
        for name in untracked
    )
    if not good:
        raise UsageError(
            f"{op.name}: untracked={untracked!r} is no list of names",
            hint='Write untracked=["LOG", "pkg.mod.CACHE"].',
        )
    _note(op)
    return tuple(untracked)


def _note(op: Op[..., Any]) -> None:
    global _made
    _made += 1
    _declaring.add(op)


class Declarations:
    """What the loaded ops of a project declare.

    Args:
        loaded: the project's modules.
    """

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._files: dict[str, frozenset[str]] = {}
        self._globals: dict[str, frozenset[str]] = {}
        self._marked: set[str] = set()
        self._counted: tuple[int, ...] = ()

    def files(self) -> dict[str, frozenset[str]]:
        """Return the patterns by key of the op; one inside of a function has its key."""
        self._count()
        return self._files

    def untracked(self) -> dict[str, frozenset[str]]:
        """Return the names of globals that do not count, by key of the op."""
        self._count()
        return self._globals

    def marked(self) -> set[str]:
        """Return the keys of the functions and classes under `@track`."""
        self._count()
        return self._marked

    def _count(self) -> None:
        counted = (_made, len(_declaring), self._loaded.state, len(_marked))
        if self._counted == counted:
            return
        files: dict[str, set[str]] = {}
        names: dict[str, set[str]] = {}
        for op in list(_declaring):
            owner = self._loaded.owner(op.own.__code__)
            if owner is not None and op.depends_on:
                files.setdefault(owner[0], set()).update(self._patterns(owner[0], op))
            if owner is not None and op.untracked:
                names.setdefault(owner[0], set()).update(op.untracked)
        names_of = (self._loaded.name(obj) for obj in list(_marked))
        self._marked = {key for key in names_of if key is not None}
        self._files = {key: frozenset(patterns) for key, patterns in files.items()}
        self._globals = {key: frozenset(found) for key, found in names.items()}
        self._counted = counted

    def _patterns(self, key: str, op: Op[..., Any]) -> list[str]:
        """Return the patterns of an op; those in the project relative to its module."""
        top = os.path.realpath(self._loaded.root)
        folder = os.path.dirname(self._loaded.absolute(key.partition("::")[0]))
        found = []
        for pattern in op.depends_on:
            inside = os.path.isabs(pattern) and pattern.startswith(
                (f"{self._loaded.root}/", f"{top}/")
            )
            if inside:
                start = os.path.realpath(folder) if pattern.startswith(f"{top}/") else folder
                pattern = os.path.relpath(pattern, start).replace(os.sep, "/")
            found.append(pattern)
        return found
