"""Small data sets and label tables, written row by row."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lit_gpt.data.store import KIND, SPLITS, ExampleWriter, split_name
from lit_gpt.evaluation.labels import KIND as LABELS
from lit_gpt.example import Example, Message, Provenance
from lit_gpt.manifest import Manifest

Row = tuple[str, str, str]  # question, answer, kind


def example(number: int, question: str, answer: str, kind: str = "", split: str = "train") -> Example:
    messages = (Message("user", question), Message("assistant", answer))
    return Example(f"{split}-{number:04d}", messages, Provenance("tiny", "1", number, "CC0-1.0", "program"), kind)


def write_set(
    directory: Path, train: Sequence[Row], held_out: Iterable[Row | Example], split: str = "validation"
) -> Path:
    """An ExampleSet with these rows for training and these in another split; its ids are `<split>-0000` and so on."""
    directory.mkdir(parents=True)
    sides = {name: [] for name in (*SPLITS, split)}
    sides["train"] = [example(n, *row) for n, row in enumerate(train)]
    sides[split] = [row if isinstance(row, Example) else example(n, *row, split) for n, row in enumerate(held_out)]
    for name, rows in sides.items():
        with ExampleWriter(directory, name) as writer:
            for row in rows:
                writer.add(row)
    counts = {name: len(rows) for name, rows in sides.items()}
    Manifest(KIND, {}, counts, {"name": "tiny"}).write(directory, map(split_name, sides))
    return directory


def write_labels(
    directory: Path, rows: Sequence[tuple[str, str, str, int | None]], split: str = "validation", **parents: str
) -> Path:
    """A label table of (id, kind, group, level)."""
    directory.mkdir(parents=True)
    columns = dict(zip(("id", "kind", "group", "level"), map(list, zip(*rows, strict=True)), strict=True))
    empty = [""] * len(rows)
    pq.write_table(pa.table({**columns, "wording": empty, "defect": empty}), directory / f"{split}.parquet")
    Manifest(LABELS, parents).write(directory, [f"{split}.parquet"])
    return directory
