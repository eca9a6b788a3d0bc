"""Parquet (https://parquet.apache.org), a batch of rows in memory at a time.

An unreadable row group costs its own rows and no others; a file without a readable footer is no parquet at all.
"""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lit_gpt.data.readers.columns import CheckColumns, name_columns
from lit_gpt.data.readers.stream import OnBytes, ignore
from lit_gpt.data.records import Place, Record, Reject
from lit_gpt.errors import UserError
from lit_gpt.files import open_bytes

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

MAGIC = b"PAR1"
BATCH_ROWS = 1_000


def read_parquet(
    path: Path, name: str, check_columns: CheckColumns, on_bytes: OnBytes = ignore
) -> Iterator[Record | Reject]:
    """Records by column name, trimmed and in lower case; UserError when the columns lack what is needed."""
    with open_bytes(path) as stream:
        file = _open(stream, name)
        columns = name_columns(file.schema_arrow.names, name)
        check_columns(columns, name)
        size, n_rows = path.stat().st_size, file.metadata.num_rows
        for row, fields in enumerate(_rows(file, columns), start=1):
            place = Place(name, row)
            yield Reject(place, fields, "") if isinstance(fields, str) else Record(place, fields)
            on_bytes(size * row // n_rows - size * (row - 1) // n_rows)


def _open(stream: Any, name: str) -> "pq.ParquetFile":
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # parquet is read from its end, and a gzip can only be read from its start
        seekable = stream if isinstance(stream, io.BufferedReader) else io.BytesIO(stream.read())
        return pq.ParquetFile(seekable, page_checksum_verification=True)
    except (OSError, EOFError, pa.ArrowException) as error:
        raise UserError(
            f"{name}, which cannot be read ({error})", "a parquet file", "fetch or write it again"
        ) from None


def _rows(file: "pq.ParquetFile", columns: list[str]) -> Iterator[dict[str, Any] | str]:
    """The fields of each row, or the reason why a row cannot be read."""
    import pyarrow as pa

    for group in range(file.num_row_groups):
        n_unread = file.metadata.row_group(group).num_rows
        try:
            for batch in file.iter_batches(BATCH_ROWS, row_groups=[group]):
                yield from _batch_rows(batch.rename_columns(columns))
                n_unread -= batch.num_rows
        except (OSError, pa.ArrowException):
            yield from ["damaged_file"] * n_unread


def _batch_rows(batch: "pa.RecordBatch") -> list[dict[str, Any] | str]:
    try:
        return list(batch.to_pylist())
    except UnicodeDecodeError:
        if batch.num_rows == 1:
            return ["invalid_utf8"]
        return [row for i in range(batch.num_rows) for row in _batch_rows(batch.slice(i, 1))]
