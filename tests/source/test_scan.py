"""Scanning whole files: lines, bad input, deep nesting, texts and back, other Pythons."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import sysconfig
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mandala_git.errors import SourceError
from mandala_git.source.definitions import FileFacts, Kind, pack, unpack
from mandala_git.source.scan import scan_file, scan_texts
from mandala_git.source.texts import definition_from_text, text_id

pytestmark = pytest.mark.sweep

STDLIB = Path(sysconfig.get_paths()["stdlib"])
MODULES = [
    "abc",
    "argparse",
    "ast",
    "base64",
    "bisect",
    "calendar",
    "cmd",
    "codecs",
    "collections/__init__",
    "concurrent/futures/process",
    "contextlib",
    "copy",
    "csv",
    "dataclasses",
    "datetime",
    "difflib",
    "enum",
    "fractions",
    "functools",
    "glob",
    "heapq",
    "importlib/_bootstrap",
    "inspect",
    "json/decoder",
    "logging/config",
    "ntpath",
    "numbers",
    "operator",
    "os",
    "pathlib",
    "pickle",
    "platform",
    "queue",
    "random",
    "re/_compiler",
    "selectors",
    "shutil",
    "socket",
    "statistics",
    "string",
    "subprocess",
    "tempfile",
    "textwrap",
    "threading",
    "tokenize",
    "traceback",
    "types",
    "typing",
    "unittest/mock",
    "urllib/parse",
    "uuid",
    "weakref",
    "xml/dom/minidom",
    "zipfile",
]


def files() -> list[Path]:
    return [file for name in MODULES if (file := STDLIB / f"{name}.py").exists()]


def expected(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, int, int]]:
    """Yield (qualified name, first, last line) of functions and classes as `ast` sees them."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            yield prefix + node.name, first, node.end_lineno or 0
            if isinstance(node, ast.ClassDef):
                yield from expected(node, f"{prefix}{node.name}.")
        elif isinstance(node, (ast.stmt, ast.ExceptHandler, ast.match_case)):
            yield from expected(node, prefix)


@pytest.mark.parametrize("file", files(), ids=lambda f: f.name)
def test_a_file_of_the_standard_library(file: Path) -> None:
    data = file.read_bytes()
    facts, texts = scan_texts(file.name, data)
    assert facts.error == ""
    assert unpack(pack(facts)) == facts
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(data)
    found = [
        ("".join(p.partition("#")[0] + "." for p in d.qualname.split("."))[:-1], *d.lines)
        for d in facts.definitions
        if d.kind in (Kind.FUNCTION, Kind.CLASS)
    ]
    assert sorted(found) == sorted(expected(tree))
    assert len({d.qualname for d in facts.definitions}) == len(facts.definitions)
    assert set(texts) == {d.text_id for d in facts.definitions}
    for definition in facts.definitions:
        text = texts[definition.text_id]
        assert text_id(text) == definition.text_id
        assert b"n1" not in text.split(b"\n")[1] or b'"n1"' in data
        derived = definition_from_text(text)
        assert derived == definition._replace(lines=(0, 0))


BAD = [
    (b"def f(:\n", 1),
    (b"x = 1\n\nprint 'python 2'\n", 3),
    (b"x = 1\x00\n", 1),
    (b"x = '\xff'\n", 1),
    (b"# coding: nonsense\n", 1),
    (b"if x:\npass\n", 2),
    (b"(" * 100, None),
    (b"\xff\xfex\x00", None),
    (b"x = 1\n  y = 2\n", 2),
    (b"def f():\n        x = 1\n    y = 2\n", 3),
    (b"def f():\n    return 'a' b'b'\n", 2),  # libcst refuses it where it makes its nodes
    (b"x = 1\ndef f():\n    return " + b"a + " * 20_000 + b"a\nprint 'old'\n", 4),
]


@pytest.mark.parametrize(("data", "line"), BAD)
def test_bad_files_are_facts_too(data: bytes, line: int | None) -> None:
    facts = scan_file("bad.py", data)
    assert facts.error
    assert facts.definitions == ()
    assert line is None or facts.error_line == line
    assert unpack(pack(facts)) == facts


