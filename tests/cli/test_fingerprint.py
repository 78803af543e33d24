"""`git mandala fingerprint`: what is listed, under which path, and what happens to bad files."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Mandala = Callable[..., Any]

SOURCE = '''\
"""A module of everything."""
import os
from math import sqrt as root

N_CLASS = 10
a, b = 1, 2
first = lambda x: x + 1


def helper(x):
    def nested(y):
        return y
    return nested(x)


class Model:
    """A class."""

    kind = "tree"

    def fit(self, x):
        return helper(x)

    class Options:
        def read(self):
            return 1


def helper(x):
    return root(x)


async def later():
    pass


N_CLASS += 1
print(N_CLASS)
'''

LISTED = [
    ("N_CLASS", "global"),
    ("a", "global"),
    ("b", "global"),
    ("first", "global"),
    ("helper", "function"),
    ("Model", "class"),
    ("Model.fit", "function"),
    ("Model.Options", "class"),
    ("Model.Options.read", "function"),
    ("helper#2", "function"),
    ("later", "function"),
]


def rows(ended: Any) -> list[dict[str, str]]:
    return [json.loads(line) for line in ended.out.splitlines()]


def test_json_lists_every_definition_in_source_order(mandala: Mandala, tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(SOURCE)
    ended = mandala("fingerprint", "--json", "m.py")
    assert ended.code == 0 and ended.err == ""
    assert [(row["qualname"], row["kind"]) for row in rows(ended)] == LISTED
    for row in rows(ended):
        assert list(row) == ["path", "qualname", "kind", "digest"]
        assert row["path"] == "m.py"
        assert re.fullmatch(r"n2:[0-9a-f]{64}", row["digest"])


def test_the_listing_says_the_same_in_columns(mandala: Mandala, tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(SOURCE)
    found = rows(mandala("fingerprint", "--json", "m.py"))
    lines = mandala("fingerprint", "m.py").out.splitlines()
    assert [line.split() for line in lines] == [
        [row["digest"], row["kind"], f"{row['path']}::{row['qualname']}"] for row in found
    ]
    assert len({line.index("m.py::") for line in lines}) == 1


def test_formatting_comments_and_docstrings_do_not_count(mandala: Mandala, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def f(x, y):\n    return [x,y]\n")
    (tmp_path / "b.py").write_text(
        'def f(\n    x,\n    y,\n):\n    """Pair."""\n    return [\n        x,  # one\n        y,\n    ]\n'
    )
    (tmp_path / "c.py").write_text("def f(x, y):\n    return [y, x]\n")
    a, b, c = (
        row["digest"] for row in rows(mandala("fingerprint", "--json", "a.py", "b.py", "c.py"))
    )
    assert a == b != c


def test_paths_are_relative_to_the_repository(
    mandala: Mandala, git_repo: Any, tmp_path: Path
) -> None:
    repo = git_repo()
    file = repo.write("src/train.py", "x = 1\n")
    (repo.root / "docs").mkdir()
    for cwd, name in [
        (repo.root, "src/train.py"),
        (repo.root / "docs", "../src/train.py"),
        (repo.root / "src", "train.py"),
        (tmp_path, str(file)),
        (tmp_path, "repo/src/train.py"),
    ]:
        (row,) = rows(mandala("fingerprint", "--json", name, cwd=cwd))
        assert row["path"] == "src/train.py"


def test_outside_of_a_repository_they_are_relative_to_the_folder(
    mandala: Mandala, tmp_path: Path
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "m.py").write_text("x = 1\n")
    (row,) = rows(mandala("fingerprint", "--json", str(tmp_path / "sub" / "m.py")))
    assert row["path"] == "sub/m.py"
    (row,) = rows(mandala("fingerprint", "--json", "m.py", cwd=tmp_path / "sub"))
    assert row["path"] == "m.py"


def test_of_a_commit(mandala: Mandala, git_repo: Any) -> None:
    repo = git_repo()
    repo.write("m.py", "def f():\n    return 1\n")
    repo.commit()
    repo.write("m.py", "def f():\n    return 2\n")
    repo.write("gone.py", "x = 1\n")
    repo.commit()
    (repo.root / "gone.py").unlink()
    (repo.root / "sub").mkdir()

    (now,) = rows(mandala("fingerprint", "--json", "m.py", cwd=repo.root))
    (old,) = rows(
        mandala("fingerprint", "--json", "--rev", "HEAD~1", "../m.py", cwd=repo.root / "sub")
    )
    assert now["digest"] != old["digest"] and old["path"] == "m.py"
    (head,) = rows(mandala("fingerprint", "--json", "--rev=HEAD", "m.py", cwd=repo.root))
    assert head == now
    (gone,) = rows(mandala("fingerprint", "gone.py", "--json", "--rev", "HEAD", cwd=repo.root))
    assert gone["qualname"] == "x"

    ended = mandala("fingerprint", "--rev", "HEAD~1", "gone.py", "m.py", cwd=repo.root)
    assert ended.code == 1 and len(ended.out.splitlines()) == 1
    assert ended.err == "mandala: gone.py: no such file in HEAD~1\n"


def test_a_revision_that_is_not_there_is_a_usage_error(mandala: Mandala, git_repo: Any) -> None:
    repo = git_repo()
    repo.write("m.py", "x = 1\n")
    repo.commit()
    ended = mandala("fingerprint", "--rev", "nope", "m.py", cwd=repo.root)
    assert ended.code == 2 and ended.out == "" and "'nope'" in ended.err


def test_a_revision_outside_of_a_repository(mandala: Mandala, tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("x = 1\n")
    ended = mandala("fingerprint", "--rev", "HEAD", "m.py")
    assert ended.code == 128 and "m.py is in no repository" in ended.err


BAD = {
    "syntax.py": b"x = 1\ndef f(:\n    pass\n",
    "latin.py": b"x = '\xe9'\n",
    "nul.py": b"x = 1\0\n",
    "indent.py": b"def f():\n\tif 1:\n        pass\n",
    "two.py": b"print 'hello'\n",
    "cookie.py": b"# -*- coding: klingon -*-\nx = 1\n",
}


@pytest.mark.parametrize("name", BAD)
def test_a_broken_file_is_one_line_and_the_others_are_printed(
    mandala: Mandala, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(BAD[name])
    (tmp_path / "good.py").write_text("x = 1\n")
    ended = mandala("fingerprint", "--json", "good.py", name, "good.py")
    assert ended.code == 1
    assert [row["path"] for row in rows(ended)] == ["good.py", "good.py"]
    assert re.fullmatch(rf"mandala: {name}(:\d+)?: .+\n", ended.err), ended.err


def test_files_that_cannot_be_opened(mandala: Mandala, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "good.py").write_text("x = 1\n")
    ended = mandala("fingerprint", "missing.py", "folder", "good.py")
    assert ended.code == 1 and len(ended.out.splitlines()) == 1
    assert (
        ended.err
        == "mandala: missing.py: No such file or directory\nmandala: folder: Is a directory\n"
    )


def test_an_empty_file_has_no_lines(mandala: Mandala, tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("")
    assert mandala("fingerprint", "--json", "empty.py") == (0, "", "")


def test_a_path_that_is_not_utf8(mandala: Mandala, tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.py")
    (tmp_path / name).write_text("x = 1\n")
    ended = mandala("fingerprint", "--json", name)
    assert ended.code == 0
    assert rows(ended)[0]["path"] == name
    listing = mandala("fingerprint", name)
    assert listing.code == 0 and "caf\\" in listing.out


def test_the_settings_of_the_project_count(mandala: Mandala, git_repo: Any) -> None:
    repo = git_repo()
    repo.write("m.py", "from lib import mark\n\n\n@mark\ndef f():\n    return 1\n")
    repo.write("n.py", "from lib import mark\n\n\n@mark\ndef g():\n    return 1\n")
    f, g = rows(mandala("fingerprint", "--json", "m.py", "n.py", cwd=repo.root))
    assert f["digest"] != g["digest"], "an unknown decorator may look at the name"
    repo.write("pyproject.toml", '[tool.mandala]\nneutral = ["lib.mark"]\n')
    f, g = rows(mandala("fingerprint", "--json", "m.py", "n.py", cwd=repo.root))
    assert f["digest"] == g["digest"]

    repo.write("m.py", "def f():\n    return 2 * 3\n")
    repo.write("n.py", "def g():\n    return 6\n")
    repo.write("pyproject.toml", '[tool.mandala]\nequal = ["constant-folding"]\n')
    f, g = rows(mandala("fingerprint", "--json", "m.py", "n.py", cwd=repo.root))
    assert f["digest"] == g["digest"]

    for wrong in ("neutral = 1", 'equal = "constant-folding"', 'equal = ["magic"]', "other = []"):
        repo.write("pyproject.toml", f"[tool.mandala]\n{wrong}\n")
        ended = mandala("fingerprint", "m.py", cwd=repo.root)
        assert ended.code == 2 and ended.out == "" and "[tool.mandala]" in ended.err
