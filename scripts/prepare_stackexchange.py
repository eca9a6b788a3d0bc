"""Prepare Stack Exchange: questions with their best answer, by the rules of LIMA.

    python scripts/prepare_stackexchange.py --checkpoint_dir checkpoints/ORG/NAME

Writes the examples to data/stackexchange and, given a checkpoint, their tokens beside them.
"""

from pathlib import Path

from lit_gpt.data.sources.stackexchange import source
from lit_gpt.prepare_command import prepare_command

if __name__ == "__main__":
    prepare_command(source, __doc__, destination_path=Path("data/stackexchange"))
