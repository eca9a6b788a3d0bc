"""Prepare Open-Platypus: 24,926 questions of science, logic and programming; its GPT-4 parts are marked.

    python scripts/prepare_platypus.py --checkpoint_dir checkpoints/ORG/NAME

Writes the examples to data/platypus and, given a checkpoint, their tokens beside them.
"""

from pathlib import Path

from lit_gpt.data.sources.platypus import source
from lit_gpt.prepare_command import prepare_command

if __name__ == "__main__":
    prepare_command(source, __doc__, destination_path=Path("data/platypus"))
