"""A running IPython kernel: the cells that it ran, as the one module that they make together.

IPython keeps the text of every cell that it runs, and gives its code a file name of its own. What
counts is what was run, not what a file says: of each name the statements of the last cell that
bound it anew, as long as the name is there. So neither the order of the cells nor how often they
ran is a part of anything, and what a cell once said is back when it says it again.
"""

from __future__ import annotations
import __future__

import linecache
import os
import sys
import weakref
from functools import reduce
from operator import or_
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Protocol

from mandala_git.source.codes import code_hash
from mandala_git.source.definitions import UNSAVED
from mandala_git.source.notebooks import Cell, Notebook
from mandala_git.versions.cells import TIMED, Group, groups_of
from mandala_git.versions.seen import MISSING, functions_of

_FUTURE = reduce(
    or_, (getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)
)
"""Flags of the compiler that a `from __future__ import` sets."""

_GIVEN = frozenset({"get_ipython", "exit", "quit", "open"})
"""Names that IPython puts into the namespace; they are what the builtins of these names are."""

Executed = dict[str, tuple[Group, ...]]
"""The cells by their text, in the order in which they last ran."""


class Looker(Protocol):
    """Who wants to look before a cell runs (`loaded.Loaded`)."""

    def look(self) -> None:
        """Look what is loaded."""


