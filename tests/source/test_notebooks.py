"""Notebooks as modules: what counts, where it is, what bad ones say."""

from __future__ import annotations

import json
import textwrap
from typing import Any

import pytest

from mandala_git.source.changes import Change, ChangeKind, compare, hunks
from mandala_git.source.definitions import Definition, FileFacts, Kind, pack, unpack
from mandala_git.source.notebooks import read_notebook
from mandala_git.source.pieces import Sources
from mandala_git.source.scan import scan_file, scan_texts
from mandala_git.source.sources import Unreadable
from mandala_git.source.texts import definition_from_text

SETUP = "%matplotlib inline\nimport numpy as np\nfrom mandala_git import op"
HELPER = "def helper(x):\n    return x * K"
OP = "# The model.\n\n@op\ndef f(x):\n    '''Fit.'''\n    return np.sum(helper(x))"
GLOBAL = "K = 3\nK"


def notebook(*cells: Any, **metadata: Any) -> bytes:
    """Write a notebook with code cells, or whatever is given as a dict."""
    made = [
        cell if isinstance(cell, dict) else {"cell_type": "code", "source": cell, "metadata": {}}
        for cell in cells
    ]
    return json.dumps({"cells": made, "metadata": metadata, "nbformat": 4}).encode()


def scan(*cells: Any, **metadata: Any) -> FileFacts:
    return scan_file("nb.ipynb", notebook(*cells, **metadata))


def named(facts: FileFacts) -> dict[str, Definition]:
    return {d.qualname: d for d in facts.definitions}


def changes(old: bytes, new: bytes) -> tuple[Change, ...]:
    before, after = scan_file("nb.ipynb", old), scan_file("nb.ipynb", new)
    return compare([before], [after], before=Sources(lambda _: old), after=Sources(lambda _: new))


# -- what counts -------------------------------------------------------------------------


def test_a_definition_knows_its_cell() -> None:
    text = {"cell_type": "markdown", "source": "# Title"}
    found = named(scan(text, SETUP, HELPER, {"cell_type": "raw", "source": "def g("}, OP, GLOBAL))
    assert {name: d.place for name, d in found.items() if d.kind is not Kind.MODULE} == {
        "np": "nb.ipynb:cell 2:2",
        "op": "nb.ipynb:cell 2:3",
        "helper": "nb.ipynb:cell 3:1",
        "f": "nb.ipynb:cell 5:3",
        "K": "nb.ipynb:cell 6:1",
    }
    assert found["f"].op
    assert unpack(pack(scan(SETUP, OP))) == scan(SETUP, OP)


def test_order_and_other_cells_change_no_definition() -> None:
    first = named(scan(SETUP, HELPER, OP, GLOBAL))
    for cells in (
        [GLOBAL, OP, HELPER, SETUP],
        ["%%bash\nls", SETUP, "print(f(3))\n%timeit f(3)", HELPER + "\n\n\n", OP, GLOBAL],
        [SETUP + "\n" + HELPER, "import numpy as np", OP + "\n" + GLOBAL],
    ):
        found = named(scan(*cells))
        for name in ("helper", "f", "K", "np"):
            assert (found[name].text_id, found[name].digest) == (
                first[name].text_id,
                first[name].digest,
            )


def test_a_notebook_defines_what_a_module_defines() -> None:
    def plain(facts: FileFacts) -> dict[str, Any]:
        return {d.qualname: (d.digest, d.holes, d.plain, d.op, d.values) for d in facts.definitions}

    module = f"{SETUP.partition(chr(10))[2]}\n{HELPER}\n{OP}\n{GLOBAL}\n"
    assert plain(scan(SETUP, HELPER, OP, GLOBAL)) == plain(scan_file("m.py", module.encode()))


def test_a_name_in_two_cells_is_numbered() -> None:
    found = named(scan(HELPER, "def helper(x):\n    return 2"))
    assert found["helper"].place == "nb.ipynb:cell 1:1"
    assert found["helper#2"].place == "nb.ipynb:cell 2:1"


