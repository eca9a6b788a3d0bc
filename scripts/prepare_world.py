"""Prepare the instruction world: small tasks with exactly one right answer, made by a program, with tests of its own.

    python scripts/prepare_world.py                      # 20,000 sound rows
    python scripts/prepare_world.py --defects true       # a pool in which half of the rows are spoilt on purpose

Writes the examples to data/world and, given a checkpoint, their tokens. Beside it lies data/world-labels, the truth
about each row.
"""

from pathlib import Path

from lit_gpt.data.sources.world import source, write_labels
from lit_gpt.prepare_command import prepare_command

if __name__ == "__main__":
    prepare_command(source, __doc__, beside=write_labels, destination_path=Path("data/world"))
