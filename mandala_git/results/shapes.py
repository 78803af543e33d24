"""What a value is made of: a head, and parts in order, for every kind of Python object.

A `Shape` says of one object all that a function could see of it, one level deep; the parts
are encoded by `encoding.py`. Types without a rule of their own are taken apart as pickle
would do it (`__reduce_ex__(4)`), so that an id agrees with what a save and load keeps.
"""

from __future__ import annotations

import copyreg
import enum
import functools
import sys
import types
from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Any

from mandala_git.records import NamedTuple
from mandala_git.results.atoms import frame, text
from mandala_git.results.custom import CUSTOM, custom_of, stand_in
from mandala_git.results.naming import (
    Found,
    importable,
    name_of,
    note,
    project_key,
    qualified_name,
)


class Shape(NamedTuple):
    """One object, one level deep; a named tuple because one is made for every part of a value.

    Attributes:
        head: prefix-free bytes that say the kind, and all that is not a part.
        parts: the objects inside, in order.
        unordered: the order of the parts means nothing (a set).
        state: index of the part that holds the attributes, or -1; for error messages.
    """

    head: bytes
    parts: Sequence[Any]
    unordered: bool = False
    state: int = -1


class NoShape(Exception):
    """An object cannot be taken apart; the message says why."""


def _head(kind: str, *names: str) -> bytes:
    return b"".join([frame(b"h", text(kind)), *[frame(b"s", text(name)) for name in names]])


_LIST, _TUPLE, _DICT = _head("list"), _head("tuple"), _head("dict")
_SET, _FROZENSET = _head("set"), _head("frozenset")
_INSTANCE, _REDUCED = _head("instance"), _head("reduced")
_RANGE, _SLICE = _head("range"), _head("slice")

HEADS: dict[Any, bytes] = {list: _LIST, tuple: _TUPLE, dict: _DICT}
"""The heads of the plain containers, whose parts are what they hold, in order."""


def _dict_parts(value: dict[Any, Any]) -> list[Any]:
    return [part for item in value.items() for part in item]


_EXACT: dict[type, Callable[[Any], Shape]] = {
    list: lambda v: Shape(_LIST, v),
    tuple: lambda v: Shape(_TUPLE, v),
    dict: lambda v: Shape(_DICT, _dict_parts(v)),
    set: lambda v: Shape(_SET, list(v), True),
    frozenset: lambda v: Shape(_FROZENSET, list(v), True),
    range: lambda v: Shape(_RANGE, [v.start, v.stop, v.step]),
    slice: lambda v: Shape(_SLICE, [v.start, v.stop, v.step]),
}

# The standard library's own reductions of these change from Python to Python. By name, so
# that none of their modules is imported for a value that has none.
_NAMED: dict[tuple[str, str], Callable[[Any], Shape]] = {
    ("decimal", "Decimal"): lambda v: Shape(_head("Decimal", str(v)), []),
    ("fractions", "Fraction"): lambda v: Shape(_head("Fraction"), [v.numerator, v.denominator]),
    ("uuid", "UUID"): lambda v: Shape(_head("UUID", v.hex, str(v.is_safe)), []),
    ("datetime", "date"): lambda v: Shape(_head("date", v.isoformat()), []),
    ("datetime", "datetime"): lambda v: Shape(
        _head("datetime", v.replace(tzinfo=None).isoformat()), [v.fold, v.tzinfo]
    ),
    ("datetime", "time"): lambda v: Shape(
        _head("time", v.replace(tzinfo=None).isoformat()), [v.fold, v.tzinfo]
    ),
    ("datetime", "timedelta"): lambda v: Shape(
        _head("timedelta"), [v.days, v.seconds, v.microseconds]
    ),
}


