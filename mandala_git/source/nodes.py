"""Questions about single nodes of a libcst tree; nothing here walks or resolves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from mandala_git.source import constants
from mandala_git.source.constants import identifier, string_value

SINGLETONS = {"None": b"Kn", "True": b"Kt", "False": b"Kf"}
DEFINITIONS = frozenset(["FunctionDef", "ClassDef"])
_SPELLED = frozenset(["Name", "Integer", "Float", "Imaginary", "SimpleString"])
IMPORTS = frozenset(["Import", "ImportFrom", "LazyImport", "LazyImportFrom"])


def joined(node: Any) -> Iterable[Any]:
    """Yield the literals of an implicit concatenation, in order."""
    while node.__class__.__name__ == "ConcatenatedString":
        yield node.left
        node = node.right
    yield node


def literal_texts(node: Any) -> Iterable[str]:
    """Yield the literal text inside a string expression."""
    for part in joined(node):
        kind = part.__class__.__name__
        if kind == "SimpleString":
            yield part.value
        elif kind == "FormattedString":
            for piece in part.parts:
                if piece.__class__.__name__ == "FormattedStringText":
                    yield piece.value


def is_literal_text(argument: Any) -> bool:
    """Tell whether an argument is a string that is written there as a whole."""
    return not argument.star and all(
        part.__class__.__name__ == "SimpleString" for part in joined(argument.value)
    )


def source_of(node: Any) -> str:
    """Return the source text of a node."""
    if node.__class__.__name__ in _SPELLED and not node.lpar:
        return str(node.value)
    import libcst

    return str(libcst.Module([]).code_for_node(node))


def flat(body: Iterable[Any]) -> Iterator[Any]:
    """Yield the statements of a suite, those of a line one by one."""
    for item in body:
        if item.__class__.__name__ == "SimpleStatementLine":
            yield from item.body
        else:
            yield item


def docstring(statement: Any) -> str | None:
    """Return the docstring that a first statement is, if it is one."""
    if statement is None or statement.__class__.__name__ != "Expr":
        return None
    parts = list(joined(statement.value))
    if any(part.__class__.__name__ != "SimpleString" for part in parts):
        return None
    values = [constants.string_value(part.value) for part in parts]
    if any(isinstance(value, bytes) for value in values):
        return None
    return "".join(str(value) for value in values)


def is_idle(statement: Any) -> bool:
    """Tell whether a statement does nothing: `pass`, or a constant on its own."""
    kind = statement.__class__.__name__
    if kind == "Pass":
        return True
    if kind != "Expr":
        return False
    value = statement.value
    kind = value.__class__.__name__
    if kind == "Name":
        return value.value in SINGLETONS
    if kind == "ConcatenatedString":
        return all(part.__class__.__name__ == "SimpleString" for part in joined(value))
    return kind in ("SimpleString", "Integer", "Float", "Imaginary", "Ellipsis")


def is_plain_return(statement: Any) -> bool:
    """Tell whether a statement is `return` or `return None`."""
    if statement.__class__.__name__ != "Return":
        return False
    value = statement.value
    return value is None or (value.__class__.__name__ == "Name" and value.value == "None")


def is_object(base: Any) -> bool:
    """Tell whether a base class is written `object`."""
    value = base.value
    return not base.star and value.__class__.__name__ == "Name" and value.value == "object"


def dotted_name(node: Any) -> str:
    """Return `a.b.c` of an import."""
    parts = []
    while node.__class__.__name__ == "Attribute":
        parts.append(identifier(node.attr.value))
        node = node.value
    parts.append(identifier(node.value))
    return ".".join(reversed(parts))


_LEAVING = frozenset(["Return", "Raise", "Continue", "Break"])


def leaves(body: Any) -> bool:
    """Tell whether a suite never runs off its end."""
    last = list(flat(body.body))[-1]
    while last.__class__.__name__ == "If" and last.orelse is not None and leaves(last.body):
        last = last.orelse
        if last.__class__.__name__ == "Else":
            return leaves(last.body)
    return last.__class__.__name__ in _LEAVING


def unnested(statements: Iterable[Any]) -> list[Any]:
    """Move what stands under the `else` of a branch that always leaves behind it (rule 8h)."""
    found: list[Any] = []
    pending = list(statements)[::-1]
    while pending:
        item = pending.pop()
        orelse = getattr(item, "orelse", None)
        if item.__class__.__name__ == "If" and orelse is not None and leaves(item.body):
            found.append(item.with_changes(orelse=None))
            if orelse.__class__.__name__ == "If":
                pending.append(orelse)
            else:
                pending += list(flat(orelse.body.body))[::-1]
        else:
            found.append(item)
    return found


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


def only_imports(node: Any) -> bool:
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
            if name in IMPORTS:
                found = True
            elif name in ("If", "Try"):
                pending.append(statement)
            elif not is_idle(statement):
                return False
    return found


def stores_elsewhere(node: Any) -> bool:
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


def hooks_subclasses(node: Any) -> bool:
    """Tell whether a class can look at its subclasses as they are made."""
    return any(
        getattr(getattr(item, "name", None), "value", "") == "__init_subclass__"
        for item in flat(node.body.body)
    )


def is_constant(node: Any) -> bool:
    kind = node.__class__.__name__
    return kind in ("SimpleString", "Integer") or (kind == "Name" and node.value in SINGLETONS)
