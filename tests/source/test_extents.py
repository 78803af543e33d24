"""Where statements stand: cut out of the file, a text is what libcst would write."""

from __future__ import annotations

import random
import statistics
import textwrap
from pathlib import Path

import pytest

from mandala_git.source import scan
from mandala_git.source.definitions import FileFacts
from mandala_git.source.scan import scan_texts
from mandala_git.source.sources import decode, parse_file

pytestmark = pytest.mark.sweep

LIBRARY = Path(statistics.__file__).parent
MODULES = [
    "argparse",
    "dataclasses",
    "enum",
    "inspect",
    "pdb",
    "statistics",
    "typing",
    "webbrowser",
]

SOURCES = [
    # comments: of the block, of the block around, further left than any block
    """
    class C:
        def f(self):
            if self:
                return 1
            # of f
          # of nobody
            # of f again
        # of C

        # of g
        def g(self): pass
    # of the module
    x = 1
    # the end
    """,
    # continued lines: indented less than their block, or like the class
    """
    class C:
        def f(self, a,
          b):
            return g(a,
        b) + (
      c
            )
        x = [1,
      2,
        3]; y = {
            4}
    """,
    # lines inside strings and behind backslashes are no lines of the block
    '''
    class C:
        """Doc
        string."""
        def f(self):
            """Doc

        string
            """
            x = 'a\\
            b' + \\
            "c"
            y = f"""{
            x}
            d"""
            z = ("""
            e""",  # "\'
            r"\\"b")
        w = """
        f"""; v = \\
        1
    ''',
    # decorators with comments between them, a decorator on a line of its own
    """
    @(
      f
    )
    def g(): pass
    class C:
        @f
        # between
          # between, too
        @f(
        1)
        # after
        def g(self): pass
        @(
        f)
        def h(self): pass
    """,
    # statements that begin where another one ends, and semicolons
    '''
    x = """
    """; y = 1 ;
    def f(): pass; return 2
    class C: a = 1; b = """
    c"""
    class D:
        x = """
        """; y = 1 ;
        é = "é"; z = 'ü' # é
        if x: y = (
        2)
        elif y: pass
        else: \\
            z = 3
    ''',
    # every kind of block, each with comments before its header and at its end
    """
    class C:
        def f(self):
            for a in b:
                1
                # end of for
            # before else
            else:
                2
            # after
            while a: 3
            else: 4
            with a, \\
                b:
                5
            try:
                6
          # left
            except E:
                7
                # end
            # before
            except (F,
        G) as h:
                8
            else:
                9
            finally:
                10
                # end
            match a:
                # case
                case 1:
                    11
                # end
            # end
            async def g(): pass
    if x:
        def f():
            12
    # elif
    elif y:
        class D:
            def g(self):
                13
    """,
    # what libcst does not write as it was
    """
    class C:
        def f(self):
            try:
                1
            except E :
                2
    """,
    "def f():\n    x = 1\\\n\n    \\\n\n    return x\n\\\ny = 1\n",
    "class C:\n    def f(self):\n        x = 1\\\n\n        return x \\\n\n    # more\n",
    # form feeds, tabs, blank lines with spaces, no newline at the end
    "\fx = 1\n\f\nclass C:\n\tdef f(self):\n\t\tx = 1\n   \n\t \n\t\t \n\t\treturn (\n\t1)\n\f\n\ty = 1",
    "class C:\n  def f(self):\n    return 1\n\n  \n    # end",
    "# only comments\n",
    "",
]


def scanned(monkeypatch: pytest.MonkeyPatch, data: bytes, *, cut: bool) -> tuple[FileFacts, object]:
    with monkeypatch.context() as patch:
        if not cut:
            patch.setattr(scan, "parse_file", lambda text: (parse_file(text)[0], None))
        return scan_texts("m.py", data)


