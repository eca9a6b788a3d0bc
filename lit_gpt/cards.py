"""Models known by name: cards in `model_cards/`, in config.json's own words, so that there is one reader."""

import json
from pathlib import Path
from typing import Any

from lit_gpt.config import Config
from lit_gpt.errors import UserError, suggestion
from lit_gpt.hf_config import config_from_hf

CARDS = Path(__file__).with_name("model_cards")


def config_from_card(name: str) -> Config:
    """The Config of a model known by name, such as `EleutherAI/pythia-70m`; UserError with the nearest name."""
    cards = load_cards()
    if name not in cards:
        do = suggestion(name, cards) or "name one of the cards in lit_gpt/model_cards, or use its config.json"
        raise UserError(f"the model name {name!r}", f"one of {len(cards)} known models", do)
    return config_from_hf(cards[name])


def load_cards() -> dict[str, dict[str, Any]]:
    """Every card's name -> its config.json. Models of a family share the file's `common` settings."""
    cards: dict[str, dict[str, Any]] = {}
    for path in sorted(CARDS.glob("*.json")):
        family = json.loads(path.read_text(encoding="utf-8"))
        for model in family["models"]:
            cards |= {name: {**family["common"], **model["config"]} for name in model["names"]}
    return cards
