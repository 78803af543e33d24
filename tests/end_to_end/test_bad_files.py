"""Files that are no Python, or Python of an odd kind, on either side of a commit, through every verb.

Each kind stands in a folder of its own: `came.py` is so after the commit alone, `went.py` before
it, `both.py` on both sides and differently, `gone.py` was so and is removed. Beside them a sane
module changes, and must be told of whatever the others are.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from mandala_git.cli.main import main

pytestmark = pytest.mark.sweep

HOUSE = Path(__file__).parent.parent.parent

UNREADABLE = {
    "syntax": (b"x = 1\ndef f(:\n    pass\n", ":2: is not valid Python: invalid syntax"),
    "python2": (b"def f(x):\n    print 'a', x\n", ":2: is not valid Python: Missing parentheses"),
    "conflict": (b"<<<<<<< HEAD\nx = 1\n=======\nx = 2\n>>>>>>> b\n", ":1: is not valid Python"),
    "tabs": (b"def f():\n\tif 1:\n        pass\n", ":3: is not valid Python: inconsistent"),
    "mixed": (b"x = 'a' b'b'\n", ":1: is not valid Python: cannot mix bytes"),
    "newer": (b"def f(x):\n    return x ?? 1\n", ":2: is not valid Python: "),
    "nul": (b"def f(): pass\nx = 1\0\n", ":2: has a NUL byte"),
    "cookie": (b"# coding: klingon\nx = 1\n", ":1: cannot be decoded: unknown encoding: klingon"),
    "no_text": (b"# coding: rot13\nk = 1\n", ":1: cannot be decoded: 'rot13' is not a text"),
    "undefined": (b"# coding: undefined\nx = 1\n", ": cannot be decoded: "),
    "latin": (b"def f():\n    return '\xe9'\n", ":2: is not utf-8: invalid continuation byte"),
    "two_encodings": (b"\xef\xbb\xbf# coding: latin-1\nx = 1\n", ":1: cannot be decoded: "),
    "utf16": ("x = 1\n".encode("utf-16"), ":1: cannot be decoded: "),
    "surrogate": (b"def f():\n    x = 1\n    return '\xed\xa0\x80'\n", ":3: is not utf-8"),
    "utf7": (b"# coding: utf-7\nx = '+2AA-'\n", ": cannot be decoded: "),
    "binary": (bytes(range(256)) * 20, ":2: is not utf-8: invalid start byte"),
    "brackets": (b"x = " + b"(" * 5000 + b"1" + b")" * 5000 + b"\n", ": is nested too deeply"),
    "chain": (b"x = a" + b".b()" * 20_000 + b"\n", ": is nested too deeply"),
    "dotted": (b"from a" + b".a" * 20_000 + b" import b\n", ": is nested too deeply"),
    "old_sum": (b"x = " + b"a + " * 20_000 + b"a\nprint 1\n", ":2: is not valid Python"),
}
"""Bytes, and what is said of them behind the path."""

ODD = {
    "cookie_latin": b"# coding: latin-1\ndef f():\n    return '\xe9'\n",
    "cookie_idna": b"# coding: idna\ndef f():\n    return 2\n",
    "bom": b"\xef\xbb\xbfdef f():\n    return 2\n",
    "crlf": b"def f():\r\n    return '''a\r\nb'''\r\n",
    "cr": b"def f():\r    return 2\r",
    "form_feeds": b"\x0cdef f():\n    return 2\n\x0c\n\x0c",
    "separators": "def f():\n    return 'a\u2028b\x85c\x0bd\x1ce'\n".encode(),
    "escaped": b"def f():\n    return '\\ud800'\n",
    "no_end": b"def f():\n    return 2",
    "new_syntax": b"def f[T = int](x: T = 2) -> T:\n    return f'{x['a']}'\n",
    "unicode": "def ﬁ(ªb): return ªb\ndef f():\n    return ﬁ(2)\n".encode(),
    "sum": b"def f(a):\n    return " + b"a + " * 600 + b"a\n",
    "strings": b"def f():\n    return '''" + b"a b c\n" * 20_000 + b"'''\n",
    "comments": b"# a b c\n" * 5000 + b"def f():\n    return 2\n",
    "names": b"def f():\n    return 2\n" + b"x = 1\n" * 300,
    "runs_nowhere": b"def f():\n    return 2\nreturn 3\ndef g(a, a): pass\n",
}
"""Python that can be read, or at least parsed: `f` is never what it is in SANE."""

SANE = b"def f():\n    return 1\n"

PROGRAM = """
import sane
from mandala_git import Storage, op

