"""Prepare your own file: CSV, TSV, JSON, JSONL or Parquet, compressed or not, as Lit-GPT's users know it.

    python scripts/prepare_csv.py --csv_dir MyDataset.csv --checkpoint_dir checkpoints/ORG/NAME

Rows in any form that scripts/prepare_file.py reads, which is the same under another name. Writes the examples to
data/csv and, given a checkpoint, their tokens beside them.
"""

from pathlib import Path

from lit_gpt.data.sources.user_file import source
from lit_gpt.prepare_command import prepare_command

if __name__ == "__main__":
    aliases = {"csv_dir": "source", "csv_path": "source"}
    prepare_command(source, __doc__, aliases, destination_path=Path("data/csv"))
