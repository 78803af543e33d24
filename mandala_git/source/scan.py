"""From the bytes of a Python file to its definitions."""

from __future__ import annotations

from typing import Any

from mandala_git.config import NO_RULES, Rules
from mandala_git.source.constants import identifier
from mandala_git.source.deep import deeply, uncollected
from mandala_git.source.definitions import Definition, FileFacts, Kind, is_notebook
from mandala_git.source.extents import Extents
from mandala_git.source.neutral import dotted
from mandala_git.source.nodes import hooks_subclasses, is_constant
from mandala_git.source.normal import normalize
from mandala_git.source.notebooks import Notebook, read_notebook
from mandala_git.source.reading import Reader
from mandala_git.source.sources import Locator, Unreadable, decode, parse_file
from mandala_git.source.spelling import Place
from mandala_git.source.texts import write_text
from mandala_git.source.units import (
    Role,
    Section,
    Unit,
    class_chain,
    describe,
    name_piece,
    plain_name,
    registered_piece,
)
from mandala_git.source.walk import UnknownNode


def scan_file(path: str, data: bytes, *, rules: Rules = NO_RULES) -> FileFacts:
    """Find the definitions of a file.

    Args:
        path: of the file, relative to the repository, with `/`.
        data: the bytes of the file.
        rules: what the project adds to the rules of the normal form.

    Returns:
        The facts. A file that cannot be read has an `error` and no definitions.
    """
    return scan_texts(path, data, rules=rules)[0]


def scan_texts(
    path: str, data: bytes | Notebook, *, rules: Rules = NO_RULES
) -> tuple[FileFacts, dict[str, bytes]]:
    """Find the definitions of a file, or of a notebook that was read, and the lasting text of
    each by its id."""
    try:
        with uncollected():
            return deeply(lambda: _Scan(path, rules).run(data))
    except Unreadable as error:
        return FileFacts(path, (), (), str(error), error.line), {}
    except RecursionError:
        return FileFacts(path, (), (), "is nested too deeply", 0), {}
    except UnknownNode as error:
        return FileFacts(path, (), (), f"has syntax that is not known here: {error}", 0), {}


