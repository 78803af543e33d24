"""What the fixes of a linter count as: those of form are none, the others are told as real."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mandala_git.source.changes import Change, compare
from mandala_git.source.pieces import Sources
from mandala_git.source.scan import scan_file

# A fix of each rule changes what the parser sees, and nothing that runs.
FORM = {
    "COM812": "f = [\n    1,\n    2\n]\n",
    "D": 'def f():\n    "no blank, no period"\n    return 1\n',
    "E703": "a = 1;\n",
    "E713": "def f(a, b):\n    return not a in b\n",
    "E714": "def f(a, b):\n    return not a is b\n",
    "F541": 'a = f"nothing in it"\n',
    "I": "import sys\nimport os, json\nfrom b import (d, c)\nf = (os, sys, json, c, d)\n",
    "ISC001": 'a = "one" "two"\n',
    "PIE790": "def f(a):\n    pass\n    return a\n",
    "PLR1711": "def f(a):\n    print(a)\n    return\n",
    "PLR5501": "def f(a):\n    if a:\n        g()\n    else:\n        if h():\n            k()\n",
    "Q000": "a = 'b'\n",
    "RET501": "def f(a):\n    if a:\n        return None\n",
    "SIM117": "def f(a, b):\n    with a as c:\n        with b as d:\n            g(c, d)\n",
    "UP004": "class C(object):\n    x = 1\n",
    "UP009": "# -*- coding: utf-8 -*-\na = 1\n",
    "UP010": "from __future__ import print_function, unicode_literals\nprint(1)\n",
    "UP025": 'a = u"b"\n',
    "UP034": "print((1))\n",
    "UP039": "class C():\n    x = 1\n",
    "W291": "a = 1   \n",
}

# These run something else, however alike it is.
REAL = {
    "C408": "def f():\n    return dict()\n",
    "E711": "def f(a):\n    return a == None\n",
    "PIE808": "def f(a):\n    return range(0, a)\n",
    "RET505": "def f(a):\n    if a:\n        return 1\n    else:\n        return 2\n",
    "RSE102": "def f(a):\n    raise ValueError()\n",
    "SIM108": "def f(a):\n    if a:\n        b = 1\n    else:\n        b = 2\n    return b\n",
    "SIM201": "def f(a, b):\n    return not a == b\n",
    "UP006": "from typing import List\ndef f(a: List[int]):\n    return a\n",
    "UP008": "class C(A):\n    def f(self):\n        return super(C, self).f()\n",
    "UP015": "def f(a):\n    return open(a, 'r')\n",
    "UP024": "def f(a):\n    try:\n        a()\n    except IOError:\n        return 1\n",
    "UP031": "def f(a):\n    return '%s' % (a,)\n",
    "UP032": "def f(a):\n    return '{}'.format(a)\n",
}


def fixed(rule: str, source: str) -> str:
    """Let ruff repair a rule."""
    options = ["--isolated", "--no-cache", "--quiet", "--fix-only", "--unsafe-fixes"]
    file = ["--target-version", "py311", "--stdin-filename", "m.py", "-"]
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", *options, "--select", rule, *file],
        input=source,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout != source, f"ruff repairs nothing: {rule} needs another example"
    return done.stdout


def loud(old: str, new: str) -> list[Change]:
    files = [{"m.py": text.encode()} for text in (old, new)]
    facts = [[scan_file(path, data) for path, data in side.items()] for side in files]
    assert not any(f.error for side in facts for f in side)
    changes = compare(*facts, before=Sources(files[0].get), after=Sources(files[1].get))
    return [change for change in changes if not change.kind.quiet]


@pytest.mark.parametrize("rule", FORM)
def test_fixes_of_form_are_no_change(rule: str) -> None:
    assert loud(FORM[rule], fixed(rule, FORM[rule])) == []


@pytest.mark.parametrize("rule", REAL)
def test_other_fixes_are_real(rule: str) -> None:
    found = loud(REAL[rule], fixed(rule, REAL[rule]))
    assert found and not any(change.layout for change in found)
