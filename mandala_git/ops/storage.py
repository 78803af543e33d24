"""Storage: where the calls of ops are recorded, and `with storage:`."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from mandala_git.errors import NotARepository, UnreadableRepository, UsageError, ValueLost
from mandala_git.ops.context import CONTEXT, PLAIN, Block, Modes, begin, end
from mandala_git.ops.judged import Judged
from mandala_git.ops.op import Op, is_given
from mandala_git.ops.provenance import Provenance
from mandala_git.ops.refs import Held, Ref, replaced, unwrap
from mandala_git.ops.tended import Tended
from mandala_git.repo.repository import Repository

if TYPE_CHECKING:
    from pandas import DataFrame

    from mandala_git.ops.blocks import ModedBlock, NoopBlock
    from mandala_git.ops.explain import Explanation
    from mandala_git.ops.past import Past
    from mandala_git.ops.versioning import Versioning
    from mandala_git.repo.project import Project
    from mandala_git.results.flights import Flights


POLICIES = ("ask", "recompute", "reuse", "raise")
"""What a storage may do when code has changed."""


class Storage(Provenance, Judged, Tended):
    """The recorded calls of a repository, and the blocks that record them.

    Inside a git work tree this is that repository's storage: results follow the meaning of
    the code, in every branch and worktree. Outside of any it is kept in a file, or in memory for
    this process, and follows the meaning of the code all the same.

    Args:
        path: a folder of the repository; None for the one we are in, or for memory where there
            is none. The name of a database (`calls.db`) or ":memory:" is taken for `db_path`.
        db_path: a database of its own, a file that is made where missing; large values go to
            `calls.db-files` beside `calls.db`. ":memory:" for none. Not shared with the
            repository's own storage, which is the default.
        deps_path: outside of git, the folder of the code; "__main__" or None: that of the script,
            or the working directory. In a repository all its code counts.
        compression: of the large values that are written from now on: `gzip` (quick) or `xz`
            (small). By default none: arrays that are not compressed need not be read to be used.
        mapped: whether large arrays are mapped from their files when they are loaded, so that
            only what is looked at is read; otherwise they are read whole. Either way they may be
            changed, and what is recorded never is.
        single_flight: whether a call that another thread or process is computing is waited for
            instead of computed twice; a number: at most so many seconds. Who dies while it
            computes is not waited for.
        plain_collections: "transparent": where an annotation says `list`, `dict[str, T]` and the
            like, elements are values of their own, as for `MList` and `MDict`; "opaque": such a
            container is one value, unless it holds Refs.

        on_change: what to do when calls are not found because code has changed and nobody has
            said what that means: "recompute" (the calls run again, and one line on stderr says so),
            "ask" (show the edit and ask: breaking or compatible?), "reuse" (as if every such edit
            were compatible; nothing is recorded about it), "raise" (`CodeChanged`). None: "ask"
            at a prompt, "recompute" elsewhere.
        track_packages: installed packages whose code counts as that of the project does.
        tracking: "all" code of the project that runs counts, or "decorated": only ops, and
            functions and classes under `@track`, with the globals that they read. None: as
            `[tool.mandala] tracking` says, which is "all" by default.

    Raises:
        UsageError: there is no such compression or setting, or no such time to wait.
        NotARepository: `path` is given and is in no work tree.
        UnreadableRepository: git refuses to read the repository that we are in; results that
            only memory holds would be a surprise here.
    """

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        db_path: str | Path | None = None,
        deps_path: str | Path | None = None,
        compression: Literal["gzip", "xz"] | None = None,
        mapped: bool = True,
        single_flight: bool | float = False,
        on_change: Literal["ask", "recompute", "reuse", "raise"] | None = None,
        plain_collections: Literal["opaque", "transparent"] = "opaque",
        track_packages: Sequence[str] = (),
        tracking: Literal["all", "decorated"] | None = None,
    ) -> None:
        if compression not in (None, "gzip", "xz"):
            raise UsageError(
                f"compression={compression!r} is not known",
                hint='Use "gzip" or "xz", or leave it out for none.',
            )
        if on_change not in (None, *POLICIES):
            raise UsageError(
                f"on_change={on_change!r} is not known",
                hint=f"Use one of {', '.join(map(repr, POLICIES))}.",
            )
        if tracking not in (None, "all", "decorated"):
            raise UsageError(
                f"tracking={tracking!r} is not known",
                hint='Use "all", or "decorated": only ops and what @track marks.',
            )
        if not _are_names(track_packages):
            raise UsageError(
                f"track_packages={track_packages!r} is no list of names",
                hint='Write track_packages=["name"].',
            )
        if db_path is not None and not isinstance(db_path, str | Path):
            raise UsageError(f"db_path={db_path!r} is no path", hint='Write db_path="calls.db".')
        if plain_collections not in ("opaque", "transparent"):
            raise UsageError(
                f"plain_collections={plain_collections!r} is not known",
                hint='Use "opaque" or "transparent".',
            )
        if path is not None and db_path is None and _names_database(path):
            path, db_path = None, path
        self._settings: dict[str, Any] = {
            "path": path,
            "db_path": db_path,
            "deps_path": deps_path,
            "compression": compression,
            "mapped": mapped,
            "single_flight": single_flight,
            "on_change": on_change,
            "plain_collections": plain_collections,
            "track_packages": track_packages,
            "tracking": tracking,
        }
        self.repository: Repository | None
        try:
            self.repository = Repository.discover(
                None if path is None else Path(path), settings=True, meanwhile=_load
            )
        except NotARepository as error:
            if path is not None or isinstance(error, UnreadableRepository):
                raise
            self.repository = None
        from mandala_git.ops.memo import Memo
        from mandala_git.ops.versioned import Versioned
        from mandala_git.results.store import Results

        database = None if db_path in (None, ":memory:") else Path(db_path or "").absolute()
        folder = None if database is None else database.with_name(f"{database.name}-files")
        if self.repository is not None:
            if db_path is None:
                folder = self.repository.mandala_dir()
            self._project: Project = self.repository
        else:
            from mandala_git.repo.project import Folder, folder_here

            self._project = Folder(folder_here(deps_path), folder)
        self.results = Results(folder, database=database, compression=compression, mapped=mapped)
        versioning = Versioned(self._project, self.results, track_packages, tracking)
        versioning.lenient = on_change == "reuse"
        self.versioning: Versioning = versioning
        flights = self._flights(single_flight)
        transparent = plain_collections == "transparent"
        self._memo = Memo(self.results, versioning, flights, transparent=transparent)
        self._memo.changed = self._changed
        self.results.recover = self._recover
        for note in self.results.notes:
            self._memo.trouble.note(note)
        self._lock = threading.Lock()
        self._blocks = 0

    def _recover(self, content: bytes, lost: ValueLost) -> Any:
        from mandala_git.ops.blocks import ModedBlock
        from mandala_git.ops.recovery import Recovery

        if self.mode == "delete":  # where nothing runs
            raise lost
        return Recovery(self._memo, partial(ModedBlock, self)).value(content, lost)

    def _flights(self, chosen: bool | float) -> Flights | None:
        if chosen is False:
            return None
        if chosen is not True and not (isinstance(chosen, int | float) and chosen > 0):
            raise UsageError(
                f"single_flight={chosen!r} is no time to wait",
                hint="Use True, or the longest wait in seconds.",
            )
        from mandala_git.results.flights import Flights

        folder = None if self.results.folder is None else self.results.folder / "flights"
        return Flights(folder, None if chosen is True else chosen)

    # -- blocks --------------------------------------------------------------------------

    def __call__(
        self,
        *,
        mode: Literal["run", "noop"] = "run",
        allow_new_calls: bool | None = None,
        debug_calls: bool = False,
        recompute_transient: bool = False,
    ) -> ModedBlock | NoopBlock:
        """Return a block with a mode of its own: `with storage(allow_new_calls=False):`.

        Args:
            mode: "run", or "noop": ops are the plain functions, and nothing is recorded.
            allow_new_calls: whether a call may be made that is not recorded; where it may not,
                it raises `MissingCall`. None: as `allow_new_calls` said last.
            debug_calls: tell of each call on stderr: found or run, how long, with what.
            recompute_transient: an output that was returned as `Transient`, and so is not
                stored, is made again by its call when its value is needed.

        Raises:
            UsageError: there is no such mode.
        """
        from mandala_git.ops.blocks import ModedBlock, NoopBlock

        if mode == "noop":
            return NoopBlock(self)
        if mode != "run":
            raise UsageError(f"mode={mode!r} is not known", hint='Use "run" or "noop".')
        return ModedBlock(self, Modes(recompute_transient, allow_new_calls, debug_calls))

    def allow_new_calls(self, allowed: bool) -> None:
        """Say whether calls may be made that are not recorded, in blocks that do not say it.

        Where they may not, such a call raises `MissingCall`, which is a `RuntimeError` too.
        """
        self._memo.new_calls = allowed

    @property
    def transparent(self) -> bool:
        """Whether elements of plain containers are values of their own."""
        return self._memo.transparent

    @property
    def mode(self) -> str:
        """What a call of an op does here: "run" in a block of this storage, else "noop".

        In `with storage.delete():` it is "delete".
        """
        context = CONTEXT.get()
        if context is None:
            return "noop"
        block = getattr(context.block, "block", context.block)
        if getattr(block, "memo", None) is self._memo:
            return "delete"
        return "run" if block is self._memo else "noop"

    def __enter__(self) -> Storage:
        """Begin a block: calls of ops are recorded, and found if they are."""
        return self.begin(PLAIN)

    def begin(self, modes: Modes, block: Block | None = None) -> Storage:
        """Begin a block that ends with `__exit__`.

        Args:
            modes: how calls are answered.
            block: who answers them; None: the memo.
        """
        with self._lock:
            self._memo.enter()
            self._blocks += 1
        before = CONTEXT.get()
        try:
            block = block or self._memo
            if modes.tell:
                from mandala_git.ops.blocks import Telling

                block = Telling(block)
            begin(block, modes)
            return self
        except BaseException:  # an interrupt: the block does not begin
            CONTEXT.set(before)
            self._leave()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the block; all finished calls are kept, also after an exception."""
        try:
            end()
        finally:
            self._leave()

    def _leave(self) -> None:
        with self._lock:
            self._blocks -= 1
            (self._memo.settle if self._blocks else self._memo.leave)()

    @property
    def executed(self) -> int:
        """How many calls ran in this storage so far."""
        return self._memo.executed

    @property
    def found(self) -> int:
        """How many calls were found instead of run."""
        return self._memo.found

    # -- values and tables ---------------------------------------------------------------

    def unwrap(self, obj: Any) -> Any:
        """Return an object with every Ref in it replaced by its value."""
        return unwrap(obj)

    def attach(self, obj: Any, inplace: bool = True) -> Any:
        """Load the values of all Refs in an object; they stay Refs.

        Args:
            obj: a Ref, or lists, tuples, sets and dicts of them.
            inplace: whether these very Refs get their values; otherwise copies of them.

        Returns:
            The object, or a copy of it with copies of its Refs.
        """
        if not inplace:
            return self.attach(replaced(obj, _copied))
        if isinstance(obj, Ref):
            obj.attach()
        elif isinstance(obj, list | tuple | set):
            for each in obj:
                self.attach(each)
        elif isinstance(obj, dict):
            for each in obj.values():
                self.attach(each)
        return obj

    def commit(self) -> None:
        """Write what waits to be written now; at the end of a block it is written anyway.

        Raises:
            ResultsError: the database cannot be written; everything still waits.
        """
        self.results.flush()

    def clear_cache(self) -> None:
        """Look calls up in the database again; nothing that is recorded is lost."""
        self._memo.settle()
        self._memo.forget()

    def dump_config(self) -> dict[str, Any]:
        """Return the arguments with which another storage is opened as this one was."""
        return dict(self._settings)

    def at(self, rev: str) -> Past:
        """Return this storage as the world of a commit sees it, without a checkout.

        Args:
            rev: anything that `git rev-parse` understands.

        Raises:
            MandalaError: there is no such commit.
        """
        from mandala_git.ops.past import Past

        return Past(self, rev)

    def table(self, op: Op[..., Any] | str) -> DataFrame:
        """Return the recorded calls of an op that belong to the code as it is now.

        Args:
            op: the op, or its name or key.

        Returns:
            A row a call: arguments, outputs, and where it ran; see `tables.data_frame`.
        """
        from mandala_git.ops.tables import op_table

        self.versioning.enter()
        return op_table(self.versioning, op)

    def explain(self, op: Op[..., Any], /, *args: Any, **kwargs: Any) -> Explanation:
        """Say whether a call would be found, and if not, why not; nothing runs.

        Args:
            op: the op.
            args, kwargs: what it would be called with.

        Returns:
            An object that prints as the answer: when the recorded call ran, or which argument,
            which definition and which lines of it differ.

        Raises:
            CallError: the arguments do not fit the signature.
            UsageError: it is no op.
        """
        from mandala_git.ops.explain import explain

        is_given(op)
        with self:
            return explain(self._memo, op, args, kwargs)

    def __repr__(self) -> str:
        database = self._settings["db_path"]
        if database is None and self.repository is not None:
            return f"Storage({str(self.repository.root)!r}, versioned by git)"
        place = "in memory" if database in (None, ":memory:") else repr(str(database))
        by = "git" if self.repository is not None else f"the code in {self._project.root}"
        return f"Storage({place}, versioned by {by})"

    def __reduce__(self) -> tuple[Any, ...]:
        from mandala_git.ops.sending import sent_storage

        return sent_storage(self, self._settings)

    def __copy__(self) -> Storage:
        return self

    def __deepcopy__(self, memo: object) -> Storage:
        return self

    def __mandala_hash__(self) -> object:
        # A storage that code can reach is a way to results, never a part of them.
        return "mandala_git.Storage"


def _copied(held: Held) -> Any:
    return held.shallow_copy() if isinstance(held, Ref) else held


def _names_database(path: str | Path) -> bool:
    """Tell whether a path means a database, not a folder of a repository."""
    place = Path(path)
    return path == ":memory:" or (place.suffix in _DATABASES and not place.is_dir())


_DATABASES = frozenset({".db", ".sqlite", ".sqlite3"})


def _load() -> None:
    """Import what a storage needs: half of what it takes to start, and git answers meanwhile."""
    for name in ("memo", "versioned"):
        import_module(f"mandala_git.ops.{name}")


def _are_names(found: object) -> bool:
    return isinstance(found, list | tuple | set | frozenset) and all(
        isinstance(each, str) for each in found
    )
