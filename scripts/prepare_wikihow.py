"""Prepare wikiHow: how-to articles by its community, from the data set's CSV file.

    python scripts/prepare_wikihow.py --source wikihowAll.csv --checkpoint_dir checkpoints/ORG/NAME

Writes the examples to data/wikihow and, given a checkpoint, their tokens beside them.
"""

from pathlib import Path

from lit_gpt.data.sources.wikihow import source
from lit_gpt.prepare_command import prepare_command

if __name__ == "__main__":
    prepare_command(source, __doc__, destination_path=Path("data/wikihow"))
