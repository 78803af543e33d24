"""Loaded code: the modules of this process, each proved to be what its file said.

A module's file is pinned, read once, when an op in it is decorated or when it is first looked
at. A function belongs to the pinned source when the hash of its code object is one that the
source compiles to. What cannot be proved becomes a `raw:` definition, which agrees with
nothing: it is recorded, never reused.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from mandala_git.config import NO_RULES, Rules
from mandala_git.source.codes import code_hash, file_codes, owner
from mandala_git.source.definitions import Definition, FileFacts, Kind, by_name
from mandala_git.source.index import Index
from mandala_git.source.modules import OUTSIDE
from mandala_git.versions.indexed import scan_into
from mandala_git.versions.seen import (
    MISSING,
    Lookup,
    stat_of,
)

_STARTED = time.time_ns() - 10_000_000  # file times lag behind the clock by a tick

_PACKAGE = os.path.realpath(Path(__file__).parent.parent) + os.sep
"""This package, which is no user's project, not even in its own repository."""

_STANDARD = os.path.realpath(os.path.dirname(os.__file__)) + os.sep
"""The standard library."""


class Pinned:
    """The source of a loaded module.

    Attributes:
        data: bytes of the file; None when the index knows the blob.
        blob: git's id of them.
        late: read only after the file had changed since this process started.
    """

    def __init__(self, path: str, blob: str, data: bytes | None, late: bool) -> None:
        self.path = path
        self.blob = blob
        self.data = data
        self.late = late
        self.facts: FileFacts | None = None
        self.places: Mapping[tuple[str, int], bytes] | None = None
        self.codes: frozenset[tuple[str, bytes]] | None = None


