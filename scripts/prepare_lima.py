"""Prepare LIMA: 1,030 human-written dialogues (Zhou et al. 2023, arXiv 2305.11206).

    python scripts/prepare_lima.py --checkpoint_dir checkpoints/ORG/NAME --max_seq_length 2048

Writes the examples to data/lima and, given a checkpoint, their tokens beside them.
"""

from pathlib import Path

from lit_gpt.data.sources.lima import source
from lit_gpt.prepare_command import prepare_command

if __name__ == "__main__":
    prepare_command(source, __doc__, destination_path=Path("data/lima"))
