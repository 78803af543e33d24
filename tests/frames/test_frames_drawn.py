"""What is drawn of a frame: counts, versions, and what a notebook shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from mandala_git.frames.picture import Arrow, Box, picture
from mandala_git.imports import Storage, op


@op
def inc(x):
    return x + 1


@op
def add(y, z):
    return y + z


def test_boxes_and_arrows(storage: Storage) -> None:
    with storage:
        for n in range(3):
            add(n, inc(n))
    cf = storage.cf(inc).expand_forward()
    plain = picture(cf._state)
    assert plain.boxes[:2] == (
        Box("x", False, ("3 values",)),
        Box("inc", True, ("@op:inc", "3 calls")),
    )
    verbose = picture(cf._state, verbose=True)
    assert verbose.boxes[0].lines == ("3 values (3 sources/0 sinks)",)
    assert verbose.boxes[-1].lines == ("3 values (0 sources/3 sinks)",)
    assert Arrow("x", "add", ("y", "(3 values)")) in verbose.arrows
    assert Arrow("x", "add", ("y",)) in plain.arrows


def test_drawing(
    storage: Storage, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("PATH", "")
    with storage:
        for n in range(30):
            inc(n)
    cf = storage.cf(inc)
    assert cf.draw(path=tmp_path / "a.svg", verbose=True, orientation="LR") is None
    assert "(30 sources/0 sinks)" in (tmp_path / "a.svg").read_text()
    found = cf.draw(print_dot=True)
    assert found.svg.startswith("<svg") and capsys.readouterr().out == found.dot
    html = cf._repr_html_()
    assert "<svg" in html and html.count("<tr") == 6
    assert "<svg" in storage.cf(add)._repr_html_()
    assert "<svg" in storage.cf(add).cleanup()._repr_html_()