class _Scan(Reader):
    """One scan of one file."""

    notebook: Notebook | None = None

    def run(self, data: bytes | Notebook) -> tuple[FileFacts, dict[str, bytes]]:
        """Read the file, then link and describe what was found."""
        tree, extents = self.parse(data)
        self.locator = Locator(tree, extents)
        self.read_module(tree)
        self.link()
        return self.finish()

    def parse(self, data: bytes | Notebook) -> tuple[Any, Extents | None]:
        """Parse the file; of a notebook, all cells that can be read."""
        if isinstance(data, bytes):
            if not is_notebook(self.path):
                return parse_file(decode(data))
            data = read_notebook(data)
        self.notebook = data
        try:
            return parse_file(self.notebook.source)
        except Unreadable:
            self.notebook = self.notebook.mended(parse_file)
            return parse_file(self.notebook.source)

    def link(self) -> None:
        """Give globals the statements that change them in place, and who binds them."""
        for name, section, piece, lines in self.mutations:
            unit = self.globals.get(name)
            if unit is not None and unit.kind is Kind.GLOBAL and section not in unit.sections:
                self.add(unit, section, piece, lines)
        for name, unit in self.globals.items():
            if any(entry[2] < self.table.last_star for entry in self.table.entries[name]):
                self.refer(unit, name)  # a later `import *` may bind it anew
        for name, owner in self.class_mutations:
            unit = self.globals.get(name)
            if unit is not None and unit.kind is Kind.GLOBAL:
                self.refer(unit, ".".join((*owner.classes, plain_name(owner.qualname))))
        for name, chain, lines in self.setters:
            unit = self.globals.get(name)
            if unit is None:
                unit = self.globals[name] = self.new(name, Kind.GLOBAL)
                unit.lines = lines
            unit.kind = Kind.GLOBAL
            self.table.add(name, ("global",), True)
            self.table.add(name, ("global",), True)  # never "bound once"
            self.refer(unit, chain)

    def refer(self, unit: Unit, chain: str) -> None:
        """Make a global depend on the function or class that changes it."""
        unit.sections.append(Section(Role.SETTER, chain))
        unit.pieces.append(name_piece(Role.SETTER, chain))

    def place(self, unit: Unit) -> Place:
        return Place(
            path=self.path,
            qualname=unit.qualname,
            kind=unit.kind,
            classes=class_chain(unit),
            lookup=self.table.lookup,
            stars=tuple(self.table.stars),
            docs=self.sink.reads_docs,
            readers=unit.readers,
            future=self.future,
            rules=self.rules,
        )

    def finish(self) -> tuple[FileFacts, dict[str, bytes]]:
        self.registered: dict[str, list[str]] = {}
        texts: dict[str, bytes] = {}
        definitions: list[Definition] = []
        by_qualname = {unit.qualname: unit for unit in self.units}
        for unit in self.units:
            if unit.kind is Kind.CLASS:
                unit.readers = self.readers(unit)
            elif unit.parent is not None:
                unit.readers = by_qualname[unit.parent].readers
            definitions.append(self.describe(unit, texts))
        if self.star.sections:
            definitions.append(self.describe(self.star, texts))
        self.register()
        definitions.append(self.describe(self.module, texts))
        facts = FileFacts(self.path, tuple(definitions), tuple(self.sink.imports))
        if self.notebook is not None:
            facts = facts._replace(notes=self.notebook.notes)
        return facts, texts

    def describe(self, unit: Unit, texts: dict[str, bytes]) -> Definition:
        place = self.place(unit)
        normal = normalize(unit.pieces, place)
        if unit.parent is None and normal.decorators:
            name = unit.qualname.partition("#")[0]
            self.registered.setdefault(name, []).extend(normal.decorators)
        text = write_text(unit, place, normal)
        definition = describe(unit, place, normal, text)
        texts[definition.text_id] = text
        if self.notebook is not None:
            definition = definition._replace(cell=self.notebook.place(unit.lines[0]))
        return definition

    def register(self) -> None:
        """Let `<module>` refer to what a decorator may have registered at import."""
        for name, targets in self.registered.items():
            section = Section(Role.REGISTERED, name, decorators=tuple(targets))
            self.module.sections.append(section)
            self.module.pieces.append(registered_piece(section, self.rules))

    def readers(self, unit: Unit) -> tuple[str, ...]:
        """Name the decorators, bases and keywords of a class, through bases of this file."""
        found: set[str] = set()
        seen: set[str] = set()
        pending = [unit.qualname]
        while pending:
            qualname = pending.pop()
            if qualname in seen:
                continue
            seen.add(qualname)
            node = self.nodes[qualname]
            for decorator in node.decorators:
                expression = decorator.decorator
                if expression.__class__.__name__ == "Call":
                    expression = expression.func
                found.add(self.target(expression))
            for base in (*node.bases, *node.keywords):
                value = base.value
                if value.__class__.__name__ == "Subscript":
                    value = value.value
                target = self.target(value)
                local = target.removeprefix(f"{self.path}::")
                if (
                    local != target
                    and local in self.nodes
                    and not hooks_subclasses(self.nodes[local])
                ):
                    pending.append(local)
                elif not is_constant(value):
                    found.add(target)
        return tuple(sorted(found))

    def target(self, node: Any) -> str:
        """Name what an expression in a class header leads to."""
        attrs: list[str] = []
        while node.__class__.__name__ == "Attribute":
            attrs.append(identifier(node.attr.value))
            node = node.value
        if node.__class__.__name__ != "Name":
            return "?"
        name = identifier(node.value)
        binding = self.table.lookup(name)
        return dotted(binding, name, tuple(reversed(attrs)), self.path, tuple(self.table.stars))
