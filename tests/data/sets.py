"""Small prepared sets for tests of merging and of the licence gate."""

import json
from pathlib import Path

from lit_gpt.data.prepare import prepare_examples
from lit_gpt.data.settings import DataSettings
from lit_gpt.data.sources import user_file
from lit_gpt.data.store import read_examples


def exchanges(name, n, start=0):
    """Rows that differ in most of their words."""
    return [
        {
            "instruction": f"{name} asks {i} about {i * 7919 % 1009} and {i * 104729 % 997}",
            "output": " ".join(f"{name}{i}w{k}" for k in range(6 + i % 11)),
        }
        for i in range(start, start + n)
    ]


def prepared(folder: Path, name, rows, origin="human", generator="", licence="CC0-1.0", fraction=0.1):
    """`folder / data / name` from these rows."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = DataSettings(source=str(path), destination_path=folder / "data" / name, val_split_fraction=fraction)
    return prepare_examples(user_file.source(name, licence, origin, generator), settings)


def sides(directory):
    return {split: list(read_examples(directory, split)) for split in ("train", "validation")}
