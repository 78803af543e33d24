"""Values come back equal, files are whole or missing, and what cannot be stored is named."""

from __future__ import annotations

import io
import mmap
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mandala_git.errors import ResultsError, UnstorableValue, ValueLost
from mandala_git.results import codecs
from mandala_git.results.ids import cid
from mandala_git.results.values import SEAL, ValueFiles

BIG = np.arange(20_000.0)
VALUES: list[tuple[str, Any]] = [
    (codecs.PICKLE, 1),
    (codecs.PICKLE, "x" * 5_000),
    (codecs.PICKLE, b"x" * 20_000),
    (codecs.PARTS, b"x" * 100_000),
    (codecs.PARTS, bytearray(b"x" * 100_000)),
    (codecs.TEXT, "x" * 100_000),
    (codecs.TEXT, "\ud800é\n\r\n€😀" * 300_000),
    (codecs.PICKLE, [1, {"a": (2.0, None)}]),
    (codecs.PICKLE, np.arange(10)),
    (codecs.NPY, BIG),
    (codecs.NPY, np.asfortranarray(BIG.reshape(100, 200))),
    (codecs.NPY, BIG[::-1]),
    (codecs.NPY, np.zeros(20_000, "M8[s]")),
    (codecs.NPY, np.zeros((300, 400))[::2, ::3]),
    (codecs.NPY, np.zeros(20_000, np.longdouble)),
    (codecs.NPY, np.array(["é", "xyz"] * 20_000)),
    (codecs.PARTS, {"weights": [BIG, BIG + 1], "name": "m", "small": np.arange(3)}),
    (codecs.PARTS, {"scattered": [BIG[::2], BIG.reshape(100, 200)[:, ::2], BIG.reshape(2, -1).T]}),
    (codecs.PARTS, [np.zeros(20_000, [("a", "i4"), ("b", "f8")])[::2]]),
    (codecs.PARTS, np.zeros(20_000, [("a", "i4"), ("b", "f8")])),
    (codecs.PARTS, np.zeros(20_000, np.dtype("f8", metadata={"unit": "m"}))),
    (codecs.PARTS, np.array(["x", None] * 40_000, object)),
    (codecs.PARTS, np.rec.array([(1, 2.0)] * 10_000)),
    (codecs.PARTS, np.ma.masked_greater(BIG, 3)),
    (codecs.PARTS, list(range(50_000))),
    (codecs.PARTS, pd.DataFrame({"a": pd.array(range(20_000), dtype="Int64"), "b": BIG})),
]
COMPRESSIONS = [None, "gzip", "xz"]


class Holder:
    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize(("codec", "value"), VALUES, ids=lambda v: type(v).__name__)
def test_round_trip(tmp_path: Path, codec: str, value: Any, compression: str | None) -> None:
    encoded = codecs.encode(value, compression=compression)
    if compression is None:
        assert encoded.codec == codec
    else:
        codec = encoded.codec
        assert codec == codecs.PICKLE or codec.endswith(f".{compression}")
    files = ValueFiles(tmp_path / "values", fsync=True)
    content = cid(value)
    size = files.write(content, encoded)
    assert files.path(content, codec).stat().st_size == size
    loaded = files.read(content, codec)
    assert type(loaded) is type(value)
    assert cid(loaded) == content
    assert cid(ValueFiles(files.folder, mapped=False).read(content, codec)) == content
    if encoded.data is not None:
        assert cid(codecs.decode(codec, encoded.data)) == content


def test_a_mapped_array_may_be_changed_and_its_file_never_is(tmp_path: Path) -> None:
    files = ValueFiles(tmp_path)
    for value, codec in ((BIG, codecs.NPY), ([BIG], codecs.PARTS)):
        content = cid(value)
        files.write(content, codecs.encode(value))
        loaded = files.read(content, codec)
        (loaded[0] if type(loaded) is list else loaded)[:] = -1
        assert cid(files.read(content, codec)) == content
        assert cid(ValueFiles(tmp_path).read(content, codec)) == content


