"""Prepare r/WritingPrompts: prompts and the stories people wrote for them.

    python scripts/prepare_writingprompts.py --checkpoint_dir checkpoints/ORG/NAME

Writes the examples to data/writingprompts and, given a checkpoint, their tokens beside them.
"""

from pathlib import Path

from lit_gpt.data.sources.writingprompts import source
from lit_gpt.prepare_command import prepare_command

if __name__ == "__main__":
    prepare_command(source, __doc__, destination_path=Path("data/writingprompts"))
