"""Reading source: from bytes to definitions, beside the bare parser."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path

import libcst

from benchmarks.measure import Group, in_turn
from benchmarks.roles import Role


def run(folder: Path, scale: float) -> list[Group]:
    """Read some modules of the standard library."""
    names = ["argparse", "ast", "dataclasses", "inspect", "textwrap", "statistics"]
    home = Path(json.__file__).parent.parent
    files = {f"{name}.py": (home / f"{name}.py").read_bytes() for name in names}
    lines = sum(data.count(b"\n") for data in files.values())

    def all_with(read: Callable[[str, bytes], object]) -> Callable[[], object]:
        return lambda: [read(path, data) for path, data in files.items()]

    from mandala_git.source.scan import scan_file

    found = in_turn(
        {
            "ast.parse": all_with(lambda path, data: ast.parse(data)),
            "libcst.parse_module": all_with(lambda path, data: libcst.parse_module(data)),
            "scan_file": all_with(scan_file),
        },
        repeat=max(2, int(7 * scale)),
    )
    group = Group(f"reading {lines} lines of source")
    group.add("libcst.parse_module", Role.FLOOR, found["libcst.parse_module"])
    group.add("ast.parse", Role.PEER, found["ast.parse"])
    group.add("scan_file", Role.OURS, found["scan_file"])
    return [group]
