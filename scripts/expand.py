"""Let a language model write rows from those of a prepared set.

    python scripts/expand.py --config configs/expand/lift-nlu.yaml --data_dir data/dolly \
        --judge_url http://127.0.0.1:8000/v1 --judge_model ORG/NAME

Writes a prepared set of its own, by default data/dolly-lift. Every row that a model wrote of says so: origin llm, which
model, how often it was rewritten. --challenge official --base ORG/NAME refuses a model whose text may not train that
base, and names the clause. What was asked for and did not become a row is in rejects.jsonl. Replies are kept: run again
after an interruption, it goes on. --dry_run true shows what the first round would ask, and its cost.
"""

from pathlib import Path

from lit_gpt.cli import run_command
from lit_gpt.curation.judging.settings import JudgeSettings
from lit_gpt.curation.writing.settings import ExpandSettings


def main(settings: ExpandSettings, judge: JudgeSettings) -> Path | None:
    from lit_gpt.curation.judging.judge import DryRun
    from lit_gpt.curation.writing.expand import expand_set

    try:
        return expand_set(settings, judge)
    except DryRun as plan:
        print(plan)
        return None


if __name__ == "__main__":
    run_command(main)
