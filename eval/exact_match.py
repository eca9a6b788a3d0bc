"""Count how many rows of a prepared set a model answers exactly right, by kind of task, with intervals.

    python eval/exact_match.py --checkpoint_dir DIR --adapter_dir out/lora/world/best --data_dir data/world

Without --adapter_dir the base model answers: before and after. --method constant and copy-nearest answer from the
training rows alone. Prints the directory with results.json, items.jsonl and accuracies.jsonl (the share right of each
category, as difficulty-balanced takes it: curate.py --given accuracies=FILE); run again, it finds them there.
"""

from dataclasses import replace
from pathlib import Path

from lit_gpt.cli import run_command
from lit_gpt.discovery import only_checkpoint, only_data_set
from lit_gpt.evaluation.settings import EvaluationSettings


def main(settings: EvaluationSettings) -> Path:
    from lit_gpt.evaluation.runner import evaluate

    if settings.method == "model" and settings.checkpoint_dir is None:
        settings = replace(settings, checkpoint_dir=only_checkpoint())
    return evaluate(replace(settings, data_dir=settings.data_dir or only_data_set()))


if __name__ == "__main__":
    run_command(main, aliases={"lora_dir": "adapter_dir"})
