"""Prepare FLAN's chain-of-thought sets: questions, reasoning and answers by people, from their TSV files.

    python scripts/prepare_flan_cot.py --source cot_data --checkpoint_dir checkpoints/ORG/NAME

Writes the examples to data/flan_cot and, given a checkpoint, their tokens beside them.
"""

from pathlib import Path

from lit_gpt.data.sources.flan_cot import source
from lit_gpt.prepare_command import prepare_command

if __name__ == "__main__":
    prepare_command(source, __doc__, destination_path=Path("data/flan_cot"))
