"""Prepare Open Assistant: dialogues of volunteers, from trees of rated messages.

    python scripts/prepare_oasst1.py --languages en --min_quality 0.5 --checkpoint_dir checkpoints/ORG/NAME

Writes the examples to data/oasst1 and, given a checkpoint, their tokens beside them.
"""

from pathlib import Path

from lit_gpt.data.sources.oasst1 import source
from lit_gpt.prepare_command import prepare_command

if __name__ == "__main__":
    prepare_command(source, __doc__, destination_path=Path("data/oasst1"))
