"""Why a definition counts as changed, in words, and what its author probably means by it."""

from __future__ import annotations

import ast
import inspect
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mandala_git.source.aligned import Alignment, align
from mandala_git.source.definitions import Binding, Definition, Hole, Kind
from mandala_git.source.headers import WIDTH, Header, above, compare_headers, short
from mandala_git.source.pieces import Piece, Source
from mandala_git.source.renaming import differs_by_name_only
from mandala_git.source.shapes import shape
from mandala_git.source.suggestions import BREAKING, COMPATIBLE, HARMLESS, Evidence, suggest

IMPORT_ORDER = "order of imports"
DOCSTRING = "docstring only (read by __doc__, so it counts)"
DOCSTRING_LAYOUT = "layout of a docstring only (read by __doc__, so it counts)"
LAYOUT = frozenset({IMPORT_ORDER, DOCSTRING_LAYOUT})
"""Reasons that formatters make and that Python can see all the same."""

_AMONG_STARS = "the star imports of the file, or their order"
_NEIGHBOURS = "only neighbouring imports changed places"
_Imported = tuple[int, str, str, str]

_MOST = 3  # places where a name may lead are told one by one up to this number


@dataclass(frozen=True, slots=True)
class Reasons:
    """What was found about a change.

    Attributes:
        words: each reason, most specific first.
        suggestion: `compatible`, `breaking`, or None when nothing is known.
        why: the justification of the suggestion.
    """

    words: tuple[str, ...]
    suggestion: str | None = None
    why: str = ""


def explain(
    old: Definition, new: Definition, before: Source | None = None, after: Source | None = None
) -> Reasons:
    """Say in words how two versions of one definition differ.

    Args:
        old, new: the versions; their digests differ.
        before, after: the files they stand in, when at hand; without them the words are
            less exact.

    Returns:
        at least one reason.
    """
    elsewhere = redirected(old, new)
    pieces = (before.piece(old), after.piece(new)) if before and after else None
    found = align(*pieces) if pieces and pieces[0].complete and pieces[1].complete else None
    layout = may_be_layout(old, new)
    if pieces and found and layout and not elsewhere and _only_import_order(found, pieces):
        return Reasons((IMPORT_ORDER,), COMPATIBLE, _NEIGHBOURS)
    if new.kind is Kind.IMPORT and old.kind is Kind.IMPORT:
        return _import(old, new)
    if old.kind is not new.kind:
        return Reasons((f"was a {_kind(old)}, is a {_kind(new)}",))
    if old.literal and new.literal and not _equal(old.literal, new.literal):
        return Reasons(
            (f"value {short(old.literal)} -> {short(new.literal)}",),
            BREAKING,
            "what reads the value gets another one",
        )
    redirections = [f"{name} {text}" for name, text in elsewhere.items()]
    if pieces is None or found is None:
        return Reasons((*_facts(old, new), *redirections) or (_rest(new),))
    header = compare_headers(*pieces)
    members = _members(old, new)
    body = _body(found, pieces[1]) and not _follows(header, pieces)
    calls = _calls(old, new) if new.kind is Kind.FUNCTION else []
    constant = _constant(found, pieces) if body else ""
    words = [*header.words, *members, *redirections, *calls]
    if constant and not (header.words or calls or members):
        words.append(constant)
    elif body and not calls and not members:
        words.append(_rest(new))
    marks = {s.first for s in pieces[1].statements if s.kind == "decorator"}
    moved = {line: note for line, note in found.new_notes.items() if line not in marks}
    if moved and not body and not members:
        words.append(_moved(moved, pieces[1]))
    if not words and before and after:
        outside = before.around(old), after.around(new)
        around = align(*outside)
        if layout and _only_import_order(around, outside):
            return Reasons((IMPORT_ORDER,), COMPATIBLE, _NEIGHBOURS)
        if around:
            words.append("the code around it")
    if not words:
        return _unseen(old, new, pieces)
    surely = any(" or " not in text for text in elsewhere.values())
    evidence = Evidence(old, new, found, header, surely, body, constant)
    return Reasons(tuple(words), *suggest(evidence))


def may_be_layout(old: Definition, new: Definition) -> bool:
    """Tell from the facts alone whether the reason may be one of `LAYOUT`."""
    return _facing(old) == _facing(new)


def _facing(d: Definition) -> tuple[object, ...]:
    # Whether a star import may bind a name depends on the order of imports at the top.
    names = {(hole.chain, _has_star(hole.binding)) for hole in d.holes}
    return d.kind, d.attrs, d.members, d.parameters, d.plain, d.op, names


def _unseen(old: Definition, new: Definition, pieces: tuple[Piece, Piece]) -> Reasons:
    """Explain a difference that no statement and no name shows."""
    was, now = ([note.value for note in piece.docstrings] for piece in pieces)
    if was != now:
        if may_be_layout(old, new) and list(map(_text, was)) == list(map(_text, now)):
            return Reasons((DOCSTRING_LAYOUT,), COMPATIBLE, "only blanks in a docstring differ")
        return Reasons((DOCSTRING,))
    stars = any(_has_star(hole.binding) for hole in new.holes)
    if old.skeleton == new.skeleton and stars:
        return Reasons((_AMONG_STARS,))
    if was:
        return Reasons(("the file began or stopped to read docstrings",))
    return Reasons((_rest(new),))


