"""The index: what was put in comes out, and nothing that happens to its file is an error."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from mandala_git.config import Rules
from mandala_git.source.codes import file_codes
from mandala_git.source.index import FORMAT, Index
from mandala_git.source.scan import scan_texts

SOURCE = b"class C:\n    def fit(self): return 1\n    class D: pass\ndef f(): return 2\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "index.db"


def filled(file: Path | None, **options: object) -> Index:
    index = Index(file, **options)  # type: ignore[arg-type]
    index.put("m.py", "b1", *scan_texts("m.py", SOURCE))
    return index


def test_round_trips(file: Path) -> None:
    facts, texts = scan_texts("m.py", SOURCE)
    filled(file).close()
    index = Index(file)
    assert index.facts("m.py", "b1") == facts
    assert index.facts("m.py", "b2") is None
    assert index.facts("n.py", "b1") is None
    for id, text in texts.items():
        assert index.text(id) == text
    assert index.text("00" * 32) is None
    assert index.methods("fit") == [("m.py", "b1")]
    assert index.methods("D") == [("m.py", "b1")]
    assert index.methods("f") == []
    assert index.known({"m.py": "b1", "n.py": "b1"}) == {"m.py"}
    assert index.known({"m.py": "b2"}) == set()
    assert index.facts_many({"m.py": "b1", "n.py": "b1"}) == {"m.py": facts}
    definition = facts.definitions[0]
    assert index.definition(definition.text_id) == definition
    index.put_definition(definition.text_id, definition)
    assert index.definition(definition.text_id) == definition
    codes = file_codes(SOURCE, "m.py")
    assert index.codes("m.py", "b1") is None
    index.put_codes("m.py", "b1", codes)
    assert index.codes("m.py", "b1") == codes
    assert index.get("memo") is None
    index.put("memo", b"\0value")
    assert index.get("memo") == b"\0value"
    index.put("memo", b"")
    assert index.get("memo") == b""


def test_schemes_and_settings_are_kept_apart_and_texts_are_not(file: Path) -> None:
    facts, texts = scan_texts("m.py", SOURCE)
    filled(file)
    for other in (Index(file, scheme="other"), Index(file, rules=Rules(("q.d",)))):
        assert other.facts("m.py", "b1") is None
        assert other.methods("fit") == []
        assert other.text(facts.definitions[0].text_id) == texts[facts.definitions[0].text_id]
    assert Index(file).facts("m.py", "b1") == facts


def test_many_files_in_few_queries(file: Path) -> None:
    index = Index(file)
    facts, texts = scan_texts("m.py", SOURCE)
    entries = {f"p{i}.py": f"b{i}" for i in range(1500)}
    with index.batch():
        for path, blob in entries.items():
            index.put(path, blob, facts, texts)
    assert index.known(entries) == set(entries)
    assert len(index.facts_many(entries)) == 1500


def test_stats(file: Path) -> None:
    index = Index(file)
    old = time.time_ns() - 10_000_000_000
    index.remember_blob("m.py", (old, old, 5, 7), "b1")
    assert index.blob_of("m.py", (old, old, 5, 7)) == "b1"
    stats = {"m.py": (old, old, 5, 7), "n.py": (old, old, 5, 7)}
    assert index.blobs_of(stats) == {"m.py": "b1"}
    assert index.blobs_of({"m.py": (old, old, 6, 7)}) == {}
    assert index.blob_of("m.py", (old, old, 6, 7)) is None
    assert index.blob_of("n.py", (old, old, 5, 7)) is None
    now = time.time_ns()
    index.remember_blob("racy.py", (now, old, 5, 7), "b1")
    assert index.blob_of("racy.py", (now, old, 5, 7)) is None
    index.remember_blob("racy.py", (old, now, 5, 7), "b1")
    assert index.blob_of("racy.py", (old, now, 5, 7)) is None
    many = {f"m{n}.py": ((old, old, n, 7), f"b{n}") for n in range(1000)}
    index.remember_blobs({**many, "racy.py": ((now, old, 5, 7), "b")})
    stats = {path: stat for path, (stat, _) in many.items()}
    assert index.blobs_of({**stats, "racy.py": (now, old, 5, 7)}) == {
        path: blob for path, (_, blob) in many.items()
    }


def test_a_stat_is_known_again_whoever_else_holds_its_numbers(file: Path) -> None:
    old = time.time_ns() - 10_000_000_000
    Index(file).remember_blob("m.py", (old, old, 5, 7), "b1")
    anew = tuple(int(str(number)) for number in (old, old, 5, 7))
    assert Index(file).blob_of("m.py", anew) == "b1"


@pytest.mark.parametrize("damage", [b"", b"not a database, but long enough to be one" * 50])
def test_a_damaged_file_is_begun_anew(file: Path, damage: bytes) -> None:
    filled(file).close()
    for path in file.parent.iterdir():
        path.unlink()
    file.write_bytes(damage)
    index = Index(file)
    assert index.facts("m.py", "b1") is None
    filled(file)
    assert Index(file).facts("m.py", "b1") is not None


def test_damage_inside_the_file(file: Path) -> None:
    filled(file).close()
    data = bytearray(file.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    file.write_bytes(data)
    index = filled(file)
    assert index.facts("m.py", "b1") is not None
    assert Index(file).methods("fit") == [("m.py", "b1")]


def test_tables_of_another_version_are_dropped(file: Path) -> None:
    db = sqlite3.connect(file)
    db.execute("CREATE TABLE files (other)")
    db.execute(f"PRAGMA user_version = {FORMAT + 1}")
    db.commit()
    db.close()
    assert filled(file).facts("m.py", "b1") is not None


def test_missing_tables(file: Path) -> None:
    filled(file).close()
    db = sqlite3.connect(file)
    db.execute("DROP TABLE files")
    db.commit()
    db.close()
    index = Index(file)
    assert index.facts("m.py", "b1") is None
    assert filled(file).facts("m.py", "b1") is not None


def test_a_folder_that_cannot_be_written_gives_an_index_in_memory(tmp_path: Path) -> None:
    index = filled(tmp_path / "missing" / "index.db")
    assert index.facts("m.py", "b1") is not None
    assert not (tmp_path / "missing").exists()
    assert filled(None).facts("m.py", "b1") is not None


def test_threads_and_connections_share_it(file: Path) -> None:
    index = Index(file)
    facts, texts = scan_texts("m.py", SOURCE)

    def work(number: int) -> None:
        for i in range(20):
            with index.batch():
                index.put(f"p{number}.py", str(i), facts, texts)
            assert index.facts(f"p{number}.py", str(i)) == facts

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(Index(file).known({f"p{n}.py": "19" for n in range(4)})) == 4


def _child(index: Index, queue: multiprocessing.Queue[bool]) -> None:
    queue.put(index.facts("m.py", "b1") is not None)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fork_opens_it_again(file: Path) -> None:
    index = filled(file)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=_child, args=(index, queue))
    process.start()
    assert queue.get(timeout=30)
    process.join()
    assert index.facts("m.py", "b1") is not None


def test_a_busy_file_is_no_error(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mandala_git.source.index.BUSY", 0.05)
    filled(file).close()
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    index = Index(file)
    index.put("memo", b"x")
    other.execute("ROLLBACK")
    other.close()
    index.put("memo", b"y")
    assert index.get("memo") == b"y"
    assert index.facts("m.py", "b1") is not None


@pytest.mark.parametrize("path", ["d\udcff/m.py", "\ud800.py"])
def test_paths_that_are_not_utf_8(file: Path, path: str) -> None:
    facts, texts = scan_texts(path, SOURCE)
    codes = file_codes(SOURCE, path)
    index = filled(file)
    index.put(path, "b1", facts, texts)
    index.put_codes(path, "b1", codes)
    index.remember_blob(path, (1, 1, 1, 1), "b1")
    index.close()
    index = Index(file)
    assert index.facts(path, "b1") == facts
    assert index.facts_many({path: "b1"}) == {path: facts}
    assert index.known({path: "b1", "m.py": "b1", "n.py": "b1"}) == {path, "m.py"}
    assert sorted(index.methods("fit")) == sorted([("m.py", "b1"), (path, "b1")])
    assert index.codes(path, "b1") == codes
    assert index.blob_of(path, (1, 1, 1, 1)) == "b1"
    assert index.blobs_of({path: (1, 1, 1, 1)}) == {path: "b1"}
    index.close()
