"""Memoized Python functions whose results follow the meaning of the code in your git repository."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mandala_git.errors import MandalaError as MandalaError
    from mandala_git.imports import Call as Call
    from mandala_git.imports import DictRef as DictRef
    from mandala_git.imports import Ignore as Ignore
    from mandala_git.imports import ListRef as ListRef
    from mandala_git.imports import MDict as MDict
    from mandala_git.imports import MList as MList
    from mandala_git.imports import MSet as MSet
    from mandala_git.imports import MTuple as MTuple
    from mandala_git.imports import NewArgDefault as NewArgDefault
    from mandala_git.imports import Op as Op
    from mandala_git.imports import Ref as Ref
    from mandala_git.imports import SetRef as SetRef
    from mandala_git.imports import Storage as Storage
    from mandala_git.imports import Transient as Transient
    from mandala_git.imports import TupleRef as TupleRef
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
    "DictRef",
    "Ignore",
    "ListRef",
    "MDict",
    "MList",
    "MSet",
    "MTuple",
    "MandalaError",
    "NewArgDefault",
    "Op",
    "Ref",
    "SetRef",
    "Storage",
    "Transient",
    "TupleRef",
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
    "DictRef": "ops.containers",
    "Ignore": "ops.special",
    "ListRef": "ops.containers",
    "MDict": "ops.annotations",
    "MList": "ops.annotations",
    "MSet": "ops.annotations",
    "MTuple": "ops.annotations",
    "MandalaError": "errors",
    "NewArgDefault": "ops.special",
    "Op": "ops.op",
    "Ref": "ops.refs",
    "SetRef": "ops.containers",
    "Storage": "ops.storage",
    "Transient": "ops.special",
    "TupleRef": "ops.containers",
    "ValuePointer": "ops.special",
    "noop": "ops.blocks",
    "op": "ops.decorators",
    "pprint_dict": "ops.debugging",
    "register_type": "results.custom",
    "sess": "ops.debugging",
    "superop": "ops.decorators",
    "track": "ops.decorators",
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
