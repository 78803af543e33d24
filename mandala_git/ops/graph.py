"""The computation graph as text: which op feeds which, with counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mandala_git.ops.special import TRANSIENT
from mandala_git.ops.tables import Row
from mandala_git.results.store import Results


def graph_text(results: Results, calls: Mapping[str, Sequence[Row]]) -> str:
    """Write the calls of a world down as a program, one line an op.

    A variable is named after the output that made it, or after the argument that takes it
    where outputs have no names of their own.

    Args:
        results: where the calls are recorded.
        calls: {key of an op: its calls in the world}.

    Returns:
        Lines such as `acc = get_acc(model=model, X=X, y=y)    6 calls`, producers first.
    """
    made: dict[bytes, tuple[str, str]] = {}
    for key, rows in calls.items():
        for row in rows:
            for label, edge in row.outputs.items():
                if label.startswith(TRANSIENT):
                    continue
                made[edge.cid] = (key, label)
    names: dict[tuple[str, str], str] = {}
    feeds: dict[str, set[str]] = {key: set() for key in calls}
    sources: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for key, rows in calls.items():
        for row in rows:
            for label, edge in row.inputs.items():
                source = made.get(edge.cid)
                if source is not None and source[0] != key:
                    feeds[key].add(source[0])
                    sources.setdefault((key, label), set()).add(source)
                    if source[1].startswith("output_"):
                        names.setdefault(source, label)
    lines = []
    for key in _sorted(feeds):
        rows = calls[key]
        outputs = dict.fromkeys(
            label for row in rows for label in row.outputs if not label.startswith(TRANSIENT)
        )
        inputs = dict.fromkeys(label for row in rows for label in row.inputs)
        left = ", ".join(names.get((key, label), label) for label in outputs)
        right = []
        for label in inputs:
            given = sorted({names.get(s, s[1]) for s in sources.get((key, label), ())})
            right.append(f"{label}={' | '.join(given)}" if given else label)
        op = key.rpartition("::")[2]
        count = f"{len(rows)} call{'s' * (len(rows) != 1)}"
        lines.append((f"{left} = {op}({', '.join(right)})", count))
    width = max((len(text) for text, _ in lines), default=0)
    return "\n".join(f"{text:<{width}}    {count}" for text, count in lines)


def _sorted(feeds: Mapping[str, set[str]]) -> list[str]:
    """Order ops so that producers come first; what is on a cycle follows in order of key."""
    done: dict[str, None] = {}
    left = sorted(feeds)
    while left:
        ready = [key for key in left if feeds[key] <= done.keys()] or left[:1]
        done.update(dict.fromkeys(ready))
        left = [key for key in left if key not in done]
    return list(done)
