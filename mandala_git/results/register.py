"""What calls refer to: ops, versions, sessions, texts and contexts."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from mandala_git.results import reading
from mandala_git.results.calls import Session, Version
from mandala_git.results.connection import Connected


class Register(Connected):
    """The rows that calls refer to: rare, so each is written in a transaction of its own."""

    def op_id(self, key: str) -> int:
        """Return the row of an op, made if new."""
        return self._interned("ops", "key", bindable(key))

    def ops(self) -> list[tuple[int, str]]:
        """Return (row, key) of every op."""
        with self._using() as database:
            rows = database.execute("SELECT id, key FROM ops ORDER BY id").fetchall()
        return [
            (row, key if isinstance(key, str) else key.decode("utf-8", "surrogatepass"))
            for row, key in rows
        ]

    def version_id(
        self, vid: bytes, op: str, payload: bytes, texts: Mapping[bytes, bytes] | None = None
    ) -> int:
        """Return the row of a version, made if new together with the texts that it cites.

        Its texts are on disk before any call of it can be: a version without calls is
        possible after a crash, a call without its version or texts is not.

        Args:
            vid: id of the version, 32 bytes.
            op: key of the op.
            payload: what the room above makes of it.
            texts: {text id: body} for the outbox.
        """
        known = self.version_by_vid(vid)
        if known is not None:
            return known.id
        op_row = self.op_id(op)
        with self._transaction() as database:
            database.executemany(
                "INSERT OR IGNORE INTO outbox (text_id, body) VALUES (?, ?)",
                list((texts or {}).items()),
            )
            database.execute(
                "INSERT OR IGNORE INTO versions (vid, op, payload, created) VALUES (?, ?, ?, ?)",
                (vid, op_row, payload, time.time()),
            )
            row = database.execute("SELECT id FROM versions WHERE vid = ?", (vid,)).fetchone()
        return int(row[0])

    def versions_of(self, op: int) -> list[Version]:
        """Return the recorded versions of an op, oldest first."""
        return self._versions("op = ? ORDER BY id", op)

    def version(self, version: int) -> Version | None:
        """Return a version by its row."""
        return next(iter(self._versions("id = ?", version)), None)

    def version_by_vid(self, vid: bytes) -> Version | None:
        """Return a version by its id."""
        return next(iter(self._versions("vid = ?", vid)), None)

    def session_id(self, session: Session) -> int:
        """Record a session; return its row."""
        with self._transaction() as database:
            cursor = database.execute(
                """INSERT INTO sessions (commit_id, dirty, host, pid, script, started)
                   VALUES (?, ?, ?, ?, ?, ?)""",
                (
                    session.commit_id,
                    int(session.dirty),
                    session.host,
                    session.pid,
                    session.script.encode("utf-8", "backslashreplace").decode(),
                    session.started,
                ),
            )
        return int(cursor.lastrowid or 0)

    def sessions(self, ids: Iterable[int]) -> dict[int, Session]:
        """Return sessions by row."""
        with self._using() as database:
            return reading.sessions(database, ids)

    def last_session(self, version: int) -> Session | None:
        """Return the last session in which calls of a version were recorded."""
        with self._using() as database:
            (row,) = database.execute(
                "SELECT max(session) FROM runs WHERE version = ? AND calls > 0", (version,)
            ).fetchone()
            return None if row is None else reading.sessions(database, [row])[row]

    def outbox_texts(self, ids: Iterable[bytes] | None = None) -> dict[bytes, bytes]:
        """Return texts by id: those asked for that are known here, or all not yet drained."""
        with self._using() as database:
            return reading.texts(database, ids)

    def mark_drained(self, ids: Iterable[bytes]) -> None:
        """Note that texts have reached the store in git; they stay readable here."""
        with self._transaction() as database:
            database.executemany(
                "UPDATE outbox SET drained = 1 WHERE text_id = ?", [(text,) for text in ids]
            )

    def put_context(self, context: bytes, texts: bytes) -> None:
        """Keep a context: the sorted text ids of a static closure, 32 bytes each."""
        with self._transaction() as database:
            database.execute("INSERT OR IGNORE INTO contexts VALUES (?, ?)", (context, texts))

    def context(self, context: bytes) -> bytes | None:
        """Return the text ids of a context, None where it is not known."""
        with self._using() as database:
            row = database.execute("SELECT texts FROM contexts WHERE id = ?", (context,)).fetchone()
        return None if row is None else bytes(row[0])

    def _versions(self, where: str, value: int | bytes) -> list[Version]:
        with self._using(flushed=False) as database:
            rows = database.execute(
                f"SELECT id, vid, op, payload, created FROM versions WHERE {where}", (value,)
            ).fetchall()
        return [Version(*row) for row in rows]


def bindable(text: str) -> str | bytes:
    """Return a text, or its bytes if SQLite would refuse it: a path that is not UTF-8."""
    data = text.encode("utf-8", "surrogatepass")
    return text if data.isascii() or data.decode("utf-8", "replace") == text else data
