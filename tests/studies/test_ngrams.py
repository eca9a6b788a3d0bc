"""N-gram losses against counting by hand, and as proper distributions."""

import math
from collections import Counter

import numpy as np
import pytest

from lit_gpt.studies.ngrams import NGrams
from lit_gpt.tokens.store import TokenRows

VOCAB_SIZE = 7


def token_rows(rows: list[list[int]]) -> TokenRows:
    ids = np.array([id for row in rows for id in row], np.uint16)
    offsets = np.cumsum([0, *map(len, rows)])
    return TokenRows(ids, np.ones(len(ids), np.uint8), offsets, np.arange(len(rows)))


def random_rows(seed: int, n_rows: int = 40) -> list[list[int]]:
    draw = np.random.default_rng(seed)
    return [draw.integers(VOCAB_SIZE, size=draw.integers(2, 9)).tolist() for _ in range(n_rows)]


def probability(train: list[list[int]], order: int, context: list[int], id: int) -> float:
    """Witten-Bell by its recursive definition, over plain dictionaries."""
    if order == 0:
        return 1 / VOCAB_SIZE
    shorter = context[len(context) - order + 1 :] if order > 1 else []
    followers = Counter(
        row[place] for row in train for place in range(order - 1, len(row)) if row[place - order + 1 : place] == shorter
    )
    lower = probability(train, order - 1, context, id)
    if not followers:
        return lower
    return (followers[id] + len(followers) * lower) / (followers.total() + len(followers))


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_the_loss_is_the_definition_s(order: int) -> None:
    train, held_out = random_rows(0), random_rows(1, n_rows=15)
    by_hand = [
        -math.log(probability(train, min(order, place + 1), row[:place], row[place]))
        for row in held_out
        for place in range(1, len(row))
    ]
    assert NGrams(token_rows(train), 5, VOCAB_SIZE).losses(token_rows(held_out))[order] == pytest.approx(
        np.mean(by_hand)
    )


def test_probabilities_of_all_next_ids_sum_to_one() -> None:
    model = NGrams(token_rows(random_rows(2)), 3, VOCAB_SIZE)
    losses = [
        [model.losses(token_rows([[a, b, c]]))[3] for c in range(VOCAB_SIZE)] for a, b in ((0, 1), (3, 3), (6, 2))
    ]
    prefixes = [model.losses(token_rows([[a, b]]))[3] for a, b in ((0, 1), (3, 3), (6, 2))]
    for row, prefix in zip(losses, prefixes, strict=True):
        assert sum(math.exp(prefix - 2 * loss) for loss in row) == pytest.approx(1)  # the mean is over two targets


def test_a_known_text_is_cheaper_than_an_unknown_one() -> None:
    train = [[1, 2, 3, 4]] * 30
    model = NGrams(token_rows(train), 5, VOCAB_SIZE)
    assert model.losses(token_rows([[1, 2, 3, 4]]))[5] < 0.2 < 1.5 < model.losses(token_rows([[1, 4, 2, 5]]))[5]


def test_n_grams_too_large_for_their_codes_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        NGrams(token_rows([[1, 2]]), 5, 50_000)
