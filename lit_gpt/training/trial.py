"""The largest micro-batch of a run, computed once for real on the machine found: its peak memory and its time.

On a CPU the process's memory is measured while freed memory is given back at once, libraries loaded beforehand by a
tiny network: what a run needs. A run of its own keeps freed pages for speed and holds more.
"""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from lit_gpt.checkpoint import load_config, load_model
from lit_gpt.random_base import write_random_weights
from lit_gpt.tokens.loader import MicroBatch
from lit_gpt.trained import trainable_parameters
from lit_gpt.training.building import build, fabric_of
from lit_gpt.training.fabric import Fabric
from lit_gpt.training.loss import SummedLoss, summed_loss
from lit_gpt.training.optimizers import make_optimizer
from lit_gpt.training.peak_memory import give_back, give_back_at_once, peak_bytes, start_peak
from lit_gpt.training.plan import Plan
from lit_gpt.training.techniques import add_techniques

N_STEPS = 2  # AdamW makes its moments in the first


@dataclass(frozen=True)
class Trial:
    """process_bytes is what was held before the model; peak_bytes comes on top. step_s: of the last of the steps."""

    process_bytes: int
    peak_bytes: int
    step_s: float


def try_out(plan: Plan, batch: MicroBatch) -> Trial:
    """Load the model and take optimizer steps of this micro-batch alone; an allocator's refusal is passed on."""
    fabric = fabric_of(plan)
    device = fabric.device.type
    if device == "cpu":
        give_back_at_once()
    _load_libraries(plan, fabric)
    give_back()
    process_bytes = start_peak(device)
    loss, optimizer = build(plan, None, fabric.device)
    step_s = _steps(fabric, loss, optimizer, batch)
    return Trial(process_bytes, peak_bytes(device) - process_bytes, step_s)


def _steps(fabric: Fabric, loss: SummedLoss, optimizer: torch.optim.Optimizer, batch: MicroBatch) -> float:
    setup_loss, setup_optimizer = fabric.setup(loss, optimizer)
    setup_loss.train()
    for _ in range(N_STEPS):
        began_s = time.perf_counter()
        fabric.backward(summed_loss(setup_loss, batch, fabric.device))
        setup_optimizer.step()
        setup_optimizer.zero_grad(set_to_none=True)
        if fabric.device.type == "cuda":
            torch.cuda.synchronize()
    return time.perf_counter() - began_s


def _load_libraries(plan: Plan, fabric: Fabric) -> None:
    """Load a tiny network and take a step with it, so that whatever is loaded late is loaded."""
    plan.seen(1)  # by pyarrow: 40 MB
    with tempfile.TemporaryDirectory() as folder:
        n_words = load_config(plan.checkpoint_dir).padded_vocab_size
        write_random_weights(Path(folder) / "tiny", {"vocab_size": n_words})
        model = load_model(Path(folder) / "tiny", plan.base_dtype, fabric.device, plan.settings.quantize)
    plan.method.build(model, seed=0)
    loss = add_techniques(model, plan.techniques)
    optimizer = make_optimizer(trainable_parameters(model).values(), plan.schedule.settings)
    batch = MicroBatch(np.zeros(64, np.int64), np.arange(64) > 0, [64], [0])
    _steps(fabric, loss, optimizer, batch)
