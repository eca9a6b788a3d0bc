"""The base's start: what stands in the context is copied before anything is learnt."""

import torch

from lit_gpt.hf_config import config_from_hf
from lit_gpt.model import GPT
from lit_gpt.random_base import HF_CONFIG
from lit_gpt.studies.induction_start import start_with_induction
from lit_gpt.studies.tiny_base import SHAPE, VOCAB_SIZE


def share_copied(model: GPT, seed: int) -> float:
    """How often the token that comes again is followed by the one that followed it before."""
    first_BT = torch.randint(VOCAB_SIZE, (2, 150), generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        likeliest_BT = model(torch.cat((first_BT, first_BT), dim=1))[:, 150:-1].argmax(-1)
    return (likeliest_BT == first_BT[:, 1:]).float().mean().item()


def test_the_start_copies_what_it_has_read_before() -> None:
    model = GPT(config_from_hf({**HF_CONFIG, **SHAPE, "vocab_size": VOCAB_SIZE}))
    assert share_copied(model, 0) < 0.02
    for seed in (0, 1):
        start_with_induction(model, seed)
        assert share_copied(model, seed) > 0.6


def test_the_same_seed_gives_the_same_start() -> None:
    models = [GPT(config_from_hf({**HF_CONFIG, **SHAPE, "vocab_size": VOCAB_SIZE})) for _ in range(2)]
    for model in models:
        start_with_induction(model, 3)
    ours, theirs = (model.state_dict() for model in models)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
