"""Real changes of made programs, and random ones.

`REAL` are changes that no rule of the normal form calls harmless: some digest must differ.
`scramble` changes a text at random; of that only one thing is claimed: where all digests stay,
the program does the same.

The programs are written with a name of its own for every variable (`v1`, `v2`, ...), so that a
name tells which variable it is.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from templates import Choose

T = TypeVar("T")
Function = ast.FunctionDef | ast.AsyncFunctionDef
Mutation = Callable[[ast.Module, Choose], bool]
"""Changes a tree in place and tells whether it could."""

_VARIABLE = re.compile(r"[vw]\d+")
_OPERATORS: dict[type[ast.AST], ast.AST] = {
    ast.Add: ast.Sub(), ast.Sub: ast.Add(), ast.Mult: ast.Sub(), ast.FloorDiv: ast.Mod(),
    ast.Mod: ast.FloorDiv(), ast.Lt: ast.LtE(), ast.LtE: ast.Gt(), ast.Gt: ast.NotEq(),
    ast.Eq: ast.Lt(), ast.NotEq: ast.Eq(), ast.In: ast.NotIn(), ast.NotIn: ast.In(),
    ast.And: ast.Or(), ast.Or: ast.And(),
}  # fmt: skip
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef, ast.ListComp,
           ast.SetComp, ast.DictComp, ast.GeneratorExp)  # fmt: skip


# --- looking around in a tree -----------------------------------------------------------------


def pick(choose: Choose, items: Iterable[T]) -> T | None:
    found = list(items)
    return found[choose(len(found))] if found else None


def nodes(tree: ast.AST, *kinds: type[T]) -> list[T]:
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


def places(tree: ast.AST) -> Iterator[tuple[ast.AST, Callable[[ast.AST], None]]]:
    """Yield every node below, with what puts another node in its place."""
    for node in ast.walk(tree):
        for field, value in ast.iter_fields(node):
            if isinstance(value, ast.AST):
                yield value, lambda new, n=node, f=field: setattr(n, f, new)  # type: ignore[misc]
            elif isinstance(value, list):
                for at, item in enumerate(value):
                    if isinstance(item, ast.AST):
                        yield item, lambda new, v=value, i=at: v.__setitem__(i, new)  # type: ignore[misc]


def suites(tree: ast.AST) -> list[tuple[ast.AST, list[ast.stmt]]]:
    """Return the suites in functions, each with the node that it belongs to."""
    return [
        (node, value)
        for function in nodes(tree, ast.FunctionDef, ast.AsyncFunctionDef)
        for node in ast.walk(function)
        for name in ("body", "orelse", "finalbody")
        if isinstance(value := getattr(node, name, None), list)
    ]


def counts(statement: ast.stmt) -> bool:
    """Tell whether a statement is surely part of the normal form (rules 3, 3b, 8b, 8c, 13)."""
    value = getattr(statement, "value", None)
    if isinstance(statement, ast.Return):
        return not (value is None or (isinstance(value, ast.Constant) and value.value is None))
    if isinstance(statement, ast.Expr):
        return not isinstance(value, ast.Constant)
    return not isinstance(statement, ast.Pass)


def alike(one: ast.AST, two: ast.AST) -> bool:
    """Tell whether two nodes are the same but for the names of variables."""
    spelled = (re.sub(r"'[vw]\d+'", "''", ast.dump(node)) for node in (one, two))
    return next(spelled) == next(spelled)


def inside(function: Function) -> list[ast.AST]:
    """Return the nodes of a function's body that belong to no scope in it."""
    found: list[ast.AST] = []
    pending: list[ast.AST] = list(function.body)
    while pending:
        node = pending.pop()
        found.append(node)
        if not isinstance(node, _SCOPES):
            pending += ast.iter_child_nodes(node)
    return found


