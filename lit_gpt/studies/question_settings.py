"""The settings of the open questions, importable without torch."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lit_gpt.errors import UserError

Question = Literal["order", "merging", "epochs", "stages"]


@dataclass(frozen=True)
class QuestionSettings:
    """Which questions are asked of the instruction world, and on how much of it.

    Args:
        questions: order, merging, epochs and stages
        out_dir: where sets, runs, results.json and table.md go; what is there already is not done again
        checkpoint_dir: the base model
        recipes_dir: where the recipes lie that a question needs
        n_rows: rows of the world
        budget_tokens: of an epoch, the same for every arm
        steps: optimizer steps of an epoch
        seeds: draws and trainings of every arm; of two there is no verdict
        n_test: tests, of every kind alike
        n_loss_rows: test rows whose loss is measured
        n_noise: of a hundred grades of the judge in stages, how many are the opposite of the truth
    """

    questions: list[Question] = field(default_factory=lambda: ["order", "merging", "epochs", "stages"])
    out_dir: Path = Path("out/open_questions")
    checkpoint_dir: Path = Path("assets/tiny_base")
    recipes_dir: Path = Path("configs/curate")
    n_rows: int = 4_000
    budget_tokens: int = 20_000
    steps: int = 20
    seeds: int = 3
    n_test: int = 300
    n_loss_rows: int = 200
    n_noise: int = 10

    def __post_init__(self) -> None:
        for flag, least in (("n_rows", 1), ("budget_tokens", 1), ("steps", 1), ("seeds", 2), ("n_test", 2)):
            if getattr(self, flag) < least:
                raise UserError(f"--{flag} {getattr(self, flag)}", f"{least} or more", f"correct --{flag}")
        if not 0 <= self.n_noise <= 100:
            raise UserError(f"--n_noise {self.n_noise}", "0 to 100", "correct --n_noise")
