"""Git is asked seldom: a process costs more than most of what it is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

FILES = 40


def test_a_diff_of_many_files(
    git_repo: Callable[..., Any], mandala: Callable[..., Any], tmp_path: Path
) -> None:
    repo = git_repo()
    for value in (1, 2):
        for number in range(FILES):
            repo.write(f"m{number}.py", f"def f():\n    return {value}\n")
        repo.commit()
    assert mandala("init", cwd=repo.root).code == 0
    for args in (["HEAD~1"], ["HEAD~1", "HEAD"]):
        trace = tmp_path / "trace"
        trace.unlink(missing_ok=True)
        done = mandala("diff", *args, "--format", "concise", cwd=repo.root)
        assert done.out.count("\n") == FILES
        again = mandala("diff", *args, cwd=repo.root, env={"GIT_TRACE": str(trace)})
        assert again.out.count("return 2") == FILES
        asked = Counter(
            line.partition("built-in: git ")[2].split()[0]
            for line in trace.read_text().splitlines()
            if "built-in: git " in line
        )
        assert asked["cat-file"] <= 4, asked  # two for each side that git has
        assert asked["rev-parse"] <= 1 + len(args), asked  # where we are, and each revision once
        assert asked.total() <= 10, asked
