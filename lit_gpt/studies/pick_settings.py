"""The settings of choosing an epoch by its answers, importable without torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lit_gpt.errors import UserError


@dataclass(frozen=True)
class PickSettings:
    """Which epoch of a run is the one to keep.

    Args:
        run_dir: a run with --keep_epochs, such as out/full/lima
        by: exact_match takes the epoch with most answers that are the expected ones letter for letter, of equal ones
            the earliest; people writes the sheet and leaves the choice to --pick_epoch; auto is exact_match where every
            expected answer was written by a program or is a line of at most 5 words, else people
        pick_epoch: the epoch that was chosen by hand
        n_items: held-out prompts, the same ones for every epoch
        max_new_tokens: longest answer in tokens
        batch_size: prompts answered at once: the memory knob
        dtype: the model's numbers
        device: auto, cpu, cuda or mps
    """

    run_dir: Path
    by: Literal["auto", "people", "exact_match"] = "auto"
    pick_epoch: int | None = None
    n_items: int = 50
    max_new_tokens: int = 256
    batch_size: int = 64
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"

    def __post_init__(self) -> None:
        for flag in ("pick_epoch", "n_items", "max_new_tokens", "batch_size"):
            value = getattr(self, flag)
            if value is not None and value < 1:
                raise UserError(f"--{flag} {value}", "a number above 0", f"correct --{flag}")
        if self.pick_epoch is not None and self.by == "exact_match":
            raise UserError("--pick_epoch with --by exact_match", "one who chooses", "leave one of them out")
