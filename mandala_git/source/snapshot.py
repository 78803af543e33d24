"""Project code at one moment: definitions by key, and where every name leads.

A snapshot is either a whole project (a commit, the index, the work tree, a process) or only
the texts of a static closure (a context); both are read through the same rules, so that what
leads where inside a closure does not depend on which of the two is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet

from mandala_git.records import NamedTuple
from mandala_git.source.definitions import (
    MODULE,
    STAR,
    Binding,
    Definition,
    FileFacts,
    Kind,
    by_name,
    is_notebook,
    is_test,
    split_key,
)
from mandala_git.source.modules import Modules


class End(NamedTuple):
    """Where a hole leads: a definition, or a leaf outside the project.

    Attributes:
        key: of the definition, "" for a leaf.
        leaf: ("builtin", name), ("outside", "numpy.mean"), ("from", "numpy", "mean"),
            ("star", module, name) or ("absent", name); () for a definition.
        rest: attributes that remain to be read from it.
    """

    key: str
    leaf: tuple[str, ...] = ()
    rest: tuple[str, ...] = ()


class Snapshot:
    """Project code at one moment, read lazily.

    Args:
        paths: of all project files, relative to the repository, with `/`.
        load: facts of one of these files; None when it cannot be read.
        methods: keys of the methods with a name; None to look through all files.
        script: the file that runs as `__main__`, or None. Definitions of a script do not
            depend on its left-over statements: its main loop is a user of them, no part.
        identity: a name that tells this snapshot from every other with other code; None to
            make it from all texts.
        check: replaces a definition on its way out, once; a process proves with it that what
            is loaded is what the file says.
        modules: what a process knows of module names, see `Modules`.
    """

    def __init__(
        self,
        paths: AbstractSet[str],
        load: Callable[[str], FileFacts | None],
        *,
        methods: Callable[[str], Iterable[str]] | None = None,
        script: str | None = None,
        identity: Callable[[], str] | None = None,
        check: Callable[[Definition], Definition] | None = None,
        modules: Callable[[str], str | None] | None = None,
    ) -> None:
        self._paths = paths
        self._load = load
        self._methods = methods
        self.script = script
        self._identity = identity
        self._check = check
        self._checked: dict[str, Definition] = {}
        self._facts: dict[str, FileFacts | None] = {}
        self._by_key: dict[str, dict[str, Definition]] = {}
        self._modules = Modules(self._paths, modules)
        self._resolved: dict[tuple[str, int], tuple[End, ...]] = {}
        self._method_keys: dict[tuple[str, str], tuple[str, ...]] = {}
        self._everything: dict[str, list[str]] | None = None

    @classmethod
    def of_definitions(
        cls,
        definitions: Iterable[Definition],
        *,
        script: str | None = None,
        aliases: Mapping[str, Definition] | None = None,
    ) -> Snapshot:
        """Make the snapshot that holds just these definitions.

        Args:
            definitions: in any order.
            script: see above.
            aliases: keys that lead to a definition with another key.
        """
        files: dict[str, list[Definition]] = {}
        for definition in definitions:
            files.setdefault(definition.path, []).append(definition)
        facts = {path: FileFacts(path, tuple(found)) for path, found in files.items()}
        paths = {*facts, *(split_key(key)[0] for key in aliases or ())}
        snapshot = cls(paths, facts.get, script=script)
        for key, definition in (aliases or {}).items():
            snapshot.definition(key)
            path, qualname = split_key(key)
            snapshot._by_key[path][qualname] = definition
            snapshot._checked[key] = definition
        return snapshot

    @property
    def paths(self) -> AbstractSet[str]:
        """All files of the snapshot."""
        return self._paths

    def facts(self, path: str) -> FileFacts | None:
        """Return what a file defines, or None when there is no such file."""
        if path not in self._facts:
            self._facts[path] = self._load(path) if path in self._paths else None
        return self._facts[path]

    def definition(self, key: str) -> Definition | None:
        """Return the definition of a key, or None."""
        found = self._checked.get(key)
        if found is not None:
            return found
        path, qualname = split_key(key)
        table = self._by_key.get(path)
        if table is None:
            facts = self.facts(path)
            table = {d.qualname: d for d in facts.definitions} if facts else {}
            self._by_key[path] = table
        found = table.get(qualname)
        if found is not None:
            # Known before it is checked: checking may ask where its names lead.
            self._checked[key] = found
            if self._check is not None:
                found = self._checked[key] = self._check(found)
        return found

    def definitions(self) -> Iterator[Definition]:
        """Iterate over every definition of every file, in the order of paths."""
        for path in sorted(self._paths):
            if facts := self.facts(path):
                yield from facts.definitions

    def named(self, path: str, name: str) -> tuple[Definition, ...]:
        """Return all definitions that a module-level name stands for."""
        first = self.definition(f"{path}::{name}")
        if first is None:
            return ()
        table = self._by_key[path]
        if f"{name}#2" not in table:
            return (first,)
        return tuple(self.definition(d.key) or d for d in by_name(table.values(), name))

    def identity(self) -> str:
        """Return a name that only snapshots with the very same texts share."""
        if self._identity is not None:
            return self._identity()
        import hashlib

        texts = sorted(d.text_id for d in self.definitions())
        return hashlib.sha256("".join(texts).encode()).hexdigest()

    def methods(self, name: str, path: str = "") -> tuple[str, ...]:
        """Return the keys of all project methods (and nested classes) with a name, sorted.

        Args:
            name: of an attribute.
            path: of the file that reads it. An object of a class of a notebook is met only by
                the code of that notebook, and by what it calls while it runs.
        """
        asked = (name, path if is_notebook(path) else "")
        found = self._method_keys.get(asked)
        if found is None:
            if self._methods is not None:
                keys = set(self._methods(name))
            else:
                if self._everything is None:
                    self._everything = {}
                    for d in self.definitions():
                        if d.parent is not None:
                            self._everything.setdefault(d.name, []).append(d.key)
                keys = set(self._everything.get(name, ()))
            keys = {key for key in keys if not is_notebook(split_key(key)[0])}
            for each in {asked[1], self.script}:
                if each and is_notebook(each) and (facts := self.facts(each)):
                    keys.update(d.key for d in facts.definitions if d.parent and d.name == name)
            found = self._method_keys[asked] = tuple(sorted(keys))
        return found

    # -- where names lead ----------------------------------------------------------------

    def resolve(self, definition: Definition, number: int) -> tuple[End, ...]:
        """Return where one hole of a definition leads, in this snapshot.

        Args:
            definition: need not be of this snapshot: a text may be tried in another world.
            number: index into `definition.holes`.

        Returns:
            One end, or several where the name is bound more than once (all count).
        """
        asked = (definition.text_id, number)
        ends = self._resolved.get(asked)
        if ends is None:
            hole = definition.holes[number]
            ends = self._follow(definition.path, hole.binding, hole.name, hole.attrs, frozenset())
            if hole.called and not is_test(definition.path):
                ends = tuple(_through(end) for end in ends)
            self._resolved[asked] = ends
        return ends

    def _follow(
        self,
        path: str,
        binding: Binding,
        name: str,
        attrs: tuple[str, ...],
        seen: frozenset[tuple[str, str]],
    ) -> tuple[End, ...]:
        match binding:
            case ("builtin",) | ("absent",) | ("unknown",):
                return (End("", (binding[0], name), attrs),)
            case ("global",):
                return self._lookup(path, name, attrs, seen, bare=True)
            case ("import", module):
                return self._through_module(path, 0, module, attrs, seen)
            case ("from", level, module, "*"):
                inside = self.module(path, level, module)
                if inside is None:
                    return (End("", ("star", "." * level + module, "*")),)
                return self._whole_module(inside)
            case ("from", level, module, member):
                inside = self.module(path, level, module)
                if inside is None:
                    dotted = "." * level + module
                    return (End("", ("from", dotted, member), attrs),)
                return self._lookup(inside, member, attrs, seen)
            case ("star", fallback):
                return self._through_stars(path, fallback, name, attrs, seen)
            case ("many", bindings):
                ends: list[End] = []
                for each in dict.fromkeys(bindings):
                    ends += self._follow(path, each, name, attrs, seen)
                return tuple(dict.fromkeys((*ends, *self._choices(path, name))))
            case _:
                raise ValueError(f"unknown form of binding {binding!r} in {path}")

    def _lookup(
        self,
        path: str,
        name: str,
        attrs: tuple[str, ...],
        seen: frozenset[tuple[str, str]],
        *,
        bare: bool = False,
    ) -> tuple[End, ...]:
        """Find what `name` stands for at the end of the module in `path`."""
        if (path, name) in seen:
            return (End("", ("absent", f"{path}::{name}"), attrs),)
        seen |= {(path, name)}
        ends: list[End] = []
        for found in self.named(path, name):
            if found.kind is Kind.IMPORT:
                for hole in found.holes:
                    ends += self._follow(path, hole.binding, hole.name, attrs, seen)
            else:
                ends.append(End(found.key, (), attrs))
        ends += self._choices(path, name)
        if ends:
            return tuple(dict.fromkeys(ends))
        if not bare:
            submodule = self._modules.inside(path, name)
            if submodule is not None:
                return self._inside(submodule, attrs, seen)
            if self.definition(f"{path}::{STAR}") is not None:
                return self._through_stars(path, ("absent",), name, attrs, seen)
            if name.startswith("__") and name.endswith("__"):
                return self._whole_module(path)  # `__dict__`, `__file__`: a way to all of it
            getter = self.definition(f"{path}::__getattr__")
            if getter is not None:
                return (End(getter.key, (), (name, *attrs)),)
        return (End("", ("absent", name), attrs),)

    def _choices(self, path: str, name: str) -> Iterator[End]:
        """Yield the imports of a name that are a choice: whoever uses it depends on the choice."""
        for found in self.named(path, name):
            if found.kind is Kind.IMPORT and not found.plain:
                yield End(found.key)

    def _through_stars(
        self,
        path: str,
        fallback: Binding,
        name: str,
        attrs: tuple[str, ...],
        seen: frozenset[tuple[str, str]],
    ) -> tuple[End, ...]:
        """Find a name that only an `import *` can have bound; every candidate counts."""
        star = self.definition(f"{path}::{STAR}")
        ends: list[End] = []
        for hole in star.holes if star else ():
            if hole.name != "*":
                continue
            _, level, module, _ = hole.binding
            inside = self.module(path, level, module)
            if inside is None:
                ends.append(End("", ("star", "." * level + module, name), attrs))
            else:
                found = self._lookup(inside, name, attrs, seen)
                found = tuple(end for end in found if end.leaf[:1] != ("absent",))
                if found:
                    ends += (*found, *(End(d.key) for d in self.named(inside, "__all__")))
        if not ends or all(end.leaf for end in ends):
            ends.append(End("", (fallback[0], name), attrs))
        return tuple(dict.fromkeys(ends))

    def _through_module(
        self,
        path: str,
        level: int,
        module: str,
        attrs: tuple[str, ...],
        seen: frozenset[tuple[str, str]],
    ) -> tuple[End, ...]:
        inside = self.module(path, level, module)
        if inside is None:
            return (End("", ("outside", ".".join(("." * level + module, *attrs)))),)
        return self._inside(inside, attrs, seen)

    def _inside(
        self, module: str, attrs: tuple[str, ...], seen: frozenset[tuple[str, str]]
    ) -> tuple[End, ...]:
        if not attrs:
            return self._whole_module(module)
        return self._lookup(module, attrs[0], attrs[1:], seen)

    def _whole_module(self, module: str) -> tuple[End, ...]:
        """A module used as a value may be asked for anything that it holds."""
        facts = self.facts(module)
        if facts is None:
            return (End("", ("folder", module)),)
        return tuple(End(d.key) for d in facts.definitions if d.parent is None)

    def module(self, importer: str, level: int, dotted: str) -> str | None:
        """Return the path of the module (or folder) that an import names; see `Modules`."""
        return self._modules.find(importer, level, dotted)

    # -- what a definition refers to -----------------------------------------------------

    def left_over(self, path: str) -> Definition | None:
        """Return `<module>` of a file if it holds statements and the file is not the script."""
        if self._is_script(path):
            return None
        module = self.definition(f"{path}::{MODULE}")
        return None if module is None or module.empty else module

    def _is_script(self, path: str) -> bool:
        """Whether a file runs as `__main__`; a notebook never runs otherwise."""
        return path == self.script or is_notebook(path)

    def references(self, definition: Definition) -> list[str]:
        """Return the keys of all that a definition refers to, the import chain included.

        These are the edges of the static closure: where its holes lead, the import
        definitions on the way, its file's `<module>`, the members of a class, and every
        project method named like an attribute that it reads from an unknown object.
        """
        keys: dict[str, None] = {}
        for number, hole in enumerate(definition.holes):
            for end in self.resolve(definition, number):
                if end.key:
                    keys[end.key] = None
            for key in self._chain(definition.path, hole.binding, hole.name, hole.attrs):
                keys[key] = None
        if not self._is_script(definition.path):
            keys[f"{definition.path}::{MODULE}"] = None
        for member in definition.members:
            keys[f"{definition.path}::{member}"] = None
        for attribute in definition.attrs:
            keys.update(dict.fromkeys(self.methods(attribute, definition.path)))
        return list(keys)

    def _chain(
        self, path: str, binding: Binding, name: str, attrs: tuple[str, ...]
    ) -> Iterator[str]:
        """Yield the keys that resolving a name passes: import definitions, stars, modules."""
        todo: list[tuple[str, Binding, str, tuple[str, ...]]] = [(path, binding, name, attrs)]
        seen: set[tuple[str, Binding, str]] = set()
        while todo:
            path, binding, name, attrs = todo.pop()
            if (path, binding, name) in seen:
                continue
            seen.add((path, binding, name))
            match binding:
                case ("global",):
                    continue
                case ("import", module):
                    inside, level = self.module(path, 0, module), 0
                    wanted = attrs
                case ("from", level, module, member):
                    inside = self.module(path, level, module)
                    wanted = (member, *attrs)
                case ("star", _):
                    yield f"{path}::{STAR}"
                    star = self.definition(f"{path}::{STAR}")
                    for hole in star.holes if star else ():
                        if hole.name == "*":
                            _, level, module, _ = hole.binding
                            todo.append((path, ("from", level, module, name), name, attrs))
                    continue
                case ("many", bindings):
                    todo += [(path, each, name, attrs) for each in bindings]
                    continue
                case _:
                    continue
            while inside is not None and wanted:
                if not inside.endswith("/"):
                    if inside != self.script:
                        yield f"{inside}::{MODULE}"
                    found = self.named(inside, wanted[0])
                    if found:
                        for each in found:
                            yield each.key
                            if each.kind is Kind.IMPORT:
                                for hole in each.holes:
                                    todo.append((inside, hole.binding, hole.name, wanted[1:]))
                        break
                submodule = self._modules.inside(inside, wanted[0])
                if submodule is None:
                    if self.definition(f"{inside}::{STAR}") is not None:
                        todo.append((inside, ("star", ("absent",)), wanted[0], wanted[1:]))
                    break
                inside, wanted = submodule, wanted[1:]
            if inside is not None and not inside.endswith("/") and inside != self.script:
                yield f"{inside}::{MODULE}"

    def closure(self, definitions: Iterable[Definition]) -> dict[str, Definition]:
        """Return the static closure: all that these definitions may come to run or read.

        Args:
            definitions: the roots; they need not be of this snapshot.

        Returns:
            {key: definition}, the roots first. A reference that leads nowhere is left out.
        """
        found: dict[str, Definition] = {}
        todo = list(definitions)
        while todo:
            definition = todo.pop()
            if definition.key in found:
                continue
            found[definition.key] = definition
            for key in self.references(definition):
                if key not in found and (target := self.definition(key)) is not None:
                    todo.append(target)
        return found


def _through(end: End) -> End:
    """Write a function imported from a module elsewhere as read from the module (rule 10b)."""
    if end.leaf[:1] != ("from",) or end.leaf[1].startswith("."):
        return end
    return End("", ("outside", ".".join((*end.leaf[1:], *end.rest))))


def is_gone(snapshot: Snapshot, key: str) -> bool:
    """Whether a recorded op is no more under its key: removed, or only imported there now."""
    if "<locals>" in key:
        return False
    found = snapshot.definition(key)
    return found is None or found.kind is Kind.IMPORT
