"""What a commit, the index and the work tree hold, read while git is doing things."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from mandala_git.errors import MandalaError, UsageError
from mandala_git.repo import snapshots
from mandala_git.repo.objects import blob_id
from mandala_git.repo.repository import Repository
from mandala_git.repo.snapshots import (
    changed_paths,
    commit_tree,
    file_at,
    index_differs,
    index_tree,
    work_tree,
)

PROJECT = Path(__file__).parents[2]
EMPTY_BLOB = blob_id(b"")


class Cache:
    """A blob cache in memory that counts."""

    def __init__(self):
        self.known = {}
        self.hits = 0

    def blobs_of(self, stats):
        found = {p: self.known[p, stat] for p, stat in stats.items() if (p, stat) in self.known}
        self.hits += len(found)
        return found

    def remember_blobs(self, blobs):
        self.known.update(((path, stat), blob) for path, (stat, blob) in blobs.items())


@pytest.fixture(params=["sha1", "sha256"])
def scratch(git_repo, request):
    return git_repo("repo", f"--object-format={request.param}")


@pytest.fixture
def repo(scratch):
    return Repository.discover(scratch.root)


def texts(tree):
    return {path: data.decode() for path, data in tree.read(tree.entries).items()}


def age(file, seconds=10):
    """Make a file old enough for its times to be trusted (its ctime cannot be set)."""
    os.utime(file, (1_600_000_000, 1_600_000_000))


def test_nothing_yet(repo):
    assert index_tree(repo).entries == {}
    assert work_tree(repo, Cache()).entries == {}
    with pytest.raises(MandalaError):
        commit_tree(repo, "0" * 40)


def test_the_three_agree_after_a_commit(scratch, repo):
    files = {"a.py": "x = 1\n", "src/b.py": "", "src/ü.py": "y = 2\n", "src/new\nline.py": "z\n"}
    for path, text in files.items():
        scratch.write(path, text)
    scratch.write("README.md", "no code")
    scratch.write("c.pyc", "no code")
    commit = scratch.commit()
    trees = [commit_tree(repo, commit), index_tree(repo), work_tree(repo, Cache())]
    for tree in trees:
        assert texts(tree) == files
        assert tree.entries == trees[0].entries
        assert tree.unmerged == ()
        for path, text in files.items():
            assert tree.entries[path] == blob_id(text.encode(), repo.object_format)
    assert trees[0].read(["a.py", "gone.py"]) == {"a.py": b"x = 1\n"}


def test_work_tree_sees_untracked_but_not_ignored_or_deleted_files(scratch, repo):
    scratch.write("kept.py", "")
    scratch.write("gone.py", "")
    scratch.commit()
    (scratch.root / "gone.py").unlink()
    scratch.write("new.py", "")
    scratch.write("ignored.py", "")
    scratch.write(".gitignore", "ignored.py\n")
    assert set(work_tree(repo, Cache()).entries) == {"kept.py", "new.py"}
    assert set(index_tree(repo).entries) == {"kept.py", "gone.py"}


def test_ignored_but_tracked_is_project_code(scratch, repo):
    scratch.write("a.py", "")
    scratch.commit()
    scratch.write(".gitignore", "*.py\n")
    assert set(work_tree(repo, Cache()).entries) == {"a.py"}


def test_links_submodules_and_environments_are_left_out(scratch, repo, git_repo):
    inner = git_repo("inner", f"--object-format={repo.object_format}")
    inner.write("i.py", "")
    inner.commit()
    scratch.git(
        "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner.root), "sub.py"
    )
    scratch.write("a.py", "")
    scratch.write("env/pyvenv.cfg", "")
    scratch.write("env/lib/b.py", "")
    scratch.write("environment/c.py", "")
    scratch.write("pyvenv.cfg", "")
    (scratch.root / "link.py").symlink_to("a.py")
    (scratch.root / "folder").symlink_to("environment")
    (scratch.root / "x.py").mkdir()
    scratch.write("x.py/d.py", "")
    commit = scratch.commit()
    for tree in (commit_tree(repo, commit), index_tree(repo), work_tree(repo, Cache())):
        assert set(tree.entries) == {"a.py", "environment/c.py", "x.py/d.py"}


def test_a_tracked_folder_that_became_a_link_is_gone(scratch, repo):
    scratch.write("old/a.py", "")
    scratch.write("new/a.py", "")
    scratch.commit()
    (scratch.root / "old" / "a.py").unlink()
    (scratch.root / "old").rmdir()
    (scratch.root / "old").symlink_to("new")
    assert set(work_tree(repo, Cache()).entries) == {"new/a.py"}


def test_executables_count(scratch, repo):
    scratch.write("run.py", "").chmod(0o755)
    assert set(commit_tree(repo, scratch.commit()).entries) == {"run.py"}


def test_paths_that_are_not_utf8(scratch, repo):
    name = os.fsdecode(b"caf\xe9.py")
    scratch.write(name, "x = 1\n")
    commit = scratch.commit()
    for tree in (commit_tree(repo, commit), index_tree(repo), work_tree(repo, Cache())):
        assert texts(tree) == {name: "x = 1\n"}
    assert file_at(repo, "HEAD", name) == b"x = 1\n"
    assert snapshots.shown(name) == "caf\\udce9.py"


def test_intent_to_add_is_invisible_and_an_empty_file_is_not(scratch, repo):
    scratch.write("empty.py", "")
    scratch.write("later.py", "x = 1\n")
    scratch.git("add", "empty.py")
    scratch.git("add", "-N", "later.py")
    assert index_tree(repo).entries == {"empty.py": blob_id(b"", repo.object_format)}
    assert set(work_tree(repo, Cache()).entries) == {"empty.py", "later.py"}


def test_unmerged_paths_are_reported(scratch, repo):
    scratch.write("a.py", "x = 1\n")
    scratch.write("b.py", "y = 1\n")
    scratch.commit()
    scratch.git("checkout", "-q", "-b", "side")
    scratch.write("a.py", "x = 2\n")
    scratch.commit()
    scratch.git("checkout", "-q", "main")
    scratch.write("a.py", "x = 3\n")
    scratch.commit()
    assert repo.ask(["merge", "side"]).code == 1
    tree = index_tree(repo)
    assert (set(tree.entries), tree.unmerged) == ({"b.py"}, ("a.py",))
    assert set(work_tree(repo, Cache()).entries) == {"a.py", "b.py"}


def test_the_index_holds_what_filters_made_of_the_file(scratch, repo):
    scratch.write(".gitattributes", "*.py text eol=crlf\n")
    scratch.write("a.py", "x = 1\r\n")
    scratch.git("add", ".")
    assert texts(index_tree(repo)) == {"a.py": "x = 1\n"}
    tree = work_tree(repo, Cache())
    assert texts(tree) == {"a.py": "x = 1\r\n"}
    assert tree.entries["a.py"] == blob_id(b"x = 1\r\n", repo.object_format)


def test_changed_paths(scratch, repo):
    for name in "abc":
        scratch.write(f"{name}.py", name)
    before = commit_tree(repo, scratch.commit())
    (scratch.root / "a.py").unlink()
    scratch.write("b.py", "new")
    scratch.write("d.py", "d")
    after = work_tree(repo, Cache())
    assert changed_paths(before, after) == ["a.py", "b.py", "d.py"]
    assert changed_paths(after, after) == []


def test_unchanged_files_are_read_once(scratch, repo, monkeypatch):
    monkeypatch.setattr(snapshots, "_SETTLED_NS", -1)
    for name in "abc":
        scratch.write(f"{name}.py", name)
    cache = Cache()
    first = work_tree(repo, cache)
    assert (cache.hits, len(cache.known)) == (0, 3)
    assert work_tree(repo, cache).entries == first.entries
    assert cache.hits == 3
    scratch.write("a.py", "A")
    assert work_tree(repo, cache).entries["a.py"] == blob_id(b"A", repo.object_format)


def test_a_file_of_this_very_moment_is_not_remembered(scratch, repo):
    file = scratch.write("a.py", "x = 1\n")
    age(file)  # an old mtime proves nothing: anybody can set it
    cache = Cache()
    work_tree(repo, cache)
    assert cache.known == {}


def test_a_file_that_changed_after_the_snapshot_is_left_out(scratch, repo, monkeypatch):
    monkeypatch.setattr(snapshots, "_SETTLED_NS", -1)
    scratch.write("a.py", "x = 1\n")
    scratch.write("b.py", "y = 1\n")
    cache = Cache()
    fresh = work_tree(repo, cache)
    known = work_tree(repo, cache)
    scratch.write("a.py", "x = 2\n")
    assert known.read(["a.py", "b.py"]) == {"b.py": b"y = 1\n"}
    assert fresh.read(["a.py", "b.py"]) == {"a.py": b"x = 1\n", "b.py": b"y = 1\n"}
    (scratch.root / "b.py").unlink()
    assert known.read(["a.py", "b.py"]) == {}


def test_file_at(scratch, repo):
    scratch.write("src/a.py", "x = 1\n")
    scratch.write("nb.ipynb", b"\0\n\xff")
    (scratch.root / "link").symlink_to("src/a.py")
    scratch.commit()
    scratch.write("src/a.py", "x = 2\n")
    scratch.commit()
    assert file_at(repo, "HEAD", "src/a.py") == b"x = 2\n"
    assert file_at(repo, "HEAD~1", "src/a.py") == b"x = 1\n"
    assert file_at(repo, "HEAD", "nb.ipynb") == b"\0\n\xff"
    for path in ("", ".", "src", "src/", "link", "gone.py", "../a.py", "*.py", "src/*.py", "a\0b"):
        if path == "../a.py":
            with pytest.raises(MandalaError):
                file_at(repo, "HEAD", path)
        else:
            assert file_at(repo, "HEAD", path) is None
    with pytest.raises(UsageError):
        file_at(repo, "nowhere", "src/a.py")


def test_a_lost_object_is_an_error(scratch, repo):
    scratch.write("a.py", "x = 1\n")
    commit = scratch.commit()
    tree = commit_tree(repo, commit)
    blob = tree.entries["a.py"]
    (scratch.root / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(MandalaError, match=r"lost the content of a\.py(.|\n)*git fsck"):
        tree.read(["a.py"])
    with pytest.raises(MandalaError, match=r"lost the content of a\.py in HEAD"):
        file_at(repo, "HEAD", "a.py")


def test_settings_that_change_what_diff_shows(scratch, repo):
    scratch.write("src/a.py", "x = 1\n")
    scratch.commit()
    for name, value in {
        "diff.noprefix": "true",
        "color.ui": "always",
        "core.quotePath": "true",
        "diff.external": "false",
        "diff.renames": "copies",
        "diff.relative": "true",
        "core.abbrev": "5",
        "diff.ignoreSubmodules": "all",
        "core.preloadIndex": "true",
    }.items():
        scratch.git("config", name, value)
    trees = commit_tree(repo, "HEAD"), index_tree(repo), work_tree(repo, Cache())
    assert all(texts(tree) == {"src/a.py": "x = 1\n"} for tree in trees)


@pytest.mark.parametrize("option", ["core.splitIndex", "core.sparseCheckout"])
def test_special_indexes(git_repo, option):
    scratch = git_repo("special")
    scratch.write("a/x.py", "x = 1\n")
    scratch.write("b/y.py", "y = 1\n")
    scratch.commit()
    if option == "core.splitIndex":
        scratch.git("update-index", "--split-index")
        in_work_tree = {"a/x.py", "b/y.py"}
    else:
        scratch.git("sparse-checkout", "set", "--cone", "--sparse-index", "a")
        in_work_tree = {"a/x.py"}
    repo = Repository.discover(scratch.root)
    assert set(index_tree(repo).entries) == {"a/x.py", "b/y.py"}
    assert set(work_tree(repo, Cache()).entries) == in_work_tree


def dumping_hook(out):
    """Source of a hook that writes what it sees in the index to a file."""
    return f"""\
