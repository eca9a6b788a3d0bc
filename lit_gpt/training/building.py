"""What trains, and where: the base model changed by the method, with the techniques on it and its loss, and an
optimizer over what changes."""

from collections.abc import Sequence
from typing import Literal

import torch

from lit_gpt.checkpoint import load_model
from lit_gpt.compiled_kernels import keep_few_kernels
from lit_gpt.quantized import n_quantized
from lit_gpt.seeds import derive_seed
from lit_gpt.trained import copy_into, count_numbers, trainable_parameters
from lit_gpt.training.fabric import Fabric, Logger
from lit_gpt.training.loss import SummedLoss
from lit_gpt.training.optimizers import make_optimizer
from lit_gpt.training.plan import Plan
from lit_gpt.training.resume import SavedState, restore_optimizer
from lit_gpt.training.techniques import add_techniques, require_possible


def fabric_of(plan: Plan, loggers: Sequence[Logger] = ()) -> Fabric:
    """Where it trains, and in which numbers; UserError where the techniques asked for cannot be.

    bf16-true is no business of Fabric's: the base is loaded so, while adapters stay in fp32.
    """
    mixed: Literal["bf16-mixed", "32-true"] = "bf16-mixed" if plan.precision == "bf16-mixed" else "32-true"
    fabric = Fabric(accelerator=plan.settings.device, devices=1, precision=mixed, loggers=list(loggers))
    require_possible(plan.techniques, fabric.device.type, plan.precision)
    if fabric.device.type == "cpu":
        keep_few_kernels()
    return fabric


def build(plan: Plan, saved: SavedState | None, device: torch.device) -> tuple[SummedLoss, torch.optim.Optimizer]:
    """The model in its loss, and its optimizer; as saved, if there was a state."""
    model = load_model(plan.checkpoint_dir, plan.base_dtype, device, plan.settings.quantize)
    plan.method.build(model, derive_seed(plan.settings.seed, "initialisation"), plan.checkpoint_dir)
    loss = add_techniques(model, plan.techniques)
    trainable = trainable_parameters(model)
    n_parameters = count_numbers(model.parameters()) + n_quantized(model)
    plan.describe(count_numbers(trainable.values()), n_parameters, device)
    optimizer = make_optimizer(trainable.values(), plan.schedule.settings)
    if saved is not None:
        copy_into(trainable, saved.trained)
        restore_optimizer(optimizer, trainable, saved.optimizer)
    return loss, optimizer
