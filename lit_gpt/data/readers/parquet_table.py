"""Parquet (https://parquet.apache.org), a batch of rows in memory at a time.

A cell that is no text costs its own row. A file that is corrupt (its footer, or any page) is refused whole: parquet
states no checksums unless its writer was asked to, so that the rows beside the damage cannot be trusted either.
"""

import contextlib
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lit_gpt.data.readers.columns import CheckColumns, name_columns
from lit_gpt.data.readers.compressed import DataFile, is_damage, open_data
from lit_gpt.data.readers.stream import OnBytes, ignore
from lit_gpt.data.records import Place, Record, Reject
from lit_gpt.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

MAGIC = b"PAR1"
BATCH_ROWS = 1_000


def read_parquet(
    path: Path, name: str, check_columns: CheckColumns, on_bytes: OnBytes = ignore
) -> Iterator[Record | Reject]:
    """Records by column name, trimmed and in lower case; UserError when the columns lack what is needed."""
    with open_data(path) as data:
        file = _open(data, name)
        columns = name_columns(file.schema_arrow.names, name)
        check_columns(columns, name)
        size, n_rows = path.stat().st_size, file.metadata.num_rows
        for row, fields in enumerate(_rows(file, columns, name), start=1):
            place = Place(name, row)
            yield Reject(place, fields, "") if isinstance(fields, str) else Record(place, fields)
            on_bytes(size * row // n_rows - size * (row - 1) // n_rows)


def _open(data: DataFile, name: str) -> "pq.ParquetFile":
    import pyarrow.parquet as pq

    with _refused_whole(name):
        # parquet is read from its end, and compressed bytes can only be read from their start
        seekable = data.on_disk if data.content is data.on_disk else io.BytesIO(data.content.read())
        return pq.ParquetFile(seekable, page_checksum_verification=True)


@contextlib.contextmanager
def _refused_whole(name: str, where: str = "") -> Iterator[None]:
    """A corrupt file, in words for its user."""
    import pyarrow as pa

    try:
        yield
    except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
        if isinstance(error, OSError) and not is_damage(error):
            raise
        got = f"{name}, which cannot be read{where} ({error})"
        raise UserError(got, "a parquet file that is whole", "fetch or write it again") from None


def _rows(file: "pq.ParquetFile", columns: list[str], name: str) -> Iterator[dict[str, Any] | str]:
    """The fields of each row, or the reason why a row cannot be read."""
    n_rows = 0
    batches = file.iter_batches(BATCH_ROWS)
    while True:
        with _refused_whole(name, f" beyond row {n_rows}"):
            batch = next(batches, None)
        if batch is None:
            return
        yield from _batch_rows(batch.rename_columns(columns))
        n_rows += batch.num_rows


def _batch_rows(batch: "pa.RecordBatch") -> list[dict[str, Any] | str]:
    try:
        return list(batch.to_pylist())
    except UnicodeDecodeError:
        if batch.num_rows == 1:
            return ["invalid_utf8"]
        return [row for i in range(batch.num_rows) for row in _batch_rows(batch.slice(i, 1))]
