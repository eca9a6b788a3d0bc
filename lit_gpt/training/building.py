"""What trains: the base model changed by the method, with the techniques on it, and an optimizer over what changes."""

import torch

from lit_gpt.checkpoint import load_model
from lit_gpt.model import GPT
from lit_gpt.quantized import n_quantized
from lit_gpt.seeds import derive_seed
from lit_gpt.trained import copy_into, count_numbers, trainable_parameters
from lit_gpt.training.optimizers import make_optimizer
from lit_gpt.training.plan import Plan
from lit_gpt.training.resume import SavedState, restore_optimizer
from lit_gpt.training.techniques import Techniques, add_techniques


def build(plan: Plan, saved: SavedState | None, device: torch.device) -> tuple[GPT, torch.optim.Optimizer]:
    """The model and its optimizer; as saved, if there was a state."""
    model = load_model(plan.checkpoint_dir, plan.base_dtype, device, plan.settings.quantize)
    plan.method.build(model, derive_seed(plan.settings.seed, "initialisation"), plan.checkpoint_dir)
    add_techniques(model, Techniques.of(plan.settings, plan.schedule.settings))
    trainable = trainable_parameters(model)
    n_parameters = count_numbers(model.parameters()) + n_quantized(model)
    plan.describe(count_numbers(trainable.values()), n_parameters, device)
    optimizer = make_optimizer(trainable.values(), plan.schedule.settings)
    if saved is not None:
        copy_into(trainable, saved.trained)
        restore_optimizer(optimizer, trainable, saved.optimizer)
    return model, optimizer
