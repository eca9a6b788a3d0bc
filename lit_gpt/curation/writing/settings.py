"""What is written, from what, and under whose rules: settings light enough to be imported before parsing."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lit_gpt.errors import UserError

Method = Literal["lift", "evol", "humpback", "self-instruct"]


@dataclass(frozen=True, kw_only=True)
class ExpandSettings:
    """Rows that a language model writes from those of a prepared set.

    Args:
        data_dir: the prepared set to begin with; of humpback its answers are the texts, of self-instruct the seeds
        method: lift and evol rewrite prompts and answer them, humpback finds a prompt for each answer, self-instruct
            makes new prompts in the manner of the seeds and answers them
        setting: how lift rewrites, for prompts in plain language (nlu) or about programs (code)
        rounds: how often; each round rewrites what the one before wrote; of self-instruct the most batches
        n_rows: take so many rows of the set only, which the seed decides; of self-instruct write so many
        originals: true also writes the rows one began with; the default is true, but for humpback
        out_dir: the folder of the new set; the default is DATA_DIR-METHOD
        seed: decides every draw
        licence: what the written rows are under; the default is what the rows are under from which they were made
        challenge: refuse a model whose text the challenge's rules do not admit: official or strict
        base: the base model that will be trained on it, ORG/NAME, for --challenge
        checkpoint_dir: a model of yours that writes, where there is no --judge_url
        prompt_style: how that model is asked; the default is its own
    """

    data_dir: Path
    method: Method
    setting: Literal["nlu", "code"] = "nlu"
    rounds: int | None = None
    n_rows: int | None = None
    originals: bool | None = None
    out_dir: Path | None = None
    seed: int = 0
    licence: str = ""
    challenge: Literal["official", "strict"] | None = None
    base: str | None = None
    checkpoint_dir: Path | None = None
    prompt_style: str | None = None

    def __post_init__(self) -> None:
        for name in ("rounds", "n_rows"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"--{name} {value}", "1 or more", f"change --{name}")
        if self.base is not None and self.challenge is None:
            raise UserError(f"--base {self.base} without --challenge", "whose rules are meant", "give --challenge")
        if self.method == "humpback" and self.rounds not in (None, 1):
            do = "its rounds are of choosing: see the recipe humpback"
            raise UserError(f"--rounds {self.rounds} of humpback", "a prompt for each text, once", do)

    @property
    def n_rounds(self) -> int:
        """As published: LIFT 3 (NLU) and 2 (code) rounds, Evol-Instruct 4; of self-instruct, a bound on batches."""
        if self.rounds is not None:
            return self.rounds
        return {"lift": 3 if self.setting == "nlu" else 2, "evol": 4, "humpback": 1, "self-instruct": 100}[self.method]

    @property
    def keeps_originals(self) -> bool:
        return self.method != "humpback" if self.originals is None else self.originals
