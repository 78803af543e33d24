"""Where a definition stands, and how what it uses is spelled in its digest.

Rule 10b: `m.f()` and `from m import f; f()` are spelled alike where they are calls. Rule 10c, on
request: a relative import is spelled as the absolute one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mandala_git.config import NO_RULES, RELATIVE_IMPORTS, Rules
from mandala_git.source.constants import text_bytes
from mandala_git.source.definitions import Binding, Kind, is_test


@dataclass(frozen=True, slots=True)
class Place:
    """What a definition needs to know of where it stands.

    Attributes:
        classes: the names of the classes around it, outermost first.
        lookup: what a free name is bound to in the file.
        stars: the `import *` statements of the file, as ("from", level, module, "*").
        docs: something in the file reads docstrings.
        readers: bases and decorators of the class (or of the classes around), dotted.
        future: the file has `from __future__ import annotations`.
        rules: what the project adds to the rules of the normal form.
    """

    path: str
    qualname: str
    kind: Kind
    classes: tuple[str, ...]
    lookup: Callable[[str], Binding]
    stars: tuple[Binding, ...] = ()
    docs: bool = False
    readers: tuple[str, ...] = ()
    future: bool = False
    rules: Rules = NO_RULES

    @property
    def own(self) -> str:
        """The qualified name without the number of a second definition of it."""
        return self.qualname.partition("#")[0]


def absolute(binding: Binding, path: str) -> Binding:
    """Spell a relative import from its package (rule 10c); a `src` folder is no package."""
    _, level, module, name = binding
    package = path.removeprefix("src/").split("/")[:-1]
    if level > len(package):
        return binding
    base = package[: len(package) - level + 1]
    return ("from", 0, ".".join((*base, module)) if module else ".".join(base), name)


def encode_binding(binding: Binding) -> bytes:
    """Write a binding injectively."""
    out = [b"("]
    for item in binding:
        if isinstance(item, tuple):
            out.append(encode_binding(item))
        elif isinstance(item, int):
            out.append(b"i%d;" % item)
        else:
            out.append(text_bytes(item))
    out.append(b")")
    return b"".join(out)


def spell_hole(
    place: Place, name: str, attrs: tuple[str, ...], binding: Binding, called: bool
) -> bytes:
    """Spell a hole for the digest: where it leads, as far as the file says."""
    form = binding[0]
    if form == "import":
        return b"Hi" + text_bytes(".".join((binding[1], *attrs)))
    rest = b"%d;" % len(attrs) + b"".join(map(text_bytes, attrs))
    if form == "from":
        if binding[1] and RELATIVE_IMPORTS in place.rules.equal:
            binding = absolute(binding, place.path)
        if called and binding[1] == 0 and not is_test(place.path):  # rule 10b
            return b"Hi" + text_bytes(".".join((binding[2], binding[3], *attrs)))
        return b"Hf%d;" % binding[1] + text_bytes(binding[2]) + text_bytes(binding[3]) + rest
    if form == "global" and name == place.own:
        return b"Hs" + rest  # a recursive function may be renamed
    out = b"Hb" + encode_binding(binding) + text_bytes(name) + rest
    if form == "star":
        out += b"".join(encode_binding(star) for star in place.stars)
    return out