def _text(docstring: str) -> str:
    """A docstring as `inspect.getdoc` shows it, without blanks at the ends of lines."""
    lines = inspect.cleandoc(docstring).splitlines()
    return "\n".join(line.rstrip() for line in lines).strip()


def _has_star(binding: Binding) -> bool:
    inner = binding[1] if binding[0] == "many" else ()
    return binding[0] == "star" or any(map(_has_star, inner))


def _only_import_order(found: Alignment, pieces: tuple[Piece, Piece]) -> bool:
    """Tell whether all that differs is the order of imports that stand together."""
    differing = [*found.old_statements, *found.new_statements]
    lines = {line for piece in pieces for line in _import_lines(piece)}
    notes = {*found.old_notes.items(), *found.new_notes.items()}
    if not found or not all(s.kind in ("Import", "ImportFrom") for s in differing):
        return False
    if any(note != "moved" or line not in lines for line, note in notes) or found.clauses:
        return False
    was, now = (_imports(piece) for piece in pieces)
    return was == now and all(_is_free(suite) for suite in now)


def _is_free(suite: Counter[_Imported]) -> bool:
    """Whether the order means nothing to the names: the later one of two that bind a name wins."""
    targets: dict[str, set[_Imported]] = {}
    for imported in suite:
        level, module, name, bound = imported
        # `import a.b` and `import a.c` bind the same `a`.
        whole = not (level or name) and bound == module.partition(".")[0]
        targets.setdefault(bound, set()).add((0, bound, "", bound) if whole else imported)
    return "*" not in targets and all(len(found) == 1 for found in targets.values())


def _import_lines(piece: Piece) -> list[int]:
    inside = (s for top in piece.statements for s in top.walk())
    return [s.first for s in inside if s.kind in ("Import", "ImportFrom")]


def _imports(piece: Piece) -> list[Counter[_Imported]]:
    """The imports of each suite: level, module, name, what it is bound as."""
    suites = [piece.statements]
    suites += [s.statements for top in piece.statements for i in top.walk() for s in i.suites]
    return [Counter(found for s in suite for found in _imported(s.node)) for suite in suites]


def _imported(node: ast.AST) -> Iterator[_Imported]:
    match node:
        case ast.Import():
            for alias in node.names:
                yield 0, alias.name, "", alias.asname or alias.name.partition(".")[0]
        case ast.ImportFrom():
            for alias in node.names:
                yield node.level, node.module or "", alias.name, alias.asname or alias.name


def _follows(header: Header, pieces: tuple[Piece, Piece]) -> bool:
    """Tell whether the body differs by the new name of a parameter and by nothing else."""
    return header.renamed is not None and differs_by_name_only(*header.renamed, *pieces)


def redirected(old: Definition, new: Definition) -> dict[str, str]:
    """Find the names whose spelling stayed and whose meaning did not.

    Returns:
        {`math.sqrt` as spelled: `resolves to cmath.sqrt (was math.sqrt)`}; the first name
        alone when several of its attributes are read.
    """
    was, now = (_bindings(definition) for definition in (old, new))
    moved: dict[str, list[tuple[Hole, Hole]]] = {}
    for chain, holes in now.items():
        # A name that a statement binds and reads has a hole for each.
        come = [h for h in holes if all(h.binding != b.binding for b in was.get(chain, ()))]
        gone = [h for h in was.get(chain, ()) if all(h.binding != a.binding for a in holes)]
        if come and gone:
            moved.setdefault(come[0].name, []).append((gone[0], come[0]))
    found: dict[str, str] = {}
    for name, pairs in moved.items():
        before, hole = pairs[0]
        attrs = hole.attrs if len(pairs) == 1 else ()
        target, origin = (_target(h.binding, name, attrs) for h in (hole, before))
        found[".".join((name, *attrs))] = (
            f"resolves to {target} (was {origin})"
            if target != origin
            else f"is bound {_times(hole.binding)} in its file (was {_times(before.binding)})"
        )
    return found


def _bindings(definition: Definition) -> dict[str, list[Hole]]:
    found: dict[str, list[Hole]] = {}
    for hole in definition.holes:
        if hole.name != "<import>":
            found.setdefault(hole.chain, []).append(hole)
    return found


