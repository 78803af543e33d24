"""Why a definition counts as changed, in words, and what its author probably means by it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mandala_git.source.aligned import Alignment, align
from mandala_git.source.definitions import Binding, Definition, Hole, Kind
from mandala_git.source.headers import WIDTH, Header, above, compare_headers, short
from mandala_git.source.pieces import Piece, Source, Statement

COMPATIBLE = "compatible"
BREAKING = "breaking"

_LOGGERS = frozenset({"log", "logger", "_log", "_logger", "LOG", "LOGGER"})
_LEVELS = frozenset({"debug", "info", "warning", "warn", "error", "exception", "critical", "log"})
_HARMLESS = frozenset({"len", "str", "repr", "round", "type", "format"})


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
    words: list[str] = []
    pieces = (before.piece(old), after.piece(new)) if before and after else None
    if pieces is None or not (pieces[0].complete and pieces[1].complete):
        words = [*_facts(old, new), *(f"{name} {text}" for name, text in elsewhere.items())]
        return Reasons(tuple(words or [_rest(new)]))
    found = align(*pieces)
    header = compare_headers(pieces[0], pieces[1])
    members = _members(old, new)
    body = _body(found, pieces[1])
    calls = _calls(old, new) if new.kind is Kind.FUNCTION else []
    words += header.words + members
    words += [f"{name} {text}" for name, text in elsewhere.items()]
    words += calls
    constant = _constant(found, pieces) if body else ""
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
    if not words and pieces[0].notes + pieces[1].notes:
        words.append(
            "docstring only (read by __doc__, so it counts)"
            if _docstring(pieces[0]) != _docstring(pieces[1])
            else "the file began or stopped to read docstrings"
        )
    suggestion, why = _suggest(old, new, found, header, elsewhere, body, bool(constant))
    return Reasons(tuple(words or [_rest(new)]), suggestion, why)


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
            if hole.called and hole.chain not in others and hole.chain not in _HARMLESS
        ]
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            plural = "calls" if len(names) > 1 else "call"
            words.append(f"{plural} {verb}: {', '.join(names[:3])}{more}")
    return words


def _body(found: Alignment, after: Piece) -> bool:
    """Tell whether something below the header differs, moves not counted."""
    if not any(above(s) for s in after.statements):
        return bool(found.removed or found.added)
    inside = [s for s in (*found.old_statements, *found.new_statements) if not above(s)]
    return any(s.kind != "member" for s in inside)


def _docstring(piece: Piece) -> list[str]:
    return [piece.lines[n - 1] for first, last in piece.notes for n in range(first, last + 1)]


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


def _suggest(
    old: Definition,
    new: Definition,
    found: Alignment,
    header: Header,
    elsewhere: dict[str, str],
    body: bool,
    constant: bool,
) -> tuple[str | None, str]:
    if elsewhere:
        return BREAKING, "a name leads to other code"
    if header.defaults:
        return BREAKING, "calls that leave the parameter out get another value"
    changed = [s for s in found.new_statements if not above(s)]
    gone = [s for s in found.old_statements if not above(s)]
    if header.optional and not header.other and not found.new_notes and not found.deleted:
        names = set(header.optional)
        if not body:
            return COMPATIBLE, "a new parameter with a default, and nothing reads it yet"
        if changed and all(_reads(s, names) for s in changed):
            return (
                COMPATIBLE,
                "a new parameter with a default, and only lines that read it differ",
            )
    plain = not (header.words or found.new_notes or gone)
    if plain and changed and all(_only_logs(s, new) for s in changed):
        return COMPATIBLE, "only logging added"
    if header.annotations and not body and not new.op and new.plain:
        return COMPATIBLE, "only annotations differ"
    if constant and not header.words and _is_literal(found):
        return BREAKING, "a constant differs"
    return None, ""


def _reads(statement: Statement, names: Iterable[str]) -> bool:
    return any(isinstance(node, ast.Name) and node.id in names for node in ast.walk(statement.node))


def _only_logs(statement: Statement, definition: Definition) -> bool:
    """An expression statement that calls print, warnings or a logger with harmless arguments."""
    node = statement.node
    if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        return False
    call = node.value
    if not _is_logger(call.func, definition):
        return False
    for part in (*call.args, *call.keywords):
        for inner in ast.walk(part):
            if isinstance(inner, ast.NamedExpr | ast.Await | ast.Yield | ast.YieldFrom):
                return False
            if isinstance(inner, ast.Call) and not (
                isinstance(inner.func, ast.Name) and inner.func.id in _HARMLESS
            ):
                return False
    return True


def _is_logger(func: ast.expr, definition: Definition) -> bool:
    chain = _dotted(func)
    bindings = {hole.chain: hole.binding for hole in definition.holes}
    head, _, last = chain.rpartition(".")
    if chain == "print":
        return bindings.get(chain) == ("builtin",)
    if bindings.get(chain) in (("import", "logging"), ("import", "warnings")):
        return last in _LEVELS
    return last in _LEVELS and head.removeprefix("self.") in _LOGGERS


def _is_literal(found: Alignment) -> bool:
    pair = (*found.old_statements, *found.new_statements)
    if len(pair) != 2:
        return False
    old, new = ([n.value for n in ast.walk(s.node) if isinstance(n, ast.Constant)] for s in pair)
    names = [[n.id for n in ast.walk(s.node) if isinstance(n, ast.Name)] for s in pair]
    return len(old) == len(new) and old != new and names[0] == names[1]


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


def _dotted(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""
