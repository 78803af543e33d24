"""The lasting text of a definition, and the way back from it to the definition.

    mandala text 1
    {"bindings": {...}, "key": "src/train.py::fit", "kind": "function", ...}

    @op
    def fit(x): ...

The header says what the source alone does not: the key, the bindings of the free names
that are used, the class around. It holds no digest and no scheme: those are derived, and
may be derived anew by another version of this package from the same text.
"""

from __future__ import annotations

import json
from typing import Any

from mandala_git.config import NO_RULES, Rules
from mandala_git.errors import SourceError
from mandala_git.source.deep import deeply
from mandala_git.source.definitions import Binding, Definition, Kind, split_key
from mandala_git.source.nodes import flat
from mandala_git.source.normal import Normal, normalize
from mandala_git.source.sources import Unreadable, parse
from mandala_git.source.spelling import Place
from mandala_git.source.tokens import FileSink
from mandala_git.source.units import (
    NAMES_ONLY,
    Role,
    Section,
    Unit,
    class_chain,
    class_scope,
    describe,
    doc_piece,
    doc_token,
    name_piece,
    registered_piece,
    text_id,
    walk_around,
    walk_class,
    walk_function,
    walk_member,
    walk_statement,
)
from mandala_git.source.walk import UnknownNode

__all__ = ["definition_from_text", "text_id", "write_text"]

FIRST_LINE = "mandala text 1\n"
_HEADER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def write_text(unit: Unit, place: Place, normal: Normal) -> bytes:
    """Write the lasting text of a unit that has been described."""
    header: dict[str, Any] = {
        "key": f"{place.path}::{unit.qualname}",
        "kind": str(unit.kind),
        "bindings": normal.used,
        "sections": [
            [str(s.role), s.source, *s.decorators]
            if s.role in NAMES_ONLY
            else [str(s.role), s.source.count("\n") + 1]
            for s in unit.sections
        ],
    }
    if unit.classes:
        header["classes"] = unit.classes
    if unit.types:
        header["types"] = unit.types
    if unit.parent is not None:
        header["parent"] = unit.parent
    if unit.members:
        header["members"] = unit.members
    if normal.scope:
        header["scope"] = normal.scope
    if normal.starred:
        header["stars"] = place.stars
    if normal.documented:
        if place.docs:
            header["docs"] = True
        if place.readers:
            header["readers"] = place.readers
    if (normal.annotated or normal.unannotated) and place.future:
        header["future"] = True
    line = _HEADER.encode(header)
    source = "\n".join(s.source for s in unit.sections if s.role not in NAMES_ONLY)
    return f"{FIRST_LINE}{_safe(line)}\n\n{source}\n".encode("utf-8", "surrogatepass")


def _safe(line: str) -> str:
    """Escape lone surrogates, which JSON can spell and UTF-8 cannot."""
    if line.isascii():
        return line
    return "".join(f"\\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" else c for c in line)


def definition_from_text(text: bytes, *, rules: Rules = NO_RULES) -> Definition:
    """Derive a definition from its text, as the scan derived it from its file.

    Args:
        text: what `scan_texts` returned for the definition, at any time in the past.
        rules: what the project adds to the rules of the normal form.

    Raises:
        SourceError: this is no text of a version that we know, or it is damaged.
    """
    try:
        return deeply(lambda: _derive(text, rules))
    except (Unreadable, UnknownNode, RecursionError, ValueError, LookupError,
            TypeError, AttributeError) as error:  # fmt: skip
        raise SourceError(
            f"a stored text cannot be read: {type(error).__name__}: {error}",
            hint="the text is damaged or was written by a newer version: pip install -U mandala-git",
        ) from error


def _derive(text: bytes, rules: Rules) -> Definition:
    first, line, empty, source = text.decode("utf-8", "surrogatepass").split("\n", 3)
    if first + "\n" != FIRST_LINE or empty:
        raise ValueError(f"unknown first line {first[:40]!r}")
    header = json.loads(line)
    path, qualname = split_key(header["key"])
    unit = Unit(qualname, Kind(header["kind"]))
    unit.classes = tuple(header.get("classes", ()))
    unit.types = tuple(header.get("types", ()))
    unit.parent = header.get("parent")
    unit.members = list(header.get("members", ()))
    if unit.classes:
        scope = header.get("scope", {})
        sure = {name for name, is_sure in scope.items() if is_sure}
        unit.scope = class_scope(unit.classes, unit.types, set(scope), sure)
    bindings = {name: _tuple(value) for name, value in header["bindings"].items()}
    lines = source.split("\n")
    position = 0
    for role, extent, *decorators in header["sections"]:
        if role in NAMES_ONLY:
            section = Section(Role(role), extent, decorators=tuple(decorators))
            unit.sections.append(section)
        else:
            code = "\n".join(lines[position : position + extent])
            position += extent
            unit.sections.append(Section(Role(role), code, parse_section(code)))
    walk(unit, rules)
    place = Place(
        path=path,
        qualname=qualname,
        kind=unit.kind,
        classes=class_chain(unit),
        lookup=lambda name: bindings.get(name, ("unknown",)),
        stars=_tuple(header.get("stars", ())),
        docs=header.get("docs", False),
        readers=tuple(header.get("readers", ())),
        future=header.get("future", False),
        rules=rules,
    )
    return describe(unit, place, normalize(unit.pieces, place), text)


def parse_section(code: str) -> Any:
    """Parse the source of one section."""
    return next(flat(parse(code + "\n").body))


def walk(unit: Unit, rules: Rules) -> None:
    """Walk the sections of a unit that has been read from a text."""
    sink = FileSink(equal=rules.equal)
    if unit.kind is Kind.CLASS:
        walker = None
        for section in unit.sections:
            if section.role is Role.AROUND:
                unit.pieces.append(walk_around(unit, section.node, rules.equal))
            elif section.role is Role.CLASS:
                walker, piece = walk_class(unit, section.node, sink)
                unit.pieces.append(piece)
            elif walker is None:
                raise ValueError("a class without its header")
            elif section.role is Role.DOC:
                walker.out.append(doc_token(section.node))
            elif section.role in (Role.MEMBER, Role.NESTED):
                walk_member(walker, section.role, section.source)
            else:
                walker.encode(section.node)
        return
    for section in unit.sections:
        if section.role is Role.AROUND:
            unit.pieces.append(walk_around(unit, section.node, rules.equal))
        elif section.role is Role.DEF:
            unit.pieces.append(walk_function(unit, section.node, sink))
        elif section.role is Role.DOC:
            unit.pieces.append(doc_piece(section.node))
        elif section.role is Role.REGISTERED:
            unit.pieces.append(registered_piece(section, rules))
        elif section.role in NAMES_ONLY:
            unit.pieces.append(name_piece(section.role, section.source))
        else:
            unit.pieces.append(walk_statement(section.node, sink))


def _tuple(value: Any) -> Binding:
    return tuple(_tuple(v) if isinstance(v, list) else v for v in value)


def source_of(text: bytes) -> str:
    """Return the source in a text, as it stands in its file but for what is around it.

    Raises:
        SourceError: this is no text of a version that we know.
    """
    parts = text.decode("utf-8", "surrogatepass").split("\n", 3)
    if len(parts) != 4 or parts[0] + "\n" != FIRST_LINE:
        raise SourceError(
            f"a stored text begins with {parts[0][:40]!r}",
            hint="it was written by a newer version: pip install -U mandala-git",
        )
    return parts[3].rstrip("\n")
