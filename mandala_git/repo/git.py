"""Running the git command line: argument lists in, bytes out, git's own words when it fails.

Everything goes through the command line and nothing through libgit2: that one cannot open
sha256 or reftable repositories, reads the wrong index during `commit -a` and `commit FILE`,
never syncs what it writes, and takes 100 ms to import where a git process takes 2.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from mandala_git.errors import MandalaError
from mandala_git.records import NamedTuple

# What ties a process to one repository (`git rev-parse --local-env-vars`), except the
# settings of `git -c`, which are the user's wish for this run, whatever the repository.
LOCAL_VARIABLES = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_CONFIG",
        "GIT_DIR",
        "GIT_GRAFT_FILE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_INTERNAL_SUPER_PREFIX",
        "GIT_NAMESPACE",
        "GIT_NO_REPLACE_OBJECTS",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_QUARANTINE_PATH",
        "GIT_REPLACE_REF_BASE",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
    }
)
# These would change what our own pathspecs mean.
_PATHSPEC_VARIABLES = frozenset(
    {
        "GIT_GLOB_PATHSPECS",
        "GIT_ICASE_PATHSPECS",
        "GIT_LITERAL_PATHSPECS",
        "GIT_NOGLOB_PATHSPECS",
    }
)


class GitMissing(MandalaError):
    """There is no git to run."""


class Answer(NamedTuple):
    """How a git process ended.

    Attributes:
        code: exit code; negative when a signal ended it.
        out: what it wrote to stdout.
        err: what it wrote to stderr, in English.
    """

    code: int
    out: bytes
    err: bytes

    def complaint(self) -> str:
        """Return git's first line about what is wrong, without the `fatal: ` before it."""
        lines = os.fsdecode(self.err).splitlines()
        # Traces (GIT_TRACE) and warnings come before the line that matters.
        for line in lines:
            for mark in ("fatal: ", "error: "):
                if line.startswith(mark):
                    return line.removeprefix(mark)
        return lines[0] if lines else f"it ended with exit code {self.code}"


def for_other_repo(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment without what ties it to the repository of a running hook.

    Args:
        env: the environment to clean; the process's own when None.
    """
    source = os.environ if env is None else env
    return {name: value for name, value in source.items() if name not in LOCAL_VARIABLES}


def ask(
    args: Sequence[str],
    *,
    cwd: Path,
    input: bytes | None = None,
    env: Mapping[str, str] | None = None,
) -> Answer:
    """Run git and return how it ended, whatever the exit code.

    Args:
        args: arguments after `git`.
        cwd: where to run it.
        input: bytes for its stdin; nothing when None.
        env: the environment; the process's own when None.

    Raises:
        GitMissing: there is no git on PATH.
        MandalaError: `cwd` does not exist, or the process cannot be started.
    """
    return ask_all([args], cwd=cwd, input=input, env=env)[0]


def ask_all(
    questions: Iterable[Sequence[str]],
    *,
    cwd: Path,
    input: bytes | None = None,
    env: Mapping[str, str] | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> list[Answer]:
    """Run git for several questions at the same time; see `ask`.

    Args:
        questions: arguments after `git`, for each of them.
        cwd, input, env: as `ask` takes them.
        meanwhile: called while they run.
    """
    variables = {
        name: value
        for name, value in (os.environ if env is None else env).items()
        if name not in _PATHSPEC_VARIABLES
    }
    variables["LC_ALL"] = "C"  # what git says is read by us, not shown as it is
    variables["GIT_OPTIONAL_LOCKS"] = "0"  # looking never makes the user's own command wait
    try:
        return _answers([["git", *args] for args in questions], cwd, input, variables, meanwhile)
    except FileNotFoundError as error:
        if error.filename is not None and os.fspath(error.filename) == os.fspath(cwd):
            raise MandalaError(
                f"the folder {cwd} does not exist", hint="go to an existing folder: cd"
            ) from error
        raise GitMissing(
            "git is not installed, or not on PATH", hint="install git 2.31 or later"
        ) from error
    except OSError as error:
        raise MandalaError(
            f"git cannot be started in {cwd}: {error.strerror}", hint="try: git --version"
        ) from error


def _answers(
    commands: Iterable[Sequence[str]],
    cwd: Path,
    input: bytes | None,
    env: Mapping[str, str],
    meanwhile: Callable[[], object] | None,
) -> list[Answer]:
    from subprocess import DEVNULL, PIPE, Popen

    source = DEVNULL if input is None else PIPE
    running: list[Popen[bytes]] = []
    with ExitStack() as stack:
        try:
            for command in commands:
                started = Popen(command, cwd=cwd, env=env, stdin=source, stdout=PIPE, stderr=PIPE)
                running.append(stack.enter_context(started))
            if meanwhile is not None:
                meanwhile()
            said = [process.communicate(input) for process in running]
        except BaseException:
            for process in running:
                process.kill()
            raise
    codes = [process.returncode for process in running]
    return [Answer(code, out, err) for code, (out, err) in zip(codes, said, strict=True)]


def run(
    args: Sequence[str],
    *,
    cwd: Path,
    input: bytes | None = None,
    env: Mapping[str, str] | None = None,
    check: bool = True,
) -> bytes:
    """Run git and return its stdout.

    Args:
        args: arguments after `git`.
        cwd: where to run it.
        input: bytes for its stdin; nothing when None.
        env: the environment; the process's own when None.
        check: whether an exit code other than 0 is an error.

    Raises:
        MandalaError: with git's own first line, when it failed and `check` holds.
    """
    answer = ask(args, cwd=cwd, input=input, env=env)
    if check and answer.code:
        raise MandalaError(f"`git {command_of(args)}` failed in {cwd}: {answer.complaint()}")
    return answer.out


def command_of(args: Sequence[str]) -> str:
    """Return the git command among its arguments, without the `-c name=value` before it."""
    rest = list(args)
    while len(rest) > 2 and rest[0] == "-c":
        rest = rest[2:]
    return rest[0] if rest else ""
