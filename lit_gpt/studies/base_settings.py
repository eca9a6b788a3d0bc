"""The settings of the embedded base model's training, importable without torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lit_gpt.errors import UserError


@dataclass(frozen=True)
class BaseSettings:
    """Training the embedded base model.

    Args:
        out_dir: where the finished model goes
        work_dir: documents, random start and run; an interrupted training goes on from there
        n_volumes: texts of 512 tokens to read, each once
        seed: decides documents, order and initialisation
        max_time: stop after HH:MM:SS instead of after the last document
        device: auto, cpu, cuda or mps
    """

    out_dir: Path = Path("assets/tiny_base")
    work_dir: Path = Path("out/tiny_base")
    n_volumes: int = 80_000
    seed: int = 0
    max_time: str | None = None
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"

    def __post_init__(self) -> None:
        if self.n_volumes < 1:
            raise UserError(f"--n_volumes {self.n_volumes}", "a number above 0", "correct --n_volumes")
