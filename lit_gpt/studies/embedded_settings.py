"""The settings of the study of the embedded default, importable without torch."""

from dataclasses import dataclass
from pathlib import Path

from lit_gpt.errors import UserError


@dataclass(frozen=True)
class StudySettings:
    """What is measured, on how many seeds.

    Args:
        out_dir: where runs, evaluations and results.json go; what is there already is not done again
        checkpoint_dir: the base model
        n_rows: rows of each training world
        n_seeds: trainings of which before and after are compared
        n_pool_rows: rows of each pool
        n_tokens: training tokens drawn from each pool, twice: from its sound rows alone, and from all
        n_pool_seeds: pools, one for each seed
        n_test: tests of every world
        n_indicator_rows: rows of the first pool whose indicators are looked at
    """

    out_dir: Path = Path("out/embedded_default")
    checkpoint_dir: Path = Path("assets/tiny_base")
    n_rows: int = 4_000
    n_seeds: int = 3
    n_pool_rows: int = 6_000
    n_tokens: int = 60_000
    n_pool_seeds: int = 6
    n_test: int = 1_200
    n_indicator_rows: int = 6_000

    def __post_init__(self) -> None:
        for flag in ("n_rows", "n_seeds", "n_pool_rows", "n_tokens", "n_pool_seeds", "n_test", "n_indicator_rows"):
            if getattr(self, flag) < 1:
                raise UserError(f"--{flag} {getattr(self, flag)}", "a number above 0", f"correct --{flag}")
