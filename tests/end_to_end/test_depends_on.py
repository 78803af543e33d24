"""`@op(depends_on=[...])`: files whose content counts as the code does."""

from __future__ import annotations

import ast
import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from mandala_git.errors import UsageError

if TYPE_CHECKING:
    from conftest import Project, Run

HEAD = "from pathlib import Path\nfrom mandala_git import op\n"
READS = """
@op(depends_on=["conf.yaml"])
def f(x):
    path = Path("conf.yaml")
    return (path.read_text() if path.exists() else "none") * x
"""


@pytest.fixture
def reads(project: Project) -> Project:
    project.write(p=HEAD + READS)
    project.repo.write("conf.yaml", "a")
    project.commit("a")
    return project


def test_changed_content_runs_and_restored_content_is_found(reads: Project) -> None:
    assert reads.runs("p.f(2)").values == ["'aa'"]
    reads.reuses("p.f(2)")
    reads.repo.write("conf.yaml", "b")
    reads.runs("p.f(2)")
    reads.reuses("p.f(2)")
    reads.repo.write("conf.yaml", "a")
    reads.reuses("p.f(2)")


def test_a_file_that_is_touched_or_rewritten_alike_changes_nothing(reads: Project) -> None:
    reads.runs("p.f(2)")
    os.utime(reads.root / "conf.yaml", (1, 1))
    reads.reuses("p.f(2)")
    (reads.root / "conf.yaml").unlink()
    reads.repo.write("conf.yaml", "a")
    reads.reuses("p.f(2)")


def test_a_missing_file_is_a_state_of_its_own(reads: Project) -> None:
    (reads.root / "conf.yaml").unlink()
    assert reads.runs("p.f(2)").values == ["'nonenone'"]
    reads.reuses("p.f(2)")
    reads.repo.write("conf.yaml", "")
    reads.runs("p.f(2)")
    (reads.root / "conf.yaml").unlink()
    reads.reuses("p.f(2)")


def test_the_same_size_and_times_do_not_hide_a_change(reads: Project) -> None:
    write = "p.Path('conf.yaml').write_text({!r})\n"
    lines = ["import p", "with storage:"]
    for text in ("b", "c", "b", "d", "a", "a", "d"):
        lines += ["    " + write.format(text).strip(), "    out(p.f(2))"]
    run = reads.program("\n".join(lines) + "\n")
    assert run == ([repr(t * 2) for t in "bcbdaad"], 4, 3)
    assert reads.program("\n".join(lines) + "\n").executed == 0


def test_what_was_not_found_is_looked_for_again_when_a_file_is_back(reads: Project) -> None:
    reads.runs("p.f(2)", "p.f(3)")
    code = (
        "import p\nconf = p.Path('conf.yaml')\nwith storage:\n    conf.write_text('b')\n"
        "    out(p.f(2))\n    conf.write_text('a')\n    out(p.f(3))\n    out(p.f(2))\n"
    )
    assert reads.program(code) == (["'bb'", "'aaa'", "'aa'"], 1, 2)


@pytest.mark.parametrize(
    ("pattern", "path", "counts"),
    [
        ("data/*.csv", "data/b.csv", True),
        ("data/*.csv", "data/b.txt", False),
        ("data/*.csv", "data/deep/b.csv", False),
        ("data/**/*.csv", "data/deep/b.csv", True),
        ("data", "data/deep/b.txt", True),
        ("data/", "data/.hidden", True),
        ("data", "data/__pycache__/m.pyc", False),
        ("data", "data2/b.csv", False),
        ("data/?.csv", "data/b.csv", True),
        ("data/[!a].csv", "data/b.csv", True),
        ("data/[!b].csv", "data/b.csv", False),
    ],
)
def test_patterns_and_folders(project: Project, pattern: str, path: str, counts: bool) -> None:
    project.write(
        p=HEAD + f"\n@op(depends_on=[{pattern!r}])\ndef f(x):\n"
        "    found = sorted(e for e in Path().glob('data/**/*') if e.is_file() and DATA in str(e))\n"
        "    return [e.read_text() for e in found]\n\nDATA = 'csv'\n"
    )
    project.repo.write("data/a.csv", "a")
    project.repo.write("data2/a.csv", "a")
    # Only what the pattern means can be told; the oracle would see more.
    call = "import p\nwith storage:\n    p.f(1)\n"
    assert project.program(call).executed == 1
    project.repo.write(path, "b")
    assert project.program(call).executed == counts
    (project.root / path).write_text("c")
    assert project.program(call).executed == counts
    (project.root / path).unlink()
    assert project.program(call).executed == 0
    project.repo.write("data/a.csv", "z")
    assert project.program(call).executed == (pattern != "data/[!a].csv")


