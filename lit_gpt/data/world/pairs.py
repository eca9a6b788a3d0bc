"""Pairs of a right and a wrong answer to the same problem, for a preference head: no row of a pool among them.

The wrong answer is the right one of another problem of the same kind and level. So a head trained on pairs has seen
wrong answers, and nothing of what else may spoil a pool: it knows neither its defects nor its labels.
"""

from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import count
from random import Random

from lit_gpt.data.world.row import Row, train_row
from lit_gpt.example import Example, Provenance
from lit_gpt.seeds import derive_seed

MOST_TRIES = 20  # some problems have few answers


def preference_pairs(seed: int, n_pairs: int, avoided_prompts: Collection[str]) -> Iterator[tuple[Example, Example]]:
    """(better, worse) with training prompts that are none of those to avoid (texts of first requests)."""
    n_made = 0
    for number in count():
        if n_made == n_pairs:
            return
        row = train_row(derive_seed(seed, "pairs"), number, 0.0, is_final=False)
        worse = _wrong(row, number, seed)
        if worse is not None and row.messages[0].content not in avoided_prompts:
            n_made += 1
            yield _example(row, number, "better"), _example(worse, number, "worse")


def _wrong(row: Row, number: int, seed: int) -> Row | None:
    draw = Random(derive_seed(seed, "worse", number))  # noqa: S311 (no secret is drawn)
    answers = (row.kind.make(draw, row.level).answer for _ in range(MOST_TRIES))
    wrong = next((answer for answer in answers if answer != row.answer), None)
    return None if wrong is None else replace(row, answer=wrong)


def _example(row: Row, number: int, which: str) -> Example:
    provenance = Provenance("world-pairs", "", number, "Apache-2.0", "program")
    return Example(f"pair-{number}-{which}", row.messages, provenance, row.kind.name)
