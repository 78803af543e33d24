"""The store in git: races, damage, odd repositories, and merges that everybody agrees on."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mandala_git.errors import StoreConflict, StoreError
from mandala_git.repo import commits, git_store
from mandala_git.repo.git_store import GitStore
from mandala_git.repo.objects import blob_id
from mandala_git.repo.repository import Repository
from mandala_git.repo.sharing import absorb, fetched_tips
from mandala_git.repo.store import sha256, text_name, verdict_name
from mandala_git.repo.store_ref import REF

pytestmark = pytest.mark.sweep


def texts(*names):
    return {text_name(name.encode()): name.encode() for name in names}


def store_of(scratch):
    return GitStore(Repository.discover(scratch.root))


@pytest.fixture
def scratch(git_repo):
    return git_repo()


@pytest.fixture
def store(scratch):
    made = store_of(scratch)
    made.init()
    return made


def loose(scratch, oid):
    return scratch.root / ".git" / "objects" / oid[:2] / oid[2:]


# --- a repository's life -------------------------------------------------------------------


def test_the_first_commit_of_a_store_is_the_same_everywhere(git_repo):
    tips = set()
    for name in ("one", "two"):
        made = store_of(git_repo(name))
        made.init()
        tips.add(made.tip())
    assert len(tips) == 1


def test_it_leaves_the_user_alone(scratch, store):
    store.add(texts("a"), message="Record a")
    assert scratch.git("for-each-ref", "--format=%(refname)") == REF
    assert scratch.git("status", "--porcelain") == ""
    assert scratch.git("log", "-1", "--format=%an|%ae|%cn|%s", REF) == (
        "git-mandala|mandala@localhost|git-mandala|Record a"
    )
    assert scratch.git("show", f"{REF}:FORMAT") == "1"
    assert not list((scratch.root / ".git").glob("fast_import_crash*"))


def test_works_without_an_identity(scratch, monkeypatch):
    for name in list(os.environ):
        if name.startswith(("GIT_AUTHOR", "GIT_COMMITTER")):
            monkeypatch.delenv(name)
    scratch.git("config", "user.useConfigOnly", "true")
    made = store_of(scratch)
    assert made.init()
    assert made.add(texts("a"), message="m")


def test_linked_worktrees_share_it(scratch, store, tmp_path):
    scratch.commit()
    scratch.git("worktree", "add", "-q", str(tmp_path / "other"))
    there = GitStore(Repository.discover(tmp_path / "other"))
    there.add(texts("a"), message="m")
    assert store.read_all() == texts("a")
    scratch.git("worktree", "remove", str(tmp_path / "other"))
    assert store.read_all() == texts("a")


def test_inside_a_hook_of_another_repository(git_repo, store, monkeypatch):
    other = git_repo("other")
    monkeypatch.setenv("GIT_DIR", str(other.root / ".git"))
    store.add(texts("a"), message="m")
    monkeypatch.delenv("GIT_DIR")
    assert other.git("for-each-ref") == ""


def test_packed_refs_and_gc(scratch, store):
    tip = store.add(texts("a", "b"), message="m")
    scratch.git("pack-refs", "--all", "--prune")
    assert not (scratch.root / ".git" / REF).exists()
    assert store.tip() == tip
    assert store.init() is False
    scratch.git("gc", "-q", "--prune=now")
    assert store_of(scratch).read_all() == texts("a", "b")
    assert store.add(texts("c"), message="m") == store.tip() != tip
    assert store_of(scratch).read_all() == texts("a", "b", "c")


def test_many_files_are_one_pack(scratch, store):
    many = texts(*(f"text {n}" for n in range(600)))
    store.add(many, message="m")
    counts = dict(line.split(": ") for line in scratch.git("count-objects", "-v").splitlines())
    assert int(counts["packs"]) == 1
    assert int(counts["count"]) < 10
    assert store_of(scratch).read_all() == many
    store.add(texts("few"), message="m")
    assert scratch.git("fsck", "--full", "--strict") in (
        "",
        "notice: HEAD points to an unborn branch (main)",
    )
    assert scratch.git("for-each-ref", "--format=%(refname)") == REF


def test_without_ref_files_git_is_asked(scratch, store):
    (scratch.root / ".git" / "reftable").mkdir()
    again = store_of(scratch)
    assert again.tip() == store.tip()
    scratch.git("update-ref", "-d", REF)
    assert again.tip() is store.tip() is None


def test_a_partial_clone_fetches_what_it_lacks(scratch, store, tmp_path, git_repo):
    scratch.git("config", "uploadpack.allowFilter", "true")
    scratch.git("config", "uploadpack.allowAnySHA1InWant", "true")
    tip = store.add(texts("a", "b"), message="m")
    scratch.commit()
    clone = git_repo("clone")
    clone.git("remote", "add", "origin", f"file://{scratch.root}")
    clone.git("fetch", "-q", "--filter=blob:none", "origin", f"{REF}:{REF}")
    assert "?" + blob_id(b"a") in clone.git("rev-list", "--objects", "--missing=print", tip)
    assert store_of(clone).read_all() == texts("a", "b")


# --- races ---------------------------------------------------------------------------------


def add_many(root, worker):
    store = GitStore(Repository.discover(Path(root)))
    store.init()
    for n in range(20):
        assert store.add(texts(f"{worker} {n}"), message="m") is not None


def test_four_processes_lose_nothing(scratch, monkeypatch):
    # Here it is about losing nothing, on whatever busy machine this runs.
    monkeypatch.setattr(git_store, "RETRY_SECONDS", 60.0)
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=add_many, args=(scratch.root, w)) for w in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    everything = texts(*(f"{w} {n}" for w in range(4) for n in range(20)))
    assert store_of(scratch).read_all() == everything


def test_a_ref_that_moved_meanwhile(scratch, store, monkeypatch):
    """Somebody adds between our look at the tip and our move."""
    real = git_store.write_commit
    other = store_of(scratch)
    calls = []

    def write(repo, draft):
        commit = real(repo, draft)
        if not calls:
            calls.append(1)
            other.add(texts("theirs"), message="m")
        return commit

    monkeypatch.setattr(git_store, "write_commit", write)
    store.add(texts("ours"), message="m")
    assert store.read_all() == texts("ours", "theirs")


def test_a_stale_lock_is_named(scratch, store, monkeypatch):
    monkeypatch.setattr(git_store, "RETRY_SECONDS", 0.2)
    lock = scratch.root / ".git" / f"{REF}.lock"
    lock.write_text("")
    with pytest.raises(StoreConflict, match=r"store\.lock exists(.|\n)*rm "):
        store.add(texts("a"), message="m")
    lock.unlink()
    assert store.add(texts("a"), message="m")


def test_others_who_never_stop(scratch, store, monkeypatch):
    monkeypatch.setattr(git_store, "RETRY_SECONDS", 0.1)
    real = git_store.write_commit

    def write(repo, draft):
        commit = real(repo, draft)
        tree = scratch.git("rev-parse", f"{REF}^{{tree}}")
        scratch.git("update-ref", REF, scratch.git("commit-tree", tree, "-p", REF, "-m", "again"))
        return commit

    monkeypatch.setattr(git_store, "write_commit", write)
    with pytest.raises(StoreConflict, match="try again"):
        store.add(texts("a"), message="m")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_prune_that_takes_the_new_objects(scratch, store, monkeypatch, moment):
    """`git gc --prune=now` removes what no ref holds: before, or while, the ref moves."""
    real_write, real_move = git_store.write_commit, store.ref.move
    written = []

    def write(repo, draft):
        written.append(real_write(repo, draft))
        if moment == "before" and len(written) == 1:
            scratch.git("prune", "--expire=now")
        return written[-1]

    def move(old, new, reason):
        answer = real_move(old, new, reason)
        if moment == "after" and len(written) == 1:
            loose(scratch, blob_id(b"a")).unlink()
        return answer

    monkeypatch.setattr(git_store, "write_commit", write)
    monkeypatch.setattr(store.ref, "move", move)
    store.add(texts("a"), message="m")
    assert len(written) == 2
    assert store_of(scratch).read_all() == texts("a")
    scratch.git("fsck", "--full")


WRITER = """\
import sys
from pathlib import Path
from mandala_git.repo.git_store import GitStore
from mandala_git.repo.repository import Repository
from mandala_git.repo.store import text_name
store = GitStore(Repository.discover(Path(sys.argv[1])))
for n in range(10**6):
    data = f"{sys.argv[2]} {n}".encode()
    store.add({text_name(data): data}, message="m")
    print(text_name(data), flush=True)
