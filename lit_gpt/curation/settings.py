"""What is curated, how, and how much of it: settings light enough to be imported before parsing a command line."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lit_gpt.curation.amounts import Amount
from lit_gpt.errors import UserError


@dataclass(frozen=True, kw_only=True)
class CurateSettings:
    """A curation.

    Args:
        data_dir: the prepared set to choose from
        recipe: a name of configs/curate, or a YAML file of your own
        size: keep so many rows
        fraction: keep this share of the pool's rows, rounded down
        budget_tokens: keep as many rows as hold at most so many tokens, prompts and answers together
        train_hours: keep as many tokens as a training sees in so many hours, at train_tokens_per_s, train_epochs times
            each; scripts/plan_budget.py tells the rate
        train_tokens_per_s: how fast the training will be
        train_epochs: how often it will see a row; up to four times is about as good as new rows (Muennighoff et al.
            2023, arXiv 2305.16264)
        max_seq_length: with a budget of tokens (--budget_tokens or --train_hours), count those that a training with
            this limit keeps of each row
        out_dir: the folder of the curated set; the default is DATA_DIR-RECIPE
        seed: decides every draw and every tie
        score_seed: decides what a language model that scores is shown; the default is --seed
        missing: what becomes of a row whose score is missing or not a finite number: error stops, drop leaves it out
        checkpoint_dir: the model that scores, and the tokenizer that counts tokens; where a recipe needs one, the
            default is the only one under checkpoints/
        prompt_style: how that model is asked; the default is the checkpoint's own
        target_dir: the prepared set to resemble, for recipes that take one (length-matched, rds+, less)
        given: NAME=FILE: a table (JSONL, CSV or parquet) whose columns are id or content_hash, and value, in the place
            of the recipe's score NAME; give the flag once for each
        challenge: official or strict: recipes with a gate leave out rows that the efficiency challenge's rules refuse
        benchmarks_dir: a folder of benchmarks to decontaminate against
        against: another file of test prompts to decontaminate against, such as a split of a prepared set; give the flag
            once for each
        scores_dir: where scores are kept; the default is scores in the data set's folder
        report: write report.html into the curated set's folder
        device: where the model of --checkpoint_dir scores: auto (a GPU where there is one), cpu, cuda or mps
        dtype: of its weights while it scores; bfloat16 takes half of the memory, and moves scores in the third digit
    """

    data_dir: Path
    recipe: str
    size: int | None = None
    fraction: float | None = None
    budget_tokens: int | None = None
    train_hours: float | None = None
    train_tokens_per_s: float | None = None
    train_epochs: int = 3
    max_seq_length: int | None = None
    out_dir: Path | None = None
    seed: int = 0
    score_seed: int | None = None
    missing: Literal["error", "drop"] = "error"
    checkpoint_dir: Path | None = None
    prompt_style: str | None = None
    target_dir: Path | None = None
    given: list[str] = field(default_factory=list)
    challenge: Literal["official", "strict"] | None = None
    benchmarks_dir: Path | None = None
    against: list[Path] = field(default_factory=list)
    scores_dir: Path | None = None
    report: bool = True
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    dtype: Literal["float32", "bfloat16"] = "float32"

    def __post_init__(self) -> None:
        amount, _ = self.amount, self.given_files
        counts_tokens = amount is not None and amount.budget_tokens is not None
        if self.max_seq_length is not None and (self.max_seq_length < 1 or not counts_tokens):
            expected = "a number above 0, together with --budget_tokens or --train_hours"
            raise UserError(f"--max_seq_length {self.max_seq_length}", expected, "correct it, or leave it out")

    @property
    def amount(self) -> Amount | None:
        """What is asked for on the command line; None where the recipe decides."""
        budget_tokens = self.budget_tokens
        if (seen := self._tokens_seen) is not None:
            if budget_tokens is not None:
                raise UserError("--budget_tokens and --train_hours", "one of them", "leave the other out")
            budget_tokens = int(seen / self.train_epochs)
        if self.size is None and self.fraction is None and budget_tokens is None:
            return None
        return Amount(self.size, self.fraction, budget_tokens)

    @property
    def _tokens_seen(self) -> float | None:
        """By a training of --train_hours."""
        if (self.train_hours is None) != (self.train_tokens_per_s is None):
            got = "--train_hours" if self.train_tokens_per_s is None else "--train_tokens_per_s"
            raise UserError(f"{got} alone", "--train_hours and --train_tokens_per_s", "give both")
        if self.train_hours is None or self.train_tokens_per_s is None:
            return None
        for name in ("train_hours", "train_tokens_per_s", "train_epochs"):
            if not getattr(self, name) > 0:
                raise UserError(f"--{name} {getattr(self, name)}", "a number above 0", f"correct --{name}")
        return 3_600 * self.train_hours * self.train_tokens_per_s

    @property
    def seed_of_scores(self) -> int:
        return self.seed if self.score_seed is None else self.score_seed

    @property
    def given_files(self) -> dict[str, Path]:
        return given_files(self.given)


def given_files(given: list[str]) -> dict[str, Path]:
    """NAME=FILE, taken apart; UserError for what is none."""
    pairs = [text.partition("=") for text in given]
    for name, _, file in pairs:
        if not name or not file:
            raise UserError(f"--given {name or file}", "NAME=FILE, such as reward=scores.jsonl", "correct --given")
    return {name: Path(file) for name, _, file in pairs}
