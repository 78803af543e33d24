"""Entering a block, and a hit, by the number of functions that a call depends on."""

from __future__ import annotations

import os
import time
from pathlib import Path

from benchmarks.contenders import load
from benchmarks.measure import Group, each, human, warm
from benchmarks.roles import Role

TRACKED = 500
PER_FILE = 10
DEPENDENCIES = (0, 1, 10, 20)
SLOPE = 0.1e-6
"""What one more function may add to a hit."""


def run(folder: Path, scale: float) -> list[Group]:
    """Run ops that call many plain functions, then enter blocks and hit."""
    return [_entry(folder / "entry", scale), _slope(folder / "slope", scale)]


def _entry(folder: Path, scale: float) -> Group:
    folder.mkdir()
    count = max(PER_FILE, int(TRACKED * scale))
    source = _many_files(folder, count)
    time.sleep(0.1)  # files younger than what imports them may have changed since

    from mandala_git import Storage

    total = load(folder, "entered", source).total
    storage = Storage(folder)
    with storage:
        total(1)
    files = sorted(folder.glob("*.py"))

    def enter() -> None:
        with storage:
            pass

    group = Group(f"entering a block with {count} tracked functions")
    group.add("os.stat of their files", Role.FLOOR, warm(lambda: [*map(os.stat, files)], repeat=50))
    group.add("with storage: pass", Role.OURS, warm(enter, repeat=50), target=10e-3)
    return group


def _many_files(folder: Path, count: int) -> str:
    """Write helper modules and return the source of an op that calls all their functions."""
    imports, calls = [], []
    for start in range(0, count, PER_FILE):
        name = f"helpers{start // PER_FILE}"
        functions = [f"f{number}" for number in range(start, start + PER_FILE)]
        text = "\n\n".join(f"def {f}(x):\n    return x + 1 if x else 1\n" for f in functions)
        (folder / f"{name}.py").write_text(text)
        imports.append(f"from {name} import {', '.join(functions)}\n")
        calls += [f"{f}(x)" for f in functions]
    return (
        f"from mandala_git import op\n{''.join(imports)}\n\n"
        f"@op\ndef total(x):\n    return sum([{', '.join(calls)}])\n"
    )


def _slope(folder: Path, scale: float) -> Group:
    from mandala_git import Storage

    folder.mkdir()
    source = ["from mandala_git import op\n"]
    source += [f"def h{number}(x):\n    return x\n" for number in range(max(DEPENDENCIES))]
    for count in DEPENDENCIES:
        calls = "".join(f"    x = h{number}(x)\n" for number in range(count))
        source.append(f"@op\ndef needs{count}(x):\n{calls}    return x\n")
    module = load(folder, "sloped", "\n\n".join(source))
    group = Group("a hit by the number of functions that the call ran")
    with Storage(folder):
        for count in DEPENDENCIES:
            needs = getattr(module, f"needs{count}")
            needs(1)
            found = each(needs, [1] * max(200, int(4_000 * scale)))
            group.add(f"{count} functions", Role.OURS, found, target=4e-6)
    first, last = group.rows[0].median, group.rows[-1].median
    slope = (last - first) / max(DEPENDENCIES)
    group.notes.append(
        f"{human(slope)} more for each function (target: <= {human(SLOPE)}, "
        f"{'met' if slope <= SLOPE else 'MISSED'})"
    )
    return group
