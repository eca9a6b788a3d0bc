"""Examine a judge before its grades choose anything: consistency, agreement with others, biases, what it fails to read.

    python scripts/judge_agreement.py --data_dir data/dolly --n_rows 200 --judge_url http://127.0.0.1:8000/v1 \
        --judge_model ORG/NAME --tables other=their_grades.jsonl

Asks for grades of rows, again with other fences, of the same requests with other rows' replies, and for verdicts on
pairs in both orders. The report goes to stdout, its numbers to --out. Other judges' grades come as tables with id (or
content_hash) and value, or as a folder of scores that curate.py wrote.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lit_gpt.cli import run_command
from lit_gpt.curation.judging.settings import JudgeSettings
from lit_gpt.errors import UserError


@dataclass(frozen=True, kw_only=True)
class AgreementSettings:
    """What a judge is examined on.

    Args:
        data_dir: the prepared set
        rubric: what is graded: accuracy, helpfulness, curation or quality
        n_rows: rows that are graded, which the seed draws
        repeats: how often each is graded
        n_pairs: pairs of replies that are compared, each in both orders
        keep: the grade from which a row would stay; the default is nine tenths of the scale
        tables: NAME=FILE: grades of another judge; give the flag once for each
        seed: decides which rows
        checkpoint_dir: a model of yours that judges, where there is no --judge_url
        prompt_style: how that model is asked; the default is its own
        out: a JSON file for the numbers
    """

    data_dir: Path
    rubric: Literal["accuracy", "helpfulness", "curation", "quality"] = "accuracy"
    n_rows: int = 100
    repeats: int = 2
    n_pairs: int = 50
    keep: float | None = None
    tables: list[str] = field(default_factory=list)
    seed: int = 0
    checkpoint_dir: Path | None = None
    prompt_style: str | None = None
    out: Path | None = None

    def __post_init__(self) -> None:
        for name in ("n_rows", "repeats", "n_pairs"):
            if getattr(self, name) < 1:
                raise UserError(f"--{name} {getattr(self, name)}", "1 or more", f"change --{name}")


def main(settings: AgreementSettings, judge: JudgeSettings) -> Path | None:
    from lit_gpt.curation.bench import Bench, shuffled
    from lit_gpt.curation.judging.examination import Examination, examine, in_words
    from lit_gpt.curation.judging.judge import DryRun, open_judge
    from lit_gpt.curation.judging.rubrics import DIMENSIONS, QUALITY
    from lit_gpt.curation.judging.scorers import REPLIES
    from lit_gpt.curation.rows import Pool
    from lit_gpt.curation.settings import CurateSettings
    from lit_gpt.curation.vectors import HashedNgrams, vectors_of
    from lit_gpt.files import write_json

    curation = CurateSettings(data_dir=settings.data_dir, recipe="", seed=settings.seed, given=settings.tables)
    pool = Pool.of(settings.data_dir)
    bench = Bench(curation, len(pool.ids))
    rubric = {**DIMENSIONS, QUALITY.name: QUALITY}[settings.rubric]
    replies_dir = settings.data_dir / "scores" / REPLIES
    exam = Examination(
        rubric,
        open_judge(judge, settings.checkpoint_dir, settings.prompt_style, replies_dir),
        pool.rows.at(shuffled(pool.rows, bench, "examination")[: settings.n_rows].tolist()),
        settings.repeats,
        settings.n_pairs,
        rubric.low + 0.9 * (rubric.high - rubric.low) if settings.keep is None else settings.keep,
        settings.seed,
        lambda rows: vectors_of(HashedNgrams(n_dims=256, part="whole"), rows, bench),
    )
    try:
        found = examine(exam, curation.given_files)
    except DryRun as plan:
        print(plan)
        return None
    print(in_words(found), flush=True)
    if settings.out is not None:
        settings.out.parent.mkdir(parents=True, exist_ok=True)
        write_json(settings.out, found)
    return settings.out


if __name__ == "__main__":
    run_command(main, aliases={"tables": "tables+"})
