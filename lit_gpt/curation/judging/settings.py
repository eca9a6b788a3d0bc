"""Who is asked, how, and for how much money: settings light enough to be imported before parsing a command line."""

from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Literal

from lit_gpt.errors import UserError


@dataclass(frozen=True, kw_only=True)
class JudgeSettings:
    """A language model that judges or writes: behind --judge_url, else the one of --checkpoint_dir.

    Args:
        judge_url: an OpenAI-compatible endpoint, such as http://127.0.0.1:8000/v1; its key is OPENAI_API_KEY in the
            environment
        judge_model: the name by which that endpoint knows the model; it is also who the provenance names
        judge_temperature: 0 always takes the likeliest token; null leaves it to the endpoint
        judge_tokens: the most tokens of a reply
        judge_limit_field: what the endpoint calls that limit
        judge_replies: how a local model grades: choose takes the likeliest of the grades there are, write lets it write
        judge_dtype: a local model's numbers
        judge_device: where a local model computes
        judge_concurrency: calls under way at one time
        judge_tries: times a call is tried that fails (429, 5xx, no or half a reply) before the work stops
        judge_backoff_s: the longest first wait after a failed call; it doubles, up to a minute
        judge_timeout_s: how long a reply may take
        price_in: dollars for a million tokens of prompt
        price_out: dollars for a million tokens of reply
        max_cost: dollars this command may spend; it stops before the call that could exceed them
        dry_run: show what would be asked, how much, at what cost, and three prompts; then stop
        replies_dir: where replies are kept; the default is scores/replies in the data set's folder
    """

    judge_url: str | None = None
    judge_model: str = ""
    judge_temperature: float | None = 0.0
    judge_tokens: int = 512
    judge_limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    judge_replies: Literal["choose", "write"] = "choose"
    judge_dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    judge_device: Literal["cpu", "cuda", "mps"] = "cpu"
    judge_concurrency: int = 8
    judge_tries: int = 10
    judge_backoff_s: float = 0.5
    judge_timeout_s: float = 120.0
    price_in: float | None = None
    price_out: float | None = None
    max_cost: float | None = None
    dry_run: bool = False
    replies_dir: Path | None = None

    def __post_init__(self) -> None:
        for name in ("judge_tokens", "judge_concurrency", "judge_tries"):
            if getattr(self, name) < 1:
                raise UserError(f"--{name} {getattr(self, name)}", "1 or more", f"change --{name}")
        for name in ("judge_temperature", "judge_backoff_s", "judge_timeout_s", "price_in", "price_out", "max_cost"):
            value = getattr(self, name)
            if value is not None and not (isfinite(value) and value >= 0):
                raise UserError(f"--{name} {value}", "a number, 0 or more", f"change --{name}")
        if self.judge_url is not None and not self.judge_model:
            raise UserError("--judge_url without --judge_model", "the name of the model there", "give --judge_model")
        if self.judge_model and self.judge_url is None:
            got = f"--judge_model {self.judge_model} without --judge_url"
            raise UserError(
                got, "the endpoint that serves it", "give --judge_url, or --checkpoint_dir for a model of yours"
            )
        if self.max_cost is not None and self.judge_url is not None and not self.has_prices:
            got = f"--max_cost {self.max_cost} without prices"
            raise UserError(got, "what a million tokens cost", "give --price_in and --price_out")

    @property
    def has_prices(self) -> bool:
        return self.price_in is not None and self.price_out is not None
