"""Tables in which quotes have no meaning: one row a line, fields between delimiters (FLAN's TSV files are such).

Resynchronisation is the line's end: a damaged line costs itself. A line with more or fewer fields than there are
columns is a reject.
Not handled: line breaks or delimiters inside a field; some files write them as \\n and \\t, which stay as they are.
"""

from collections.abc import Iterator

from lit_gpt.data.readers.columns import CheckColumns, name_columns
from lit_gpt.data.readers.stream import ByteStream
from lit_gpt.data.records import Place, Record, Reject, excerpt

DELIMITERS = ("\t", ",", ";", "|")


def read_plain_table(
    stream: ByteStream, check_columns: CheckColumns, names: tuple[str, ...] = ()
) -> Iterator[Record | Reject]:
    """Records by column name: those of `names`, for a table without a header line, else those of the first line."""
    lines = ((line, offset, raw.rstrip(b"\r\n")) for line, offset, raw in stream.lines())
    rows = (row for row in lines if row[2].strip())
    first = next(rows, None)
    if first is not None:
        delimiter = max(DELIMITERS, key=lambda each: _fits(first[2], each, len(names))) if len(names) != 1 else ""
        columns = name_columns(list(names) or _fields(first[2].decode("utf-8", "replace"), delimiter), stream.name)
        check_columns(columns, stream.name)
        if names:
            yield _row(first, delimiter, columns, stream.name)
        for row in rows:
            yield _row(row, delimiter, columns, stream.name)
    yield from stream.damage()


def _fits(line: bytes, delimiter: str, n_columns: int) -> tuple[bool, int]:
    """How well a delimiter suits the first line: it gives the columns named, else the more the better."""
    n_fields = line.count(delimiter.encode()) + 1
    return n_fields == n_columns, n_fields


def _row(line: tuple[int, int, bytes], delimiter: str, columns: list[str], file: str) -> Record | Reject:
    number, offset, raw = line
    place = Place(file, number, offset)
    try:
        fields = _fields(raw.decode(), delimiter)
    except UnicodeDecodeError:
        return Reject(place, "invalid_utf8", excerpt(raw))
    if len(fields) != len(columns):
        return Reject(place, "wrong_field_count", excerpt(raw))
    return Record(place, dict(zip(columns, fields, strict=True)), raw)


def _fields(line: str, delimiter: str) -> list[str]:
    """A table of one column has no delimiter."""
    return line.split(delimiter) if delimiter else [line]