@op
def total(x):
    return sane.helper(x)

if __name__ == "__main__":
    with Storage() as storage:
        print(total(3).value, storage.executed)
"""


class Ended(NamedTuple):
    """How a verb ended."""

    code: int
    out: str
    err: str


class Odd:
    """A repository with every kind of file, whose second state is not committed."""

    def __init__(self, repo: Any, capsysbinary: Any) -> None:
        self.repo = repo
        self.root: Path = repo.root
        self._capture = capsysbinary

    def __call__(self, *words: str) -> Ended:
        """Run a verb in this process."""
        self._capture.readouterr()
        code = main(words)
        out, err = (os.fsdecode(data) for data in self._capture.readouterr())
        assert "Traceback" not in err and " a bug" not in err, err[-2000:]
        return Ended(code, out, err)

    def fill(self, kinds: dict[str, bytes]) -> None:
        """Commit the first state and make the second one."""
        self.repo.write("sane.py", "def helper(x):\n    return x + 1\n")
        self.repo.write("program.py", PROGRAM)
        for kind, data in kinds.items():
            for name in ("went", "both", "gone", "same"):
                self.repo.write(f"{kind}/{name}.py", data)
            self.repo.write(f"{kind}/came.py", SANE)
        self.repo.commit("one")
        assert self("init").code == 0
        assert self.program() == "4 1"
        for kind, data in kinds.items():
            self.repo.write(f"{kind}/went.py", SANE)
            self.repo.write(f"{kind}/both.py", data + b"\n# more\n")
            self.repo.write(f"{kind}/came.py", data)
            (self.root / kind / "gone.py").unlink()
        self.repo.write("sane.py", "def helper(x):\n    return x + 2\n")

    def program(self) -> str:
        """Run the program that uses the sane module."""
        done = subprocess.run(
            [sys.executable, "-B", "program.py"],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": str(HOUSE)},
            capture_output=True,
            text=True,
        )
        said = [line for line in done.stderr.splitlines() if "has changed: " not in line]
        assert (done.returncode, said) == (0, [])
        return done.stdout.strip()

    def commit(self) -> str:
        """Commit with the real hook; return what it says."""
        script = (
            f'#!/bin/sh\nPYTHONPATH="{HOUSE}" exec "{sys.executable}" '
            "-c 'from mandala_git.cli.hook import entry; entry(\"pre-commit\")' >said 2>&1\n"
        )
        self.repo.write(".git/hooks/pre-commit", script).chmod(0o755)
        self.repo.git("commit", "-q", "-m", "two")
        return (self.root / "said").read_text("utf-8", "surrogateescape")


@pytest.fixture
def odd(git_repo: Callable[..., Any], capsysbinary: Any, monkeypatch: pytest.MonkeyPatch) -> Odd:
    found = Odd(git_repo(), capsysbinary)
    monkeypatch.chdir(found.root)
    return found


def keys(listing: str) -> set[str]:
    """Return the keys in what `diff --json` printed."""
    return {change["key"] for change in json.loads(listing)["changes"]}


def assert_said(complaints: list[str], now: list[str], before: list[str]) -> None:
    """Check that all that cannot be read is named, with the reason, and nothing else is."""
    expected = {}
    for kind, (_, reason) in UNREADABLE.items():
        said = reason.partition(": ")[2]
        expected |= {f"{kind}/{name}.py": reason for name in now}
        expected |= {f"{kind}/{name}.py": f" could not be read before: {said}" for name in before}
    found = {line.partition(".py")[0] + ".py": line.partition(".py")[2] for line in complaints}
    assert found.keys() == expected.keys()
    for path, reason in expected.items():
        if path.endswith("both.py"):  # other lines
            assert reason.lstrip(":0123456789") in found[path]
        else:
            assert found[path].startswith(reason), path


def test_what_cannot_be_read_is_named_and_takes_nothing_with_it(odd: Odd) -> None:
    odd.fill({kind: data for kind, (data, _) in UNREADABLE.items()})
    now, before = ["both", "came"], ["gone", "went"]

    listing = odd("diff", "--json")
    changed = keys(listing.out)
    assert changed == {"sane.py::helper"}, "what cannot be read on one side is not compared"
    assert_said(json.loads(listing.out)["unreadable"], now, before)
    for words in (["diff"], ["diff", "--format", "concise"], ["diff", "--cosmetic"],
                  ["diff", "--format", "github"]):  # fmt: skip
        told = odd(*words)
        assert told.code == 0 and "helper" in told.out
        assert_said(told.err.replace("mandala: ", "").splitlines(), now, before)
    for name in ("both", "came", "went", "gone"):
        assert odd("diff", "--exit-code", "--", f"nul/{name}.py").code == 1
    assert "1 changed definition without a verdict" in odd("status").out
    (question,) = json.loads(odd("status", "--json").out)["pending"]
    assert question["key_new"] == "sane.py::helper"
    world = json.loads(odd("world", "--json").out)
    there = {f"{kind}/{name}.py" for kind in UNREADABLE for name in ("both", "came", "same")}
    assert set(world["unreadable"]) == there
    assert "cannot be read: binary/both.py" in odd("world").out

    files = sorted(str(file) for file in Path().glob("*/came.py"))
    prints = odd("fingerprint", "sane.py", *files)
    assert prints.code == 1 and len(prints.out.splitlines()) == 1
    assert_said(prints.err.replace("mandala: ", "").splitlines(), ["came"], [])
    assert odd("fingerprint", "--rev", "HEAD", *files).code == 0
    assert len(json.loads(odd("results", "total", "--json", "--rev", "HEAD").out)) > 0
    assert odd("results", "total").code == odd("log").code == 0

    odd.repo.git("add", "-A")
    assert odd("diff", "--staged", "--json").out == listing.out
    said = odd.commit()
    assert "1 changed definition has no verdict" in said and "Traceback" not in said
    complaints = [
        line for line in said.splitlines() if line.startswith("mandala: ") and ".py" in line
    ]
    assert_said([line.removeprefix("mandala: ") for line in complaints], now, before)
    assert keys(odd("diff", "--json", "HEAD~1", "HEAD").out) == changed
    back = json.loads(odd("diff", "--json", "HEAD", "HEAD~1").out)
    assert_said(back["unreadable"], ["both", "gone", "went"], ["came"])
    (two, one) = json.loads(odd("history", "--json").out)["commits"]
    assert (two["unreadable"], one["unreadable"]) == (4 * len(UNREADABLE),) * 2
    assert odd("history").code == 0 and odd("history", "--exit-code").code == 1
    assert odd.program() == "5 1"
    odd.repo.git("checkout", "-q", "HEAD~1")
    assert odd.program() == "4 0"


def test_odd_files_are_compared_like_all_others(odd: Odd) -> None:
    odd.fill(ODD)
    changes = {c["key"]: c for c in json.loads(odd("diff", "--json").out)["changes"]}
    for kind in ODD:
        assert {f"{kind}/came.py::f", f"{kind}/went.py::f"} <= changes.keys(), kind
        assert changes.get(f"{kind}/both.py::f", {"kind": "cosmetic"})["kind"] == "cosmetic"
    for words in (["diff"], ["diff", "--cosmetic"], ["diff", "--format", "concise"],
                  ["diff", "--format", "github"], ["status"], ["world"]):  # fmt: skip
        told = odd(*words)
        assert (told.code, told.err) == (0, "")
    assert json.loads(odd("world", "--json").out)["unreadable"] == []
    files = sorted(str(file) for file in Path().glob("*/came.py"))
    prints = odd("fingerprint", "--json", *files)
    rows = [json.loads(line) for line in prints.out.splitlines()]
    assert (prints.code, prints.err) == (0, "")
    assert {row["path"] for row in rows if row["qualname"] == "f"} == set(files)
    assert all(row["digest"].startswith("n") for row in rows), "none is a fallback"
    odd.repo.git("add", "-A")
    said = odd.commit()
    assert "1 changed definition has no verdict" in said and "Traceback" not in said
    two = json.loads(odd("history", "--json", "-n", "1").out)["commits"][0]
    assert two["unreadable"] == 0
    assert odd.program() == "5 1"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_large_files(odd: Odd) -> None:
    words = "Multiply, and add. " * 100
    large = "".join(
        f"def f{n}(x):\n    '''{words}'''\n    return x + {n} * g(x)\n\n\n" for n in range(1100)
    )
    kinds = {
        "functions": b"def f():\n    return 2\n" + large.encode(),
        "sum": b"def f(a):\n    return " + b"a + " * 3000 + b"a\n",
        "line": b"def f():\n    return '" + b"a" * 2_000_000 + b"'\n",
    }
    assert len(kinds["functions"]) > 2_000_000
    odd.fill(kinds)
    changed = keys(odd("diff", "--json").out)
    assert {"functions/came.py::f", "line/went.py::f", "sane.py::helper"} < changed
    odd.repo.git("add", "-A")
    assert "1 changed definition has no verdict" in odd.commit()
    assert odd.program() == "5 1"
