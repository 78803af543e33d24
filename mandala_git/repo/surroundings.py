"""What a hook may do where it runs: whether there is somebody to ask, and if not, why.

Under pre-commit stdin is closed and stdout is a pipe, or a pseudo-terminal that nobody sees
until the end: only the controlling terminal, /dev/tty, tells and serves.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path

from mandala_git.errors import MandalaError
from mandala_git.repo.repository import Repository

TTY = "/dev/tty"

# In these git replays commits that were decided upon when they were made.
_REPLAYING = frozenset({"rebase", "am", "cherry-pick", "revert"})
_PATCH = re.compile(r"patch(\d+)-(\d+)")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Whether a hook can ask.

    Attributes:
        can_prompt: whether `open_tty` reaches somebody who can answer now.
        reason: why not, to be put behind "cannot ask: "; "" when it can.
    """

    can_prompt: bool
    reason: str = ""

    @classmethod
    def look(cls, repo: Repository, env: Mapping[str, str] | None = None) -> Surroundings:
        """Look around.

        Args:
            repo: the repository that is being committed to.
            env: environment variables; the process's own when None. MANDALA_PROMPT=never
                forbids to ask; =always asks wherever there is a terminal to ask on.
        """
        variables = os.environ if env is None else env
        wish = variables.get("MANDALA_PROMPT", "")
        reason = (
            "MANDALA_PROMPT=never"
            if wish == "never"
            else (_environment(variables) if wish != "always" else "")
            or _terminal()
            or (_git(repo, variables) if wish != "always" else "")
        )
        return cls(not reason, reason)


@contextmanager
def open_tty() -> Iterator[tuple[TextIOWrapper, TextIOWrapper]]:
    """Open the controlling terminal.

    Yields:
        A stream to read answers from (`""` is the end: somebody left) and one to write to,
        flushed at every line.

    Raises:
        MandalaError: there is no terminal.
    """
    try:
        reading = os.open(TTY, os.O_RDONLY | os.O_NOCTTY)
    except (OSError, AttributeError) as error:
        raise MandalaError(
            "there is no terminal to ask on", hint="decide with: git mandala classify"
        ) from error
    with open(reading, encoding="utf-8", errors="replace") as reader:
        writing = os.open(TTY, os.O_WRONLY | os.O_NOCTTY)
        with open(writing, "w", encoding="utf-8", errors="replace", buffering=1) as writer:
            yield reader, writer


def _environment(variables: Mapping[str, str]) -> str:
    """Say why the environment forbids to ask."""
    if variables.get("CI", "").lower() not in ("", "0", "false"):
        return "CI"
    if variables.get("TERM") == "dumb":
        return "TERM=dumb"
    return ""


def _terminal() -> str:
    """Say why the terminal does not serve."""
    try:
        terminal = os.open(TTY, os.O_RDWR | os.O_NOCTTY)
    except (OSError, AttributeError):  # O_NOCTTY: not on Windows
        return "no terminal"
    try:
        # Whoever reads from a terminal in the background is stopped, and git with him.
        return "" if os.tcgetpgrp(terminal) == os.getpgrp() else "background job"
    except OSError:
        return "no terminal"
    finally:
        os.close(terminal)


def _git(repo: Repository, variables: Mapping[str, str]) -> str:
    """Say what git, or pre-commit around it, is doing that must not be held up."""
    what = repo.in_progress()
    if what in _REPLAYING:
        return f"{what} in progress"
    # While pre-commit waits for us, the unstaged changes exist in its patch file only; a
    # terminal closed at the prompt would leave the work tree without them.
    patch = _held_patch(variables) if "PRE_COMMIT" in variables else None
    return f"pre-commit holds your unstaged changes in {patch}" if patch else ""


def _held_patch(variables: Mapping[str, str]) -> Path | None:
    """Return the patch file of a pre-commit that is running above us.

    Its name ends in the id of that process; it stays there when the process has ended.
    """
    if variables.get("PRE_COMMIT_HOME"):
        cache = Path(variables["PRE_COMMIT_HOME"])
    elif variables.get("XDG_CACHE_HOME"):
        cache = Path(variables["XDG_CACHE_HOME"], "pre-commit")
    else:
        cache = Path(variables.get("HOME") or "~").expanduser() / ".cache" / "pre-commit"
    try:
        names = os.listdir(cache)
    except OSError:
        return None
    patches = {
        int(found[2]): (int(found[1]), cache / found[0])
        for found in map(_PATCH.fullmatch, sorted(names))
        if found
    }
    if not patches:
        return None
    for process, started in _ancestors():
        written, patch = patches.get(process, (0, None))
        # A patch older than the process is of an earlier one with the same id.
        if patch is not None and written >= started:
            return patch
    return None


def _ancestors() -> Iterator[tuple[int, float]]:
    """Yield the ids of the processes above this one, and when they started.

    The time is in seconds since 1970, rounded down a little; 0 where that cannot be known.
    """
    process = os.getppid()
    booted = 0.0
    with suppress(OSError, IndexError, ValueError):
        booted = float(Path("/proc/stat").read_text().split("btime ")[1].split()[0])
    seen: set[int] = set()
    while process > 1 and process not in seen:
        seen.add(process)
        parent, started = _parent(process)
        yield process, booted + started - 2 if booted and started else 0.0
        process = parent


def _parent(process: int) -> tuple[int, float]:
    """Return the parent of a process, and when the process started in seconds since boot."""
    try:
        # `<id> (<name, with anything in it>) <state> <parent> ...`, field 22 is the start
        words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return int(words[1]), int(words[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return _parent_by_ps(process), 0.0


def _parent_by_ps(process: int) -> int:
    """Return the parent of a process where there is no /proc (macOS), 0 if unknown."""
    import subprocess

    try:
        done = subprocess.run(
            ["ps", "-o", "ppid=", "-p", str(process)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        return int(done.stdout)
    except (OSError, ValueError):
        return 0
