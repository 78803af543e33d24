"""Functions under decorators: whose code an op is known by, and what is around it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from types import FunctionType
from typing import Any

from mandala_git.ops.arguments import CAPTURED


def cells(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield (name, value) of what a function captured, but for what is not assigned yet."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):
            yield name, cell.cell_contents


def around(func: Any, own: FunctionType) -> list[tuple[str, Any]]:
    """Return (name, value) of what decorators of other people hold that are around a function."""
    chain: list[Any] = [func]
    while chain[-1] is not own:
        chain.append(vars(chain[-1])["__wrapped__"])
    held: list[tuple[str, Any]] = []
    for level, each in enumerate(chain[:-1]):
        if isinstance(each, FunctionType):
            values: dict[str, Any] = dict(cells(each))
            values["<defaults>"] = (each.__qualname__, each.__defaults__, each.__kwdefaults__)
        else:
            values = {**vars(each), "<type>": type(each)}
        held += (
            (f"{CAPTURED}{level}.{name}", value)
            for name, value in values.items()
            if not any(value is other for other in chain)
        )
    return held


_OTHERS = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_LIBRARY = os.path.dirname(os.__file__) + os.sep


def own_function(func: object) -> FunctionType | None:
    """Return the function whose code an op is known by.

    That is the outermost one, below the decorators of other people that say what they wrap
    (`__wrapped__`): their code is theirs, and the same around every function.
    """
    found, seen = None, set[int]()
    while func is not None and id(func) not in seen and not isinstance(func, type):
        seen.add(id(func))
        if isinstance(func, FunctionType):
            found = func
            filename = func.__code__.co_filename
            if not filename.startswith(_LIBRARY) and not any(p in filename for p in _OTHERS):
                break
        func = vars(func).get("__wrapped__") if hasattr(func, "__dict__") else None
    return found