#!{sys.executable}
import json, sys
sys.path.insert(0, {str(PROJECT)!r})
from mandala_git.repo.repository import Repository
from mandala_git.repo.snapshots import index_tree
tree = index_tree(Repository.discover())
seen = {{path: data.decode() for path, data in tree.read(tree.entries).items()}}
with open({str(out)!r}, "w") as file:
    json.dump(seen, file)
"""


@pytest.fixture
def hooked(git_repo, tmp_path):
    """A repository whose pre-commit hook writes down what it sees in the index."""
    scratch = git_repo("hooked")
    for name in ("a", "b"):
        scratch.write(f"{name}.py", "one = 1\n\n\n\n\n\n\n\n\n\ntwo = 1\n")
    scratch.commit()
    out = tmp_path / "seen.json"
    hook = scratch.write(".git/hooks/pre-commit", dumping_hook(out))
    hook.chmod(0o755)

    def seen():
        """What the hook saw, which must be what the commit holds."""
        answer = json.loads(out.read_text())
        out.unlink()
        repo = Repository.discover(scratch.root)
        assert answer == texts(commit_tree(repo, repo.resolve("HEAD")))
        return answer

    scratch.seen = seen
    return scratch


def test_a_hook_sees_what_is_staged(hooked):
    hooked.write("a.py", "staged\n")
    hooked.git("add", "a.py")
    hooked.write("a.py", "not staged\n")
    hooked.git("commit", "-q", "-m", "c")
    assert hooked.seen()["a.py"] == "staged\n"


def test_a_hook_sees_what_commit_all_takes(hooked):
    hooked.write("a.py", "changed\n")
    (hooked.root / "b.py").unlink()
    hooked.git("commit", "-q", "-a", "-m", "c")
    assert hooked.seen() == {"a.py": "changed\n"}


def test_a_hook_sees_only_the_named_file(hooked):
    for name in ("a", "b"):
        hooked.write(f"{name}.py", "changed\n")
    hooked.git("add", "b.py")
    hooked.git("commit", "-q", "-m", "c", "a.py")
    assert hooked.seen()["b.py"] != "changed\n"


def test_a_hook_sees_the_chosen_part(hooked):
    hooked.write("a.py", "one = 2\n\n\n\n\n\n\n\n\n\ntwo = 2\n")
    hooked.git("commit", "-q", "-p", "-m", "c", input=b"y\nn\n")
    assert hooked.seen()["a.py"] == "one = 2\n\n\n\n\n\n\n\n\n\ntwo = 1\n"


def test_a_hook_in_a_linked_worktree_and_below_the_top(hooked, tmp_path):
    hooked.git("worktree", "add", "-q", str(tmp_path / "other"))
    (tmp_path / "other" / "sub").mkdir()
    (tmp_path / "other" / "a.py").write_text("there\n")
    hooked.git("-C", str(tmp_path / "other" / "sub"), "commit", "-q", "-a", "-m", "c")
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert seen["a.py"] == "there\n"


def test_a_hook_of_the_first_commit_and_of_an_amended_one(git_repo, tmp_path):
    scratch = git_repo("first")
    out = tmp_path / "seen.json"
    scratch.write(".git/hooks/pre-commit", dumping_hook(out)).chmod(0o755)
    scratch.write("a.py", "x = 1\n")
    scratch.commit()
    assert json.loads(out.read_text()) == {"a.py": "x = 1\n"}
    scratch.write("a.py", "x = 2\n")
    scratch.git("commit", "-q", "-a", "--amend", "-m", "c")
    assert json.loads(out.read_text()) == {"a.py": "x = 2\n"}


def test_the_index_against_a_commit_without_reading_them(scratch):
    scratch.write("a.py", "x = 1\n")
    scratch.write("notes.txt", "1\n")
    commit = scratch.commit()
    repo = Repository.discover(scratch.root)
    assert not index_differs(repo, commit)
    scratch.write("notes.txt", "2\n")
    scratch.write("a.py", "x = 2\n")
    scratch.git("add", "notes.txt")
    assert not index_differs(repo, commit), "no project code, and nothing that is not staged"
    scratch.git("add", ".")
    assert index_differs(repo, commit)
    scratch.commit()
    scratch.write("env/pyvenv.cfg", "")
    scratch.git("add", ".")
    assert index_differs(repo, repo.resolve("HEAD")), "a folder stops being project code"
    with pytest.raises(MandalaError, match="the index cannot be read"):
        index_differs(repo, "0" * len(commit))


def test_notebooks_are_code_and_their_outputs_are_not_kept(scratch, repo):
    large = b'{"cells": []}' + b" " * snapshots._KEPT
    scratch.write("a.ipynb", '{"cells": []}')
    scratch.write("nb/large.ipynb", large)
    scratch.write("nb/.ipynb_checkpoints/large-checkpoint.ipynb", large)
    scratch.write(".ipynb_checkpoints/m-checkpoint.py", "")
    commit = scratch.commit()
    trees = [commit_tree(repo, commit), index_tree(repo), work_tree(repo, Cache())]
    for tree in trees:
        assert set(tree.entries) == {"a.ipynb", "nb/large.ipynb"}
        assert tree.read(["nb/large.ipynb"]) == {"nb/large.ipynb": large}
    assert trees[2]._bytes == {"a.ipynb": b'{"cells": []}'}
    scratch.write("a.ipynb", '{"cells": [1]}')
    scratch.git("add", ".")
    assert index_differs(repo, commit)
