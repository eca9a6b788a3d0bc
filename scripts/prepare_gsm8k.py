"""Prepare the training rows of GSM8K: 7,473 grade school problems with solutions by people.

    python scripts/prepare_gsm8k.py --checkpoint_dir checkpoints/ORG/NAME

Writes the examples to data/gsm8k and, given a checkpoint, their tokens beside them.
"""

from pathlib import Path

from lit_gpt.data.sources.gsm8k import source
from lit_gpt.prepare_command import prepare_command

if __name__ == "__main__":
    prepare_command(source, __doc__, destination_path=Path("data/gsm8k"))
