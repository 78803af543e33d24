"""Damaged sources, for as long as one likes: none raises, ends the process or takes minutes."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
HANGS = 120  # s that one source may take at most, on a busy machine


@pytest.mark.parametrize("seconds", [2, pytest.param(180, marks=pytest.mark.slow)])
@pytest.mark.timeout(600)
def test_damaged_sources(tmp_path: Path, seconds: int) -> None:
    seed = random.randrange(1 << 32)
    try:
        done = subprocess.run(
            [sys.executable, HERE / "fuzzing.py", str(seed), str(seconds), tmp_path],
            env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
            capture_output=True,
            text=True,
            timeout=seconds + HANGS,
        )
    except subprocess.TimeoutExpired:
        pytest.fail(f"it hangs over {tmp_path / 'input'}")
    assert done.returncode == 0, f"{tmp_path / 'input'}, seed {seed}: {done.stderr[-3000:]}"
    assert int(done.stdout) > 10
