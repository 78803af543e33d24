"""Stored texts as people read them: a definition whose file is not at hand, as a file of its own."""

from __future__ import annotations

import json
import re
import textwrap

from mandala_git.source.definitions import Definition
from mandala_git.source.pieces import Sources
from mandala_git.source.units import NAMES_ONLY, Role

_NUMBER = re.compile(r"#\d+")


def alone(definition: Definition, text: bytes) -> tuple[Definition, Sources]:
    """Make a file that holds one definition alone, so that it can be compared line by line.

    Args:
        definition: what the text defines.
        text: as it is stored (`texts.py`).

    Returns:
        The definition where it stands in that file, and the file. Its line numbers say nothing
        about the file that it came from.
    """
    source = _source(text)
    qualname = _NUMBER.sub("", definition.qualname)
    classes = qualname.split(".")[:-1]
    for name in reversed(classes):
        source = f"class {name}:\n" + textwrap.indent(source, "    ")
    first, last = len(classes) + 1, source.count("\n") + 1
    data = (source + "\n").encode("utf-8", "surrogatepass")
    found = definition._replace(qualname=qualname, lines=(first, last))
    return found, Sources(lambda path: data, notebooks=False)


def _source(text: bytes) -> str:
    """Put the sections of a text together again; methods of a class are their names alone."""
    parts = text.decode("utf-8", "surrogatepass").split("\n", 3)
    if len(parts) < 4:
        return ""
    left = parts[3].split("\n")
    head, body = "", []
    for role, extent in json.loads(parts[1])["sections"]:
        if role in NAMES_ONLY:
            if role in (Role.MEMBER, Role.NESTED):
                word = "def {}(): ..." if role == Role.MEMBER else "class {}: ..."
                body.append(word.format(_NUMBER.sub("", extent)))
            continue
        lines, left = left[:extent], left[extent:]
        if role == Role.CLASS:
            head = "\n".join(lines).rstrip().removesuffix("pass").rstrip()
        elif role != Role.AROUND:
            body.append(textwrap.dedent("\n".join(lines)))
    if not head:
        return "\n".join(body)
    return head + "\n" + textwrap.indent("\n".join(body) or "pass", "    ")
