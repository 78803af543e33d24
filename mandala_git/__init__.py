"""Memoized Python functions whose results follow the meaning of the code in your git repository."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mandala_git.errors import MandalaError as MandalaError
    from mandala_git.imports import Call as Call
    from mandala_git.imports import Ignore as Ignore
    from mandala_git.imports import NewArgDefault as NewArgDefault
    from mandala_git.imports import Op as Op
    from mandala_git.imports import Ref as Ref
    from mandala_git.imports import Storage as Storage
    from mandala_git.imports import Transient as Transient
    from mandala_git.imports import ValuePointer as ValuePointer
    from mandala_git.imports import noop as noop
    from mandala_git.imports import op as op
    from mandala_git.imports import pprint_dict as pprint_dict
    from mandala_git.imports import register_type as register_type
    from mandala_git.imports import sess as sess
    from mandala_git.imports import superop as superop
    from mandala_git.imports import track as track
    from mandala_git.imports import unwrap as unwrap
    from mandala_git.imports import wrap_atom as wrap_atom

__version__ = "0.1.0"
__all__ = [
    "Call",
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
    "pprint_dict",
    "register_type",
    "sess",
    "superop",
    "track",
    "unwrap",
    "wrap_atom",
]

_HOMES = {
    "Call": "ops.calls",
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
    "pprint_dict": "ops.debugging",
    "register_type": "results.custom",
    "sess": "ops.debugging",
    "superop": "ops.op",
    "track": "ops.op",
    "unwrap": "ops.refs",
    "wrap_atom": "ops.refs",
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