def shape_of(obj: Any, found: Found, digits: int | None = None) -> Shape:
    """Take one object apart.

    Args:
        obj: any object that is not an atom.
        found: collects the functions and classes met.
        digits: significant decimal digits to which floats count; None: all.

    Returns:
        Its shape.

    Raises:
        NoShape: the object cannot be taken apart.
    """
    cls = type(obj)
    exact = _EXACT.get(cls)
    if exact is not None:
        return exact(obj)
    if isinstance(obj, type):
        return _class_shape(obj, found)
    special = _SPECIAL.get(cls)
    if special is not None:
        return special(obj, found)
    if isinstance(obj, types.BuiltinFunctionType):  # 3.13 has subclasses of it
        return _builtin_shape(obj, found)
    named = _NAMED.get((cls.__module__, cls.__qualname__))
    if named is not None:
        return named(obj)
    name, parts = _described(cls, found)
    custom = custom_of(cls) if CUSTOM else None
    make = (custom.hash or custom.encode) if custom else getattr(cls, "__mandala_hash__", None)
    if make is not None:
        try:
            found_in = stand_in(obj, make)
        except Exception as error:
            raise NoShape(f"{type(error).__name__}: {error}") from error
        return Shape(_head("own hash") + name, [*parts, found_in])
    if isinstance(obj, enum.Enum):
        if isinstance(obj.name, str) and obj.name in cls.__members__:
            return Shape(_head("enum") + name + frame(b"s", text(obj.name)), parts)
        return Shape(_head("enum value") + name, [*parts, obj.value])
    if isinstance(obj, PurePath):
        # pathlib's own classes moved into a submodule in Python 3.13.
        if cls.__module__.partition(".")[0] == "pathlib":
            name = frame(b"s", text(cls.__name__))
        return Shape(_head("path") + name + frame(b"s", text(str(obj))), parts)
    if _is_of(cls, "numpy", "pandas"):
        from mandala_git.results import arrays

        shape = arrays.shape_of(obj, digits)
        if shape is not None:
            return shape
    if _is_of(cls, "torch"):
        from mandala_git.results import tensors

        shape = tensors.shape_of(obj, digits)
        if shape is not None:
            return shape
    if isinstance(obj, set | frozenset):
        # Reduced as a list in hash order, which changes from process to process.
        state = getattr(obj, "__dict__", None)
        members = Shape(_SET, list(obj), True)
        return Shape(_head("set subclass") + name, [*parts, members, state])
    return _reduced(obj, cls, name, parts)


def _is_of(cls: type, *packages: str) -> bool:
    """Say whether a class, or one it inherits from, is of a package; imports nothing."""
    for base in cls.__mro__:
        module = base.__module__
        if isinstance(module, str) and module.partition(".")[0] in packages:
            return True
    return False


# Functions, classes, modules ---------------------------------------------------------------


def _described(cls: type, found: Found) -> tuple[bytes, list[Any]]:
    """Return an instance's class: its name encoded, and what else must be said (mostly nothing)."""
    known = found.known.get(cls)
    if known is None:
        note(cls, found)
        name = frame(b"s", text(name_of(cls)))
        known = found.known[cls] = (name, [] if _named_fully(cls) else [cls])
    return known


_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: every class made by Python code has it


def _named_fully(obj: Any) -> bool:
    """Say whether a name leads to this object alone.

    Two functions (or classes) made in one function share a name and a key, so nested and
    anonymous ones are told apart by what they contain.
    """
    if isinstance(obj, type) and not obj.__flags__ & _HEAP_TYPE:
        return True  # part of the interpreter or of an extension: made once, in C
    module, qualname = qualified_name(obj)
    if "<" in qualname:
        return False
    return project_key(obj) is not None or importable(obj, module, qualname)


_CLASS_NOISE = frozenset(
    {"__dict__", "__weakref__", "__module__", "__doc__", "__qualname__", "__firstlineno__"}
    | {"__static_attributes__", "__abstractmethods__", "_abc_impl", "__annotations__"}
    | {"__annotate__", "__annotate_func__", "__annotations_cache__", "__dataclass_fields__"}
    | {"__dataclass_params__", "__orig_bases__", "__parameters__", "__attrs_attrs__"}
)


def _class_shape(cls: type, found: Found) -> Shape:
    note(cls, found)
    name = name_of(cls)
    if _named_fully(cls):
        return Shape(_head("class", name), [])
    contents: list[Any] = [list(cls.__bases__)]
    for key, value in sorted(cls.__dict__.items()):
        if key in _CLASS_NOISE or isinstance(
            value, types.MemberDescriptorType | types.GetSetDescriptorType
        ):
            continue
        contents += [key, value]
    return Shape(_head("local class", name), contents)


def _function_shape(function: types.FunctionType, found: Found) -> Shape:
    note(function, found)
    name = name_of(function)
    key = project_key(function)
    full = _named_fully(function)
    if full and key is None:
        return Shape(_head("function", name), [])
    cells: list[tuple[Any, ...]] = []
    for cell in function.__closure__ or ():
        try:
            cells.append((cell.cell_contents,))
        except ValueError:  # not bound yet
            cells.append(())
    captured = [cells, function.__defaults__, function.__kwdefaults__, function.__dict__ or None]
    if full:
        return Shape(_head("function", name), captured)
    return Shape(_head("local function", name), [function.__code__, *captured])


def _code_shape(code: types.CodeType, found: Found) -> Shape:
    # Line numbers, names of files and of the function itself change nothing.
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    parts = [code.co_code, code.co_exceptiontable, code.co_consts, counts, names]
    return Shape(_head("code"), parts)


def _builtin_shape(function: types.BuiltinFunctionType, found: Found) -> Shape:
    owner = function.__self__
    if owner is None or isinstance(owner, types.ModuleType):
        note(function, found)
        return Shape(_head("function", name_of(function)), [])
    return Shape(_head("builtin method", function.__name__), [owner])


