"""Small helpers of the data tests: bytes to a file, a file to records and rejects, rows to an ExampleSet."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lit_gpt.data.reading import read_records
from lit_gpt.data.records import Record, Reject


def any_columns(columns: list[str], file: str) -> None:
    """For readers: every table will do."""


def write(folder: Path, name: str, data: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def read(path: Path, check_columns: Callable[[list[str], str], None] = any_columns) -> tuple[list[Any], list[Reject]]:
    """The fields of the records, and the rejects."""
    rows = list(read_records(path, check_columns))
    return [row.fields for row in rows if isinstance(row, Record)], [row for row in rows if isinstance(row, Reject)]
