"""verify: recorded calls run again with edited code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.sweep

HOUSE = Path(__file__).parent.parent.parent


def verify(lab: Any, *words: str) -> tuple[int, str, str]:
    """Run it in a process of its own, which imports the project."""
    entry = "from mandala_git.cli.main import entry; entry()"
    done = subprocess.run(
        [sys.executable, "-B", "-c", entry, "verify", *words],
        cwd=lab.root,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(HOUSE), "HOME": str(lab.root)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_an_edit_that_changes_nothing(lab: Any) -> None:
    lab.edit("lab/prep.py", "x / top for", "1 * x / top for")
    code, out, err = verify(lab, "scale_data", "--sample", "9")
    assert (code, out) == (
        0,
        "scale_data: 2 of 2 sampled calls gave identical results (2 in question)\n",
    )
    assert "git mandala classify scale_data --compatible" in err
    before = lab("status").out
    assert verify(lab, "lab/prep.py::scale_data", "--sample", "1")[1].startswith(
        "lab/prep.py::scale_data: 1 of 1"
    )
    assert lab("status").out == before, "nothing was recorded"


def test_elements_of_their_own(lab: Any) -> None:
    """A list is compared as the value it is, however it is recorded."""
    lab.edit("pipeline.py", "def load_data():", "def load_data() -> MList[list]:")
    lab.edit("pipeline.py", "import Storage, op", "import MList, Storage, op")
    lab.program()
    lab.edit("pipeline.py", "float(i * j % 7)", "1.0 * float(i * j % 7)")
    code, out, _ = verify(lab, "load_data")
    assert code == 0 and "sampled calls gave identical results" in out, out


def test_an_edit_that_changes_results(lab: Any) -> None:
    lab.scale()
    code, out, err = verify(lab, "scale_data")
    lines = out.splitlines()
    assert code == 1 and lines[0].startswith("scale_data: 0 of 2 sampled calls") and err == ""
    assert "train_model" in lines[1] and " was " in lines[1] and ", now " in lines[1]
    found = json.loads(verify(lab, "scale_data", "--json")[1])
    assert (found["calls"], found["same"], found["different"]) == (2, 0, 2)
    assert all(each["ran"] for each in found["compared"])


def test_results_of_both_are_compared_without_running(lab: Any) -> None:
    lab.scale()
    lab.program()
    found = json.loads(verify(lab, "scale_data", "--json")[1])
    assert found["different"] == 2 and not any(each["ran"] for each in found["compared"])
    assert "2 compared without running" in verify(lab, "scale_data")[1]


@pytest.mark.parametrize(
    ("top", "said"), [("0", "ZeroDivisionError"), ("exit(3)", "SystemExit: 3")]
)
def test_code_that_fails(lab: Any, top: str, said: str) -> None:
    lab.edit("lab/prep.py", "x / top for", f"x / {top} for")
    code, out, _ = verify(lab, "scale_data")
    assert code == 1 and f"it failed: {said}" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nope"], "waits for a verdict about 'nope'"),
        (["scale_data", "--sample", "0"], "make no sense"),
        (["scale_data", "--tolerance", "7"], "make no sense"),
    ],
)
def test_what_cannot_be_asked(lab: Any, words: list[str], said: str) -> None:
    lab.scale()
    code, out, err = verify(lab, *words)
    assert code == 2 and out == "" and said in err


def test_a_module_that_cannot_be_imported(lab: Any) -> None:
    lab.scale()
    prep = lab.root / "lab" / "prep.py"
    prep.write_text(prep.read_text() + "\nimport surely_not_there\n")
    code, out, err = verify(lab, "scale_data")
    assert (
        code == 1
        and out == ""
        and "pipeline.py cannot be imported as pipeline: ModuleNotFoundError" in err
    )
