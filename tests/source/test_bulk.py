"""Reading many files: on all cores, in batches, whatever happens to a process."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import joblib
import pytest

from mandala_git.config import NO_RULES, Rules
from mandala_git.source import bulk
from mandala_git.source.bulk import File, read_all
from mandala_git.source.index import Index
from mandala_git.source.rows import Rows, file_rows
from mandala_git.source.scan import scan_file, scan_texts

pytestmark = pytest.mark.sweep


class Files:
    """Files by path, each read when it is asked for."""

    def __init__(self, count: int) -> None:
        self.data = {
            f"m{n}.py": b"class C:\n    def f%d(self): return %d\n" % (n, n) for n in range(count)
        }
        self.asked: list[str] = []

    @property
    def missing(self) -> dict[str, str]:
        return {path: f"blob of {path}" for path in self.data}

    def read(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        self.asked += paths
        return {path: self.data[path] for path in paths if path in self.data}

    def check(self, index: Index, but: Sequence[str] = ()) -> None:
        for path, data in self.data.items():
            if path not in but:
                facts = index.facts(path, f"blob of {path}")
                assert facts == scan_file(path, data)
                assert all(index.text(d.text_id) for d in facts.definitions)
                name = facts.definitions[1].name
                assert index.methods(name) == [(path, f"blob of {path}")]


class Shown:
    """What the progress is told."""

    def __init__(self, most: int | None = None) -> None:
        self.totals: list[int] = []
        self.done = 0
        self.most = most

    @contextmanager
    def __call__(self, total: int) -> Iterator[Callable[[int], None]]:
        self.totals.append(total)
        yield self.tell

    def tell(self, count: int) -> None:
        self.done += count
        if self.most is not None and self.done > self.most:
            raise KeyboardInterrupt


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> Files:
    """Some files that pass for many bytes."""
    monkeypatch.setattr(bulk, "POOL", 200)
    monkeypatch.setattr(bulk, "GROUP", 150)
    return Files(24)


def test_few_bytes_do_without_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_Pool", None)
    files, index, shown = Files(50), Index(None), Shown()
    read_all(files.missing, files.read, index, NO_RULES, shown)
    files.check(index)
    assert shown.totals == []


def test_many_bytes_are_read_by_processes(
    many: Files, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here = []
    monkeypatch.setattr(bulk, "scan_group", lambda *args: here.append(args))
    index, shown = Index(tmp_path / "index.db"), Shown()
    missing = {**many.missing, "gone.py": "blob"}
    read_all(missing, many.read, index, NO_RULES, shown)
    many.check(index)
    assert index.known(missing) == set(many.data)
    assert (shown.totals, shown.done) == ([25], 24)
    assert sorted(many.asked) == sorted(missing)


def test_nobody_has_to_watch(many: Files) -> None:
    index = Index(None)
    read_all(many.missing, many.read, index, NO_RULES, None)
    many.check(index)


def test_rules_reach_the_processes(many: Files) -> None:
    rules = Rules(neutral=("q.neutral",))
    data = b"import q\n@q.neutral\ndef f(): return 1\n"
    many.data["m0.py"] = data
    index = Index(None, rules=rules)
    read_all(many.missing, many.read, index, rules, None)
    facts = index.facts("m0.py", "blob of m0.py")
    assert facts == scan_file("m0.py", data, rules=rules) != scan_file("m0.py", data)


def test_one_core_needs_no_processes(many: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joblib, "cpu_count", lambda: 1)
    monkeypatch.setattr(bulk._Pool, "works", None)
    index, shown = Index(None), Shown()
    read_all(many.missing, many.read, index, NO_RULES, shown)
    many.check(index)
    assert shown.done == 24


@pytest.mark.parametrize("error", [OSError("no semaphores"), NotImplementedError()])
def test_where_no_process_can_be_started(
    many: Files, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(self: object, group: object) -> None:
        raise error

    monkeypatch.setattr(bulk._Pool, "_submit", refuse)
    index = Index(None)
    read_all(many.missing, many.read, index, NO_RULES, None)
    many.check(index)


def dying(parent: int, space: bytes, group: Sequence[File], rules: Rules) -> Rows:
    """Scan as the processes do; some files end the process, and one does so among others."""
    rows = Rows.none()
    for path, blob, data in group:
        if path in ("m3.py", "m17.py") or (path == "m9.py" and len(group) > 1):
            os._exit(11)
        rows.add(file_rows(space, path, blob, *scan_texts(path, data, rules=rules)))
    return rows


def test_a_file_that_ends_its_process_is_noted_alone(
    many: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "_scan_for", dying)
    index, shown = Index(None), Shown()
    read_all(many.missing, many.read, index, NO_RULES, shown)
    many.check(index, but=["m3.py", "m17.py"])
    for path in ("m3.py", "m17.py"):
        facts = index.facts(path, f"blob of {path}")
        assert facts is not None
        assert not facts.definitions
        assert "ends the parser" in facts.error
    assert shown.done == 24


def test_what_was_read_before_an_interruption_is_kept(
    many: Files, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    index = Index(tmp_path / "index.db")
    with pytest.raises(KeyboardInterrupt):
        read_all(many.missing, many.read, index, NO_RULES, Shown(10))
    known = index.known(many.missing)
    assert 10 <= len(known) < 24
    left = {path: blob for path, blob in many.missing.items() if path not in known}
    many.asked.clear()
    read_all(left, many.read, index, NO_RULES, None)
    many.check(index)
    assert not known & set(many.asked)


def test_an_interrupted_write_loses_nothing_else(tmp_path: Path) -> None:
    index = Index(tmp_path / "index.db")
    index.put("memo", b"kept")

    def interrupted() -> Iterator[tuple[bytes, bytes]]:
        yield b"id", b"text"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index.write(Rows.none()._replace(texts=interrupted()))  # type: ignore[arg-type]
    files = Files(1)
    index.put("m0.py", "b", *scan_texts("m0.py", files.data["m0.py"]))
    assert index.get("memo") == b"kept"
    assert index.facts("m0.py", "b") is not None
    with closing(sqlite3.connect(tmp_path / "index.db")) as database:
        assert not database.execute("SELECT id FROM texts WHERE id = ?", (b"id",)).fetchall()
