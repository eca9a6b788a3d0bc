"""The step's loss is the mean over its target tokens, however the rows are packed and accumulated."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lit_gpt.loading import load
from lit_gpt.model import GPT
from lit_gpt.tokens.loader import count_targets, micro_batches
from lit_gpt.tokens.store import TokenRows
from lit_gpt.training.loss import SummedLoss, summed_loss

CPU = torch.device("cpu")


def rows_of_random_ids(n_rows: int, seed: int) -> TokenRows:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, 60, n_rows)
    ids = rng.integers(3, 500, lengths.sum())
    targets = rng.random(len(ids)) < 0.5
    offsets = np.concatenate([[0], lengths.cumsum()])
    targets[offsets[:-1]] = False  # never the first token
    targets[offsets[1:] - 1] = True  # always some
    return TokenRows(ids.astype(np.uint16), targets.astype(np.uint8), offsets, np.arange(n_rows))


def reference_loss(model: GPT, tokens: TokenRows, rows: list[int]) -> torch.Tensor:
    """Row by row, full logits, one mean over all targets: nothing shared with what is tested but the network."""
    losses = []
    for row in rows:
        ids, is_target = (torch.from_numpy(array.astype(np.int64)) for array in tokens[row])
        logits_TV = model(ids[None])[0, :-1]
        losses.append(F.cross_entropy(logits_TV, ids[1:], reduction="none")[is_target[1:].bool()])
    return torch.cat(losses).mean()


@pytest.mark.parametrize(("block_tokens", "blocks"), [(60, 1), (100, 3), (250, 100)])
def test_packed_and_accumulated_equals_the_mean_of_rows(tiny_base: Path, block_tokens: int, blocks: int) -> None:
    model, _ = load(tiny_base)
    tokens, rows = rows_of_random_ids(20, seed=3), list(range(0, 20, 2))
    expected = reference_loss(model, tokens, rows)
    expected.backward()
    expected_grads = {name: p.grad.clone() for name, p in model.named_parameters()}
    model.zero_grad()
    n_targets, total = count_targets(tokens, rows), 0.0
    for batch in micro_batches(tokens, rows, block_tokens, blocks):
        loss = summed_loss(SummedLoss(model), batch, CPU) / n_targets
        loss.backward()
        total += loss.item()
    assert total == pytest.approx(expected.item(), rel=1e-5)
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, expected_grads[name], rtol=1e-4, atol=1e-6)


def test_a_document_does_not_see_the_one_before(tiny_base: Path) -> None:
    model, _ = load(tiny_base)
    tokens = rows_of_random_ids(6, seed=4)
    (together,) = micro_batches(tokens, [1, 2], 200, 1)
    alone = [next(micro_batches(tokens, [row], 200, 1)) for row in (1, 2)]
    assert summed_loss(SummedLoss(model), together, CPU).item() == pytest.approx(
        sum(summed_loss(SummedLoss(model), batch, CPU).item() for batch in alone), rel=1e-5
    )
