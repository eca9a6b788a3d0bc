"""What a reader yields: a record, or the place and the reason where there is none.

`line` is the physical line (from 1) on which the record starts, in parquet the row (from 1); `byte_offset` counts
bytes of the decompressed file and is None in parquet. `part` counts the records (from 1) that a source makes of one
record of the file, and is 0 where it takes the record as it is.
"""

import json
from dataclasses import dataclass
from typing import Any

from lit_gpt.data.reasons import REASONS

EXCERPT_CHARS = 200


@dataclass(frozen=True, slots=True)
class Place:
    file: str
    line: int
    byte_offset: int | None = None
    part: int = 0


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its named fields, and the bytes it was read from where the file is text."""

    place: Place
    fields: dict[str, Any]
    raw: bytes | None = None

    def reject(self, reason: str) -> "Reject":
        raw = json.dumps(self.fields, default=repr).encode() if self.raw is None else self.raw
        return Reject(self.place, reason, excerpt(raw), n_lines_of(raw))


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was left out: where it stood, a code of REASONS, how its text begins, and the lines it took.

    `id` is the one it would have had.
    """

    place: Place
    reason: str
    text: str
    n_lines: int = 1
    id: str = ""

    def to_row(self) -> dict[str, Any]:
        """A line of `rejects.jsonl`."""
        place = self.place
        return {
            "id": self.id,
            "file": place.file,
            "line": place.line,
            "last_line": place.line + self.n_lines - 1,
            "part": place.part,
            "byte_offset": place.byte_offset,
            "reason": self.reason,
            "meaning": REASONS[self.reason],
            "text": self.text,
        }


def excerpt(raw: bytes) -> str:
    """The first characters of a row, with bytes that are no text written as \\xNN."""
    return raw[: 4 * EXCERPT_CHARS].decode("utf-8", "backslashreplace")[:EXCERPT_CHARS]


def n_lines_of(raw: bytes) -> int:
    """Physical lines the bytes of one record stand on."""
    return raw.rstrip(b"\r\n").count(b"\n") + 1
