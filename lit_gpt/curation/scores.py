"""Score tables: a number for each content, written down as it is made, so that nothing is scored twice.

A table is a folder named after scorer, version and settings: `scorer.json` says what it is, and `scores.jsonl` has a
line {content_hash, value} for each row; where there is no finite number value is null, and `missing` says why. Rows are
scored in shards; the last line of a shard says so, and whatever comes after the last such line was cut short by a kill
and is taken away. Resuming therefore goes on with the very shard at which it stopped, and the table comes out the same,
byte for byte. Another version is another table: that rows are scored anew for that reason is noted.

A scorer whose numbers depend on the other rows (a distance to neighbours) has `OF_THE_SET`: its table is of one set of
rows, and scored as one shard.
"""

import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from lit_gpt.curation.indicators.scores import Missing
from lit_gpt.curation.rows import Rows
from lit_gpt.errors import UserError
from lit_gpt.example import Example
from lit_gpt.files import hash_json, locked, read_json, write_json
from lit_gpt.progress import bar

if TYPE_CHECKING:
    from lit_gpt.curation.bench import Bench, Scores

SCORES = "scores.jsonl"
HEADER = "scorer.json"
NO_NUMBER, NOT_SCORED = "not_a_number", "not_scored"
KEY_CHARS = 12
Known = dict[str, float | str]  # content hash -> the score, or why there is none
ScoreRows = Callable[[list[Example]], Iterable[tuple[str, float]]]


class Scorer(Protocol):
    """A frozen dataclass of settings. NAME and VERSION name the table: another formula is another version."""

    NAME: ClassVar[str]
    VERSION: ClassVar[int]
    SHARD_ROWS: ClassVar[int]
    OF_THE_SET: ClassVar[bool]

    def identity(self, bench: "Bench") -> dict[str, Any]:
        """What else decides the numbers, such as the fingerprint of a model."""
        ...

    def start(self, bench: "Bench") -> ScoreRows:
        """Load what is needed; the function returned scores rows: (id, value) of each."""
        ...


@runtime_checkable
class Combined(Protocol):
    """A scorer made of other scores; it has no table of its own. A Missing among its numbers says why there is none."""

    def combine(self, rows: Rows, bench: "Bench") -> "Scores | list[float]": ...


def scores_of(scorer: "Scorer | Combined", name: str, rows: Rows, bench: "Bench") -> "Scores":
    """The score of each row, NaN where there is none; what is not in the table yet is scored now."""
    made = scorer.combine(rows, bench) if isinstance(scorer, Combined) else from_table(scorer, name, rows, bench)
    values = list(made)
    why = {id: value.reason for id, value in zip(rows.ids, values, strict=True) if isinstance(value, Missing)}
    bench.why_missing.setdefault(name, {}).update(why)
    return np.array(values, dtype=np.float64)


def from_table(scorer: Scorer, name: str, rows: Rows, bench: "Bench") -> list[float]:
    """The scorer's own numbers, Missing where there is none; `name` is for the bar."""
    table = ScoreTable.of(scorer, rows, bench)
    with locked(table.directory / ".lock", wait=True):
        known = table.fill(table.read(), rows, scorer, bench, name)
    values = (known[content_hash] for content_hash in rows.hashes)
    return [Missing(value) if isinstance(value, str) else value for value in values]


