"""Which file an import names, among the files of a project."""

from __future__ import annotations

import pytest

from mandala_git.source.modules import OUTSIDE, Modules


@pytest.mark.parametrize(
    ("paths", "importer", "level", "dotted", "expected"),
    [
        (["a.py", "b.py"], "a.py", 0, "b", "b.py"),
        (["s/a.py", "s/b.py", "b.py"], "s/a.py", 0, "b", "s/b.py"),
        (["pkg/__init__.py", "pkg/a.py", "pkg/b.py", "b.py"], "pkg/a.py", 0, "b", "b.py"),
        (["pkg/__init__.py", "pkg/a.py", "pkg/b.py"], "pkg/a.py", 0, "b", "pkg/b.py"),
        (["pkg/__init__.py", "pkg/a.py", "pkg/b.py"], "pkg/a.py", 1, "b", "pkg/b.py"),
        (
            ["pkg/__init__.py", "pkg/s/__init__.py", "pkg/s/a.py"],
            "pkg/s/a.py",
            2,
            "",
            "pkg/__init__.py",
        ),
        (["src/pkg/__init__.py", "src/pkg/a.py", "t/x.py"], "t/x.py", 0, "pkg.a", "src/pkg/a.py"),
        (["main.py", "lib/helper.py"], "main.py", 0, "helper", "lib/helper.py"),
        (["/opt/lib/helper.py", "main.py"], "main.py", 0, "helper", "/opt/lib/helper.py"),
        # Names of other people's packages that also occur deep in the project.
        (["main.py", "utils/__init__.py", "utils/requests.py"], "main.py", 0, "requests", None),
        (["main.py", "notes/numpy/intro.py"], "main.py", 0, "numpy", None),
        (["main.py", "lib/random.py"], "main.py", 0, "random", None),
        (["main.py", "random.py"], "main.py", 0, "random", "random.py"),
        # Folders without __init__.py are packages too.
        (["main.py", "pkg/a.py"], "main.py", 0, "pkg", "pkg/"),
        (["main.py", "src/pkg/a.py"], "main.py", 0, "pkg", "src/pkg/"),
        (["main.py"], "main.py", 0, "numpy", None),
    ],
)
def test_find(
    paths: list[str], importer: str, level: int, dotted: str, expected: str | None
) -> None:
    assert Modules(paths).find(importer, level, dotted) == expected


def test_a_process_knows_better() -> None:
    paths = ["main.py", "lib/yaml.py", "old/helper.py", "new/helper.py"]
    known = {"yaml": OUTSIDE, "helper": "old/helper.py"}
    assert Modules(paths).find("main.py", 0, "yaml") == "lib/yaml.py"
    assert Modules(paths, known.get).find("main.py", 0, "yaml") is None
    assert Modules(paths, known.get).find("main.py", 0, "helper") == "old/helper.py"


def test_submodules() -> None:
    modules = Modules(["pkg/__init__.py", "pkg/a.py", "space/b.py"])
    assert modules.inside("pkg/__init__.py", "a") == "pkg/a.py"
    assert modules.inside("space/", "b") == "space/b.py"
    assert modules.inside("pkg/a.py", "b") is None
