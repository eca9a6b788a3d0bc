"""Models known by name: cards in `model_cards/`, in config.json's own words, so that there is one reader.

A file is a family: `common` settings, and its models with theirs. `base` and `tuned` are names on the hub of networks
of one shape. A licence of null is one to look up on the model's page. Whether the NeurIPS LLM Efficiency Challenge
allowed a model as a base is told by its name, in approved.py. Numbers are those of the models' own config.json, but
where these are known to be wrong: Platypus2-70B shares its keys among eight query heads as Llama 2 70B does, and
LLaMA-2-7B-32K reads 32,768 tokens.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lit_gpt.approved import base_verdict
from lit_gpt.config import Config
from lit_gpt.errors import UserError, suggestion
from lit_gpt.hf_config import config_from_hf

CARDS = Path(__file__).with_name("model_cards")


@dataclass(frozen=True)
class Card:
    """A model as the table knows it.

    hf: its config.json
    prompt_style: the format its makers asked it in, one of chat_styles/
    is_approved: the challenge allowed it as a base
    """

    name: str
    hf: dict[str, Any]
    licence: str | None
    is_base: bool
    is_approved: bool
    prompt_style: str | None

    @property
    def config(self) -> Config:
        return config_from_hf(self.hf)


def load_cards() -> dict[str, Card]:
    """Every model's card by its name on the hub."""
    return {card.name: card for path in sorted(CARDS.glob("*.json")) for card in _cards_in(path)}


def find_card(name: str) -> Card:
    """The card of a model such as `EleutherAI/pythia-70m`; UserError with the nearest name."""
    cards = load_cards()
    if name not in cards:
        do = suggestion(name, cards) or "python scripts/list_models.py names them; any other needs its config.json"
        raise UserError(f"the model name {name!r}", f"one of {len(cards)} known models", do)
    return cards[name]


def _cards_in(path: Path) -> Iterator[Card]:
    family = json.loads(path.read_text(encoding="utf-8"))
    for model in family["models"]:
        hf, licence = {**family["common"], **model["config"]}, model.get("licence", family["licence"])
        own_style = model.get("prompt_style")
        for name in model["base"]:
            yield Card(name, hf, licence, True, is_approved=base_verdict(name).is_approved, prompt_style=own_style)
        for name in model["tuned"]:
            yield Card(name, hf, licence, False, is_approved=False, prompt_style=own_style or family["prompt_style"])
