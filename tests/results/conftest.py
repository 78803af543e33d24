"""Shared fixtures: a store of results with one op and one version."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mandala_git.results import ids
from mandala_git.results.calls import MISSING, NewCall
from mandala_git.results.store import Results

OP = "a.py::f"
VID = b"v" * 32


def make_call(
    results: Results,
    x: Any,
    y: Any,
    *,
    op: str = OP,
    duration: float = 0.0,
    value: Any = None,
    **more: Any,
) -> NewCall:
    """A call `f(x) -> y`."""
    version = results.version_id(VID, op, b"payload", {b"t" * 32: b"def f(x): ..."})
    content = ids.cid(x)
    key = ids.lookup_key([("x", content)])
    hid = ids.call_hid(op, [("x", ids.value_hid(content))], VID, key)
    return NewCall(
        results.op_id(op),
        version,
        key,
        hid,
        [("x", ids.value_hid(content), content, x)],
        [("output_0", ids.output_hid(hid, "output_0"), ids.cid(y), MISSING if y is MISSING else y)],
        1000.0,
        duration,
        **more,
    )


@pytest.fixture
def results(tmp_path: Path) -> Iterator[Results]:
    with Results(tmp_path / "mandala") as opened:
        yield opened


@pytest.fixture
def new_call() -> Callable[..., NewCall]:
    return make_call
