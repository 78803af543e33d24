"""Verifying: every call and value is compared with its checksum, decoded, and hashed anew."""

from __future__ import annotations

from collections.abc import Iterator

from mandala_git.errors import MandalaError
from mandala_git.records import NamedTuple
from mandala_git.results import codecs, histories, packing, reading, references
from mandala_git.results.ids import Found, cid
from mandala_git.results.reading import Opened
from mandala_git.results.store import Results
from mandala_git.results.structures import Structure
from mandala_git.results.values import unsealed
from mandala_git.results.watching import Watch, unwatched

_SOME = 500
"""Rows that are read at once; in between, others may use the store."""


class Damage(NamedTuple):
    """What a verification found.

    Attributes:
        calls: {row of a damaged call: key of its op}; each is recorded anew when it runs again.
        values: {content id of a damaged value: what is wrong}; each is made again when it is
            needed.
        unproved: {content id: why} of values whose bytes are whole, and that are not known to be
            what their id says: they cannot be decoded here, or an instance in them has another
            id here.
        where: {content id: op and output (or argument)} of both.
        checked: how many calls and values were looked at.
    """

    calls: dict[int, str]
    values: dict[bytes, str]
    unproved: dict[bytes, str]
    where: dict[bytes, str]
    checked: int

    @property
    def damaged(self) -> list[str]:
        """What is damaged, a line each."""
        calls = self.calls.items()
        lines = [f"call {row}: of {op or 'an op that is damaged, too'}" for row, op in calls]
        return lines + self._lines(self.values)

    @property
    def doubted(self) -> list[str]:
        """What is unproved, a line each."""
        return self._lines(self.unproved)

    def _lines(self, part: dict[bytes, str]) -> list[str]:
        return [
            f"value {content.hex()}: {self.where.get(content, 'of no recorded call')}: "
            + why.replace("\n", " ")
            for content, why in part.items()
        ]

    def __repr__(self) -> str:
        damaged, doubted = self.damaged, self.doubted
        good = "1 call or value" if self.checked == 1 else f"{self.checked} calls and values"
        total = f"{good} checked, {len(damaged)} damaged, {len(doubted)} unproved"
        named = [f"damaged {line}" for line in damaged] + [f"unproved {line}" for line in doubted]
        return "\n".join([*named, total])


def verify(results: Results, *, watch: Watch = unwatched) -> Damage:
    """Look at every call and every value.

    The checksum of a value covers its content id and its bytes, that of a call what it was given
    and returned, its version and the names of its arguments. Then each value is decoded, and must
    have the content id that it is recorded by. One value at a time is in memory.

    Args:
        results: the store; the namer that is registered must be the one of its repository.
        watch: is told of each call and value.
    """
    damage = Damage({}, {}, {}, {}, 0)
    checked = 0
    with results.looking() as database:
        (total,) = database.execute(
            "SELECT (SELECT count(*) FROM vals) + (SELECT count(*) FROM calls)"
        ).fetchone()
    with watch("verifying", total) as advance:
        for content, codec, in_file in _values(results):
            checked += 1
            _look_at_value(results, damage, content, codec, in_file=in_file)
            advance(1)
        with results.looking() as database:
            for hid, elements in histories.all_histories(database):
                checked += 1
                if elements is None:
                    damage.values[hid] = "the history of a container: its checksum does not match"
        keys = dict(results.ops())
        for row, call in _calls(results):
            checked += 1
            if call is None or not all(map(_is_itself, call.parts)) or not _is_found(results, call):
                damage.calls[row] = keys.get(_op_of(results, row), "")
            elif damage.values or damage.unproved:
                _name(damage, call, keys[call.run.op])
            advance(1)
    return damage._replace(checked=checked)


def _values(results: Results) -> Iterator[tuple[bytes, str, bool]]:
    """Yield (content id, codec, whether it is in a file) of each value beside its calls."""
    last = 0
    while True:
        with results.looking() as database:
            rows = database.execute(
                "SELECT id, cid, codec, data IS NULL FROM vals WHERE id > ? ORDER BY id LIMIT ?",
                (last, _SOME),
            ).fetchall()
        if not rows:
            return
        last = rows[-1][0]
        for _, content, codec, in_file in rows:
            yield content, results.codec(codec), bool(in_file)


def _calls(results: Results) -> Iterator[tuple[int, Opened | None]]:
    last = 0
    while True:
        with results.looking() as database:
            some = list(references.every_call(database, results.runs, last, _SOME))
        if not some:
            return
        yield from some
        last = some[-1][0]


def _look_at_value(
    results: Results, damage: Damage, content: bytes, codec: str, *, in_file: bool
) -> None:
    wrong = results.value_files().wrong(content, codec) if in_file else ""
    with results.looking() as database:
        row = database.execute("SELECT data FROM vals WHERE cid = ?", (content,)).fetchone()
    if row is None or (row[0] is None) != in_file:  # removed, or moved, meanwhile
        return
    data = None if in_file else unsealed(content, row[0])
    if not in_file and data is None:
        wrong = "its checksum does not match"
    if wrong:
        damage.values[content] = wrong
        return
    found = Found()
    try:
        if data is None:
            value = results.value_files().decode(content, codec)
        else:
            value = codecs.decode(codec, data)
        if codec in codecs.CONTAINERS:
            same = Structure.read(codec, content, value).is_itself(found)
        else:
            same = cid(value, found=found, path="it") == content
    except MandalaError as error:
        damage.unproved[content] = error.message
        return
    except SystemExit:
        damage.unproved[content] = "a module that it needs ends the program when it is imported"
        return
    if same:
        return
    if found.fallbacks:
        damage.unproved[content] = "its id is the hash of a pickle, which came out another here"
    elif found.names:
        names = ", ".join(sorted(f"{module}.{name}" for module, name in found.names)[:3])
        damage.unproved[content] = f"it has another id here: {names} may have changed since"
    else:
        damage.values[content] = "it is another value than its id says"


def _is_itself(part: reading.Part) -> bool:
    """Tell whether a value that lies in a call is what its id says."""
    packed, _ = part
    if not packing.holds_value(packed):
        return True
    try:
        value = packing.value_of(packed)
    except ValueError:
        return False
    return cid(value) == packing.content_of(packed)


def _is_found(results: Results, call: Opened) -> bool:
    """Tell whether a call is found by all by which it is looked for."""
    marks = {packing.mark_of_call(call.key), packing.mark_of_call(call.hid)}
    marks |= {packing.mark_of_input(edge.hid) for edge in call.inputs()}
    marks |= {packing.mark_of_content(edge.cid) for edge in call.outputs()}
    with results.looking() as database:
        for places, part in reading.batches(marks):
            (there,) = database.execute(
                f"SELECT count(*) FROM marks WHERE mark IN ({places}) AND call = ?",
                [*part, call.id],
            ).fetchone()
            if there != len(part):
                return False
    return True


def _op_of(results: Results, row: int) -> int:
    with results.looking() as database:
        found = database.execute(
            "SELECT r.op FROM calls c JOIN runs r ON r.id = c.run WHERE c.id = ?", (row,)
        ).fetchone()
    return found[0] if found is not None else 0


def _name(damage: Damage, call: Opened, key: str) -> None:
    """Note whose values are damaged: rather who made one than who was given it."""
    for kind, edges in (("argument", call.inputs()), ("output", call.outputs())):
        for edge in edges:
            if edge.cid in damage.values or edge.cid in damage.unproved:
                name = f"{key}, {kind} {edge.label}"
                if kind == "output" or edge.cid not in damage.where:
                    damage.where[edge.cid] = name
