"""Prepare Code Alpaca: 20,022 programming tasks and answers by text-davinci-003.

    python scripts/prepare_code_alpaca.py --checkpoint_dir checkpoints/ORG/NAME

Writes the examples to data/code_alpaca and, given a checkpoint, their tokens beside them.
"""

from pathlib import Path

from lit_gpt.data.sources.code_alpaca import source
from lit_gpt.prepare_command import prepare_command

if __name__ == "__main__":
    prepare_command(source, __doc__, destination_path=Path("data/code_alpaca"))
