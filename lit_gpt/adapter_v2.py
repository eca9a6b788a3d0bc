"""LLaMA-Adapter V2: beside the prompts, train every norm, and a scale and a bias of every linear (Gao et al. 2023,
arXiv 2304.15010, section 3.1).

    y = s (W x + b)          s (out,) starts at one, b (out,) at zero, so training starts at the base

These numbers are kept in fp32 whatever the base's dtype: in bf16 most of their updates would be rounded away. Linears
and norms are replaced by modules that hold them. Not covered: the paper's images, its early fusion.
"""

from typing import cast

import torch
from torch import Tensor, nn

from lit_gpt.lora import linears
from lit_gpt.lora_layers import Linear
from lit_gpt.model import GPT, RMSNorm

Norm = RMSNorm | nn.LayerNorm


class ScaledLinear(nn.Module):
    """A frozen linear, quantised or not, whose output is shifted and scaled."""

    def __init__(self, linear: Linear) -> None:
        super().__init__()
        self.linear = linear
        self.scale = nn.Parameter(torch.ones(linear.out_features, dtype=torch.float32, device="cpu"))
        self.bias = nn.Parameter(torch.zeros(linear.out_features, dtype=torch.float32, device="cpu"))

    def forward(self, x: Tensor) -> Tensor:
        y = self.linear(x)
        return (self.scale * (y + self.bias)).to(y.dtype)


class TrainedNorm(nn.Module):
    """A norm in fp32 between activations of any dtype."""

    def __init__(self, norm: Norm) -> None:
        super().__init__()
        self.norm = norm.float().requires_grad_(True)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x.float()).to(x.dtype)


def unlock(model: GPT) -> None:
    """Replace every linear, the head's too, and every norm by one of these."""
    norms = [name for name, module in model.named_modules() if isinstance(module, Norm)]
    for name, linear in linears(model).items():
        _replace(model, name, ScaledLinear(linear))
    for name in norms:
        _replace(model, name, TrainedNorm(cast(Norm, model.get_submodule(name))))


def _replace(model: GPT, name: str, module: nn.Module) -> None:
    training = model.get_submodule(name).training
    model.set_submodule(name, module.to(model.transformer.wte.weight.device).train(training))
