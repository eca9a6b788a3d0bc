"""The names of the orders, light enough to be imported before parsing a command line. What they mean: ordering.py."""

from typing import Literal

Kind = Literal[
    "shuffled",
    "stored",
    "grouped",
    "interleaved",
    "short_to_long",
    "long_to_short",
    "easy_to_hard",
    "hard_to_easy",
    "specialised_first",
]
BY_LENGTH: tuple[Kind, ...] = ("short_to_long", "long_to_short")
BY_SCORE: tuple[Kind, ...] = ("easy_to_hard", "hard_to_easy")
BY_GROUP: tuple[Kind, ...] = ("grouped", "interleaved")
FALLING: tuple[Kind, ...] = ("long_to_short", "hard_to_easy")