class Loaded:
    """Project modules of this process.

    Args:
        root: top folder of the work tree.
        index: cache of what blobs define.
        blob_id: git's id of bytes.
        rules: what the project adds to the rules of the normal form.
    """

    def __init__(
        self,
        root: Path,
        index: Index,
        blob_id: Callable[[bytes], str],
        rules: Rules = NO_RULES,
    ) -> None:
        self.root = root
        self.index = index
        self.blob_id = blob_id
        self.rules = rules
        self.pinned: dict[str, Pinned] = {}
        self._paths: dict[str, str | None] = {}
        self._modules: dict[str, ModuleType] = {}
        self._counted = -1
        # By identity, for equal copies in two files have equal code objects; they are kept alive.
        self._owners: dict[int, tuple[CodeType, tuple[str, bool] | None]] = {}
        self._outside: dict[str, bool] = {}

    # -- files and modules ---------------------------------------------------------------

    def path_of(self, filename: str) -> str | None:
        """Return the path in the project of a source file, None for other people's code."""
        if filename not in self._paths:
            self._paths[filename] = self._path_of(filename)
        return self._paths[filename]

    def _path_of(self, filename: str) -> str | None:
        if not filename.endswith(".py") or filename.startswith((_STANDARD, _PACKAGE)):
            return None
        if f"{os.sep}site-packages{os.sep}" in filename:
            return None  # most modules end here: to follow links takes long
        path = os.path.realpath(filename)
        if path.startswith(_PACKAGE):
            return None
        top = os.path.realpath(self.root)
        inside = path.startswith(top + os.sep)
        if not inside and path.startswith(_STANDARD):
            return None
        relative = path[len(top) + 1 :] if inside else path
        parts = relative.split(os.sep)
        if "site-packages" in parts or "dist-packages" in parts:
            return None
        if not inside:
            # Somebody's own code beside the repository (an editable install, a folder on the
            # path): it changes as the project does, so it counts; its key is its real path.
            return path.replace(os.sep, "/")
        folder = top
        for part in parts[:-1]:
            folder = os.path.join(folder, part)
            if folder not in self._outside:
                self._outside[folder] = os.path.exists(os.path.join(folder, "pyvenv.cfg"))
            if self._outside[folder]:
                return None
        return relative.replace(os.sep, "/")

    @property
    def script(self) -> str | None:
        """Path of the file that runs as `__main__`, if it is project code."""
        filename = getattr(sys.modules.get("__main__"), "__file__", None)
        return self.path_of(filename) if isinstance(filename, str) else None

    def modules(self) -> Mapping[str, ModuleType]:
        """Return the loaded project modules by path."""
        if self._counted != len(sys.modules):
            modules: dict[str, ModuleType] = {}
            for name, module in list(sys.modules.items()):
                filename = getattr(module, "__file__", None)
                if not isinstance(filename, str) or not isinstance(module, ModuleType):
                    continue
                path = self.path_of(filename)
                # One file may be loaded twice, as the script and by name: the script runs.
                if path is not None and (path not in modules or name == "__main__"):
                    modules[path] = module
            for path, module in self._modules.items():
                # It will be, or has been, imported anew: from its file as that is then.
                if modules.get(path) is not module and self.pinned.pop(path, None) is not None:
                    self._owners.clear()
            self._modules = modules
            self._counted = len(sys.modules)
        return self._modules

    def recount(self) -> None:
        """Look for loaded modules again, also where one has taken the place of another."""
        self._counted = -1

    def module_path(self, name: str) -> str | None:
        """Return the path of a loaded module, OUTSIDE for other people's, None if not loaded."""
        module = sys.modules.get(name)
        if module is None:
            return None
        filename = getattr(module, "__file__", None)
        if not isinstance(filename, str):
            return None if hasattr(module, "__path__") else OUTSIDE
        return self.path_of(filename) or OUTSIDE

    def absolute(self, path: str) -> str:
        """Return the file name of a project path."""
        if os.path.isabs(path):
            return path
        return os.path.join(self.root, *path.split("/"))

    def pin(self, path: str) -> Pinned | None:
        """Read the source of a module, once; None when the file is gone."""
        pinned = self.pinned.get(path)
        if pinned is None:
            filename = self.absolute(path)
            stat = stat_of(filename)
            if not stat:
                return None
            late = path in self.modules() and max(stat[0], stat[1]) > _STARTED
            blob = self.index.blob_of(path, stat)
            data = None
            if blob is None:
                with open(filename, "rb") as file:
                    data = file.read()
                blob = self.blob_id(data)
                if stat_of(filename) == stat:
                    self.index.remember_blob(path, stat, blob)
            pinned = self.pinned[path] = Pinned(path, blob, data, late)
        return pinned

    def pin_decorated(self, filename: str, stat: tuple[int, ...]) -> None:
        """Pin a module in which an op was decorated.

        Args:
            filename: its file.
            stat: of the file while the module was executed; as long as it stays the same, what
                is read now is what ran then, however young the file is.
        """
        path = self.path_of(filename)
        if path is not None and path not in self.pinned:
            pinned = self.pin(path)
            if pinned is not None and stat and stat_of(self.absolute(path)) == stat:
                pinned.late = False

    def facts(self, path: str) -> FileFacts | None:
        """Return what the pinned source of a module defines."""
        pinned = self.pin(path)
        if pinned is None:
            return None
        if pinned.facts is None:
            pinned.facts = self.index.facts(path, pinned.blob)
            if pinned.facts is None:
                data = self._data(pinned)
                pinned.facts = scan_into(self.index, path, pinned.blob, data, self.rules)
        return pinned.facts

    def _data(self, pinned: Pinned) -> bytes:
        if pinned.data is None:
            with open(self.absolute(pinned.path), "rb") as file:
                data = file.read()
            # The index knew this blob and forgot it since: only the same bytes will do.
            pinned.data = data if self.blob_id(data) == pinned.blob else b""
        return pinned.data

    # -- proofs --------------------------------------------------------------------------

    def codes(self, path: str) -> frozenset[tuple[str, bytes]]:
        """Return (qualified name, hash) of every code object that the pinned source compiles to."""
        pinned = self.pin(path)
        if pinned is None:
            return frozenset()
        if pinned.codes is None:
            pinned.codes = frozenset(
                (qualname, each)
                for (qualname, _), hashes in self._places(pinned).items()
                for each in _hashes(hashes)
            )
        return pinned.codes

    def _places(self, pinned: Pinned) -> Mapping[tuple[str, int], bytes]:
        """Return what `file_codes` finds in the pinned source of a module."""
        if pinned.places is None:
            pinned.places = self.index.codes(pinned.path, pinned.blob)
            if pinned.places is None:
                pinned.places = file_codes(self._data(pinned), pinned.path)
                self.index.put_codes(pinned.path, pinned.blob, pinned.places)
        return pinned.places

    def has_twins(self, code: CodeType) -> bool:
        """Tell whether a definition has another function of the same qualified name in it.

        Lambdas and nested functions have no key of their own; nothing but what they do tells
        two of one name apart.
        """
        path = self.path_of(code.co_filename)
        facts = self.facts(path) if path is not None else None
        if path is None or facts is None:
            return False
        own = owner(facts, code.co_qualname, code.co_firstlineno)
        found = {code_hash(code)}
        for (qualname, line), hashes in self._places(self.pinned[path]).items():
            if qualname == code.co_qualname and owner(facts, qualname, line) == own:
                found.update(_hashes(hashes))
        return len(found) > 1

    def owner(self, code: CodeType) -> tuple[str, bool] | None:
        """Return (key of the definition that a code object belongs to, whether it is proved).

        None for code that is not of a project file, or of no definition in it.
        """
        known = self._owners.get(id(code))
        if known is None:
            known = self._owners[id(code)] = (code, self._owner(code))
        return known[1]

    def _owner(self, code: CodeType) -> tuple[str, bool] | None:
        path = self.path_of(code.co_filename)
        facts = self.facts(path) if path is not None else None
        if path is None or facts is None:
            return None
        definition = owner(facts, code.co_qualname, code.co_firstlineno)
        if definition is None:
            return None
        if definition.kind is Kind.MODULE and code.co_name == "<module>":
            return definition.key, not self.pinned[path].late
        return definition.key, (code.co_qualname, code_hash(code)) in self.codes(path)

    # -- objects -------------------------------------------------------------------------

    def place(self, definition: Definition) -> tuple[Lookup, str] | None:
        """Return where the object of a definition is bound: a lookup and a name.

        None when its module is not loaded or its class is not there.
        """
        module = self.modules().get(definition.path)
        if module is None:
            return None
        *classes, name = definition.qualname.partition("#")[0].split(".")
        namespace: Mapping[str, Any] = vars(module)
        for part in classes:
            inner = namespace.get(part.partition("#")[0], MISSING)
            if not isinstance(inner, type):
                return None
            namespace = vars(inner)
        return namespace.get, name

    def find(self, definition: Definition) -> Any:
        """Return the object of a definition, MISSING when it is not there."""
        place = self.place(definition)
        return MISSING if place is None else place[0](place[1], MISSING)

    def keys_of(self, names: Iterable[tuple[str, str]]) -> tuple[str, ...]:
        """Return the keys of the project's functions and classes among (module, qualname)."""
        keys: set[str] = set()
        for name, qualname in names:
            filename = getattr(sys.modules.get(name), "__file__", None)
            path = self.path_of(filename) if isinstance(filename, str) else None
            if path is not None:
                keys.update(self._keys(path, qualname.partition(".<locals>")[0]))
        return tuple(sorted(keys))

    def _keys(self, path: str, qualname: str) -> list[str]:
        """Return the keys that a name at module level may stand for."""
        facts = self.facts(path)
        definitions = facts.definitions if facts is not None else ()
        if qualname.endswith("<lambda>"):
            qualname = qualname.rpartition(".")[0]
            if not qualname:
                return [d.key for d in definitions if d.kind is Kind.GLOBAL and d.literal is None]
        found = [d.key for d in by_name(definitions, qualname)]
        return found or [f"{path}::{qualname}"]

    def name(self, found: Any) -> str | None:
        """Return the project key of a function or class, None for other people's (a namer)."""
        module, qualname = getattr(found, "__module__", None), getattr(found, "__qualname__", None)
        if not isinstance(module, str) or not isinstance(qualname, str):
            return None
        filename = getattr(sys.modules.get(module), "__file__", None)
        path = self.path_of(filename) if isinstance(filename, str) else None
        if path is None:
            return None
        code = getattr(found, "__code__", None)
        if isinstance(code, CodeType) and qualname.endswith("<lambda>"):
            # A file may have many of this name, and nothing but their code tells them apart.
            return f"{path}::{qualname} {code_hash(code).hex()}"
        return f"{path}::{qualname}"


def _hashes(joined: bytes) -> list[bytes]:
    return [joined[at : at + 16] for at in range(0, len(joined), 16)]