def test_paths_are_relative_to_the_module_and_may_be_paths(project: Project) -> None:
    project.write(
        **{
            "src/p": HEAD
            + "\nHERE = Path(__file__).parent\nTOP = Path()\n\n@op(depends_on=['../top.txt', HERE / 'in.txt', "
            "Path('sub') / 'x.txt'])\ndef f(x):\n"
            "    return [(TOP / n).read_text() for n in ('top.txt', 'src/in.txt', 'src/sub/x.txt')]\n"
        }
    )
    names = ("top.txt", "src/in.txt", "src/sub/x.txt")
    for name in names:
        project.repo.write(name, "1")
    call = "import sys; sys.path.insert(0, 'src')\nimport p\nwith storage:\n    out(p.f(2))\n"
    assert project.program(call).executed == 1
    assert project.program(call).executed == 0
    for name in names:
        project.repo.write(name, "2")
        assert project.program(call).executed == 1
    project.commit()
    assert project.table("f", "HEAD") == project.table("f")


def test_a_module_that_moves_with_its_files_keeps_its_calls(reads: Project) -> None:
    reads.runs("p.f(2)")
    (reads.root / "sub").mkdir()
    for name in ("p.py", "conf.yaml"):
        (reads.root / name).rename(reads.root / "sub" / name)
    call = "import sys; sys.path.insert(0, 'sub')\nimport p\nwith storage:\n    out(p.f(2))\n"
    reads.repo.write("conf.yaml", "other")
    assert reads.program(call, oracle=False).executed == 0
    reads.repo.write("sub/conf.yaml", "b")
    assert reads.program(call).executed == 1


@pytest.mark.parametrize("way", ["g(x)", "list(map(g, [x]))[0]", "STEPS['g'](x)"])
def test_a_call_around_depends_on_it_too(project: Project, way: str) -> None:
    project.write(
        p=HEAD + READS.replace("def f(", "def g(") + "\nSTEPS = {'g': g}\n"
        f"\n@op\ndef f(x):\n    return {way} + '!'\n\n@op\ndef e(x):\n    return f(x) + '?'\n"
    )
    project.repo.write("conf.yaml", "a")
    project.runs("p.e(2)", times=3)
    project.reuses("p.e(2)")
    project.repo.write("conf.yaml", "b")
    project.runs("p.e(2)", times=3)
    code = (
        "import p\nconf = p.Path('conf.yaml')\nwith storage:\n    out(p.e(2))\n"
        "    conf.write_text('c')\n    out(p.e(2))\n    conf.write_text('b')\n    out(p.e(2))\n"
    )
    assert project.program(code) == (["'bb!?'", "'cc!?'", "'bb!?'"], 3, 2)


def test_an_op_that_runs_plainly_in_a_thread_counts_for_the_call_around(project: Project) -> None:
    project.write(
        p=HEAD + "from threading import Thread\n" + READS.replace("def f(", "def g(") + "\n@op\n"
        "def f(x):\n    got = []\n    t = Thread(target=lambda: got.append(g.func(x)))\n"
        "    t.start(); t.join()\n    return got\n"
    )
    project.repo.write("conf.yaml", "a")
    project.run("p.f(2)")
    project.repo.write("conf.yaml", "b")
    project.runs("p.f(2)")


def warned(project: Project, calls: str) -> tuple[Run, list[str]]:
    """Run calls; return the run, and what they warned of."""
    code = (
        f"import p, warnings\nwith warnings.catch_warnings(record=True) as said, storage:\n{calls}"
    )
    run = project.program(code + "out([str(each.message) for each in said])\n", oracle=False)
    return run, ast.literal_eval(run.values[-1])


def test_a_file_that_changes_while_the_op_runs(project: Project) -> None:
    project.write(
        p=HEAD + "\n@op(depends_on=['log.txt'])\ndef f(x):\n"
        "    path = Path('log.txt')\n    path.write_text(path.read_text() + '.')\n    return x\n"
    )
    project.repo.write("log.txt", "")
    calls = "    out(p.f(2)); out(p.f(2)); out(p.f(3))\n"
    run, said = warned(project, calls)
    assert run.executed == 3
    assert said == ["calls of f are recorded, but not found again: log.txt changed while it ran"]
    assert warned(project, calls)[0].executed == 3


