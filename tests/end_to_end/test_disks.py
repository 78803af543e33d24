"""Disks that are full, read-only, slow, far away or gone; clocks that jump; other versions."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from interpreters import finish, start

from mandala_git.results import database

pytestmark = pytest.mark.sweep

if TYPE_CHECKING:
    from conftest import Project

OPS = """
from mandala_git import op

@op
def small(n):
    return [n] * 50

@op
def large(n):
    return list(range(n, n + 9000))

@op
def total(xs):
    return sum(xs)

@op
def outer(n):
    return total(large(n)) + len(small(n))
"""

LISTEN = """
import sys, warnings
heard = []
warnings.showwarning = lambda message, *rest: heard.append(str(message).partition("\\n")[0])
warnings.simplefilter("always")
import p
from mandala_git import Storage
"""


def listen(
    project: Project, code: str, *, first: str = "", before: Sequence[str] = ()
) -> tuple[list[str], list[str]]:
    """Run a program in an interpreter of its own.

    Args:
        project: where.
        code: what it does, with `p` and `Storage` imported.
        first: what it does before.
        before: a command that runs it.

    Returns:
        The lines that it printed, and the first lines of its warnings.
    """
    code = f"{first}\n{LISTEN}{code}\nfor text in heard: print('heard:', text)\n"
    lines = finish(start(project.root, code, before=before))
    heard = [line.removeprefix("heard: ") for line in lines if line.startswith("heard: ")]
    return [line for line in lines if not line.startswith("heard: ")], heard


def folder_of(project: Project) -> Path:
    return project.root / ".git" / "mandala"


def sound(folder: Path) -> None:
    """Check that nothing half is in a folder of results."""
    connection = sqlite3.connect(folder / "results.db")
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    connection.close()
    assert not list(folder.rglob("*.tmp"))


# full ---------------------------------------------------------------------------------------

FILL = """
storage = Storage()
with storage:
    for n in range(first, 400):
        ref = p.small(n)
        assert ref.value == [n] * 50, n
        assert p.outer(n).value == 9000 * n + 40495500 + 50, n
        if heard:
            break
    print(n)
    for n in range(n, n + 5):  # it goes on
        assert p.large(n).value == list(range(n, n + 9000))
        assert p.total(p.large(n)) == 9000 * n + 40495500
    print(p.small(first).value[0], p.total([1, 2]).value)
"""


def test_a_file_that_may_not_grow(project: Project) -> None:
    """The limit of a process stands for a full disk: SQLite and value files meet it alike."""
    project.write(p=OPS)
    project.runs("p.small(0)")
    limit = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))
first = 0
"""
    printed, heard = listen(project, limit + FILL)
    assert printed[1] == "0 3"
    last = int(printed[0])
    assert 0 < last < 400
    assert 1 <= len(heard) <= 3
    assert all("recorded" in text for text in heard)
    sound(folder_of(project))
    # What was there before is there, and what was not kept is made again.
    project.reuses("p.small(0)")
    project.reuses("p.small(1)", "p.outer(1)")
    project.run(*(f"p.outer({n})" for n in range(last + 2)))
    project.reuses(*(f"p.outer({n})" for n in range(last + 2)))


def mount(folder: Path, options: str) -> list[str]:
    """Return the command that runs another one where a file system of its own is mounted."""
    script = f'mount -t tmpfs -o {options} none "$0" && exec "$@"'
    for flags in ("-m", "-rm"):
        command = ["unshare", flags, "sh", "-c", script, str(folder)]
        with contextlib.suppress(OSError):
            if subprocess.run([*command, "true"], capture_output=True).returncode == 0:
                return command
    pytest.skip("nothing can be mounted here")


