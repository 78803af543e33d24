"""Reading a file: which statements belong to which definition."""

from __future__ import annotations

from typing import Any

from mandala_git.config import Rules
from mandala_git.source.bindings import BindingTable
from mandala_git.source.constants import identifier
from mandala_git.source.definitions import MODULE, STAR, Kind
from mandala_git.source.nodes import (
    DEFINITIONS,
    IMPORTS,
    docstring,
    is_idle,
    is_main_guard,
    only_imports,
    stores_elsewhere,
)
from mandala_git.source.scopes import Scope, ScopeKind
from mandala_git.source.sources import Located, Locator, single_imports, trailing
from mandala_git.source.statements import Statements
from mandala_git.source.tokens import FileSink, ImportToken, Piece
from mandala_git.source.units import (
    Role,
    Section,
    Unit,
    doc_piece,
    doc_token,
    plain_name,
    walk_around,
    walk_class,
    walk_function,
    walk_member,
    walk_statement,
)

_ASSIGNMENTS = frozenset(["Assign", "AnnAssign", "AugAssign", "TypeAlias"])


class Reader:
    """Sorts the statements of one file into units.

    Args:
        path: of the file, relative to the repository.
        rules: what the project adds to the rules of the normal form.
    """

    locator: Locator

    def __init__(self, path: str, rules: Rules) -> None:
        self.path = path
        self.rules = rules
        self.sink = FileSink(equal=rules.equal)
        self.table = BindingTable()
        self.units: list[Unit] = []
        self.globals: dict[str, Unit] = {}
        self.nodes: dict[str, Any] = {}  # classes by qualified name
        self.counts: dict[str, int] = {}
        self.module = Unit(MODULE, Kind.MODULE)
        self.star = Unit(STAR, Kind.IMPORT)
        self.mutations: list[tuple[str, Section, Piece, tuple[int, int]]] = []
        self.setters: list[tuple[str, str, tuple[int, int]]] = []
        self.class_mutations: list[tuple[str, Unit]] = []
        self.future = False

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
                for place, small in enumerate(item.body):
                    if first and docstring(small) is not None:
                        source = self.locator.small(located, place)
                        section = Section(Role.DOC, source, small)
                        self.add(self.module, section, doc_piece(small), lines)
                    elif not is_idle(small):
                        self.simple(small, located, place)
                    first = False
            elif kind == "FunctionDef":
                self.table.add(identifier(item.name.value), ("global",), False)
                self.function(located)
            else:
                self.compound(located, line)
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
            if bindings.count(("global",)) > piece.defined.get(name, 0):
                unit.kind = Kind.GLOBAL
            self.add(unit, section, piece, lines)

    def simple(self, node: Any, located: Located, place: int) -> None:
        """Read a simple statement of the module."""
        lines = (located.first, located.last)
        kind = node.__class__.__name__
        if kind in IMPORTS:
            self.imports(node, lines)
            return
        section = Section(Role.STATEMENT, self.locator.small(located, place), node)
        piece = walk_statement(node, self.sink)
        self.bind(piece, section, lines, False)
        stored = kind not in _ASSIGNMENTS or not piece.assigned or stores_elsewhere(node)
        if stored and not (kind == "Del" and piece.assigned and not stores_elsewhere(node)):
            self.add(self.module, section, piece, lines)
        for name in piece.mutated - piece.assigned:
            self.mutations.append((name, section, piece, lines))

    def imports(self, node: Any, lines: tuple[int, int]) -> None:
        """Read an import statement: one definition for each name."""
        walk_statement(node, self.sink)  # for the facts of the file
        for source, one in single_imports(node):
            piece = walk_statement(one, FileSink(equal=self.rules.equal))
            section = Section(Role.STATEMENT, source, one)
            if source.endswith("import *"):
                module = source[5:-9].strip()
                level = len(module) - len(module.lstrip("."))
                self.table.add_star(("from", level, module[level:], "*"))
                self.add(self.star, section, piece, lines)
                continue
            if source.startswith("from __future__ import annotations"):
                self.future = True
            if self.repeats(piece, source):
                for name, bindings in piece.bound.items():
                    self.table.add(name, bindings[0], False)
            else:
                self.bind(piece, section, lines, False)

    def repeats(self, piece: Piece, source: str) -> bool:
        """Tell whether an import says again, word for word, all that is known of its name."""
        units = [self.globals.get(name) for name in piece.bound]
        return bool(units) and all(
            unit is not None and all(section.source == source for section in unit.sections)
            for unit in units
        )

    def compound(self, located: Located, line: int) -> None:
        """Read a compound statement of the module whose comments begin at `line`."""
        node, lines = located.node, (located.first, located.last)
        text, inside = self.locator.around(located, line)
        piece = walk_statement(node, self.sink)
        section = Section(Role.STATEMENT, text, node)
        stars = [t.binding for t in piece.tokens if isinstance(t, ImportToken) and t.name == STAR]
        for star in stars:
            self.table.add_star(star)
        if stars:
            self.add(self.star, section, piece, lines)
        self.bind(piece, section, lines, True)
        if not is_main_guard(node) and not only_imports(node):
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
        self.function(located, around, owner, scope)
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
            unit.pieces.append(walk_around(unit, around.node, self.rules.equal))
        return unit

    def function(
        self,
        located: Located,
        around: Section | None = None,
        owner: Unit | None = None,
        scope: Scope | None = None,
    ) -> None:
        node, lines = located.node, (located.first, located.last)
        unit = self.start(node, Kind.FUNCTION, around, owner, scope)
        piece = walk_function(unit, node, self.sink)
        self.add(unit, Section(Role.DEF, self.locator.text(located), node), piece, lines)
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
                self.class_statement(unit, walker, small, self.locator.code(small), number == 0)
            end = line + self.locator.locate(node, line).total
        else:
            end = self.class_body(unit, walker, node, inside) + len(node.body.footer)
        unit.lines = (first, max(first, end - 1 - trailing(node)))
        self.note_setters(unit, piece.setters, unit.lines)
        for name in sorted(piece.mutated - walker.scope.bound):
            self.class_mutations.append((name, unit))
        return end

    def class_statement(
        self, unit: Unit, walker: Statements, node: Any, source: str, first: bool
    ) -> None:
        """Read a simple statement of a class."""
        if first and docstring(node) is not None:
            unit.sections.append(Section(Role.DOC, source, node))
            walker.out.append(doc_token(node))
        elif not is_idle(node):
            unit.sections.append(Section(Role.STATEMENT, source, node))
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
                located = self.locator.locate(item, line)
                for place, small in enumerate(item.body):
                    source = self.locator.small(located, place)
                    self.class_statement(unit, walker, small, source, first)
                    first = False
                line += located.total
            elif kind in DEFINITIONS:
                role = Role.MEMBER if kind == "FunctionDef" else Role.NESTED
                line = self.definition(item, line, None, unit, before)
                unit.sections.append(Section(role, identifier(item.name.value)))
                walk_member(walker, role, identifier(item.name.value))
            else:
                located = self.locator.locate(item, line)
                text, inside = self.locator.around(located, line)
                unit.sections.append(Section(Role.STATEMENT, text, item))
                walker.encode(item)
                around = Section(Role.AROUND, text, item)
                for definition, start in inside:
                    self.definition(definition, start, around, unit, before)
                line += located.total
            first = False
        return line
