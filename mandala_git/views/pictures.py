"""Pictures of frames: DOT, SVG and HTML, with graphviz where it is installed and without."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

from mandala_git.errors import UsageError
from mandala_git.frames.picture import Box, Picture
from mandala_git.views.layered import laid_out

# Solarized, by Ethan Schoonover.
BLUE, RED, INK, GREY = "#268bd2", "#dc322f", "#002b36", "#586e75"

_LETTER, _LINE, _PAD = 6.4, 16.0, 8.0
_APART = 34.0

_RENDERED = ("svg", "png", "pdf")


class Drawing:
    """A picture that shows itself in notebooks and can be saved.

    Args:
        picture: what is drawn.
        orientation: "TB" (downwards) or "LR" (to the right).
    """

    def __init__(self, picture: Picture, orientation: str = "TB") -> None:
        if orientation not in ("TB", "LR"):
            raise UsageError(f"orientation={orientation!r} is not known", hint='Use "TB" or "LR".')
        self.picture = picture
        self.orientation = orientation

    @property
    def dot(self) -> str:
        """The picture in graphviz' language."""
        lines = [
            "digraph frame {",
            f"  rankdir={self.orientation};",
            '  node [shape=box, fontname="Helvetica", fontsize=11];',
            f'  edge [fontname="Helvetica", fontsize=9, fontcolor="{GREY}", color="{GREY}"];',
        ]
        for box in self.picture.boxes:
            text = "\\n".join(map(_quoted, (box.name, *box.lines)))
            style = ', style="rounded"' if not box.is_func else ""
            lines.append(f'  "{_quoted(box.name)}" [label="{text}", color="{_color(box)}"{style}];')
        for source, target, words in self.picture.arrows:
            text = "\\n".join(map(_quoted, words))
            lines.append(f'  "{_quoted(source)}" -> "{_quoted(target)}" [label="{text}"];')
        return "\n".join([*lines, "}", ""])

    @property
    def svg(self) -> str:
        """The picture as SVG, by graphviz where it is installed."""
        made = self._rendered("svg")
        return drawn(self.picture, self.orientation) if made is None else made.decode()

    @property
    def html(self) -> str:
        """A page with the picture."""
        svg = self.svg
        return (
            '<!DOCTYPE html>\n<html><head><meta charset="utf-8"><title>ComputationFrame</title>'
            f"</head>\n<body>\n{svg[svg.index('<svg') :]}\n</body></html>\n"
        )

    def _rendered(self, kind: str) -> bytes | None:
        program = shutil.which("dot")
        if program is None:
            return None
        done = subprocess.run(
            [program, f"-T{kind}"], input=self.dot.encode(), capture_output=True, check=False
        )
        return done.stdout if done.returncode == 0 and done.stdout else None

    def save(self, path: str | Path) -> None:
        """Write the picture to a file, in the format of its suffix: svg, html, dot, png, pdf.

        Raises:
            UsageError: there is no such format, or nothing here can make it.
        """
        place = Path(path)
        kind = place.suffix[1:].lower()
        if kind in ("dot", "gv"):
            data = self.dot.encode()
        elif kind == "svg":
            data = self.svg.encode()
        elif kind in ("html", "htm"):
            data = self.html.encode()
        elif kind in _RENDERED:
            made = self._rendered(kind)
            if made is None:
                raise UsageError(
                    f"only graphviz can make {place.name}, and there is no program `dot` here",
                    hint=f"Install graphviz, or write {place.with_suffix('.svg').name}.",
                )
            data = made
        else:
            raise UsageError(
                f"{place.name} has no suffix that says how to draw",
                hint="Use .svg, .html, .dot, .png or .pdf.",
            )
        try:
            place.write_bytes(data)
        except OSError as error:
            raise UsageError(
                f"cannot write {place}: {error.strerror or error}", hint="Choose another path."
            ) from error

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<picture of {len(self.picture.boxes)} nodes; save it: .save('frame.svg')>"


def shown(drawing: Drawing, how: str) -> Drawing | None:
    """Show a picture: "inline" in a notebook, in a "browser", or not at all ("none").

    Returns:
        The picture, where it was not shown yet.

    Raises:
        UsageError: it can be shown in no such way.
    """
    if how not in ("inline", "browser", "none"):
        raise UsageError(
            f"show_how={how!r} is not known", hint='Use "inline", "browser" or "none".'
        )
    if how == "browser":
        import tempfile
        import webbrowser

        with tempfile.NamedTemporaryFile("w", suffix=".html", delete=False) as file:
            file.write(drawing.html)
        webbrowser.open(f"file://{file.name}")
        return None
    shell: Any = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if how == "inline" and getattr(shell, "kernel", None) is not None:
        display: Any = sys.modules["IPython"].display.display
        display(drawing)
        return None
    return drawing


def beside(drawing: Drawing, table: str) -> str:
    """Return HTML with a picture beside a table."""
    svg = drawing.svg
    return (
        '<div style="display:flex;gap:2em;align-items:flex-start;overflow-x:auto">'
        f"<div>{svg[svg.index('<svg') :]}</div><div>{table}</div></div>"
    )


