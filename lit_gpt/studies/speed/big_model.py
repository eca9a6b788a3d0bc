"""LoRA steps of a large model of random weights, and how near the device's limit they are: what a GPU is asked.

Rows of the fixture's lengths, packed best-fit into blocks of 2,048 tokens, documents kept apart; LoRA of rank 16 on
every linear; AdamW as a run makes it, fused on CUDA. Nothing is read from a hub: the weights are written by
random_base.py and loaded as any checkpoint is, quantised or not. A step that does not train is refused by its
gradient's norm.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from lit_gpt.checkpoint import load_model
from lit_gpt.document_attention import Way
from lit_gpt.lora import LoraOptions, add_lora
from lit_gpt.model import GPT
from lit_gpt.studies.speed.fixture import PROMPT_SHARE, draw_lengths
from lit_gpt.studies.speed.limit import flop_per_token, matmul_rate, now_s
from lit_gpt.tokens.loader import MicroBatch
from lit_gpt.tokens.pack import pack
from lit_gpt.trained import trainable_parameters
from lit_gpt.training.journal import peak_memory_gib
from lit_gpt.training.loss import SummedLoss, summed_loss
from lit_gpt.training.optimizers import make_optimizer
from lit_gpt.training.settings import Quantization, RunSettings, ScheduleSettings
from lit_gpt.training.techniques import Techniques, add_techniques

BLOCK_TOKENS, RANK = 2048, 16
FIRST_ID = 4  # ids below are control tokens in the fixture


@dataclass(frozen=True)
class Steps:
    """What is measured: `blocks` of 2,048 tokens a step, of which the first `warmup` do not count."""

    blocks: int
    steps: int
    warmup: int
    quantize: Quantization | None
    checkpointing: bool
    attention: Way
    compile: bool


@dataclass(frozen=True)
class Measured:
    tokens_per_s: float
    share_of_limit: float
    peak_gib: float
    grad_norm: float
    losses: list[float]


def measure(checkpoint_dir: Path, steps: Steps, device: str) -> Measured:
    """ValueError for a gradient norm that is not finite and positive."""
    model = load_model(checkpoint_dir, torch.bfloat16, torch.device(device), steps.quantize)
    rate = matmul_rate(model.config, torch.bfloat16, 1 - PROMPT_SHARE, steps.blocks * BLOCK_TOKENS, device)
    loss = prepare(model, steps)
    parameters = list(trainable_parameters(model).values())
    optimizer = make_optimizer(parameters, ScheduleSettings(learning_rate=1e-4))
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
    batches = list(micro_batches(model.config.vocab_size, steps))
    losses, norm, began_s = [], math.nan, now_s(device)
    for number, batch in enumerate(batches):
        if number == steps.warmup:
            began_s = now_s(device)
        value = summed_loss(loss, batch, torch.device(device)) / batch.is_target.sum()
        value.backward()
        norm = float(torch.nn.utils.clip_grad_norm_(parameters, math.inf))
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(value.item())
    took_s = now_s(device) - began_s
    if not (math.isfinite(norm) and norm > 0):
        raise ValueError(f"a gradient norm of {norm}: this was no training")
    counted = batches[steps.warmup :]
    tokens_per_s = sum(len(batch.ids) for batch in counted) / took_s
    lengths = np.concatenate([batch.doc_lengths for batch in counted])
    target_share = float(np.mean([batch.is_target.mean() for batch in counted]))
    flop = flop_per_token(model.config, RANK, float((lengths**2).sum() / lengths.sum()), target_share)
    return Measured(tokens_per_s, tokens_per_s * flop / rate, peak_memory_gib(torch.device(device)), norm, losses)


def prepare(model: GPT, steps: Steps) -> SummedLoss:
    """The model as a run with these settings would have it, and its loss."""
    add_lora(model, LoraOptions(r=RANK, alpha=2 * RANK, dropout=0.0, targets=("q", "k", "v", "o", "mlp")), seed=0)
    settings = RunSettings(
        quantize=steps.quantize,
        activation_checkpointing=steps.checkpointing,
        document_attention=steps.attention,
        compile=steps.compile,
    )
    return add_techniques(model.train(), Techniques.of(settings, ScheduleSettings())).train()


def micro_batches(n_words: int, steps: Steps) -> Iterator[MicroBatch]:
    """`steps` packed micro-batches of random ids; a document's prompt is no target."""
    draw = np.random.default_rng(0)
    lengths = draw_lengths(draw, 20 * steps.steps * steps.blocks)
    full = [block for block in pack(lengths.tolist(), BLOCK_TOKENS) if lengths[block].sum() > 0.95 * BLOCK_TOKENS]
    for number in range(steps.steps):
        chosen = [i for block in full[number * steps.blocks : (number + 1) * steps.blocks] for i in block]
        doc_lengths = lengths[chosen].tolist()
        is_target = np.concatenate([np.arange(n) >= max(1, int(n * PROMPT_SHARE)) for n in doc_lengths])
        yield MicroBatch(draw.integers(FIRST_ID, n_words, len(is_target)), is_target, doc_lengths, chosen)
