"""The blocks of Python in the README and in docs/ run as they stand, in order, as one program."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from interpreters import HOUSE

PAGES = ("README.md", *sorted(f"docs/{page.name}" for page in (HOUSE / "docs").glob("*.md")))

BLOCK = re.compile(r"^( *)```python\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)

NEEDED = {
    "docs/durability.md": """
from mandala_git.imports import *

@op
def train_model(data, rate):
    return rate * sum(data)

storage, data = Storage(), [1, 2]
with storage:
    for rate in (0.1, 0.2):
        train_model(data, rate)
""",
    "docs/ops.md": """
def helper():
    return 1
""",
}
"""What a page says that its blocks need."""

STEPS = """
from mandala_git import op

@op
def train(n):
    return n * 2
"""

LEFT_OUT = ("storage.classify(", "storage.evidence(")
"""Blocks that answer for an edit: test_on_change.py and test_evidence.py make one."""


@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_of_a_page(page: str, git_repo: Callable[..., Any]) -> None:
    text = (HOUSE / page).read_text("utf-8")
    blocks = [found[2] for found in BLOCK.finditer(text) if not found[2].startswith(LEFT_OUT)]
    if not blocks:
        assert "```python" not in text
        return
    repo = git_repo("page")
    shutil.copy(HOUSE / "examples/digits/prep.py", repo.root)
    repo.write("steps.py", STEPS)
    repo.write("page.py", "\n\n".join([NEEDED.get(page, ""), *blocks]))
    repo.commit("a page")
    for _ in range(2):  # the second time most calls are found
        ended = run(repo.root)
        assert ended.returncode == 0, ended.stderr
        assert "Warning" not in ended.stderr


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *(words or ("page.py",))],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(HOUSE)},
        capture_output=True,
        text=True,
        timeout=300,
    )