@pytest.mark.parametrize(
    "source",
    [
        "def f(a):\n    return " + " + ".join(["a"] * 3000),
        "def f(a):\n    return " + "(" * 80 + "a" + ")" * 80,
        "def f(a):\n    return " + "-" * 1500 + "a",
        "def f(a):\n    return a" + ".b()" * 1500,
        "def f(a):\n" + "".join("    " * i + f"if a > {i}:\n" for i in range(1, 90)) + "    " * 90 + "g()",
        "def f(a):\n    if a: g()\n" + "".join(f"    elif a > {i}: g()\n" for i in range(1200)),
        "def f(a):\n    return " + " 'x'" * 2500,
        "def f(a):\n    return " + " and ".join(["a"] * 3000),
    ],
    ids=["sum", "parentheses", "minus", "calls", "blocks", "elif", "strings", "and"],
)  # fmt: skip
def test_deep_nesting(source: str) -> None:
    limit = sys.getrecursionlimit()
    facts, texts = scan_texts("deep.py", source.encode())
    if sys.version_info[:2] == (3, 12) and facts.error:
        # Python 3.12 alone bounds the recursion of C code, whatever the stack: the file is said
        # to be unreadable, and what is in it recomputes.
        assert facts.error == "is nested too deeply" and facts.definitions == ()
        return
    assert facts.error == ""
    function = facts.definitions[0]
    assert function.qualname == "f"
    derived = definition_from_text(texts[function.text_id])
    assert derived == function._replace(lines=(0, 0))
    assert sys.getrecursionlimit() == limit


@pytest.mark.parametrize(
    "source",
    [
        "x = " + "(" * 5000 + "1" + ")" * 5000,
        "x = " + "[" * 1000 + "]" * 1000,
        "x = " + "-" * 30_000 + "1",
        "x = " + "not " * 30_000 + "1",
        "x = " + "lambda: " * 30_000 + "1",
        "x = " + "a" + ".b" * 30_000,
        "x = " + " + ".join(["a"] * 30_000),
        "if a: b\n" + "elif a: b\n" * 30_000,
        "def f(a):\n    if a:\n        x = " + " ** ".join(["a"] * 30_000),
        "def f(a):\n    with " + "b" + "()" * 30_000 + ":\n        pass",
        "@a" + ".b" * 30_000 + "\ndef f(): pass",
        "match a:\n    case " + "[" * 1000 + "]" * 1000 + ": pass",
        "print 'old'\nx = " + "(" * 5000 + "1" + ")" * 5000,
        "print 'old'\nx = a" + "()" * 30_000,
        "print 'old'\nx = rf'{a" + "()" * 30_000 + "}'",
        "import a" + ".b" * 30_000,
        "from a" + ".b" * 30_000 + " import c",
        "x = " + " and ".join(["a"] * 30_000),
        "x = [a " + "for a in b " * 30_000 + "]",
    ],
    ids=["parentheses", "lists", "minus", "not", "lambda", "attributes", "sum", "elif", "power",
         "calls", "decorator", "pattern", "old syntax", "old calls", "old hole", "import", "from",
         "and", "for"],
)  # fmt: skip
def test_what_no_python_can_run_is_said_to_be_unreadable(source: str) -> None:
    """libcst alone ends the process with a signal, or takes minutes."""
    facts = scan_file("deep.py", source.encode())
    assert facts.error.startswith(("is nested too deeply", "is not valid Python: "))
    assert facts.definitions == ()


def test_long_tables_are_read_where_we_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "Thread", None)
    source = f"TABLE = {[[n, -n] for n in range(2000)]}\n"
    assert scan_file("table.py", source.encode()).definitions[0].qualname == "TABLE"


@pytest.mark.parametrize(
    "source", ["x = (", "x = " + "(" * 5000 + ")" * 5000, "x = " + "-" * 30_000 + "1"]
)
def test_a_text_that_cannot_be_read_is_an_error_of_ours(source: str) -> None:
    _, texts = scan_texts("a.py", b"x = 1\n")
    text = next(t for t in texts.values() if b"x = 1" in t)
    with pytest.raises(SourceError, match="stored text"):
        definition_from_text(text.replace(b"x = 1", source.encode()))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_raise(data: bytes) -> None:
    assert isinstance(scan_file("x.py", data), FileFacts)