class Cells:
    """The cells that ran in an IPython shell.

    Args:
        shell: the shell.
        path: under which the notebook has its keys.

    Attributes:
        module: in which they ran.
        notebook: what of them counts, as one cell.
        places: the code in it, as `file_codes` finds it in a file.
        unsure: names of which nobody knows which cell bound them.
        state: grows whenever the cells make another module.
    """

    def __init__(self, shell: Any, path: str) -> None:
        self.path = path
        self.module: ModuleType = shell.user_module
        self.notebook = Notebook(())
        self.places: dict[tuple[str, int], bytes] = {}
        self.unsure: set[str] = set()
        self.state = 0
        self.lookers: weakref.WeakSet[Looker] = weakref.WeakSet()
        self._shell = shell
        self._counts: dict[str, int] = shell.compile._filename_map
        self._turns: dict[str, tuple[int, int]] = {}  # (turn, execution count) by file name
        self._turn = 0
        self._noted = 0  # the turn up to which it is known who bound what
        self._origins: dict[str, tuple[_Mark, str]] = {}  # by name: what it stood for, text
        self._parsed: dict[tuple[str, int], tuple[Group, ...]] = {}
        self._texts: dict[str, str] = {}
        self._live: dict[str, list[tuple[Group, int]]] = {}  # with lines in the module, by text
        self._looked: object = None
        shell.events.register("pre_execute", self._begins)
        shell.events.register("post_run_cell", self._ended)

    def owns(self, filename: str) -> bool:
        """Tell whether a file name of a code object is one that IPython gave a cell."""
        return filename in self._counts or filename in TIMED

    def given(self, name: str, found: Any) -> bool:
        """Tell whether IPython itself put something under a name."""
        return name in _GIVEN and found is self._shell.user_ns_hidden.get(name, MISSING)

    def read(self, *, thoroughly: bool) -> None:
        """Read the cells that ran.

        Args:
            thoroughly: also when none began to run since they were read.
        """
        looked = (self._shell.execution_count, len(self._counts))
        if looked == self._looked and not thoroughly:
            return
        self._looked = looked
        before = self.notebook, self._live, self.unsure
        executed = self._executed()
        self._note(executed)
        lines: list[str] = []
        self.places, self._live = {}, {}
        for text, groups in self._alive(executed).items():
            for group in groups:
                start = len(lines) + 2  # behind the line before a cell, see `Notebook.source`
                self._live.setdefault(text, []).append((group, start))
                lines += group.text.split("\n")
                for qualname, line, code in group.codes:
                    place = qualname, line - group.first + start
                    self.places[place] = self.places.get(place, b"") + code
        cells = (Cell(1, tuple(lines), "\n".join(lines)),) if lines else ()
        self.notebook = Notebook(cells)
        self.state += (self.notebook, self._live, self.unsure) != before

    def line_of(self, code: CodeType) -> int | None:
        """Return the line of the module where a code object begins, None for what is gone."""
        line, filename = code.co_firstlineno, code.co_filename
        if filename in TIMED:
            own = (code.co_qualname, line, code_hash(code))
            groups = [each for live in self._live.values() for each in live if own in each[0].codes]
        else:
            groups = self._live.get(self._texts.get(filename, ""), [])
        for group, start in groups:
            inside = group.first <= line <= group.first + group.text.count("\n")
            if inside and group.timed == (filename in TIMED):
                return line - group.first + start
        return None

    # -- what ran ------------------------------------------------------------------------

    def _executed(self) -> Executed:
        """Return the cells in the order in which they last ran, equal ones once."""
        news = [name for name, n in self._counts.items() if self._turns.get(name, (0, -1))[1] != n]
        for name in sorted(news, key=self._counts.__getitem__):
            self._turn += 1
            self._turns[name] = self._turn, self._counts[name]
        flags = self._shell.compile.flags & _FUTURE
        executed: Executed = {}
        for name in news:
            entry = linecache.cache.get(name)
            if entry is not None and len(entry) > 2:  # else somebody cleared the cache
                self._texts[name] = "".join(entry[2])
        for name in sorted(self._turns, key=self._turns.__getitem__):
            text = self._texts.get(name)
            if text is None:
                continue
            if (text, flags) not in self._parsed:
                try:
                    self._parsed[text, flags] = tuple(groups_of(text, name, flags))
                except RecursionError:  # what it binds is not known then
                    self._parsed[text, flags] = ()
            executed.pop(text, None)
            executed[text] = self._parsed[text, flags]
        return executed

    def _begins(self) -> None:
        """Let others look before a cell runs, and before `%autoreload` does its work."""
        for looker in self.lookers:
            looker.look()

    def _ended(self, result: Any) -> None:
        """Take note of what a cell bound (IPython calls this when it has ended)."""
        self._note(self._executed(), success=bool(getattr(result, "success", False)))

    def _note(self, executed: Executed, *, success: bool | None = None) -> None:
        """Take note of which cell bound what the names stand for now.

        Args:
            executed: all cells.
            success: whether the last cell came to its end; None while it runs.
        """
        turns = sorted((turn, name) for name, (turn, _) in self._turns.items())
        news = {self._texts.get(name, ""): None for turn, name in turns if turn > self._noted}
        last = next(reversed(news), "")
        binders: dict[str, list[tuple[str, bool]]] = {}
        for text in news:
            for group in executed.get(text, ()):
                for name in group.names.bound:
                    binders.setdefault(name, []).append((text, name in group.names.anew))
        for name, bindings in binders.items():
            found = vars(self.module).get(name, MISSING)
            sure = success and bindings[-1] == (last, True)
            if sure or name not in self._origins or not self._origins[name][0].is_of(found):
                certain = sure or len({text for text, _ in bindings}) == 1
                self._origins[name] = _Mark(found), bindings[-1][0] if certain else ""
        if success is not None:
            self._noted = self._turn

    def _alive(self, executed: Executed) -> Executed:
        """Leave out what was bound anew since, and what is not there any more."""
        namespace = vars(self.module)
        numbers = {text: number for number, text in enumerate(executed)}
        bindings: dict[str, dict[int, bool]] = {}  # by name: cells, whether anew
        functions: set[tuple[str, int]] = set()  # names bound by `def` or `class` alone
        for number, groups in enumerate(executed.values()):
            for group in groups:
                for name in group.names.bound:
                    anew = name in group.names.anew
                    cells = bindings.setdefault(name, {})
                    cells[number] = cells.get(number, False) or anew
                    if name in group.names.defined:
                        functions.add((name, number))
        self.unsure = set()
        since: dict[str, int] = {}
        until: dict[str, int] = {}
        for name, cells in bindings.items():
            found = namespace.get(name, MISSING)
            number = numbers.get(self._origin(name, found), -1)
            if number not in cells:
                # A function says itself where it is from, unless something was made of it since.
                number = numbers.get(_cell_of(found, name, self._texts), -1)
                if not all((name, each) in functions for each in cells if each >= number):
                    number = -1
            if number not in cells:
                number = max(cells)
                if len(cells) > 1 or name in self._origins:
                    self.unsure.add(name)
            until[name] = number
            since[name] = max((n for n, anew in cells.items() if anew and n <= number), default=0)
        last = len(executed)
        return {
            text: tuple(
                group
                for group in groups
                if group.names.lasting
                or any(
                    name in namespace and since.get(name, 0) <= number <= until.get(name, last)
                    for name in group.names.bound
                )
                or any(
                    name in namespace and since.get(name, 0) <= number
                    for name in group.names.changed
                )
            )
            for number, (text, groups) in enumerate(executed.items())
        }

    def _origin(self, name: str, found: Any) -> str:
        """Return the text of the cell that is known to have bound a name; "" for none."""
        known = self._origins.get(name)
        return known[1] if known is not None and known[0].is_of(found) else ""


