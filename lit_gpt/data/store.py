"""The ExampleSet on disk: `train.parquet`, `validation.parquet`, `rejects.jsonl` and `manifest.json` in one folder.

A source with tests of its own adds `test.parquet`, which no training reads.

Rows are read and written in groups of ROW_GROUP, so memory stays flat whatever the number of rows.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from lit_gpt.data.licences import VerdictCounts, rules
from lit_gpt.errors import UserError, suggestion
from lit_gpt.example import Example
from lit_gpt.manifest import MANIFEST, Manifest, read_manifest

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    from numpy.typing import NDArray

KIND = "example_set"
SPLITS = ("train", "validation")  # what training reads
TEST = "test"
DROPPED = "dropped"  # of a curated set: what was left out
REJECTS = "rejects.jsonl"
ROW_GROUP = 1_000


def split_name(split: str) -> str:
    return f"{split}.parquet"


def load_example_set(directory: Path) -> Manifest:
    """The manifest of a prepared set; UserError where there is none."""
    if not (directory / MANIFEST).is_file():
        beside = (path.parent for path in directory.parent.glob(f"*/{MANIFEST}"))
        near = suggestion(str(directory), map(str, beside))
        raise UserError(
            f"{directory}, which is no prepared data set",
            f"a folder with {MANIFEST} and {split_name(SPLITS[0])}",
            near or "prepare one first, e.g. python scripts/prepare_lima.py",
        )
    return read_manifest(directory, KIND)


def find_example_sets(root: Path) -> list[Path]:
    """The prepared sets that lie directly in `root`, in order of name."""
    folders = sorted(path.parent for path in root.glob(f"*/{MANIFEST}"))
    return [folder for folder in folders if is_example_set(folder)]


def is_example_set(directory: Path) -> bool:
    try:
        return bool(json.loads((directory / MANIFEST).read_bytes())["kind"] == KIND)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def read_examples(
    directory: Path | str, split: str = "train", numbers: "NDArray[np.bool_] | None" = None
) -> Iterator[Example]:
    """The examples of one split in order, a row group in memory at a time; `numbers` says of each row whether it is.

    Raises UserError at once for a missing set, an unknown split or a file that is no parquet.
    """
    file = _open_split(Path(directory), split)
    batches = file.iter_batches(batch_size=ROW_GROUP)
    if numbers is not None:
        batches = _chosen(batches, numbers)
    return (Example.from_row(row) for batch in batches for row in batch.to_pylist())


def _chosen(batches: Iterator[Any], numbers: "NDArray[np.bool_]") -> Iterator[Any]:
    start = 0
    for batch in batches:
        wanted = numbers[start : start + batch.num_rows]
        start += batch.num_rows
        if wanted.any():
            yield batch.filter(_as_arrow(wanted))


def _as_arrow(values: "NDArray[np.bool_]") -> "pa.Array":
    import pyarrow as pa

    return pa.array(values)


def count_examples(directory: Path | str, split: str = "train") -> int:
    """Rows in one split, from the file's footer alone."""
    return int(_open_split(Path(directory), split).metadata.num_rows)


def read_columns(directory: Path | str, split: str, columns: tuple[str, ...]) -> "Iterator[pa.RecordBatch]":
    """Some columns of a split, a row group at a time; a column that an older set lacks is left out."""
    file = _open_split(Path(directory), split)
    there = set(file.schema_arrow.names)
    yield from file.iter_batches(batch_size=ROW_GROUP, columns=[name for name in columns if name in there])


def _open_split(directory: Path, split: str) -> "pq.ParquetFile":
    import pyarrow as pa
    import pyarrow.parquet as pq

    manifest = load_example_set(directory)
    there = [name for name in (*SPLITS, TEST, DROPPED) if split_name(name) in manifest.files]
    if split not in there:
        raise UserError(f"split {split!r} of {directory}", f"one of {', '.join(there)}", "choose one of these")
    path = directory / split_name(split)
    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise UserError(
            f"{path}, which cannot be read ({error})", "the parquet file that was prepared", "prepare the set again"
        ) from None


def example_schema() -> "pa.Schema":
    """The columns of an ExampleSet: those of `Example.to_row()`, none of them null."""
    import pyarrow as pa

    def struct(**fields: "pa.DataType") -> "pa.StructType":
        return pa.struct([pa.field(name, kind, nullable=False) for name, kind in fields.items()])

    text = pa.string()
    message = struct(role=text, content=text, input=text)
    provenance = struct(
        source=text,
        revision=text,
        row=pa.int64(),
        licence=text,
        origin=text,
        generator=text,
        transformed_by=pa.list_(pa.field("item", text, nullable=False)),
        file=text,
        line=pa.int64(),
        part=pa.int64(),
    )
    columns = {
        "id": text,
        "content_hash": text,
        "messages": pa.list_(pa.field("item", message, nullable=False)),
        "provenance": provenance,
        "category": text,
        "also_from": pa.list_(pa.field("item", provenance, nullable=False)),
    }
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in columns.items()])


class ExampleWriter:
    """Appends examples to one split; counts, hashes and judges them on the way.

    `rows_sha256` is a hash of the rows themselves, so that it does not depend on how parquet packs them. `verdicts`
    counts them by the licence gate's verdict and by source.
    """

    def __init__(self, directory: Path, split: str) -> None:
        import pyarrow.parquet as pq

        self._schema = example_schema()
        self._writer = pq.ParquetWriter(directory / split_name(split), self._schema, compression="zstd")
        self._pending: list[dict[str, Any]] = []
        self._hash = hashlib.sha256()
        self._verdicts = VerdictCounts()
        self.n_rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self._flush()
        self._writer.close()

    @property
    def rows_sha256(self) -> str:
        return self._hash.hexdigest()

    @property
    def verdicts(self) -> dict[str, dict[str, int]]:
        return self._verdicts.by_source

    def add(self, example: Example) -> None:
        row = example.to_row()
        self._hash.update(json.dumps(row, sort_keys=True).encode() + b"\n")
        self._verdicts.count(example)
        self._pending.append(row)
        self.n_rows += 1
        if len(self._pending) == ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._pending:
            self._writer.write_table(pa.Table.from_pylist(self._pending, schema=self._schema))
            self._pending.clear()


def verdicts_of(sides: dict[str, ExampleWriter]) -> dict[str, Any]:
    """A manifest's verdicts: those of the splits that training reads, by verdict and source, with the rules' date."""
    return {"rules": rules()["as_of"], **{split: sides[split].verdicts for split in SPLITS if split in sides}}


def swap_splits(directory: Path) -> None:
    """Exchange the two files: what was to be held out trains, and the other way round."""
    train, validation = (directory / split_name(split) for split in SPLITS)
    aside = directory / "aside.parquet"
    train.rename(aside)
    validation.rename(train)
    aside.rename(validation)