def check(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    facts, texts = scanned(monkeypatch, data, cut=True)
    assert not facts.error
    assert (facts, texts) == scanned(monkeypatch, data, cut=False)


@pytest.mark.parametrize("source", SOURCES)
def test_texts_are_those_of_libcst(monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    check(monkeypatch, textwrap.dedent(source).encode())


@pytest.mark.parametrize("name", MODULES)
def test_texts_of_the_standard_library(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    check(monkeypatch, (LIBRARY / f"{name}.py").read_bytes())


@pytest.mark.parametrize("seed", range(100))
def test_texts_of_any_layout(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    check(monkeypatch, Layout(seed).module().encode())


def test_texts_are_seldom_left_to_libcst(monkeypatch: pytest.MonkeyPatch) -> None:
    module, extents = parse_file(decode((LIBRARY / "inspect.py").read_bytes()))
    assert extents is not None
    written = []
    generate = module.code_for_node
    monkeypatch.setattr(
        type(module), "code_for_node", lambda self, node: written.append(node) or generate(node)
    )
    monkeypatch.setattr(scan, "parse_file", lambda text: (module, extents))
    facts = scan_texts("m.py", b"")[0]
    functions = [node for node in written if type(node).__name__ == "FunctionDef"]
    assert len(functions) < 0.1 * len(facts.definitions)


class Layout:
    """Programs of random statements, laid out as nobody would."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.lines: list[str] = []

    def module(self) -> str:
        self.block("", 0)
        return "\n".join(self.lines) + self.random.choice(["", "\n", "\n\n"])

    def block(self, indent: str, depth: int) -> None:
        for _ in range(self.random.randint(1, 4)):
            self.blank(indent)
            self.statement(indent, depth)
        self.blank(indent)

    def blank(self, indent: str) -> None:
        while self.random.random() < 0.3:
            width = self.random.randint(0, len(indent) + 2)
            self.lines.append(" " * width + self.random.choice(["", "# c", "# '\"", "# \\"]))

    def statement(self, indent: str, depth: int) -> None:
        kinds = ["simple"] * 3
        if depth < 4:
            kinds += ["class", "def", "if", "for", "try", "decorated"]
        kind = self.random.choice(kinds)
        inner = indent + " " * self.random.choice([1, 2, 4])
        if kind == "simple":
            count = self.random.choice([1, 1, 1, 2])
            end = self.random.choice(["", "", ";", "  # c"])
            self.put(indent, "; ".join(self.simple(indent) for _ in range(count)) + end)
            return
        if kind == "decorated":
            for _ in range(self.random.randint(1, 2)):
                self.put(
                    indent, self.random.choice(["@d", f"@d({self.value(indent)})", "@(\n  d\n)"])
                )
                self.blank(indent)
            kind = self.random.choice(["def", "class"])
        if kind == "class":
            self.put(indent, f"class C({self.value(indent)}):  # c")
        elif kind == "def":
            self.put(indent, f"def f(a={self.value(indent)}):")
        elif kind == "for":
            self.put(indent, f"for x in {self.value(indent)}:")
        else:
            self.put(indent, "try:" if kind == "try" else f"if {self.value(indent)}:")
        if self.random.random() < 0.15:
            self.lines[-1] = self.lines[-1].removesuffix("  # c") + f" {self.simple(indent)}"
            self.lines = "\n".join(self.lines).split("\n")
        else:
            self.block(inner, depth + 1)
        if kind == "try":
            self.put(indent, f"except {self.value(indent)}:")
            self.block(inner, depth + 1)
        if kind in ("if", "for") and self.random.random() < 0.5:
            self.put(indent, "elif y:" if kind == "if" else "else:")
            self.block(inner, depth + 1)

    def put(self, indent: str, text: str) -> None:
        self.lines += (indent + text).split("\n")

    def simple(self, indent: str) -> str:
        return self.random.choice(
            [
                f"x = {self.value(indent)}",
                "pass",
                f"f({self.value(indent)})",
                '"""d\n  d"""',
                f"import a as b, {self.name()}",
                f"x: int = {self.value(indent)}",
                f"del x, {self.name()}",
            ]
        )

    def name(self) -> str:
        return self.random.choice(["a", "b", "é"])

    def value(self, indent: str) -> str:
        pad = " " * self.random.randint(0, len(indent) + 4)
        return self.random.choice(
            [
                "1",
                "a.b",
                "'é'",
                f"(1,\n{pad}2\n{pad})",
                f"[\n{pad}# c\n{pad}'a',]",
                f'"""\n{pad}d"""',
                f"'a' \\\n{pad}'b'",
                f"'a\\\n{pad}b'",
                f'(f"""{{a}}\n{pad}d""")',
                f"r'\\'\\\n{pad}'",
                f'(a +\n{pad}"""d\n{pad}"""\n{pad}"e")',
                f"(  # '''\n{pad}b)",
            ]
        )
