"""The settings of the study of what curation finds, importable without torch."""

from dataclasses import dataclass
from pathlib import Path

from lit_gpt.errors import UserError


@dataclass(frozen=True)
class RecallSettings:
    """Which pool, read by which model.

    Args:
        out_dir: where pool, scores and results.json go; what is there already is not done again
        checkpoint_dir: the model that scorers ask
        n_rows: rows of the pool
        seed: of the pool, and of every draw
        kept_share: of the pool's rows that each method keeps
        n_pairs: preference pairs that the local reward head is fitted to
        n_targets: sound rows, none of them in the pool, that targeted methods are given
        learn_steps: steps of the short finetuning behind learnability and gradient features, of 16 rows each
    """

    out_dir: Path = Path("out/curation_recall")
    checkpoint_dir: Path = Path("assets/tiny_base")
    n_rows: int = 3_000
    seed: int = 0
    kept_share: float = 0.5
    n_pairs: int = 600
    n_targets: int = 100
    learn_steps: int = 40

    def __post_init__(self) -> None:
        for flag in ("n_rows", "n_pairs", "n_targets", "learn_steps"):
            if getattr(self, flag) < 1:
                raise UserError(f"--{flag} {getattr(self, flag)}", "a number above 0", f"correct --{flag}")
        if not 0 < self.kept_share < 1:
            raise UserError(f"--kept_share {self.kept_share}", "a share between 0 and 1", "correct --kept_share")
