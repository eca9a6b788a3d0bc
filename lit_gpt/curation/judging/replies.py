"""Replies on disk, so that none is paid for twice: SQLite, a row for each call that was answered.

A reply is committed the moment it arrives, by the thread that got it; a kill loses the calls under way and no other.
The key is a hash of model, settings and prompt; where the endpoint lies is no part of it.
Not covered: network file systems without locks.
"""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from lit_gpt.curation.judging.question import Reply

FILE = "replies.sqlite"
WAIT_S = 60.0  # for another process that writes


@dataclass(frozen=True)
class Kept:
    """Replies there are, and the tokens of their prompts and their own."""

    n_calls: int = 0
    n_in: int = 0
    n_out: int = 0


class Replies:
    """The replies kept in a folder."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = Lock()
        self._file = sqlite3.connect(directory / FILE, timeout=WAIT_S, check_same_thread=False, isolation_level=None)
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute(
            "CREATE TABLE IF NOT EXISTS replies"
            " (key TEXT PRIMARY KEY, text TEXT NOT NULL, n_in INT NOT NULL, n_out INT NOT NULL, is_cut INT NOT NULL)"
        )

    def get(self, key: str) -> Reply | None:
        with self._lock:
            row = self._file.execute("SELECT text, n_in, n_out, is_cut FROM replies WHERE key = ?", (key,)).fetchone()
        return None if row is None else Reply(row[0], row[1], row[2], bool(row[3]))

    def keep(self, key: str, reply: Reply) -> None:
        values = (key, reply.text, reply.n_in, reply.n_out, reply.is_cut)
        with self._lock:
            self._file.execute("INSERT OR IGNORE INTO replies VALUES (?, ?, ?, ?, ?)", values)

    def count(self) -> Kept:
        with self._lock:
            row = self._file.execute("SELECT COUNT(*), TOTAL(n_in), TOTAL(n_out) FROM replies").fetchone()
        return Kept(*map(int, row))

    def close(self) -> None:
        self._file.close()


def count_kept(directory: Path) -> Kept:
    """Of the replies kept in a folder, which need not be there."""
    if not (directory / FILE).is_file():
        return Kept()
    replies = Replies(directory)
    try:
        return replies.count()
    finally:
        replies.close()
