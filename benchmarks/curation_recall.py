"""Measure which planted defects each way to choose rows finds, on the embedded pool.

    python benchmarks/curation_recall.py --n_rows 3000

Ten minutes on two CPU cores. Run again after an interruption, it goes on. Prints the directory with table.md.
"""

from pathlib import Path

from lit_gpt.cli import run_command
from lit_gpt.studies.curation_recall_settings import RecallSettings


def main(study: RecallSettings) -> Path:
    from lit_gpt.studies.curation_recall import study_curation_recall

    return study_curation_recall(study)


if __name__ == "__main__":
    run_command(main)
