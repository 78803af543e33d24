"""Laws of content ids over arrays, frames and objects of many kinds, stored and loaded too."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mandala_git.results import arrays, atoms, codecs, encoding, pickled
from mandala_git.results.ids import Found, cid, rounded_cid
from mandala_git.results.values import ValueFiles

pytestmark = pytest.mark.sweep

ROOT = Path(__file__).resolve().parents[2]
COMPRESSIONS = [None, "gzip"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> ValueFiles:
    return ValueFiles(tmp_path_factory.mktemp("values"))


@pytest.fixture(autouse=True, scope="module")
def everything_is_large() -> Any:
    """Small values take the ways of large ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pickled, "LARGE", 64)
        patch.setattr(pickled, "_SMALL", 16)
        patch.setattr(codecs, "SHORT", 8)
        patch.setattr(codecs, "PIECE", 32)
        patch.setattr(pickled, "PIECE", 32)
        patch.setattr(arrays, "CHUNK", 64)
        patch.setattr(arrays, "TEXTS", 3)
        patch.setattr(encoding, "MANY", atoms.LONG)
        if "mandala_git.results.arrow" in sys.modules:
            patch.setattr(sys.modules["mandala_git.results.arrow"], "LARGE", 64)
        yield


def loads(files: ValueFiles, value: Any) -> list[Any]:
    """The value as it comes back under every compression, mapped and read."""
    found = []
    for compression in COMPRESSIONS:
        content = os.urandom(16)
        encoded = codecs.encode(value, compression=compression)
        if encoded.data is not None:
            found.append(codecs.decode(encoded.codec, encoded.data))
            continue
        files.write(content, encoded)
        files.mapped = True
        found.append(files.read(content, encoded.codec))
        files.mapped = False
        found.append(files.read(content, encoded.codec))
    return found


def assert_keeps_its_id(files: ValueFiles, value: Any, *, plain: bool = True) -> None:
    met = Found()
    content = cid(value, found=met)
    assert met.fallbacks == []
    assert cid(copy.deepcopy(value)) == content
    assert cid([value, value]) == cid([value, copy.deepcopy(value)])
    if plain:
        assert cid(pickle.loads(pickle.dumps(value, 5))) == content
    for loaded in loads(files, value):
        assert type(loaded) is type(value)
        assert cid(loaded) == content


# numpy ----------------------------------------------------------------------------------------

dtypes = st.one_of(
    hnp.scalar_dtypes(),
    hnp.array_dtypes(allow_subarrays=True),
    st.sampled_from([np.dtype(np.longdouble), np.dtype(np.clongdouble)]),
)
shapes = hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=6)
plain = hnp.arrays(dtypes, shapes)
some = st.one_of(plain, hnp.arrays(hnp.scalar_dtypes(), ()))


@given(some)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_arrays_of_every_dtype(files: ValueFiles, array: Any) -> None:
    native = array.dtype.isnative  # else a plain pickle of numpy may lose the byte order
    assert_keeps_its_id(files, array, plain=native)
    assert_keeps_its_id(files, {"nested": [array, array]}, plain=native)


@given(plain)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_memory_layout_is_no_content(files: ValueFiles, array: Any) -> None:
    content = cid(array)
    wide = np.zeros(tuple(2 * n + 1 for n in array.shape), array.dtype)
    view = tuple(slice(1, None, 2) for _ in array.shape)
    wide[view] = array
    scattered = wide[view]
    fortran = array.copy(order="F")
    reversed_ = array[(slice(None, None, -1),) * array.ndim].copy()
    backwards = reversed_[(slice(None, None, -1),) * array.ndim]
    frozen = array.copy()
    frozen.flags.writeable = False
    for same in (scattered, fortran, backwards, frozen):
        assert cid(same) == content
        for loaded in loads(files, same):
            assert cid(loaded) == content
        for loaded in loads(files, {"in": same}):
            assert cid(loaded) == cid({"in": array})


@given(some, some)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_arrays_differ_where_dtype_shape_or_bits_do(one: Any, other: Any) -> None:
    def spelled(array: Any) -> Any:
        def elements(part: Any) -> Any:
            if part.dtype.names:
                return [elements(part[name]) for name in part.dtype.names]
            if part.dtype.char in "gG":  # the bytes beyond the ten of an x87 number are garbage
                return [
                    each.tobytes()[:10] for each in np.ravel(part).view(np.longdouble).reshape(-1)
                ]
            return part.tobytes()

        return array.dtype, array.shape, elements(array)

    assert (cid(one) == cid(other)) == (spelled(one) == spelled(other))


