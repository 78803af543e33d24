"""IPython's own syntax as Python: magics, shell lines and help, line by line.

The rules are those of `IPython.core.inputtransformer2`: they apply where a logical line begins,
or behind the `=` of an assignment, and nowhere else. A magic that stands by itself at the top of
a cell is left out; inside a block or a function it is the call that IPython makes of it, because
there it may be a part of what a definition does.
"""

from __future__ import annotations

import re
from textwrap import dedent

from mandala_git.source.logical import Logical, logical_line

_CANDIDATE = re.compile(r"^[ \t]*[%!?,;/]|=[ \t\\\n]*[%!]|\?[ \t]*$", re.MULTILINE)
_CELL_MAGIC = re.compile(r"%%(\w+)(?!\w*\?)[^\n]*")
_HELP = re.compile(r"(%{0,2}(?!\d)[\w*]+(?:\.(?!\d)[\w*]+|\[-?[0-9]+\])*)(\?\??)[ \t]*$")
_PROMPT = re.compile(r"^(?:>>>|\.\.\.)(?: |$)|^In \[\d+\]: |^[ \t]*\.{3,}: ?", re.MULTILINE)
_FIRST_PROMPT = re.compile(r">>>(?: |$)|In \[\d+\]: ", re.MULTILINE)

RUNS_PYTHON = frozenset({"time", "capture", "prun"})
"""Cell magics whose body runs in the namespace of the notebook.

`%%timeit` is none of them: its body is that of a function, and binds nothing outside.
"""


def to_python(cell: str) -> tuple[str, int]:
    """Translate a cell to Python of as many lines.

    Args:
        cell: source as the notebook has it, lines ending in newlines.

    Returns:
        The Python, and the line at which something begins that the cell does not end; 0 for none.
    """
    if not cell.endswith("\n"):
        python, left_open = to_python(cell + "\n")
        return python.removesuffix("\n"), left_open
    # In the order of IPython; lines of blanks alone lose them, even inside a string.
    text = _without_prompts(dedent(cell))
    start = len(text) - len(text.lstrip())
    magic = _CELL_MAGIC.match(text, start)
    if magic is not None:
        if magic[1] not in RUNS_PYTHON:
            return "\n" * text.count("\n"), 0
        before = text.count("\n", 0, start)
        body, left_open = to_python(text[magic.end() :])
        return "\n" * before + body, left_open and left_open + before
    magics = _CANDIDATE.search(text) is not None
    parts: list[str] = []
    at, left_open = 0, 0
    while at < len(text):
        line = logical_line(text, at)
        found = _translated(text, line) if magics else None
        end, python = found or (line.end, text[at : line.end])
        parts.append(python + "\n" * (text.count("\n", at, end) - python.count("\n")))
        if found is None and not line.complete:
            left_open = text.count("\n", 0, at) + 1
        if end < len(text):
            parts.append("\n")
        at = end + 1
    return "".join(parts), left_open


def _without_prompts(cell: str) -> str:
    """Leave out the prompts of a session that was pasted."""
    return _PROMPT.sub("", cell) if _FIRST_PROMPT.match(cell.lstrip("\n")) else cell


def _translated(text: str, line: Logical) -> tuple[int, str] | None:
    """Translate a logical line of IPython's own; None for Python.

    Returns:
        Where it ends, and what it is in Python.
    """
    if line.asks:
        help_ = _HELP.search(text, line.start, line.end)
        if help_ is not None:
            call = _help(help_[1], help_[2])
            return line.end, _SKIPPED if _on_top(line) else text[line.line : line.start] + call
    if text[line.start : line.start + 1] in ("%", "!", "?", ",", ";", "/"):
        end, content = _continued(text, line.start)
        python = _command(content, top=_on_top(line))
        return end, text[line.line : line.start] + python
    if line.assigned:
        at = line.assigned
        while text[at : at + 1] in (" ", "\t") or text.startswith("\\\n", at):
            at += 2 if text[at] == "\\" else 1
        if text[at : at + 1] == "!" or re.match(r"%\s*\w", text[at : at + 80]):
            end, content = _continued(text, at)
            call = _output(content[1:]) if content[0] == "!" else _magic(content[1:])
            return end, text[line.line : at] + call
    return None


def _on_top(line: Logical) -> bool:
    return line.start == line.line


def _continued(text: str, start: int) -> tuple[int, str]:
    """Return the end of a physical line with those that continue it, and the words in it."""
    end = _end(text, start)
    while text[end - 1 : end + 1] == "\\\n" and end + 1 < len(text):
        end = _end(text, end + 1)
    *parts, last = text[start:end].split("\n")
    return end, " ".join([*(part[:-1] for part in parts), last.rstrip()])


def _end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _command(content: str, *, top: bool) -> str:
    """Return what a line is that begins with one of IPython's marks."""
    mark, rest = content[0], content[1:]
    name, _, arguments = rest.partition(" ")
    if top:
        # What `%time` is given is a statement of the notebook.
        timed = mark == "%" and name == "time" and not arguments.lstrip().startswith("-")
        return arguments.strip() or _SKIPPED if timed else _SKIPPED
    if mark == "!":
        return _system(rest) if not rest.startswith("!") else _output(rest[1:])
    if mark == "%":
        return _magic(rest)
    if mark == "?":
        double = rest.startswith("?")
        target = rest[1:] if double else rest
        return _help(target, "??" if double else "?") if target else _USAGE
    if mark == ",":
        return f"{name}({', '.join(f'{chr(34)}{word}{chr(34)}' for word in arguments.split())})"
    if mark == ";":
        return f'{name}("{arguments}")'
    return f"{name}({', '.join(arguments.split())})"


_SKIPPED = "pass"
_USAGE = "get_ipython().show_usage()"


def _magic(content: str) -> str:
    name, _, arguments = content.partition(" ")
    return f"get_ipython().run_line_magic({name!r}, {arguments!r})"


def _system(command: str) -> str:
    return f"get_ipython().system({command!r})"


def _output(command: str) -> str:
    return f"get_ipython().getoutput({command!r})"


def _help(target: str, mark: str) -> str:
    method = "pinfo2" if mark == "??" else "psearch" if "*" in target else "pinfo"
    return f"get_ipython().run_line_magic({method!r}, {target!r})"
