"""Prepare LongForm: 27,739 long texts by people, most with an instruction that a language model made up.

    python scripts/prepare_longform.py --checkpoint_dir checkpoints/ORG/NAME

Writes the examples to data/longform and, given a checkpoint, their tokens beside them.
"""

from pathlib import Path

from lit_gpt.data.sources.longform import source
from lit_gpt.prepare_command import prepare_command

if __name__ == "__main__":
    prepare_command(source, __doc__, destination_path=Path("data/longform"))
