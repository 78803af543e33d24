"""Memoized Python functions whose results follow the meaning of the code in your git repository."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mandala_git.errors import MandalaError as MandalaError
    from mandala_git.imports import Ignore as Ignore
    from mandala_git.imports import NewArgDefault as NewArgDefault
    from mandala_git.imports import Op as Op
    from mandala_git.imports import Ref as Ref
    from mandala_git.imports import Storage as Storage
    from mandala_git.imports import Transient as Transient
    from mandala_git.imports import ValuePointer as ValuePointer
    from mandala_git.imports import noop as noop
    from mandala_git.imports import op as op
    from mandala_git.imports import register_type as register_type
    from mandala_git.imports import superop as superop
    from mandala_git.imports import track as track
    from mandala_git.imports import unwrap as unwrap

__version__ = "0.1.0"
__all__ = [
    "Ignore",
    "MandalaError",
    "NewArgDefault",
    "Op",
    "Ref",
    "Storage",
    "Transient",
    "ValuePointer",
    "__version__",
    "noop",
    "op",
    "register_type",
    "superop",
    "track",
    "unwrap",
]

_HOMES = {
    "Ignore": "ops.special",
    "MandalaError": "errors",
    "NewArgDefault": "ops.special",
    "Op": "ops.op",
    "Ref": "ops.refs",
    "Storage": "ops.storage",
    "Transient": "ops.special",
    "ValuePointer": "ops.special",
    "noop": "ops.blocks",
    "op": "ops.op",
    "register_type": "results.custom",
    "superop": "ops.op",
    "track": "ops.op",
    "unwrap": "ops.refs",
}
"""The module of each public name."""


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for (PEP 562): importing the package is free."""
    if name in _HOMES:
        found = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = found
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
