"""Versions by the meaning of the code that is loaded, in a git work tree."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from types import CodeType
from typing import TYPE_CHECKING, Any, Literal

from mandala_git.config import MARKED, read_settings
from mandala_git.errors import ResultsError, VersionError
from mandala_git.ops.declared import Declarations
from mandala_git.ops.op import Op, decorated_files
from mandala_git.ops.packages import installed, places_of
from mandala_git.ops.remarks import Remarks
from mandala_git.ops.versioning import Before, CallVersion, Versioning, session_here
from mandala_git.repo.data_files import normal
from mandala_git.results.calls import Session
from mandala_git.results.store import Results
from mandala_git.source.codes import code_hash
from mandala_git.source.definitions import Definition, split_key
from mandala_git.source.index import Index, in_memory
from mandala_git.source.snapshot import is_gone
from mandala_git.versions.agreement import Belongs
from mandala_git.versions.beforehand import Beforehand, known_from, unforeseen, with_bound
from mandala_git.versions.data import folder_of
from mandala_git.versions.history import History
from mandala_git.versions.indexed import IndexedTree
from mandala_git.versions.loaded import Loaded
from mandala_git.versions.process import ProcessWorld
from mandala_git.versions.proofs import is_at_home, without_source
from mandala_git.versions.recorded import Recorded
from mandala_git.versions.seen import Guard
from mandala_git.versions.tracker import OpenCall, Tracker

if TYPE_CHECKING:
    from mandala_git.repo.project import Project
    from mandala_git.versions.belonging import Belonging


_RECENT = 16
"""So many versions of an op are asked what its calls read."""


class _Known:
    """What is known of an op, as long as nothing that was looked at has changed."""

    def __init__(self, key: str, definition: str) -> None:
        self.key = key  # under which calls are recorded
        self.definition = definition  # key of the definition that holds it
        self.rows: list[int] = []
        self.versions: dict[int, CallVersion | None] = {}
        # By what was observed, with the code objects whose ids are in it.
        self.recorded: dict[object, tuple[CallVersion, dict[int, CodeType]]] = {}
        self.beforehand: Beforehand | None = None
        self.added: set[frozenset[str]] | None = None
        self.context: tuple[bytes, bytes, dict[bytes, bytes]] | None = None


class Versioned(Versioning):
    """Versions by the meaning of the code.

    Args:
        repo: the repository, or a folder outside of any.
        results: its results.
        track_packages: installed packages whose code counts, beside those of the settings.
        tracking: "all", or "decorated": only ops and what is marked; None: as the settings say.
    """

    tracker: Tracker
    lenient = False
    """Whether an edit about which nothing was said counts as compatible."""

    def __init__(
        self,
        repo: Project,
        results: Results,
        track_packages: Iterable[str] = (),
        tracking: Literal["all", "decorated"] | None = None,
    ) -> None:
        super().__init__(results)
        self.repo = repo
        folder = repo.mandala_dir()
        settings = read_settings(repo.root)
        self.rules = rules = settings.rules
        left_out = settings.untracked
        if tracking is not None:
            left_out = left_out - {MARKED} | ({MARKED} if tracking == "decorated" else set())
        tracked = sorted({*track_packages, *settings.track_packages})
        # What was recorded when nobody looked at their code does not count.
        looked_at = dict.fromkeys((f"the code of {name}" for name in tracked), "looked at")
        self.index = (
            in_memory(rules)
            if folder is None
            else Index(folder / "index.db", rules=rules, wal=results.wal)
        )
        self.history = History(
            repo.store(),
            results,
            self.index,
            rules=rules,
            untracked=left_out,
            packages=installed(settings.packages, repo.root) | looked_at,
        )
        self.loaded = Loaded(repo.root, self.index, self._blob_id, rules, places_of(tracked))
        self._pin_decorated()
        self.tracker = Tracker(lambda filename: self.loaded.path_of(filename) is not None)
        self._world: ProcessWorld | None = None
        self._known: dict[Op[..., Any], _Known] = {}
        self._remarks = Remarks()
        self._generation = -1
        self._learned: dict[str, set[str]] = {}  # by key of the op

    def _pin_decorated(self) -> None:
        for filename, stat in decorated_files().items():
            self.loaded.pin_decorated(filename, stat)

    def _blob_id(self, data: bytes) -> str:
        from mandala_git.repo.objects import blob_id

        return blob_id(data, self.repo.object_format)

    @property
    def world(self) -> ProcessWorld:
        """The world of this process, made when first needed."""
        if self._world is None:
            from mandala_git.repo.data_files import DiskFiles

            data = DiskFiles(self.repo.root, self.repo.object_format, self.index)
            declarations = Declarations(self.loaded)
            self._world = ProcessWorld(self.loaded, self._tree, self.history, data, declarations)
        return self._world

    def _tree(self) -> IndexedTree:
        from mandala_git.repo.snapshots import work_tree

        tree = work_tree(self.repo, self.index)
        return IndexedTree(tree, self.index, rules=self.rules)

    def name(self, obj: Any) -> str | None:
        """Return the project key of a function or class."""
        return self.loaded.name(obj)

    # -- blocks --------------------------------------------------------------------------

    def enter(self) -> int:
        """Read verdicts that came in."""
        self.history.refresh()
        self._pin_decorated()
        self.loaded.refresh()
        if self._world is not None and self._world.behind:
            self.renew()
        if self._generation != self.history.generation:
            self._forget()
            self._generation = self.history.generation
        return self._generation

    def leave(self) -> None:
        """Give the interpreter's hook back."""
        self.tracker.pause()

    def begin_anew(self) -> None:
        """Forget all that was looked at, verdicts too."""
        self.history.begin_anew()
        self.history.refresh()
        self.renew()

    def renew(self) -> None:
        """Look at everything anew: a guard did not hold."""
        self.world.renew()
        self._forget()

    def _forget(self) -> None:
        self._known = {op: _Known(known.key, known.definition) for op, known in self._known.items()}

    # -- ops -----------------------------------------------------------------------------

    def _of(self, op: Op[..., Any]) -> _Known:
        known = self._known.get(op)
        if known is None:
            found = self.loaded.owner(op.own.__code__)
            if found is None and self.world.outgrown():
                self.renew()  # it was made in the cell that runs
                found = self.loaded.owner(op.own.__code__)
            if (
                found is None
                or split_key(found[0])[0] not in self.loaded.modules()
                or not is_at_home(op.own)
            ):
                found = self._without_source(op), False
                self.renew()
            key, _ = found
            inner = self._inner(op)
            known = _Known(f"{key}.<locals>.{inner}" if inner else key, key)
            self._known[op] = known
        return known

    def _inner(self, op: Op[..., Any]) -> str:
        """Return what tells an op from others in its definition; "" where it is the definition."""
        code, name = op.own.__code__, op.name
        inner = code.co_qualname.partition(".<locals>.")[2]
        if not inner and code.co_name != "<lambda>":
            return inner
        inner = inner or code.co_name
        if name != code.co_qualname:  # a wrapper, which may look at the name that it took over
            inner = f"{inner} as {name}"
        # A compatible edit around them must not make one of them the other.
        return f"{inner} {code_hash(code).hex()}" if self.loaded.has_twins(code) else inner

    def _without_source(self, op: Op[..., Any]) -> str:
        """Return a key for an op whose code no later process can know again.

        Raises:
            VersionError: it is other people's code.
        """
        filename = op.own.__code__.co_filename
        if os.path.exists(filename) and self.loaded.path_of(filename) is None:
            raise VersionError(
                f"{op.name} in {filename} is no code of the project {self.repo.root}",
                hint="Call it without @op, or move it into the project.",
            )
        if is_at_home(op.own):
            return without_source(self.loaded, op.own.__code__)
        sent = "it came here without its module: define it in one that is imported here, too"
        return without_source(self.loaded, op.own.__code__, sent)

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

    def finds(self, row: int, key: str) -> bool:
        """Tell whether there is an op of a name here that finds its recorded calls."""
        stats = self.results.stats([row])
        with self:
            gone = is_gone(self.world.snapshot, key.partition(".<locals>")[0])
            return not gone and any(
                belongs(version.id, key) is not Belongs.NO
                for belongs in (self.belonging(),)
                for version in self.results.versions_of(row)
                if version.id in stats
            )

    def added(self, op: Op[..., Any]) -> Iterable[frozenset[str]]:
        """Return the sets of parameters with defaults that earlier versions did not have."""
        known = self._of(op)
        if known.added is None:
            present = set(op.plan.names or op.plan.signature.parameters)
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
        for _ in range(2):
            known = self._of(op)
            if row not in known.versions:
                known.versions[row] = self._judged(known, row)
            found = known.versions[row]
            if found is not None:
                current = found.guard.holds()
            else:
                current = not self.world.files_moved() and self._beforehand(op).holds
            if current:
                return found
            self.renew()  # something moved since it was looked at: look again, once
        return None

    def _judged(self, known: _Known, row: int) -> CallVersion | None:
        version = self.results.version(row)
        guard = version and self.world.admit(
            version.vid.hex(), known.definition, lenient=self.lenient
        )
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

    def shares(self) -> Belonging:
        """Return who tells which versions belong to the loaded code."""
        from mandala_git.versions.belonging import Belonging

        return Belonging(self.world.snapshot, self.world.judge, self.results)

    def before(self, op: Op[..., Any], arguments: Collection[tuple[str, str]]) -> Before:
        """Look at the globals and files that the op may lead to, and that may change meanwhile."""
        if not self._beforehand(op).holds:
            self.renew()
        names = self.loaded.keys_of(arguments) if arguments else ()
        readings, world = self._beforehand(op).readings(names), self.world
        return Before(readings, world.files_below(self._of(op).definition), world.paths)

    def _beforehand(self, op: Op[..., Any]) -> Beforehand:
        known = self._of(op)
        if known.beforehand is None:
            learned = self._learned_of(op, known)
            known.beforehand = Beforehand(self.world, known.definition, learned)
        return known.beforehand

    def _learned_of(self, op: Op[..., Any], known: _Known) -> set[str]:
        """Return what calls read that nothing led to before they ran."""
        learned = self._learned.get(known.key)
        if learned is None:
            try:
                versions = [v for row in self.ops(op) for v in self.results.versions_of(row)]
                recorded = [self.history.recorded(v.vid.hex()) for v in versions[-_RECENT:]]
            except ResultsError:
                return set()  # what nobody foresees makes a call one that is not found again
            learned = known_from(recorded, self.world, known.definition)
            self._learned[known.key] = learned
        return learned

    def record(
        self,
        op: Op[..., Any],
        call: OpenCall,
        arguments: Collection[tuple[str, str]],
        before: Before,
    ) -> CallVersion:
        """Return the version of a call that just ran."""
        readings, files, _ = before
        if self.world.outgrown():
            self.renew()  # modules were loaded meanwhile: what they hold counts
        names = self.loaded.keys_of(arguments) if arguments else ()
        moved = self.world.moved(readings) if readings else []
        observed = (
            frozenset(call.codes),
            call.observed,
            frozenset(call.links),
            names,
            tuple([(key, read and read.cid) for key, read in readings.items()]) if readings else (),
            repr(files) if files else "",
        )
        known = self._of(op)
        if not moved:
            found = known.recorded.get(observed)
            if found is not None and found[0].guard.holds():
                return found[0]
        recorded, why, guard, sure = self._write(known, call, names, before)
        if not guard.holds():
            readings = with_bound(self.world, known.definition, readings, before.loaded)
            before = before._replace(readings=readings)
            self.renew()
            known = self._of(op)
            recorded, why, guard, sure = self._write(known, call, names, before)
            moved = self.world.moved(readings)
        unknown, came = unforeseen(self.world, recorded, readings, before.loaded)
        if came:  # with modules that it imported by name
            before = before._replace(readings={**readings, **dict.fromkeys(came)})
            recorded, why, guard, sure = self._write(known, call, names, before)
        # What came with its module is, for a later process, as its source says.
        changed = [k for k in moved if readings[k] or split_key(k)[0] in before.loaded]
        if (changed or unknown) and not why:
            # To find the result would not change again what the call changed.
            recorded = recorded._replace(volatile=os.urandom(16).hex())
            why = f"it changes {', '.join(changed)}"
            if not changed:
                why = f"nobody could know before that this one reads {', '.join(unknown)}"
        if unknown:
            self._learned_of(op, known).update(unknown)
            known.beforehand = None
        version = self._store(
            known, recorded, guard, here=sure and not moved and not came
        )._replace(why=why)
        if not call.observed and self.tracker.obstacle:
            self._remarks.unobserved(self.tracker.obstacle)
        self._remarks.about(recorded, self.world, known.definition)
        if version.reusable:
            known.recorded[observed] = (version, call.codes)
        return version

    def _write(
        self,
        known: _Known,
        call: OpenCall,
        names: tuple[str, ...],
        before: Before,
    ) -> tuple[Recorded, str, Guard, bool]:
        """Return the version of a call, and whether a later call may be answered with it.

        Returns:
            The version, why it is volatile, what it rests on here, and False where a nested
            call belongs to no later one.
        """
        from mandala_git.versions.recording import Ran, Recorder

        definition = self.world.snapshot.definition(known.definition)
        if definition is None:
            raise VersionError(f"{known.key} is no longer where it was when it was loaded")
        recorder = Recorder(
            self.world, definition, Ran.of(call, self.world, names, before.readings, before.files)
        )
        recorded = recorder.record()
        if not call.links or recorder.why:
            keys = frozenset(node.key for node in recorded.nodes)
            guard = self.world.checks(known.definition, keys, recorder.files)
            return recorded, recorder.why, guard, True
        self.history.keep(recorded.id, recorded)
        admitted = self.world.admit(recorded.id, known.definition)
        if admitted is not None:
            return recorded, "", admitted, True
        # One of the nested calls belongs to no later call.
        keys = frozenset(self.world.closure(known.definition))
        return recorded, "", self.world.checks(known.definition, keys, recorder.files), False

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
            if files := {normal(folder_of(n.key), p) for n in recorded.nodes for p, _ in n.files}:
                self.repo.note_data(files)
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
        return session_here(self.repo.head(), dirty=self.repo.is_dirty())
