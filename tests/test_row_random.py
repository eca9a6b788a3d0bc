"""A row's random numbers are its own: whatever it is computed with, in whatever pieces, however often."""

import itertools

import pytest
import torch
from torch import Tensor

from lit_gpt.row_random import RowDropout, Rows, drawing_for, keep_mask

KEYS, LENGTHS, TARGETS = [11, 22, 33], [40, 7, 60], [30, 0, 59]
WIDTH = 16


def rows(*numbers: int) -> Rows:
    return Rows(*([column[n] for n in numbers] for column in (KEYS, LENGTHS, TARGETS)))


def mask(of: Rows, n: int, place: int = 5) -> Tensor:
    with drawing_for(of):
        return keep_mask(torch.ones(n, WIDTH), 0.3, place)


def test_a_row_keeps_the_same_numbers_in_any_company() -> None:
    alone = [mask(rows(n), LENGTHS[n]) for n in range(3)]
    for order in itertools.permutations(range(3)):
        together = mask(rows(*order), sum(LENGTHS)).split([LENGTHS[n] for n in order])
        for n, part in zip(order, together, strict=True):
            assert torch.equal(part, alone[n])


def test_rows_and_places_differ_and_the_share_is_right() -> None:
    whole = mask(Rows([1, 2], [3000, 3000], [0, 0]), 6000)
    first, second = whole.split(3000)
    assert abs(whole.float().mean().item() - 0.7) < 0.01  # 6 standard deviations
    for other in (second, mask(Rows([1, 2], [3000, 3000], [0, 0]), 6000, place=6)[:3000]):
        assert abs((first == other).float().mean().item() - 0.58) < 0.015  # independent: 0.7² + 0.3²


def test_a_second_pass_draws_the_same() -> None:
    with drawing_for(rows(0, 1, 2)):
        first, again = (keep_mask(torch.ones(107, WIDTH), 0.3, 5) for _ in range(2))
    assert torch.equal(first, again)


@pytest.mark.parametrize("n_at_once", [1, 13, 30, 88, 89])
def test_what_the_head_reads_in_pieces_is_what_it_reads_at_once(n_at_once: int) -> None:
    alone = torch.cat([mask(rows(n), TARGETS[n]) for n in (0, 2)])
    with drawing_for(rows(0, 1, 2)):
        for _ in range(2):  # a second micro-batch's worth starts over
            pieces = [keep_mask(torch.ones(len(x), WIDTH), 0.3, 5) for x in torch.ones(89, 1).split(n_at_once)]
            assert torch.equal(torch.cat(pieces), alone)


def test_outside_it_is_torchs_dropout() -> None:
    x = torch.randn(50, WIDTH)
    dropout = RowDropout(0.3)
    torch.manual_seed(3)
    ours = dropout(x)
    torch.manual_seed(3)
    kept = torch.empty(50, WIDTH, dtype=torch.bool).bernoulli_(0.7)
    torch.testing.assert_close(ours, torch.where(kept, x / 0.7, 0.0))
    assert dropout.eval()(x) is x
