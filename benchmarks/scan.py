"""Reading source: from bytes to definitions, beside the bare parser, and the memory it takes."""

from __future__ import annotations

import ast
import json
import statistics
import subprocess
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import libcst

from benchmarks.measure import Group, in_turn
from benchmarks.project import HOUSE
from benchmarks.roles import Role

LIBRARY = Path(json.__file__).parent.parent
LEFT_OUT = frozenset(["test", "tests", "idle_test", "site-packages"])
EVERY = 8
"""Of the files of the standard library in order one of so many is read: all kinds, all sizes."""

SHARE = 0.6
"""Of the speed of the bare parser, which ours must have."""

PEAK = """\
import sys
from pathlib import Path
from mandala_git.source.scan import scan_file
scan_file("", b"")
for path in sys.argv[1:]:
    scan_file(path, Path(path).read_bytes())
status = Path("/proc/self/status").read_text()
print(status.partition("VmHWM:")[2].split()[0])
"""


def run(folder: Path, scale: float) -> list[Group]:
    """Read a sample of the standard library, both digests and references included."""
    files = {str(path): path.read_bytes() for path in sample(EVERY)}
    lines = sum(data.count(b"\n") for data in files.values())

    def all_with(read: Callable[[str, bytes], object]) -> Callable[[], object]:
        def work() -> None:
            for path, data in files.items():
                read(path, data)  # and forget it: many trees at once make the collector slow

        return work

    from mandala_git.source.scan import scan_file

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of old escape sequences
        found = in_turn(
            {
                "ast.parse": all_with(lambda path, data: ast.parse(data)),
                "libcst.parse_module": all_with(lambda path, data: libcst.parse_module(data)),
                "scan_file": all_with(scan_file),
            },
            repeat=max(2, int(7 * scale)),
        )
    group = Group(f"reading {lines} lines, {len(files)} files of the standard library")
    group.add("libcst.parse_module", Role.FLOOR, found["libcst.parse_module"])
    group.add("ast.parse", Role.PEER, found["ast.parse"])
    target = statistics.median(found["libcst.parse_module"]) / SHARE
    group.add("scan_file", Role.OURS, found["scan_file"], target=target)
    largest = max(files, key=lambda path: len(files[path]))
    if not Path("/proc/self/status").exists():
        return [group]
    group.notes.append(
        f"peak memory: {_peak([])} MB without a file, {_peak([largest])} MB with the largest, "
        f"{_peak(list(files))} MB with all {len(files)} one after the other"
    )
    return [group]


def sample(every: int) -> list[Path]:
    """Return some of the modules of the standard library, its tests left out."""
    paths = sorted(p for p in LIBRARY.rglob("*.py") if not LEFT_OUT & set(p.parts))
    return paths[::every]


def _peak(paths: Sequence[str]) -> int:
    """Return the most memory that a process takes that reads files, in MB."""
    command = [sys.executable, "-c", PEAK, *paths]
    done = subprocess.run(command, cwd=HOUSE, capture_output=True, check=True)
    return int(done.stdout) // 1_000
