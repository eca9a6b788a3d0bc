"""Who answers and how its words are drawn: the settings that generate/ and chat/ share. Importable without torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lit_gpt.errors import UserError
from lit_gpt.prompt_styles import check_style_name


@dataclass(frozen=True)
class Sampling:
    """How a token is picked: the likeliest (temperature 0), or drawn among the likeliest; checked at birth."""

    temperature: float = 0.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < float("inf"):
            raise UserError(f"temperature {self.temperature}", "0 (greedy) or more", "change --temperature")
        if self.top_k is not None and self.top_k < 1:
            raise UserError(f"top_k {self.top_k}", "at least 1", "change --top_k or leave it out")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise UserError(f"top_p {self.top_p}", "above 0, at most 1", "change --top_p or leave it out")


GREEDY = Sampling()


@dataclass(frozen=True)
class AnswerSettings:
    """Who answers, and how.

    Args:
        checkpoint_dir: the base model; the default is the only one under checkpoints/
        adapter_dir: an adapter for it, such as out/lora/lima/best
        prompt_style: alpaca, chat, raw, template or a family's; the default is what the model was trained with, else
            the checkpoint's own, else what the command's first lines say
        temperature: 0 always takes the likeliest token; higher is wilder
        top_k: draw among the so many likeliest tokens only
        top_p: draw among the likeliest tokens that make up this probability only
        stop: text that ends an answer and is not part of it; or a list of such texts, '["END", "Q:"]'
        seed: the same seed gives the same text
        dtype: the model's numbers
        device: cpu, cuda or mps
    """

    checkpoint_dir: Path | None = None
    adapter_dir: Path | None = None
    prompt_style: str | None = None
    temperature: float = 0.8
    top_k: int | None = 200
    top_p: float | None = None
    stop: list[str] | str = ""
    seed: int = 1234
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    device: Literal["cpu", "cuda", "mps"] = "cpu"

    def __post_init__(self) -> None:
        check_style_name(self.prompt_style)
        _ = self.sampling  # checks the three
        if "" in self.stops:
            raise UserError("an empty text among --stop", "texts that end an answer", "leave it out")

    @property
    def stops(self) -> tuple[str, ...]:
        """The stop strings, empty where there is none."""
        return tuple(self.stop) if isinstance(self.stop, list) else (self.stop,) * bool(self.stop)

    @property
    def sampling(self) -> Sampling:
        return Sampling(self.temperature, self.top_k, self.top_p)
