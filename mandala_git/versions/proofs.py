"""Proofs: that what is loaded is what its file says, down to the names that it uses.

What cannot be proved becomes a `raw:` definition, which agrees with nothing: it is recorded,
never reused.
"""

from __future__ import annotations

import builtins
import os
import sys
import time
from collections.abc import Iterable
from types import CodeType, FunctionType, ModuleType
from typing import Any

from mandala_git.source.codes import code_hash
from mandala_git.source.definitions import Definition, FileFacts, Kind
from mandala_git.source.snapshot import End, Snapshot
from mandala_git.versions.digests import sha256
from mandala_git.versions.loaded import Loaded
from mandala_git.versions.seen import MISSING, Check, Seen, SeenFunction, functions_of

OWN_NAMES = frozenset({"__name__", "__file__", "__doc__", "__package__"})
"""What every module knows of itself; a function that reads one depends on its value."""

_BUILTINS = dict(vars(builtins))
"""The builtins as they were before anybody could exchange one for the sake of a result."""

_IMPLICIT = frozenset({"__new__", "__init_subclass__", "__class_getitem__"})
"""Methods that Python makes static or class methods without a decorator."""

_IMPORTED = frozenset({"import", "from", "star", "many"})


def raw(definition: Definition, why: str) -> Definition:
    """Return a definition that agrees with nothing, not even with itself at another time."""
    mark = sha256(f"raw {definition.text_id} {time.time_ns()}".encode())
    return definition._replace(skeleton=f"raw:{mark}", digest=f"raw:{mark}", note=why)


def is_at_home(function: FunctionType) -> bool:
    """Tell whether a function finds its globals in a module: what a file says of them is proved
    there. One that was sent from another process as its code brings some of its own."""
    found = function.__globals__
    module = sys.modules.get(found.get("__name__", ""))
    return module is not None and module.__dict__ is found


def without_source(loaded: Loaded, code: CodeType, why: str = "nothing tells its source") -> str:
    """Return a key for a function whose source nothing tells; it agrees with nothing.

    A prompt, `exec`, a cell that has been replaced, a script in a namespace that nobody knows.
    """
    filename = code.co_filename
    if loaded.cells is not None and loaded.cells.owns(filename):
        filename = "<earlier cell>"
    elif not filename.startswith("<"):
        filename = f"<{os.path.basename(filename)}>"
    qualname = code.co_qualname.partition(".<locals>")[0]
    facts = loaded.unknown.get(filename, FileFacts(filename, ()))
    if all(each.qualname != qualname for each in facts.definitions):
        text = sha256(code_hash(code))
        made = Definition(filename, qualname, Kind.FUNCTION, text, text, text, text)
        made = raw(made, why)
        loaded.unknown[filename] = facts._replace(definitions=(*facts.definitions, made))
    return f"{filename}::{qualname}"


def check(loaded: Loaded, definition: Definition) -> tuple[Definition, list[Seen | SeenFunction]]:
    """Prove that what is loaded under a key is what its file says.

    Returns:
        The definition, or its `raw:` form, and what was looked at.
    """
    seen: list[Seen | SeenFunction] = []
    path = definition.path
    module = loaded.modules().get(path)
    if module is None:
        return definition, seen
    if sys.modules.get(module.__name__) is module:
        seen.append(Seen(sys.modules.get, module.__name__, module))
    if definition.kind is Kind.MODULE:
        pinned = loaded.pin(path)
        if pinned is not None and pinned.late:
            return raw(definition, "its file changed after it was imported"), seen
        return definition, seen
    place = loaded.place(definition)
    if place is None:
        return definition, seen
    found = place[0](place[1], MISSING)
    seen.append(Seen(place[0], place[1], found))
    problem = ""
    if found is MISSING:
        pass  # not bound yet, or not any more: nobody can run it
    elif definition.kind is not Kind.GLOBAL and _is_unsure(loaded, definition):
        problem = "which cell bound it is not known"
    elif definition.kind is Kind.FUNCTION:
        problem = _check_function(loaded, definition, found, seen)
        problem = problem or _check_names(loaded, definition, vars(module), seen)
    elif definition.kind is Kind.CLASS and not isinstance(found, type):
        if definition.plain:
            problem = "its name leads to something else"
    elif definition.kind is Kind.CLASS:
        problem = _check_names(loaded, definition, vars(module), seen)
        problem = problem or _check_bases(loaded, found, seen)
    return (raw(definition, problem) if problem else definition), seen


