"""`from mandala_git.imports import *`: the names that a program needs."""

from __future__ import annotations

from mandala_git.ops.annotations import MDict, MList, MSet, MTuple
from mandala_git.ops.blocks import noop
from mandala_git.ops.calls import Call
from mandala_git.ops.containers import DictRef, ListRef, SetRef, TupleRef
from mandala_git.ops.debugging import pprint_dict, sess
from mandala_git.ops.decorators import op, superop, track
from mandala_git.ops.op import Op
from mandala_git.ops.refs import Ref, unwrap, wrap_atom
from mandala_git.ops.special import Ignore, NewArgDefault, Transient, ValuePointer
from mandala_git.ops.storage import Storage
from mandala_git.results.custom import register_type

__all__ = [
    "Call",
    "DictRef",
    "Ignore",
    "ListRef",
    "MDict",
    "MList",
    "MSet",
    "MTuple",
    "NewArgDefault",
    "Op",
    "Ref",
    "SetRef",
    "Storage",
    "Transient",
    "TupleRef",
    "ValuePointer",
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
