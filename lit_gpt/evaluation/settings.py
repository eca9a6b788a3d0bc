"""The settings of an evaluation: typed, frozen, checked at birth, and importable without torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lit_gpt.errors import UserError
from lit_gpt.prompt_styles import check_style_name

Method = Literal["model", "constant", "copy-nearest"]


@dataclass(frozen=True)
class EvaluationSettings:
    """Who answers, and which questions.

    Args:
        checkpoint_dir: the base model; the default is the only one under checkpoints/
        adapter_dir: an adapter for it, such as out/lora/lima/best
        data_dir: the prepared data set; the default is the only one under data/
        split: test, validation or train
        labels_dir: a table of groups and levels; the default is <data_dir>-labels, where that exists
        n_items: answer a stratified sample of so many rows; the default is all of them
        max_new_tokens: longest answer in tokens; one that is cut there is marked and counted
        method: the model, or a baseline without one: constant (the most frequent training answer of that kind of task)
            or copy-nearest (the answer to the most similar training prompt)
        out_dir: where the results lie; the default is a folder of its own under out/eval
        prompt_style: alpaca, chat, raw, template or a family's; the default is what the model was trained with, else
            the checkpoint's own, else alpaca
        batch_size: prompts answered at once: the memory knob
        dtype: the model's numbers
        device: auto, cpu, cuda or mps
        seed: decides which rows a sample holds
    """

    checkpoint_dir: Path | None = None
    adapter_dir: Path | None = None
    data_dir: Path | None = None
    split: str = "test"
    labels_dir: Path | None = None
    n_items: int | None = None
    max_new_tokens: int = 48
    method: Method = "model"
    out_dir: Path | None = None
    prompt_style: str | None = None
    batch_size: int = 64
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    seed: int = 1234

    def __post_init__(self) -> None:
        for flag in ("n_items", "max_new_tokens", "batch_size"):
            value = getattr(self, flag)
            if value is not None and value < 1:
                raise UserError(f"--{flag} {value}", "a number above 0", f"correct --{flag}")
        if self.out_dir is not None and self.out_dir.name in ("", ".."):
            expected = "a folder with a name, which is written whole and takes its place"
            raise UserError(f"--out_dir {self.out_dir}", expected, "name a new one, such as out/eval/mine")
        check_style_name(self.prompt_style)

    @property
    def named_data_dir(self) -> Path:
        """--data_dir; UserError where none is named."""
        return _named("data_dir", self.data_dir, "a prepared data set")

    @property
    def named_checkpoint_dir(self) -> Path:
        """--checkpoint_dir; UserError where none is named."""
        return _named("checkpoint_dir", self.checkpoint_dir, "the model that answers")


def _named(flag: str, path: Path | None, expected: str) -> Path:
    if path is None:
        raise UserError(f"no --{flag}", expected, f"pass --{flag}")
    return path