def test_one_source_in_many_spellings() -> None:
    expected = scan(SETUP, HELPER)
    lines = [line.splitlines(keepends=True) for line in (SETUP, HELPER)]
    assert scan(*({"cell_type": "code", "source": each} for each in lines)) == expected
    windows = notebook(SETUP.replace("\n", "\r\n"), HELPER.replace("\n", "\r\n"))
    assert scan_file("nb.ipynb", windows) == expected
    assert scan_file("nb.ipynb", b"\xef\xbb\xbf" + notebook(SETUP, HELPER)) == expected
    old = [{"cell_type": "code", "language": "python", "input": each} for each in lines]
    format_3 = json.dumps({"worksheets": [{"cells": old}], "nbformat": 3}).encode()
    assert scan_file("nb.ipynb", format_3) == expected


def test_outputs_counts_and_metadata_change_nothing() -> None:
    image = {"output_type": "display_data", "data": {"image/png": "A" * 10_000}}
    cell = {"cell_type": "code", "source": HELPER, "outputs": [image], "execution_count": 7}
    ran = notebook(cell, language_info={"name": "python", "version": "3.12.1"})
    assert changes(notebook(HELPER), ran) == ()


def test_stored_texts_give_the_same_definitions() -> None:
    cells = [SETUP, HELPER, OP, GLOBAL, "class A:\n    def m(self):\n        !ls {self}"]
    facts, texts = scan_texts("nb.ipynb", notebook(*cells))
    for definition in facts.definitions:
        again = definition_from_text(texts[definition.text_id])
        assert (again.key, again.digest, again.holes) == (
            definition.key,
            definition.digest,
            definition.holes,
        )
    assert any(b"get_ipython().system('ls {self}')" in text for text in texts.values())


def test_a_cell_does_not_go_on_in_the_next() -> None:
    facts = scan("if x:", "    y = 1", "@op", "def f():\n    pass", "z = '''", "'''", "w = (", ")")
    assert [note[0] for note in facts.notes] == [1, 3, 5, 6, 7, 8]
    assert set(named(facts)) == {"y", "f", "<module>"}
    assert not named(facts)["f"].op


@pytest.mark.parametrize(
    ("cell", "defined"),
    {
        "%%time\ndef g(): pass": {"g"},
        "%%capture out\ng = 1": {"g"},
        "%time g = f(3)": {"g"},
        "g = !ls": {"g"},
        "%%timeit\ng = 1": set(),
        "%%bash\ng = 1": set(),
        "%%unknown\ng = 1": set(),
        "await g()": set(),
        "pip install g": set(),
        "from __future__ import annotations\ng: int = 1": {"annotations", "g"},
    }.items(),
)
def test_magics(cell: str, defined: set[str]) -> None:
    facts = scan("x = 1", cell, "y = 2")
    assert set(named(facts)) - {"<module>"} == {"x", "y", *defined}
    assert facts.notes == ()


@pytest.mark.parametrize(
    "metadata",
    [
        {"kernelspec": {"language": "R", "name": "ir"}},
        {"language_info": {"name": "julia"}, "kernelspec": {"language": "python"}},
    ],
)
def test_another_language_defines_nothing(metadata: dict[str, Any]) -> None:
    facts = scan(HELPER, "x <- 3", **metadata)
    assert set(named(facts)) == {"<module>"} and facts.complaints == []


@pytest.mark.parametrize(
    "metadata", [{}, {"kernelspec": {"name": "x"}}, {"kernelspec": 3}, {"language_info": None}]
)
def test_what_says_nothing_of_its_language_is_python(metadata: dict[str, Any]) -> None:
    assert "helper" in named(scan(HELPER, **metadata))


def test_a_cell_of_another_language_is_left_out() -> None:
    cell = {"cell_type": "code", "source": "g", "metadata": {"vscode": {"languageId": "bash"}}}
    assert set(named(scan(HELPER, cell))) == {"helper", "<module>"}


# -- bad input ---------------------------------------------------------------------------


def test_a_broken_cell_takes_no_other_with_it() -> None:
    facts = scan(HELPER, "x = 1\ndef g(:\n    pass", GLOBAL, "y = '\0'", "z = 1\nw = '\ud800'")
    assert set(named(facts)) == {"helper", "K", "<module>"}
    assert named(facts)["K"].place == "nb.ipynb:cell 3:1"
    assert facts.complaints == [
        "nb.ipynb:cell 2:2: is not valid Python: it leaves something open",
        "nb.ipynb:cell 4:1: has a NUL byte",
        "nb.ipynb:cell 5:2: has half a character",
    ]


