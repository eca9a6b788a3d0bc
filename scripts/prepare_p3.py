"""Prepare P3: rows of NLP data sets in people's wordings, rendered already or by promptsource's templates.

    python scripts/prepare_p3.py --source rows.jsonl --templates templates.yaml --checkpoint_dir checkpoints/ORG/NAME

Writes the examples to data/p3 and, given a checkpoint, their tokens beside them.
"""

from pathlib import Path

from lit_gpt.data.sources.p3 import source
from lit_gpt.prepare_command import prepare_command

if __name__ == "__main__":
    prepare_command(source, __doc__, destination_path=Path("data/p3"))
