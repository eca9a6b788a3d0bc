"""Order, merging, epochs and the stages of a recipe: which way is better, at equal tokens and equal steps?

    python benchmarks/open_questions.py --config configs/finetune/quickstart.yaml

Asks each question of the instruction world on three seeds; forty minutes on one CPU core. --questions order asks one.
Run again after an interruption, it goes on. Prints the folder with results.json and table.md.
"""

from pathlib import Path

from lit_gpt.cli import run_command
from lit_gpt.studies.question_settings import QuestionSettings
from lit_gpt.training.lora_settings import LoraSettings
from lit_gpt.training.settings import ScheduleSettings


def main(study: QuestionSettings, schedule: ScheduleSettings, lora: LoraSettings) -> Path:
    from lit_gpt.studies.questions import OpenQuestions

    return OpenQuestions(study, schedule, lora).run()


if __name__ == "__main__":
    run_command(main)
