"""The main job, played in a temporary repository with the real git and the real hook.

Run it with `python examples/tour.py`; it ends by itself and leaves nothing behind. Each step
shows the commands as you would type them, what they print, and checks what it says.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pexpect

HERE = Path(__file__).resolve().parent
DIM, BOLD, END = ("\033[2m", "\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "", "")


class Tour:
    """A scratch repository, and somebody who works in it.

    Args:
        root: an empty folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.env = {
            **os.environ,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "GIT_AUTHOR_NAME": "A. Scientist",
            "GIT_AUTHOR_EMAIL": "scientist@example.org",
            "GIT_COMMITTER_NAME": "A. Scientist",
            "GIT_COMMITTER_EMAIL": "scientist@example.org",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "PRE_COMMIT_HOME": str(root.parent / "pre-commit-home"),
            "COLUMNS": "100",
        }
        for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "CI"):
            self.env.pop(name, None)

    def say(self, text: str) -> None:
        """Print a heading."""
        print(f"\n{BOLD}{text}{END}")

    def run(self, command: str, *, cwd: Path | None = None, quiet: bool = False) -> str:
        """Run a shell command as a user would, show it and what it prints."""
        if not quiet:
            print(f"{DIM}${END} {command}", flush=True)
        done = subprocess.run(
            command,
            shell=True,
            cwd=cwd or self.root,
            env=self.env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if not quiet:
            show(done.stdout)
        if done.returncode:
            show(done.stdout if quiet else "")
            raise SystemExit(f"the tour stops: {command!r} ended with {done.returncode}")
        return done.stdout

    def commit(self, message: str, answers: dict[str, str]) -> str:
        """Commit on a real terminal and answer the hook's questions.

        Args:
            message: of the commit.
            answers: what to type when a question names a definition.
        """
        command = f"git commit -q -a -m '{message}'"
        print(f"{DIM}${END} {command}", flush=True)
        child = pexpect.spawn(
            "git",
            ["commit", "-q", "-a", "-m", message],
            cwd=str(self.root),
            env=self.env,
            encoding="utf-8",
            timeout=120,
            dimensions=(50, 100),
        )
        seen = ""
        while True:
            asked = child.expect([r"breaking or compatible\?[^\n]*\[[^\]]*\][^\n]*", pexpect.EOF])
            seen += child.before + (child.after if asked == 0 else "")
            if asked:
                break
            text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", child.before)
            # The question is about the definition that was named last.
            name = max(answers, key=lambda each: text.rfind(each))
            child.sendline(answers[name])
        child.close()
        show(seen.replace("\r", ""))
        if child.exitstatus:
            raise SystemExit(f"the tour stops: the commit ended with {child.exitstatus}")
        return seen

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a piece of a file, and say so."""
        file = self.root / path
        text = file.read_text()
        if old not in text:
            raise SystemExit(f"the tour stops: {path} does not hold {old!r}")
        print(f"{DIM}# in {path}: {old.strip()}  ->  {new.strip()}{END}")
        file.write_text(text.replace(old, new))


def show(text: str) -> None:
    """Print what a command printed, indented."""
    for line in text.rstrip().splitlines():
        print(f"  {line}")


def check(fact: bool, claim: str) -> None:
    """Say what was seen; stop if it is not so."""
    if not fact:
        raise SystemExit(f"the tour stops: not so: {claim}")
    print(f"  -> {claim}")


def main() -> None:
    """Play the eight steps."""
    with tempfile.TemporaryDirectory() as folder:
        play(Tour(Path(folder) / "digits"))


def play(tour: Tour) -> None:
    """Play the eight steps in an empty folder."""
    shutil.copytree(HERE / "digits", tour.root, ignore=shutil.ignore_patterns("__pycache__"))
    hook = "{id: mandala, name: mandala, language: system, entry: mandala-pre-commit,"
    (tour.root / ".pre-commit-config.yaml").write_text(
        "repos:\n- repo: local\n  hooks:\n"
        f"  - {hook} pass_filenames: false, always_run: true, require_serial: true, verbose: true}}\n"
    )
    (tour.root / ".gitignore").write_text("__pycache__/\n")

    tour.say("1. A repository, and a place in it for verdicts")
    tour.run("git init -q && git mandala init")
    tour.run("pre-commit install && git add -A && git commit -q -m 'First version'", quiet=True)

    tour.say("2. Run: every call is recorded. Run again: nothing executes")
    first = tour.run("python pipeline.py")
    check("13 calls ran" in first, "13 calls ran")
    second = tour.run("python pipeline.py")
    check("0 calls ran, 13 were found" in second, "and none the second time")

    tour.say("3. Reformat, reword a comment and a docstring: nobody is asked")
    tour.edit("prep.py", '"""Centre every pixel."""', '"""Subtract the mean of every pixel."""')
    tour.edit(
        "pipeline.py",
        "KNeighborsClassifier(n_neighbors)",
        "KNeighborsClassifier(\n        n_neighbors,  # of the training set\n    )",
    )
    seen = tour.commit("Reformat", {})
    check("only reformatted" in seen, "the hook says so in a line")
    check("0 calls ran" in tour.run("python pipeline.py"), "the results still belong")

    tour.say("4. Change a helper and an op: the hook shows what it costs, and asks")
    tour.edit("prep.py", "with_std=False", "with_std=True")
    tour.edit(
        "pipeline.py",
        "return load_digits(n_class=N_CLASS, return_X_y=True)",
        "digits = load_digits(n_class=N_CLASS)\n    return digits.data, digits.target",
    )
    seen = tour.commit("Scale to unit variance", {"scale_data": "b", "load_data": "c"})
    check("6 recorded calls" in seen, "only the six calls with scale=True used scale_data")

    tour.say("5. Run: only what depended on the breaking change runs again")
    third = tour.run("python pipeline.py")
    check("6 calls ran, 7 were found" in third, "those with scale=True")
    tour.edit("prep.py", "N_CLASS = 10", "N_CLASS = 5")
    tour.commit("Five classes", {"N_CLASS": "b"})
    check("13 calls ran" in tour.run("python pipeline.py"), "a constant that all of it depends on")

    tour.say("6. Back in time: the old results are simply there")
    tour.run("git checkout -q HEAD~2")
    old = tour.run("python pipeline.py")
    check("0 calls ran" in old and old.splitlines()[:6] == first.splitlines()[:6], "as they were")
    tour.run("git checkout -q -")
    check("0 calls ran" in tour.run("python pipeline.py"), "and here are the new ones again")

    tour.say("7. Look at an old world without a checkout")
    tour.run("git mandala results get_acc --rev HEAD~2")
    table = json.loads(tour.run("git mandala results get_acc --rev HEAD~2 --json", quiet=True))
    check(len(table["rows"]) == 6, "six results belong to that commit")
    look = (
        "from mandala_git import Storage; print(Storage().at('HEAD~2').table('get_acc').acc.max())"
    )
    tour.run(f'python -c "{look}"')

    tour.say("8. A second clone sees the same verdicts")
    clone = tour.root.parent / "clone"
    tour.run(f"git clone -q . {clone}")
    tour.run("git mandala init", cwd=clone, quiet=True)
    tour.run(
        "git config --add remote.origin.fetch '+refs/mandala/*:refs/mandala-remote/origin/*'",
        cwd=clone,
    )
    tour.run("git fetch -q", cwd=clone)
    log = tour.run("git mandala log", cwd=clone)
    check("breaking" in log, "and knows who decided what")

    tour.say("The computation, and its results")
    tour.run("python -c \"from mandala_git import Storage; print(Storage().at('HEAD').graph())\"")
    tour.run("git mandala results get_acc")


if __name__ == "__main__":
    main()
