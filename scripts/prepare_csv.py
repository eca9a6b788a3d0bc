"""Prepare your own file: CSV, TSV, JSON, JSONL or Parquet, plain or gzipped.

    python scripts/prepare_csv.py --csv_dir MyDataset.csv --checkpoint_dir checkpoints/ORG/NAME

Rows have the columns instruction, output and perhaps input, or a list of messages. Writes the examples to data/csv and,
given a checkpoint, their tokens beside them.
"""

from pathlib import Path

from lit_gpt.data.sources.user_file import source
from lit_gpt.prepare_command import prepare_command

if __name__ == "__main__":
    aliases = {"csv_dir": "source", "csv_path": "source"}
    prepare_command(source, __doc__, aliases, destination_path=Path("data/csv"))
