"""The truth about the rows of a world, in a folder of its own beside the set: `<set>-labels/`.

Evaluation groups its results by it, and whoever measures a curation method looks up what the method found. Curation
itself never reads it; tests/test_curation_guard.py sees to that. One parquet table for each split: id, kind, group,
level, wording, defect (empty for a sound row).
"""

from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lit_gpt.data.store import ROW_GROUP, SPLITS, TEST, load_example_set, split_name
from lit_gpt.data.world.row import Row
from lit_gpt.errors import UserError
from lit_gpt.files import new_directory
from lit_gpt.manifest import MANIFEST, Manifest

if TYPE_CHECKING:
    import pyarrow as pa

KIND = "labels"


def write_label_table(directory: Path, data_dir: Path, rows: Iterable[tuple[str, Row]]) -> Path:
    """Write the label of every row (id, row) of the set in `data_dir`; returns the directory.

    Raises UserError where the directory holds anything but labels: what is there is replaced.
    """
    _check_replaceable(directory)
    parents = {"example_set": load_example_set(data_dir).content_hash}
    with new_directory(directory) as new:
        defects: Counter[str] = Counter()
        with ExitStack() as files:
            tables = {split: files.enter_context(_Table(new, split)) for split in (*SPLITS, TEST)}
            for id, row in rows:
                tables[row.split].add(id, row)
                defects[row.defect or "none"] += 1
        Manifest(KIND, parents, {"defects": dict(sorted(defects.items()))}).write(new, map(split_name, tables))
    return directory


def _check_replaceable(directory: Path) -> None:
    if not directory.exists():
        return
    names = {path.name for path in directory.iterdir()} if directory.is_dir() else {"the content of a file"}
    if foreign := sorted(names - {MANIFEST, *map(split_name, (*SPLITS, TEST))}):
        got = f"{directory}, which holds {', '.join(foreign[:5])}"
        do = "move that away, or choose another --destination_path"
        raise UserError(got, "a free place for the labels of the set, or labels to replace", do)


def label_schema() -> "pa.Schema":
    import pyarrow as pa

    text = pa.string()
    columns = {"id": text, "kind": text, "group": text, "level": pa.int32(), "wording": text, "defect": text}
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in columns.items()])


class _Table:
    """One split's table, written a row group at a time."""

    def __init__(self, directory: Path, split: str) -> None:
        import pyarrow.parquet as pq

        self._writer = pq.ParquetWriter(directory / split_name(split), label_schema(), compression="zstd")
        self._pending: list[dict[str, Any]] = []

    def __enter__(self) -> "_Table":
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        self._writer.close()

    def add(self, id: str, row: Row) -> None:
        label = {"id": id, "kind": row.kind.name, "group": row.group, "level": row.level}
        self._pending.append({**label, "wording": row.wording, "defect": row.defect})
        if len(self._pending) == ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        self._writer.write_table(pa.Table.from_pylist(self._pending, schema=label_schema()))
        self._pending.clear()
