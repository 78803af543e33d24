"""Pictures of frames: the files that are written, and that boxes and arrows can be read."""

from __future__ import annotations

import re
import stat
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mandala_git.errors import UsageError
from mandala_git.frames.picture import Arrow, Box, Picture
from mandala_git.views.layered import laid_out
from mandala_git.views.pictures import Drawing, drawn, shown

SVG = "{http://www.w3.org/2000/svg}"

PIPELINE = Picture(
    (
        Box("seed", False, ("2 values",)),
        Box("load", True, ("@op:load", "2 calls")),
        Box("X", False, ("2 values",)),
        Box("rate", False, ("2 values",)),
        Box("train", True, ("@op:train", "4 calls")),
        Box("model", False, ("4 values",)),
    ),
    (
        Arrow("seed", "load", ("seed",)),
        Arrow("load", "X", ("output_0",)),
        Arrow("X", "train", ("X", "(2 values)")),
        Arrow("rate", "train", ("rate",)),
        Arrow("train", "model", ("output_0",)),
    ),
)

LOOP = Picture(
    (Box("state", False, ("9 values",)), Box("step", True, ("9 calls",))),
    (
        Arrow("state", "step", ("state",)),
        Arrow("step", "state", ("output_0",)),
        Arrow("state", "step", ("other <&> argument",)),
    ),
)


def many(count: int) -> Picture:
    boxes = [Box(f"node {n}", n % 2 == 1, (f"{n} values",)) for n in range(count)]
    arrows = [
        Arrow(f"node {n}", f"node {m}", (f"x{n}",))
        for n in range(count)
        for m in (n + 1, 2 * n + 1, (n * 7) % count if n % 5 == 0 else -1)
        if 0 <= m < count and m != n
    ]
    return Picture(tuple(boxes), tuple(arrows))


@pytest.fixture
def no_graphviz(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))


@pytest.mark.parametrize("orientation", ["TB", "LR"])
@pytest.mark.parametrize(
    "picture", [PIPELINE, LOOP, many(5), many(60), Picture(PIPELINE.boxes, ()), Picture((), ())]
)
def test_all_is_there_and_nothing_overlaps(picture: Picture, orientation: str) -> None:
    root = ElementTree.fromstring(drawn(picture, orientation))
    boxes = [
        tuple(float(rect.attrib[key]) for key in ("x", "y", "width", "height"))
        for rect in root.findall(f"{SVG}rect")
    ]
    assert len(boxes) == len(picture.boxes)
    for (ax, ay, aw, ah), (bx, by, bw, bh) in combinations(boxes, 2):
        assert ax + aw < bx or bx + bw < ax or ay + ah < by or by + bh < ay
    wide, high = float(root.attrib["width"]), float(root.attrib["height"])
    assert all(x >= 0 and y >= 0 and x + w <= wide and y + h <= high for x, y, w, h in boxes)
    assert len(root.findall(f"{SVG}path")) == len(picture.arrows)
    words = ["".join(text.itertext()) for text in root.findall(f"{SVG}text")]
    assert sorted(words) == sorted(
        [
            *("".join((b.name, *b.lines)) for b in picture.boxes),
            *("".join(a.lines) for a in picture.arrows),
        ]
    )


@pytest.mark.parametrize("orientation", ["TB", "LR"])
def test_arrows_between_the_same_boxes_lie_apart(orientation: str) -> None:
    root = ElementTree.fromstring(drawn(LOOP, orientation))
    assert len({path.attrib["d"] for path in root.findall(f"{SVG}path")}) == 3
    labels = [text.find(f"{SVG}tspan") for text in root.findall(f"{SVG}text")]
    places = {(tspan.attrib["x"], tspan.attrib["y"]) for tspan in labels if tspan is not None}
    assert len(places) == len(labels)


def test_data_flows_onwards() -> None:
    names = [box.name for box in PIPELINE.boxes]
    arrows = [(a.source, a.target) for a in PIPELINE.arrows]
    layout = laid_out(names, arrows, dict.fromkeys(names, (50.0, 20.0)))
    assert all(layout.across[a] < layout.across[b] for a, b in arrows)
    assert layout.across["rate"] == layout.across["X"]  # beside what it is needed with


def test_arrows_over_several_layers_bend_around_boxes() -> None:
    arrows = [("a", "b"), ("b", "c"), ("c", "d"), ("a", "d"), ("d", "a")]
    layout = laid_out("abcd", arrows, dict.fromkeys("abcd", (50.0, 20.0)))
    assert [len(bends) for bends in layout.bends] == [0, 0, 0, 2, 2]
    down, up = layout.bends[3], layout.bends[4]
    assert [across for _, across in down] == [across for _, across in up][::-1]
    for along, _ in down + up:
        assert abs(along - layout.along["b"]) > 25 and abs(along - layout.along["c"]) > 25


@pytest.mark.usefixtures("no_graphviz")
def test_the_suffix_of_a_file_says_what_it_is(tmp_path: Path) -> None:
    drawing = Drawing(PIPELINE)
    for name, begin in (("a.svg", b"<svg "), ("a.dot", b"digraph"), ("a.html", b"<!DOCTYPE html>")):
        drawing.save(tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(begin)
    assert b"<svg" in (tmp_path / "a.html").read_bytes()
    for name in ("a.png", "a.pdf"):
        with pytest.raises(UsageError, match="graphviz") as caught:
            drawing.save(tmp_path / name)
        assert "a.svg" in str(caught.value.hint) and not (tmp_path / name).exists()
    for name in ("a", "a.jpeg"):
        with pytest.raises(UsageError, match="suffix"):
            drawing.save(tmp_path / name)
    with pytest.raises(UsageError, match="cannot write"):
        drawing.save(tmp_path / "no" / "folder.svg")


def test_graphviz_draws_where_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "dot"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nprintf "<svg>%s" "$1"; cat\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    drawing = Drawing(PIPELINE)
    assert drawing.svg == f"<svg>-Tsvg{drawing.dot}"
    drawing.save(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"<svg>-Tpng")
    program.write_text("#!/bin/sh\nexit 1\n")  # one that is broken is as none
    assert drawing.svg == drawn(PIPELINE, "TB")


def test_dot_is_quoted() -> None:
    odd = Picture((Box('a"b\\', False, ("1\n2",)),), (Arrow('a"b\\', 'a"b\\', ('"',)),))
    lines = Drawing(odd, "LR").dot.splitlines()
    assert "  rankdir=LR;" in lines
    assert '  "a\\"b\\\\" -> "a\\"b\\\\" [label="\\""];' in lines
    assert re.search(r'"a\\"b\\\\" \[label="a\\"b\\\\\\n1 2"', "\n".join(lines))


def test_what_cannot_be_shown() -> None:
    with pytest.raises(UsageError, match="orientation"):
        Drawing(PIPELINE, "up")
    with pytest.raises(UsageError, match="show_how"):
        shown(Drawing(PIPELINE), "anyhow")
    drawing = Drawing(PIPELINE)
    assert shown(drawing, "inline") is drawing and "6 nodes" in repr(drawing)
    assert drawing._repr_svg_() == drawing.svg
