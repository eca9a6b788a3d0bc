"""Choose among the epochs that a run kept by their answers to 50 held-out prompts, as LIMA does, and not by perplexity.

    python eval/pick_epoch.py --run_dir out/full/lima
    python eval/pick_epoch.py --run_dir out/full/lima --pick_epoch 7

Where answers can be checked (every one was written by a program or is a line of at most 5 words) exact match chooses,
else you, from a sheet; --by says which. Prints the sheet, or, once an epoch is chosen, the directory of its weights.
"""

from pathlib import Path

from lit_gpt.cli import run_command
from lit_gpt.studies.pick_settings import PickSettings


def main(settings: PickSettings) -> Path:
    from lit_gpt.studies.pick_epoch import pick_epoch

    return pick_epoch(settings)


if __name__ == "__main__":
    run_command(main)
