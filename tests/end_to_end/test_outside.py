"""Code beside the repository: a folder on the path, an editable install."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Project


def write(file: Path, text: str) -> None:
    file.write_text(text)
    time.sleep(0.012)  # a process that starts at once takes such a file for edited later


def test_code_beside_the_repository_counts(project: Project, tmp_path: Path) -> None:
    beside = tmp_path / "beside"
    beside.mkdir()
    helper = beside / "mylib.py"
    write(helper, "def helper(x):\n    return x + 1\n")
    project.write(
        p=f"import sys\nsys.path.insert(0, {str(beside)!r})\n"
        "from mylib import helper\nfrom mandala_git import op\n"
        "\n@op\ndef f(x):\n    return helper(x)\n"
    )
    project.runs("p.f(1)")
    project.reuses("p.f(1)")
    write(helper, "def helper(x):\n    return x + 2\n")
    project.runs("p.f(1)")
    write(helper, "def helper(x):\n    return x + 1  # as it was\n")
    project.reuses("p.f(1)")


def test_installed_packages_do_not_count(project: Project, tmp_path: Path) -> None:
    site = tmp_path / "site-packages"
    site.mkdir()
    write(site / "theirs.py", "def helper(x):\n    return x + 1\n")
    project.write(
        p=f"import sys\nsys.path.insert(0, {str(site)!r})\n"
        "import theirs\nfrom mandala_git import op\n"
        "\n@op\ndef f(x):\n    return theirs.helper(x)\n"
    )
    project.runs("p.f(1)")
    write(site / "theirs.py", "def helper(x):\n    return 1 + x\n")
    project.reuses("p.f(1)")
