"""Hashes of code objects, and which definition a code object belongs to."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from types import CodeType

import pytest

from mandala_git.source.codes import code_hash, file_codes, owner, walk
from mandala_git.source.scan import scan_file

SOURCE = textwrap.dedent(
    '''
    """Doc."""
    import functools

    def outer(a):
        def inner(b):
            return [lambda: (a, b) for _ in range(3)]
        return inner

    class Model:
        rate = (lambda: 3)()
        def fit(self):
            return {k: v for k, v in self.items()}
        @property
        def size(self):
            return 1
        @size.setter
        def size(self, value):
            self.value = lambda: value
        class Inner:
            def deep(self): pass

    square = lambda x: x * x
    cubes = [x ** 3 for x in range(3)]

    @functools.lru_cache(
        maxsize=3
    )
    def cached(): return {1, 2, "x"} & {1.0}

    def twice(): return 1
    def twice(): return (lambda: 2)()

    def maker():
        global made
        def made(): pass

    def default(key=lambda v: v): pass

    if __name__ == "__main__":
        run = lambda: 5
    '''
)


def code(source: str) -> CodeType:
    return compile(source, "<x>", "exec", dont_inherit=True)


def only(source: str) -> CodeType:
    return next(c for c in walk(code(source)) if c.co_name == "f")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def f(a): return a", "def f(a): return a + 1"),
        ("def f(a): return 1", "def f(a): return 2"),
        ("def f(a): return 1", "def f(a): return 1.0"),
        ("def f(a): return 1", "def f(a): return True"),
        ("def f(a): return 0.0", "def f(a): return -0.0"),
        ("def f(a): return 'x'", "def f(a): return b'x'"),
        ("def f(a): return (1, (2, 3))", "def f(a): return ((1, 2), 3)"),
        ("def f(a): return a.b", "def f(a): return a.c"),
        ("def f(a): return g", "def f(a): return h"),
        ("def f(a): return a", "def f(b): return b"),
        ("def f(a): return a", "def f(*, a): return a"),
        ("def f(a): return a", "def f(a, /): return a"),
        ("def f(a): return a in {1, 2}", "def f(a): return a in {1, 3}"),
        ("def f(a): return lambda: 1", "def f(a): return lambda: 2"),
        ("def f(a): return a", "async def f(a): return a"),
        ("class C:\n  def f(a): return a", "class D:\n  def f(a): return a"),
        ("def f(a):\n try: g()\n except A: h()", "def f(a):\n g()\n try: pass\n except A: h()"),
    ],
)
def test_what_differs_has_another_hash(before: str, after: str) -> None:
    assert code_hash(only(before)) != code_hash(only(after))


def test_lines_and_files_do_not_count() -> None:
    before = compile("def f(a):\n    return a", "<one>", "exec")
    after = compile("\n\n# moved\ndef f(a):\n\n    return a", "<two>", "exec")
    assert code_hash(list(walk(before))[1]) == code_hash(list(walk(after))[1])
    assert len(code_hash(before)) == 16


def test_running_code_keeps_its_hash() -> None:
    names: dict[str, object] = {}
    exec(code("def f(a):\n    t = 0\n    for x in range(a): t += x\n    return t"), names)
    function = names["f"]
    before = code_hash(function.__code__)  # type: ignore[attr-defined]
    for _ in range(200):  # specialized by now
        function(50)  # type: ignore[operator]
    assert code_hash(function.__code__) == before  # type: ignore[attr-defined]


def test_hash_seeds_agree() -> None:
    script = (
        "from mandala_git.source.codes import file_codes;"
        "print(sorted(file_codes(b\"def f(a): return a in {'x', 'y', 'zz', b'q'}\", 'x').items()))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in "123"
    }
    assert len(outputs) == 1


def test_codes_of_a_file() -> None:
    codes = file_codes(SOURCE.encode(), "m.py")
    names = {name for name, _ in codes}
    assert {"<module>", "outer", "outer.<locals>.inner", "Model", "Model.fit", "Model.Inner.deep",
            "<lambda>", "twice", "made"} <= names  # fmt: skip
    assert len([1 for name, _ in codes if name == "twice"]) == 2
    assert file_codes(b"def f(:", "m.py") == {}
    assert file_codes(b"x\0", "m.py") == {}
    assert ("f", 2) in file_codes(b"# coding: latin-1\ndef f(): return '\xe9'", "m.py")
    # what `python` compiles is what is loaded
    for one in walk(code(SOURCE)):
        assert codes[one.co_qualname, one.co_firstlineno]


def test_owner() -> None:
    facts = scan_file("m.py", SOURCE.encode())
    lines = SOURCE.split("\n")

    def line_of(part: str) -> int:
        return next(i for i, text in enumerate(lines, 1) if part in text)

    owners = {}
    for one in walk(code(SOURCE)):
        found = owner(facts, one.co_qualname, one.co_firstlineno)
        assert found is not None
        owners[one.co_qualname, one.co_firstlineno] = found.qualname
    assert owners["<module>", 1] == "<module>"
    by_name = {name: qualname for (name, _), qualname in owners.items()}
    assert by_name["outer"] == "outer"
    assert by_name["outer.<locals>.inner"] == "outer"
    assert by_name["Model"] == "Model"
    assert by_name["Model.<lambda>"] == "Model"
    assert by_name["Model.fit"] == "Model.fit"
    assert by_name["Model.Inner.deep"] == "Model.Inner.deep"
    assert owners["Model.size", line_of("@property")] == "Model.size"
    assert owners["Model.size", line_of("@size.setter")] == "Model.size#2"
    assert owners["<lambda>", line_of("square")] == "square"
    assert owners["<lambda>", line_of("run =")] == "run"
    assert owners["<lambda>", line_of("default(")] == "default"
    assert owners["cached", line_of("@functools")] == "cached"
    assert owners["twice", line_of("def twice")] == "twice"
    assert owners["twice", line_of("(lambda: 2)")] == "twice#2"
    assert owners["twice.<locals>.<lambda>", line_of("(lambda: 2)")] == "twice#2"
    assert by_name["made"] == "maker"
    nothing = scan_file("m.py", b"def f(:")
    assert owner(nothing, "f", 1) is None
