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
from types import CodeType, MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any

from mandala_git.config import NO_RULES, Rules
from mandala_git.source.codes import code_hash, file_codes, owner
from mandala_git.source.definitions import Definition, FileFacts, Kind, by_name
from mandala_git.source.index import Index
from mandala_git.source.modules import OUTSIDE
from mandala_git.versions.indexed import scan_cells, scan_into
from mandala_git.versions.places import Places
from mandala_git.versions.seen import (
    MISSING,
    Lookup,
    stat_of,
)

if TYPE_CHECKING:
    from mandala_git.versions.kernel import Cells

_TICK = 10_000_000  # ns that the times of files lag behind the clock
_STARTED = time.time_ns() - _TICK


class Pinned:
    """The source of a loaded module.

    Attributes:
        data: bytes of the file; None when the index knows the blob.
        blob: git's id of them.
        late: read only after the file had changed since it was imported, as far as is known.
        stat: of the file; () for what is no file.
    """

    def __init__(
        self, path: str, blob: str, data: bytes | None, late: bool, stat: tuple[int, ...] = ()
    ) -> None:
        self.path = path
        self.blob = blob
        self.data = data
        self.late = late
        self.stat = stat
        self.facts: FileFacts | None = None
        self.named: dict[str, Definition] | None = None
        self.places: Mapping[tuple[str, int], bytes] | None = None
        self.codes: frozenset[tuple[str, bytes]] | None = None