def outlived(loaded: Loaded, snapshot: Snapshot, definition: Definition) -> str:
    """Say why a value of a notebook may be of code that is gone; "" when it is not.

    Values are compared by content. One that has none counts as what its source makes, which in a
    file is what has made it; but a cell may run again after another that used it.
    """
    if loaded.cells is None or definition.path != loaded.cells.path:
        return ""
    if _is_unsure(loaded, definition):
        return "which cell bound it is not known"
    for number, hole in enumerate(definition.holes):
        if any(end.key not in ("", definition.key) for end in snapshot.resolve(definition, number)):
            return f"its value cannot be compared, and {hole.chain} may have been another"
    return ""


def _is_unsure(loaded: Loaded, definition: Definition) -> bool:
    """Whether a name of a notebook may have been bound by another cell than the last."""
    cells = loaded.cells
    return (
        cells is not None
        and definition.path == cells.path
        and definition.parent is None
        and definition.name in cells.unsure
    )


def _check_bases(loaded: Loaded, found: type, seen: list[Seen | SeenFunction]) -> str:
    """Check that no cell has replaced a class that a class of a notebook inherits from."""
    if loaded.cells is None:
        return ""
    namespace = vars(loaded.cells.module)
    for base in found.__mro__[1:]:
        name = base.__qualname__
        if base.__module__ == loaded.cells.module.__name__ and "." not in name:
            seen.append(Seen(namespace.get, name, namespace.get(name, MISSING)))
            if namespace.get(name) is not base:
                return f"it inherits from {name} as it was before a cell ran again"
    return ""


def _check_function(
    loaded: Loaded, definition: Definition, found: Any, seen: list[Seen | SeenFunction]
) -> str:
    codes = loaded.codes(definition.path)
    name = definition.qualname.partition("#")[0]
    functions = list(functions_of(found))
    seen += (SeenFunction.of(function) for function in functions)
    if _is_bare(loaded, definition):
        # Nothing may stand before it.
        if name.rpartition(".")[2] in _IMPLICIT and type(found) in (classmethod, staticmethod):
            found = found.__func__
        functions = [found] if functions and functions[0] is found else []
    for function in functions:
        code = function.__code__
        own = code.co_qualname == name or not definition.plain
        if (
            own
            and (code.co_qualname, code_hash(code)) in codes
            and loaded.path_of(code.co_filename) == definition.path
            and is_at_home(function)
        ):
            return ""
    if definition.plain or any(f.__qualname__ == name for f in functions):
        return "what is loaded is not what its file says"
    return ""


def _is_bare(loaded: Loaded, definition: Definition) -> bool:
    """Whether nothing in its file can have put something else under the name of a function."""
    path, qualname = definition.path, definition.qualname
    parent = loaded.definition(path, definition.parent) if definition.parent else None
    return (
        definition.bare
        and (parent is None or parent.bare)
        and loaded.definition(path, f"{qualname.partition('#')[0]}#2") is None
    )


def _check_names(
    loaded: Loaded,
    definition: Definition,
    namespace: dict[str, Any],
    seen: list[Seen | SeenFunction],
) -> str:
    """Check that the names a definition uses lead where its file says."""
    for hole in definition.holes:
        if hole.name == "<import>":
            continue
        found = namespace.get(hole.name, MISSING)
        seen.append(Seen(namespace.get, hole.name, found))
        if loaded.cells is not None and loaded.cells.given(hole.name, found):
            continue
        match hole.binding:
            case ("builtin",) if hole.name not in OWN_NAMES or definition.kind is Kind.CLASS:
                if found is MISSING:
                    found = vars(builtins).get(hole.name, MISSING)
                    seen.append(Seen(vars(builtins).get, hole.name, found))
                if found is not _BUILTINS.get(hole.name, found):
                    return f"{hole.name} is no longer the builtin"
            case ("absent",):
                if found is not MISSING and not hole.name.startswith("__"):
                    return f"{hole.name} was added to the module"
            case ("import", name):
                if (
                    found is not MISSING
                    and found is not sys.modules.get(name, found)
                    and getattr(found, "__name__", "") != name
                ):
                    return f"{hole.name} is no longer the module {name}"
                if replaced := _replaced(loaded, found, hole.attrs, seen):
                    return f"{hole.name}.{replaced} was replaced by code of this project"
            case ("from", level, name, member) if found is not MISSING:
                package = namespace.get("__package__") or ""
                source = sys.modules.get(_absolute(name, level, package))
                there = getattr(source, member, found)
                if there is not found and not _updated(found, there, seen):
                    return f"{hole.name} is no longer {name}.{member}"
                if replaced := _replaced(loaded, source, (member, *hole.attrs), seen):
                    return f"{name}.{replaced} was replaced by code of this project"
            case _:
                pass
    return ""


