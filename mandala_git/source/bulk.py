"""Reading many files for the first time: on all cores, kept in batches as they are ready.

What has been read is in the index within half a second, so that a run that was interrupted goes
on where it stopped. Each process holds one group of files at a time. A file that ends its process
(memory, a parser that overruns its stack) is tried again alone, and then noted as unreadable.
"""

from __future__ import annotations

import os
import signal
import time
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from itertools import chain, islice
from threading import Thread, current_thread, main_thread
from typing import Any

from mandala_git.config import Rules
from mandala_git.source.definitions import FileFacts
from mandala_git.source.index import Index
from mandala_git.source.rows import Rows, file_rows

File = tuple[str, str, bytes]
"""Path, blob id and bytes."""

Watch = Callable[[int], AbstractContextManager[Callable[[int], None]]]
"""Given the number of files, shows their progress inside the block: called with how many more."""

POOL = 750_000
"""Bytes that take one process as long as it takes others to start."""

GROUP = 64_000  # bytes that a process is given at once, or one file
TOGETHER = 20  # files that are asked for at once
KEEP = 0.5  # s between two batches
IDLE = 20.0  # s until a process that is given nothing ends


def read_all(
    missing: Mapping[str, str],
    read: Callable[[Sequence[str]], Mapping[str, bytes]],
    index: Index,
    rules: Rules,
    watch: Watch | None,
) -> None:
    """Scan files and put what they define into the index.

    Args:
        missing: blob id by path; files that the index does not know.
        read: returns the bytes of files; those that are gone are left out.
        index: where the definitions go.
        rules: as the index was made for.
        watch: shows the progress, if it takes long; None for nothing to be shown.
    """
    files = _read(missing, read)
    first: list[File] = []
    size = 0
    for file in files:
        first.append(file)
        size += len(file[2])
        if size > POOL:
            break
    else:
        for file in first:
            index.write(scan_group(index.space, [file], rules))
        return
    scanned = _scanned(_groups(chain(first, files)), index.space, rules)
    with (
        closing(scanned),
        _Keeper(index) as keeper,
        watch(len(missing)) if watch is not None else nullcontext(_quiet) as tell,
    ):
        for count, rows in scanned:
            keeper.add(rows)
            tell(count)


def _quiet(count: int) -> None:
    """Show nothing."""


def scan_group(space: bytes, files: Iterable[File], rules: Rules) -> Rows:
    """Scan some files; return the rows of the index. This runs in processes of its own."""
    from mandala_git.source.scan import scan_texts

    rows = Rows.none()
    for path, blob, data in files:
        rows.add(file_rows(space, path, blob, *scan_texts(path, data, rules=rules)))
    return rows


def _read(
    missing: Mapping[str, str], read: Callable[[Sequence[str]], Mapping[str, bytes]]
) -> Iterator[File]:
    paths = iter(missing)
    while some := list(islice(paths, TOGETHER)):
        for path, data in read(some).items():
            yield path, missing[path], data


def _groups(files: Iterable[File]) -> Iterator[list[File]]:
    group: list[File] = []
    size = 0
    for file in files:
        if group and size + len(file[2]) > GROUP:
            yield group
            group, size = [], 0
        group.append(file)
        size += len(file[2])
    if group:
        yield group


def _scanned(
    groups: Iterator[list[File]], space: bytes, rules: Rules
) -> Generator[tuple[int, Rows], None, None]:
    """Yield the number of files in a group, and their rows, as they are ready."""
    from joblib import cpu_count

    count = cpu_count()
    while group := next(groups, None):
        with _Pool(count, space, rules) as pool:
            if count < 2 or not pool.works():
                for each in chain([group], groups):
                    yield len(each), scan_group(space, each, rules)
                return
            yield from pool.scan(chain([group], groups), count + 1)
        alone = iter([[file] for lost in pool.lost for file in lost])
        while one := next(alone, None):
            with _Pool(1, space, rules) as pool:
                yield from pool.scan(chain([one], alone), 1)
            for path, blob, _ in chain.from_iterable(pool.lost):
                facts = FileFacts(path, (), (), "cannot be read: it ends the parser")
                yield 1, file_rows(space, path, blob, facts, {})


class _Pool:
    """Processes that scan.

    joblib's loky starts new ones that import this module, and nothing of `__main__`.

    Attributes:
        lost: the groups that were under way when a process ended.
    """

    def __init__(self, count: int, space: bytes, rules: Rules) -> None:
        from joblib.externals.loky import ProcessPoolExecutor

        # After a deep source one ends for the memory that it took, and another takes its place.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
        self.lost: list[list[File]] = []
        self._space = space
        self._rules = rules
        self._running: dict[Future[Rows], list[File]] = {}
        self._pool = ProcessPoolExecutor(count, timeout=IDLE)

    def works(self) -> bool:
        """Tell whether processes can be started here at all."""
        try:
            self._submit([]).result()
        except (BrokenExecutor, OSError, NotImplementedError, ImportError):
            return False
        return True

    def scan(self, groups: Iterator[list[File]], ahead: int) -> Iterator[tuple[int, Rows]]:
        """Scan groups until all are scanned or a process ends.

        Args:
            groups: the rest of them is left when a process ends.
            ahead: how many are given to the processes at once.
        """
        running = self._running
        while True:
            while not self.lost and len(running) < ahead and (group := next(groups, None)):
                running[self._submit(group)] = group
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                group = running.pop(future)
                try:
                    rows = future.result()
                except (BrokenExecutor, MemoryError):
                    self.lost.append(group)
                else:
                    yield len(group), rows

    def _submit(self, group: list[File]) -> Future[Rows]:
        with _deaf():
            found: Future[Rows] = self._pool.submit(
                _scan_for, os.getpid(), self._space, group, self._rules
            )
        return found

    def __enter__(self) -> _Pool:
        return self

    def __exit__(self, kind: object, *exception: object) -> None:
        if kind is not None:
            # The pool's own way to do this may leave a traceback of its thread on stderr.
            for process in list(self._pool._processes.values()):
                process.terminate()
        self._pool.shutdown()


def _scan_for(parent: int, space: bytes, group: list[File], rules: Rules) -> Rows:
    """Scan files for another process, and end with it."""
    global _follower
    if _follower is None:
        _follower = Thread(target=_follow, args=(parent,), daemon=True)
        _follower.start()
    return scan_group(space, group, rules)


_follower: Thread | None = None


def _follow(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


@contextmanager
def _deaf() -> Iterator[None]:
    """Start processes that do not hear Ctrl-C, which a terminal sends to all; we hear it later."""
    if not hasattr(signal, "pthread_sigmask") or current_thread() is not main_thread():
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # would undo what follows, were it started later
    heard: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # processes inherit this
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
        if heard:
            signal.raise_signal(signal.SIGINT)


class _Keeper:
    """Collects rows, and writes them in one transaction every now and then."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._rows = Rows.none()
        self._next = time.monotonic() + KEEP

    def add(self, rows: Rows) -> None:
        """Take rows."""
        self._rows.add(rows)
        if time.monotonic() > self._next:
            self._write()

    def _write(self) -> None:
        self._index.write(self._rows)
        self._rows = Rows.none()
        self._next = time.monotonic() + KEEP

    def __enter__(self) -> _Keeper:
        return self

    def __exit__(self, *exception: Any) -> None:
        self._write()
