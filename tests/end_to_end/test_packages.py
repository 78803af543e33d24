"""`[tool.mandala] packages = [...]`: another version of a distribution is another world."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from interpreters import finish, start

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


# -- whose code counts -----------------------------------------------------------------------


PROGRAM = """
import sys
sys.path.insert(0, {site!r})
from mandala_git import Storage
import p
with Storage({options}) as storage:
    print(p.f(2).value, p.g(p.mylib.Model(), 2).value, storage.executed, storage.found)
"""
USES = """import mylib
from mandala_git import op

@op
def f(x):
    return mylib.scale(x)

@op
def g(model, x):
    return model.run(x)
"""


@pytest.fixture
def library(project: Project) -> Path:
    """An installed package; tests edit it."""
    site = project.root.parent / "env" / "site-packages"
    (site / "mylib").mkdir(parents=True)
    (site / "mylib" / "__init__.py").write_text("from .deep import Model, scale\n")
    (site / "mylib" / "deep.py").write_text(
        "from .more import K\n\ndef scale(x):\n    return x * K\n\n"
        "class Model:\n    def run(self, x):\n        return x + 1\n"
    )
    (site / "mylib" / "more.py").write_text("K = 3\n")
    info = site / "my_lib-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-lib\nVersion: 1.0\n")
    (info / "RECORD").write_text(
        "mylib/__init__.py,,\nmylib/deep.py,,\nmy_lib-1.0.dist-info/RECORD,,\n"
    )
    project.write(p=USES)
    return site


def run(project: Project, site: Path, options: str = "") -> list[str]:
    time.sleep(0.02)
    return finish(start(project.root, PROGRAM.format(site=str(site), options=options)))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize("name", ["mylib", "my-lib"])
def test_code_of_a_tracked_package_counts(project: Project, library: Path, name: str) -> None:
    options = f"track_packages=[{name!r}]"
    # Without it nobody looks, and what was recorded so is not reused where somebody does.
    assert run(project, library) == ["6 3 2 0"]
    assert run(project, library, options) == ["6 3 2 0"]
    assert run(project, library, options) == ["6 3 0 2"]
    deep = library / "mylib" / "deep.py"
    edit(deep, "x * K", "x + K")
    assert run(project, library, options) == ["5 3 1 1"]
    edit(deep, "return x + 1", "return x + 2")
    assert run(project, library, options) == ["5 4 1 1"]
    edit(library / "mylib" / "more.py", "K = 3", "K = 4")
    assert run(project, library, options) == ["6 4 1 1"]
    edit(deep, "x + K", "x * K")
    edit(deep, "return x + 2", "return x + 1  # as before")
    edit(library / "mylib" / "more.py", "K = 4", "K = 3")
    assert run(project, library, options) == ["6 3 0 2"]
    # Wherever it is installed.
    moved = library.rename(library.with_name("x")).parent / "other" / "site-packages"
    moved.parent.mkdir()
    library.with_name("x").rename(moved)
    assert run(project, moved, options) == ["6 3 0 2"]


def test_a_project_tracks_a_package(project: Project, library: Path) -> None:
    project.repo.write("pyproject.toml", '[tool.mandala]\ntrack_packages = ["mylib"]\n')
    assert run(project, library) == ["6 3 2 0"]
    edit(library / "mylib" / "deep.py", "x * K", "x + K")
    assert run(project, library) == ["5 3 1 1"]


def test_a_package_that_is_not_there_is_an_error(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    with pytest.raises(UsageError, match="'mylibb', which is not installed here"):
        Storage(track_packages=["mylibb"])
    with pytest.raises(UsageError, match="is no list of names"):
        Storage(track_packages="mylib")
