"""Prepare Dolly: 15,011 instructions written by Databricks employees.

    python scripts/prepare_dolly.py --checkpoint_dir checkpoints/ORG/NAME --max_seq_length 2048

Writes the examples to data/dolly and, given a checkpoint, their tokens beside them.
"""

from pathlib import Path

from lit_gpt.data.sources.dolly import source
from lit_gpt.prepare_command import prepare_command

if __name__ == "__main__":
    prepare_command(source, __doc__, destination_path=Path("data/dolly"))
