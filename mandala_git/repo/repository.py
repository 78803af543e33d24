"""One git repository with a work tree: where it is, what is checked out, how it is set up."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mandala_git.errors import MandalaError, NotARepository, UnreadableRepository, UsageError
from mandala_git.repo import git
from mandala_git.repo.git import Answer, GitMissing

if TYPE_CHECKING:
    from mandala_git.repo.store import Store

CODE = ("*.py", "*.ipynb")
"""What git is asked for: Python files and notebooks anywhere."""

# The state files that git leaves while something is in progress, and what it is then.
# A rebase comes first: it uses the others for its single steps.
_IN_PROGRESS = (
    ("rebase-merge", "rebase"),
    ("rebase-apply/applying", "am"),
    ("rebase-apply", "rebase"),
    ("CHERRY_PICK_HEAD", "cherry-pick"),
    ("REVERT_HEAD", "revert"),
    ("MERGE_HEAD", "merge"),
    ("BISECT_LOG", "bisect"),
)

_PATTERNS = "mandala/data-files"
_SETTINGS = ("config", "-z", "--get-regexp", r"^mandala\.")


class Repository:
    """A git work tree and its repository; made by `Repository.discover`.

    Attributes:
        root: top folder of the work tree, absolute.
        git_dir: git's folder of this work tree, absolute.
        common_dir: git's folder that all linked work trees share, absolute.
        object_format: "sha1" or "sha256".
        discovered_head: the commit that was checked out when it was discovered, None before
            the first commit. Costs nothing; `head()` asks anew.
        foreign: whether it was found by path, so that GIT_DIR, GIT_INDEX_FILE and the like in
            the environment speak of another repository.
    """

    def __init__(
        self,
        root: Path,
        git_dir: Path,
        common_dir: Path,
        object_format: str,
        discovered_head: str | None = None,
        *,
        foreign: bool = False,
        settings: Answer | None = None,
    ) -> None:
        self.root = root
        self.git_dir = git_dir
        self.common_dir = common_dir
        self.object_format = object_format
        self.discovered_head = discovered_head
        self.foreign = foreign
        # Git runs at the top, where a relative GIT_DIR would lead elsewhere.
        places = {"GIT_DIR": git_dir, "GIT_WORK_TREE": root, "GIT_COMMON_DIR": common_dir}
        self._absolute = {
            name: os.fspath(place)
            for name, place in places.items()
            if not foreign and name in os.environ
        }
        self._real_root = os.path.realpath(root)
        self._asked = settings
        self._settings: dict[str, str] | None = None

    def __repr__(self) -> str:
        return f"Repository({str(self.root)!r})"

    @classmethod
    def discover(
        cls,
        start: Path | None = None,
        *,
        settings: bool = False,
        meanwhile: Callable[[], object] | None = None,
    ) -> Repository:
        """Find the repository of a folder, with one git process.

        Args:
            start: a folder or file inside the work tree. None means the working directory
                and what the environment says (GIT_DIR, GIT_INDEX_FILE: a hook's own
                repository); with a path the environment has no say.
            settings: have a second process read the settings meanwhile; else `config` asks
                for them when somebody needs one.
            meanwhile: called while git runs.

        Raises:
            NotARepository: no git work tree here.
            UnreadableRepository: there is one, and git refuses to read it.
            MandalaError: git is missing or too old.
        """
        env = None if start is None else git.for_other_repo()
        here = _folder(start)
        question = [
            "rev-parse",
            "--path-format=absolute",
            "--git-dir",
            "--git-common-dir",
            "--show-object-format",
            "--show-toplevel",
            "-q",
            "--verify",
            "HEAD",
        ]
        try:
            questions = [question, _SETTINGS] if settings else [question]
            answer, *more = git.ask_all(questions, cwd=here, env=env, meanwhile=meanwhile)
        except GitMissing:
            if "GIT_DIR" in (env or os.environ) or _has_git_above(here):
                raise
            raise NotARepository(
                f"{here} is not inside a git repository", hint="start one: git init"
            ) from None
        lines = os.fsdecode(answer.out).split("\n")[:-1]
        if lines[:1] == ["--path-format=absolute"]:
            raise MandalaError("this git is too old", hint="install git 2.31 or later")
        # An unborn HEAD is no line and exit code 1.
        if answer.code not in (0, 1) or len(lines) != (4 if answer.code else 5):
            raise _refusal(answer, here, lines)
        git_dir, common_dir, object_format, root = lines[:4]
        head = None if answer.code else lines[4]
        place = (Path(root), Path(git_dir), Path(common_dir))
        foreign = env is not None
        return cls(*place, object_format, head, foreign=foreign, settings=more[0] if more else None)

    def ask(self, args: Sequence[str], *, input: bytes | None = None) -> Answer:
        """Run git at the top of the work tree; return how it ended."""
        return git.ask(args, cwd=self.root, input=input, env=self._environment())

    def run(self, args: Sequence[str], *, input: bytes | None = None) -> bytes:
        """Run git at the top of the work tree; return its stdout.

        Raises:
            MandalaError: git failed.
        """
        return git.run(args, cwd=self.root, input=input, env=self._environment())

    def _environment(self) -> Mapping[str, str]:
        return git.for_other_repo() if self.foreign else {**os.environ, **self._absolute}

    def head(self) -> str | None:
        """Return the id of the commit checked out now; None before the first commit."""
        answer = self.ask(["rev-parse", "-q", "--verify", "HEAD"])
        return None if answer.code else answer.out.decode().strip()

    def resolve(self, rev: str) -> str:
        """Return the id of the commit that a revision names.

        Args:
            rev: anything git understands: a branch, a tag, `HEAD~1`, a (short) id.

        Raises:
            UsageError: there is no such commit.
        """
        if "\0" not in rev:
            answer = self.ask(
                ["rev-parse", "-q", "--verify", "--end-of-options", rev + "^{commit}"]
            )
            if answer.code == 0:
                return answer.out.decode().strip().split("\n")[-1]
        shown = rev.encode("utf-8", "backslashreplace").decode()
        if self.ask(["rev-parse", "-q", "--verify", "HEAD"]).code:
            raise UsageError(
                f"{shown!r} names no commit: {self.root} has no commit yet",
                hint="make the first one: git add . && git commit",
            )
        raise UsageError(
            f"{shown!r} names no commit of {self.root}",
            hint="see what there is: git log --oneline --all",
        )

    def config(self, name: str) -> str | None:
        """Return a `mandala.*` setting of git's configuration, None when it is not set.

        All of them are read once, with one process.

        Args:
            name: in full, as `mandala.resultsDir`; upper and lower case are the same.
        """
        if self._settings is None:
            answer = self._asked or self.ask(_SETTINGS)
            if answer.code not in (0, 1):  # 1: nothing is set
                raise MandalaError(
                    f"git's configuration cannot be read: {answer.complaint()}",
                    hint="see where it comes from: git config --list --show-origin",
                )
            self._settings = {}
            for entry in os.fsdecode(answer.out).split("\0")[:-1]:
                key, equals, value = entry.partition("\n")
                # A name without `=` means true; of several values the last one counts.
                self._settings[key] = value if equals else "true"
        return self._settings.get(name.lower())

    def mandala_dir(self) -> Path:
        """Return the folder of the local results, which all work trees share.

        It need not exist. `mandala.resultsDir` moves it; relative means to the work tree.
        """
        chosen = self.config("mandala.resultsDir")
        if chosen:
            return self.root / Path(chosen).expanduser()
        return self.common_dir / "mandala"

    def data_patterns(self) -> list[str]:
        """Return the files that recorded calls depend on: paths and patterns, sorted."""
        try:
            return (self.common_dir / _PATTERNS).read_text("utf-8").splitlines()
        except OSError:
            return []

    def note_data(self, patterns: Iterable[str]) -> None:
        """Note files that calls depend on, so that a hook knows them without asking results."""
        known = self.data_patterns()
        found = sorted({*known, *(each for each in patterns if "\n" not in each)})
        if found != known:
            file = self.common_dir / _PATTERNS
            beside = file.with_name(f"{file.name}.{os.getpid()}")
            # Without it a hook says less; whoever runs the next new version tries again.
            with suppress(OSError):
                file.parent.mkdir(parents=True, exist_ok=True)
                beside.write_text("".join(f"{each}\n" for each in found), "utf-8")
                beside.replace(file)

    def store(self) -> Store:
        """Return the shared store, which is in git."""
        from mandala_git.repo.git_store import GitStore

        return GitStore(self)

    def code_files(self) -> Iterable[str]:
        """Return the paths of the Python files and notebooks that git does not ignore."""
        options = ("-z", "--cached", "--others", "--exclude-standard")
        out = self.run(["ls-files", *options, "--", *CODE])
        return set(os.fsdecode(out).split("\0"))

    def is_dirty(self) -> bool:
        """Tell whether a tracked file differs from what HEAD holds."""
        return bool(self.run(["status", "--porcelain", "-z", "--untracked-files=no"]))

    def author(self) -> str:
        """Return `Name <email>` of who works here, `unknown <>` when git does not know."""
        answer = self.ask(["var", "GIT_AUTHOR_IDENT"])
        if answer.code:
            return "unknown <>"
        # `Name <email> 1700000000 +0000`
        return answer.out.decode("utf-8", "replace").strip().rsplit(" ", 2)[0]

    def relative(self, path: Path) -> str | None:
        """Return a path relative to the top of the work tree, with `/`; None outside of it.

        Symbolic links are followed on both sides. Bytes that are not UTF-8 are surrogates,
        as everywhere in Python.
        """
        real = os.path.realpath(path)
        try:
            rest = os.path.relpath(real, self._real_root)
        except ValueError:  # another drive, on Windows
            return None
        if rest == os.pardir or rest.startswith(os.pardir + os.sep):
            return None
        return rest.replace(os.sep, "/")

    def in_progress(self) -> str | None:
        """Return what git is in the middle of.

        Returns:
            "rebase", "am", "cherry-pick", "revert", "merge", "bisect", or None.
        """
        for name, what in _IN_PROGRESS:
            if (self.git_dir / name).exists():
                return what
        if self.has_reftable():
            # There, these two are refs like others.
            for name, what in _IN_PROGRESS[3:5]:
                if self.ask(["rev-parse", "-q", "--verify", name]).code == 0:
                    return what
        return None

    def has_reftable(self) -> bool:
        """Tell whether refs are kept in a table, not in files."""
        return (self.common_dir / "reftable").is_dir()


def is_object_id(name: bytes) -> bool:
    """Tell whether this is the full id of an object, sha1 or sha256."""
    return len(name) in (40, 64) and not name.strip(b"0123456789abcdef")


def _folder(start: Path | None) -> Path:
    """Return the existing folder where to look for a repository."""
    try:
        here = Path.cwd() if start is None else Path(os.path.abspath(start))
    except FileNotFoundError:
        raise NotARepository(
            "the working directory does not exist any more", hint="go to one that does: cd"
        ) from None
    while not here.is_dir():
        here = here.parent
    return here


def _has_git_above(folder: Path) -> bool:
    return any((parent / ".git").exists() for parent in (folder, *folder.parents))


def _refusal(answer: Answer, here: Path, lines: list[str]) -> NotARepository:
    """Say why git gave no work tree.

    Args:
        answer: how `git rev-parse` ended.
        here: where it ran.
        lines: what it printed before it gave up: the git folder, when it found one.
    """
    from shlex import quote

    if b"dubious ownership" in answer.err or b"unsafe repository" in answer.err:
        place = os.fsdecode(answer.err).split("'")[1] if b"'" in answer.err else str(here)
        return UnreadableRepository(
            f"git does not trust {place}: it belongs to somebody else",
            hint=f"if you do: git config --global --add safe.directory {quote(place)}",
        )
    if len(lines) == 3 and b"work tree" in answer.err:
        folder = Path(lines[0])
        if folder.name == ".git":
            return NotARepository(
                f"{here} is inside git's own folder",
                hint=f"go to the work tree: cd {quote(str(folder.parent))}",
            )
        return NotARepository(
            f"{folder} is a bare repository: it has no work tree",
            hint="make one: git worktree add ../work",
        )
    if b"not a git repository" in answer.err and b"not a git repository: " not in answer.err:
        return NotARepository(f"{here} is not inside a git repository", hint="start one: git init")
    return UnreadableRepository(
        f"git cannot read the repository of {here}: {answer.complaint()}", hint="see: git status"
    )