def bound(function: Function) -> list[str]:
    """Return the variables that a function binds in itself, not in a scope in it."""
    found = inside(function)
    outer = {name for n in found if isinstance(n, ast.Nonlocal) for name in n.names}
    stored = {n.id for n in found if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return sorted(name for name in stored - outer if _VARIABLE.fullmatch(name))


def rename(tree: ast.AST, old: str, new: str) -> None:
    """Rename a variable wherever it stands."""
    for node in ast.walk(tree):
        for field in ("id", "name", "asname", "rest"):
            if getattr(node, field, None) == old:
                setattr(node, field, new)
        if isinstance(node, (ast.Nonlocal, ast.Global)):
            node.names = [new if name == old else name for name in node.names]


# --- real changes ------------------------------------------------------------------------------


def operator(tree: ast.Module, choose: Choose) -> bool:
    found = pick(choose, [(n, put) for n, put in places(tree) if type(n) in _OPERATORS])
    if found is None:
        return False
    node, put = found
    put(_OPERATORS[type(node)])
    return True


def constant(tree: ast.Module, choose: Choose) -> bool:
    idle = {id(n.value) for n in nodes(tree, ast.Expr)}
    node = pick(choose, [n for n in nodes(tree, ast.Constant) if id(n) not in idle])
    if node is None:
        return False
    if isinstance(node.value, str):
        node.value += "!"
        return True
    if isinstance(node.value, int):
        node.value = pick(choose, [node.value + 1, float(node.value), str(node.value)])
        return True
    return False


def arguments(tree: ast.Module, choose: Choose) -> bool:
    """Swap two arguments, elements, operands or keys."""
    pairs: list[tuple[list[ast.expr], int]] = []
    for node in ast.walk(tree):
        for field in ("args", "elts", "values", "keywords", "comparators", "ops", "handlers"):
            items = getattr(node, field, None)
            if isinstance(items, list) and not isinstance(node, ast.JoinedStr):
                pairs += [(items, at) for at in range(len(items) - 1)]
    found = pick(choose, [(v, i) for v, i in pairs if not alike(v[i], v[i + 1])])
    if found is None:
        return False
    items, at = found
    items[at], items[at + 1] = items[at + 1], items[at]
    return True


def operands(tree: ast.Module, choose: Choose) -> bool:
    node = pick(choose, [n for n in nodes(tree, ast.BinOp) if not alike(n.left, n.right)])
    if node is None:
        return False
    node.left, node.right = node.right, node.left
    return True


def dedent(tree: ast.Module, choose: Choose) -> bool:
    """Move the last statement of a suite out of it."""
    blocks = (ast.If, ast.For, ast.While, ast.With, ast.AsyncFor, ast.Try)
    found = [
        (suite, at, node)
        for _, suite in suites(tree)
        for at, node in enumerate(suite)
        if isinstance(node, blocks) and len(node.body) > 1 and counts(node.body[-1])
    ]
    chosen = pick(choose, found)
    if chosen is None:
        return False
    suite, at, node = chosen
    suite.insert(at + 1, node.body.pop())
    return True


def dropped(tree: ast.Module, choose: Choose) -> bool:
    found = [(s, i) for _, s in suites(tree) for i in range(len(s)) if counts(s[i])]
    chosen = pick(choose, found)
    if chosen is None:
        return False
    suite, at = chosen
    suite[at : at + 1] = [] if len(suite) > 1 else [ast.Pass()]
    return True


def doubled(tree: ast.Module, choose: Choose) -> bool:
    found = [(s, i) for _, s in suites(tree) for i in range(len(s)) if counts(s[i])]
    chosen = pick(choose, found)
    if chosen is None:
        return False
    suite, at = chosen
    suite.insert(at, suite[at])
    return True


def other_use(tree: ast.Module, choose: Choose) -> bool:
    """Let one use of a variable be that of another."""
    names = [n for n in nodes(tree, ast.Name) if _VARIABLE.fullmatch(n.id)]
    node = pick(choose, [n for n in names if isinstance(n.ctx, ast.Load)])
    other = pick(choose, [n.id for n in names if node is not None and n.id != node.id])
    if node is None or other is None:
        return False
    node.id = other
    return True


def merged(tree: ast.Module, choose: Choose) -> bool:
    """Make one variable of two of the same function."""
    function = pick(choose, nodes(tree, ast.FunctionDef, ast.AsyncFunctionDef))
    names = [] if function is None else bound(function)
    if len(names) < 2:
        return False
    old = names.pop(choose(len(names)))
    rename(tree, old, names[choose(len(names))])
    return True


def into_global(tree: ast.Module, choose: Choose) -> bool:
    """Give a variable the name of a global or builtin that its function reads."""
    function = pick(choose, nodes(tree, ast.FunctionDef, ast.AsyncFunctionDef))
    names = [] if function is None else bound(function)
    if function is None or not names:
        return False
    taken = {a.arg for a in (*function.args.args, *function.args.kwonlyargs)}
    read = {n.id for n in inside(function) if isinstance(n, ast.Name)} - set(names) - taken
    other = pick(choose, sorted(n for n in read if re.fullmatch("[a-zA-Z]+", n)))
    if other is None or other in PARAMETERS:
        return False
    rename(tree, names[choose(len(names))], other)
    return True


PARAMETERS = ("a", "b", "c", "p", "q", "key", "self")


def parameter(tree: ast.Module, choose: Choose) -> bool:
    """Rename a parameter, in itself and in the body."""
    function = pick(choose, nodes(tree, ast.FunctionDef, ast.AsyncFunctionDef))
    argument = None if function is None else pick(choose, function.args.args)
    if function is None or argument is None:
        return False
    old, argument.arg = argument.arg, "other"
    rename(function, old, "other")
    return True


def undeclared(tree: ast.Module, choose: Choose) -> bool:
    """Drop a `nonlocal` or `global`."""
    found = [
        (s, i)
        for _, s in suites(tree)
        for i in range(len(s))
        if isinstance(s[i], (ast.Nonlocal, ast.Global))
    ]
    chosen = pick(choose, found)
    if chosen is None:
        return False
    suite, at = chosen
    del suite[at]
    return bool(suite)


def jump(tree: ast.Module, choose: Choose) -> bool:
    found = [(n, put) for n, put in places(tree) if isinstance(n, (ast.Break, ast.Continue))]
    chosen = pick(choose, found)
    if chosen is None:
        return False
    node, put = chosen
    put(ast.Continue() if isinstance(node, ast.Break) else ast.Break())
    return True


def other_name(tree: ast.Module, choose: Choose) -> bool:
    """Use another global, attribute or keyword."""
    found = [n for n in nodes(tree, ast.Name, ast.Attribute, ast.keyword)
             if not (isinstance(n, ast.Name) and _VARIABLE.fullmatch(n.id))]  # fmt: skip
    node = pick(choose, found)
    match node:
        case ast.Name():
            node.id += "_"
        case ast.Attribute():
            node.attr += "_"
        case ast.keyword(arg=str()):
            node.arg = f"{node.arg}_"
        case _:
            return False
    return True


def source(tree: ast.Module, choose: Choose) -> bool:
    """Import from elsewhere."""
    node = pick(choose, nodes(tree, ast.Import, ast.ImportFrom))
    if isinstance(node, ast.Import):
        alias = node.names[0]
        alias.asname, alias.name = alias.asname or alias.name, f"other_{alias.name}"
        return True
    if isinstance(node, ast.ImportFrom):
        node.module = f"other_{node.module}"
        return True
    return False


def container(tree: ast.Module, choose: Choose) -> bool:
    """Make another kind of comprehension, or a tuple of a list."""
    kinds = (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.List)
    chosen = pick(choose, [(n, put) for n, put in places(tree) if isinstance(n, kinds)])
    match chosen:
        case (ast.List(elts, ctx=ast.Load()), put):
            put(ast.Tuple(elts, ast.Load()))
        case (ast.ListComp(elt, generators), put):
            put(ast.GeneratorExp(elt, generators))
        case (ast.SetComp(elt, generators) | ast.GeneratorExp(elt, generators), put):
            put(ast.ListComp(elt, generators))
        case _:
            return False
    return True


def undecorated(tree: ast.Module, choose: Choose) -> bool:
    node = pick(choose, [n for n in nodes(tree, ast.FunctionDef) if n.decorator_list])
    if node is None:
        return False
    node.decorator_list.pop()
    return True


def annotation(tree: ast.Module, choose: Choose) -> bool:
    node = pick(choose, [a for a in nodes(tree, ast.arg) if a.annotation is not None])
    if node is None:
        return False
    node.annotation = ast.Name("str", ast.Load())
    return True


REAL: tuple[Mutation, ...] = (
    operator, constant, arguments, operands, dedent, dropped, doubled, other_use, merged,
    into_global, parameter, undeclared, jump, other_name, source, container, undecorated,
    annotation,
)  # fmt: skip


def changed(text: str, mutation: Mutation, choose: Choose) -> str | None:
    """Return a program changed in one place; None where that cannot be or is no Python."""
    tree = ast.parse(text)
    if not mutation(tree, choose):
        return None
    after = ast.unparse(ast.fix_missing_locations(tree))
    return after if compiles(after) else None


# --- random changes -----------------------------------------------------------------------------


def scramble(text: str, choose: Choose) -> str | None:
    """Change a token or a line of a function at random; None where the result is no Python."""
    lines = text.split("\n")
    body = [n for n, line in enumerate(lines) if line[:1] in (" ", "\t") and line.strip()]
    if not body:
        return None
    at = body[choose(len(body))]
    match choose(6):
        case 0:
            lines[at] = "    " + lines[at]
        case 1:
            lines[at] = lines[at].removeprefix("    ")
        case 2:
            lines.insert(body[choose(len(body))], lines[at])
        case 3:
            other = body[choose(len(body))]
            lines[at], lines[other] = lines[other], lines[at]
        case 4:
            del lines[at]
        case _:
            lines[at] = scrambled_line(lines[at], lines, choose)
    after = "\n".join(lines)
    return after if after != text and compiles(after) else None


EXTRA = ["(", ")", ",", "not", "-", "K", "total", "global total", "nonlocal", "*", ":=", "=",
         ":", "in", "is", "if", "else", "await", "yield", "lambda", "[", "]", "'1'", "0", "del",
         "return", "pass", ";", "None", "len", "a", "b", "items", "v1", "async", "f''", "!="]  # fmt: skip


def scrambled_line(line: str, lines: Sequence[str], choose: Choose) -> str:
    """Exchange, drop, double or put in a token."""
    words = re.findall(r"\s+|\w+|[^\w\s]", line)
    at = choose(len(words))
    other = re.findall(r"\w+|[^\w\s]", lines[choose(len(lines))]) or EXTRA
    match choose(4):
        case 0:
            words[at] = other[choose(len(other))]
        case 1:
            words.insert(at, " " + EXTRA[choose(len(EXTRA))] + " ")
        case 2:
            del words[at]
        case _:
            second = choose(len(words))
            words[at], words[second] = words[second], words[at]
    return "".join(words)


def compiles(text: str) -> bool:
    from running import compiled

    try:
        compiled(text)
    except (SyntaxError, ValueError):
        return False
    return True
