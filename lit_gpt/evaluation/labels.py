"""A label table: what is known of the rows of a data set besides what they say.

A directory with `manifest.json` (kind "labels") and `<split>.parquet`, whose columns id, kind, group and level are
read here. It lies beside the data set, not in it, so that nothing that trains can see it. Ids repeat from set to set,
so a table of another set is told by its manifest, where that names the set, and by the kinds of its rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lit_gpt.errors import UserError
from lit_gpt.example import Example
from lit_gpt.manifest import Manifest, read_manifest

KIND = "labels"
COLUMNS = ("id", "kind", "group", "level")
BATCH_ROWS = 1_000
REMEDY = "make the labels again together with the data set, or choose another --labels_dir"


@dataclass(frozen=True)
class Label:
    """A row's kind of task, the group that belongs to, and how hard the row is; no level where none is known."""

    kind: str = ""
    group: str = "all"
    level: int | None = None


@dataclass(frozen=True)
class LabelTable:
    """Row id -> Label for one split, and the manifest of the directory it was read from (None for no table)."""

    labels: dict[str, Label]
    manifest: Manifest | None = None

    def of(self, example: Example) -> Label:
        """UserError for a row the table lacks or calls another kind; without a table all rows are one group."""
        if self.manifest is None:
            return Label()
        label = self.labels.get(example.id)
        if label is None:
            raise UserError(f"the row {example.id}, which the label table lacks", "a label for each row", REMEDY)
        if label.kind and example.category and label.kind != example.category:
            got = f"the row {example.id} of kind {example.category}, labelled {label.kind}"
            raise UserError(got, "the labels of this very data set", REMEDY)
        return label


def read_labels(labels_dir: Path, split: str, example_set: str) -> LabelTable:
    """The table of one split of the set with that content hash.

    UserError where it is missing or broken, names a row twice, or belongs to another set.
    """
    manifest = read_manifest(labels_dir, KIND)
    if manifest.parents.get("example_set", example_set) != example_set:
        raise UserError(f"{labels_dir}, made with another data set", "the labels of this very data set", REMEDY)
    labels: dict[str, Label] = {}
    for row in _read_rows(labels_path(labels_dir, split)):
        if row["id"] in labels:
            raise UserError(f"the row {row['id']} twice in {labels_dir}", "one label for each row", "make it again")
        labels[row["id"]] = Label(row["kind"] or "", row["group"] or "all", row["level"])
    return LabelTable(labels, manifest)


def labels_path(labels_dir: Path, split: str) -> Path:
    return labels_dir / f"{split}.parquet"


def _read_rows(path: Path, columns: tuple[str, ...] = COLUMNS) -> Iterator[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        if missing := set(columns) - set(file.schema_arrow.names):
            raise ValueError(f"no column {', '.join(sorted(missing))}")
        for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=list(columns)):
            yield from batch.to_pylist()
    except (OSError, pa.ArrowException, ValueError) as error:
        expected = f"a parquet file with the columns {', '.join(columns)}"
        raise UserError(f"{path}, which cannot be read ({error})", expected, "make the labels again") from None


def read_defects(labels_dir: Path, split: str) -> dict[str, str]:
    """What was done to each row on purpose, by row id; empty for a sound row. UserError as in `read_labels`."""
    read_manifest(labels_dir, KIND)
    return {row["id"]: row["defect"] for row in _read_rows(labels_path(labels_dir, split), ("id", "defect"))}