@given(hnp.arrays(np.float64, st.integers(1, 40)), st.data())
@settings(max_examples=60, deadline=None)
def test_one_changed_bit_is_another_value(array: Any, data: Any) -> None:
    place = data.draw(st.integers(0, array.nbytes * 8 - 1))
    other = array.copy()
    other.view(np.uint8)[place // 8] ^= 1 << place % 8
    assert cid(array) != cid(other)
    assert cid([array]) != cid([other])


nested = st.recursive(
    st.one_of(st.none(), st.integers(), st.floats(), st.text(), st.binary(), st.booleans()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=8),
        st.dictionaries(st.text(max_size=3), inner, max_size=6),
        st.frozensets(st.one_of(st.text(), st.integers())),
        st.tuples(inner, inner),
    ),
    max_leaves=40,
)


@given(st.lists(nested, max_size=6))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_objects_in_arrays_and_lists(files: ValueFiles, values: list[Any]) -> None:
    array = np.empty(len(values), object)
    array[:] = values
    for value in (values, array, array[::-1], np.asfortranarray(np.array([array, array], object))):
        assert_keeps_its_id(files, value)


@given(nested)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_short_ways_lead_to_the_same_id(value: Any) -> None:
    """Whether parts are encoded at once, in a stream or one by one tells nothing."""
    value = [value, [value] * 3, [[1, value]] * 200, [{"k": 1}, (2, "x")] * 100]
    once = cid(value)
    with pytest.MonkeyPatch.context() as patch:
        for many, small in ((10_000, 0), (10_000, 32), (128, 0), (128, 2), (128, 32)):
            patch.setattr(encoding, "MANY", many)
            patch.setattr(encoding, "SMALL", small)
            assert cid(value) == once


@given(st.text())
@settings(max_examples=60, deadline=None)
def test_text_of_any_length(files: ValueFiles, value: str) -> None:
    assert_keeps_its_id(files, value)
    whole = cid(value * 200)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(atoms, "PIECE", 3)
        assert cid(value * 200) == whole


# pandas ---------------------------------------------------------------------------------------

N = 24


