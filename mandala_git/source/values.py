"""What the text alone tells of values: parameters, literals, what may change in place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mandala_git.source.constants import identifier
from mandala_git.source.nodes import SINGLETONS, joined, source_of

_NUMBERS = frozenset(["Integer", "Float", "Imaginary"])


def parameters(node: Any) -> tuple[str, ...]:
    """Return the names of parameters in order, `*args` and `**kw` with their stars."""
    names = [identifier(p.name.value) for p in (*node.posonly_params, *node.params)]
    if node.star_arg.__class__.__name__ == "Param":
        names.append("*" + identifier(node.star_arg.name.value))
    names += [identifier(p.name.value) for p in node.kwonly_params]
    if node.star_kwarg is not None:
        names.append("**" + identifier(node.star_kwarg.name.value))
    return tuple(names)


def default_values(node: Any) -> dict[str, str | None]:
    """Return the parameters that have a default, each with its literal if it is one."""
    found: dict[str, str | None] = {}
    for param in (*node.posonly_params, *node.params, *node.kwonly_params):
        if param.default is not None:
            is_one = is_literal(param.default)
            found[identifier(param.name.value)] = (
                source_of(param.default).strip() if is_one else None
            )
    return found


def single_assignment(node: Any) -> tuple[str, Any] | None:
    """Return name and value of `x = ...` or `x: T = ...`, else None."""
    kind = node.__class__.__name__
    if kind == "Assign" and len(node.targets) == 1:
        target = node.targets[0].target
    elif kind == "AnnAssign" and node.value is not None:
        target = node.target
    else:
        return None
    if target.__class__.__name__ != "Name":
        return None
    return identifier(target.value), node.value


def literal(statements: Sequence[tuple[Any, str]]) -> str | None:
    """Return the source of the literal that these statements bind once, if so.

    Args:
        statements: each with its source.
    """
    if len(statements) != 1:
        return None
    node, source = statements[0]
    pair = single_assignment(node)
    return _assigned(node, pair[1], source) if pair is not None and is_literal(pair[1]) else None


def _assigned(node: Any, value: Any, source: str) -> str:
    """Return the source of the value that a statement binds, which is the end of its source."""
    if node.__class__.__name__ == "Assign":
        name, before, after = (
            node.targets[0].target,
            node.targets[0].whitespace_before_equal,
            node.targets[0].whitespace_after_equal,
        )
        start = f"{name.value}{before.value}={after.value}"
        if not name.lpar and source.startswith(start):
            return source[len(start) :].strip()
    return source_of(value).strip()


def mutable(nodes: Sequence[Any]) -> bool:
    """Tell whether what these statements bind may change in place, as far as they tell."""
    for node in nodes:
        pair = single_assignment(node)
        if pair is None or not is_immutable(pair[1]):
            return True
    return False


def class_values(statements: Sequence[tuple[Any, str]]) -> dict[str, str | None]:
    """Return the data attributes of a class, each with its literal if it has one.

    Args:
        statements: each with its source.
    """
    found: dict[str, str | None] = {}
    for node, source in statements:
        pair = single_assignment(node)
        if pair is not None:
            name, value = pair
            is_one = name not in found and is_literal(value)
            found[name] = _assigned(node, value, source) if is_one else None
            continue
        for name in _bound(node):
            found[name] = None
    return found


def _bound(node: Any) -> Iterator[str]:
    """Yield the plain names that a statement of a class binds."""
    pending = [node]
    while pending:
        item = pending.pop()
        kind = item.__class__.__name__
        if kind in ("Assign",):
            pending += [t.target for t in item.targets]
        elif kind in ("AnnAssign", "AugAssign"):
            if kind == "AugAssign" or item.value is not None:
                pending.append(item.target)
        elif kind in ("Tuple", "List"):
            pending += [e.value for e in item.elements]
        elif kind == "Name":
            yield identifier(item.value)
        elif kind in ("FunctionDef", "ClassDef"):
            continue
        else:
            for attribute in ("body", "orelse", "finalbody", "handlers", "cases", "target"):
                child = getattr(item, attribute, None)
                if child is None or isinstance(child, str):
                    continue
                pending += list(child) if isinstance(child, (list, tuple)) else [child]


def is_literal(node: Any) -> bool:
    """Tell whether `ast.literal_eval` reads an expression."""
    pending = [node]
    while pending:
        item = pending.pop()
        kind = item.__class__.__name__
        if kind in ("Tuple", "List", "Set"):
            pending += item.elements
        elif kind == "Dict":
            for element in item.elements:
                if element.__class__.__name__ != "DictElement":
                    return False
                pending += [element.key, element.value]
        elif kind == "Element":
            pending.append(item.value)
        elif kind == "BinaryOperation":
            # only `1 + 2j`, in this order
            right = item.right.__class__.__name__
            if item.operator.__class__.__name__ not in ("Add", "Subtract"):
                return False
            if right != "Imaginary" or not _is_real(item.left):
                return False
        elif not (_is_signed(item) or _is_text(item) or _is_singleton(item)):
            return False
    return True


def is_immutable(node: Any) -> bool:
    """Tell whether an expression certainly gives a value that cannot change in place."""
    pending = [node]
    while pending:
        item = pending.pop()
        kind = item.__class__.__name__
        if kind == "Tuple":
            pending += item.elements
        elif kind == "Element":
            pending.append(item.value)
        elif kind == "BinaryOperation":
            pending += [item.left, item.right]
        elif kind == "UnaryOperation":
            pending.append(item.expression)
        elif kind == "FormattedString":
            continue
        elif not (kind in _NUMBERS or _is_text(item) or _is_singleton(item) or kind == "Ellipsis"):
            return False
    return True


def _is_real(node: Any) -> bool:
    if node.__class__.__name__ == "UnaryOperation":
        return node.operator.__class__.__name__ in ("Minus", "Plus") and _is_real(node.expression)
    return node.__class__.__name__ in ("Integer", "Float")


def _is_signed(node: Any) -> bool:
    if node.__class__.__name__ == "UnaryOperation":
        if node.operator.__class__.__name__ not in ("Minus", "Plus"):
            return False
        node = node.expression
    return node.__class__.__name__ in _NUMBERS


def _is_text(node: Any) -> bool:
    return all(part.__class__.__name__ == "SimpleString" for part in joined(node))


def _is_singleton(node: Any) -> bool:
    return node.__class__.__name__ == "Name" and node.value in SINGLETONS