class ScoreTable:
    """One scorer's table in `directory`; `header` is what decides its numbers."""

    def __init__(self, directory: Path, header: dict[str, Any]) -> None:
        self.directory, self.header = directory, header

    @classmethod
    def of(cls, scorer: Scorer, rows: Rows, bench: "Bench") -> "ScoreTable":
        decisive = {
            "scorer": scorer.NAME,
            "version": scorer.VERSION,
            "settings": json.loads(json.dumps(asdict(scorer), default=str)),  # type: ignore[call-overload]
            **scorer.identity(bench),
        }
        if scorer.OF_THE_SET:
            decisive["rows"] = hash_json(rows.hashes)
        return cls(bench.scores_dir / f"{scorer.NAME}-v{scorer.VERSION}-{hash_json(decisive)[:KEY_CHARS]}", decisive)

    def read(self) -> Known:
        """Every score written down, less what a kill cut short; UserError for a table of something else."""
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / HEADER
        if not path.is_file():
            write_json(path, self.header)
        if read_json(path) != self.header:
            got = f"{self.directory}, which holds scores of {_words(read_json(path))}"
            raise UserError(got, f"scores of {_words(self.header)}", "move that folder away")
        return dict(self._settled_lines())

    def _settled_lines(self) -> Iterator[tuple[str, float | str]]:
        path = self.directory / SCORES
        data = path.read_bytes() if path.is_file() else b""
        pending: list[tuple[str, float | str]] = []
        settled = end = 0
        for line in data.splitlines(keepends=True):
            end += len(line)
            record = _parse(line)
            if record is None:
                break
            value = record["value"]
            pending.append((record["content_hash"], record.get("missing", NO_NUMBER) if value is None else value))
            if record.get("ends_shard"):
                yield from pending
                pending.clear()
                settled = end
        if settled < len(data):
            os.truncate(path, settled)

    def fill(self, known: Known, rows: Rows, scorer: Scorer, bench: "Bench", name: str) -> Known:
        """Score the contents that have no score yet, each once, in the order of the rows."""
        missing = set(rows.hashes) - known.keys()
        if not missing:
            return known
        self._note_other_versions(bench)
        score_rows = scorer.start(bench)
        todo = _first_of_each(rows, missing)
        with open(self.directory / SCORES, "ab") as file, bar(len(missing), f"scoring {name}", "row") as progress:
            while shard := list(islice(todo, len(missing) if scorer.OF_THE_SET else scorer.SHARD_ROWS)):
                values = _values(shard, score_rows(shard))
                file.write(_lines(values))
                file.flush()
                os.fsync(file.fileno())
                known |= values
                progress.update(len(shard))
        return known

    def _note_other_versions(self, bench: "Bench") -> None:
        """Rows that another version has scored are scored anew: that should surprise nobody."""
        name, version = self.header["scorer"], self.header["version"]
        for path in sorted(self.directory.parent.glob(f"{name}-v*/{HEADER}")):
            other = _header(path)
            if other.get("scorer") != name or other.get("version") == version:
                continue
            title = f"A table of version {other.get('version')} of {name} lies beside and is not used"
            if all(title != note["title"] for note in bench.notes):
                why = f"{path.parent.name}: rows are scored anew by version {version}, whose numbers are others"
                bench.note(title, [why])


def _header(path: Path) -> dict[str, Any]:
    """What a table beside says of itself; nothing where it is damaged."""
    try:
        found = read_json(path)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _parse(line: bytes) -> dict[str, Any] | None:
    """The record of a whole line."""
    if not line.endswith(b"\n"):
        return None
    try:
        record: dict[str, Any] = json.loads(line)
        return record if {"content_hash", "value"} <= record.keys() else None
    except (ValueError, AttributeError):
        return None


def _first_of_each(rows: Rows, missing: set[str]) -> Iterator[Example]:
    seen: set[str] = set()
    for example in rows:
        if example.content_hash in missing and example.content_hash not in seen:
            seen.add(example.content_hash)
            yield example


def _values(shard: list[Example], scored: Iterable[tuple[str, float]]) -> Known:
    """The scores by content; for a row without a finite one, why."""
    by_id = dict(scored)
    if strangers := by_id.keys() - {example.id for example in shard}:
        raise ValueError(f"the scorer scored rows it was not given, such as {min(strangers)}")
    return {example.content_hash: _finite(by_id.get(example.id)) for example in shard}


def _finite(value: float | None) -> float | str:
    """The number; else what the scorer says of it (indicators/scores.py: Missing), or that it said nothing."""
    if value is not None and math.isfinite(value):
        return float(value)
    return str(getattr(value, "reason", NOT_SCORED if value is None else NO_NUMBER))


def _lines(values: Known) -> bytes:
    records: list[dict[str, Any]] = [
        {"content_hash": key, "value": None, "missing": value}
        if isinstance(value, str)
        else {"content_hash": key, "value": value}
        for key, value in values.items()
    ]
    records[-1]["ends_shard"] = True
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def _words(header: Mapping[str, Any]) -> str:
    return f"{header.get('scorer')}, version {header.get('version')}"
