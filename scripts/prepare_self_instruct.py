"""Prepare the 175 seed tasks of Self-Instruct, written by people.

    python scripts/prepare_self_instruct.py --source seed_tasks.jsonl --checkpoint_dir checkpoints/ORG/NAME

Writes the examples to data/self_instruct and, given a checkpoint, their tokens beside them.
"""

from pathlib import Path

from lit_gpt.data.sources.self_instruct import source
from lit_gpt.prepare_command import prepare_command

if __name__ == "__main__":
    prepare_command(source, __doc__, destination_path=Path("data/self_instruct"))
