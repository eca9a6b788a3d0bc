"""NEFTune against Transformers' hook, row by row and packed; and that it sleeps in evaluation."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from transformers.integrations import neftune

from lit_gpt.checkpoint import load_model
from lit_gpt.model import GPT
from lit_gpt.neftune import add_noise
from tests.tiny import save_checkpoint

ALPHA = 5.0
IDS_BT = torch.tensor([[3, 1, 4, 1, 5, 9], [2, 6, 5, 3, 5, 8]])


@pytest.fixture
def model(tmp_path: Path) -> GPT:
    save_checkpoint(tmp_path, "llama")
    model = load_model(tmp_path)
    add_noise(model, ALPHA)
    return model


def embedded(model: GPT, ids_BT: torch.Tensor, **settings: object) -> torch.Tensor:
    """What the first block is given."""
    seen: list[torch.Tensor] = []
    hook = model.transformer.h[0].register_forward_pre_hook(lambda block, args: seen.append(args[0]))
    torch.manual_seed(7)
    model(ids_BT, **settings)
    hook.remove()
    return seen[0]


def test_equals_transformers(model: GPT) -> None:
    plain_BTC = torch.nn.functional.embedding(IDS_BT, model.transformer.wte.weight)
    theirs = SimpleNamespace(training=True, neftune_noise_alpha=torch.tensor(ALPHA))
    torch.manual_seed(7)
    expected_BTC = neftune.neftune_post_forward_hook(theirs, None, plain_BTC)
    torch.testing.assert_close(embedded(model.train(), IDS_BT), expected_BTC)
    assert not torch.equal(expected_BTC, plain_BTC)


def test_a_packed_document_has_the_noise_of_its_own_length(model: GPT) -> None:
    plain_BTC = torch.nn.functional.embedding(IDS_BT.view(1, -1), model.transformer.wte.weight)
    noise_BTC = embedded(model.train(), IDS_BT.view(1, -1), doc_lengths=[2, 10]) - plain_BTC
    for length, part in zip((2, 10), noise_BTC.split([2, 10], dim=1), strict=True):
        bound = ALPHA / (length * 48) ** 0.5
        assert 0.9 * bound < part.abs().max() <= bound


def test_it_sleeps_in_evaluation(model: GPT) -> None:
    first, second = (model.eval()(IDS_BT) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(model.train()(IDS_BT), first)
