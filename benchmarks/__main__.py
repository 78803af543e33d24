"""`python -m benchmarks [NAME...]`: run benchmarks and print their tables."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import render

BENCHMARKS = {
    # first, for its files have to be older than this process's first storage
    "block": "entering a block; a hit by the number of functions it depends on",
    "memo": "a recorded new call, and a hit, in one process",
    "process": "a fresh process that asks for 1000 of 10000 calls; imports",
    "frames": "frames of 1000 to 100000 calls as graphs and tables; a loop of 10000 steps",
    "many": "100000 calls; a million with --scale 10",
    "tracking": "what it costs an op to be observed",
    "chain": "chains of 10000 and 100000 calls, each given the result of the one before",
    "values": "an array of 10 MiB as argument and as result",
    "scan": "reading source",
    "diff": "`git mandala diff HEAD~1` in a repository of 2000 files, 3 of them changed",
    "hook": "`git commit` in a repository of 2000 files, 3 of them staged",
}
"""Each is a module of this folder with `run(folder, scale) -> list[Group]`."""


def main() -> int:
    """Run what was asked for, one after the other, and print each table as it is ready."""
    listing = "\n".join(f"  {name:8} {what}" for name, what in BENCHMARKS.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Medians, and ratios to floors and peers of the same run.",
        epilog=f"benchmarks:\n{listing}\n\nThe peers need: pip install -e '.[bench]'",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="which ones; all by default")
    parser.add_argument(
        "--scale",
        type=float,
        default=1.0,
        help="share of the usual repetitions and sizes, 0.1 for a quick look",
    )
    args = parser.parse_args()
    if unknown := set(args.names) - BENCHMARKS.keys():
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.platform()}")
    for name in args.names or BENCHMARKS:
        benchmark = importlib.import_module(f"benchmarks.{name}")
        with tempfile.TemporaryDirectory(prefix=f"mandala-{name}-") as folder:
            for group in benchmark.run(Path(folder), args.scale):
                print()
                print(render(group), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