def _target(binding: Binding, name: str, attrs: Sequence[str]) -> str:
    """Where a name leads, as a person would say it."""
    match binding:
        case ("builtin",):
            return ".".join((f"the builtin {name}", *attrs))
        case ("unknown",):
            return f"something ({name} was not looked up)"
        case ("absent",):
            return f"nothing ({name} is not defined)"
        case ("global",):
            return ".".join((f"{name} of this file", *attrs))
        case ("import", module):
            return ".".join((module, *attrs))
        case ("from", level, module, original):
            dots = "." * level
            stem = f"{dots}{module}." if module else dots
            return ".".join((f"{stem}{original}", *attrs))
        case ("star", fallback):
            return f"a star import or {_target(fallback, name, attrs)}"
        case ("many", bindings):
            return _either(_target(b, name, attrs) for b in bindings)
    return str(binding)


def _either(targets: Iterable[str]) -> str:
    every = list(targets)
    if len(set(every)) == 1 < len(every):
        return f"{every[0]} (bound more than once)"
    different = list(dict.fromkeys(every))
    more = len(different) - _MOST
    return " or ".join(different[:_MOST]) + (f" or {more} more" if more > 0 else "")


def _times(binding: Binding) -> str:
    count = len(binding[1]) if binding[0] == "many" else 1
    return "once" if count == 1 else f"{count} times"


def _import(old: Definition, new: Definition) -> Reasons:
    was, now = (
        _either(_target(h.binding, h.name, h.attrs) for h in d.holes if _is_of(h, d))
        for d in (old, new)
    )
    if was == now:
        stars = any(_has_star(hole.binding) for hole in (*old.holes, *new.holes))
        return Reasons((_AMONG_STARS if stars else "the condition of the import",))
    return Reasons((f"resolves to {now} (was {was})",), BREAKING, "the name leads to other code")


def _is_of(hole: Hole, definition: Definition) -> bool:
    """Whether a hole is for an import that binds the name; others are for what stands around."""
    return hole.name in (definition.name, definition.qualname) and hole.binding[0] != "many"


def _facts(old: Definition, new: Definition) -> list[str]:
    """What the facts alone tell, without the source."""
    words: list[str] = []
    words += [f"parameter {p} added" for p in new.parameters if p not in old.parameters]
    words += [f"parameter {p} removed" for p in old.parameters if p not in new.parameters]
    return words + _members(old, new) + _calls(old, new)


def _members(old: Definition, new: Definition) -> list[str]:
    words = [f"{m.rpartition('.')[2]} added" for m in new.members if m not in old.members]
    words += [f"{m.rpartition('.')[2]} removed" for m in old.members if m not in new.members]
    if new.kind is not Kind.CLASS:
        return words  # defaults of parameters are told from the statements
    for name in new.values.keys() & old.values.keys():
        was, now = old.values[name], new.values[name]
        if was is not None and now is not None and not _equal(was, now):
            words.append(f"value of {name} {short(was)} -> {short(now)}")
    return sorted(words)


def _equal(one: str, other: str) -> bool:
    """Whether two literals, as they are written, are one value of one type."""
    if one == other:
        return True
    try:
        return shape(ast.parse(one, mode="eval")) == shape(ast.parse(other, mode="eval"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def _calls(old: Definition, new: Definition) -> list[str]:
    words: list[str] = []
    for verb, here, there in (("added", new, old), ("removed", old, new)):
        others = {hole.chain for hole in there.holes}
        names = [
            hole.chain
            for hole in here.holes
            if hole.called and hole.chain not in others and hole.chain not in HARMLESS
        ]
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            plural = "calls" if len(names) > 1 else "call"
            words.append(f"{plural} {verb}: {', '.join(names[:3])}{more}")
    return words


def _body(found: Alignment, after: Piece) -> bool:
    """Tell whether something below the header differs, moves not counted."""
    if found.clauses:
        return True
    if not any(above(s) for s in after.statements):
        return bool(found.removed or found.added)
    inside = [s for s in (*found.old_statements, *found.new_statements) if not above(s)]
    return any(s.kind != "member" for s in inside)


def _moved(notes: dict[int, str], after: Piece) -> str:
    if all(note == "moved" for note in notes.values()):
        return "order of statements"
    (line, note), *more = notes.items()
    if more:
        return "statements moved"
    return f'"{short(after.lines[line - 1].strip())}" {note}'


def _constant(found: Alignment, pieces: tuple[Piece, Piece]) -> str:
    """The one token that was replaced by another one, if that is all."""
    if len(found.removed) != 1 or len(found.added) != 1:
        return ""
    texts: list[str] = []
    for marked, piece in zip((found.removed, found.added), pieces, strict=True):
        (line, spans), *_ = marked.items()
        if len(spans) != 1:
            return ""
        (first, last), *_ = spans
        texts.append(piece.lines[line - 1][first:last])
    if any(len(text) > WIDTH for text in texts):
        return ""
    return f"{texts[0]} -> {texts[1]}"


def _kind(definition: Definition) -> str:
    return "value" if definition.kind is Kind.GLOBAL else str(definition.kind)


def _rest(definition: Definition) -> str:
    return {
        Kind.FUNCTION: "body",
        Kind.CLASS: "class body",
        Kind.GLOBAL: "value",
        Kind.IMPORT: "import",
        Kind.MODULE: "statements run on import",
    }[definition.kind]
