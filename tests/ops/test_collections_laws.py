"""Laws of collections: random programs that nest, share, slice and pass on, against plain Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mandala_git.imports import MDict, MList, MSet, MTuple, Ref, Storage, op, superop, unwrap
from mandala_git.ops.containers import CollectionRef

LONG = "a string that is too long to lie in its call: "


@op
def value(n: int) -> Any:
    return n if n % 2 else f"{LONG}{n}"


@op
def listed(items: MList[Any]) -> MList[Any]:
    return [*items, *items[:1]]


@op
def keyed(items: MDict[Any, MList[Any]]) -> MDict[Any, Any]:
    return {key: len(each) for key, each in items.items()} | {("n", 1): [*items]}


@op
def members(items: MSet[Any]) -> MSet[str]:
    return {str(each) for each in items}


@op
def placed(items: MTuple[Any, ...]) -> tuple[MTuple[Any, ...], int]:
    return tuple(reversed(items)), len(items)


@op
def anything(items: Any) -> Any:
    return shown(items)  # a set has no order that a function may rely on


@superop
def through(items: MList[Any], key: Any) -> Any:
    return [listed([each, each]) for each in items], {key: items, "again": [*items][:2]}


def deref(made: Any) -> Any:
    """What a Ref's elements say by themselves, one by one."""
    if not isinstance(made, CollectionRef):
        return unwrap(made)
    structure = made.structure
    return structure.filled([deref(made.element(place)) for place in range(len(structure))])


steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["value", "list", "dict", "set", "tuple", "any", "through", "item", "slice"]
        ),
        st.integers(0, 20),
        st.lists(st.integers(0, 20), max_size=4),
    ),
    min_size=1,
    max_size=12,
)


def hashable(each: Any) -> bool:
    found = unwrap(each)
    return isinstance(found, int | str)


def program(todo: list[Any], pool: list[Any]) -> list[Any]:
    """Do steps, each of whose results may be used by later ones."""
    for what, number, chosen in todo:
        picked = [pool[at % len(pool)] for at in chosen] if pool else []
        last = pool[number % len(pool)] if pool else 0
        some = [each for each in picked if hashable(each)]
        if what == "value":
            pool.append(value(number))
        elif what == "list":
            pool.append(listed(picked))
        elif what == "dict":
            keys = (number, ("k", number), f"{number}")
            pool.append(
                keyed({key: [each, number] for key, each in zip(keys, picked, strict=False)})
            )
        elif what == "set":
            pool.append(members({*map(unwrap, some), number}))
        elif what == "tuple":
            pool += placed((*picked, number))
        elif what == "any":
            pool.append(anything([picked, {"x": last}]))
        elif what == "through":
            pool += through(picked, number)
        elif isinstance(unwrap(last), list) and len(last):
            pool.append(last[number % len(last)] if what == "item" else listed(last[: number % 4]))
        if len(pool) > 40:
            break
    return pool


def shown(values: Any) -> str:
    if isinstance(values, set):
        return f"set({sorted(map(shown, values))})"
    if isinstance(values, list | tuple):
        return f"{type(values).__name__}({', '.join(map(shown, values))})"
    if isinstance(values, dict):
        return f"dict({', '.join(f'{key!r}: {shown(each)}' for key, each in values.items())})"
    return repr(values)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outside")


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps)
def test_a_program_gives_what_plain_python_gives(
    folder: Path, monkeypatch: pytest.MonkeyPatch, todo: list[Any]
) -> None:
    monkeypatch.chdir(folder)
    plain = shown(program(todo, []))
    database = folder / "r.db"
    for path in folder.glob("r.db*"):
        path.unlink() if path.is_file() else None
    first = Storage(db_path=database)
    with first:
        made = program(todo, [])
        assert shown([unwrap(each) for each in made]) == plain
        assert shown([deref(each) for each in made]) == plain
        hids = [each.hid for each in made if isinstance(each, Ref)]
    assert not first.verify().values and not first.verify().calls
    assert first.gc().values == 0
    first.results.close()

    second = Storage(db_path=database)
    with second:
        again = program(todo, [])
        assert [each.hid for each in again if isinstance(each, Ref)] == hids
        assert second.executed == 0
        assert shown([deref(each) for each in again]) == plain
        assert shown([unwrap(each) for each in again]) == plain
    for each in again:
        if isinstance(each, CollectionRef) and len(each):
            found = second.load_ref(each.element(len(each) - 1).hid)
            assert found.cid == each.element(len(each) - 1).cid
    second.drop_calls([value, listed, keyed, members, placed, anything, through], True) if (
        second.results.calls_of([row for row, _ in second.results.ops()])
    ) else None
    assert not second.results.calls_of([row for row, _ in second.results.ops()])
    second.gc()
    assert second.gc().values == 0
    with second.results.looking() as rows:
        assert rows.execute("SELECT count(*) FROM containers").fetchone() == (0,)
        assert rows.execute("SELECT count(*) FROM vals").fetchone() == (0,)
    second.results.close()
