"""The computation graph as text: which op feeds which, with counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mandala_git.ops.special import TRANSIENT
from mandala_git.ops.tables import Row
from mandala_git.results.histories import below, built_of, returned_elements
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
    parts = _Parts(results, calls)
    names: dict[tuple[str, str], str] = {}
    feeds: dict[str, set[str]] = {key: set() for key in calls}
    sources: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for key, rows in calls.items():
        for row in rows:
            for label, edge in row.inputs.items():
                for source in {made.get(edge.cid), *parts.sources(edge.hid)}:
                    if source is None or source[0] == key:
                        continue
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


class _Parts:
    """Which outputs the elements of containers are, or are in.

    Args:
        results: where the calls are recorded.
        calls: {key of an op: its calls}.
    """

    def __init__(self, results: Results, calls: Mapping[str, Sequence[Row]]) -> None:
        self._made: dict[bytes, tuple[str, str]] = {}
        outputs: dict[tuple[bytes, bytes], tuple[str, str]] = {}
        inputs: set[bytes] = set()
        for key, rows in calls.items():
            for row in rows:
                inputs.update(edge.hid for edge in row.inputs.values())
                for label, edge in row.outputs.items():
                    if not label.startswith(TRANSIENT):
                        outputs[edge.hid, edge.cid] = self._made[edge.hid] = (key, label)
        elements = returned_elements(results, outputs)
        for (hid, _), output in outputs.items():
            for element, _ in below(elements, hid):
                self._made[element] = output
        self._built = built_of(results, inputs)

    def sources(self, hid: bytes) -> set[tuple[str, str]]:
        """Return the outputs that an argument was taken from, or that are in it."""
        inside = (hid, *self._built.get(hid, ()))
        return {self._made[each] for each in inside if each in self._made}


def _sorted(feeds: Mapping[str, set[str]]) -> list[str]:
    """Order ops so that producers come first; what is on a cycle follows in order of key."""
    done: dict[str, None] = {}
    left = sorted(feeds)
    while left:
        ready = [key for key in left if feeds[key] <= done.keys()] or left[:1]
        done.update(dict.fromkeys(ready))
        left = [key for key in left if key not in done]
    return list(done)