def test_many_broken_cells_are_counted() -> None:
    facts = scan(*["print 'x'\nprint 'y'"] * 8)
    assert facts.complaints[4:] == [
        "nb.ipynb:cell 5:1: is not valid Python: Missing parentheses in call to 'print'. "
        "Did you mean print(...)?",
        "nb.ipynb: 3 more cells cannot be read",
    ]


@pytest.mark.parametrize(
    ("data", "complaint"),
    {
        b"": "nb.ipynb:1: is no notebook: Expecting value",
        b'{"cells": [\n<<<<<<< HEAD': "nb.ipynb:2: is no notebook: Expecting value",
        b"[1]": "nb.ipynb: is no notebook: it holds no cells",
        b'{"cells": 3}': "nb.ipynb: is no notebook: it holds no cells",
        b'{"worksheets": [3]}': "nb.ipynb: is no notebook: it holds no cells",
        b"[" * 200_000: "nb.ipynb: is no notebook: it is nested too deeply",
        b'{"cells": [\n"\xff"]}': "nb.ipynb:2: is not utf-8: invalid start byte",
        b'{"cells": [3]}': "nb.ipynb:cell 1:1: is no cell",
        b'{"cells": [{"cell_type": "code", "source": [3]}]}': "nb.ipynb:cell 1:1: has no source",
    }.items(),
)
def test_what_is_no_notebook_says_so(data: bytes, complaint: str) -> None:
    assert scan_file("nb.ipynb", data).complaints == [complaint]


def test_a_number_of_many_digits_is_no_obstacle() -> None:
    data = notebook(HELPER).replace(b'"nbformat": 4', b'"nbformat": ' + b"9" * 5000)
    assert "helper" in named(scan_file("nb.ipynb", data))


def test_deep_nesting_is_said() -> None:
    assert scan("x = " + "(" * 50_000 + ")" * 50_000).complaints != []


def test_lines_are_counted_as_they_are_shown() -> None:
    book = read_notebook(notebook("a = 1\nb = 2", {"cell_type": "markdown"}, "%%time\nc = 3"))
    source = book.source.split("\n")
    assert [
        book.place(n + 1)[0] for n, line in enumerate(source) if line[:1] in ("a", "b", "c")
    ] == [1, 1, 3]
    for cell, before in book.starts():
        assert book.lines[before : before + len(cell.lines)] == cell.lines
    with pytest.raises(Unreadable):
        read_notebook(b"{}")


# -- changes -----------------------------------------------------------------------------


def test_a_change_shows_the_lines_of_its_cell() -> None:
    old = notebook(SETUP, "%%time\n" + HELPER, GLOBAL)
    new = notebook({"cell_type": "markdown"}, SETUP, "%%time\n" + HELPER.replace("*", "+"), GLOBAL)
    (change,) = changes(old, new)
    assert (change.kind, change.key) == (ChangeKind.CHANGED, "nb.ipynb::helper")
    assert change.new is not None and change.new.place == "nb.ipynb:cell 3:2"
    (hunk,) = hunks(change, Sources(lambda _: old), Sources(lambda _: new))
    assert [(str(x.mark), x.old, x.new, x.cells, x.text) for x in hunk.lines] == [
        (" ", 2, 2, (2, 3), "def helper(x):"),
        ("-", 3, 0, (2, 0), "    return x * K"),
        ("+", 0, 3, (0, 3), "    return x + K"),
    ]


def test_lines_are_shown_as_people_wrote_them() -> None:
    cell = "def f(d):\n    n = 1\n    files = !ls {d}\n    return files, n"
    old, new = notebook(cell), notebook(cell.replace("n = 1", "n = 2"), "def broken(:")
    (change,) = changes(old, new)
    (hunk,) = hunks(change, Sources(lambda _: old), Sources(lambda _: new))
    assert "    files = !ls {d}" in [line.text for line in hunk.lines]
    (change,) = changes(old, notebook(cell.replace("ls", "du")))
    assert change.kind is ChangeKind.CHANGED


def test_what_moved_to_a_module_is_found() -> None:
    body = textwrap.dedent("""
        def helper(x):
            y = x * 2
            z = y + 1
            return z - x
    """)
    before = scan_file("nb.ipynb", notebook(body))
    after = [
        scan_file("nb.ipynb", notebook("import h")),
        scan_file("h.py", body.encode()),
    ]
    found = compare([before], after)
    assert [(c.kind, c.key) for c in found if c.definition.kind is Kind.FUNCTION] == [
        (ChangeKind.MOVED, "h.py::helper")
    ]
