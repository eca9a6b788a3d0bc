"""The settings of the study of epochs and rows, importable without torch."""

from dataclasses import dataclass, field
from pathlib import Path

from lit_gpt.errors import UserError


@dataclass(frozen=True)
class EpochsSettings:
    """Few rows often or many rows once: what is trained, and for how long.

    Args:
        out_dir: where runs, evaluations and results.json go; what is there already is not done again
        checkpoint_dir: the base model
        n_rows: sizes of the training set; each is drawn from the largest, whose rows are seen once
        n_seeds: worlds and trainings of each size
        n_test: tests of every world
    """

    out_dir: Path = Path("out/epochs_or_rows")
    checkpoint_dir: Path = Path("assets/tiny_base")
    n_rows: list[int] = field(default_factory=lambda: [128, 512, 2048, 8192])
    n_seeds: int = 1
    n_test: int = 600

    def __post_init__(self) -> None:
        for flag in ("n_seeds", "n_test"):
            if getattr(self, flag) < 1:
                raise UserError(f"--{flag} {getattr(self, flag)}", "a number above 0", f"correct --{flag}")
        if not self.n_rows or any(n < 1 or max(self.n_rows) % n for n in self.n_rows):
            expected = "sizes that the largest is a multiple of"
            raise UserError(f"--n_rows {self.n_rows}", expected, "such as --n_rows 128 512 2048")
