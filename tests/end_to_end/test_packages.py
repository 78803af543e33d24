"""`[tool.mandala] packages = [...]`: another version of a distribution is another world."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mandala_git import Storage
from mandala_git.errors import UsageError

if TYPE_CHECKING:
    from conftest import Project

MODULE = "from mandala_git import op\n\n@op\ndef f(x):\n    return x * 2\n"
OUTER = "\n@op\ndef g(x):\n    return f(x) + 1\n"


def install(project: Project, version: str) -> None:
    path = "fakelib-{}.dist-info/METADATA"
    for old in project.root.glob("fakelib-*"):
        (old / "METADATA").unlink()
        old.rmdir()
    text = f"Metadata-Version: 2.1\nName: fakelib\nVersion: {version}\n"
    project.repo.write(path.format(version), text)


def test_another_version_runs_and_the_old_one_is_found_again(project: Project) -> None:
    project.write(p=MODULE + OUTER)
    setting = project.repo.write("pyproject.toml", '[tool.mandala]\npackages = ["fakelib"]\n')
    install(project, "1.0")
    project.runs("p.g(2)", times=2)
    project.reuses("p.g(2)", "p.f(2)")
    install(project, "2.0")
    ask = "import p\nout(storage.explain(p.g, 2))\n"
    assert project.program(ask, oracle=False).values[0].splitlines() == [
        "g would run",
        "  fakelib is 2.0; when a call with these arguments ran it was 1.0",
    ]
    project.runs("p.g(2)", times=2)
    install(project, "1.0")
    project.reuses("p.g(2)", "p.f(2)")
    # Without the setting either of them will do.
    setting.write_text("")
    project.reuses("p.g(2)")
    project.runs("p.f(3)")
    setting.write_text('[tool.mandala]\npackages = ["fakelib"]\n')
    project.runs("p.f(3)")  # nobody looked at it then


def test_the_world_of_a_commit_is_read_with_what_is_installed(project: Project) -> None:
    project.write(p=MODULE)
    project.repo.write("pyproject.toml", '[tool.mandala]\npackages = ["fakelib"]\n')
    install(project, "1.0")
    project.runs("p.f(2)")
    project.commit()
    past = "import p\nwith storage.at('HEAD'):\n    out(p.f(2))\n"
    assert project.program(past, oracle=False).values == ["4"]
    install(project, "2.0")
    with pytest.raises(AssertionError, match="MissingCall"):
        project.program(past, oracle=False)


def test_what_is_not_installed_is_an_error(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.repo.write("pyproject.toml", '[tool.mandala]\npackages = ["numpi"]\n')
    monkeypatch.chdir(project.root)
    with pytest.raises(UsageError, match="'numpi', which is not installed here"):
        Storage()
