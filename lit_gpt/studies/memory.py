"""How much memory loading and training take, by precision, quantisation and activation checkpointing.

Every setting is measured in a process of its own, above what the process held before it loaded the model: the kernel's
high-water mark of resident memory (Linux, proc(5)) on a CPU, the allocator's on a GPU. Two steps of LoRA on every
linear, rank 8, on one row of `n_tokens` tokens; the first loads what is loaded late, the second is the one that counts.
"""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import torch

from lit_gpt.checkpoint import load_model
from lit_gpt.lora import LoraOptions, add_lora
from lit_gpt.progress import share_bar
from lit_gpt.trained import trainable_parameters
from lit_gpt.training.peak_memory import give_back, peak_bytes, start_peak
from lit_gpt.training.settings import RunSettings, ScheduleSettings
from lit_gpt.training.techniques import Techniques, add_techniques

MIB = 1 << 20
TARGETS = ("q", "k", "v", "o", "mlp")
# name -> dtype of what is not quantised, and how the rest is
WEIGHTS: dict[str, tuple[torch.dtype, str | None]] = {
    "fp32": (torch.float32, None),
    "bf16": (torch.bfloat16, None),
    "nf4": (torch.bfloat16, "nf4"),
    "int8": (torch.bfloat16, "int8"),
}


@dataclass(frozen=True)
class Setting:
    """One row of the table."""

    checkpoint_dir: Path
    weights: str
    is_checkpointed: bool
    n_tokens: int
    device: str


@dataclass(frozen=True)
class Peaks:
    """Bytes above the process as it was before."""

    loading: int
    training: int


def measure_memory(checkpoint_dir: Path, n_tokens: int, device: str) -> str:
    """The table for one model, as text; the first row, fp32 without checkpointing, is what the ratios are of."""
    rows = list(product(WEIGHTS, (False, True)))
    found: dict[tuple[str, bool], Peaks] = {}
    bar = share_bar("measuring", 0.0)
    for row in rows:
        setting = Setting(checkpoint_dir, row[0], row[1], n_tokens, device)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
            found[row] = alone.submit(peaks, setting).result()
        bar.update(1 / len(rows))
    bar.close()
    whole = found["fp32", False]
    lines = [f"{'weights':8} {'checkpointing':13} {'loading':>9} {'ratio':>6} {'training':>9} {'ratio':>6}   (MiB)"]
    for (weights, is_checkpointed), peak in found.items():
        loading = f"{peak.loading / MIB:9.1f} {peak.loading / whole.loading:6.2f}"
        training = f"{peak.training / MIB:9.1f} {peak.training / whole.training:6.2f}"
        lines.append(f"{weights:8} {'yes' if is_checkpointed else 'no':13} {loading} {training}")
    return "\n".join(lines)


def peaks(setting: Setting) -> Peaks:
    """Load and train in this process, which should do nothing else."""
    dtype, quantize = WEIGHTS[setting.weights]
    load_model(setting.checkpoint_dir, dtype, setting.device, quantize)  # libraries that are loaded late are no model's
    give_back()
    before = start_peak(setting.device)
    model = load_model(setting.checkpoint_dir, dtype, setting.device, quantize)
    loading = peak_bytes(setting.device) - before
    add_lora(model, LoraOptions(r=8, alpha=16, dropout=0.0, targets=TARGETS), seed=0)
    run = RunSettings(activation_checkpointing=setting.is_checkpointed)
    loss = add_techniques(model, Techniques.of(run, ScheduleSettings()))  # what a run has by default
    optimizer = torch.optim.AdamW(trainable_parameters(model.train()).values())
    ids_BT = torch.arange(setting.n_tokens, device=setting.device)[None] % model.config.vocab_size
    predicting_N = torch.arange(setting.n_tokens - 1, device=setting.device)
    for step in range(2):
        if step:
            start_peak(setting.device)
        (loss(ids_BT, [setting.n_tokens], predicting_N) / len(predicting_N)).backward()
        optimizer.step()
        optimizer.zero_grad()
    return Peaks(loading, peak_bytes(setting.device) - before)
