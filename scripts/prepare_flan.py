"""Prepare FLAN 2021: 62 NLP data sets in ten wordings each.

    python scripts/prepare_flan.py --checkpoint_dir checkpoints/ORG/NAME

Writes the examples to data/flan2021 and, given a checkpoint, their tokens beside them.
"""

from pathlib import Path

from lit_gpt.data.sources.flan import source
from lit_gpt.prepare_command import prepare_command

if __name__ == "__main__":
    prepare_command(source, __doc__, destination_path=Path("data/flan2021"))