def test_what_is_mapped_and_what_is_read(tmp_path: Path) -> None:
    def is_mapped(array: Any) -> bool:
        while isinstance(array, np.ndarray | memoryview):
            array = array.base if isinstance(array, np.ndarray) else array.obj
        return isinstance(array, mmap.mmap)

    for mapped in (True, False):
        files = ValueFiles(tmp_path, mapped=mapped)
        for value in (BIG, {"a": BIG}, {"a": BIG[::2]}):
            encoded = codecs.encode(value)
            files.write(cid(value), encoded)
            loaded = files.read(cid(value), encoded.codec)
            array = loaded if type(loaded) is np.ndarray else loaded["a"]
            assert is_mapped(array) is mapped
            assert array.flags.writeable
            assert array.ctypes.data % 64 == 0 or not mapped


@pytest.mark.parametrize(("codec", "value"), [VALUES[2], VALUES[5], VALUES[10], VALUES[16]])
@pytest.mark.parametrize(
    "harm", ["truncate", "seal", "flip first", "flip middle", "flip last", "empty"]
)
def test_a_damaged_file_is_missing(tmp_path: Path, codec: str, value: Any, harm: str) -> None:
    files, content = ValueFiles(tmp_path), cid(value)
    size = files.write(content, codecs.encode(value))
    path = files.path(content, codec)
    if harm == "truncate":
        os.truncate(path, size // 2)
    elif harm == "seal":
        os.truncate(path, size - SEAL)
    elif harm == "empty":
        os.truncate(path, 0)
    else:
        data = bytearray(path.read_bytes())
        data[{"flip first": 0, "flip middle": size // 2, "flip last": size - 1}[harm]] ^= 1
        path.write_bytes(data)
    with pytest.raises(ValueLost, match="damaged"):
        files.read(content, codec)
    assert not files.exists(content, codec)
    with pytest.raises(ValueLost, match="missing"):
        files.read(content, codec)
    files.write(content, codecs.encode(value))
    assert cid(files.read(content, codec)) == content


def test_damage_after_a_first_read_is_seen(tmp_path: Path) -> None:
    files = ValueFiles(tmp_path)
    files.write(cid(BIG), codecs.encode(BIG))
    files.read(cid(BIG), codecs.NPY)
    path = files.path(cid(BIG), codecs.NPY)
    data = bytearray(path.read_bytes())
    data[1000] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueLost):
        files.read(cid(BIG), codecs.NPY)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (Holder(layers=[1, Holder(hook=threading.Lock())]), "result.layers[1].hook"),
        ({"a": [0, (lambda: 1)]}, "result['a'][1]"),
        ((x for x in ()), "result"),
        ([BIG, threading.Lock()], "result[1]"),
        ([BIG[::2], {"k": ("x" * 100_000, threading.Lock())}], "result[1]['k'][1]"),
    ],
)
def test_what_cannot_be_stored_is_named(value: Any, path: str) -> None:
    with pytest.raises(UnstorableValue) as caught:
        encoded = codecs.encode(value, "result")
        assert encoded.write is not None
        encoded.write(io.BytesIO())
    assert caught.value.message.startswith(path + " cannot be stored")
    assert caught.value.hint


def test_too_deep_for_pickle() -> None:
    value: Any = 1
    for _ in range(100_000):
        value = [value]
    try:
        with pytest.raises(UnstorableValue, match="nested too deeply"):
            codecs.encode(value)
    finally:
        while isinstance(value, list):
            value = value.pop()


def test_what_does_not_decode_is_lost() -> None:
    with pytest.raises(ValueLost, match="no_such_module"):
        codecs.decode(codecs.PICKLE, b"cno_such_module\nC\n.")
    with pytest.raises(ValueLost, match="does not know"):
        codecs.decode("zstd-arrow", b"")


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    def fail(file: Any) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    files = ValueFiles(tmp_path)
    with pytest.raises(ResultsError, match="No space left"):
        files.write(cid(1), codecs.Encoded(codecs.PICKLE, None, fail))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
