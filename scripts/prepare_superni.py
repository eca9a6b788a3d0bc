"""Prepare Super-Natural Instructions: tasks of NLP data sets with their definitions, from their native JSON files.

    python scripts/prepare_superni.py --source natural-instructions/tasks --per_task_quota 100

Writes the examples to data/superni and, given a checkpoint, their tokens beside them.
"""

from pathlib import Path

from lit_gpt.data.sources.superni import source
from lit_gpt.prepare_command import prepare_command

if __name__ == "__main__":
    prepare_command(source, __doc__, destination_path=Path("data/superni"))
