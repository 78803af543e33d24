"""Reports of our own bugs: a file with everything that is needed to find one."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from mandala_git import __version__


def explain(error: BaseException, argv: Sequence[str]) -> str:
    """Write a report file and say in one line what happened and where the report is.

    Args:
        error: the bug, with its traceback.
        argv: the command line that met it.

    Returns:
        The line; with the report below it when no file could be written.
    """
    what = traceback.format_exception_only(error)[-1].strip().splitlines()[0]
    said = f"a bug, not your mistake: {what}"
    text = _report(error, argv)
    for folder in (_mandala_folder(), Path(tempfile.gettempdir())):
        if folder is not None and (file := _write(folder, text)):
            return f"{said}; please report it with {file}"
    return f"{said}; no report file could be written:\n{text}"


def _report(error: BaseException, argv: Sequence[str]) -> str:
    facts = {
        "command": repr(list(argv)),
        "folder": _folder_name(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "platform": platform.platform(),
        "executable": sys.executable,
        **_versions(),
    }
    head = "".join(f"{name}: {value}\n" for name, value in facts.items())
    return head + "\n" + "".join(traceback.format_exception(error))


def _versions() -> dict[str, str]:
    try:
        from mandala_git.cli.version import versions

        return versions()
    except Exception as error:  # noqa: BLE001 - what broke the command may break this too
        return {"mandala_git": __version__, "versions": repr(error)}


def _folder_name() -> str:
    try:
        return os.getcwd()
    except OSError as error:  # it has been deleted under us
        return str(error)


def _mandala_folder() -> Path | None:
    """The folder of local results, if this is a repository that has one already."""
    try:
        from mandala_git.repo.repository import Repository

        folder = Repository.discover().mandala_dir()
        return folder if folder.is_dir() else None
    except Exception:  # noqa: BLE001 - what broke the command may break this too
        return None


def _write(folder: Path, text: str) -> Path | None:
    file = folder / f"report-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    try:
        # "x": never over another report, never through a link that somebody laid here.
        with file.open("x", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(text)
    except OSError:
        return None
    return file
