"""Score tables that somebody else made: read strictly, since a number that is not there must not become one."""

import math
from pathlib import Path
from typing import Any

from lit_gpt.curation.scores import HEADER, SCORES
from lit_gpt.data.reading import read_records
from lit_gpt.data.records import Record, Reject
from lit_gpt.errors import UserError
from lit_gpt.files import read_json

KEYS = ("id", "content_hash")
EXPECTED = "JSONL, CSV or parquet with id or content_hash, and a column of numbers"

WITHOUT = "write null where there is no number; --missing drop then leaves those rows out"


def read_given(path: Path, column: str, version: str = "") -> dict[str, float | None]:
    """Key (id or content hash) -> number; None where the table has a row without a finite one.

    UserError for a table that cannot be read, says two things about one row, or is of another version.
    """
    if path.is_dir():
        _check_version(path, version, str(read_json(path / HEADER).get("version")) if (path / HEADER).is_file() else "")
        path = path / SCORES
    if not path.is_file():
        raise UserError(f"{path}, which does not exist", f"a table of scores: {EXPECTED}", "check the path")
    found: dict[str, float | None] = {}
    for record in read_records(path, lambda columns, file: None):
        if isinstance(record, Reject):
            got = f"{path}, line {record.place.line}: {record.reason}"
            raise UserError(got, EXPECTED, WITHOUT if record.reason == "not_a_number" else "mend that line")
        if "version" in record.fields and version:
            _check_version(path, version, str(record.fields["version"]))
        key, value = _entry(record, path, column)
        if key in found and found[key] != value:
            got = f"{path}, line {record.place.line}: a second score for {key}"
            raise UserError(got, "one score for each row", "take one of them out")
        found[key] = value
    return found


def _check_version(path: Path, wanted: str, there: str) -> None:
    if wanted and there != wanted:
        got = f"{path}, which holds scores of version {there or '(unknown)'}"
        raise UserError(got, f"version {wanted}", "score again, or give the table of that version")


def _entry(record: Record, path: Path, column: str) -> tuple[str, float | None]:
    where = f"{path}, line {record.place.line}"
    key = next((str(record.fields[name]) for name in KEYS if record.fields.get(name)), None)
    if key is None or column not in record.fields:
        got = f"{where} with {', '.join(record.fields)}"
        raise UserError(got, f"id or content_hash, and {column}", "rename the columns of the table")
    return key, _number(record.fields[column], where)


def _number(value: Any, where: str) -> float | None:
    """None for what says that there is no number; UserError for what is neither."""
    if value is None or (isinstance(value, str) and value.strip().lower() in ("", "nan", "null", "none")):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise UserError(f"{where}: {value!r}", "a number", "mend that line") from None
    return number if math.isfinite(number) else None
