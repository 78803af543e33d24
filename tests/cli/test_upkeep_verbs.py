"""drop, gc and fsck: what is recorded is listed, deleted, collected and verified."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mandala_git.results.store import Results
from tests.cli.conftest import HOUSE, Ended, run_python

pexpect = pytest.importorskip("pexpect")


def versions(lab: Any, *words: str) -> dict[str, dict[str, Any]]:
    """{op and number of its version: what is said of it}"""
    ended = lab("drop", "--list", "--json", *words)
    assert (ended.code, ended.err) == (0, "")
    found: dict[str, dict[str, Any]] = {}
    for row in json.loads(ended.out)["rows"]:
        name = row["op"].rpartition("::")[2]
        found[f"{name} {sum(key.startswith(name) for key in found)}"] = row
    return found


def test_versions_are_listed(lab: Any, compare_golden: Any) -> None:
    lab.n_class()
    lab("classify", "--breaking")
    lab.repo.commit("two")
    assert lab.program() == (4, 5)
    found = versions(lab)
    assert {name: (row["calls"], row["belongs"]) for name, row in found.items()} == {
        "get_acc 0": (4, "no"),
        "get_acc 1": (4, "yes"),
        "load_data 0": (1, "yes"),
        "train_model 0": (2, "yes"),
        "train_model 1": (2, "yes"),
    }
    one, two = (lab.repo.git("rev-parse", rev) for rev in ("HEAD~1", "HEAD"))
    assert [found[f"get_acc {n}"]["commit"] for n in (0, 1)] == [one, two]
    assert found["load_data 0"]["size"] > 0
    assert found["load_data 0"]["seconds"] == 2.0
    assert versions(lab, "get_acc", "load_data").keys() == {"get_acc 0", "get_acc 1", "load_data 0"}
    ended = lab("drop", "--list")
    text = re.sub(r"  [0-9a-f]{12}  ", "  012345678901  ", ended.out)
    text = re.sub(r" +[0-9.]+ (ms|us) +", "  7 ms  ", text).replace(one[:10], "COMMIT-ONE")
    compare_golden("drop_list.txt", text.replace(two[:10], "COMMIT-TWO"))


def test_a_version_is_dropped_with_what_follows(lab: Any) -> None:
    found = versions(lab)
    version = found["train_model 0"]["version"]
    would = lab("drop", "-n", version[:10])
    assert (would.code, would.out) == (0, "")
    assert would.err == (
        "would delete 4 calls, 3 min 00 s of computing:\n"
        "  pipeline.py::train_model  2\n"
        "  pipeline.py::get_acc  2\n"
    )
    assert versions(lab) == found
    dropped = lab("drop", version[:10])
    assert dropped.err == would.err.replace("would delete", "deleted") + (
        "`git mandala gc` removes the values that no call has now\n"
    )
    assert lab("drop", version[:10]).code == 2
    assert lab.program() == (4, 5)
    assert {n: r["calls"] for n, r in versions(lab).items()} == {
        n: r["calls"] for n, r in found.items()
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["zz"], "no recorded calls have a version 'zz'"),
        ([""], "no recorded calls have a version ''"),
        ([], "no VERSION is given"),
        (["--list", "nothing"], "no calls of an op 'nothing' are recorded"),
    ],
)
def test_words_that_mean_no_version(lab: Any, words: list[str], said: str) -> None:
    ended = lab("drop", *words)
    assert ended.code == 2
    assert said in ended.err


def test_digits_that_several_versions_begin_with(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mandala_git.ops.upkeep.SHORT", 5)
    with Results(lab.root / ".git" / "mandala") as results, results.changing() as database:
        for row in (1, 2):
            vid = b"\xab\xcd" + bytes([row]) * 30
            database.execute("UPDATE versions SET vid = ? WHERE id = ?", (vid, row))
    ended = lab("drop", "ABC")
    assert ended.code == 2
    assert "begin with 'ABC'" in ended.err
    assert re.search(r"Give more digits: abcd\w \(\w+\), abcd\w \(\w+\)", ended.err)


@pytest.mark.parametrize("verb", ["drop", "gc", "fsck"])
def test_where_nothing_is_recorded(mandala: Callable[..., Ended], git_repo: Any, verb: str) -> None:
    repo = git_repo("empty")
    words = [verb, "--list"] if verb == "drop" else [verb]
    ended = mandala(*words, cwd=repo.root)
    assert (ended.code, ended.out) == (2, "")
    assert "no calls are recorded here\n  run a program that uses @op" in ended.err
    assert not (repo.root / ".git" / "mandala").exists()


def test_garbage(lab: Any) -> None:
    before = versions(lab)["load_data 0"]["size"]
    lab("drop", versions(lab)["load_data 0"]["version"])
    assert versions(lab) == {}
    would = lab("gc", "--dry-run")
    assert (would.code, would.out) == (0, "")
    assert re.fullmatch(
        r"would remove 5 values, \d+\.\d kB\n|would remove 5 values, \d+ B\n", would.err
    )
    found = json.loads(lab("gc", "--json").out)
    assert found["format"] == 1
    assert found["values"] == 5
    assert found["size"] >= before
    assert found["kept"] == {}
    assert found["database"][1] <= found["database"][0]
    assert lab("gc").err == "removed 0 values, 0 B\n"
    lab.program()
    ended = lab("gc")
    assert ended.err == "removed 0 values, 0 B\n"
    assert re.search(r"pipeline\.py::load_data  +\d+ B", ended.out)


def test_a_store_that_is_whole(lab: Any) -> None:
    """Its models are of the project, and of `prep.py` as it is imported here."""
    ended = lab("fsck")
    assert ended == (0, "", "14 calls and values checked, 0 damaged, 0 unproved\n")


def test_damage_and_what_cannot_be_proved(lab: Any, mandala: Callable[..., Ended]) -> None:
    results = Results(lab.root / ".git" / "mandala")
    with results, results.changing() as database:
        database.execute("UPDATE calls SET edges = x'00' WHERE id = 3")
        (data,) = [
            row
            for row in database.execute("SELECT cid, data FROM vals").fetchall()
            if b"Model" not in row[1]
        ]
        database.execute("UPDATE vals SET data = x'00' WHERE cid = ?", (data[0],))
    ended = lab("fsck")
    assert ended.code == 1
    lines = ended.out.splitlines()
    assert len(lines) == 2
    assert re.fullmatch(r"damaged call 3: of pipeline\.py::\w+", lines[0])
    assert lines[1] == (
        f"damaged value {data[0].hex()}: pipeline.py::load_data, output output_0: "
        "its checksum does not match"
    )
    assert ended.err == "14 calls and values checked, 2 damaged, 0 unproved\n"
    assert lab.program() == (1, 8)
    use = "from mandala_git import Storage\nfrom pipeline import load_data\nwith Storage(): load_data()[0]"
    assert (
        run_python(f"import warnings; warnings.simplefilter('ignore'); {use}", cwd=lab.root).code
        == 0
    )
    assert lab("fsck").code == 0
    lab.edit("lab/prep.py", "class Model:", "class Model2:")
    ended = mandala("fsck", cwd=lab.root)
    assert ended.code == 0
    found = json.loads(mandala("fsck", "--json", cwd=lab.root).out)
    assert found["damaged"] == []
    assert len(found["unproved"]) == 4
    assert "pipeline.py::train_model, output output_0: " in found["unproved"][0]
    assert len(ended.out.splitlines()) == 4
    assert ended.out.startswith("unproved value ")


@pytest.mark.parametrize("verb", ["fsck", "gc"])
def test_a_bar_at_a_terminal_alone(lab: Any, mandala: Callable[..., Ended], verb: str) -> None:
    """Where nobody watches, nothing of it is written."""
    entry = (
        "import mandala_git.views.progress as p; p.PATIENCE = 0.0\n"
        "from mandala_git.cli.main import entry; entry()"
    )
    what = {"fsck": "verifying", "gc": "looking at calls"}[verb]
    assert what not in mandala(verb, cwd=lab.root).err
    child = pexpect.spawn(
        sys.executable,
        ["-c", entry, verb],
        cwd=str(lab.root),
        env={**os.environ, "PYTHONPATH": str(HOUSE), "TERM": "xterm", "COLUMNS": "100"},
        encoding="utf-8",
        timeout=60,
        dimensions=(24, 100),
    )
    child.expect(f"mandala: {what}")
    child.expect({"fsck": "checked", "gc": "removed"}[verb])
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_a_bar_in_a_program_at_a_terminal_alone(lab: Any, tmp_path: Path) -> None:
    code = (
        "import mandala_git.views.progress as p; p.PATIENCE = 0.0\n"
        "from mandala_git import Storage\n"
        "print(Storage().verify().checked, 'checked')\n"
    )
    env = {**os.environ, "PYTHONPATH": f"{HOUSE}:{lab.root}", "TERM": "xterm"}
    child = pexpect.spawn(
        sys.executable, ["-c", code], cwd=str(lab.root), env=env, encoding="utf-8", timeout=60
    )
    child.expect("mandala: verifying")
    child.expect("14 checked")
    child.expect(pexpect.EOF)
    said = tmp_path / "said"
    script = f'{sys.executable} -c "$CODE" 2> {said}'
    child = pexpect.spawn(
        "sh", ["-c", script], cwd=str(lab.root), env={**env, "CODE": code}, encoding="utf-8"
    )
    child.expect("14 checked")
    child.expect(pexpect.EOF)
    assert said.read_text() == ""


def test_an_interrupt_while_it_verifies(lab: Any) -> None:
    entry = (
        "import mandala_git.results.verifying as v, time\n"
        "v._look_at_value = lambda *a, **k: time.sleep(60)\n"
        "from mandala_git.cli.main import entry; entry()"
    )
    child = pexpect.spawn(
        sys.executable,
        ["-c", f"print('begun', flush=True)\n{entry}", "fsck"],
        cwd=str(lab.root),
        env={**os.environ, "PYTHONPATH": str(HOUSE)},
        encoding="utf-8",
        timeout=60,
        # A run in the background of a shell is deaf to it, and so are its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    child.expect("begun")
    time.sleep(1)
    child.sendintr()
    child.expect("mandala: interrupted")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