def test_a_full_disk_and_then_room_again(project: Project, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    before = mount(disk, "size=900k")
    project.repo.git("config", "mandala.resultsDir", str(disk / "results"))
    project.write(p=OPS)
    printed, heard = listen(
        project,
        f"""
import os
first = 0
filler = {str(disk / "filler")!r}
with open(filler, "wb") as file:
    file.write(bytes(100_000))
{FILL}
    os.unlink(filler)
    before = storage.executed
    for n in (300, 301):
        p.small(n)
with Storage() as other:
    p.small(300), p.small(301), p.small(0), p.outer(0)
    print(other.executed)
import sqlite3
print(sqlite3.connect({str(disk / "results/results.db")!r}).execute("PRAGMA integrity_check").fetchone()[0])
print([name for _, _, names in os.walk({str(disk)!r}) for name in names if name.endswith(".tmp")])
""",
        before=before,
    )
    assert printed[1:] == ["0 3", "0", "ok", "[]"]
    assert 1 <= len(heard) <= 3, heard
    assert any("No space left" in text or "no room left" in text for text in heard)


def test_a_disk_that_is_full_from_the_start(project: Project, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    before = mount(disk, "size=64k")
    project.repo.git("config", "mandala.resultsDir", str(disk / "results"))
    project.write(p=OPS)
    printed, heard = listen(
        project,
        f"""
with open({str(disk / "filler")!r}, "wb", buffering=0) as file:
    try:
        while file.write(bytes(4096)): pass
    except OSError as error:
        print(error.errno)
storage = Storage()
with storage:
    print(p.outer(1).value, storage.executed)
    print(p.outer(1).value, storage.executed)
""",
        before=before,
    )
    assert printed == ["28", "40504550 4", "40504550 4"]
    assert len(heard) == 1
    assert heard[0].endswith("results are kept in memory only")


def test_a_full_index_is_done_without(project: Project) -> None:
    project.write(p=OPS)
    project.commit()
    project.runs("p.outer(1)", times=4)
    (folder_of(project) / "index.db").unlink()
    (folder_of(project) / "index.db").mkdir()  # it cannot even be made
    printed, heard = listen(project, "with Storage() as s: print(p.outer(1).value, s.executed)")
    assert (printed, heard) == (["40504550 0"], [])


# read-only, and gone ----------------------------------------------------------------------------


def test_a_read_only_file_system(project: Project, tmp_path: Path) -> None:
    """Recorded calls are found, new ones run, and it is said once that they are not kept."""
    project.write(p=OPS)
    project.runs("p.outer(1)", times=4)
    disk = tmp_path / "disk"
    disk.mkdir()
    before = mount(disk, "size=20m")
    before[-2] = 'mount -t tmpfs none "$0" && cp -r "$PWD" "$0/repo" && cd "$0/repo"'
    before[-2] += ' && mount -o remount,ro "$0" && PYTHONPATH="$PYTHONPATH:$PWD" exec "$@"'
    there = """
import os, sys
sys.path[:] = [os.getcwd(), *(path for path in sys.path if not path.endswith("/repo"))]
"""
    printed, heard = listen(
        project,
        """
storage = Storage()
with storage:
    print(p.outer(1).value, p.large(1)[0], storage.executed)
    print(p.outer(2).value, p.small(7).value[0], p.small(7).value[0], storage.executed)
    print(p.total(p.large(1)).value, p.total(p.large(2)).value)
print(len(storage.table("outer")))
""",
        first=there,
        before=before,
    )
    assert printed == ["40504550 1 0", "40513550 7 7 6", "40504500 40513500", "1"]
    assert len(heard) == 1, heard
    assert heard[0].startswith("calls are made, but not recorded: ")


def test_a_folder_that_is_removed_while_a_program_runs(project: Project) -> None:
    project.write(p=OPS)
    printed, heard = listen(
        project,
        f"""
import shutil
storage = Storage()
with storage:
    print(p.outer(1).value)
    shutil.rmtree({str(folder_of(project))!r})
    print(p.outer(1).value, p.outer(2).value, p.small(3).value[0], storage.executed)
with storage:
    print(p.outer(2).value)
""",
    )
    assert printed == ["40504550", "40504550 40513550 3 9", "40513550"]
    assert any("was removed or replaced" in text for text in heard)
    project.run("p.outer(1)")  # a new program begins anew
    project.reuses("p.outer(1)")


def test_a_locked_database_is_waited_for_and_nothing_is_lost(project: Project) -> None:
    project.write(p=OPS)
    project.runs("p.outer(1)", times=4)
    printed, heard = listen(
        project,
        f"""
import sqlite3
storage = Storage()
storage.results._busy = 0.3
storage.results._database.execute("PRAGMA busy_timeout = 300")
with storage:
    p.small(0)  # what calls refer to is known from here on
other = sqlite3.connect({str(folder_of(project) / "results.db")!r}, isolation_level=None)
with storage:
    p.small(99)
    storage.results.flush()
    other.execute("BEGIN IMMEDIATE")
    print(p.outer(1).value)
    for n in range(20):
        assert p.small(n).value == [n] * 50
print(storage.results.waiting)
other.execute("COMMIT")
with storage:
    p.small(0)
print(storage.results.waiting)
""",
    )
    assert printed[0] == "40504550", heard
    assert printed[1] == "18", heard
    assert printed[2] == "0"
    assert len(heard) == 1, heard
    assert "locked by another process" in heard[0]
    project.reuses(*(f"p.small({n})" for n in range(20)))


# far away ---------------------------------------------------------------------------------------


def test_results_in_another_folder_on_a_network(project: Project, tmp_path: Path) -> None:
    project.repo.git("config", "mandala.resultsDir", str(tmp_path / "far"))
    project.write(p=OPS)
    network = (
        "from mandala_git.results import database\ndatabase.network_type = lambda folder: 'nfs4'\n"
    )
    call = "storage = Storage()\nwith storage: print(p.outer(1).value, storage.executed)"
    printed, heard = listen(project, network + call)
    assert printed == ["40504550 4"]
    assert len(heard) == 1
    assert "network file system (nfs4)" in heard[0]
    assert "rollback journal" in heard[0]
    assert sorted(path.name for path in (tmp_path / "far").iterdir()) == [
        "index.db", "results.db", "results.lock", "values",
    ]  # fmt: skip
    assert not (folder_of(project)).exists()
    connection = sqlite3.connect(tmp_path / "far" / "results.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    connection.close()
    # Said when it is set up, not each time.
    assert listen(project, network + call) == (["40504550 0"], [])


# clocks -----------------------------------------------------------------------------------------


def test_clocks_that_jump(project: Project) -> None:
    """Nothing is decided by a clock: not what is found, nor which call is the last."""
    project.write(p=OPS)
    project.commit()
    jumps = ("-3e8", "0", "3e9", "-1e9")
    for number, jump in enumerate(jumps):
        code = f"""
import time
real, real_ns = time.time, time.time_ns
time.time = lambda: max(0.0, real() + {jump})
time.time_ns = lambda: max(0, real_ns() + int({jump}) * 10**9)
storage = Storage()
with storage:
    print(p.outer(1).value, p.small({10 + number}).value[0], storage.executed)
"""
        printed, heard = listen(project, code)
        assert printed == [f"40504550 {10 + number} {5 if number == 0 else 1}"]
        assert heard == []
    project.reuses("p.outer(1)", *(f"p.small({10 + n})" for n in range(len(jumps))))
    assert len(project.table("small")) == len(jumps) + 1


# other versions of this package -------------------------------------------------------------------


def test_a_newer_schema_is_refused_and_untouched_and_the_hook_gates(project: Project) -> None:
    project.write(p=OPS)
    project.commit()
    project.runs("p.outer(1)", times=4)
    path = folder_of(project) / "results.db"
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {database.SCHEMA + 1}")
    connection.close()
    before = path.read_bytes()
    process = start(project.root, f"{LISTEN}Storage()")
    _, said = process.communicate()
    assert process.returncode == 1
    assert "was written by a newer version of mandala-git" in said
    assert "pip install --upgrade mandala-git" in said
    project.edit("p", "n + 9000", "n + 9001")
    project.repo.git("add", "-A")
    hook = start(project.root, "from mandala_git.cli.hook import entry; entry('pre-commit')")
    out, said = hook.communicate()
    assert "large" in out + said
    assert "costs unknown" in out + said
    assert path.read_bytes() == before
    assert not path.with_name("results.db-wal").exists()


def test_a_store_that_becomes_newer_under_a_running_program(project: Project) -> None:
    """Somebody upgrades and migrates: the older program goes on and says so, at the latest
    when the new tables refuse what it writes."""
    project.write(p=OPS)
    printed, heard = listen(
        project,
        f"""
import sqlite3
storage = Storage()
with storage: p.small(1)
newer = sqlite3.connect({str(folder_of(project) / "results.db")!r}, isolation_level=None)
newer.execute("ALTER TABLE calls RENAME COLUMN started TO began")
newer.execute("PRAGMA user_version = {database.SCHEMA + 1}")
newer.close()
with storage:
    print(p.small(2).value[0], p.small(1).value[0], p.large(3)[0])
""",
    )
    assert printed == ["2 1 3"]
    assert any("newer version of mandala-git" in text for text in heard), heard
