"""A large project is read for the first time: in any surroundings, interrupted, and once."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.sweep

pexpect = pytest.importorskip("pexpect")

HOUSE = Path(__file__).parent.parent.parent
FILES = 120
COMMAND = "from mandala_git.cli.main import entry; entry()"
HOOK = f"""#!/bin/sh
exec "{sys.executable}" -c "from mandala_git.cli.hook import entry; entry('pre-commit')"
"""


@pytest.fixture
def large(git_repo: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """A repository with more code than one process should read."""
    path = os.pathsep.join(filter(None, [str(HOUSE), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("PYTHONPATH", path)
    repo = git_repo()
    repo.commit()
    write_modules(repo, range(FILES))
    return repo


def write_modules(repo: Any, numbers: range) -> None:
    for number in numbers:
        functions = "".join(
            f"def f{n}(x):\n    y = [x, {n}]  # {'-' * 120}\n    return y\n\n\n" for n in range(60)
        )
        repo.write(f"m{number}.py", f"number = {number}\n\n\n{functions}")


def known(repo: Any) -> int:
    """Count the files that the index knows."""
    with closing(sqlite3.connect(repo.root / ".git/mandala/index.db")) as database:
        found: int = database.execute("SELECT count(*) FROM files").fetchone()[0]
        return found


def on_terminal(repo: Any, *args: str) -> Any:
    return pexpect.spawn(
        sys.executable, ["-c", COMMAND, *args],
        cwd=str(repo.root), encoding="utf-8", timeout=120, dimensions=(40, 120),
        env={**os.environ, "TERM": "xterm"},
        # A shell starts what runs in its background deaf to Ctrl-C, and so are its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def test_init_reads_a_large_project_once(large: Any, mandala: Callable[..., Any]) -> None:
    first = mandala("init", cwd=large.root)
    assert first.code == 0
    assert first.out.startswith("created refs/mandala/store")
    assert first.out.count("\n") == 1
    assert first.err.count(f"mandala: reading {FILES} files for the first time\n") == 1
    assert known(large) == FILES
    again = mandala("init", cwd=large.root)
    assert "reading" not in again.err


def test_a_small_project_is_read_when_it_is_needed(
    git_repo: Callable[..., Any], mandala: Callable[..., Any]
) -> None:
    repo = git_repo()
    repo.write("m.py", "x = 1\n")
    assert "reading" not in mandala("init", cwd=repo.root).err
    assert not (repo.root / ".git/mandala/index.db").exists() or known(repo) == 0


def test_a_bar_on_a_terminal(large: Any) -> None:
    child = on_terminal(large, "init")
    child.expect(r"reading files.*[1-9]\d*/120")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert known(large) == FILES


def test_interrupted_and_gone_on_with(large: Any, mandala: Callable[..., Any]) -> None:
    files = FILES
    for _ in range(4):
        child = on_terminal(large, "init")
        child.expect(r"[1-9]\d*/\d+")
        child.sendintr()
        child.expect(pexpect.EOF)
        said = child.before
        child.close()
        if child.exitstatus:
            break
        # On a busy machine all may be read before this process sees the first of it.
        shutil.rmtree(large.root / ".git/mandala")
        write_modules(large, range(files, 2 * files))
        files *= 2
    assert child.exitstatus == 130
    assert "mandala: interrupted" in said
    assert "Traceback" not in said
    wait_for_end(child.pid)
    done = known(large)
    assert 0 < done < files
    rest = mandala("init", cwd=large.root)
    assert f"mandala: reading {files - done} files for the first time\n" in rest.err
    assert known(large) == files


def wait_for_end(group: int) -> None:
    """Wait until nothing is left of a process group."""
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    raise AssertionError("processes are left behind")


def test_interrupted_as_soon_as_it_starts(large: Any) -> None:
    for wait in (0.3, 0.6, 0.9):
        child = on_terminal(large, "init")
        time.sleep(wait)
        child.sendintr()
        child.expect(pexpect.EOF)
        said = child.before
        child.close()
        assert "Traceback" not in said.partition("mandala: ")[2]
        wait_for_end(child.pid)


def test_processes_end_with_a_killed_parent(large: Any) -> None:
    child = on_terminal(large, "init")
    child.expect(r"[1-9]\d*/120")
    os.kill(child.pid, 9)
    child.expect(pexpect.EOF)
    child.close()
    wait_for_end(child.pid)


def test_a_script_without_a_main_guard(large: Any) -> None:
    script = large.root.parent / "script.py"
    script.write_text(
        "from mandala_git.cli.main import main\nprint('once', flush=True)\nmain(['init'])\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], cwd=large.root, capture_output=True, text=True
    )
    assert done.stdout.startswith("once\ncreated"), done.stderr
    assert done.stdout.count("once") == 1
    assert known(large) == FILES


def test_in_the_hook_of_a_commit(large: Any, mandala: Callable[..., Any]) -> None:
    files = [large.root / f"m{number}.py" for number in range(FILES)]
    texts = [file.read_text() for file in files]
    for file in files:
        file.unlink()
    assert mandala("init", cwd=large.root).code == 0
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    hook = large.root / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(HOOK)
    hook.chmod(0o755)
    large.git("add", ".")
    done = subprocess.run(
        ["git", "commit", "-m", "all"], cwd=large.root, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("reading") == 1
    assert f"mandala: reading {FILES} files for the first time\n" in done.stderr
    assert known(large) == FILES
