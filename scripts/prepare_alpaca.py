"""Prepare Alpaca: 52,002 instructions written by text-davinci-003, for research use only.

    python scripts/prepare_alpaca.py --checkpoint_dir checkpoints/ORG/NAME --max_seq_length 2048

--cleaned true takes the version that its users mended. Writes the examples to data/alpaca and,
given a checkpoint, their tokens beside them.
"""

from pathlib import Path

from lit_gpt.data.sources.alpaca import source
from lit_gpt.prepare_command import prepare_command

if __name__ == "__main__":
    prepare_command(source, __doc__, destination_path=Path("data/alpaca"), val_split_fraction=0.03865)