"""


@pytest.mark.parametrize("rounds", [6, pytest.param(100, marks=pytest.mark.slow)])
def test_kill_9_loses_nothing_that_was_acknowledged(scratch, store, rounds):
    acknowledged = set()
    for n in range(rounds):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(scratch.root), str(n)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=Path(__file__).parents[2],
            start_new_session=True,  # so that its git can be killed with it
        ) as writer:
            acknowledged.add(writer.stdout.readline().strip())
            time.sleep(0.005 * (n % 20))
            os.killpg(writer.pid, signal.SIGKILL)
            acknowledged.update(line.strip() for line in writer.stdout if line.endswith("\n"))
        # What `StoreConflict` tells the user to do.
        (scratch.root / ".git" / f"{REF}.lock").unlink(missing_ok=True)
    acknowledged.discard("")
    assert len(acknowledged) >= rounds
    assert acknowledged <= set(store.names())
    assert store.read_all().keys() == set(store.names())
    scratch.git("fsck", "--full")


# --- damage --------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", [b"", b"\0" * 41, b"garbage\n", b"ref: refs/heads/nowhere\n"])
def test_a_damaged_ref_says_how_to_get_back(scratch, store, damage):
    store.add(texts("a"), message="m")
    place = scratch.root / ".git" / REF
    place.write_bytes(damage)
    again = store_of(scratch)
    for use in (again.exists, again.init, again.names, lambda: again.add({}, message="m")):
        with pytest.raises(StoreError, match="is broken") as caught:
            use()
    command = caught.value.hint.partition(": ")[2]
    subprocess.run(command, shell=True, check=True, cwd=scratch.root)
    assert again.read_all() == texts("a")
    assert again.add(texts("b"), message="m")


def test_a_missing_tip_says_how_to_get_back(scratch, store):
    store.add(texts("a"), message="m")
    loose(scratch, store.add(texts("b"), message="m")).unlink()
    with pytest.raises(StoreError, match="last good state") as caught:
        store_of(scratch).read_all()
    subprocess.run(caught.value.hint.partition(": ")[2], shell=True, check=True, cwd=scratch.root)
    assert store_of(scratch).read_all() == texts("a")


def test_a_missing_or_torn_blob_is_an_error(scratch, store):
    store.add(texts("a"), message="m")
    file = loose(scratch, blob_id(b"a"))
    file.unlink()
    with pytest.raises(StoreError, match="is missing"):
        store.read_all()
    file.write_bytes(b"torn")
    with pytest.raises(StoreError):
        store.read_all()


def test_without_a_past_another_clone_helps(scratch, store):
    (scratch.root / ".git" / "logs" / REF).unlink()
    (scratch.root / ".git" / REF).write_bytes(b"")
    with pytest.raises(StoreError, match=r"rm .* && git fetch origin"):
        store.tip()


def test_an_unknown_format_is_read_only(scratch, store):
    store.add(texts("a"), message="m")
    plant(scratch, REF, {**texts("b"), "FORMAT": b"2\n"}, parents=[REF])
    assert store.read_all() == texts("b")
    for write in (lambda: store.add(texts("c"), message="m"), lambda: store.merge(fork(scratch))):
        with pytest.raises(StoreError, match=r"'2'(.|\n)*pip install --upgrade"):
            write()
    assert store.init() is False


def test_a_repository_that_cannot_be_written(scratch, store, monkeypatch):
    def move(old, new, reason):
        raise AssertionError("objects must be written first")

    monkeypatch.setattr(store.ref, "move", move)
    objects = scratch.root / ".git" / "objects"
    objects.rename(objects.with_name("away"))
    objects.write_text("")
    with pytest.raises(StoreError):
        store.add(texts("a"), message="m")


# --- merges --------------------------------------------------------------------------------


def plant(scratch, ref, files, parents=(), modes=None, time=1_700_000_000):
    """Put a commit with any tree at all under a ref, as a foreign hand might."""
    index = scratch.root / ".git" / "planting"
    index.unlink(missing_ok=True)
    env = {
        "GIT_INDEX_FILE": str(index),
        "GIT_AUTHOR_DATE": f"{time} +0200",
        "GIT_COMMITTER_DATE": f"{time} +0200",
    }
    for name, data in files.items():
        blob = scratch.git("hash-object", "-w", "--stdin", input=data)
        mode = (modes or {}).get(name, "100644")
        scratch.git("update-index", "--add", "--cacheinfo", f"{mode},{blob},{name}", env=env)
    tree = scratch.git("write-tree", env=env)
    words = [word for parent in parents for word in ("-p", parent)]
    commit = scratch.git("commit-tree", tree, *words, "-m", "planted", env=env)
    scratch.git("update-ref", ref, commit)
    return commit


def fork(scratch, *names, time=1_700_000_000, base=REF):
    """Return a commit that adds texts to the present store without moving it."""
    paths = scratch.git("ls-tree", "-r", "--name-only", base).split()
    have = {path: scratch.git("show", f"{base}:{path}").encode() for path in paths}
    have["FORMAT"] = b"1\n"
    return plant(scratch, "refs/tests/fork", {**have, **texts(*names)}, [base], time=time)


def test_fast_forward_both_ways(scratch, store):
    store.add(texts("a"), message="m")
    ahead = fork(scratch, "b")
    before = store.tip()
    assert store.merge(ahead) == store.tip() == ahead
    assert store.merge(before) == ahead
    assert store.merge(ahead) == ahead
    assert store.read_all() == texts("a", "b")


def test_both_sides_come_to_the_same_commit(git_repo):
    one, two = git_repo("one"), git_repo("two")
    stores = [store_of(one), store_of(two)]
    for n, made in enumerate(stores):
        made.init()
        made.add(texts("both"), message="m")
        made.add(texts(f"only {n}"), message="m")
    for here, there in ((one, two), (two, one)):
        here.git("fetch", "-q", str(there.root), f"{REF}:refs/mandala-remote/other/store")
    assert [absorb(made.repo, made) for made in stores] == [True, True]
    assert stores[0].tip() == stores[1].tip()
    assert stores[0].read_all() == stores[1].read_all() == texts("both", "only 0", "only 1")
    assert [absorb(made.repo, made) for made in stores] == [False, False]
    one.git("push", "-q", str(two.root), f"{REF}:{REF}")  # nobody has to force anything
    raw = one.git("cat-file", "commit", REF)
    assert raw.count("parent ") == 2
    assert "git-mandala <mandala@localhost>" in raw
    assert "+0000" in raw


def test_the_time_of_a_merge_is_that_of_the_later_parent(scratch, store):
    sides = [fork(scratch, "a", time=1_600_000_000), fork(scratch, "b", time=1_800_000_000)]
    for side in sides:
        store.merge(side)
    assert scratch.git("log", "-1", "--format=%ct", REF) == "1800000000"


def test_what_the_other_side_removed_or_rewrote_stays(scratch, store):
    store.add(texts("a", "b"), message="m")
    name = text_name(b"a")
    evil = plant(scratch, "refs/tests/evil", {"FORMAT": b"1\n", name: b"evil", **texts("c")}, [REF])
    tip = store.merge(evil)
    assert store.read_all() == texts("a", "b", "c")
    assert store.merge(evil) == tip
    assert store_of(scratch).merge(tip) == tip


def test_what_has_no_business_in_a_store_stays_out(scratch, store):
    good, linked = text_name(b"good"), text_name(b"linked")
    evil = plant(
        scratch,
        "refs/tests/evil",
        {
            "FORMAT": b"1\n",
            good: b"good",
            linked: b"linked",
            text_name(b"run"): b"run",
            text_name(b"wrong name"): b"other bytes",
            verdict_name(sha256(b"e"), b"v")[:-1]: b"v",
            "README": b"hello",
            't/evil\n"name': b"x",
        },
        modes={linked: "120000", text_name(b"run"): "100755"},
    )
    for ours in (store.tip(), None):
        if ours is None:
            scratch.git("update-ref", "-d", REF)
        store.merge(evil)
        assert scratch.git("ls-tree", "-r", "--name-only", REF).split() == ["FORMAT", good]
        assert store.read_all() == {good: b"good"}


def test_wrong_content_that_was_fetched_directly_does_not_count(scratch, store):
    name = text_name(b"a")
    plant(scratch, REF, {"FORMAT": b"1\n", name: b"evil"}, [REF])
    assert store.read_all() == {}
    store.add({name: b"a"}, message="m")
    assert store.read_all() == texts("a")


def test_a_fetched_store_that_is_no_store(scratch, store):
    plant(scratch, "refs/mandala-remote/origin/store", {"a.py": b""})
    with pytest.raises(StoreError, match="format"):
        absorb(store.repo, store)
    with pytest.raises(StoreError, match=r"fetched store(.|\n)*fetch it again"):
        store.merge("1" * 40)
    assert store.read_all() == {}


def test_one_bad_fetched_store_does_not_hide_the_others(scratch, store):
    tips = [fork(scratch, "good 1"), fork(scratch, "good 2")]
    bad = plant(scratch, "refs/mandala-remote/bad/store", {"FORMAT": b"2", **texts("bad")})
    for n, tip in enumerate(tips):
        scratch.git("update-ref", f"refs/mandala-remote/good{n}/store", tip)
    scratch.git("update-ref", "refs/mandala-remote/good1/something-else", bad)
    with pytest.raises(StoreError, match="'2'"):
        absorb(store.repo, store)
    assert store.read_all() == texts("good 1", "good 2")


def test_a_repository_without_a_store_takes_the_fetched_one(git_repo, store, scratch):
    tip = store.add(texts("a"), message="m")
    clone = git_repo("clone")
    assert fetched_tips(Repository.discover(clone.root)) == []
    for remote in ("origin", "team/fork"):
        clone.git("fetch", "-q", str(scratch.root), f"{REF}:refs/mandala-remote/{remote}/store")
    made = store_of(clone)
    assert fetched_tips(made.repo) == [tip]
    clone.git("pack-refs", "--all")
    assert not list((clone.root / ".git/refs/mandala-remote").glob("**/store"))
    assert fetched_tips(made.repo) == [tip]
    assert absorb(made.repo, made) is True
    assert made.tip() == tip


def test_a_directly_fetched_store_is_just_there(git_repo, store, scratch):
    store.add(texts("a"), message="m")
    clone = git_repo("clone")
    clone.git("fetch", "-q", str(scratch.root), f"{REF}:{REF}")
    assert store_of(clone).read_all() == texts("a")


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.sets(st.sampled_from("abcdef")), min_size=2, max_size=3),
    st.booleans(),
)
def test_merging_is_commutative_associative_and_idempotent(tmp_path_factory, sets, start):
    root = tmp_path_factory.mktemp("laws")
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    store = GitStore(Repository.discover(root))
    tips = []
    for n, names in enumerate(sets):
        subprocess.run(["git", "update-ref", "-d", REF], check=True, cwd=root)
        store.init()
        if start:  # a common past
            store.add(texts("common"), message="m")
        store.add(texts(*names), message=f"side {n}")
        tips.append(store.tip())
    results, commits_of_pairs = set(), set()
    for order in permutations(tips):
        subprocess.run(["git", "update-ref", REF, order[0]], check=True, cwd=root)
        for tip in order[1:]:
            merged = store.merge(tip)
            assert store.merge(tip) == merged
        results.add(tuple(store.names()))
        commits_of_pairs.add(store.tip())
    expected = texts(*set().union(*sets), *(["common"] if start else []))
    assert results == {tuple(sorted(expected))}
    if len(tips) == 2:
        assert len(commits_of_pairs) == 1


def test_a_draft_is_its_bytes():
    draft = commits.Draft(["1" * 40], "m", 5, texts("b", "a"))
    assert draft.stream() == commits.Draft(["1" * 40], "m", 5, texts("a", "b")).stream()
