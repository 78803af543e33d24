"""Finding a repository, in every shape that git gives one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mandala_git.errors import MandalaError, NotARepository, UnreadableRepository, UsageError
from mandala_git.repo import git
from mandala_git.repo.repository import Repository


@pytest.fixture
def scratch(git_repo):
    return git_repo()


def test_an_unborn_head_is_none(scratch):
    repo = Repository.discover(scratch.root)
    assert repo.root == scratch.root
    assert repo.git_dir == repo.common_dir == scratch.root / ".git"
    assert repo.object_format == "sha1"
    assert repo.head() is repo.discovered_head is None


def test_head_is_followed(scratch):
    repo = Repository.discover(scratch.root)
    assert repo.head() is None
    first = scratch.commit()
    assert repo.head() == first
    scratch.git("checkout", "-q", "--detach")
    assert repo.head() == first == Repository.discover(scratch.root).discovered_head
    assert repo.discovered_head is None


def test_a_file_a_folder_below_and_a_missing_path_find_it(scratch):
    file = scratch.write("src/deep/a.py", "x = 1\n")
    for start in (file, file.parent, scratch.root / "gone" / "away"):
        assert Repository.discover(start).root == scratch.root


def test_a_root_with_odd_letters(git_repo):
    scratch = git_repo("a b'ü\udcff")
    assert Repository.discover(scratch.root).root == scratch.root


def test_linked_worktree(scratch, tmp_path):
    scratch.commit()
    scratch.git("worktree", "add", "-q", str(tmp_path / "other"))
    repo = Repository.discover(tmp_path / "other")
    assert repo.root == tmp_path / "other"
    assert repo.git_dir == scratch.root / ".git" / "worktrees" / "other"
    assert repo.common_dir == scratch.root / ".git"
    assert repo.mandala_dir() == scratch.root / ".git" / "mandala"


def test_git_file(git_repo, tmp_path):
    scratch = git_repo("repo", f"--separate-git-dir={tmp_path / 'elsewhere'}")
    assert (scratch.root / ".git").is_file()
    repo = Repository.discover(scratch.root)
    assert (repo.root, repo.git_dir) == (scratch.root, tmp_path / "elsewhere")


def test_sha256(git_repo):
    scratch = git_repo("repo", "--object-format=sha256")
    head = scratch.commit()
    repo = Repository.discover(scratch.root)
    assert (repo.object_format, repo.head()) == ("sha256", head)


def test_the_environment_speaks_only_for_the_working_directory(git_repo, monkeypatch):
    mine, other = git_repo("mine"), git_repo("other")
    monkeypatch.setenv("GIT_DIR", str(other.root / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.root))
    monkeypatch.setenv("GIT_INDEX_FILE", "nowhere")
    monkeypatch.chdir(mine.root)
    assert Repository.discover().root == other.root
    repo = Repository.discover(mine.root)
    assert repo.root == mine.root
    mine.write("a.py", "")
    assert repo.run(["ls-files", "-o"]) == b"a.py\n"


def test_a_relative_environment_from_a_folder_below(scratch, monkeypatch):
    scratch.write("sub/a.py", "")
    scratch.commit()
    monkeypatch.chdir(scratch.root / "sub")
    monkeypatch.setenv("GIT_DIR", "../.git")
    monkeypatch.setenv("GIT_WORK_TREE", "..")
    repo = Repository.discover()
    assert repo.root == scratch.root
    monkeypatch.chdir("/")
    assert repo.run(["ls-files"]) == b"sub/a.py\n"


def test_not_a_repository(tmp_path):
    with pytest.raises(NotARepository, match="git init") as caught:
        Repository.discover(tmp_path)
    assert caught.value.code == 128


def test_bare_and_git_folder(git_repo, scratch):
    bare = git_repo("bare.git", "--bare")
    with pytest.raises(NotARepository, match=r"is a bare repository(.|\n)*worktree add"):
        Repository.discover(bare.root)
    with pytest.raises(NotARepository, match=r"git's own folder(.|\n)*cd "):
        Repository.discover(scratch.root / ".git")


def test_not_trusted(scratch, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(
        UnreadableRepository, match=r"does not trust(.|\n)*safe\.directory"
    ) as caught:
        Repository.discover(scratch.root)
    assert str(scratch.root) in caught.value.message


def test_dangling_git_file(tmp_path):
    (tmp_path / ".git").write_text("gitdir: /nowhere/at/all\n")
    with pytest.raises(UnreadableRepository, match="nowhere"):
        Repository.discover(tmp_path)


def test_deleted_working_directory(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(NotARepository, match="does not exist any more"):
        Repository.discover()


def test_without_git(scratch, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MandalaError, match="git is not installed") as caught:
        Repository.discover(scratch.root)
    assert not isinstance(caught.value, NotARepository)
    with pytest.raises(NotARepository):
        Repository.discover(tmp_path)


def test_resolve(scratch):
    repo = Repository.discover(scratch.root)
    with pytest.raises(UsageError, match="no commit yet"):
        repo.resolve("HEAD")
    scratch.write("a.py", "x = 1\n")
    first = scratch.commit()
    second = scratch.commit()
    scratch.git("tag", "-a", "v1", "-m", "one", first)
    assert repo.resolve("HEAD~1") == repo.resolve("v1") == repo.resolve(first[:8]) == first
    assert repo.resolve("main") == second
    for wrong in ("nowhere", "--help", "-x", "HEAD:a.py", "", "a\0b", "main\nv1", "..", "\udcff"):
        with pytest.raises(UsageError, match="git log"):
            repo.resolve(wrong)


def test_config(scratch, tmp_path):
    repo = Repository.discover(scratch.root)
    assert repo.config("mandala.resultsDir") is None
    scratch.git("config", "mandala.resultsDir", "../a\nb")
    scratch.git("config", "--add", "mandala.strict", "false")
    scratch.git("config", "--add", "mandala.strict", "true")
    assert repo.config("mandala.strict") is None  # read once
    repo = Repository.discover(scratch.root)
    assert repo.config("mandala.RESULTSdir") == "../a\nb"
    assert repo.config("mandala.strict") == "true"
    assert repo.mandala_dir() == scratch.root / "../a\nb"
    scratch.git("config", "mandala.resultsDir", str(tmp_path / "results"))
    assert Repository.discover(scratch.root).mandala_dir() == tmp_path / "results"


def test_settings_may_be_read_along_with_the_repository(scratch, monkeypatch):
    scratch.git("config", "mandala.resultsDir", "../a")
    repo = Repository.discover(scratch.root, settings=True)
    monkeypatch.setattr(repo, "ask", None)
    assert repo.config("mandala.resultsDir") == "../a"
    assert repo.config("mandala.other") is None


def test_broken_config(scratch):
    repo = Repository.discover(scratch.root)
    with (scratch.root / ".git" / "config").open("a") as file:
        file.write("[mandala\n")
    with pytest.raises(MandalaError, match="configuration cannot be read"):
        repo.config("mandala.strict")


def test_is_dirty(scratch):
    repo = Repository.discover(scratch.root)
    scratch.write("a.py", "x = 1\n")
    assert not repo.is_dirty()
    scratch.git("add", "a.py")
    assert repo.is_dirty()
    scratch.commit()
    assert not repo.is_dirty()
    scratch.write("a.py", "x = 2\n")
    assert repo.is_dirty()


def test_author(scratch, monkeypatch):
    repo = Repository.discover(scratch.root)
    assert repo.author() == "Ada Author <ada@example.org>"
    repo = Repository(repo.root, repo.git_dir, repo.common_dir, "sha1")
    monkeypatch.setenv("GIT_AUTHOR_NAME", os.fsdecode(b"J\xfcrgen"))
    assert repo.author() == "J\ufffdrgen <ada@example.org>"
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL"):
        monkeypatch.delenv(name)
    scratch.git("config", "user.useConfigOnly", "true")
    assert repo.author() == "unknown <>"


def test_relative(scratch, tmp_path):
    repo = Repository.discover(scratch.root)
    file = scratch.write("src/a.py", "")
    link = tmp_path / "link"
    link.symlink_to(scratch.root / "src")
    assert repo.relative(file) == "src/a.py"
    assert repo.relative(link / "a.py") == "src/a.py"
    assert repo.relative(link / ".." / "b.py") == "b.py"
    assert repo.relative(scratch.root) == "."
    assert repo.relative(scratch.root / "..x.py") == "..x.py"
    assert repo.relative(tmp_path) is None
    assert repo.relative(Path(str(scratch.root) + "2") / "a.py") is None
    assert repo.relative(scratch.root / os.fsdecode(b"\xff.py")) == "\udcff.py"


def test_in_progress(scratch):
    scratch.write("a.py", "x = 1\n")
    scratch.commit()
    scratch.git("checkout", "-q", "-b", "side")
    scratch.write("a.py", "x = 2\n")
    scratch.commit()
    scratch.git("checkout", "-q", "main")
    scratch.write("a.py", "x = 3\n")
    scratch.commit()
    repo = Repository.discover(scratch.root)
    assert repo.in_progress() is None
    for command in ("merge", "cherry-pick", "rebase"):
        assert repo.ask([command, "side"]).code != 0
        assert repo.in_progress() == command
        scratch.git(command, "--abort")
        assert repo.in_progress() is None
    assert repo.ask(["revert", "--no-edit", "side"]).code != 0
    assert repo.in_progress() == "revert"
    scratch.git("revert", "--abort")
    scratch.git("bisect", "start")
    assert repo.in_progress() == "bisect"


def test_a_failure_says_what_git_said(scratch, monkeypatch):
    monkeypatch.setenv("GIT_TRACE", "1")
    with pytest.raises(MandalaError, match=r"`git cat-file` failed in .*Not a valid object name"):
        git.run(["-c", "a.b=c", "cat-file", "-p", "nothing"], cwd=scratch.root)
    with pytest.raises(MandalaError, match="does not exist"):
        git.run(["status"], cwd=scratch.root / "gone")


def test_for_other_repo_keeps_the_rest():
    env = {"GIT_DIR": "x", "GIT_INDEX_FILE": "y", "GIT_SSH": "ssh", "PATH": "p"}
    assert git.for_other_repo(env) == {"GIT_SSH": "ssh", "PATH": "p"}
