"""Prepare OpenOrca: 4.2 million questions of FLAN with answers by GPT-4 and GPT-3.5.

    python scripts/prepare_openorca.py --checkpoint_dir checkpoints/ORG/NAME

Writes the examples to data/openorca and, given a checkpoint, their tokens beside them.
"""

from pathlib import Path

from lit_gpt.data.sources.openorca import source
from lit_gpt.prepare_command import prepare_command

if __name__ == "__main__":
    prepare_command(source, __doc__, destination_path=Path("data/openorca"))