def _cell_of(found: Any, name: str, texts: dict[str, str]) -> str:
    """Return the text of the cell that a function was defined in; "" for none."""
    if found is not MISSING:
        for function in functions_of(found):
            code = function.__code__
            if code.co_qualname == name and code.co_filename in texts:
                return texts[code.co_filename]
    return ""


class _Mark:
    """Knows an object again, without keeping it alive.

    Of objects that nothing can refer to weakly, numbers and lists, the place in memory may go
    to another one; these are compared by their contents anyway.
    """

    def __init__(self, found: object) -> None:
        self._place = id(found)
        try:
            self._reference: weakref.ref[object] | None = weakref.ref(found)
        except TypeError:
            self._reference = None

    def is_of(self, found: object) -> bool:
        if self._reference is not None:
            return self._reference() is found
        return self._place == id(found)


def find_kernel(root: Path) -> Cells | None:
    """Return the cells of the IPython shell of this process, None where there is none.

    Args:
        root: top folder of the work tree.
    """
    ask = getattr(sys.modules.get("IPython"), "get_ipython", None)
    shell = ask() if callable(ask) else None
    module = getattr(shell, "user_module", None)
    if shell is None or not isinstance(module, ModuleType):
        return None
    if sys.modules.get("__main__") is not module or vars(module) is not shell.user_ns:
        return None  # embedded in a program, whose names it shares
    counts = getattr(getattr(shell, "compile", None), "_filename_map", None)
    if not isinstance(counts, dict):
        return None
    found = _known.get(root)
    if found is None or found.module is not module:
        if hasattr(module, "__file__"):
            return None
        found = _known[root] = Cells(shell, _path(shell, root))
    return found


_known: dict[Path, Cells] = {}
"""By the top folder of the repository: every storage that is made would listen to the shell."""


def _path(shell: Any, root: Path) -> str:
    """Return the path of the notebook in the repository.

    Editors tell it in a variable, or in the environment; else the notebook has the keys of one
    without a name in the folder where it runs.
    """
    top = os.path.realpath(root)
    told = (
        shell.user_ns.get("__vsc_ipynb_file__"),
        shell.user_ns.get("__session__"),
        os.environ.get("JPY_SESSION_NAME"),
    )
    for name in told:
        if isinstance(name, str) and name.endswith(".ipynb"):
            file = os.path.realpath(name)
            if file.startswith(top + os.sep) and os.path.isfile(file):
                return file[len(top) + 1 :].replace(os.sep, "/")
    folder = os.path.realpath(os.getcwd())
    inside = folder[len(top) + 1 :] if folder.startswith(top + os.sep) else ""
    return "/".join(filter(None, [inside.replace(os.sep, "/"), UNSAVED]))