def test_a_file_that_cannot_be_read(project: Project) -> None:
    project.write(p=HEAD + "\n@op(depends_on=['loop.txt', 'k/x.txt'])\ndef f(x):\n    return x\n")
    (project.root / "loop.txt").symlink_to("loop.txt")  # as good as missing
    project.runs("p.f(2)")
    project.reuses("p.f(2)")
    if os.geteuid():
        project.repo.write("k/x.txt", "a").chmod(0)
        for _ in range(2):
            run, said = warned(project, "    out(p.f(2))\n")
            assert run.executed == 1
            assert "k/x.txt cannot be read: Permission denied" in said[0]


def test_worlds_judge_by_what_git_has(reads: Project) -> None:
    reads.runs("p.f(2)")
    reads.repo.write("conf.yaml", "b")
    reads.runs("p.f(2)")
    reads.commit("b")
    assert reads.table("f", "HEAD~1") == [
        row for row in reads.table("f", "HEAD~1") if "'aa'" in row
    ]
    assert len(reads.table("f", "HEAD~1")) == len(reads.table("f", "HEAD")) == 1
    assert "'bb'" in reads.table("f", "HEAD")[0]
    past = "import p\nwith storage.at('HEAD~1'):\n    out(p.f(2))\n"
    assert reads.program(past, oracle=False).values == ["'aa'"]
    reads.repo.write("conf.yaml", "a")
    assert reads.program(past.replace("~1", ""), oracle=False).values == ["'bb'"]


def test_a_file_that_git_does_not_track_makes_the_world_of_a_commit_unknown(
    reads: Project,
) -> None:
    reads.repo.write(".gitignore", "conf.yaml")
    reads.repo.git("rm", "-q", "--cached", "conf.yaml")
    reads.commit("untracked")
    reads.runs("p.f(2)")
    reads.reuses("p.f(2)")
    past = "import p\nwith storage.at('HEAD'):\n    out(p.f(2))\n"
    with pytest.raises(AssertionError, match="MissingCall"):
        reads.program(past, oracle=False)
    (row,) = reads.table("f", "HEAD")
    assert "True" in row  # unknown
    (reads.root / "conf.yaml").unlink()
    reads.runs("p.f(2)")  # missing, as in the commit
    assert reads.program(past, oracle=False).values == ["'nonenone'"]


def test_a_declaration_that_is_added_compatibly_lets_no_old_call_in(reads: Project) -> None:
    reads.runs("p.f(2)")
    reads.edit("p", '["conf.yaml"]', '["conf.yaml", "more.yaml"]')
    reads.compatible("f")
    reads.runs("p.f(2)")
    reads.repo.write("more.yaml", "")
    reads.runs("p.f(2)")


def test_explain_names_the_file(reads: Project) -> None:
    reads.runs("p.f(2)")
    ask = "import p\nout(storage.explain(p.f, 2))\n"
    assert reads.program(ask, oracle=False).values[0].startswith("f would be found")
    reads.repo.write("conf.yaml", "b")
    assert reads.program(ask, oracle=False).values[0].splitlines() == [
        "f would run",
        "  conf.yaml is not as it was when a call with these arguments ran",
    ]


def test_a_large_file_is_read_once_and_not_in_each_process(project: Project) -> None:
    project.write(p=HEAD + "\n@op(depends_on=['big.bin'])\ndef f(x):\n    return x\n")
    big = project.repo.write("big.bin", "")
    with big.open("wb") as file:
        file.truncate(50_000_000)
    os.utime(big, (1, 1))
    probe = (
        "import p\nfrom mandala_git.repo import data_files\nreal, read = data_files._hash, []\n"
        "def spy(name, kind):\n    read.append(name)\n    return real(name, kind)\n"
        "data_files._hash = spy\nwith storage:\n    for x in range(5): p.f(x)\n"
        "    for x in range(5): p.f(x)\nout(len(read))\n"
    )
    time.sleep(2.1)  # until its times prove something
    assert project.program(probe, oracle=False).values == ["1"]
    assert project.program(probe, oracle=False).values == ["0"]


@pytest.mark.parametrize("wrong", ["conf.yaml", [1], [""], ["a\0b"], ["[b-a]"]])
def test_bad_declarations_are_refused(wrong: Any) -> None:
    from mandala_git import op

    with pytest.raises(UsageError, match="depends_on"):

        @op(depends_on=wrong)
        def f(x: int) -> int:
            return x
