"""Any data file as a stream of records and rejects: the format is told, its reader does the rest.

The name tells (.jsonl, .ndjson, .json, .csv, .tsv, .parquet, each alone or with .gz, .bz2, .zst; .xml, which is the
Posts.xml of a Stack Exchange dump); for another name the first bytes do. A `.json` file that does not start with a
bracket is read as JSON lines. What no file tells of itself stands in its Layout.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lit_gpt.data.readers.columns import CheckColumns
from lit_gpt.data.readers.compressed import without_compression
from lit_gpt.data.readers.csv_table import read_csv
from lit_gpt.data.readers.json_array import read_json_array
from lit_gpt.data.readers.json_document import read_json_document
from lit_gpt.data.readers.json_lines import read_json_lines
from lit_gpt.data.readers.parquet_table import MAGIC, read_parquet
from lit_gpt.data.readers.plain_table import read_plain_table
from lit_gpt.data.readers.posts_xml import read_posts
from lit_gpt.data.readers.stream import ByteStream, OnBytes, ignore, open_stream
from lit_gpt.data.records import Record, Reject

Format = Literal["JSON array", "JSON lines", "JSON document", "CSV", "table without quotes", "parquet", "posts"]
FORMAT_OF_SUFFIX: dict[str, Format] = {
    ".json": "JSON array",
    ".jsonl": "JSON lines",
    ".ndjson": "JSON lines",
    ".csv": "CSV",
    ".tsv": "CSV",
    ".parquet": "parquet",
    ".xml": "posts",
}


@dataclass(frozen=True)
class Layout:
    """What a file does not tell of itself.

    Args:
        quotes: in a table, quotes enclose fields (RFC 4180); false where they are text like any other
        column_names: the columns of a table that has no header line
        one_object: a JSON file is one object, rather than a list of them or one on each line
    """

    quotes: bool = True
    column_names: tuple[str, ...] = ()
    one_object: bool = False


AS_TOLD = Layout()


def suffix_of(name: str) -> str:
    """The ending that tells the format, in lower case, without that of a compression."""
    return Path(without_compression(name.lower())).suffix


def format_of(path: Path, layout: Layout = AS_TOLD) -> Format:
    """The format by name and content."""
    with open_stream(path, path.name) as stream:
        head = stream.peek()
    if head.startswith(MAGIC):
        return "parquet"
    return _text_format(FORMAT_OF_SUFFIX.get(suffix_of(path.name)), head.lstrip()[:1], layout)


def _text_format(named: Format | None, first: bytes, layout: Layout) -> Format:
    if named in (None, "JSON array"):
        if first == b"[":
            return "JSON array"
        if named or first == b"{":
            return "JSON document" if layout.one_object else "JSON lines"
        named = "CSV"
    return "table without quotes" if named == "CSV" and not layout.quotes else named


def read_records(
    path: Path,
    check_columns: CheckColumns,
    on_bytes: OnBytes = ignore,
    name: str | None = None,
    layout: Layout = AS_TOLD,
) -> Iterator[Record | Reject]:
    """Every row of the file in order, as a record or as a reject.

    Args:
        path: the file
        check_columns: called with a table's column names and the file's name before its first row
        on_bytes: told how many more bytes of the file have been used up
        name: what rejects call the file, by default its own name
        layout: what the file does not tell of itself
    """
    name = name or path.name
    kind = format_of(path, layout)
    if kind == "parquet":
        yield from read_parquet(path, name, check_columns, on_bytes)
        return
    if kind == "posts":
        yield from read_posts(path, name, on_bytes)
        return
    with open_stream(path, name, on_bytes) as stream:
        yield from _read_text(kind, stream, check_columns, layout)


def _read_text(
    kind: Format, stream: ByteStream, check_columns: CheckColumns, layout: Layout
) -> Iterator[Record | Reject]:
    if kind == "CSV":
        return read_csv(stream, check_columns, layout.column_names)
    if kind == "table without quotes":
        return read_plain_table(stream, check_columns, layout.column_names)
    readers = {"JSON array": read_json_array, "JSON document": read_json_document, "JSON lines": read_json_lines}
    return readers[kind](stream)
