"""A frame as boxes and arrows, for who draws it."""

from __future__ import annotations

from mandala_git.frames import words
from mandala_git.frames.order import sorted_nodes
from mandala_git.frames.state import State, func_name
from mandala_git.frames.web import distinct
from mandala_git.records import NamedTuple
from mandala_git.results.built import ELEMENTS


class Box(NamedTuple):
    """A node.

    Attributes:
        name: of the node.
        is_func: a function node, not a variable.
        lines: what stands in it below its name.
    """

    name: str
    is_func: bool
    lines: tuple[str, ...]


class Arrow(NamedTuple):
    """An edge.

    Attributes:
        source, target: names of boxes.
        lines: what stands beside it.
    """

    source: str
    target: str
    lines: tuple[str, ...]


class Picture(NamedTuple):
    """What is to be drawn: boxes in the order of the data, and arrows."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def picture(state: State, *, verbose: bool = False) -> Picture:
    """Return a frame as boxes and arrows.

    Args:
        state: the frame.
        verbose: tell how many values come from and lead to nothing, and pass along each edge.
    """
    counts = words.counts(state) if verbose else {}
    boxes = []
    for name in sorted_nodes(state.nodes, state.edges):
        total = len(state.elements(name))
        if name in state.vars:
            text = f"{total} value{'s' * (total != 1)}"
            if verbose:
                text += f" ({counts[name][1]} sources/{counts[name][2]} sinks)"
            boxes.append(Box(name, False, (text,)))
            continue
        versions = len(versions_in(state, name))
        op = f"@op:{func_name(state.funcs[name].op)}"
        if verbose and versions > 1:
            op += f" ({versions} versions)"
        lines = [op, f"{total} call{'s' * (total != 1)}"]
        unknown = int((~state.web.sure[state.funcs[name].calls]).sum())
        if unknown:
            lines.append(f"{unknown} unknown")
        boxes.append(Box(name, True, tuple(lines)))
    arrows = []
    for edge in state.edges:
        source, target, label = edge
        lines = [f"*{label}" if label == ELEMENTS else label]
        if verbose:
            refs = state.joined(edge)[0 if source in state.vars else 1]
            count = len(distinct(refs))
            lines.append(f"({count} value{'s' * (count != 1)})")
        arrows.append(Arrow(source, target, tuple(lines)))
    return Picture(tuple(boxes), tuple(arrows))


def versions_in(state: State, func: str) -> set[int]:
    """Return the versions (rows) that the calls of a function node ran."""
    columns = state.web.columns
    runs = distinct(columns.run[state.funcs[func].calls]).tolist()
    return {columns.runs[run].version for run in runs}
