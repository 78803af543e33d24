"""Code objects: the proof that a loaded function comes from a source, and whose it is."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator
from types import CodeType

from blake3 import blake3

from mandala_git.source.definitions import Definition, FileFacts, Kind, by_name


def code_hash(code: CodeType) -> bytes:
    """Hash what a code object does: not its file, nor its lines.

    Two code objects of one Python version with equal hashes run the same instructions on
    the same constants and names. The bytecode is the original one, without what the
    specializing interpreter writes into it.

    Returns:
        16 bytes of blake3.
    """
    digest = blake3()
    pending: list[object] = [code]
    while pending:
        value = pending.pop()
        if isinstance(value, CodeType):
            numbers = (
                value.co_argcount,
                value.co_posonlyargcount,
                value.co_kwonlyargcount,
                value.co_flags,
                value.co_nlocals,
            )
            names = (value.co_names, value.co_varnames, value.co_freevars, value.co_cellvars)
            digest.update(b"C%d,%d,%d,%d,%d;" % numbers)
            digest.update(_sized(value.co_code))
            digest.update(_sized(value.co_exceptiontable))
            digest.update(_sized(value.co_qualname.encode("utf-8", "surrogatepass")))
            for group in names:
                digest.update(b"N%d;" % len(group))
                for name in group:
                    digest.update(_sized(name.encode("utf-8", "surrogatepass")))
            pending.append(value.co_consts)
        elif isinstance(value, tuple):
            digest.update(b"T%d;" % len(value))
            pending.extend(reversed(value))
        elif isinstance(value, frozenset):
            digest.update(b"F%d;" % len(value))
            # the order of a set depends on the process: sort by what is written
            for item in sorted(_constant(item) for item in value):
                digest.update(item)
        else:
            digest.update(_constant(value))
    return digest.digest(length=16)


def _sized(data: bytes) -> bytes:
    return b"%d:%b" % (len(data), data)


def _constant(value: object) -> bytes:
    if isinstance(value, bool) or value is None or value is Ellipsis:
        return b"K" + _sized(repr(value).encode())
    if isinstance(value, int):
        return b"i%x;" % value
    if isinstance(value, float):
        return b"f" + struct.pack(">d", value)
    if isinstance(value, complex):
        return b"c" + struct.pack(">dd", value.real, value.imag)
    if isinstance(value, str):
        return b"s" + _sized(value.encode("utf-8", "surrogatepass"))
    if isinstance(value, bytes):
        return b"b" + _sized(value)
    if isinstance(value, tuple):
        return b"t" + b"".join(_sized(_constant(item)) for item in value) + b";"
    if isinstance(value, frozenset):
        return b"z" + b"".join(sorted(_sized(_constant(item)) for item in value)) + b";"
    if isinstance(value, slice):  # a constant since Python 3.14
        return b"l" + _sized(_constant((value.start, value.stop, value.step)))
    raise TypeError(f"a constant of an unknown type in a code object: {type(value).__name__}")


def file_codes(data: bytes, path: str) -> dict[tuple[str, int], bytes]:
    """Hash every code object that a source compiles to on this Python, without running it.

    Args:
        data: the bytes of the file.
        path: its name, for messages only.

    Returns:
        {(qualified name, first line): hash}, functions, classes, lambdas and the module
        itself at any depth; empty when this Python cannot compile the source. Several on
        one line that share a name have their hashes (16 bytes each) one behind the other.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = compile(data, path or "<source>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return {}
    return module_codes(module)


def module_codes(module: CodeType) -> dict[tuple[str, int], bytes]:
    """Hash a module's code object and every one inside it, see `file_codes`."""
    found: dict[tuple[str, int], bytes] = {}
    for code in walk(module):
        place = code.co_qualname, code.co_firstlineno
        found[place] = found.get(place, b"") + code_hash(code)
    return found


def walk(code: CodeType) -> Iterator[CodeType]:
    """Yield a code object and all that are inside it."""
    pending = [code]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(c for c in reversed(current.co_consts) if isinstance(c, CodeType))


def owner(facts: FileFacts, co_qualname: str, firstlineno: int) -> Definition | None:
    """Find the definition that a running code object belongs to.

    Args:
        facts: of the file that the code was loaded from.
        co_qualname: `Model.fit`, `fit.<locals>.inner`, `<lambda>`, `<module>`.
        firstlineno: its first line, which tells repeated names and lambdas apart.

    Returns:
        The function or class that it is or is nested in; for lambdas and comprehensions of
        the module the binding on that line; `<module>` for the rest. None when the file
        has no definitions.
    """
    module = facts.definitions[-1] if facts.definitions else None
    if module is None or co_qualname == "<module>":
        return module
    outer = co_qualname.partition(".<locals>")[0]
    parts = outer.split(".")
    while parts and parts[-1].startswith("<"):
        parts.pop()
    if parts:
        named = [
            d
            for d in by_name(facts.definitions, ".".join(parts))
            if d.kind in (Kind.FUNCTION, Kind.CLASS)
        ]
        inside = [d for d in named if d.lines[0] <= firstlineno <= d.lines[1]]
        if inside or len(named) == 1:
            return _narrowest(inside) or named[0]
    return _narrowest(
        [
            d
            for d in facts.definitions
            if d.kind in (Kind.FUNCTION, Kind.CLASS, Kind.GLOBAL)
            and d.lines[0] <= firstlineno <= d.lines[1]
        ]
    ) or module  # fmt: skip


def _narrowest(definitions: list[Definition]) -> Definition | None:
    return min(definitions, key=lambda d: d.lines[1] - d.lines[0], default=None)
