"""Which recorded versions count here and now, and what version a call gets.

`Versioned` asks the world of this process; `Unversioned` is for a storage in memory outside
any repository, where a version is the code object of the op and nothing more.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from mandala_git.config import read_settings
from mandala_git.errors import VersionError
from mandala_git.ops.op import Op, decorated_files
from mandala_git.repo.git_store import GitStore
from mandala_git.repo.repository import Repository
from mandala_git.results.calls import Session
from mandala_git.results.ids import set_namer
from mandala_git.results.store import Results
from mandala_git.source.codes import code_hash
from mandala_git.source.definitions import Definition
from mandala_git.source.index import Index
from mandala_git.source.snapshot import is_gone
from mandala_git.versions.history import History
from mandala_git.versions.indexed import IndexedTree
from mandala_git.versions.loaded import Loaded
from mandala_git.versions.process import ProcessWorld, Reading
from mandala_git.versions.recorded import Recorded
from mandala_git.versions.seen import Check, Guard
from mandala_git.versions.tracker import OpenCall, Tracker

if TYPE_CHECKING:
    from mandala_git.versions.recording import Ran


class CallVersion(NamedTuple):
    """The version of a call as results know it.

    Attributes:
        row: in the results.
        vid: id, 32 bytes.
        guard: holds while the version belongs to this process.
        reusable: False when it belongs to no later call.
        exact: every text it ran is still the same.
        why: what to tell the user of a version that belongs to no later call.
    """

    row: int
    vid: bytes
    guard: Guard
    reusable: bool = True
    exact: bool = True
    why: str = ""


class Versioning(Protocol):
    """What the memo asks about versions."""

    tracker: Tracker | None

    def enter(self) -> bool:
        """Begin a block; whether judgements made before are void."""

    def leave(self) -> None:
        """End the outermost block."""

    def key(self, op: Op[..., Any]) -> str:
        """Return the key of an op."""

    def ops(self, op: Op[..., Any]) -> list[int]:
        """Return the rows of the ops whose calls may be calls of this one."""

    def added(self, op: Op[..., Any]) -> Iterable[frozenset[str]]:
        """Return the sets of parameters with defaults that earlier versions did not have."""

    def admit(self, op: Op[..., Any], row: int) -> CallVersion | None:
        """Return the version of a recorded call if it belongs here and now."""

    def renew(self) -> None:
        """Look at everything anew: a guard did not hold."""

    def before(self, op: Op[..., Any]) -> Mapping[str, Reading | None]:
        """Read the globals that may change while the op runs."""

    def record(
        self,
        op: Op[..., Any],
        call: OpenCall | None,
        arguments: Iterable[tuple[str, str]],
        before: Mapping[str, Reading | None],
    ) -> CallVersion:
        """Return the version of a call that just ran."""

    def session(self) -> Session:
        """Return where calls run now."""


class Unversioned:
    """Every op is versioned by its own code alone; results live as long as the process."""

    tracker: Tracker | None = None

    def __init__(self, results: Results) -> None:
        self._results = results
        self._rows: dict[tuple[str, bytes], CallVersion] = {}
        self._ops: dict[str, int] = {}

    def enter(self) -> bool:
        """Begin a block."""
        return False

    def leave(self) -> None:
        """End the outermost block."""

    def key(self, op: Op[..., Any]) -> str:
        """Return the module and name of an op."""
        return f"{op.func.__module__}::{op.func.__qualname__}"

    def ops(self, op: Op[..., Any]) -> list[int]:
        """Return the row of the op."""
        key = self.key(op)
        if key not in self._ops:
            self._ops[key] = self._results.op_id(key)
        return [self._ops[key]]

    def _version(self, op: Op[..., Any]) -> CallVersion:
        code = code_hash(op.func.__code__)
        found = self._rows.get((self.key(op), code))
        if found is None:
            import hashlib

            name = self.key(op).encode("utf-8", "surrogatepass")
            vid = hashlib.sha256(name + b"\0" + code).digest()
            row = self._results.version_id(vid, self.key(op), b"")
            found = self._rows[self.key(op), code] = CallVersion(row, vid, Guard(()))
        return found

    def added(self, op: Op[..., Any]) -> Iterable[frozenset[str]]:
        """Return nothing: no verdict can bridge an added parameter here."""
        return ()

    def admit(self, op: Op[..., Any], row: int) -> CallVersion | None:
        """Return the version of a call made with the same code object."""
        version = self._version(op)
        return version if version.row == row else None

    def renew(self) -> None:
        """Nothing was looked at."""

    def before(self, op: Op[..., Any]) -> Mapping[str, Reading | None]:
        """Read nothing."""
        return {}

    def record(
        self,
        op: Op[..., Any],
        call: OpenCall | None,
        arguments: Iterable[tuple[str, str]],
        before: Mapping[str, Reading | None],
    ) -> CallVersion:
        """Return the version of the op's present code."""
        return self._version(op)

    def session(self) -> Session:
        """Return where calls run now."""
        return _session(None, False)


