"""AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101), with its moments where there is room for them.

adamw           torch's; where the weights lie on a CUDA device its fused kernel, one pass without temporary tensors
adamw-offload   the moments lie in the CPU's memory, and the update is computed there: 8 bytes less a weight on the GPU
adamw8bit       the moments are kept in 8 bits (Dettmers et al. 2022, arXiv 2110.02861), by bitsandbytes: 6 less;
                those of tensors below 4,096 numbers stay in 32 bits, as bitsandbytes has it
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw

from lit_gpt.quantized import import_bitsandbytes
from lit_gpt.training.settings import ScheduleSettings


def make_optimizer(parameters: Iterable[nn.Parameter], settings: ScheduleSettings) -> torch.optim.Optimizer:
    betas = (settings.beta1, settings.beta2)
    makers: dict[str, Callable[..., torch.optim.Optimizer]] = {
        "adamw": _adamw,
        "adamw-offload": OffloadedAdamW,
        "adamw8bit": _adamw8bit,
    }
    make = makers[settings.optimizer]
    return make(parameters, lr=settings.learning_rate, betas=betas, weight_decay=settings.weight_decay)


def _adamw(parameters: Iterable[nn.Parameter], **settings: Any) -> torch.optim.Optimizer:
    trained = list(parameters)
    is_fused = bool(trained) and all(parameter.device.type == "cuda" for parameter in trained)
    return torch.optim.AdamW(trained, fused=is_fused or None, **settings)


def _adamw8bit(parameters: Iterable[nn.Parameter], **settings: Any) -> torch.optim.Optimizer:
    optimizer: torch.optim.Optimizer = import_bitsandbytes().optim.AdamW8bit(parameters, **settings)
    return optimizer


class OffloadedAdamW(torch.optim.Optimizer):
    """torch's AdamW, bit for bit on a CPU; weights and gradients visit the CPU one tensor at a time."""

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        betas: tuple[float, float],
        weight_decay: float,
        eps: float = 1e-8,
    ) -> None:
        super().__init__(parameters, {"lr": lr, "betas": betas, "weight_decay": weight_decay, "eps": eps})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, group)

    def _update(self, parameter: nn.Parameter, group: dict[str, Any]) -> None:
        weight, gradient = parameter.detach().to("cpu"), parameter.grad.to("cpu")  # type: ignore[union-attr]
        state = self.state[parameter] = _on_cpu(self.state[parameter]) or _first_state(weight)
        adamw(
            [weight],
            [gradient],
            [state["exp_avg"]],
            [state["exp_avg_sq"]],
            [],
            [state["step"]],
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )
        parameter.copy_(weight)


def _first_state(weight: Tensor) -> dict[str, Tensor]:
    return {"step": torch.tensor(0.0), "exp_avg": torch.zeros_like(weight), "exp_avg_sq": torch.zeros_like(weight)}


def _on_cpu(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.to("cpu") for name, value in state.items()}