def drawn(picture: Picture, orientation: str) -> str:
    """Return a picture as SVG, without any other program."""
    down = orientation == "TB"
    sizes = {box.name: _size(box) for box in picture.boxes}
    names = [box.name for box in picture.boxes]
    label = max([len(w) for a in picture.arrows for w in a.lines], default=0) * _LETTER * 0.8
    layout = laid_out(
        names,
        [(source, target) for source, target, _ in picture.arrows],
        {name: (w, h) if down else (h, w) for name, (w, h) in sizes.items()},
        between=64.0 if down else 40.0 + label,
    )

    def at(along: float, across: float) -> tuple[float, float]:
        return (along + 10, across + 10) if down else (across + 10, along + 10)

    width, height = (round(side + 20) for side in (layout.size if down else layout.size[::-1]))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="Helvetica, sans-serif">',
        '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
        f'markerHeight="7" orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="{GREY}"/></marker></defs>',
    ]
    shifts = _shifts(picture)
    for (source, target, words), bends, shift in zip(
        picture.arrows, layout.bends, shifts, strict=True
    ):
        points = [
            at(layout.along[source] + shift, layout.across[source]),
            *(at(along + shift, across) for along, across in bends),
            at(layout.along[target] + shift, layout.across[target]),
        ]
        points[0] = _border(points[0], points[1], sizes[source])
        points[-1] = _border(points[-1], points[-2], sizes[target])
        parts.append(_path(points, down))
        middle = points[len(points) // 2 - 1], points[len(points) // 2]
        x, y = ((middle[0][axis] + middle[1][axis]) / 2 for axis in (0, 1))
        parts.append(_text(x, y, words, size=9, color=GREY, halo=True))
    for box in picture.boxes:
        x, y = at(layout.along[box.name], layout.across[box.name])
        w, h = sizes[box.name]
        parts.append(
            f'<rect x="{x - w / 2:.1f}" y="{y - h / 2:.1f}" width="{w:.1f}" height="{h:.1f}" '
            f'rx="{0 if box.is_func else 8}" fill="white" stroke="{_color(box)}" stroke-width="1.5"/>'
        )
        parts.append(_text(x, y, (box.name, *box.lines), size=11, color=INK, bold=True))
    return "\n".join([*parts, "</svg>", ""])


def _shifts(picture: Picture) -> list[float]:
    """Return how far each arrow is moved, so that those between the same boxes lie side by side."""
    ends = [frozenset(arrow[:2]) for arrow in picture.arrows]
    total, met = Counter(ends), Counter[frozenset[str]]()
    shifts = []
    for pair in ends:
        shifts.append((met[pair] - (total[pair] - 1) / 2) * min(_APART, _APART * 3 / total[pair]))
        met[pair] += 1
    return shifts


def _size(box: Box) -> tuple[float, float]:
    letters = max(map(len, (box.name, *box.lines)))
    return letters * _LETTER + 2 * _PAD, (1 + len(box.lines)) * _LINE + _PAD


def _color(box: Box) -> str:
    return RED if box.is_func else BLUE


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")


def _border(
    middle: tuple[float, float], towards: tuple[float, float], size: tuple[float, float]
) -> tuple[float, float]:
    """Return where a line from the middle of a box leaves it."""
    dx, dy = towards[0] - middle[0], towards[1] - middle[1]
    share = min(
        size[0] / 2 / abs(dx) if dx else float("inf"),
        size[1] / 2 / abs(dy) if dy else float("inf"),
        1.0,
    )
    return middle[0] + dx * share, middle[1] + dy * share


def _path(points: list[tuple[float, float]], down: bool) -> str:
    text = f"M{points[0][0]:.1f},{points[0][1]:.1f}"
    for (ax, ay), (bx, by) in pairwise(points):
        mx, my = (ax + bx) / 2, (ay + by) / 2
        one, other = ((ax, my), (bx, my)) if down else ((mx, ay), (mx, by))
        text += f" C{one[0]:.1f},{one[1]:.1f} {other[0]:.1f},{other[1]:.1f} {bx:.1f},{by:.1f}"
    return f'<path d="{text}" fill="none" stroke="{GREY}" marker-end="url(#head)"/>'


def _text(
    x: float,
    y: float,
    lines: tuple[str, ...],
    *,
    size: int,
    color: str,
    bold: bool = False,
    halo: bool = False,
) -> str:
    step = size + 4
    first = y - step * (len(lines) - 1) / 2 + size * 0.35
    white = ' stroke="white" stroke-width="3" paint-order="stroke"' if halo else ""
    spans = ""
    for number, line in enumerate(lines):
        weight = ' font-weight="bold"' if bold and not number else ""
        where = f'x="{x:.1f}" y="{first + step * number:.1f}"'
        spans += f"<tspan {where}{weight}>{escape(line)}</tspan>"
    return f'<text text-anchor="middle" font-size="{size}" fill="{color}"{white}>{spans}</text>'
