"""Notebooks in the work tree, the index and commits: what the verbs and the hook say of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

Hook = Callable[..., Any]

SETUP = "%matplotlib inline\nfrom mandala_git.imports import op"
OP = "@op\ndef f(x):\n    return helper(x)"
HELPER = "def helper(x):\n    return x * 2"


def notebook(*cells: str, outputs: str = "") -> str:
    """Write a notebook whose cells printed something."""
    output = {"output_type": "stream", "name": "stdout", "text": [outputs]}
    made = [
        {"cell_type": "code", "execution_count": n, "source": cell, "outputs": [output]}
        for n, cell in enumerate(cells)
    ]
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1)


@pytest.fixture
def book(git_repo: Any, mandala: Any) -> Any:
    """A repository with one notebook, committed and set up."""
    made = git_repo()
    made.write("nb/analysis.ipynb", notebook(SETUP, OP, HELPER))
    made.commit()
    assert mandala("init", cwd=made.root).code == 0
    return made


def test_a_change_of_a_cell(book: Any, mandala: Any, hook: Hook, compare_golden: Any) -> None:
    book.write(
        "nb/analysis.ipynb",
        notebook("print('new first cell')", SETUP, OP, HELPER.replace("2", "3"), "K = f(4)"),
    )
    told = mandala("diff", cwd=book.root)
    assert (told.code, told.err) == (0, "")
    compare_golden("diff_notebook.txt", told.out)
    concise = mandala("diff", "--format", "concise", "nb", cwd=book.root).out
    assert concise.startswith("nb/analysis.ipynb:cell 4:1: changed helper: 2 -> 3\n")
    book.git("add", ".")
    ended = hook("pre-commit", cwd=book.root)
    assert (ended.code, ended.err) == (0, "")
    assert "nb/analysis.ipynb:cell 4:1 helper" in ended.out
    book.git("commit", "-q", "-m", "two")
    assert mandala("diff", "HEAD~1", "HEAD", cwd=book.root).out == told.out


def test_json_counts_in_cells(book: Any, mandala: Any) -> None:
    book.write("nb/analysis.ipynb", notebook(OP, SETUP, "\n" + HELPER.replace("2", "3")))
    found = json.loads(mandala("diff", "--json", cwd=book.root).out)["changes"]
    (change,) = [c for c in found if c["kind"] == "changed"]
    assert (change["new"]["cell"], change["new"]["line"], change["new"]["end_line"]) == (3, 2, 3)
    assert change["hunks"][0][-1]["cells"] == [None, 3]
    assert change["hunks"][0][-1]["new"] == 3
    github = mandala("diff", "--format", "github", cwd=book.root).out
    assert github.startswith(
        "::notice file=nb/analysis.ipynb,line=1,title=cell 3%3A helper changed::2 -> 3"
    )


def test_running_saving_and_reordering_change_nothing(book: Any, mandala: Any, hook: Hook) -> None:
    book.write("nb/analysis.ipynb", notebook(HELPER, OP, SETUP, outputs="hello" * 100))
    book.git("add", ".")
    assert mandala("diff", "--staged", cwd=book.root) == (0, "", "")
    assert hook("pre-commit", cwd=book.root) == (0, "", "")


def test_copies_of_the_editor_are_no_code(book: Any, mandala: Any) -> None:
    book.write(".ipynb_checkpoints/a-checkpoint.ipynb", notebook(HELPER))
    book.write("nb/.ipynb_checkpoints/b-checkpoint.py", HELPER)
    assert mandala("diff", cwd=book.root) == (0, "", "")
    assert json.loads(mandala("world", "--json", cwd=book.root).out)["files"] == 1


def test_a_broken_cell_is_named_and_the_rest_compared(book: Any, mandala: Any, hook: Hook) -> None:
    book.write("nb/analysis.ipynb", notebook(SETUP, OP, HELPER.replace("2", "3"), "x ==="))
    told = mandala("diff", cwd=book.root)
    assert told.err == "mandala: nb/analysis.ipynb:cell 4:1: is not valid Python: invalid syntax\n"
    assert "helper   2 -> 3" in told.out
    book.git("add", ".")
    ended = hook("pre-commit", cwd=book.root)
    assert ended.code == 0 and ended.err == told.err
    assert json.loads(mandala("world", "--json", cwd=book.root).out)["unreadable"] == [
        "nb/analysis.ipynb"
    ]


def test_a_conflict_in_a_notebook_is_said(book: Any, mandala: Any) -> None:
    text = notebook(SETUP, OP, HELPER)
    book.write("nb/analysis.ipynb", text.replace('"nbformat"', "<<<<<<< HEAD\n", 1))
    told = mandala("diff", cwd=book.root)
    assert told.code == 0 and "is no notebook" in told.err and "Traceback" not in told.err


def test_fingerprints_of_a_notebook(book: Any, mandala: Any) -> None:
    book.write("h.py", f"{SETUP.partition(chr(10))[2]}\n{OP}\n{HELPER}\n")
    told = mandala("fingerprint", "nb/analysis.ipynb", "h.py", cwd=book.root)
    assert (told.code, told.err) == (0, "")
    rows = [line.split() for line in told.out.splitlines()]
    assert [row[2] for row in rows[:2]] == ["nb/analysis.ipynb::f", "nb/analysis.ipynb::helper"]
    assert [row[0] for row in rows[:2]] == [row[0] for row in rows[2:]]
    book.write("nb/analysis.ipynb", notebook(HELPER, "x = ="))
    told = mandala("fingerprint", "nb/analysis.ipynb", cwd=book.root)
    assert told.code == 1 and "helper" in told.out
    assert told.err.startswith("mandala: nb/analysis.ipynb:cell 2:1: is not valid Python")


def test_a_notebook_is_no_module(book: Any, mandala: Any) -> None:
    book.write("analysis.ipynb", notebook("def g(): return 1"))
    book.write("torch/train.ipynb", notebook("def h(): return 1"))
    book.write("m.py", "import analysis, torch\n\ndef f():\n    return analysis.g(torch.h)\n")
    book.commit()
    book.write("analysis.ipynb", notebook("def g(): return 2"))
    book.write("torch/train.ipynb", notebook("def h(): return 2"))
    told = mandala("diff", "--format", "concise", cwd=book.root)
    assert [line.split(":")[0] for line in told.out.splitlines()] == [
        "analysis.ipynb",
        "torch/train.ipynb",
    ]
