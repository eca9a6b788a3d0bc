"""Measure which planted defects each recipe finds, on embedded pools.

    python benchmarks/curation_recall.py --n_rows 1500 --seeds 3

Run again after an interruption, it goes on where it stopped. Prints the directory with table.md.
"""

from pathlib import Path

from lit_gpt.cli import run_command
from lit_gpt.studies.curation_recall_settings import RecallSettings


def main(study: RecallSettings) -> Path:
    from lit_gpt.studies.curation_recall import study_curation_recall

    return study_curation_recall(study)


if __name__ == "__main__":
    run_command(main)
