"""The scratch repositories of the tests are reproducible."""

from __future__ import annotations


def test_commits_are_the_same_in_every_run(git_repo):
    ids = []
    for name in ("one", "two"):
        repo = git_repo(name)
        repo.write("src/a.py", "x = 1\n")
        ids.append(repo.commit("first"))
    assert ids[0] == ids[1]
    assert (
        repo.git("log", "-1", "--format=%an <%ae> %at") == "Ada Author <ada@example.org> 1700000000"
    )
