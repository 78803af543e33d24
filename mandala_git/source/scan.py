"""From the bytes of a Python file to its definitions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from mandala_git.source.bindings import BindingTable
from mandala_git.source.constants import identifier, string_value
from mandala_git.source.deep import deeply
from mandala_git.source.definitions import MODULE, STAR, Definition, FileFacts, Kind
from mandala_git.source.expressions import SINGLETONS, UnknownNode
from mandala_git.source.neutral import Effect, dotted
from mandala_git.source.normal import Place
from mandala_git.source.scopes import Scope, ScopeKind
from mandala_git.source.sources import (
    Locator,
    Unreadable,
    decode,
    has_definitions,
    import_sources,
    parse,
    trailing,
)
from mandala_git.source.statements import DEFINITIONS, Statements, docstring, flat, is_idle
from mandala_git.source.texts import parse_section, write_text
from mandala_git.source.tokens import FileSink, ImportToken, Piece
from mandala_git.source.units import (
    Role,
    Section,
    Unit,
    class_chain,
    describe,
    doc_piece,
    doc_token,
    name_piece,
    plain_name,
    text_id,
    walk_around,
    walk_class,
    walk_function,
    walk_member,
    walk_statement,
)

_IMPORTS = frozenset(["Import", "ImportFrom", "LazyImport", "LazyImportFrom"])
_ASSIGNMENTS = frozenset(["Assign", "AnnAssign", "AugAssign", "TypeAlias"])


def scan_file(path: str, data: bytes, *, neutral: Collection[str] = ()) -> FileFacts:
    """Find the definitions of a file.

    Args:
        path: of the file, relative to the repository, with `/`.
        data: the bytes of the file.
        neutral: the user's own neutral decorators and bases, dotted.

    Returns:
        The facts. A file that cannot be read has an `error` and no definitions.
    """
    return scan_texts(path, data, neutral=neutral)[0]


def scan_texts(
    path: str, data: bytes, *, neutral: Collection[str] = ()
) -> tuple[FileFacts, dict[str, bytes]]:
    """Find the definitions of a file, and the lasting text of each by its id."""
    try:
        return deeply(lambda: _Scan(path, neutral).run(data))
    except Unreadable as error:
        return FileFacts(path, (), (), str(error), error.line), {}
    except RecursionError:
        return FileFacts(path, (), (), "is nested too deeply", 0), {}
    except UnknownNode as error:
        return FileFacts(path, (), (), f"has syntax that is not known here: {error}", 0), {}


class _Scan:
    """One scan of one file."""

    def __init__(self, path: str, neutral: Collection[str]) -> None:
        self.path = path
        self.neutral = neutral
        self.sink = FileSink()
        self.table = BindingTable()
        self.units: list[Unit] = []
        self.globals: dict[str, Unit] = {}
        self.nodes: dict[str, Any] = {}  # classes by qualified name
        self.registered: list[str] = []
        self.counts: dict[str, int] = {}
        self.module = Unit(MODULE, Kind.MODULE)
        self.star = Unit(STAR, Kind.IMPORT)
        self.mutations: list[tuple[str, Section, Piece, tuple[int, int]]] = []
        self.setters: list[tuple[str, str, tuple[int, int]]] = []
        self.class_mutations: list[tuple[str, Unit]] = []
        self.future = False

    def run(self, data: bytes) -> tuple[FileFacts, dict[str, bytes]]:
        tree = parse(decode(data))
        self.locator = Locator(tree)
        self.read_module(tree)
        self.link()
        return self.finish()

    # --- reading the module -----------------------------------------------------------------

    def read_module(self, tree: Any) -> None:
        line = self.locator.first
        first = True
        for item in tree.body:
            kind = item.__class__.__name__
            if kind == "ClassDef":
                self.table.add(identifier(item.name.value), ("global",), False)
                line = self.class_(item, line)
                first = False
                continue
            located = self.locator.locate(item, line)
            lines = (located.first, located.last)
            if kind == "SimpleStatementLine":
                for small in item.body:
                    if first and docstring(small) is not None:
                        section = Section(Role.DOC, self.locator.small(small), small)
                        self.add(self.module, section, doc_piece(small), lines)
                    elif not is_idle(small):
                        self.simple(small, lines)
                    first = False
            elif kind == "FunctionDef":
                self.table.add(identifier(item.name.value), ("global",), False)
                self.function(item, located.text, lines)
            else:
                self.compound(item, line, lines, located.text)
            first = False
            line += located.total

    def add(self, unit: Unit, section: Section, piece: Piece, lines: tuple[int, int]) -> None:
        """Add a section to a unit."""
        unit.sections.append(section)
        unit.pieces.append(piece)
        start = unit.lines[0] or lines[0]
        unit.lines = (min(start, lines[0]), max(unit.lines[1], lines[1]))

    def new(self, qualname: str, kind: Kind) -> Unit:
        """Start a definition, numbered when the name repeats."""
        count = self.counts[qualname] = self.counts.get(qualname, 0) + 1
        unit = Unit(qualname if count == 1 else f"{qualname}#{count}", kind)
        self.units.append(unit)
        return unit

    def bind(
        self,
        piece: Piece,
        section: Section,
        lines: tuple[int, int],
        conditional: bool,
    ) -> None:
        """Give a statement to the definitions of all names that it binds."""
        for name, bindings in piece.bound.items():
            for binding in bindings:
                self.table.add(name, binding, conditional)
            if name not in piece.assigned:
                continue
            unit = self.globals.get(name)
            if unit is None:
                unit = self.globals[name] = self.new(name, Kind.IMPORT)
            if any(b == ("global",) for b in bindings):
                unit.kind = Kind.GLOBAL
            self.add(unit, section, piece, lines)

    def simple(self, node: Any, lines: tuple[int, int]) -> None:
        """Read a simple statement of the module."""
        kind = node.__class__.__name__
        if kind in _IMPORTS:
            self.imports(node, lines)
            return
        section = Section(Role.STATEMENT, self.locator.small(node), node)
        piece = walk_statement(node, self.sink)
        self.bind(piece, section, lines, False)
        stored = kind not in _ASSIGNMENTS or not piece.assigned or _stores_elsewhere(node)
        if stored and not (kind == "Del" and piece.assigned and not _stores_elsewhere(node)):
            self.add(self.module, section, piece, lines)
        for name in piece.mutated - piece.assigned:
            self.mutations.append((name, section, piece, lines))

    def imports(self, node: Any, lines: tuple[int, int]) -> None:
        """Read an import statement: one definition for each name."""
        walk_statement(node, self.sink)  # for the facts of the file
        for source in import_sources(node):
            one = parse_section(source)
            piece = walk_statement(one, FileSink())
            section = Section(Role.STATEMENT, source, one)
            if source.endswith("import *"):
                module = source[5:-9].strip()
                level = len(module) - len(module.lstrip("."))
                self.table.add_star(("from", level, module[level:], "*"))
                self.add(self.star, section, piece, lines)
                continue
            if source.startswith("from __future__ import annotations"):
                self.future = True
            self.bind(piece, section, lines, False)

    def compound(self, node: Any, line: int, lines: tuple[int, int], text: str) -> None:
        """Read a compound statement of the module."""
        inside: list[tuple[Any, int]] = []
        if has_definitions(node):
            text, inside = self.locator.elided(node, line)
        piece = walk_statement(node, self.sink)
        section = Section(Role.STATEMENT, text, node)
        stars = [t.binding for t in piece.tokens if isinstance(t, ImportToken) and t.name == STAR]
        for star in stars:
            self.table.add_star(star)
        if stars:
            self.add(self.star, section, piece, lines)
        self.bind(piece, section, lines, True)
        if not is_main_guard(node) and not _only_imports(node):
            self.add(self.module, section, piece, lines)
        for name in piece.mutated - piece.assigned:
            self.mutations.append((name, section, piece, lines))
        for definition, start in inside:
            self.definition(definition, start, Section(Role.AROUND, text, node))

    # --- functions and classes -----------------------------------------------------------------

    def definition(
        self, node: Any, line: int, around: Section | None, owner: Unit | None = None,
        scope: Scope | None = None,
    ) -> int:  # fmt: skip
        """Read a function or class whose comments begin at `line`; return the line after it."""
        if node.__class__.__name__ == "ClassDef":
            return self.class_(node, line, around, owner, scope)
        located = self.locator.locate(node, line)
        lines = (located.first, located.last)
        self.function(node, located.text, lines, around, owner, scope)
        return line + located.total

    def start(
        self, node: Any, kind: Kind, around: Section | None, owner: Unit | None, scope: Scope | None
    ) -> Unit:
        name = identifier(node.name.value)
        unit = self.new(name if owner is None else f"{owner.qualname}.{name}", kind)
        if owner is not None:
            unit.parent = owner.qualname
            unit.classes = (*owner.classes, plain_name(owner.qualname))
            unit.scope = scope
            unit.types = owner.member_types
            owner.members.append(unit.qualname)
        if around is not None:
            unit.sections.append(around)
            unit.pieces.append(walk_around(unit, around.node))
        return unit

    def function(
        self,
        node: Any,
        text: str,
        lines: tuple[int, int],
        around: Section | None = None,
        owner: Unit | None = None,
        scope: Scope | None = None,
    ) -> None:
        unit = self.start(node, Kind.FUNCTION, around, owner, scope)
        piece = walk_function(unit, node, self.sink)
        self.add(unit, Section(Role.DEF, text, node), piece, lines)
        self.note_setters(unit, piece.setters, lines)

    def note_setters(self, unit: Unit, names: set[str], lines: tuple[int, int]) -> None:
        for name in sorted(names):
            chain = ".".join((*unit.classes, plain_name(unit.qualname)))
            self.setters.append((name, chain, lines))

    def class_(
        self,
        node: Any,
        line: int,
        around: Section | None = None,
        owner: Unit | None = None,
        scope: Scope | None = None,
    ) -> int:
        """Read a class whose comments begin at `line`; return the line after it."""
        unit = self.start(node, Kind.CLASS, around, owner, scope)
        self.nodes[unit.qualname] = node
        source, first, inside = self.locator.head(node, line)
        walker, piece = walk_class(unit, node, self.sink)
        unit.sections.append(Section(Role.CLASS, source, node))
        unit.pieces.append(piece)
        unit.member_types = unit.types
        if node.type_parameters is not None:
            names = tuple(identifier(p.param.name.value) for p in node.type_parameters.params)
            unit.member_types = (*unit.types, *names)
        if node.body.__class__.__name__ == "SimpleStatementSuite":
            for number, small in enumerate(node.body.body):
                self.class_statement(unit, walker, small, number == 0)
            end = line + self.locator.locate(node, line).total
        else:
            end = self.class_body(unit, walker, node, inside) + len(node.body.footer)
        unit.lines = (first, max(first, end - 1 - trailing(node)))
        self.note_setters(unit, piece.setters, unit.lines)
        for name in sorted(piece.mutated - walker.scope.bound):
            self.class_mutations.append((name, unit))
        return end

    def class_statement(self, unit: Unit, walker: Statements, node: Any, first: bool) -> None:
        """Read a simple statement of a class."""
        if first and docstring(node) is not None:
            unit.sections.append(Section(Role.DOC, self.locator.small(node), node))
            walker.out.append(doc_token(node))
        elif not is_idle(node):
            unit.sections.append(Section(Role.STATEMENT, self.locator.small(node), node))
            walker.encode(node)

    def class_body(self, unit: Unit, walker: Statements, node: Any, line: int) -> int:
        """Read the indented body of a class; return the line after its last statement."""
        first = True
        for item in node.body.body:
            kind = item.__class__.__name__
            before = Scope(
                ScopeKind.CLASS, bound=walker.scope.bound, sure=set(walker.scope.sure), outer=()
            )
            if kind == "SimpleStatementLine":
                for small in item.body:
                    self.class_statement(unit, walker, small, first)
                    first = False
                line += self.locator.locate(item, line).total
            elif kind in DEFINITIONS:
                role = Role.MEMBER if kind == "FunctionDef" else Role.NESTED
                line = self.definition(item, line, None, unit, before)
                unit.sections.append(Section(role, identifier(item.name.value)))
                walk_member(walker, role, identifier(item.name.value))
            else:
                located = self.locator.locate(item, line)
                text = located.text
                inside: list[tuple[Any, int]] = []
                if has_definitions(item):
                    text, inside = self.locator.elided(item, line)
                unit.sections.append(Section(Role.STATEMENT, text, item))
                walker.encode(item)
                around = Section(Role.AROUND, text, item)
                for definition, start in inside:
                    self.definition(definition, start, around, unit, before)
                line += located.total
            first = False
        return line

    # --- putting together -----------------------------------------------------------------

    def link(self) -> None:
        """Give globals the statements that change them in place, and who binds them."""
        for name, section, piece, lines in self.mutations:
            unit = self.globals.get(name)
            if unit is not None and unit.kind is Kind.GLOBAL and section not in unit.sections:
                self.add(unit, section, piece, lines)
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
            neutral=self.neutral,
        )

    def finish(self) -> tuple[FileFacts, dict[str, bytes]]:
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
        return facts, texts

    def describe(self, unit: Unit, texts: dict[str, bytes]) -> Definition:
        place = self.place(unit)
        definition, normal = describe(unit, place)
        if unit.parent is None and Effect.FOREIGN in normal.effects:
            self.registered.append(unit.qualname.partition("#")[0])
        text = write_text(unit, place, normal)
        identity = text_id(text)
        texts[identity] = text
        return replace(definition, text_id=identity)

    def register(self) -> None:
        """Let `<module>` refer to what a decorator may have registered at import."""
        for name in dict.fromkeys(self.registered):
            self.module.sections.append(Section(Role.REGISTERED, name))
            self.module.pieces.append(name_piece(Role.REGISTERED, name))

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
                    and not _hooks_subclasses(self.nodes[local])
                ):
                    pending.append(local)
                elif not _is_constant(value):
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


def is_main_guard(node: Any) -> bool:
    """Tell whether a statement is `if __name__ == "__main__":` without an else."""
    if node.__class__.__name__ != "If" or node.orelse is not None:
        return False
    test = node.test
    if test.__class__.__name__ != "Comparison" or len(test.comparisons) != 1:
        return False
    comparison = test.comparisons[0]
    if comparison.operator.__class__.__name__ != "Equal":
        return False
    sides = (test.left, comparison.comparator)
    return any(
        a.__class__.__name__ == "Name"
        and a.value == "__name__"
        and b.__class__.__name__ == "SimpleString"
        and string_value(b.value) == "__main__"
        for a, b in (sides, sides[::-1])
    )


def _only_imports(node: Any) -> bool:
    """Tell whether a compound statement holds nothing but imports."""
    found = False
    pending = [node]
    while pending:
        item = pending.pop()
        kind = item.__class__.__name__
        if kind == "Try":
            pending += item.handlers
        elif kind not in ("If", "ExceptHandler", "Else", "Finally"):
            return False
        for part in (getattr(item, "orelse", None), getattr(item, "finalbody", None)):
            if part is not None:
                pending.append(part)
        for statement in flat(item.body.body):
            name = statement.__class__.__name__
            if name in _IMPORTS:
                found = True
            elif name in ("If", "Try"):
                pending.append(statement)
            elif not is_idle(statement):
                return False
    return found


def _stores_elsewhere(node: Any) -> bool:
    """Tell whether an assignment stores into an attribute or an item."""
    kind = node.__class__.__name__
    pending = (
        [t.target for t in node.targets]
        if kind == "Assign"
        else [node.target]
        if kind in ("AnnAssign", "AugAssign", "Del")
        else []
    )
    while pending:
        item = pending.pop()
        kind = item.__class__.__name__
        if kind in ("Attribute", "Subscript"):
            return True
        if kind in ("Tuple", "List"):
            pending += [element.value for element in item.elements]
    return False


def _hooks_subclasses(node: Any) -> bool:
    """Tell whether a class can look at its subclasses as they are made."""
    return any(
        getattr(getattr(item, "name", None), "value", "") == "__init_subclass__"
        for item in flat(node.body.body)
    )


def _is_constant(node: Any) -> bool:
    kind = node.__class__.__name__
    return kind in ("SimpleString", "Integer") or (kind == "Name" and node.value in SINGLETONS)
