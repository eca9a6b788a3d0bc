"""What is compared with what, on how many seeds: settings importable without torch."""

from dataclasses import dataclass, field
from pathlib import Path

from lit_gpt.errors import UserError, suggestion
from lit_gpt.prompt_styles import check_style_name

BASELINES = ("random", "longest", "length-matched", "balanced", "full")
LEAST_SEEDS = 2


@dataclass(frozen=True, kw_only=True)
class ComparisonSettings:
    """A comparison at equal tokens and equal steps; a random draw is always among what is compared.

    A row to which a recipe's scorer gives no number cannot be chosen by that recipe; how many these are is told. What
    must be in no set, such as test items or what a challenge refuses, is curated out of the pool before.

    Args:
        pool: the prepared set to choose from; its validation and test rows are what all are measured on
        recipes: names of configs/curate, or YAML files of your own
        sets: curated sets that are there already, prepared; beside recipes, or in their place
        baselines: some of random, longest, length-matched (to each recipe and set), balanced and full
        budget_tokens: training tokens of an epoch, the same for all; the default is a tenth of the pool's
        size: rows of an epoch, in the place of tokens
        seeds: draws, each with trainings of its own; the more, the smaller the effects that can be found. Three are the
            least for a verdict: intervals of two are too narrow
        training_seeds: trainings of each draw
        steps: optimizer steps in which an epoch's tokens are seen
        checkpoint_dir: the base model; the default is the only one under checkpoints/
        out_dir: where sets, runs, results.json and report.html go; what is there already is not done again
        prompt_style: how rows are written for the model; the default is the checkpoint's own
        max_seq_length: longest row in tokens
        given: NAME=FILE: scores for recipes that are given theirs; give the flag once for each
        target_dir: the prepared set to resemble, for recipes that take one
        n_items: test rows answered by each training, a stratified sample; 0 measures the held-out loss alone
        n_judged: so many of these answers are compared with the random draw's by a judge, in both orders (--judge_url,
            else the model of --checkpoint_dir); of a pool without tests they are answers to validation rows
        n_loss_rows: rows whose loss is measured: tests where the pool has some, else validation rows, as spoilt as it
        max_new_tokens: longest answer in tokens
        stop_hopeless: after three seeds, train no more for what lies below the random draw beyond doubt (99 %)
    """

    pool: Path
    recipes: list[str] = field(default_factory=list)
    sets: list[Path] = field(default_factory=list)
    baselines: list[str] = field(default_factory=lambda: ["random"])
    budget_tokens: int | None = None
    size: int | None = None
    seeds: int = 5
    training_seeds: int = 1
    steps: int = 25
    checkpoint_dir: Path | None = None
    out_dir: Path = Path("out/comparison")
    prompt_style: str | None = None
    max_seq_length: int = 512
    given: list[str] = field(default_factory=list)
    target_dir: Path | None = None
    n_items: int = 300
    n_judged: int = 0
    n_loss_rows: int = 300
    max_new_tokens: int = 64
    stop_hopeless: bool = False

    def __post_init__(self) -> None:
        for flag in ("training_seeds", "steps", "max_seq_length", "max_new_tokens", "budget_tokens", "size"):
            value = getattr(self, flag)
            _require(value is None or value > 0, flag, value, "a number above 0")
        _require(self.seeds >= LEAST_SEEDS, "seeds", self.seeds, f"{LEAST_SEEDS} or more: one draw tells nothing")
        _require(self.n_loss_rows >= 2, "n_loss_rows", self.n_loss_rows, "2 or more")
        _require(self.n_items == 0 or self.n_items >= 2, "n_items", self.n_items, "2 or more, or 0 for none")
        _require(self.n_judged == 0 or self.n_judged >= 2, "n_judged", self.n_judged, "2 or more, or 0 for none")
        _require(self.n_judged <= self.n_items, "n_judged", self.n_judged, f"at most --n_items {self.n_items}")
        _require(self.budget_tokens is None or self.size is None, "size", self.size, "tokens or rows, not both")
        for name in self.baselines:
            if name not in BASELINES:
                do = suggestion(name, BASELINES) or "leave it out"
                raise UserError(f"--baselines {name}", f"some of {', '.join(BASELINES)}", do)
        check_style_name(self.prompt_style)

    @property
    def base(self) -> Path:
        """--checkpoint_dir; UserError where none is named."""
        if self.checkpoint_dir is None:
            raise UserError("no --checkpoint_dir", "the base model that all are trained from", "pass --checkpoint_dir")
        return self.checkpoint_dir


def _require(condition: bool, flag: str, value: object, expected: str) -> None:
    if not condition:
        raise UserError(f"--{flag} {value}", expected, f"correct --{flag}")