SAMPLE = '''
"""Doc."""
from __future__ import annotations
import os.path as osp, sys
from . import near
LIMIT = 3
TABLE = {"a": [1, 2]}
@near.deco
class Model(near.Base):
    """Doc."""
    rate: float = .1
    if LIMIT > 2:
        def early(self, x=rate): return osp.join(x, self.__secret)
    def fit(self, x, *, steps=LIMIT):
        """Doc."""
        for step in range(steps):
            x = [y + step for y in x if y]
        return super().fit(x), TABLE
try:
    import fast
except ImportError:
    def fast(x):
        return sys.maxsize
'''


def mutated(source: str, index: int, piece: str) -> bytes:
    return (source[:index] + piece + source[index + len(piece) :]).encode()


@settings(max_examples=250, deadline=None)
@given(
    st.integers(0, len(SAMPLE)), st.sampled_from([" ", "\n", "(", ":", "x", "'", "#", "\\", "@"])
)
def test_damaged_sources_never_raise_and_texts_come_back(index: int, piece: str) -> None:
    facts, texts = scan_texts("pkg/m.py", mutated(SAMPLE, index, piece))
    for definition in facts.definitions:
        derived = definition_from_text(texts[definition.text_id])
        assert derived == definition._replace(lines=(0, 0))


def test_texts_do_not_depend_on_the_rest_of_the_file() -> None:
    before = scan_file("m.py", SAMPLE.encode())
    after = scan_file(
        "m.py", ("import json\nOTHER = 1\n\n\n" + SAMPLE + "\ndef g(): pass\n").encode()
    )
    later = {d.qualname: d for d in after.definitions}
    for definition in before.definitions:
        if definition.kind is not Kind.MODULE:
            assert later[definition.qualname].text_id == definition.text_id
    reformatted = scan_file("m.py", SAMPLE.replace("x, *, steps", "x,*,steps").encode())
    fit = {d.qualname: d for d in before.definitions}["Model.fit"]
    other = {d.qualname: d for d in reformatted.definitions}["Model.fit"]
    assert fit.text_id != other.text_id
    assert fit.digest == other.digest


def test_a_damaged_text_is_an_error_with_a_hint() -> None:
    for text in (b"", b"mandala text 9\n{}\n\n", b"mandala text 1\n{}\n\nx\n", b"\xff"):
        with pytest.raises(SourceError) as caught:
            definition_from_text(text)
        assert caught.value.hint


def test_surrogates_in_sources() -> None:
    facts, texts = scan_texts("m.py", rb"x = '\ud800'" + b"\n")
    assert facts.definitions[0].literal == r"'\ud800'"
    facts, texts = scan_texts("caf\udce9.py", b"x = __name__\n")
    derived = definition_from_text(texts[facts.definitions[0].text_id])
    assert derived.path == "caf\udce9.py"


def test_imports_of_a_file() -> None:
    facts = scan_file(
        "m.py",
        b"import a.b, c as d\nfrom .m import f, g as h\ndef k():\n    from .. import z\n"
        b"    import a.b\nfrom q import *\n",
    )
    assert facts.imports == (
        (0, "a.b", ()), (0, "c", ()), (1, "m", ("f", "g")), (2, "", ("z",)), (0, "q", ("*",)),
    )  # fmt: skip


DUMP = """
import json
import sys
from pathlib import Path
from mandala_git.source.scan import scan_texts
out = {}
for name in sys.argv[1:]:
    facts, texts = scan_texts(name, Path(name).read_bytes())
    out[name] = [facts.error] + [
        [d.key, d.text_id, d.skeleton, d.digest, d.exact, d.attrs, repr(d.holes), repr(d.lines)]
        for d in facts.definitions
    ]
print(json.dumps(out))
"""


def test_every_python_and_every_hash_seed_agree() -> None:
    names = [str(f) for f in files()[:12]]
    new = Path(__file__).with_name("new_syntax.txt")
    house = Path(__file__).parents[2]
    pythons = [(sys.executable, "1"), (sys.executable, "2")]
    for version in ("3.11", "3.12", "3.13"):
        other = Path(sys.prefix).parent / f"py{version}" / "bin" / "python"
        if other.exists() and str(other) != sys.executable:
            pythons.append((str(other), "3"))
    results = set()
    for python, seed in pythons:
        done = subprocess.run(
            [python, "-c", DUMP, *names, str(new)],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(house)},
            capture_output=True,
            check=True,
        )
        results.add(done.stdout)
    assert len(results) == 1
    assert all(facts[0] == "" for facts in json.loads(results.pop()).values())