def columns() -> dict[str, Any]:
    """A column of every common dtype."""
    stamps = pd.date_range("2020-01-01", periods=N, freq="h")
    numbers = list(range(N))
    gaps = [None if i % 5 == 0 else i for i in numbers]
    words = [f"w{i % 7} é" for i in numbers]
    found = {
        **{kind: pd.Series(numbers, dtype=kind) for kind in (
            "int8", "uint16", "int64", "float32", "float64", "complex128", "Int64", "UInt8", "Float32",
        )},
        **{f"{kind} gaps": pd.Series(gaps, dtype=kind) for kind in ("float64", "Int64", "Float64", "object")},
        "bool": pd.Series([i % 2 == 0 for i in numbers]),
        "boolean": pd.Series([None if i % 5 == 0 else i % 2 == 0 for i in numbers], dtype="boolean"),
        "words": pd.Series(words), "words object": pd.Series(words, dtype=object),
        "words string": pd.Series(words, dtype="string"),
        "words gaps": pd.Series([None if i % 5 == 0 else w for i, w in enumerate(words)], dtype="string"),
        "words nan": pd.Series([np.nan if i % 5 == 0 else w for i, w in enumerate(words)]),
        "category": pd.Series(words, dtype="category"),
        "ordered": pd.Series(pd.Categorical(words, sorted(set(words))[::-1], ordered=True)),
        "category of ints": pd.Series(pd.Categorical(gaps)),
        "dates": pd.Series(stamps), "dates in s": pd.Series(stamps.as_unit("s")),
        "zone": pd.Series(stamps).dt.tz_localize("UTC"),
        "summer": pd.Series(stamps).dt.tz_localize("Europe/Berlin"),
        "offset": pd.Series(stamps).dt.tz_localize("+05:30"),
        "dates gaps": pd.Series([pd.NaT if i % 5 == 0 else t for i, t in enumerate(stamps)]),
        "times": pd.Series(stamps - stamps[0]), "periods": pd.Series(stamps.to_period("D")),
        "intervals": pd.Series(pd.interval_range(0, N)), "sparse": pd.Series(pd.arrays.SparseArray(numbers)),
        "lists": pd.Series([[i, {"k": i}] for i in numbers]), "mixed": pd.Series([i if i % 2 else str(i) for i in numbers]),
        "nans": pd.Series(np.where(np.arange(N) % 2 == 0, np.nan, -np.nan)), "zeros": pd.Series([0.0, -0.0] * (N // 2)),
        "empty text": pd.Series([""] * N), "surrogates": pd.Series(["\ud800"] * N, dtype=object),
    }  # fmt: skip
    for storage in ("string[pyarrow]", "int64[pyarrow]", "timestamp[us][pyarrow]"):
        try:
            found[storage] = pd.Series(numbers, dtype="int64[pyarrow]").astype(storage)
        except (ImportError, TypeError):  # no pyarrow here
            continue
    return found


COLUMNS = columns()


@pytest.mark.parametrize("name", COLUMNS)
def test_columns(files: ValueFiles, name: str) -> None:
    column = COLUMNS[name]
    frame = pd.DataFrame({"x": column, "y": range(N)})
    for value in (column, column.rename("n"), frame, frame[::-1], frame[::2], frame.iloc[:0]):
        assert_keeps_its_id(files, value)
    if name != "lists":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an index of this kind may be discouraged
            indexed = frame.set_index("x")
        assert_keeps_its_id(files, indexed)
        assert_keeps_its_id(files, indexed.index)


def test_columns_differ() -> None:
    seen: dict[bytes, str] = {}
    for name, column in COLUMNS.items():
        # What is inferred depends on the version of pandas: `words` may be objects or a dtype.
        if cid(column) in seen:
            pd.testing.assert_series_equal(column, COLUMNS[seen[cid(column)]])
        seen[cid(column)] = name
    assert len(seen) >= len(COLUMNS) - 2


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_frames_of_any_columns(files: ValueFiles, data: Any) -> None:
    names = data.draw(st.lists(st.sampled_from(sorted(COLUMNS)), max_size=5))
    labels = data.draw(st.permutations([*range(len(names))]))
    frame = pd.DataFrame({i: COLUMNS[name] for i, name in enumerate(names)}, index=range(N))
    frame.columns = pd.Index(labels, name=data.draw(st.sampled_from([None, "labels", 3])))
    frame.index = data.draw(
        st.sampled_from(
            [
                pd.RangeIndex(3, 3 + 2 * N, 2, name="r"),
                pd.Index(np.arange(N)[::-1], name=("a", 1)),
                pd.date_range("2021", periods=N, freq="D", tz="UTC"),
                pd.Index([f"i{i}" for i in range(N)]),
                pd.MultiIndex.from_arrays([range(N), ["x"] * N], names=["p", None]),
            ]
        )
    )
    frame.attrs = data.draw(st.dictionaries(st.text(), st.integers(), max_size=2))
    assert_keeps_its_id(files, frame)
    other = frame.copy()
    other.attrs["more"] = 1
    assert cid(other) != cid(frame)


def test_how_an_array_of_text_came_about_is_no_content(files: ValueFiles) -> None:
    pytest.importorskip("pyarrow")
    whole = pd.Series([None, *(f"w{i}" for i in range(N))], dtype="string[pyarrow]")
    parts = pd.concat([whole[:4], whole[4:9], whole[9:]])
    assert cid(parts) == cid(whole)
    assert (
        cid(parts[3:])
        == cid(whole[3:])
        == cid(pd.Series(list(whole[3:]), whole.index[3:], "string[pyarrow]"))
    )
    assert_keeps_its_id(files, pd.DataFrame({"a": parts, "b": range(N + 1)}))


# libraries ------------------------------------------------------------------------------------


def test_attrs_classes(files: ValueFiles) -> None:
    attrs = pytest.importorskip("attrs")
    for options in (
        {},
        {"slots": False},
        {"frozen": True},
        {"cache_hash": True, "frozen": True, "slots": False},
    ):
        cls = attrs.make_class("Made", {"x": attrs.field(), "y": attrs.field(default=2)}, **options)
        cls.__module__ = __name__
        globals()["Made"] = cls
        value = cls("a")
        content = cid(value)
        if options.get("cache_hash"):
            hash(value)
        assert cid(value) == content
        assert_keeps_its_id(files, value)
        assert (
            len({cid(cls("a")), cid(cls("b")), cid(cls("a", 3)), cid(cls("a", 2.0)), content}) == 4
        )


def test_sparse_matrices(files: ValueFiles) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    seen = set()
    for form in ("csr", "csc", "coo", "lil", "dok", "bsr", "dia"):
        matrix = sparse.random(20, 20, 0.2, format=form, random_state=0)
        content = cid(matrix)
        seen.add(content)
        if form == "csr":
            assert matrix.has_sorted_indices  # which it keeps from now on
        assert cid(matrix) == content
        assert cid(matrix.copy()) == content
        assert_keeps_its_id(files, matrix)
    assert len(seen) == 7


def test_tensors(files: ValueFiles) -> None:
    torch = pytest.importorskip("torch")
    warnings.simplefilter("ignore")
    grid = torch.arange(12.0).reshape(3, 4)
    seen: dict[bytes, Any] = {}
    tensors = [
        grid, grid.T, grid.double(), grid.to(torch.bfloat16), grid.half(), grid.int(), grid.bool(),
        grid.clone().requires_grad_(), torch.nn.Parameter(grid), grid.to_sparse(), grid.to_sparse_csr(),
        torch.tensor(1), torch.tensor(1.0), torch.zeros(0), torch.zeros(0, 2), torch.tensor([1j]),
        torch.zeros(3, dtype=torch.float8_e4m3fn), torch.zeros(3, device="meta"), grid.numpy(), grid.tolist(),
    ]  # fmt: skip
    for tensor in tensors:
        content = cid(tensor)
        assert content not in seen, (tensor, seen[content])
        seen[content] = tensor
        for loaded in loads(files, tensor):
            assert type(loaded) is type(tensor)
            assert cid(loaded) == content
    assert cid(grid.T) == cid(grid.T.contiguous())
    assert cid(torch.tensor([1j]).conj()) == cid(torch.tensor([complex(0, -1)]))
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.GRU(3, 3))
    content = cid(model)
    for loaded in loads(files, model):
        assert cid(loaded) == content
        assert torch.equal(loaded[0](torch.ones(1, 3)), model[0](torch.ones(1, 3)))
    with torch.no_grad():
        model[0].weight[0, 0] += 1
    assert cid(model) != content


# processes ------------------------------------------------------------------------------------

PROGRAM = """
import dataclasses, datetime, decimal, enum, functools, pathlib, pickle, sys
import numpy as np, pandas as pd
from mandala_git.results.ids import cid
words = [f"w{i}" for i in range(40)]

@dataclasses.dataclass
class Point:
    x: object
    tags: frozenset = frozenset(words)

class Color(enum.Flag):
    RED = 1
    BLUE = 2

def made(k):
    return lambda x: x in {"a", "b", "c", k}

values = [
    Point(set(words)), Color.RED | Color.BLUE, functools.partial(sorted, words), made("d"), Point.__eq__,
    Point(1).__eq__, {frozenset({w, "z"}) for w in words}, {w: set(words[:i]) for i, w in enumerate(words)},
    pd.Series([{w} for w in words]), pd.DataFrame({"w": words}), pd.Categorical(words), np.array([set(words)]),
    decimal.Decimal("1.50"), datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC), pathlib.PurePosixPath("a"),
    pd.DataFrame({"w": words}).groupby("w").size(), type("Made", (), {"s": frozenset(words), "f": made("e")})(),
]
print("".join(cid(v).hex() for v in values))
"""


def test_fresh_processes_under_any_hash_seed() -> None:
    answers = set()
    for seed in ("0", "1", "2", "99"):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        answers.add(done.stdout)
    assert len(answers) == 1


def test_what_one_process_stored_has_its_id_in_another(tmp_path: Path) -> None:
    files = ValueFiles(tmp_path)
    values = [
        set(map(str, range(50))),
        {"frame": pd.DataFrame({"a": [f"x{i}" for i in range(9000)], "b": range(9000)})},
        pd.DataFrame({"a": [f"x{i}" for i in range(9000)], "b": range(9000)}),
        np.arange(20_000),
        "text" * 50_000,
    ]
    lines = []
    for value in values:
        encoded = codecs.encode(value)
        if encoded.data is not None:
            encoded = codecs.Encoded(codecs.PICKLE, encoded.data)
        files.write(cid(value), encoded)
        lines.append(f"{cid(value).hex()} {encoded.codec}")
    program = """
import sys
from pathlib import Path
from mandala_git.results.ids import cid
from mandala_git.results.values import ValueFiles
files = ValueFiles(Path(sys.argv[1]))
for content, codec in (line.split() for line in sys.stdin):
    assert cid(files.read(bytes.fromhex(content), codec)).hex() == content, codec
print("all")
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        input="\n".join(lines),
        env={**os.environ, "PYTHONHASHSEED": "5", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "all\n", done.stderr


# rounded --------------------------------------------------------------------------------------


@given(nested)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_rounded_id_is_no_content_id(value: Any) -> None:
    assert rounded_cid(value, 5) == rounded_cid(copy.deepcopy(value), 5)
    assert rounded_cid(value, 5) != rounded_cid(value, 6)
    assert rounded_cid(value, 5) != cid(value)