class Loaded:
    """Project modules of this process.

    Args:
        root: top folder of the work tree.
        index: cache of what blobs define.
        blob_id: git's id of bytes.
        rules: what the project adds to the rules of the normal form.
        packages: folders and files of installed packages whose code counts, see `Places`.
    """

    def __init__(
        self,
        root: Path,
        index: Index,
        blob_id: Callable[[bytes], str],
        rules: Rules = NO_RULES,
        packages: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.root = root
        self.where = Places(root, packages)
        self.index = index
        self.blob_id = blob_id
        self.rules = rules
        self.pinned: dict[str, Pinned] = {}
        self._paths: dict[str, str | None] = {}
        self._modules: dict[str, ModuleType] = {}
        self._specs: dict[str, object] = {}
        self._imported: dict[str, int] = {}  # a time before that, in nanoseconds
        self._checked = _STARTED
        self._counted = -1
        # By identity, for equal copies in two files have equal code objects; they are kept alive.
        self._owners: dict[int, tuple[CodeType, tuple[str, bool] | None]] = {}
        self.cells: Cells | None = None
        self.state = 0  # of the cells, as they were read last
        self.unknown: dict[str, FileFacts] = {}  # code whose source nothing tells
        self._outdated: dict[tuple[str, str], object] = {}
        self._process = f"{os.getpid()}-{time.time_ns()}"
        self.refresh(thoroughly=True)

    def refresh(self, *, thoroughly: bool = False) -> bool:
        """Look at the cells that ran, where this is an IPython kernel.

        Args:
            thoroughly: also when none ran since they were read.

        Returns:
            Whether they make another module than before.
        """
        ask = getattr(sys.modules.get("IPython"), "get_ipython", None)
        if ask is None or (self.cells is None and ask() is None):
            return False
        if self.cells is None:
            from mandala_git.versions.kernel import find_kernel

            self.cells = find_kernel(self.root)
            if self.cells is None:
                return False
            self._paths.clear()
            self._counted = -1
            self.cells.lookers.add(self)
        self.cells.read(thoroughly=thoroughly)
        if self.cells.state == self.state:
            return False
        self.state = self.cells.state
        source = self.cells.notebook.source.encode("utf-8", "surrogatepass")
        pinned = Pinned(self.cells.path, self.blob_id(source), None, late=False)
        pinned.places = self.cells.places
        self.pinned[self.cells.path] = pinned
        self._owners.clear()
        return True

    # -- files and modules ---------------------------------------------------------------

    def path_of(self, filename: str) -> str | None:
        """Return the path in the project of a source file, None for other people's code."""
        if filename not in self._paths:
            self._paths[filename] = self._path_of(filename)
        return self._paths[filename]

    def _path_of(self, filename: str) -> str | None:
        if self.cells is not None and self.cells.owns(filename):
            return self.cells.path
        return self.where.path_of(filename)

    @property
    def script(self) -> str | None:
        """Path of the file that runs as `__main__`, if it is project code."""
        return self._file_of(sys.modules.get("__main__"))

    def _file_of(self, module: object) -> str | None:
        """Return the path in the project of a module's file."""
        if self.cells is not None and module is self.cells.module:
            return self.cells.path
        filename = getattr(module, "__file__", None)
        return self.path_of(filename) if isinstance(filename, str) else None

    def modules(self) -> Mapping[str, ModuleType]:
        """Return the loaded project modules by path."""
        if self._counted != len(sys.modules):
            checked = time.time_ns() - _TICK
            modules: dict[str, ModuleType] = {}
            for name, module in list(sys.modules.items()):
                filename = getattr(module, "__file__", None)
                if not isinstance(filename, str) or not isinstance(module, ModuleType):
                    continue
                path = self.path_of(filename)
                # One file may be loaded twice, as the script and by name: the script runs.
                if path is not None and (path not in modules or name == "__main__"):
                    modules[path] = module
            if self.cells is not None and sys.modules.get("__main__") is self.cells.module:
                modules[self.cells.path] = self.cells.module
            specs = {path: getattr(module, "__spec__", None) for path, module in modules.items()}
            for path, module in self._modules.items():
                # It will be, or has been, imported anew: from its file as that is then. A reload
                # keeps the module and gives it another spec.
                if modules.get(path) is not module or specs[path] is not self._specs[path]:
                    self._imported.pop(path, None)
                    if self.pinned.pop(path, None) is not None:
                        self._owners.clear()
            for path in modules:
                self._imported.setdefault(path, self._checked)
            self._modules, self._specs, self._checked = modules, specs, checked
            self._counted = len(sys.modules)
        return self._modules

    def recount(self) -> None:
        """Look for loaded modules again, also where one has taken the place of another."""
        self._counted = -1
        self.refresh(thoroughly=True)
        if self.cells is not None:
            from mandala_git.versions.patched import follow

            follow(self)

    def forget_owners(self) -> None:
        """Ask anew what code belongs to: a module has been pinned anew."""
        self._owners.clear()

    def look(self) -> None:
        """Look what is loaded before a cell runs, which may import or reload something."""
        self._counted = -1
        self.modules()

    def module_path(self, name: str) -> str | None:
        """Return the path of a loaded module, OUTSIDE for other people's, None if not loaded."""
        module = sys.modules.get(name)
        if module is None:
            return None
        path = self._file_of(module)
        if path is None and not isinstance(getattr(module, "__file__", None), str):
            return None if hasattr(module, "__path__") else OUTSIDE
        return path or OUTSIDE

    def absolute(self, path: str) -> str:
        """Return the file name of a project path."""
        return self.where.absolute(path)

    def pin(self, path: str) -> Pinned | None:
        """Read the source of a module, once; None when the file is gone."""
        pinned = self.pinned.get(path)
        if pinned is None:
            filename = self.absolute(path)
            stat = stat_of(filename)
            if not stat:
                return None
            changed = max(stat[0], stat[1])
            late = path in self.modules() and changed > self._imported[path]
            blob = self.index.blob_of(path, stat)
            data = None
            if blob is None:
                with open(filename, "rb") as file:
                    data = file.read()
                blob = self.blob_id(data)
                if stat_of(filename) == stat:
                    self.index.remember_blob(path, stat, blob)
            pinned = self.pinned[path] = Pinned(path, blob, data, late, stat)
        return pinned

    def definition(self, path: str, qualname: str) -> Definition | None:
        """Return a definition of the pinned source of a module as it stands there."""
        facts = self.facts(path)
        if facts is None:
            return None
        pinned = self.pinned[path]
        if pinned.named is None:
            pinned.named = {d.qualname: d for d in facts.definitions}
        return pinned.named.get(qualname)

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
        if pinned.facts is None and self.cells is not None and path == self.cells.path:
            pinned.facts = scan_cells(self.index, path, self.cells.notebook, self.rules)
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
            pinned.places = self._rewritten(pinned)
        if pinned.places is None:
            pinned.places = self.index.codes(pinned.path, pinned.blob)
            if pinned.places is None:
                pinned.places = file_codes(self._data(pinned), pinned.path)
                self.index.put_codes(pinned.path, pinned.blob, pinned.places)
        return pinned.places

    def _rewritten(self, pinned: Pinned) -> Mapping[tuple[str, int], bytes] | None:
        module = self.modules().get(pinned.path)
        if module is None or "_pytest.assertion.rewrite" not in sys.modules:
            return None
        from mandala_git.versions.rewritten import is_rewritten, rewritten_codes

        return rewritten_codes(module, self._data(pinned)) if is_rewritten(module) else None

    def has_twins(self, code: CodeType) -> bool:
        """Tell whether a definition has another function of the same qualified name in it.

        Lambdas and nested functions have no key of their own; nothing but what they do tells
        two of one name apart.
        """
        path = self.path_of(code.co_filename)
        facts = self.facts(path) if path is not None else None
        if path is None or facts is None:
            return False
        own = owner(facts, code.co_qualname, self._line_of(code) or 0)
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
        line = self._line_of(code)
        definition = owner(facts, code.co_qualname, line) if line is not None else None
        if definition is None:
            return None
        if path not in self.modules():
            return definition.key, False  # run in a namespace that nobody knows: `%run`, runpy
        if definition.kind is Kind.MODULE and code.co_name == "<module>":
            return definition.key, not self.pinned[path].late
        return definition.key, (code.co_qualname, code_hash(code)) in self.codes(path)

    def _line_of(self, code: CodeType) -> int | None:
        """Return the line of its module where a code object begins; None for a cell that is gone."""
        if self.cells is not None and self.cells.owns(code.co_filename):
            return self.cells.line_of(code)
        return code.co_firstlineno

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
            path = self._file_of(sys.modules.get(name))
            if (name, qualname) in self._outdated:
                keys.add(f"{path}::{qualname} of an earlier cell")
            elif path is None and name == "__main__" and not hasattr(sys.modules[name], "__file__"):
                keys.add(f"<{name}>::{qualname}")  # nothing tells its source
            elif path is not None:
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
        path = self._file_of(sys.modules.get(module))
        if path is None:
            return None
        code = getattr(found, "__code__", None)
        if self.cells is not None and path == self.cells.path and not self._is_current(found):
            self._outdated[module, qualname] = found
            told = code_hash(code).hex() if isinstance(code, CodeType) else f"{id(found):x}"
            return f"{path}::{qualname} {told} in {self._process}"
        if isinstance(code, CodeType) and qualname.endswith("<lambda>"):
            # A file may have many of this name, and nothing but their code tells them apart.
            return f"{path}::{qualname} {code_hash(code).hex()}"
        return f"{path}::{qualname}"

    def _is_current(self, found: Any) -> bool:
        """Tell whether a function or class of a notebook is what its cells say now."""
        code = getattr(found, "__code__", None)
        if isinstance(code, CodeType):
            known = self.owner(code)
            if known is None and self.refresh(thoroughly=True):  # made in the cell that runs
                known = self.owner(code)
            return known is not None and known[1]
        if "<locals>" in found.__qualname__:
            return True  # told apart by what is in it
        here: Any = sys.modules.get(found.__module__)
        for part in found.__qualname__.split("."):
            here = vars(here).get(part) if isinstance(here, type | ModuleType) else None
        return here is found


def _hashes(joined: bytes) -> list[bytes]:
    return [joined[at : at + 16] for at in range(0, len(joined), 16)]
