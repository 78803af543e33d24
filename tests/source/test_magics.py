"""IPython's syntax as Python: by golden cases, and compared with IPython itself."""

from __future__ import annotations

import ast
import os
import warnings
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager

from mandala_git.source.magics import to_python

GOLDEN = {
    "%matplotlib inline\nx = 1": "pass\nx = 1",
    "!pip install \\\n  numpy\nx = 1": "pass\n\nx = 1",
    "x = !ls -l": "x = get_ipython().getoutput('ls -l')",
    "x = %sql \\\n select\ny = 1": "x = get_ipython().run_line_magic('sql', '  select')\n\ny = 1",
    "x?\nx??\n?x\nnp.*load*?": "pass\npass\npass\npass",
    "%time x = f(3)": "x = f(3)",
    "%time -q x = f(3)\n%time": "pass\npass",
    "def f(d):\n    !ls {d}\n    return 1": (
        "def f(d):\n    get_ipython().system('ls {d}')\n    return 1"
    ),
    "if a:\n    %load_ext b\nelse:\n    !!ls": (
        "if a:\n    get_ipython().run_line_magic('load_ext', 'b')\n"
        "else:\n    get_ipython().getoutput('ls')"
    ),
    "%%time\nx = 1\n%ls": "\nx = 1\npass",
    "\n%%capture out\n\nx = 1": "\n\n\nx = 1",
    "%%bash\nls\nx = 1": "\n\n",
    "%%timeit\nx = 1": "\n",
    "   x = 1\n     \n   %ls": "x = 1\n\npass",
    ">>> def f():\n...     return 1\n": "def f():\n    return 1\n",
    "In [3]: x = 1\n   ...: y = 2": "x = 1\ny = 2",
}

PYTHON = [
    's = """\n%no\n!no\nno?\n"""',
    "x = (7\n%3)\ny = [\n%a, b]",
    "x = 7 \\\n% 3\ny = 1",
    "x = f'{a!r:>{w}} {d['k']} {{%no}} {b:%Y}'\n",
    "x = rf'\\{a}' f'\\N{DASH}{b}'",
    "x = f'''{\na  # '\n!r}'''\n",
    "# x?\ny = 1  # %no ?",
    "x = '''it's\n%no''' 'a?'",
    "x %= 3\nx != y\nx = -y\nx == y % z",
    "@no\ndef f(a=1, *b): return a % b\n",
    "",
    "\n\n",
]


@pytest.mark.parametrize("cell", GOLDEN)
def test_golden(cell: str) -> None:
    assert to_python(cell) == (GOLDEN[cell], 0)


@pytest.mark.parametrize("cell", PYTHON)
def test_python_stays(cell: str) -> None:
    assert to_python(cell) == (cell, 0)


@pytest.mark.parametrize("cell", ["x = (1", "x = '''a", "x = 1 \\\n", "f'''{x", "d = {'a': [1}"])
def test_what_is_left_open_is_said(cell: str) -> None:
    assert to_python(cell)[1] == 1
    assert to_python(f"a = 1\n\n{cell}")[1] == 3
    assert to_python(f"%%time\n\n{cell}")[1] == 3


def test_all_of_the_standard_library_stays() -> None:
    files = sorted(Path(os.__file__).parent.glob("*.py"))
    assert len(files) > 100
    for file in files:
        text = file.read_text("utf-8")
        assert to_python(text) == (dedent(text), 0), file


def run_by_ipython(cell: str) -> str | None:
    """What IPython makes of a cell, without what stands at its top and binds nothing."""
    try:
        tree = ast.parse(TransformerManager().transform_cell(cell))
    except SyntaxError:
        return None
    tree.body = [s for s in tree.body if not ast.unparse(s).startswith("get_ipython()")]
    return without_pass(tree)


def without_pass(tree: ast.Module) -> str:
    tree.body = [s for s in tree.body if not isinstance(s, ast.Pass)]
    return ast.unparse(tree)


LINES = [
    "x = 1", "%ls", "!ls {x}", "x = !ls", "x = %pwd", "def f(a):", "    return a", "    !ls", "    %x y",
    "    x?", "if x:", "else:", "  y = !ls", 's = """', '"""', "'''", "%a?", "f'{x}'", "f'{a['b']}' ", "[", "]",
    "!echo \\", "  more", "x = \\", "# it's", "x?", "?", "a, b = !ls", "f(a=1)", "d[a] = %x", "x = y % z", "", "  ",
    "%%bash", "%%time", "r'\\'", "lambda a=1: a", "x == 1", "x: int = !ls", "print('it?')", "np.*x*?", "@f",
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(LINES), min_size=1, max_size=7).map("\n".join))
def test_ipython_makes_the_same_of_it(cell: str) -> None:
    python, _ = to_python(cell)
    assert python.count("\n") == cell.count("\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of `r'\'` and the like
        theirs = run_by_ipython(cell)
        if theirs is not None and not cell.lstrip().startswith("%%time"):
            assert without_pass(ast.parse(python)) == theirs