def _updated(found: Any, there: Any, seen: list[Any]) -> bool:
    """Whether a function was made the same as one that a reload put in its place (`%autoreload`)."""
    if not isinstance(found, FunctionType) or not isinstance(there, FunctionType):
        return False
    seen += (SeenFunction.of(found), SeenFunction.of(there))
    return (
        found.__code__ is there.__code__
        and found.__defaults__ is there.__defaults__
        and found.__kwdefaults__ is there.__kwdefaults__
        and not found.__closure__
        and found.__globals__ is there.__globals__
    )


def _replaced(
    loaded: Loaded, found: Any, attrs: Iterable[str], seen: list[Seen | SeenFunction]
) -> str:
    """Follow a chain through other people's modules: does it end in code of this project?

    Returns:
        The chain as far as it goes, or "" when nobody has put project code there.
    """
    chain: list[str] = []
    for attr in attrs:
        file = getattr(found, "__file__", None)
        if type(found) is not ModuleType or (file and loaded.path_of(file)):
            return ""
        namespace = vars(found)
        found = namespace.get(attr, MISSING)
        if found is MISSING:
            return ""
        seen.append(Seen(namespace.get, attr, found))
        chain.append(attr)
    ours = isinstance(found, FunctionType | type) and loaded.name(found) is not None
    return ".".join(chain) if ours else ""


def misled(loaded: Loaded, snapshot: Snapshot, definition: Definition, checks: list[Check]) -> str:
    """Say which imported name does not lead to where the files say; "" when all do."""
    module = loaded.modules().get(definition.path)
    if module is None:
        return ""
    if wrapper := _stranger(loaded, snapshot, definition):
        return f"{wrapper} stands before it, which its file does not say"
    for number, hole in enumerate(definition.holes):
        if hole.name == "<import>" or hole.binding[0] not in _IMPORTED:
            continue
        found = vars(module).get(hole.name, MISSING)
        if found is MISSING:
            continue
        ends = snapshot.resolve(definition, number)
        if not any(end.key for end in ends):
            continue
        checks.append(Seen(vars(module).get, hole.name, found))
        if not any(_leads(loaded, snapshot, found, hole.attrs, end, checks) for end in ends):
            return f"{hole.chain} does not lead to {ends[0].key} any more"
    return ""


def _stranger(loaded: Loaded, snapshot: Snapshot, definition: Definition) -> str:
    """Return the key of project code around a function that no decorator of it leads to."""
    if definition.kind is not Kind.FUNCTION or definition.bare:
        return ""
    own = definition.key.partition("#")[0]
    for function in functions_of(loaded.find(definition)):
        known = loaded.owner(function.__code__)
        if known is not None and known[0].partition("#")[0] == own:
            continue  # itself, or an accessor of the same property
        if known is not None and known[0] not in snapshot.closure([definition]):
            return known[0]
    return ""


def _leads(
    loaded: Loaded,
    snapshot: Snapshot,
    found: Any,
    attrs: tuple[str, ...],
    end: End,
    checks: list[Check],
) -> bool:
    """Whether a chain that begins with an object arrives where an end says."""
    for attribute in attrs[: len(attrs) - len(end.rest)]:
        if not isinstance(found, ModuleType) or attribute.startswith("__"):
            return True  # attributes of other things are no places of definitions
        get = vars(found).get
        found = get(attribute, MISSING)
        checks.append(Seen(get, attribute, found))
    if isinstance(found, ModuleType) or found is MISSING:
        return True
    if end.leaf:
        return end.leaf[0] != "builtin" or found is getattr(builtins, end.leaf[1], MISSING)
    target = snapshot.definition(end.key)
    if target is None or target.kind in (Kind.IMPORT, Kind.MODULE):
        return False  # a choice among the other ends
    expected = loaded.find(target)
    return expected is MISSING or expected is found or _updated(found, expected, checks)


def _absolute(name: str, level: int, package: str) -> str:
    """Return the absolute name of a module in a relative import."""
    if not level:
        return name
    base = package.rsplit(".", level - 1)[0] if level > 1 else package
    return f"{base}.{name}" if name and base else base or name
