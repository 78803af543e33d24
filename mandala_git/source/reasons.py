"""Why a definition counts as changed, in words, and what its author probably means by it."""

from __future__ import annotations

import ast
import inspect
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mandala_git.source.aligned import Alignment, align
from mandala_git.source.definitions import Binding, Definition, Hole, Kind
from mandala_git.source.headers import WIDTH, Header, above, compare_headers, short
from mandala_git.source.pieces import Piece, Source
from mandala_git.source.renaming import differs_by_name_only
from mandala_git.source.suggestions import BREAKING, COMPATIBLE, HARMLESS, Evidence, suggest

IMPORT_ORDER = "order of imports"
DOCSTRING = "docstring only (read by __doc__, so it counts)"
DOCSTRING_LAYOUT = "layout of a docstring only (read by __doc__, so it counts)"
FORMAL = frozenset({IMPORT_ORDER, DOCSTRING_LAYOUT})
"""Reasons that formatters make and that Python can see all the same."""


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
    if new.kind is Kind.IMPORT and old.kind is Kind.IMPORT:
        return _import(old, new)
    if old.kind is not new.kind:
        return Reasons((f"was a {_kind(old)}, is a {_kind(new)}",))
    if old.literal is not None and new.literal is not None and old.literal != new.literal:
        return Reasons(
            (f"value {short(old.literal)} -> {short(new.literal)}",),
            BREAKING,
            "what reads the value gets another one",
        )
    redirections = [f"{name} {text}" for name, text in elsewhere.items()]
    pieces = (before.piece(old), after.piece(new)) if before and after else None
    if pieces is None or not (pieces[0].complete and pieces[1].complete):
        return Reasons((*_facts(old, new), *redirections) or (_rest(new),))
    found = align(*pieces)
    if not elsewhere and _only_import_order(found, pieces):
        return Reasons((IMPORT_ORDER,), COMPATIBLE, "only neighbouring imports changed places")
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
    if not words and before and after and align(before.around(old), after.around(new)):
        words.append("the code around it")
    if not words:
        return _unseen(old, new, pieces)
    evidence = Evidence(new, found, header, bool(elsewhere), body, constant)
    return Reasons(tuple(words), *suggest(evidence))


def _unseen(old: Definition, new: Definition, pieces: tuple[Piece, Piece]) -> Reasons:
    """Explain a difference that no statement and no name shows."""
    was, now = ([note.value for note in piece.docstrings] for piece in pieces)
    if was != now:
        if list(map(_text, was)) == list(map(_text, now)):
            return Reasons((DOCSTRING_LAYOUT,), COMPATIBLE, "only blanks in a docstring differ")
        return Reasons((DOCSTRING,))
    stars = any(_has_star(hole.binding) for hole in new.holes)
    if old.skeleton == new.skeleton and stars:
        return Reasons(("the star imports of the file",))
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
    # The later one of two that bind a name wins.
    bound = Counter(name for _, _, _, name in now)
    return Counter(was) == Counter(now) and "*" not in bound and max(bound.values()) == 1


def _import_lines(piece: Piece) -> list[int]:
    inside = (s for top in piece.statements for s in top.walk())
    return [s.first for s in inside if s.kind in ("Import", "ImportFrom")]


def _imports(piece: Piece) -> list[tuple[int, str, str, str]]:
    """Each name that is imported: level, module, name, what it is bound as."""
    found = []
    for node in piece.nodes:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Import):
                found += [
                    (0, a.name, "", a.asname or a.name.partition(".")[0]) for a in inner.names
                ]
            elif isinstance(inner, ast.ImportFrom):
                module = inner.module or ""
                found += [(inner.level, module, a.name, a.asname or a.name) for a in inner.names]
    return found


def _follows(header: Header, pieces: tuple[Piece, Piece]) -> bool:
    """Tell whether the body differs by the new name of a parameter and by nothing else."""
    return header.renamed is not None and differs_by_name_only(*header.renamed, *pieces)


def redirected(old: Definition, new: Definition) -> dict[str, str]:
    """Find the names whose spelling stayed and whose meaning did not.

    Returns:
        {`math.sqrt` as spelled: `resolves to cmath.sqrt (was math.sqrt)`}; the first name
        alone when several of its attributes are read.
    """
    was = {hole.chain: hole for hole in old.holes if hole.name != "<import>"}
    moved: dict[str, list[tuple[Hole, Hole]]] = {}
    for hole in new.holes:
        before = was.get(hole.chain)
        if before is not None and before.binding != hole.binding:
            moved.setdefault(hole.name, []).append((before, hole))
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


def _target(binding: Binding, name: str, attrs: Sequence[str]) -> str:
    """Where a name leads, as a person would say it."""
    match binding:
        case ("builtin",):
            return ".".join((f"the builtin {name}", *attrs))
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
            targets = dict.fromkeys(_target(b, name, attrs) for b in bindings)
            return " or ".join(targets) + (" (bound more than once)" if len(targets) == 1 else "")
    return str(binding)


def _times(binding: Binding) -> str:
    count = len(binding[1]) if binding[0] == "many" else 1
    return "once" if count == 1 else f"{count} times"


def _import(old: Definition, new: Definition) -> Reasons:
    was, now = (
        " or ".join(dict.fromkeys(_target(h.binding, h.name, h.attrs) for h in d.holes))
        for d in (old, new)
    )
    if was == now:
        return Reasons(("the condition of the import",))
    return Reasons((f"resolves to {now} (was {was})",), BREAKING, "the name leads to other code")


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
        if was != now and was is not None and now is not None:
            words.append(f"value of {name} {short(was)} -> {short(now)}")
    return sorted(words)


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
