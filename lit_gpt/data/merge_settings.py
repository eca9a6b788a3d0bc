"""What goes into a merged set: settings light enough to be imported before parsing a command line."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lit_gpt.errors import UserError

Mix = Literal["all", "rows", "tokens", "temperature"]


@dataclass(frozen=True, kw_only=True)
class MergeSettings:
    """Merging prepared data sets.

    Args:
        sources: prepared data sets, by their name under data/ or as folders, in order: of equal rows the first stays
        weights: one number a source, what it contributes in proportion; the default is what each source has
        repeat: one number a source, how often each of its rows may be taken; without a mixture, is taken
        mix: all takes everything; rows, tokens and temperature mix by weights of rows, of tokens, or by sizes to the
            power 1/temperature; the default is tokens with --budget_tokens, else rows with --weights, else all
        temperature: 1 keeps the sources' natural shares, larger values even them out
        budget_tokens: tokens of the mixture as the checkpoint's tokenizer counts them; needs --checkpoint_dir
        budget_rows: rows of the mixture
        near_duplicate_threshold: training rows so similar to a validation row are dropped, up to 1; 0 keeps all
        destination_path: the folder of the merged set
        seed: decides which rows are held out and which are drawn
        val_split_fraction: share of the rows held out, by a hash of their content, whatever side their set had them on
    """

    sources: list[str] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    repeat: list[int] = field(default_factory=list)
    mix: Mix | None = None
    temperature: float | None = None
    budget_tokens: int | None = None
    budget_rows: int | None = None
    near_duplicate_threshold: float = 0.8
    destination_path: Path = Path("data/merged")
    seed: int = 42
    val_split_fraction: float = 0.1

    def __post_init__(self) -> None:
        _require(bool(self.sources), "sources", self.sources, "at least one prepared data set")
        for flag, least in (("weights", 0.0), ("repeat", 1)):
            given = getattr(self, flag)
            fits = not given or (len(given) == len(self.sources) and all(each >= least for each in given))
            _require(fits, flag, given, f"one number a source, {least} or more")
        _require(not self.weights or sum(self.weights) > 0, "weights", self.weights, "one of them above 0")
        for flag in ("budget_tokens", "budget_rows", "temperature"):
            value = getattr(self, flag)
            _require(value is None or value > 0, flag, value, "a number above 0")
        _require(0 <= self.val_split_fraction < 1, "val_split_fraction", self.val_split_fraction, "0 to below 1")
        threshold = self.near_duplicate_threshold
        _require(0 <= threshold <= 1, "near_duplicate_threshold", threshold, "0 to 1, and 0 for none")
        self._check_mixture()

    def _check_mixture(self) -> None:
        by_temperature = self.mixture == "temperature"
        _require(by_temperature == (self.temperature is not None), "temperature", self.temperature, _WITH)
        _require(not (by_temperature and self.weights), "weights", self.weights, "none with --mix temperature")
        takes_all = self.mixture == "all"
        _require(not (takes_all and self.weights), "weights", self.weights, "none with --mix all")
        for flag in ("budget_rows", "budget_tokens"):
            _require(not (takes_all and getattr(self, flag)), flag, getattr(self, flag), "none with --mix all")
        both = self.budget_rows is not None and self.budget_tokens is not None
        _require(not both, "budget_rows", self.budget_rows, "one budget, of rows or of tokens")
        by_tokens = self.mixture == "tokens" and self.budget_rows is not None
        _require(not by_tokens, "budget_rows", self.budget_rows, "--budget_tokens with --mix tokens")

    @property
    def mixture(self) -> Mix:
        """--mix, or what the other settings ask for."""
        if self.mix is not None:
            return self.mix
        if self.temperature is not None:
            return "temperature"
        if self.budget_tokens is not None:
            return "tokens"
        return "rows" if self.weights or self.budget_rows is not None else "all"

    @property
    def needs_tokens(self) -> bool:
        return self.mixture == "tokens" or self.budget_tokens is not None


_WITH = "a number above 0 with --mix temperature, and only there"


def _require(condition: bool, flag: str, value: object, expected: str) -> None:
    if not condition:
        raise UserError(f"--{flag} {value}", expected, f"correct --{flag}")
