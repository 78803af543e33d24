"""A storage in memory, outside of any repository, for each test of frames."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mandala_git import Storage
from mandala_git.ops.context import CONTEXT


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    """A storage in memory, of which no block may be left open."""
    monkeypatch.chdir(tmp_path)
    yield Storage()
    assert CONTEXT.get() is None
