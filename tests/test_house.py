"""The rules of the house that no type checker and no linter knows, read off the source."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

import mandala_git
from mandala_git.cli.hook import HOOKS
from mandala_git.cli.verbs import VERBS, parser_of, split

HOUSE = Path(__file__).parent.parent
PACKAGE = HOUSE / "mandala_git"

# A room may import from those listed before it, but the three on the ground from none of these.
GROUND = ("source", "repo", "results")
UPPER = ("versions", "ops", "frames", "queries", "views", "cli")
CELLAR = ("errors", "config", "records")
FRONT = ("", "imports", "utils")  # `mandala_git` itself and the public names: the front door

HEAVY = ("pandas", "numpy", "joblib", "libcst", "pygit2", "rich")


class Import(NamedTuple):
    """One import statement: the module it names, where it stands, whether it runs at import."""

    target: str
    line: int
    eager: bool


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(module: str) -> str:
    """`mandala_git.repo.store` is in `repo`; `mandala_git.errors` is in `errors`."""
    return module.split(".")[1] if "." in module else ""


def module_name(path: Path) -> str:
    parts = path.relative_to(HOUSE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes(), str(path))


def imports(path: Path) -> list[Import]:
    """Every import of a file, those in functions and under TYPE_CHECKING too."""
    return list(_imports(tree_of(path), module_name(path), path.name == "__init__.py", True))


def _imports(node: ast.AST, module: str, is_package: bool, eager: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, child.lineno, eager)
        elif isinstance(child, ast.ImportFrom):
            base = child.module or ""
            if child.level:
                parts = module.split(".")
                up = child.level - 1 if is_package else child.level
                base = ".".join([*parts[: len(parts) - up], *filter(None, [base])])
            for alias in child.names:
                # `from mandala_git import errors` names a module, not an attribute
                named = PACKAGE.parent.joinpath(*base.split("."), alias.name)
                is_module = named.with_suffix(".py").exists() or (named / "__init__.py").exists()
                yield Import(f"{base}.{alias.name}" if is_module else base, child.lineno, eager)
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            only_types = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            yield from _imports(child, module, is_package, eager and not inside and not only_types)


def allowed(room: str) -> set[str]:
    """The rooms that a room may import from."""
    if room in CELLAR:
        return {*CELLAR, ""}
    if room in FRONT:
        return {*CELLAR, *FRONT, *GROUND, *UPPER} - {"cli"}
    below = {*CELLAR, room, ""}
    if room in UPPER:
        below.update(GROUND, UPPER[: UPPER.index(room)])
    return below


def test_every_room_is_known() -> None:
    rooms = {p.name for p in PACKAGE.iterdir() if (p / "__init__.py").exists()}
    files = {p.stem for p in PACKAGE.glob("*.py")} - {"__init__"}
    assert rooms <= {*GROUND, *UPPER}
    assert files <= {*CELLAR, *FRONT}


@pytest.mark.parametrize("path", modules(), ids=module_name)
def test_imports_go_downwards_only(path: Path) -> None:
    room = room_of(module_name(path))
    wrong = [
        f"{path.relative_to(HOUSE)}:{line} imports {target}"
        for target, line, _ in imports(path)
        if target.split(".")[0] == "mandala_git" and room_of(target) not in allowed(room)
    ]
    assert not wrong, wrong


# What a program and an idle hook go through: nothing heavy may load on the way, unless a
# function asks for it.
DOORS = ("", "imports", "config", "errors", "ops", "cli")


def behind_doors() -> dict[str, Path]:
    """The modules that doors import when they are imported, and theirs, and so on."""
    known = {module_name(path): path for path in modules()}
    waiting = [m for m in known if room_of(m) in DOORS]
    reached: dict[str, Path] = {}
    while waiting:
        module = waiting.pop()
        # importing a.b.c imports a and a.b first
        for name in {module, *(module.rsplit(".", n)[0] for n in range(module.count(".") + 1))}:
            if name in known and name not in reached:
                reached[name] = known[name]
                waiting += [target for target, _, eager in imports(known[name]) if eager]
    return reached


def test_nothing_heavy_loads_on_the_way_of_a_hit_or_an_idle_hook() -> None:
    wrong = [
        f"{path.relative_to(HOUSE)}:{line} imports {target}"
        for path in behind_doors().values()
        for target, line, eager in imports(path)
        if eager and target.split(".")[0] in HEAVY
    ]
    assert not wrong, wrong


@pytest.mark.parametrize("door", ["mandala_git", "mandala_git.cli.main", "mandala_git.cli.hook"])
def test_opening_a_door_loads_nothing_heavy(door: str) -> None:
    code = f"import {door}, sys; print(*sorted({set(HEAVY)!r} & sys.modules.keys()))"
    assert run_python(code) == ""


def test_import_is_quiet_and_starts_no_process() -> None:
    code = "import sys, mandala_git; print(*{'subprocess', 'sqlite3', 'argparse'} & sys.modules.keys())"
    assert run_python(code) == ""


def run_python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=HOUSE, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def sources() -> list[Path]:
    """Every file of ours that a reader opens."""
    tests = [p for p in (HOUSE / "tests").rglob("*.py") if "cases" not in p.parts]
    return [
        *modules(),
        *sorted(tests),
        *sorted((HOUSE / "benchmarks").rglob("*.py")),
        *sorted((HOUSE / "examples").rglob("*.py")),
    ]


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(HOUSE)))
def test_a_file_says_its_purpose_first(path: Path) -> None:
    if path.name == "__init__.py" and not path.read_bytes().strip():
        return  # the mark of a folder of tests
    assert ast.get_docstring(tree_of(path)), f"{path} needs a first line that says its purpose"


@pytest.mark.parametrize("path", modules(), ids=module_name)
def test_only_the_faces_talk(path: Path) -> None:
    """No print() and no input() in a library; `cli` and `views` go through their streams."""
    talk = [
        f"{path.relative_to(HOUSE)}:{node.lineno} calls {node.func.id}()"
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("print", "input", "breakpoint")
        and room_of(module_name(path)) not in ("cli", "views")
    ]
    assert not talk, talk


@pytest.mark.parametrize("path", modules(), ids=module_name)
def test_nothing_is_left_for_later(path: Path) -> None:
    marks = re.findall(
        r"\b(?:TODO|FIXME|XXX|HACK)\b|NotImplementedError\(\)", path.read_text("utf-8")
    )
    assert not marks, marks


def test_launchers_are_small_and_installed() -> None:
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text("utf-8"))
    scripts = project["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-scripts"]
    launchers = sorted(p for p in (HOUSE / "hooks").iterdir() if p.is_file())
    assert {str(p.relative_to(HOUSE)): p.name for p in launchers} == scripts
    for launcher in launchers:
        lines = launcher.read_text("utf-8").splitlines()
        assert lines[0] == "#!python", (
            "pip puts the path of its Python in this line, and in no other"
        )
        assert len(lines) <= 10
        assert ast.get_docstring(ast.parse("\n".join(lines)))


def test_public_names_exist() -> None:
    """`__all__` of every module is true, complete names in sorted order for the front door."""
    for module in map(module_name, modules()):
        if not re.search(r"^__all__\b", (HOUSE / module_file(module)).read_text("utf-8"), re.M):
            continue
        loaded = importlib.import_module(module)
        missing = [name for name in loaded.__all__ if not hasattr(loaded, name)]
        assert not missing, f"{module} promises {missing}"
        assert len(set(loaded.__all__)) == len(loaded.__all__)
        if room_of(module) in FRONT:
            assert list(loaded.__all__) == sorted(loaded.__all__), f"{module}.__all__ is not sorted"


def module_file(module: str) -> Path:
    folder = Path(*module.split("."))
    return folder / "__init__.py" if (HOUSE / folder).is_dir() else folder.with_suffix(".py")


def test_the_version_is_told_once() -> None:
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text("utf-8"))
    assert mandala_git.__version__ == project["project"]["version"]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(verb: str) -> None:
    parser = parser_of(verb)
    page = parser.format_help()
    assert VERBS[verb], "a line for the list of verbs"
    assert parser.description and len(parser.description) > 40
    examples = page.partition("\nexample:\n")[2].splitlines()
    assert examples and all(line.startswith("  ") for line in examples)
    assert any(f"git mandala {verb}" in line for line in examples)
    for action in parser._actions:
        assert action.help, f"{verb}: {action.dest} has no help"


@pytest.mark.parametrize("verb", VERBS)
def test_the_examples_parse(verb: str) -> None:
    page = parser_of(verb).format_help()
    for line in page.partition("\nexample:\n")[2].splitlines():
        if "git mandala " in line:
            words = shlex.split(line.partition("git mandala ")[2], comments=True)
            _, name, rest = split(words)
            assert name is not None
            parser_of(name).read(rest)


def test_the_page_that_git_shows_lists_every_verb() -> None:
    """`git mandala --help` never reaches this program: git calls man."""
    page = (HOUSE / "docs/git-mandala.1").read_text("utf-8")
    listed = re.findall(r"^\.TP\n\.B (.+)\n(.+)$", page, re.MULTILINE)
    assert listed == list(VERBS.items())
    shared = tomllib.loads((HOUSE / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]
    installed = shared["targets"]["wheel"]["shared-data"]
    assert installed == {"docs/git-mandala.1": "share/man/man1/git-mandala.1"}


def test_every_verb_is_a_module_and_every_module_is_used() -> None:
    frame = {"__init__", "asking", "boundary", "crash", "desk", "loading", "main", "verbs"}
    files = {path.stem for path in (PACKAGE / "cli").glob("*.py")} - frame
    hooks = {module.rpartition(".")[2] for module in HOOKS.values()}
    assert files == {*VERBS, *hooks, "hook"}
