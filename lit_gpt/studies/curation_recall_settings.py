"""The settings of the study of what curation finds, importable without torch."""

from dataclasses import dataclass
from pathlib import Path

from lit_gpt.errors import UserError


@dataclass(frozen=True)
class RecallSettings:
    """Which pools, read by which model.

    Args:
        out_dir: where pools, scores and results.json go; what is there already is not done again
        checkpoint_dir: the model that scorers ask
        recipes_dir: the recipes that are judged
        n_rows: rows of a pool
        seeds: how many pools and draws, from seed 0
        kept_share: of a pool's rows that each recipe keeps, if it chooses
        n_targets: sound rows of another world that targeted recipes are given
        n_tests: test items, for the accuracy of each kind of task
        learn_steps: steps of the short finetuning behind learnability, influence and accuracies, of 16 rows each
        n_finetunes: short finetunes, on samples of a further pool, that the rule is fitted to
    """

    out_dir: Path = Path("out/curation_recall")
    checkpoint_dir: Path = Path("assets/tiny_base")
    recipes_dir: Path = Path("configs/curate")
    n_rows: int = 1_500
    seeds: int = 3
    kept_share: float = 0.25
    n_targets: int = 400
    n_tests: int = 300
    learn_steps: int = 40
    n_finetunes: int = 24

    def __post_init__(self) -> None:
        for flag in ("n_rows", "seeds", "n_targets", "n_tests", "learn_steps", "n_finetunes"):
            if getattr(self, flag) < 1:
                raise UserError(f"--{flag} {getattr(self, flag)}", "a number above 0", f"correct --{flag}")
        if not 0 < self.kept_share < 1:
            raise UserError(f"--kept_share {self.kept_share}", "a share between 0 and 1", "correct --kept_share")