@dataclass(slots=True)
class _Known:
    """What is known of an op in this process."""

    key: str  # under which calls are recorded
    definition: str  # key of the definition that holds it
    rows: list[int] = field(default_factory=list)
    versions: dict[int, CallVersion | None] = field(default_factory=dict)
    recorded: dict[object, tuple[CallVersion, frozenset[str]]] = field(default_factory=dict)
    changeable: list[str] | None = None
    fixed: list[tuple[str, Check, Reading]] = field(default_factory=list)
    added: set[frozenset[str]] | None = None
    context: tuple[bytes, bytes, dict[bytes, bytes]] | None = None


class Versioned:
    """Versions by the meaning of the code, in a git work tree.

    Args:
        repo: the repository.
        results: its results.
    """

    tracker: Tracker | None

    def __init__(self, repo: Repository, results: Results) -> None:
        self.repo = repo
        self.results = results
        folder = repo.mandala_dir()
        self.rules = rules = read_settings(repo.root).rules
        self.index = Index(folder / "index.db", rules=rules)
        self.history = History(GitStore(repo), results, self.index, rules=rules)
        self.loaded = Loaded(repo.root, self.index, self._blob_id, rules)
        for filename, stat in decorated_files().items():
            self.loaded.pin_decorated(filename, stat)
        set_namer(self.loaded.name)
        self.tracker = Tracker(lambda filename: self.loaded.path_of(filename) is not None)
        self._world: ProcessWorld | None = None
        self._known: dict[Op[..., Any], _Known] = {}
        self._generation = -1

    def _blob_id(self, data: bytes) -> str:
        from mandala_git.repo.objects import blob_id

        return blob_id(data, self.repo.object_format)

    @property
    def world(self) -> ProcessWorld:
        """The world of this process, made when first needed."""
        if self._world is None:
            self._world = ProcessWorld(self.loaded, self._tree, self.history)
        return self._world

    def _tree(self) -> IndexedTree:
        from mandala_git.repo.snapshots import work_tree

        tree = work_tree(self.repo, self.index)
        return IndexedTree(tree, self.index, rules=self.rules)

    # -- blocks --------------------------------------------------------------------------

    def enter(self) -> bool:
        """Read verdicts that came in; whether judgements made before are void."""
        self.history.refresh()
        for filename, stat in decorated_files().items():
            self.loaded.pin_decorated(filename, stat)
        if self._generation != self.history.generation:
            self._generation = self.history.generation
            self._forget()
            return True
        return False

    def leave(self) -> None:
        """Give the interpreter's hook back."""
        if self.tracker is not None:
            self.tracker.pause()

    def renew(self) -> None:
        """Look at everything anew: a guard did not hold."""
        self.world.renew()
        self._forget()

    def _forget(self) -> None:
        for known in self._known.values():
            known.versions.clear()
            known.recorded.clear()
            known.rows.clear()
            known.changeable = None
            known.added = None
            known.context = None

    # -- ops -----------------------------------------------------------------------------

    def _of(self, op: Op[..., Any]) -> _Known:
        known = self._known.get(op)
        if known is None:
            found = self.loaded.owner(op.func.__code__)
            if found is None:
                raise self._unversionable(op)
            key, _ = found
            inner = self._inner(op)
            known = _Known(f"{key}.<locals>.{inner}" if inner else key, key)
            self._known[op] = known
        return known

    def _inner(self, op: Op[..., Any]) -> str:
        """Return what tells an op from others in its definition; "" where it is the definition."""
        code, name = op.func.__code__, op.func.__qualname__
        inner = code.co_qualname.partition(".<locals>.")[2]
        if not inner and code.co_name != "<lambda>":
            return inner
        inner = inner or code.co_name
        if name != code.co_qualname:  # a wrapper, which may look at the name that it took over
            inner = f"{inner} as {name}"
        # A compatible edit around them must not make one of them the other.
        return f"{inner} {code_hash(code).hex()}" if self.loaded.has_twins(code) else inner

    def _unversionable(self, op: Op[..., Any]) -> VersionError:
        filename = op.func.__code__.co_filename
        if os.path.exists(filename):
            return VersionError(
                f"{op.name} in {filename} is no code of the repository {self.repo.root}",
                hint="Call it without @op, or move it into the repository.",
            )
        return VersionError(
            f"{op.name} has no source file ({filename}), so its results cannot follow its code",
            hint="Define it in a file of the repository, or call it outside the block.",
        )

    def key(self, op: Op[..., Any]) -> str:
        """Return the key of an op.

        Raises:
            VersionError: it is no code of the repository.
        """
        return self._of(op).key

    def ops(self, op: Op[..., Any]) -> list[int]:
        """Return the rows of the op, and of ops that are gone, of which this may be one."""
        known = self._of(op)
        if not known.rows:
            definition = self.world.snapshot.definition(known.definition)
            own = self.results.op_id(known.key)
            known.rows.append(own)
            for row, key in self.results.ops():
                if row != own and definition and is_gone(self.world.snapshot, key):
                    known.rows.append(row)
        return known.rows

    def added(self, op: Op[..., Any]) -> Iterable[frozenset[str]]:
        """Return the sets of parameters with defaults that earlier versions did not have."""
        known = self._of(op)
        if known.added is None:
            present = set(op.plan.signature.parameters)
            found = set()
            for row in self.ops(op):
                for version in self.results.versions_of(row):
                    recorded = self.history.recorded(version.vid.hex())
                    text = self.history.text(recorded.nodes[0].text_id) if recorded else None
                    earlier = set(text.parameters) if text is not None else present
                    if earlier < present and present - earlier <= op.plan.defaults.keys():
                        found.add(frozenset(present - earlier))
            known.added = found
        return known.added

    def admit(self, op: Op[..., Any], row: int) -> CallVersion | None:
        """Return the version of a recorded call if it belongs here and now."""
        known = self._of(op)
        for _ in range(2):
            if row not in known.versions:
                known.versions[row] = self._judge(known, row)
            found = known.versions[row]
            if found is None or found.guard.holds():
                return found
            self.renew()  # something moved since it was looked at: look again, once
        return None

    def _judge(self, known: _Known, row: int) -> CallVersion | None:
        version = self.results.version(row)
        guard = version and self.world.admit(version.vid.hex(), known.definition)
        if not version or guard is None:
            return None
        return CallVersion(row, version.vid, guard, exact=self._exact(version.vid))

    def _exact(self, vid: bytes) -> bool:
        recorded = self.history.recorded(vid.hex())
        return recorded is not None and all(
            (here := self.world.snapshot.definition(node.key)) is not None
            and here.text_id == node.text_id
            for node in recorded.nodes
        )

    def before(self, op: Op[..., Any]) -> Mapping[str, Reading | None]:
        """Read the globals in the op's static closure that may change while it runs."""
        known = self._of(op)
        if known.changeable is None:
            known.changeable = self.world.changeable(known.definition)
            known.fixed = self.world.fixed(known.definition)
        readings = {key: self.world.read_now(key) for key in known.changeable}
        for key, check, reading in known.fixed:
            readings[key] = reading if check.holds() else self.world.read_now(key)
        return readings

    def record(
        self,
        op: Op[..., Any],
        call: OpenCall | None,
        arguments: Iterable[tuple[str, str]],
        before: Mapping[str, Reading | None],
    ) -> CallVersion:
        """Return the version of a call that just ran."""
        from mandala_git.versions.recording import Ran

        assert call is not None
        known = self._of(op)
        if self.world.outgrown():
            self.renew()  # modules were loaded meanwhile: what they hold counts
        names = self.loaded.keys_of(arguments)
        ran = Ran.of(call, self.world, names, before)
        moved = self.world.moved(before)
        identity = ran.identity()
        if not ran.volatile and not moved:
            found = known.recorded.get(identity)
            if found is not None and found[0].guard.holds():
                return found[0]
        recorded, keys, why = self._write(known, ran)
        guard = self.world.checks(keys)
        if not guard.holds():
            self.renew()
            ran = Ran.of(call, self.world, names, before)
            recorded, keys, why = self._write(known, ran)
            guard = self.world.checks(keys)
        changed = [key for key in moved if before[key] is not None]
        if changed and not why:
            # To find the result would not change again what the call changed.
            recorded = recorded._replace(volatile=os.urandom(16).hex())
            why = f"it changes {', '.join(changed)}"
        # What was bound meanwhile is as it was only for a later process.
        version = self._store(known, recorded, guard, here=not moved)._replace(why=why)
        if version.reusable:
            known.recorded[identity] = (version, keys)
        return version

    def _write(self, known: _Known, ran: Ran) -> tuple[Recorded, frozenset[str], str]:
        definition = self.world.snapshot.definition(known.definition)
        if definition is None:
            raise VersionError(f"{known.key} is no longer where it was when it was loaded")
        from mandala_git.versions.recording import Recorder

        recorder = Recorder(self.world, definition, ran)
        recorded = recorder.record()
        return recorded, frozenset(node.key for node in recorded.nodes), recorder.why

    def _store(self, known: _Known, recorded: Recorded, guard: Guard, *, here: bool) -> CallVersion:
        context, texts, bodies = self._context(known)
        recorded = recorded._replace(context=context.hex())
        vid = bytes.fromhex(recorded.id)
        more = {
            bytes.fromhex(node.text_id): body
            for node in recorded.nodes
            if bytes.fromhex(node.text_id) not in bodies
            and (body := self.index.text(node.text_id)) is not None
        }
        if self.results.version_by_vid(vid) is None:
            self.results.put_context(context, texts)
        row = self.results.version_id(vid, known.key, recorded.to_bytes(), {**bodies, **more})
        self.history.keep(recorded.id, recorded)
        version = CallVersion(row, vid, guard, reusable=here and not recorded.volatile)
        if version.reusable:
            known.versions[row] = version
        return version

    def _context(self, known: _Known) -> tuple[bytes, bytes, dict[bytes, bytes]]:
        """Return the op's static closure: id, packed text ids, texts by id."""
        if known.context is None:
            closure: Mapping[str, Definition] = self.world.closure(known.definition)
            import hashlib

            ids = sorted({d.text_id for d in closure.values()})
            data = "".join(f"{text}\n" for text in ids).encode()
            bodies = {}
            for text in ids:
                body = self.index.text(text)
                if body is not None:
                    bodies[bytes.fromhex(text)] = body
            packed = b"".join(map(bytes.fromhex, ids))
            known.context = (hashlib.sha256(data).digest(), packed, bodies)
        return known.context

    def session(self) -> Session:
        """Return the commit and the state of the work tree under which calls run now."""
        head = self.repo.head()
        return _session(head, self.repo.is_dirty())


def _session(commit: str | None, dirty: bool) -> Session:
    import platform

    script = getattr(sys.modules.get("__main__"), "__file__", None) or ""
    return Session(commit, dirty, platform.node(), os.getpid(), script, time.time())