def _property_shape(obj: property, found: Found) -> Shape:
    return Shape(_head("property"), [obj.fget, obj.fset, obj.fdel])


_SPECIAL: dict[type, Callable[[Any, Found], Shape]] = {
    types.FunctionType: _function_shape,
    types.CodeType: _code_shape,
    types.MethodType: lambda v, found: Shape(_head("method"), [v.__func__, v.__self__]),
    types.ModuleType: lambda v, found: Shape(_head("module", v.__name__), []),
    functools.partial: lambda v, found: Shape(
        _head("partial"), [v.func, v.args, v.keywords, vars(v) or None]
    ),
    # Only met inside a class without a name of its own.
    staticmethod: lambda v, found: Shape(_head("staticmethod"), [v.__func__]),
    classmethod: lambda v, found: Shape(_head("classmethod"), [v.__func__]),
    property: _property_shape,
    functools.cached_property: lambda v, found: Shape(_head("cached_property"), [v.func]),
    Shape: lambda v, found: v,
}


# Everything else ---------------------------------------------------------------------------


def _reduced(obj: Any, cls: type, name: bytes, class_parts: list[Any]) -> Shape:
    """Take an object apart as pickle would."""
    try:
        reducer = copyreg.dispatch_table.get(cls)
        reduced = reducer(obj) if reducer is not None else obj.__reduce_ex__(4)
    except RecursionError as error:
        raise NoShape("its __reduce__ recurses without end") from error
    except Exception as error:
        raise NoShape(str(error) or type(error).__name__) from error
    if isinstance(reduced, str):
        return _global_shape(obj, cls, reduced)
    if not isinstance(reduced, tuple) or not 2 <= len(reduced) <= 6:
        raise NoShape(f"__reduce_ex__ of {cls.__qualname__} returned no tuple of 2 to 6")
    make, args, state, items, pairs, setter = (*reduced, None, None, None, None)[:6]
    if getattr(make, "__name__", "") == "__newobj__" and args and args[0] is cls:
        head, parts = _INSTANCE + name, [*class_parts, *args[1:]]
    else:
        head, parts = _REDUCED + name, [*class_parts, make, *args]
    counts = [len(parts)]
    if type(state) is dict:
        state = _without_caches(cls, state)
    elif type(state) is tuple and cls.__module__ in _TREES and len(state) == 13:
        state = (*state[:7], *state[11:])
    parts.append(state)
    parts += items or ()
    counts.append(len(parts))
    for pair in pairs or ():
        parts += pair
    parts.append(setter)
    # The borders between the groups are said, so that no two splits look alike.
    border = frame(b"s", b"%d,%d" % (counts[0], counts[1]))
    return Shape(head + border, parts, False, counts[0])


_SPARSE = frozenset({"_has_sorted_indices", "_has_canonical_format", "has_canonical_format"})

_TREES = frozenset({"sklearn.neighbors._kd_tree", "sklearn.neighbors._ball_tree"})
"""Whose trees count what was asked of them, from the eighth to the eleventh part of their state:
else nobody could predict with a neighbours model and find that call again."""


def _without_caches(cls: type, state: dict[Any, Any]) -> dict[Any, Any]:
    """Leave out of a state what only says again, sooner or later, what the rest of it says."""
    if "_attrs_cached_hash" in state:  # a hash, which changes with every process
        return {key: value for key, value in state.items() if key != "_attrs_cached_hash"}
    if not _SPARSE.isdisjoint(state) and cls.__module__.startswith("scipy.sparse"):
        return {key: value for key, value in state.items() if key not in _SPARSE}
    return state


def _global_shape(obj: Any, cls: type, name: str) -> Shape:
    """Shape an object that pickles as the name of a global (a ufunc, a singleton)."""
    wrapped = getattr(obj, "__wrapped__", None)
    if wrapped is not None:  # functools.lru_cache and the like
        return Shape(_head("wrapper", name_of(cls)), [wrapped])
    numpy = sys.modules.get("numpy")
    if numpy is not None and getattr(numpy, name, None) is obj:
        return Shape(_head("global", f"numpy:{name}"), [])
    module = getattr(obj, "__module__", None)
    if not isinstance(module, str):
        module = _module_of(obj, name)
    if not importable(obj, module, name):
        raise NoShape(f"it pickles as {module}.{name}, which is another object")
    return Shape(_head("global", f"{module}:{name}"), [])


def _module_of(obj: Any, name: str) -> str:
    """Find the module that has an object under a name, for one that does not say."""
    for module in sorted(sys.modules):
        if module != "__main__" and importable(obj, module, name):
            return module
    return "__main__"
