"""Where a storage keeps its results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mandala_git import Storage
from mandala_git.errors import NotARepository, UnreadableRepository, UsageError


def test_outside_a_repository_it_is_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "in memory" in repr(Storage())
    with pytest.raises(NotARepository):
        Storage(tmp_path)


def test_a_repository_that_git_refuses_is_not_replaced_by_memory(
    git_repo: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = git_repo()
    monkeypatch.chdir(repo.root)
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(UnreadableRepository, match="does not trust"):
        Storage()
    monkeypatch.delenv("GIT_TEST_ASSUME_DIFFERENT_OWNER")
    monkeypatch.setenv("GIT_DIR", str(repo.root / "nowhere"))
    with pytest.raises(UnreadableRepository, match="nowhere"):
        Storage()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"track_packages": "numpy"}, "no list of names"),
        ({"track_packages": 3}, "no list of names"),
        ({"track_packages": [3]}, "no list of names"),
        ({"single_flight": "x"}, "no time to wait"),
        ({"db_path": 3}, "no path"),
    ],
)
def test_settings_that_mean_nothing(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Storage(**settings)


def test_what_is_no_op_and_no_version(storage: Storage) -> None:
    for ask in (storage.explain, storage.sources):
        with pytest.raises(UsageError, match="'f' is no op"):
            ask("f")  # type: ignore[operator]
    with pytest.raises(UsageError, match="None names no version"):
        storage.code(None)  # type: ignore[arg-type]
