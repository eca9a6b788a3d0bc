"""Which side of the split a row is on: a function of the seed and of what the row says, and of nothing else.

So a row stays where it is when others are added or taken out, and copies of a row are all on one side.
"""

from typing import Literal

from lit_gpt.seeds import derive_seed

Split = Literal["train", "validation", "test"]

SEED_RANGE = 1 << 63  # of derive_seed


def is_validation(content_hash: str, seed: int, fraction: float) -> bool:
    """Whether the row is held out, which is so for about `fraction` of all rows."""
    return derive_seed("split", seed, content_hash) < fraction * SEED_RANGE
