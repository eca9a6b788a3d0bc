"""Greedy ids against Transformers' own `generate`: three families, one prompt at a time and in batches."""

import random
from pathlib import Path

import pytest
import torch

from lit_gpt.batched_generation import answer_all
from lit_gpt.checkpoint import load_model
from lit_gpt.generation import generate_ids
from tests.tiny import save_checkpoint

N_NEW = 24
LENGTHS = (1, 2, 5, 5, 9, 17, 30, 33)


@pytest.mark.parametrize("family", ["llama", "gpt_neox", "qwen3", "gemma2"])
def test_greedy_ids_are_those_of_transformers_generate(family: str, tmp_path: Path, record_property) -> None:
    theirs = save_checkpoint(tmp_path, family)
    ours = load_model(tmp_path)
    draw = random.Random(0)
    prompts = [[draw.randrange(3, 101) for _ in range(length)] for length in LENGTHS]
    together = dict(answer_all(ours, prompts, N_NEW, batch_size=5))
    n_alone = n_together = 0
    for number, prompt in enumerate(prompts):
        ids_BT = torch.tensor([prompt])
        made = theirs.generate(
            ids_BT,
            attention_mask=torch.ones_like(ids_BT),
            max_new_tokens=N_NEW,
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
        )
        expected = made[0, len(prompt) :].tolist()
        alone = list(generate_ids(ours, prompt, N_NEW))
        n_alone += sum(a == b for a, b in zip(alone, expected, strict=True))
        n_together += sum(a == b for a, b in zip(together[number].ids, expected, strict=True))
    n_all = len(prompts) * N_NEW
    print(f"generate: {family:9} {n_alone}/{n_all} ids equal one at a time, {n_together}/{n_all} in batches")
    assert n_alone == n_together == n_all
