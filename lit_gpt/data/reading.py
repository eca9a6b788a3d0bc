"""Any data file as a stream of records and rejects: the format is told, its reader does the rest.

The name tells (.jsonl, .ndjson, .json, .csv, .tsv, .parquet, each with or without .gz); for another name the first
bytes do. A `.json` file that does not start with a bracket is read as JSON lines.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from lit_gpt.data.readers.columns import CheckColumns
from lit_gpt.data.readers.csv_table import read_csv
from lit_gpt.data.readers.json_array import read_json_array
from lit_gpt.data.readers.json_lines import read_json_lines
from lit_gpt.data.readers.parquet_table import MAGIC, read_parquet
from lit_gpt.data.readers.stream import OnBytes, ignore, open_stream
from lit_gpt.data.records import Record, Reject
from lit_gpt.files import open_bytes

Format = Literal["JSON array", "JSON lines", "CSV", "parquet"]
FORMAT_OF_SUFFIX: dict[str, Format] = {
    ".json": "JSON array",
    ".jsonl": "JSON lines",
    ".ndjson": "JSON lines",
    ".csv": "CSV",
    ".tsv": "CSV",
    ".parquet": "parquet",
}


def suffix_of(name: str) -> str:
    """The ending that tells the format, in lower case, without .gz."""
    return Path(name.lower().removesuffix(".gz")).suffix


def format_of(path: Path) -> Format:
    """The format by name and content."""
    with open_bytes(path) as stream:
        if stream.read(len(MAGIC)) == MAGIC:
            return "parquet"
    named = FORMAT_OF_SUFFIX.get(suffix_of(path.name))
    if named not in (None, "JSON array"):
        return named
    with open_stream(path, path.name) as stream:
        head = stream.peek().lstrip()[:1]
    if head == b"[":
        return "JSON array"
    return "JSON lines" if named or head == b"{" else "CSV"


def read_records(
    path: Path, check_columns: CheckColumns, on_bytes: OnBytes = ignore, name: str | None = None
) -> Iterator[Record | Reject]:
    """Every row of the file in order, as a record or as a reject.

    Args:
        path: the file
        check_columns: called with a table's column names and the file's name before its first row
        on_bytes: told how many more bytes of the file have been used up
        name: what rejects call the file, by default its own name
    """
    name = name or path.name
    kind = format_of(path)
    if kind == "parquet":
        yield from read_parquet(path, name, check_columns, on_bytes)
        return
    with open_stream(path, name, on_bytes) as stream:
        if kind == "CSV":
            yield from read_csv(stream, check_columns)
        else:
            yield from read_json_array(stream) if kind == "JSON array" else read_json_lines(stream)
